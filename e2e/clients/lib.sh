# What the scripts of the clients share. Each runs inside "ocifake run":
#
#   ocifake run -- bash e2e/clients/docker.sh            all its steps
#   ocifake run -- bash e2e/clients/docker.sh push pull  these
#
# A step is a function named after it. Its result is a line of $OCIFAKE_STEPS
# (a file; default: stdout): the step, a tab, and "ok", "ok: remark", "failed: why"
# or "none: why". What the client printed goes to stderr if the step fails.

if [[ -z ${OCIFAKE_URL:-} || -z ${OCIFAKE_HOST:-} ]]; then
	echo "run this inside ocifake: ocifake run -- bash $0" >&2
	exit 2
fi

# steps are all there are, in the order in which they run.
steps=(build push tag list pull attach sign verify discover copy delete)

client=$(basename "$0" .sh)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/ocifake-$client.XXXXXX")
daemons=()
failed=0

installed=${OCIFAKE_CLIENTS:-$HOME/.cache/ocifake-clients}
export PATH=$installed/bin:$PATH
export HOME=$work/home # nobody's settings, keys and logins
mkdir "$HOME"

# log_in NAME:PASSWORD puts the login of a registry that ocifake is in front of into Docker's configuration.
log_in() {
	jq -n --arg host "$OCIFAKE_HOST" --arg auth "$(printf %s "$1" | base64 -w 0)" '{auths: {($host): {auth: $auth}}}' >"$DOCKER_CONFIG/config.json"
}

if ! jq -e --arg host "$OCIFAKE_HOST" '.auths[$host]' "${DOCKER_CONFIG:-/nowhere}/config.json" >/dev/null 2>&1; then
	export DOCKER_CONFIG=$HOME/.docker # the registry has no users of its own
	mkdir "$DOCKER_CONFIG"
	echo '{"auths": {}}' >"$DOCKER_CONFIG/config.json"
	[[ -z ${OCIFAKE_LOGIN:-} ]] || log_in "$OCIFAKE_LOGIN"
fi
if [[ ${OCIFAKE_STEPS:-} ]]; then
	exec 3>>"$OCIFAKE_STEPS"
else
	exec 3>&1
fi
trap cleanup EXIT
trap 'exit 130' INT TERM

cleanup() {
	local i
	for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do
		kill "${daemons[i]}" 2>/dev/null && wait "${daemons[i]}" 2>/dev/null
	done
	chmod -R u+w "$work" && rm -rf "$work"
}

# die ends the script with a message.
die() {
	echo "$client.sh: $*" >&2
	exit 1
}

# needs checks that commands are there, and bounds each call of them.
needs() {
	local command
	for command; do
		command -v "$command" >/dev/null || die "there is no $command: run e2e/clients/install.sh $client"
		eval "$command() { bounded $command \"\$@\"; }"
	done
}

# bounded runs a command for $OCIFAKE_SECONDS (default 60) at most.
bounded() {
	local status=0
	timeout -k 5 "${OCIFAKE_SECONDS:-60}" "$@" || status=$?
	((status != 124 && status != 137)) || echo "$1 was stopped after ${OCIFAKE_SECONDS:-60} seconds" >&2
	return "$status"
}

# daemon NAME CHECK... -- COMMAND... starts a daemon that ends with the script, and
# waits until the check succeeds, for 30 seconds at most.
daemon() {
	local name=$1 check=() try
	shift
	while [[ $1 != -- ]]; do
		check+=("$1")
		shift
	done
	shift
	setpriv --pdeathsig TERM -- "$@" >"$work/$name.log" 2>&1 &
	daemons+=($!)
	for ((try = 0; try < 300; try++)); do
		"${check[@]}" >/dev/null 2>&1 && return
		kill -0 "${daemons[-1]}" 2>/dev/null || break
		sleep 0.1
	done
	cat "$work/$name.log" >&2
	die "$name does not run"
}

