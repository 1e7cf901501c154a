#!/usr/bin/env bash
# nerdctl, with a containerd of its own: the newest, not Debian's.
. "$(dirname "$0")/containerd.sh"
needs nerdctl
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

build() {
	tar -C "$work/layout" -cf "$work/image.tar" .
	nerdctl load -i "$work/image.tar"
	nerdctl images --digests
}

run_steps "$@"
