#!/usr/bin/env bash
# cosign 3, with a key pair and without a transparency log.
. "$(dirname "$0")/lib.sh"
needs cosign
export COSIGN_PASSWORD=ocifake COSIGN_YES=true
for tag in signed unsigned; do
	context "$tag"
	layout "$work/layout"
	seed app "$tag" || die "no image in the registry"
	printf -v "$tag" %s "$OCIFAKE_HOST/app@sha256:$(seeded)"
done
cd "$work" || exit
cosign generate-key-pair 2>/dev/null || die "no key pair"
cosign trusted-root create --out trusted.json || die "no trusted root"
cosign signing-config create --out signing.json || die "no signing configuration"
echo '{"passed": true}' >predicate.json
by=(--key cosign.key --signing-config signing.json --trusted-root trusted.json)

sign() {
	local before
	before=$(referrers "$signed")
	cosign sign "${by[@]}" "$signed"
	same "the number of referrers" "$(referrers "$signed")" "$((before + 1))"
}

verify() {
	cosign verify --key cosign.pub --insecure-ignore-tlog "$signed"
	refused cosign verify --key cosign.pub --insecure-ignore-tlog "$unsigned"
}

attach() {
	cosign attest "${by[@]}" --predicate predicate.json --type custom "$signed"
	cosign verify-attestation --key cosign.pub --insecure-ignore-tlog --type custom "$signed"
	refused cosign verify-attestation --key cosign.pub --insecure-ignore-tlog --type custom "$unsigned"
}

discover() {
	same "the number of artifacts in the tree" "$(cosign tree "$signed" | tee -a /dev/stderr | grep -c 'via OCI referrer')" "$(referrers "$signed")"
}

# push is of a file, as an artifact.
push() {
	cosign upload blob -f predicate.json "$OCIFAKE_HOST/file:v1"
	digest file v1
}

copy() {
	cosign copy "$signed" "$OCIFAKE_HOST/copy:v1"
	same "the digest of the copy" "$(digest copy v1)" "${signed#*@}"
	cosign save --dir saved "$signed"
	refused cosign load --dir saved "$OCIFAKE_HOST/loaded:v1" 2>&1 | tee -a /dev/stderr | grep MANIFEST_BLOB_UNKNOWN
	digest loaded "${signed#*@}"
	remark "cosign copy leaves referrers behind, and cosign load pushes them before their blobs, which is refused"
}

delete() {
	cosign clean --force "$signed"
	same "the number of referrers" "$(referrers "$signed")" 0
	refused cosign verify --key cosign.pub --insecure-ignore-tlog "$signed"
}

run_steps "$@"
