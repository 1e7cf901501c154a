#!/usr/bin/env bash
# crane, of go-containerregistry.
. "$(dirname "$0")/lib.sh"
needs crane
context
tar -C "$work/context" -cf "$work/layer.tar" payload
app=$OCIFAKE_HOST/app

build() {
	crane append --oci-empty-base -f "$work/layer.tar" -t "$app:built" -o "$work/image.tar"
	crane validate --tarball "$work/image.tar"
}

push() {
	same "the digest that crane prints" "$(crane push "$work/image.tar" "$app:v1")" "$app@$(digest app v1)"
}

tag() {
	crane tag "$app:v1" v2
	same "the digest of v2" "$(digest app v2)" "$(digest app v1)"
}

list() {
	crane ls "$app" | has "the list of tags" v2
	crane catalog "$OCIFAKE_HOST" | has "the catalog" app
}

pull() {
	crane pull --format oci "$app:v1" "$work/pulled"
	same "the digest of what was pulled" "$(jq -r '.manifests[0].digest' "$work/pulled/index.json")" "$(digest app v1)"
	crane validate --remote "$app:v1"
	crane export "$app:v1" - | tar -xO payload >"$work/payload"
	same_file "$work/payload" "$work/context/payload"
}

copy() {
	crane copy "$app:v1" "$OCIFAKE_HOST/copy:v1"
	same "the digest of the copy" "$(digest copy v1)" "$(digest app v1)"
}

delete() {
	crane delete "$OCIFAKE_HOST/copy@$(digest copy v1)"
	gone copy v1
}


run_steps "$@"
