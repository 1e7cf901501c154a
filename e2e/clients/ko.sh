#!/usr/bin/env bash
# ko, with a small program.
GOPATH=$(go env GOPATH) GOCACHE=$(go env GOCACHE) && export GOPATH GOCACHE # before HOME is another
. "$(dirname "$0")/lib.sh"
needs ko go
context
layout "$work/layout"
seed base v1 || die "no base image in the registry"
export KO_DOCKER_REPO=$OCIFAKE_HOST/app KO_DEFAULTBASEIMAGE=$OCIFAKE_HOST/base:v1 GOFLAGS=-buildvcs=false
mkdir "$work/module"
cd "$work/module" || exit
printf 'module ocifake.example/hello\n\ngo 1.24\n' >go.mod
printf 'package main\n\nimport "os"\n\nfunc main() { os.Stdout.WriteString("hello") }\n' >main.go

# greets runs the program in a layer, which it reads.
greets() {
	tar -xzOf - /ko-app/hello >"$work/hello"
	chmod +x "$work/hello"
	same "what the program prints" "$("$work/hello")" hello
}

build() {
	ko build --bare --push=false --sbom none --platform linux/amd64 --tarball "$work/image.tar" .
	tar -xOf "$work/image.tar" "$(tar -xOf "$work/image.tar" manifest.json | jq -r '.[0].Layers[-1]')" | greets
}

push() {
	local pushed
	pushed=$(ko build --bare --tags v1 --platform linux/amd64 .)
	same "the reference that ko prints" "$pushed" "$KO_DOCKER_REPO:v1@$(digest app v1)"
	registry GET app "blobs/$(registry GET app manifests/v1 | jq -r '.layers[-1].digest')" | greets
}

tag() {
	ko build --bare --tags v1,v2 --platform linux/amd64 .
	same "the digest of v2" "$(digest app v2)" "$(digest app v1)"
}

attach() {
	remark "push attaches an SBOM, under a tag"
	registry GET app "manifests/$(digest app v1 | tr : -).sbom" | jq -e '.layers[0].mediaType == "text/spdx+json"'
}

run_steps "$@"
