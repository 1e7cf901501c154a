# What the clients of containerd share: a daemon of their own.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
mkdir -p "$work/hosts/$OCIFAKE_HOST"
printf 'server = "%s"\n[host."%s"]\n' "$OCIFAKE_URL" "$OCIFAKE_URL" >"$work/hosts/$OCIFAKE_HOST/hosts.toml"
export CONTAINERD_ADDRESS=$work/containerd.sock CONTAINERD_NAMESPACE=ocifake CONTAINERD_SNAPSHOTTER=native

# start_containerd starts the containerd that PATH has first.
start_containerd() {
	needs containerd ctr
	cat >"$work/containerd.toml" <<-END
		version = 2
		root = "$work/containerd"
		state = "$work/containerd-state"
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]
		[grpc]
		address = "$CONTAINERD_ADDRESS"
		[[plugins."io.containerd.transfer.v1.local".unpack_config]]
		platform = "linux/amd64"
		snapshotter = "native"
	END
	daemon containerd ctr version -- containerd --config "$work/containerd.toml" --log-level error
}
