#!/usr/bin/env bash
# nerdctl, with a containerd of its own: the newest, not Debian's.
. "$(dirname "$0")/containerd.sh"
needs nerdctl notation
start_containerd
context
layout "$work/layout"
app=$OCIFAKE_HOST/app
wanted=sha256:$(seeded)
export NERDCTL_TOML=$work/nerdctl.toml
cat >"$NERDCTL_TOML" <<END
address = "$CONTAINERD_ADDRESS"
namespace = "$CONTAINERD_NAMESPACE"
snapshotter = "native"
data_root = "$work/nerdctl"
hosts_dir = ["$work/hosts"]
END

# id prints the digest under which containerd has an image.
id() { nerdctl images --digests --no-trunc --format '{{.Digest}}' "$1"; }

build() {
	jq '.manifests[].annotations["io.containerd.image.name"] = $name' --arg name "$app:v1" "$work/layout/index.json" >"$work/index.json"
	mv "$work/index.json" "$work/layout/index.json"
	tar -C "$work/layout" -cf "$work/image.tar" .
	nerdctl load -i "$work/image.tar"
	same "the digest of the image" "$(id "$app:v1")" "$wanted"
}

push() {
	nerdctl push "$app:v1"
	same "the digest of what was pushed" "$(digest app v1)" "$wanted"
}

tag() {
	nerdctl tag "$app:v1" "$app:v2"
	nerdctl push "$app:v2"
	same "the digest of v2" "$(digest app v2)" "$wanted"
}

pull() {
	nerdctl rmi -f "$app:v1" "$app:v2"
	nerdctl pull "$app:v1"
	same "the digest of what was pulled" "$(id "$app:v1")" "$wanted"
	nerdctl save "$app:v1" | tar -xO "blobs/sha256/$(registry GET app manifests/v1 | jq -r '.layers[0].digest | ltrimstr("sha256:")')" | tar -xzO payload >"$work/payload"
	same_file "$work/payload" "$work/context/payload"
}

# sign and verify call notation, and reach its registry as nerdctl says.
sign() {
	sign_certificate
	nerdctl tag "$app:v1" "$app:signed"
	nerdctl push --sign=notation --notation-key-name ocifake.example "$app:signed"
	same "the number of referrers" "$(referrers "$app@$wanted")" 1
}

verify() {
	trust_notation
	nerdctl pull --verify=notation "$app:signed"
	jq '.config.annotations.unsigned = "yes"' "$work/layout/blobs/sha256/$(seeded)" >"$work/unsigned.json"
	registry PUT app manifests/unsigned -f -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' --data-binary "@$work/unsigned.json"
	refused nerdctl pull --verify=notation "$app:unsigned"
}

copy() {
	nerdctl tag "$app:v1" "$OCIFAKE_HOST/copy:v1"
	nerdctl push "$OCIFAKE_HOST/copy:v1"
	same "the digest of the copy" "$(digest copy v1)" "$wanted"
}

run_steps "$@"
