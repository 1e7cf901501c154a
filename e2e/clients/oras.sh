#!/usr/bin/env bash
# oras, with a file, and an OCI image layout.
. "$(dirname "$0")/lib.sh"
needs oras
context
app=$OCIFAKE_HOST/app
flags=()
plain && flags=(--plain-http)

# oras repeats no flag that needs saying in each command.
o() {
	local command=("$1")
	shift
	case ${command[0]} in
	manifest | repo | blob)
		command+=("$1")
		shift
		;;
	esac
	oras "${command[@]}" "${flags[@]}" "$@"
}

push() {
	local pushed
	pushed=$(cd "$work/context" && o push --artifact-type application/vnd.ocifake.test --format go-template='{{.digest}}' "$app:v1" payload:text/plain)
	same "the digest that oras prints" "$pushed" "$(digest app v1)"
}

tag() {
	o tag "$app:v1" v2
	same "the digest of v2" "$(digest app v2)" "$(digest app v1)"
}

list() {
	o repo tags "$app" | has "the list of tags" v2
	o repo ls "$OCIFAKE_HOST" | has "the catalog" app
	same "the digest that oras resolves" "$(o resolve "$app:v1")" "$(digest app v1)"
}

pull() {
	o pull -o "$work/pulled" "$app:v1"
	same_file "$work/pulled/payload" "$work/context/payload"
}

attach() {
	echo '{"sbom": true}' >"$work/context/sbom.json"
	(cd "$work/context" && o attach --artifact-type application/vnd.ocifake.sbom "$app:v1" sbom.json:application/json)
	echo later >"$work/context/note"
	(cd "$work/context" && o attach --artifact-type application/vnd.ocifake.note "$app:v1" note:text/plain)
}

discover() {
	local found
	found=$(o discover --format json --artifact-type application/vnd.ocifake.sbom "$app:v1")
	same "the number of referrers" "$(jq '.referrers | length' <<<"$found")" 1
	o pull -o "$work/discovered" "$app@$(jq -r '.referrers[0].digest' <<<"$found")"
	same_file "$work/discovered/sbom.json" "$work/context/sbom.json"
	found=$(o discover --format json "$app:v1")
	same "the number of all referrers" "$(jq '.referrers | length' <<<"$found")" 2
}

copy() {
	local switch=()
	plain && switch=(--from-plain-http --to-plain-http)
	oras cp -r "${switch[@]}" "$app:v1" "$OCIFAKE_HOST/copy:v1"
	same "the digest of the copy" "$(digest copy v1)" "$(digest app v1)"
	same "the number of referrers of the copy" \
		"$(o discover --format json "$OCIFAKE_HOST/copy:v1" | jq '.referrers | length')" \
		"$(o discover --format json "$app:v1" | jq '.referrers | length')"
}

delete() {
	o manifest delete --force "$OCIFAKE_HOST/copy:v1"
	gone copy v1
}

no build "push makes the artifact"

run_steps "$@"
