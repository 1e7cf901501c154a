#!/usr/bin/env bash
# A client in Python, with its standard library only.
. "$(dirname "$0")/lib.sh"
needs python3
context
REGISTRY_LOGIN=$(user)
export REGISTRY_LOGIN
script=$here/client.py

push() { same "the digest that it prints" "$(python3 "$script" push "$OCIFAKE_URL" app v1 "$work/context/payload")" "$(digest app v1)"; }

pull() {
	same "the digest that it prints" "$(python3 "$script" pull "$OCIFAKE_URL" app v1 "$work/payload")" "$(digest app v1)"
	same_file "$work/payload" "$work/context/payload"
}

run_steps "$@"
