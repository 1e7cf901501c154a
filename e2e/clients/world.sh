#!/usr/bin/env bash
# Clients and daemons that know nothing of ocifake, with references to Docker Hub and GHCR:
#
#   ocifake run --hosts docker.io=hub,ghcr.io=ghcr --generate 'docker.io/library/alpine:3' \
#     --generate 'ghcr.io/org/app:v1' -- bash e2e/clients/world.sh
#
# Each step is a client: it pulls alpine:3 and ghcr.io/org/app:v1, and pushes to ghcr.io if it can. A
# client that is not installed is skipped. Daemons get what "ocifake hosts" writes. Docker's configuration
# has a login for ghcr.io.
if [[ ! ${OCIFAKE_PRIVATE:-} ]] && unshare --mount true 2>/dev/null; then
	OCIFAKE_PRIVATE=1 exec unshare --mount bash "$0" "$@"
fi
# As root, podman and others remember which blobs they have seen where.
[[ ! ${OCIFAKE_PRIVATE:-} ]] || { mkdir -p /var/lib/containers/cache && mount -t tmpfs none /var/lib/containers/cache; }
config=$DOCKER_CONFIG
. "$(dirname "$0")/lib.sh"
export DOCKER_CONFIG=$config
login=$(jq -r '.auths["ghcr.io"].auth | @base64d' "$DOCKER_CONFIG/config.json")
unset REGISTRY_AUTH_FILE
steps=(curl python node java git sigstore crane oras regctl helm cosign skopeo podman buildah ctr ctr2 nerdctl docker buildctl)
ocifake=${OCIFAKE_BINARY:-ocifake}
proxies=(HTTP_PROXY HTTPS_PROXY http_proxy https_proxy NO_PROXY no_proxy SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE)

# without_ocifake COMMAND... runs a command without what ocifake has put into the environment.
without_ocifake() {
	local names=()
	for name in "${proxies[@]}"; do names+=(-u "$name"); done
	env "${names[@]}" "$@"
}

# service FILE prints the variables of a drop-in file of systemd.
service() { sed -n 's/^Environment="\(.*\)"$/\1/p' "$1"; }

