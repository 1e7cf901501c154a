#!/bin/sh
# Pulls the manifests of app, and tries again what fails: the client under test.
set -eu
for tag in v1 v2 v3; do
	for attempt in 1 2 3; do
		if curl -fsS -o /dev/null "$OCIFAKE_URL/v2/app/manifests/$tag"; then
			continue 2
		fi
	done
	echo "cannot pull $OCIFAKE_HOST/app:$tag" >&2
	exit 1
done
