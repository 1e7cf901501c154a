#!/usr/bin/env bash
# skopeo, with an OCI image layout.
. "$(dirname "$0")/containers.sh"
needs skopeo
layout "$work/layout"
app=docker://$OCIFAKE_HOST/app

push() {
	skopeo copy --preserve-digests --digestfile "$work/digest" "oci:$work/layout:v1" "$app:v1"
	same "the digest that skopeo prints" "$(cat "$work/digest")" "$(digest app v1)"
	same "the digest of what was pushed" "$(jq -r '.manifests[0].digest' "$work/layout/index.json")" "$(digest app v1)"
}

tag() {
	skopeo copy "$app:v1" "$app:v2"
	same "the digest of v2" "$(digest app v2)" "$(digest app v1)"
}

list() {
	skopeo list-tags "$app" | jq -r '.Tags[]' | has "the list of tags" v2
	same "the digest that skopeo inspects" "$(skopeo inspect --format '{{.Digest}}' "$app:v1")" "$(digest app v1)"
}

pull() {
	skopeo copy --preserve-digests "$app:v1" "oci:$work/pulled:v1"
	same "the digest of what was pulled" "$(jq -r '.manifests[0].digest' "$work/pulled/index.json")" "$(digest app v1)"
	diff -r "$work/layout/blobs" "$work/pulled/blobs"
}

copy() {
	skopeo sync --src docker --dest docker "${app#docker://}" "$OCIFAKE_HOST/mirror"
	same "the digest of the mirrored v2" "$(digest mirror/app v2)" "$(digest app v1)"
	skopeo copy "$app:v1" "docker://$OCIFAKE_HOST/copy:v1"
	same "the digest of the copy" "$(digest copy v1)" "$(digest app v1)"
}

delete() {
	local sum
	sum=$(digest copy v1)
	skopeo delete "docker://$OCIFAKE_HOST/copy:v1"
	gone copy v1
	gone copy "$sum"
}

no build "it moves images, and makes none"

no sign "Debian's build is without sigstore, and GPG's signatures are kept elsewhere"
no verify "Debian's build is without sigstore, and GPG's signatures are kept elsewhere"

run_steps "$@"
