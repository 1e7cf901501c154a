#!/usr/bin/env bash
# conftest, with a policy.
. "$(dirname "$0")/lib.sh"
needs conftest
policies=$OCIFAKE_HOST/policies
flags=(--tls=true) # a loopback address is plain HTTP otherwise
plain && flags=(--tls=false)
mkdir "$work/policy"
printf 'package main\n\ndeny contains "no name" if not input.name\n' >"$work/policy/name.rego"

push() {
	conftest push "${flags[@]}" --policy "$work/policy" "$policies:v1"
	digest policies v1
}

pull() {
	(cd "$work" && conftest pull "${flags[@]}" --policy pulled "$policies:v1")
	same_file "$(find "$work/pulled" -name name.rego)" "$work/policy/name.rego"
	echo '{"name": "app"}' >"$work/good.json"
	echo '{}' >"$work/bad.json"
	conftest test --policy "$work/pulled" "$work/good.json"
	refused conftest test --policy "$work/pulled" "$work/bad.json"
}


run_steps "$@"
