#!/bin/sh
# The CI of a project that knows nothing of ocifake: it pulls from Docker Hub and GHCR.
set -eu
crane pull --format oci alpine:3 "$OUT/alpine"
crane pull --format oci ghcr.io/org/app:v1 "$OUT/app"
crane ls ghcr.io/org/app >"$OUT/tags"
oras pull --output "$OUT/chart" ghcr.io/org/chart:1.0
curl --fail --silent --show-error https://ghcr.io/v2/org/app/manifests/v1 \
	--header 'Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json' >"$OUT/manifest.json"
