#!/usr/bin/env bash
# notation, with a test certificate of its own.
. "$(dirname "$0")/lib.sh"
needs notation
for tag in signed unsigned; do
	context "$tag"
	layout "$work/layout"
	seed app "$tag" || die "no image in the registry"
	printf -v "$tag" %s "$OCIFAKE_HOST/app@sha256:$(seeded)"
done
flags=()
plain && flags=(--insecure-registry)

sign() {
	sign_certificate
	notation sign "${flags[@]}" "$signed"
	same "the number of referrers" "$(referrers "$signed")" 1
}

verify() {
	trust_notation
	notation verify "${flags[@]}" "$signed"
	refused notation verify "${flags[@]}" "$unsigned"
}

discover() {
	same "the number of signatures" "$(notation inspect --output json "${flags[@]}" "$signed" | jq '.Signatures | length')" 1
	notation list "${flags[@]}" "$signed" | has "the list of signatures" '└── application/vnd.cncf.notary.signature'
	notation list "${flags[@]}" "$unsigned" | has "the list of none" "$unsigned has no associated signature"
}

no attach "sign attaches"

run_steps "$@"
