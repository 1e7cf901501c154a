#!/usr/bin/env bash
# podman, without a daemon.
. "$(dirname "$0")/containers.sh"
needs podman
app=$OCIFAKE_HOST/app

build() { podman build --isolation chroot -t "$app:v1" "$work/context"; }

push() {
	podman push --digestfile "$work/digest" "$app:v1"
	same "the digest that podman prints" "$(cat "$work/digest")" "$(digest app v1)"
	podman manifest create both
	podman manifest add both "docker://$app:v1"
	podman manifest push both "docker://$app:index"
	same "the manifest in the index" "$(registry GET app manifests/index | jq -r '.manifests[0].digest')" "$(digest app v1)"
}

tag() {
	podman tag "$app:v1" "$app:v2"
	podman push "$app:v2"
	same "the digest of v2" "$(digest app v2)" "$(digest app v1)"
}

list() { podman search --list-tags "$app" | awk '{ print $2 }' | has "the list of tags" v2; }

pull() {
	podman images -q "$app:v1" | sort -u | xargs -r podman rmi -f
	podman pull "$app:v1"
	same "the digest that podman has" "$(podman inspect -f '{{index .RepoDigests 0}}' "$app:v1")" "$app@$(digest app v1)"
	same_file "$(podman image mount "$app:v1")/payload" "$work/context/payload"
	podman image unmount -a
}

copy() {
	podman tag "$app:v1" "$OCIFAKE_HOST/copy:v1"
	podman push "$OCIFAKE_HOST/copy:v1"
	same "the digest of the copy" "$(digest copy v1)" "$(digest app v1)"
}

no sign "Debian's build is without sigstore, and GPG's signatures are kept elsewhere"
no verify "Debian's build is without sigstore, and GPG's signatures are kept elsewhere"

run_steps "$@"
