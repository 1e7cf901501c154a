#!/usr/bin/env bash
# ctr, with a containerd of its own: Debian's, or as ctr2 the newest.
. "$(dirname "$0")/containerd.sh"
[[ $client == ctr2 ]] || PATH=/usr/bin:$PATH
start_containerd
context
layout "$work/layout"
app=$OCIFAKE_HOST/app
flags=(--user "$(user)" --hosts-dir "$work/hosts")
wanted=sha256:$(seeded)

# has_digest REFERENCE checks the digest under which containerd has an image.
has_digest() { ctr images ls "name==$1" | awk 'NR == 2 { print $3 }' | has "containerd's image $1" "$wanted"; }

build() {
	tar -C "$work/layout" -cf "$work/image.tar" .
	ctr images import --no-unpack --index-name "$app:index" --base-name "$app" "$work/image.tar"
	has_digest "$app:v1"
}

push() {
	ctr images push "${flags[@]}" "$app:v1"
	same "the digest of what was pushed" "$(digest app v1)" "$wanted"
}

tag() {
	ctr images tag "$app:v1" "$app:v2"
	ctr images push "${flags[@]}" "$app:v2"
	same "the digest of v2" "$(digest app v2)" "$wanted"
}

pull() {
	ctr images rm --sync "$app:v1" "$app:v2" "$app:index"
	ctr images pull "${flags[@]}" --snapshotter native "$app:v1"
	has_digest "$app:v1"
	ctr images export --platform linux/amd64 "$work/pulled.tar" "$app:v1"
	mkdir "$work/pulled"
	tar -C "$work/pulled" -xf "$work/pulled.tar"
	diff -r "$work/layout/blobs" "$work/pulled/blobs"
}

copy() {
	ctr images tag "$app:v1" "$OCIFAKE_HOST/copy:v1"
	ctr images push "${flags[@]}" "$OCIFAKE_HOST/copy:v1"
	same "the digest of the copy" "$(digest copy v1)" "$wanted"
}

run_steps "$@"
