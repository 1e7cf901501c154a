#!/usr/bin/env bash
# docker, with a daemon of its own.
. "$(dirname "$0")/lib.sh"
PATH=/usr/bin:/usr/sbin:$PATH # the client that came with the daemon
needs docker dockerd
export DOCKER_HOST=unix://$work/docker.sock DOCKER_BUILDKIT=0
daemon dockerd docker info -- dockerd --host "$DOCKER_HOST" --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/pid" \
	--storage-driver vfs --bridge none --iptables=false --insecure-registry 127.0.0.0/8
context
app=$OCIFAKE_HOST/app

build() { docker build -t "$app:v1" "$work/context"; }

push() {
	docker push "$app:v1"
	same "the digest that docker has" "$(docker inspect -f '{{index .RepoDigests 0}}' "$app:v1")" "$app@$(digest app v1)"
}

tag() {
	docker tag "$app:v1" "$app:v2"
	docker push "$app:v2"
	same "the digest of v2" "$(digest app v2)" "$(digest app v1)"
}

pull() {
	docker images -q "$app:v1" | sort -u | xargs -r docker rmi -f
	docker pull "$app:v1"
	same "the digest that docker has" "$(docker inspect -f '{{index .RepoDigests 0}}' "$app:v1")" "$app@$(digest app v1)"
	docker create --name pulled "$app:v1"
	docker cp pulled:/payload "$work/payload"
	docker rm pulled
	same_file "$work/payload" "$work/context/payload"
}

copy() {
	docker tag "$app:v1" "$OCIFAKE_HOST/copy:v1"
	docker push "$OCIFAKE_HOST/copy:v1"
	same "the digest of the copy" "$(digest copy v1)" "$(digest app v1)"
}

no sign "docker trust needs a Notary v1 server"
no verify "docker trust needs a Notary v1 server"

run_steps "$@"
