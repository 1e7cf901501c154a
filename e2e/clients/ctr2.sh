#!/usr/bin/env bash
# The steps of ctr.sh, with the newest containerd.
. "$(dirname "$0")/ctr.sh"
