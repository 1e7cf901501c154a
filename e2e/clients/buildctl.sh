#!/usr/bin/env bash
# buildctl, with a buildkitd of its own.
. "$(dirname "$0")/lib.sh"
needs buildctl buildkitd
context
app=$OCIFAKE_HOST/app
export BUILDKIT_HOST=unix://$work/buildkitd.sock
cat >"$work/buildkitd.toml" <<END
root = "$work/buildkit"
[grpc]
address = ["$BUILDKIT_HOST"]
[worker.oci]
enabled = true
snapshotter = "native"
networkMode = "host"
[worker.containerd]
enabled = false
[registry."$OCIFAKE_HOST"]
http = $(plain && echo true || echo false)
END
daemon buildkitd buildctl debug workers -- buildkitd --config "$work/buildkitd.toml"

# make OUTPUT builds, and puts what is known of the result into $work/metadata.json.
make() {
	buildctl build --progress plain --frontend dockerfile.v0 --local context="$1" --local dockerfile="$1" \
		--metadata-file "$work/metadata.json" --output "$2" "${@:3}"
}

built() { jq -r '."containerimage.digest"' "$work/metadata.json"; }

build() {
	make "$work/context" "type=oci,dest=$work/image.tar"
	tar -xOf "$work/image.tar" index.json | jq -r '.manifests[0].digest' | has "the layout" "$(built)"
}

push() {
	make "$work/context" "type=image,name=$app:v1,push=true"
	same "the digest that buildkit has" "$(built)" "$(digest app v1)"
}

tag() {
	make "$work/context" "\"name=$app:v1,$app:v2\",type=image,push=true"
	same "the digest of v2" "$(digest app v2)" "$(digest app v1)"
}

# pull builds from the image, and takes its file out.
pull() {
	mkdir "$work/from"
	echo "FROM $app:v1" >"$work/from/Dockerfile"
	buildctl prune --all
	make "$work/from" "type=local,dest=$work/pulled" --no-cache
	same_file "$work/pulled/payload" "$work/context/payload"
}

copy() {
	remark "the cache goes to the registry and comes from there"
	make "$work/context" "type=image,name=$OCIFAKE_HOST/copy:v1,push=true" \
		--export-cache "type=registry,ref=$OCIFAKE_HOST/cache:v1,mode=max"
	digest cache v1
	buildctl prune --all
	make "$work/context" "type=image,name=$OCIFAKE_HOST/copy:v2,push=true" --import-cache "type=registry,ref=$OCIFAKE_HOST/cache:v1" 2>&1 |
		tee -a /dev/stderr | grep CACHED || fail "the cache was not used"
	same "the digest of v2" "$(digest copy v2)" "$(digest copy v1)"
}

run_steps "$@"
