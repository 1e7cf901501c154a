#!/usr/bin/env bash
# helm 3, with a chart.
. "$(dirname "$0")/lib.sh"
needs helm gpg
charts=oci://$OCIFAKE_HOST/charts
flags=()
plain && flags=(--plain-http)

build() {
	helm create "$work/app"
	helm package --version 1.0.0 -d "$work" "$work/app"
}

push() {
	helm push "${flags[@]}" "$work/app-1.0.0.tgz" "$charts" 2>&1 | tee "$work/pushed"
	same "the digest that helm prints" "$(sed -n 's/^Digest: //p' "$work/pushed")" "$(digest charts/app 1.0.0)"
}

pull() {
	mkdir -p "$work/pulled"
	helm pull "${flags[@]}" -d "$work/pulled" --version 1.0.0 "$charts/app"
	same_file "$work/pulled/app-1.0.0.tgz" "$work/app-1.0.0.tgz"
	same "the chart's version" "$(helm show chart "${flags[@]}" --version 1.0.0 "$charts/app" | sed -n 's/^version: //p')" 1.0.0
}

list() {
	remark "pull lists the tags to find the newest version of a range"
	helm package --version 1.1.0 -d "$work" "$work/app"
	helm push "${flags[@]}" "$work/app-1.1.0.tgz" "$charts"
	mkdir -p "$work/listed"
	helm pull "${flags[@]}" -d "$work/listed" --version '^1.0.0' "$charts/app"
	same_file "$work/listed/app-1.1.0.tgz" "$work/app-1.1.0.tgz"
}

# sign makes a key in a keyring of the old format, which helm reads.
sign() {
	export GNUPGHOME=$work/gpg
	mkdir -m 700 "$GNUPGHOME"
	gpg --batch --quiet --passphrase '' --quick-generate-key 'ocifake <ocifake@example.test>' rsa2048 sign never
	gpg --batch --quiet --export-secret-keys >"$work/secret.gpg"
	gpg --batch --quiet --export >"$work/public.gpg"
	gpgconf --kill all
	helm package --version 2.0.0 --sign --key ocifake --keyring "$work/secret.gpg" -d "$work" "$work/app"
	helm push "${flags[@]}" "$work/app-2.0.0.tgz" "$charts"
}

verify() {
	mkdir -p "$work/verified"
	helm pull "${flags[@]}" --verify --keyring "$work/public.gpg" -d "$work/verified" --version 2.0.0 "$charts/app"
	same_file "$work/verified/app-2.0.0.tgz.prov" "$work/app-2.0.0.tgz.prov"
	mkdir "$work/unsigned"
	refused helm pull "${flags[@]}" --verify --keyring "$work/public.gpg" -d "$work/unsigned" --version 1.0.0 "$charts/app"
}

run_steps "$@"
