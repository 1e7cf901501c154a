#!/usr/bin/env bash
# @sigstore/oci of npm, which attaches attestations to images.
. "$(dirname "$0")/lib.sh"
needs node
npm_packages
context
seed app v1 || die "no image in the registry"

# push attaches a file to the image. It prints the digest of the manifest of the file.
push() { registry GET app "manifests/$(client push "sha256:$(seeded)" "$work/context/payload")" -f; }

pull() {
	same "the digest that it prints" "$(client pull v1 "$work/pulled")" "sha256:$(seeded)"
	same "the digest of the layer" "sha256:$(sha256sum <"$work/pulled" | cut -d' ' -f1)" "$(jq -r '.layers[0].digest' "$work/layout/blobs/sha256/$(seeded)")"
}

client() { node "$here/sigstore.mjs" "$1" "$OCIFAKE_HOST" app "${@:2}"; }

run_steps "$@"
