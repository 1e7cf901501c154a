#!/usr/bin/env bash
# Installs the clients that the scripts beside this one run, those of them that are
# missing: bash e2e/clients/install.sh [NAME...], default all.
#
# Debian's come with apt-get, packages of npm with npm; the rest is built from the Go
# module proxy into $OCIFAKE_CLIENTS/bin (default ~/.cache/ocifake-clients/bin). With --versions it
# installs nothing, and prints a line for each client that is there: name, tab, version.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
dir=${OCIFAKE_CLIENTS:-$HOME/.cache/ocifake-clients}

# clients are the rows of: name, how, and what of it.
#   apt   Debian's packages, of which the first has the client's version
#   tool  a package that is a tool of the module e2e
#   npm   packages of npm, for a script of ours
#   go    a module at a version, its packages, and more of both; "deb:" is before
#         a package of Debian's that they need, and a tilde before a file that is
#         left out: it imports a module in a folder of its own, which no proxy has
clients='
docker     apt   docker.io
podman     apt   podman
buildah    apt   buildah
skopeo     apt   skopeo
ctr        apt   containerd
ctr2       go    github.com/containerd/containerd/v2@v2.4.2 ./cmd/containerd ./cmd/ctr
crane      tool  github.com/google/go-containerregistry/cmd/crane
oras       tool  oras.land/oras/cmd/oras
regctl     tool  github.com/regclient/regclient/cmd/regctl
helm       tool  helm.sh/helm/v3/cmd/helm
nerdctl    go    github.com/containerd/nerdctl/v2@v2.2.2 ~cmd/nerdctl/helpers/testing_linux.go ./cmd/nerdctl github.com/containerd/containerd/v2@v2.4.2 ./cmd/containerd ./cmd/ctr
buildctl   go    github.com/moby/buildkit@v0.34.2 ./cmd/buildctl ./cmd/buildkitd deb:runc
cosign     go    github.com/sigstore/cosign/v3@v3.1.3 ./cmd/cosign
notation   go    github.com/notaryproject/notation@v1.3.2 ./cmd/notation
ko         go    github.com/google/ko@v0.19.1 .
imgpkg     go    carvel.dev/imgpkg@v0.46.1 ./cmd/imgpkg
conftest   go    github.com/open-policy-agent/conftest@v0.71.1 .
python     apt   python3
sigstore   npm   promise-retry@2.0.1 @sigstore/oci@0.6.0
'
mapfile -t names < <(awk 'NF { print $1 }' <<<"$clients")

# tools are the commands that the scripts themselves need, and Debian's packages
# of them.
tools='
curl curl
jq jq
openssl openssl
gpg gnupg
setpriv util-linux
'

die() {
	echo "install.sh: $*" >&2
	exit 1
}

# row NAME prints how and what.
row() {
	awk -v name="$1" '$1 == name { $1 = ""; sub(/^ /, ""); print; found = 1 } END { exit !found }' <<<"$clients" ||
		die "there is no client '$1', only ${names[*]}"
}

# apt_version PACKAGE prints upstream's version of an installed package.
apt_version() {
	dpkg-query -W -f '${db:Status-Status} ${source:Upstream-Version}\n' "$1" 2>/dev/null | sed -n 's/^installed \([^+~]*\).*/\1/p'
}

# version NAME HOW WHAT... prints the version of a client that is installed, or nothing.
version() {
	local name=$1 how=$2
	shift 2
	case $how in
	apt) apt_version "$1" ;;
	tool) [[ ! -x $dir/bin/$name ]] || go version -m "$dir/bin/$name" | awk '$1 == "mod" { sub(/^v/, "", $3); print $3 }' ;;
	go) grep -sxF "$*" "$dir/$name.version" | sed 's/^[^@]*@v\([^ ]*\).*/\1/' || true ;; # of another row: not there
	npm) grep -sxF "$*" "$dir/$name.version" | sed 's/.*@//' || true ;;
	esac
}

