package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"

	"github.com/ocifake/ocifake/internal/near"
)

// adapter is how an exam runs a client that it knows. The texts are shell scripts, which
// read the variables of "ocifake exam". Actions that a client does not have are empty.
type adapter struct {
	name    string
	program string // that must be in PATH
	needs   string // what else it needs
	version string // prints the version

	setup                                    string // runs before each action
	push, pull, list, copy, referrers, check string
	run                                      string // what the client does if it has no image to push
}

// homeSetup is an empty home directory, so that an exam does not depend on settings of the user,
// and sets $plain, whether the registry is without TLS.
const homeSetup = `export HOME="$TMPDIR/home" XDG_CONFIG_HOME= XDG_DATA_HOME= XDG_CACHE_HOME=
mkdir -p "$HOME"
case $OCIFAKE_URL in https:*) plain=false ;; *) plain=true ;; esac
`

// containersSetup are the settings of the clients of containers/image, with storage of their own. Run
// by root, they keep what they know about blobs, and about the repositories of a registry that have
// them, in one directory whatever their settings: each command has another in its place, so that it
// does not know what a trial on the same port did.
const containersSetup = homeSetup + `mkdir -p "$HOME/.config/containers"
export CONTAINERS_CONF="$HOME/.config/containers/containers.conf" CONTAINERS_STORAGE_CONF="$HOME/.config/containers/storage.conf"
printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n' >"$CONTAINERS_CONF"
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$TMPDIR/graph" "$TMPDIR/run" >"$CONTAINERS_STORAGE_CONF"
printf '{"default": [{"type": "insecureAcceptAnything"}]}' >"$HOME/.config/containers/policy.json"
printf '[[registry]]\nlocation = "%s"\ninsecure = %s\n' "$OCIFAKE_HOST" "$plain" >"$HOME/.config/containers/registries.conf"
blobs=/var/lib/containers/cache
own() { command "$@"; }
if [ "$(id -u)" = 0 ] && mkdir -p "$blobs" "$TMPDIR/blobs" && unshare --mount mount --bind "$TMPDIR/blobs" "$blobs" 2>/dev/null; then
	own() { unshare --mount sh -c 'mount --bind "$0/blobs" "$1" && shift && exec "$@"' "$TMPDIR" "$blobs" "$@"; }
fi
skopeo() { own skopeo "$@"; }
podman() { own podman "$@"; }
buildah() { own buildah "$@"; }
`

// daemonSetup starts $daemon in the background, and waits until $ready succeeds.
const daemonSetup = `$daemon >"$TMPDIR/daemon.log" 2>&1 &
pid=$!
trap 'kill "$pid" && wait "$pid"' EXIT
until $ready >/dev/null 2>&1; do
	kill -0 "$pid" || { cat "$TMPDIR/daemon.log" >&2; exit 125; }
	sleep 0.1
done
`

// dockerSetup is a daemon of docker, for one trial.
const dockerSetup = homeSetup + `export DOCKER_HOST="unix://$XDG_RUNTIME_DIR/docker.sock"
daemon="dockerd --host $DOCKER_HOST --data-root $TMPDIR/data --exec-root $XDG_RUNTIME_DIR/exec --pidfile $XDG_RUNTIME_DIR/pid --storage-driver vfs --bridge none --iptables=false --insecure-registry 127.0.0.0/8"
ready="docker info"
` + daemonSetup

// containerdSetup is a daemon of containerd, for one trial.
const containerdSetup = homeSetup + `export CONTAINERD_ADDRESS="$XDG_RUNTIME_DIR/containerd.sock" CONTAINERD_NAMESPACE=ocifake CONTAINERD_SNAPSHOTTER=native
mkdir -p "$TMPDIR/hosts/$OCIFAKE_HOST"
printf 'server = "%s"\n[host."%s"]\n' "$OCIFAKE_URL" "$OCIFAKE_URL" >"$TMPDIR/hosts/$OCIFAKE_HOST/hosts.toml"
cat >"$TMPDIR/containerd.toml" <<END
version = 2
root = "$TMPDIR/containerd"
state = "$XDG_RUNTIME_DIR/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]
[grpc]
address = "$CONTAINERD_ADDRESS"
END
daemon="containerd --config $TMPDIR/containerd.toml --log-level error"
ready="ctr version"
` + daemonSetup

