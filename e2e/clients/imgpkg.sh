#!/usr/bin/env bash
# imgpkg, with a bundle that refers to an image.
. "$(dirname "$0")/lib.sh"
needs imgpkg
context
layout "$work/layout"
seed app v1 || die "no image in the registry"
bundle=$OCIFAKE_HOST/bundle
mkdir -p "$work/bundle/.imgpkg"
cp "$work/context/payload" "$work/bundle/"
cat >"$work/bundle/.imgpkg/images.yml" <<END
apiVersion: imgpkg.carvel.dev/v1alpha1
kind: ImagesLock
images:
- image: $OCIFAKE_HOST/app@sha256:$(seeded)
END

push() {
	imgpkg push -b "$bundle:v1" -f "$work/bundle" --lock-output "$work/lock.yml"
	grep -qF "image: $bundle@$(digest bundle v1)" "$work/lock.yml" || fail "the lock has another digest: $(cat "$work/lock.yml")"
}

tag() {
	imgpkg push -b "$bundle:v2" -f "$work/bundle"
	same "the digest of v2" "$(digest bundle v2)" "$(digest bundle v1)"
}

list() {
	imgpkg tag list -i "$bundle" --json | jq -r '.Tables[].Rows[].name' | has "the list of tags" v2
	imgpkg tag resolve -i "$bundle:v1" | has "the resolved tag" "$bundle@$(digest bundle v1)"
}

pull() {
	imgpkg pull -b "$bundle:v1" -o "$work/pulled"
	same_file "$work/pulled/payload" "$work/context/payload"
}

copy() {
	imgpkg copy -b "$bundle:v1" --to-repo "$OCIFAKE_HOST/relocated"
	digest relocated "$(digest bundle v1)"
	same "the digest of the image that came along" "$(digest relocated "sha256:$(seeded)")" "sha256:$(seeded)"
	imgpkg copy -b "$bundle:v1" --to-tar "$work/bundle.tar"
	imgpkg copy --tar "$work/bundle.tar" --to-repo "$OCIFAKE_HOST/carried"
	digest carried "$(digest bundle v1)"
}

no build "push makes the bundle"

run_steps "$@"
