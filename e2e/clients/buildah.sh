#!/usr/bin/env bash
# buildah, without a daemon.
. "$(dirname "$0")/containers.sh"
needs buildah
export BUILDAH_ISOLATION=chroot
app=$OCIFAKE_HOST/app

build() {
	local container
	container=$(buildah from scratch)
	buildah copy "$container" "$work/context/payload" /payload
	buildah commit --rm "$container" "$app:v1"
	buildah build -t "$app:built" "$work/context"
}

push() {
	buildah push --digestfile "$work/digest" "$app:v1"
	same "the digest that buildah prints" "$(cat "$work/digest")" "$(digest app v1)"
	buildah push "$app:built"
	digest app built
}

tag() {
	buildah tag "$app:v1" "$app:v2"
	buildah push "$app:v2"
	same "the digest of v2" "$(digest app v2)" "$(digest app v1)"
}

pull() {
	local container
	buildah rmi -f "$(buildah images -q "$app:v1")"
	buildah pull "$app:v1"
	container=$(buildah from "$app:v1")
	same_file "$(buildah mount "$container")/payload" "$work/context/payload"
	buildah rm "$container"
}

copy() {
	buildah push "$app:v1" "docker://$OCIFAKE_HOST/copy:v1"
	same "the digest of the copy" "$(digest copy v1)" "$(digest app v1)"
}

run_steps "$@"