// ctrFlags are flags of ctr.
const ctrFlags = `--hosts-dir "$TMPDIR/hosts" ${OCIFAKE_USERNAME:+--user "$OCIFAKE_USERNAME:$OCIFAKE_PASSWORD"}`

// nerdctlSetup has the settings of nerdctl.
const nerdctlSetup = containerdSetup + `export NERDCTL_TOML="$TMPDIR/nerdctl.toml"
printf 'address = "%s"\nnamespace = "ocifake"\nsnapshotter = "native"\ndata_root = "%s"\nhosts_dir = ["%s"]\n' "$CONTAINERD_ADDRESS" "$TMPDIR/nerdctl" "$TMPDIR/hosts" >"$NERDCTL_TOML"
`

// adapters are the clients that an exam knows.
var adapters = []adapter{
	{
		name: "crane", program: "crane", version: `crane version`, setup: homeSetup,
		push: `crane push "$OCIFAKE_DIR/layout" "$OCIFAKE_IMAGE"`,
		pull: `crane pull --format oci "$OCIFAKE_IMAGE" "$OCIFAKE_DIR/image"`,
		list: `crane ls "$OCIFAKE_IMAGE"`,
		copy: `crane copy "$OCIFAKE_IMAGE" "$OCIFAKE_TARGET"`,
	},
	{
		name: "oras", program: "oras", version: `oras version | sed -n 's/^Version: *//p'`, setup: homeSetup,
		push:      `oras copy --from-oci-layout --to-plain-http="$plain" "$OCIFAKE_DIR/layout:v1" "$OCIFAKE_IMAGE"`,
		pull:      `oras copy --from-plain-http="$plain" --to-oci-layout "$OCIFAKE_IMAGE" "$OCIFAKE_DIR/image:v1"`,
		list:      `oras repo tags --plain-http="$plain" "$OCIFAKE_IMAGE"`,
		copy:      `oras copy --from-plain-http="$plain" --to-plain-http="$plain" "$OCIFAKE_IMAGE" "$OCIFAKE_TARGET"`,
		referrers: `oras discover --plain-http="$plain" --format json "$OCIFAKE_IMAGE"`,
	},
	{
		name: "regctl", program: "regctl", version: `regctl version | sed -n 's/^VCSTag: *//p'`,
		setup: homeSetup + `tls=disabled
$plain || tls=enabled
regctl() { command regctl --host "reg=$OCIFAKE_HOST,tls=$tls" "$@"; }`,
		push:      `regctl image copy "ocidir://$OCIFAKE_DIR/layout:v1" "$OCIFAKE_IMAGE"`,
		pull:      `regctl image copy "$OCIFAKE_IMAGE" "ocidir://$OCIFAKE_DIR/image:v1"`,
		list:      `regctl tag ls "$OCIFAKE_IMAGE"`,
		copy:      `regctl image copy "$OCIFAKE_IMAGE" "$OCIFAKE_TARGET"`,
		referrers: `regctl artifact list --format '{{range .Descriptors}}{{println .Digest}}{{end}}' "$OCIFAKE_IMAGE"`,
	},
	{
		name: "skopeo", program: "skopeo", version: `skopeo --version | cut -d ' ' -f 3`, setup: containersSetup,
		push: `skopeo copy "oci:$OCIFAKE_DIR/layout:v1" "docker://$OCIFAKE_IMAGE"`,
		pull: `skopeo copy "docker://$OCIFAKE_IMAGE" "oci:$OCIFAKE_DIR/image:v1"`,
		list: `skopeo list-tags "docker://$OCIFAKE_IMAGE"`,
		copy: `skopeo copy "docker://$OCIFAKE_IMAGE" "docker://$OCIFAKE_TARGET"`,
	},
	{
		name: "podman", program: "podman", needs: "root", version: `podman --version | cut -d ' ' -f 3`, setup: containersSetup,
		push: `id=$(podman pull -q "oci:$OCIFAKE_DIR/layout:v1")
podman push "$id" "$OCIFAKE_IMAGE"`,
		pull: `podman pull "$OCIFAKE_IMAGE"
podman save -q -o "$OCIFAKE_DIR/image.tar" "$OCIFAKE_IMAGE"`,
		list: `podman search --list-tags --limit 10000 "$OCIFAKE_IMAGE"`,
	},
	{
		name: "buildah", program: "buildah", needs: "root", version: `buildah --version | cut -d ' ' -f 3`, setup: containersSetup,
		push: `id=$(buildah pull -q "oci:$OCIFAKE_DIR/layout:v1")
buildah push "$id" "docker://$OCIFAKE_IMAGE"`,
		pull: `buildah pull "$OCIFAKE_IMAGE"
buildah push "$OCIFAKE_IMAGE" "oci-archive:$OCIFAKE_DIR/image.tar"`,
	},
	{
		name: "docker", program: "docker", needs: "root and dockerd, which is started for each trial", setup: dockerSetup,
		version: `dockerd --version | sed 's/^Docker version \([^,+]*\).*/\1/'`, // it sends the requests
		push: `docker load -q -i "$OCIFAKE_DIR/archive.tar"
docker tag example.test/app:v1 "$OCIFAKE_IMAGE"
docker push "$OCIFAKE_IMAGE"`,
		pull: `docker pull "$OCIFAKE_IMAGE"
docker save -o "$OCIFAKE_DIR/image.tar" "$OCIFAKE_IMAGE"`,
	},
	{
		name: "ctr", program: "ctr", needs: "root and containerd, which is started for each trial", setup: containerdSetup,
		version: `ctr --version | sed 's/.* v\{0,1\}//; s/~.*//'`,
		push: `tar -C "$OCIFAKE_DIR/layout" -cf "$TMPDIR/image.tar" .
ctr images import --no-unpack --base-name example.test/app "$TMPDIR/image.tar"
ctr images push ` + ctrFlags + ` "$OCIFAKE_IMAGE" example.test/app:v1`,
		pull: `ctr content fetch --all-platforms ` + ctrFlags + ` "$OCIFAKE_IMAGE"
ctr images export --all-platforms "$OCIFAKE_DIR/image.tar" "$OCIFAKE_IMAGE"`,
	},
	{
		name: "nerdctl", program: "nerdctl", needs: "root and containerd, which is started for each trial", setup: nerdctlSetup,
		version: `nerdctl --version | sed 's/.* //'`,
		push: `nerdctl load -i "$OCIFAKE_DIR/archive.tar"
nerdctl tag example.test/app:v1 "$OCIFAKE_IMAGE"
nerdctl push --all-platforms "$OCIFAKE_IMAGE"`,
		pull: `nerdctl pull --all-platforms --unpack=false "$OCIFAKE_IMAGE"
nerdctl save --all-platforms -o "$OCIFAKE_DIR/image.tar" "$OCIFAKE_IMAGE"`,
	},
	{
		name: "helm", program: "helm", version: `helm version --short | sed 's/+.*//'`, setup: homeSetup,
		run: `cd "$TMPDIR"
mkdir exam
printf 'apiVersion: v2\nname: exam\nversion: 1.0.0\n' >exam/Chart.yaml
tar --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - exam | gzip -n >exam-1.0.0.tgz
touch -d @0 exam-1.0.0.tgz
helm push --plain-http="$plain" exam-1.0.0.tgz "oci://$OCIFAKE_HOST/charts"
helm pull --plain-http="$plain" --version 1.0.0 -d "$OCIFAKE_DIR" "oci://$OCIFAKE_HOST/charts/exam"`,
		check: `cmp "$TMPDIR/exam-1.0.0.tgz" "$OCIFAKE_DIR/exam-1.0.0.tgz"`,
	},
	{
		name: "cosign", program: "cosign", version: `cosign version 2>&1 | sed -n 's/^GitVersion: *//p'`,
		setup: homeSetup + `export COSIGN_PASSWORD=ocifake COSIGN_YES=true`,
		pull:  `cosign save --allow-http-registry="$plain" --dir "$OCIFAKE_DIR/image" "$OCIFAKE_IMAGE"`,
		copy:  `cosign copy --allow-http-registry="$plain" "$OCIFAKE_IMAGE" "$OCIFAKE_TARGET"`,
		run: `cd "$TMPDIR"
cosign generate-key-pair
cosign signing-config create --out signing.json
cosign trusted-root create --out trusted.json
cosign sign --allow-http-registry="$plain" --key cosign.key --signing-config signing.json --trusted-root trusted.json "$OCIFAKE_IMAGE"
cosign verify --allow-http-registry="$plain" --key cosign.pub --insecure-ignore-tlog "$OCIFAKE_IMAGE"`,
	},
	{
		name: "notation", program: "notation", version: `notation version | sed -n 's/^Version: *//p'`, setup: homeSetup,
		run: `notation certificate generate-test --default ocifake.example
cat >"$TMPDIR/trust.json" <<END
{"version": "1.0", "trustPolicies": [{"name": "ocifake", "registryScopes": ["*"], "trustStores": ["ca:ocifake.example"],
 "trustedIdentities": ["*"], "signatureVerification": {"level": "strict"}}]}
END
notation policy import --force "$TMPDIR/trust.json"
notation sign --insecure-registry="$plain" "$OCIFAKE_IMAGE"
notation verify --insecure-registry="$plain" "$OCIFAKE_IMAGE"`,
	},
	{
		name: "ko", program: "ko", needs: "go", version: `ko version`,
		setup: `GOPATH=$(go env GOPATH) GOCACHE=$(go env GOCACHE) && export GOPATH GOCACHE
` + homeSetup,
		run: `export KO_DOCKER_REPO="$OCIFAKE_HOST/exam/ko" KO_DEFAULTBASEIMAGE="$OCIFAKE_IMAGE" GOFLAGS=-buildvcs=false
mkdir "$TMPDIR/module"
cd "$TMPDIR/module"
printf 'module ocifake.example/hello\n\ngo 1.24\n' >go.mod
printf 'package main\n\nfunc main() {}\n' >main.go
ko build --bare --insecure-registry="$plain" --platform all --sbom none .`,
	},
	{
		name: "imgpkg", program: "imgpkg", version: `imgpkg --version | sed -n 's/^imgpkg version //p'`, setup: homeSetup,
		list: `imgpkg tag list --json -i "$OCIFAKE_IMAGE"`,
		run: `mkdir "$TMPDIR/files"
echo exam >"$TMPDIR/files/file"
imgpkg push -i "$OCIFAKE_HOST/exam/imgpkg:v1" -f "$TMPDIR/files"
imgpkg pull -i "$OCIFAKE_HOST/exam/imgpkg:v1" -o "$OCIFAKE_DIR/files"`,
		check: `cmp "$TMPDIR/files/file" "$OCIFAKE_DIR/files/file"`,
	},
}

// adaptersHelp lists the clients for the help of exam.
func adaptersHelp() (text string) {
	for _, a := range adapters {
		line := "  " + a.name
		if a.needs != "" {
			line = fmt.Sprintf("  %-9s needs %s", a.name, a.needs)
		}
		text += line + "\n"
	}
	return text
}

// adapterNames returns the names of all clients.
func adapterNames() (names []string) {
	for _, a := range adapters {
		names = append(names, a.name)
	}
	return names
}

// findAdapter returns the adapter of a client.
func findAdapter(name string) (adapter, error) {
	for _, a := range adapters {
		if a.name == name {
			return a, nil
		}
	}
	return adapter{}, fmt.Errorf("there is no client %q: %s", name, near.Hint(name, adapterNames()))
}

// findVersion returns the version of the client that is installed.
func (a *adapter) findVersion(ctx context.Context) (string, error) {
	if _, err := exec.LookPath(a.program); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "sh", "-c", a.version).Output()
	if err != nil {
		return "", fmt.Errorf("%s: the version: %w", a.name, err)
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "v"), nil
}

// script returns the shell script of an action, or "".
func (a *adapter) script(action string) string {
	if action == "" {
		return ""
	}
	return "set -e\n" + a.setup + "\n" + action
}