# plain reports whether the registry is without TLS.
plain() { [[ $OCIFAKE_URL == http://* ]]; }

# ask is curl, with the registry's authority.
ask() { curl -sS --max-time 20 ${SSL_CERT_FILE:+--cacert "$SSL_CERT_FILE"} "$@"; }

# npm_packages finds the packages that install.sh has installed for a client of npm.
npm_packages() {
	export OCIFAKE_NPM=$installed/npm
	[[ -d $OCIFAKE_NPM/node_modules ]] || die "there are no packages of npm: run e2e/clients/install.sh sigstore"
	mkdir -p "$HOME/.docker" # where it looks for the login
	[[ $DOCKER_CONFIG == "$HOME/.docker" ]] || cp "$DOCKER_CONFIG/config.json" "$HOME/.docker/"
}

# user prints name:password of the registry's user, if it has one.
user() {
	jq -r --arg host "$OCIFAKE_HOST" '.auths[$host].auth // "" | @base64d' "$DOCKER_CONFIG/config.json"
}

# manifests are the types of manifests, which some registries do not send unless they are asked for.
manifests=application/vnd.oci.image.manifest.v1+json,application/vnd.oci.image.index.v1+json
manifests+=,application/vnd.docker.distribution.manifest.v2+json,application/vnd.docker.distribution.manifest.list.v2+json

# registry METHOD REPO PATH [CURL'S ARGUMENTS] asks for /v2/REPO/PATH as the user, and
# prints the body, or the header of a HEAD. The answer's status is in $work/status.
registry() {
	local method=$1 repo=$2 path=$3 login=() challenge
	shift 3
	[[ $method == HEAD ]] && set -- --head "$@"
	[[ $path != manifests/* || $method == PUT ]] || set -- -H "Accept: $manifests" "$@"
	challenge=$(ask -o "$work/answer" -D - "$OCIFAKE_URL/v2/")
	if [[ $challenge =~ Bearer\ realm=\"([^\"]*)\",service=\"([^\"]*)\" ]]; then
		login=(-H "Authorization: Bearer $(ask -u "$(user)" -G --data-urlencode "service=${BASH_REMATCH[2]}" \
			--data-urlencode "scope=repository:$repo:pull,push,delete" "${BASH_REMATCH[1]}" | jq -r .token)")
	elif [[ $challenge == *Basic* ]]; then
		login=(-u "$(user)")
	fi
	ask -X "$method" "${login[@]}" -o "$work/answer" -w '%{http_code}' "$@" "$OCIFAKE_URL/v2/$repo/$path" >"$work/status" || return
	cat "$work/answer"
}

# digest REPO REFERENCE prints the digest of a manifest that the registry has.
digest() {
	registry HEAD "$1" "manifests/$2" | tr -d '\r' | sed -n 's/^docker-content-digest: //Ip' | grep . ||
		fail "the registry does not have $1:$2 ($(cat "$work/status"))"
}

# gone REPO REFERENCE checks that the registry does not have a manifest any more.
gone() {
	registry HEAD "$1" "manifests/$2" >/dev/null
	same "status of the deleted $1:$2" "$(cat "$work/status")" 404
}

# same WHAT GOT WANTED compares.
same() {
	[[ -n $3 && $2 == "$3" ]] || fail "$1 is '$2', not '$3'"
}

# same_file GOT WANTED compares files.
same_file() {
	cmp "$1" "$2" || fail "$1 is not what was pushed"
}

# has WHAT LINE reads lines, of which one must be LINE.
has() {
	grep -xF -- "$2" >/dev/null || fail "$1 has no $2"
}

# remark TEXT adds something to the result of a step.
remark() { echo ": $*" >"$work/remark"; }

# fail ends a step with what is wrong.
fail() {
	echo "$*" >&2
	exit 1
}

# refused runs a command that must fail.
refused() {
	if "$@"; then
		fail "this should have failed: $*"
	fi
}

# context [WORD] makes a directory for builds: a Dockerfile, and a file of 1 MiB that
# cannot be compressed, is the same everywhere, and another one for each word.
context() {
	mkdir -p "$work/context"
	openssl enc -aes-128-ctr -nosalt -pbkdf2 -pass "pass:${1:-payload}" </dev/zero 2>/dev/null | head -c 1048576 >"$work/context/payload"
	printf 'FROM scratch\nCOPY payload /payload\nCMD ["/payload"]\n' >"$work/context/Dockerfile"
	touch -d @0 "$work/context/payload"
}

# layout DIR makes an OCI image layout with one image of one layer, the file of
# context, named v1.
layout() {
	local dir=$1 layer config manifest
	mkdir -p "$dir/blobs/sha256"
	tar -C "$work/context" --owner=0 --group=0 --numeric-owner --mode=0644 -cf "$work/layer.tar" payload
	layer=$(gzip -n <"$work/layer.tar" | blob "$dir" application/vnd.oci.image.layer.v1.tar+gzip)
	config=$(jq -nc --arg diff "sha256:$(sha256sum <"$work/layer.tar" | cut -d' ' -f1)" \
		'{architecture: "amd64", os: "linux", config: {Cmd: ["/payload"]}, rootfs: {type: "layers", diff_ids: [$diff]}}' |
		blob "$dir" application/vnd.oci.image.config.v1+json)
	manifest=$(jq -nc --argjson config "$config" --argjson layer "$layer" \
		'{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: $config, layers: [$layer]}' |
		blob "$dir" application/vnd.oci.image.manifest.v1+json)
	echo '{"imageLayoutVersion":"1.0.0"}' >"$dir/oci-layout"
	jq -c '{schemaVersion: 2, manifests: [. + {annotations: {"org.opencontainers.image.ref.name": "v1"}}]}' <<<"$manifest" >"$dir/index.json"
}

# blob DIR MEDIA-TYPE puts what it reads into a layout, and prints its descriptor.
blob() {
	local sum
	cat >"$1/blobs/new"
	sum=$(sha256sum <"$1/blobs/new" | cut -d' ' -f1)
	jq -nc --arg type "$2" --arg digest "sha256:$sum" --argjson size "$(stat -c %s "$1/blobs/new")" \
		'{mediaType: $type, digest: $digest, size: $size}'
	mv "$1/blobs/new" "$1/blobs/sha256/$sum"
}

# seed [REPO TAG] puts the image of a layout into the registry, without a client.
seed() {
	(($#)) || set -- app v1
	[[ -d $work/layout ]] || layout "$work/layout"
	local blob location
	for blob in $(jq -r '.config.digest, .layers[].digest' "$work/layout/blobs/sha256/$(seeded)"); do
		registry POST "$1" blobs/uploads/ -f -D "$work/header"
		location=$(tr -d '\r' <"$work/header" | sed -n 's/^location: //Ip' | tail -n 1)
		location=${location#"$OCIFAKE_URL"}
		[[ $location == *\?* ]] && location+="&digest=$blob" || location+="?digest=$blob"
		registry PUT "$1" "${location#"/v2/$1/"}" -f -H 'Content-Type: application/octet-stream' \
			--data-binary "@$work/layout/blobs/sha256/${blob#sha256:}"
	done
	registry PUT "$1" "manifests/$2" -f -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' \
		--data-binary "@$work/layout/blobs/sha256/$(seeded)"
}

# referrers REPO@DIGEST prints how many referrers the registry lists, or the index that clients keep if it
# lists none.
referrers() {
	local repo
	repo=$(repo "$1")
	registry GET "$repo" "referrers/${1#*@}" >"$work/referrers"
	[[ $(cat "$work/status") != 404 ]] || registry GET "$repo" "manifests/sha256-${1#*@sha256:}" >"$work/referrers"
	jq '.manifests // [] | length' "$work/referrers"
}

# sign_certificate makes the certificate ocifake.example, with which notation signs.
sign_certificate() { notation certificate generate-test --default ocifake.example; }

# trust_notation makes notation trust that certificate.
trust_notation() {
	cat >"$work/trust.json" <<-END
		{"version": "1.0", "trustPolicies": [{"name": "ocifake", "registryScopes": ["*"], "trustStores": ["ca:ocifake.example"],
		 "trustedIdentities": ["*"], "signatureVerification": {"level": "strict"}}]}
	END
	notation policy import --force "$work/trust.json"
}

# repo REFERENCE prints the repository of a reference that begins with the registry.
repo() { sed 's/@.*//; s/:[^:/]*$//' <<<"${1#"$OCIFAKE_HOST/"}"; }

# seeded prints the hexadecimal digest of that image's manifest.
seeded() { jq -r '.manifests[0].digest | ltrimstr("sha256:")' "$work/layout/index.json"; }

# no STEP WHY says why the client has no such step.
declare -A reasons=()
no() { reasons[$1]=$2; }

# run_steps runs the steps of the command line, or all.
run_steps() {
	local step
	(($#)) || set -- "${steps[@]}"
	for step; do
		if declare -F "$step" >/dev/null; then
			run_step "$step"
		else
			printf '%s\tnone: %s\n' "$step" "${reasons[$step]:-no such command}" >&3
		fi
	done
	exit "$failed"
}

# run_step runs one, in a shell of its own that its first failing command ends.
run_step() {
	local status
	: >"$work/remark"
	: >"$work/log"
	set +e # a shell that is tested does not end at its first failing command
	(
		set -e -o pipefail
		"$1"
	) >>"$work/log" 2>&1
	status=$?
	if ((status)); then
		failed=1
		echo "== $client $1" >&2
		cat "$work/log" >&2
		printf '%s\tfailed: %s\n' "$1" "$(grep -m 1 '^panic: ' "$work/log" || grep . "$work/log" | tail -n 1)" >&3
	else
		printf '%s\tok%s\n' "$1" "$(cat "$work/remark")" >&3
	fi
}
