#!/usr/bin/env bash
# regctl, of regclient.
. "$(dirname "$0")/lib.sh"
needs regctl
context
layout "$work/layout"
app=$OCIFAKE_HOST/app
plain && regctl registry set --tls disabled "$OCIFAKE_HOST"

build() {
	regctl image create --created 2024-01-01T00:00:00Z "ocidir://$work/built:v1"
	regctl image mod --layer-add "dir=$work/context" --replace "ocidir://$work/built:v1"
	regctl image copy "ocidir://$work/built:v1" "$app:built"
	same "the digest of what was built" "$(digest app built)" "$(regctl image digest "ocidir://$work/built:v1")"
}

push() {
	regctl image copy "ocidir://$work/layout:v1" "$app:v1"
	same "the digest of what was pushed" "$(digest app v1)" "$(jq -r '.manifests[0].digest' "$work/layout/index.json")"
}

tag() {
	regctl image copy "$app:v1" "$app:v2"
	same "the digest of v2" "$(digest app v2)" "$(digest app v1)"
}

list() {
	regctl tag ls "$app" | has "the list of tags" v2
	regctl repo ls "$OCIFAKE_HOST" | has "the catalog" app
	same "the digest that regctl finds" "$(regctl image digest "$app:v1")" "$(digest app v1)"
}

pull() {
	regctl image copy "$app:v1" "ocidir://$work/pulled:v1"
	regctl image get-file "$app:v1" /payload >"$work/payload"
	same_file "$work/payload" "$work/context/payload"
	diff -r "$work/layout/blobs" "$work/pulled/blobs"
}

attach() {
	echo '{"sbom": true}' >"$work/sbom.json"
	regctl artifact put --artifact-type application/vnd.ocifake.sbom --subject "$app:v1" -f "$work/sbom.json" --file-media-type application/json
	echo later | regctl artifact put --artifact-type application/vnd.ocifake.note --subject "$app:v1"
}

discover() {
	local found='{{range .Descriptors}}{{println .ArtifactType}}{{end}}'
	same "the list of referrers" "$(regctl artifact list --filter-artifact-type application/vnd.ocifake.sbom --format "$found" "$app:v1" | grep .)" \
		application/vnd.ocifake.sbom
	same "the number of all referrers" "$(regctl artifact list --format "$found" "$app:v1" | grep -c .)" 2
	regctl artifact get --subject "$app:v1" --filter-artifact-type application/vnd.ocifake.sbom >"$work/discovered"
	same_file "$work/discovered" "$work/sbom.json"
}

copy() {
	regctl image copy --referrers "$app:v1" "$OCIFAKE_HOST/copy:v1"
	same "the digest of the copy" "$(digest copy v1)" "$(digest app v1)"
}

delete() {
	local sum
	sum=$(digest copy v1)
	regctl tag delete "$OCIFAKE_HOST/copy:v1"
	gone copy v1
	same "the digest without its tag" "$(digest copy "$sum")" "$sum"
	regctl manifest delete "$OCIFAKE_HOST/copy@$sum"
	gone copy "$sum"
}

run_steps "$@"