apt_install() {
	local package missing=()
	for package; do
		[[ $(apt_version "$package") ]] || missing+=("$package")
	done
	((${#missing[@]})) || return 0
	command -v apt-get >/dev/null || die "there is no apt-get: install ${missing[*]} yourself"
	((EUID == 0)) || die "apt-get needs root: apt-get install ${missing[*]}"
	echo "apt-get install ${missing[*]}"
	{
		[[ $(apt-cache policy "${missing[0]}" 2>/dev/null) == *Candidate:\ [0-9]* ]] || apt-get update -q
		# policy-rc.d keeps the packages' services from starting.
		DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends "${missing[@]}"
	} >"$dir/apt.log" 2>&1 || { tail -n 20 "$dir/apt.log" >&2; die "apt-get failed"; }
}

# go_install NAME MODULE PACKAGE... builds in the module's own
# directory, with its go.mod: so its replace and exclude directives hold, and its
# list of versions, which not every proxy has, is not asked for.
go_install() {
	local name=$1 what="${*:2}" next module source
	shift
	for next; do
		case $next in
		*@*)
			module=$next
			source=$(module_source "$module")
			;;
		~*) source=$(without "$source" "${next#\~}") ;;
		deb:*) apt_install "${next#deb:}" ;;
		*)
			echo "go build $module $next"
			CGO_ENABLED=0 nice go build -C "$source" -mod=readonly -buildvcs=false -trimpath -p 2 -ldflags=-s -o "$dir/bin/" "$next" 2>"$dir/go.log" ||
				{ tail -n 20 "$dir/go.log" >&2; die "$module: go build failed"; }
			;;
		esac
	done
	echo "$what" >"$dir/$name.version"
}

# npm_install NAME PACKAGE@VERSION... runs no script of the packages.
npm_install() {
	local name=$1
	shift
	command -v npm >/dev/null || die "there is no npm: install Node.js"
	npm install --prefix "$dir/npm" --no-audit --no-fund --ignore-scripts "$@" >"$dir/npm.log" 2>&1 ||
		{ tail -n 20 "$dir/npm.log" >&2; die "npm install $* failed"; }
	echo "$*" >"$dir/$name.version"
}

# module_source MODULE@VERSION downloads a module, and prints its directory.
module_source() {
	local answer
	answer=$(cd "$dir" && GOFLAGS=-mod=mod go mod download -json "$1") || true
	jq -er '.Dir // empty' <<<"$answer" || die "$1 cannot be had: $(jq -r .Error <<<"$answer")"
}

# without DIRECTORY FILE copies a module without a file, and without the requirement
# of modules in folders of its own. It prints the copy's directory.
without() {
	local copy=$dir/source required
	rm -rf "$copy"
	cp -r "$1" "$copy"
	chmod -R u+w "$copy"
	rm "$copy/$2"
	for required in $(go -C "$copy" mod edit -json | jq -r '.Replace[]? | select(.New.Path | startswith("./")) | .Old | "\(.Path)@\(.Version // "")"'); do
		go -C "$copy" mod edit -droprequire "${required%@*}" -dropreplace "${required%@}"
	done
	echo "$copy"
}

# install NAME HOW WHAT... does nothing if the client is there.
install() {
	local name=$1 how=$2 path
	shift 2
	if [[ $how == tool ]]; then # quick if the build cache has it
		path=$(go -C "$here/.." tool -n "$name") || die "$1 cannot be built"
		ln -sf "$path" "$dir/bin/$name"
	elif [[ ! $(version "$name" "$how" "$@") ]]; then
		case $how in
		apt) apt_install "$@" ;;
		go) go_install "$name" "$@" ;;
		npm) npm_install "$name" "$@" ;;
		esac
	fi
	echo "$name $(version "$name" "$how" "$@")"
}

if [[ ${1:-} == --versions ]]; then
	for name in "${names[@]}"; do
		# shellcheck disable=SC2046
		found=$(version "$name" $(row "$name"))
		[[ -z $found ]] || printf '%s\t%s\n' "$name" "$found"
	done
	exit
fi

mkdir -p "$dir/bin"
(($#)) || set -- "${names[@]}"
for name; do
	row "$name" >/dev/null
done
while read -r command package; do
	[[ -z $command ]] || command -v "$command" >/dev/null || apt_install "$package"
done <<<"$tools"
for name; do
	# shellcheck disable=SC2046
	install "$name" $(row "$name")
done