# ghcr PATH [CURL'S ARGUMENTS] gets what is below the API of ghcr.io, as the user, with Basic or with a token of the
# service that it names.
ghcr() {
	local at=https://ghcr.io/v2/$1 challenge=""
	shift
	if [[ ${OCIFAKE_SCHEME:-Bearer} == Basic ]]; then # which is not asked for where it is replayed
		curl -fsSL -u "$login" "$@" "$at"
		return
	fi
	challenge=$(curl -sS -o /dev/null -D - "$at")
	[[ $challenge =~ Bearer\ realm=\"([^\"]*)\",service=\"([^\"]*)\",scope=\"([^\"]*)\" ]] || fail "no challenge: $challenge"
	curl -fsSL -H "Authorization: Bearer $(curl -fsSG -u "$login" --data-urlencode "service=${BASH_REMATCH[2]}" \
		--data-urlencode "scope=${BASH_REMATCH[3]}" "${BASH_REMATCH[1]}" | jq -r .token)" "$@" "$at"
}

# manifest REPO TAG prints the digest of a manifest at ghcr.io, as curl gets it.
manifest() { ghcr "$1/manifests/$2" -H "Accept: $manifests" | sha256sum | cut -d' ' -f1; }

do_curl() {
	same "the status" "$(curl -s -o /dev/null -w '%{http_code} %{http_version}' https://ghcr.io/v2/)" "401 2"
	same "the status over http" "$(curl -s -o /dev/null -w '%{http_code}' http://ghcr.io/v2/)" 401
	manifest org/app v1
}

do_python() {
	export REGISTRY_LOGIN=$login
	python3 "$here/client.py" pull https://registry-1.docker.io library/alpine 3 "$work/layer"
	same "the digest" "$(python3 "$here/client.py" pull https://ghcr.io org/app v1 "$work/layer")" "sha256:$(manifest org/app v1)"
	same "the digest" "$(python3 "$here/client.py" push https://ghcr.io org/python v1 "$work/layer")" "sha256:$(manifest org/python v1)"
	python3 - <<-'END'
		try:
		    import requests
		    assert requests.get("https://registry-1.docker.io/v2/").status_code == 401
		except ImportError:
		    pass
	END
}

do_sigstore() {
	npm_packages
	local digest attached
	digest=sha256:$(manifest org/app v1)
	same "the digest" "$(node "$here/sigstore.mjs" pull ghcr.io org/app v1 "$work/layer")" "$digest"
	attached=$(node "$here/sigstore.mjs" push ghcr.io org/app "$digest" "$work/layer")
	same "the digest of the artifact" "sha256:$(manifest org/app "$attached")" "$attached"
}

do_node() {
	local version
	version=$(node -p 'process.versions.node.split(".")[0]')
	((version >= 24)) || remark "Node.js $version does not use proxies by itself: the script opens the tunnel"
	node - <<-'END'
		const http = require('http'), tls = require('tls');
		const proxy = new URL(process.env.HTTPS_PROXY);
		http.request({host: proxy.hostname, port: proxy.port, method: 'CONNECT', path: 'ghcr.io:443'}).on('connect', (answer, socket) => {
		  if (answer.statusCode !== 200) process.exit(1);
		  const c = tls.connect({socket, servername: 'ghcr.io'}, () => {
		    c.write('GET /v2/ HTTP/1.1\r\nHost: ghcr.io\r\nConnection: close\r\n\r\n');
		  });
		  let text = '';
		  c.on('data', d => text += d).on('end', () => process.exit(text.startsWith('HTTP/1.1 401') ? 0 : 1)).on('error', e => { console.error(e); process.exit(1); });
		}).end();
	END
}

do_java() {
	cat >"$work/Ask.java" <<-'END'
		import java.net.*;
		public class Ask {
		  public static void main(String[] a) throws Exception {
		    int got = ((HttpURLConnection) new URL("https://ghcr.io/v2/").openConnection()).getResponseCode();
		    if (got != 401) throw new Exception("status " + got);
		  }
		}
	END
	java "$work/Ask.java"
}

do_git() {
	git ls-remote https://ghcr.io/org/app.git >"$work/git.log" 2>&1 || true
	cat "$work/git.log"
	grep -qi 'not found\|authentication\|username\|403\|401' "$work/git.log" || fail "git did not reach the registry"
}

do_crane() {
	crane pull alpine:3 "$work/alpine.tar"
	same "the digest" "$(crane digest ghcr.io/org/app:v1)" "sha256:$(manifest org/app v1)"
	crane copy alpine:3 ghcr.io/org/crane:v1
	same "the digest of the copy" "$(crane digest alpine:3)" "sha256:$(manifest org/crane v1)"
}

do_oras() {
	echo hello >"$work/hello.txt"
	(cd "$work" && oras push ghcr.io/org/oras:v1 hello.txt)
	oras pull -o "$work/oras" ghcr.io/org/oras:v1
	same_file "$work/oras/hello.txt" "$work/hello.txt"
	oras copy docker.io/library/alpine:3 ghcr.io/org/oras:alpine
	manifest org/oras alpine
}

do_regctl() {
	regctl image copy alpine:3 ghcr.io/org/regctl:v1
	same "the digest" "$(regctl image digest ghcr.io/org/regctl:v1)" "sha256:$(manifest org/regctl v1)"
	regctl tag ls ghcr.io/org/app | has "the list of tags" v1
}

do_helm() {
	helm create "$work/app"
	helm package --version 1.0.0 -d "$work" "$work/app"
	helm push "$work/app-1.0.0.tgz" oci://ghcr.io/org/charts
	mkdir -p "$work/pulled"
	helm pull -d "$work/pulled" --version 1.0.0 oci://ghcr.io/org/charts/app
	same_file "$work/pulled/app-1.0.0.tgz" "$work/app-1.0.0.tgz"
}

do_cosign() {
	cd "$work"
	export COSIGN_PASSWORD=ocifake COSIGN_YES=true
	cosign generate-key-pair
	cosign trusted-root create --out trusted.json
	cosign signing-config create --out signing.json
	local image
	image=ghcr.io/org/app@sha256:$(manifest org/app v1)
	cosign sign --key cosign.key --signing-config signing.json --trusted-root trusted.json "$image"
	cosign verify --key cosign.pub --insecure-ignore-tlog "$image"
}

policy() {
	mkdir -p "$HOME/.config/containers"
	printf '{"default": [{"type": "insecureAcceptAnything"}]}' >"$HOME/.config/containers/policy.json"
	printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' "$work/graph" "$work/run" >"$HOME/.config/containers/storage.conf"
	export CONTAINERS_STORAGE_CONF=$HOME/.config/containers/storage.conf
}

do_skopeo() {
	policy
	export REGISTRY_AUTH_FILE=$DOCKER_CONFIG/config.json # older versions do not read DOCKER_CONFIG
	skopeo copy docker://alpine:3 docker://ghcr.io/org/skopeo:v1
	same "the digest" "$(skopeo inspect --format '{{.Digest}}' docker://ghcr.io/org/skopeo:v1)" "sha256:$(manifest org/skopeo v1)"
}

# do_podman has the user's files and nothing else from ocifake.
do_podman() {
	policy
	"$ocifake" hosts podman --dir "$HOME/.config/containers"
	# As root, podman does not look for drop-in files of its settings in $HOME.
	export CONTAINERS_CONF=$HOME/.config/containers/containers.conf.d/ocifake.conf
	printf 'cgroup_manager = "cgroupfs"\nevents_logger = "file"\n' >>"$CONTAINERS_CONF"
	: >"$HOME/.config/containers/registries.conf"
	export REGISTRY_AUTH_FILE=$DOCKER_CONFIG/config.json
	without_ocifake podman pull alpine:3
	without_ocifake podman pull ghcr.io/org/app:v1
	without_ocifake podman tag alpine:3 ghcr.io/org/podman:v1
	without_ocifake podman push ghcr.io/org/podman:v1
	manifest org/podman v1
}

do_buildah() {
	policy
	export REGISTRY_AUTH_FILE=$DOCKER_CONFIG/config.json
	printf 'FROM docker.io/library/alpine:3\nLABEL a=b\n' >"$work/Containerfile"
	buildah build --isolation chroot -t ghcr.io/org/buildah:v1 -f "$work/Containerfile" "$work"
	buildah push ghcr.io/org/buildah:v1
	manifest org/buildah v1
}

# start_containerd NAME starts a containerd with what "ocifake hosts" writes.
start_containerd() {
	local dir=$work/$1 variables
	"$ocifake" hosts containerd --dir "$dir/hosts"
	export CONTAINERD_ADDRESS=$dir/containerd.sock CONTAINERD_NAMESPACE=ocifake CONTAINERD_SNAPSHOTTER=native
	cat >"$dir/config.toml" <<-END
		version = 2
		root = "$dir/root"
		state = "$dir/state"
		disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri", "io.containerd.internal.v1.opt"]
		[grpc]
		address = "$CONTAINERD_ADDRESS"
		[[plugins."io.containerd.transfer.v1.local".unpack_config]]
		platform = "linux/amd64"
		snapshotter = "native"
	END
	mapfile -t variables < <(service "$dir/hosts/http-proxy.conf")
	for name in "${proxies[@]}"; do unset "$name"; done
	export "${variables[@]}" # for the daemon, and for clients that resolve names themselves
	daemon containerd ctr version -- containerd --config "$dir/config.toml" --log-level error
	hosts=$dir/hosts/certs.d
}

pull_by_ctr() {
	start_containerd "$1"
	ctr images pull --hosts-dir "$hosts" --snapshotter native docker.io/library/alpine:3
	ctr images pull --hosts-dir "$hosts" --snapshotter native ghcr.io/org/app:v1
	ctr images tag docker.io/library/alpine:3 "ghcr.io/org/$1:v1"
	ctr images push --hosts-dir "$hosts" --user "$login" "ghcr.io/org/$1:v1"
}

do_ctr() { PATH=/usr/bin:$PATH pull_by_ctr ctr; }
do_ctr2() { pull_by_ctr ctr2; }

do_nerdctl() {
	start_containerd nerdctl
	nerdctl --hosts-dir "$hosts" pull alpine:3
	nerdctl --hosts-dir "$hosts" pull ghcr.io/org/app:v1
}

do_docker() {
	local dir=$work/docker variables
	PATH=/usr/bin:/usr/sbin:$PATH
	"$ocifake" hosts docker --dir "$dir"
	mapfile -t variables < <(service "$dir/http-proxy.conf")
	local config=$dir/empty.json
	echo '{}' >"$config"
	if [[ $(dockerd --version) =~ version\ ([0-9]+) ]] && ((BASH_REMATCH[1] >= 23)); then # the proxy is in daemon.json
		config=$dir/daemon.json
		mapfile -t variables < <(printf '%s\n' "${variables[@]}" | grep ^SSL_CERT_DIR=)
	fi
	export DOCKER_HOST=unix://$dir/docker.sock
	daemon dockerd docker info -- env -u HTTP_PROXY -u HTTPS_PROXY -u http_proxy -u https_proxy -u NO_PROXY -u no_proxy -u SSL_CERT_FILE "${variables[@]}" \
		dockerd --config-file "$config" --host "$DOCKER_HOST" --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" \
		--storage-driver vfs --bridge none --iptables=false
	docker pull alpine:3
	docker pull ghcr.io/org/app:v1
	docker tag alpine:3 ghcr.io/org/docker:v1
	docker push ghcr.io/org/docker:v1
	manifest org/docker v1
}

do_buildctl() {
	local dir=$work/buildkit
	"$ocifake" hosts buildkit --dir "$dir"
	export BUILDKIT_HOST=unix://$dir/buildkitd.sock
	{
		printf 'root = "%s"\n[grpc]\naddress = ["%s"]\n[worker.oci]\nenabled = true\nsnapshotter = "native"\nnetworkMode = "host"\n[worker.containerd]\nenabled = false\n' "$dir/root" "$BUILDKIT_HOST"
		cat "$dir/buildkitd.toml"
	} >"$dir/all.toml"
	daemon buildkitd buildctl debug workers -- env -u SSL_CERT_FILE buildkitd --config "$dir/all.toml"
	mkdir -p "$work/from"
	printf 'FROM alpine:3\nLABEL a=b\n' >"$work/from/Dockerfile"
	buildctl build --progress plain --frontend dockerfile.v0 --local context="$work/from" --local dockerfile="$work/from" \
		--output type=image,name=ghcr.io/org/buildkit:v1,push=true
	manifest org/buildkit v1
}

# Each step is do_NAME if the client is there.
declare -A programs=([python]=python3 [sigstore]=node [ctr2]="$HOME/none" [docker]=dockerd [buildctl]=buildkitd)
[[ ! -x ${OCIFAKE_CLIENTS:-/nowhere}/bin/ctr ]] || programs[ctr2]=ctr
for step in "${steps[@]}"; do
	if [[ $step == sigstore && ! -d $installed/npm/node_modules ]]; then
		no "$step" "its packages are not installed"
	elif command -v "${programs[$step]:-$step}" >/dev/null; then
		eval "$step() { unset -f \"\${steps[@]}\"; do_$step; }" # the programs have these names, too
	else
		no "$step" "it is not installed"
	fi
done
run_steps "$@"
