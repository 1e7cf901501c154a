package spec_test

import (
	"net/http"
	"strings"

	"github.com/ocifake/ocifake/op"
)

var answerMutations = []mutation{
	{
		name: "a DELETE of a malformed digest succeeds", mutate: answered(func(a *reply) {
			if a.status == http.StatusBadRequest {
				a.become(http.StatusAccepted)
			}
		}, op.ManifestDelete, op.BlobDelete),
		fails: []string{"malformed-refused"},
	}, {
		name: "a repository name in upper case has tags", mutate: answered(func(a *reply) {
			if strings.HasSuffix(a.Repo, "/UPPER") {
				a.status, a.body = http.StatusOK, []byte(`{"name":"UPPER","tags":[]}`)
			}
		}, op.TagList),
		fails: []string{"malformed-refused"},
	}, {
		name: "a DELETE in an unknown repository succeeds", mutate: answered(func(a *reply) {
			if strings.Contains(string(a.body), "NAME_UNKNOWN") {
				a.become(http.StatusAccepted)
			}
		}, op.ManifestDelete, op.BlobDelete, op.TagDelete),
		fails: []string{"delete-unknown-repository", "manifest-delete-repository-unknown", "blob-delete-unknown"},
	}, {
		name: "a manifest with missing references is answered 201 and not stored", mutate: answered(func(a *reply) {
			if strings.Contains(string(a.body), "MANIFEST_BLOB_UNKNOWN") {
				a.become(http.StatusCreated)
			}
		}, op.ManifestPut),
		fails: []string{"manifest-stored-or-refused"},
	}, {
		name: "a mount is answered 202 without a session", mutate: status(http.StatusCreated, http.StatusAccepted, op.BlobMount),
		fails: []string{"mount-or-upload"}, broad: true,
	}, {
		name: "a request with If-None-Match is answered 200 without content", mutate: status(http.StatusNotModified, http.StatusOK, op.BlobGet, op.ManifestGet),
		fails: []string{"condition-whole"}, broad: true,
	}, {
		name: "a 304 has the digest of other content", mutate: answered(func(a *reply) {
			if a.status == http.StatusNotModified {
				a.header.Set("Docker-Content-Digest", otherDigest(a.header.Get("Docker-Content-Digest")))
			}
		}, op.BlobGet, op.ManifestGet),
		fails: []string{"condition-whole"},
	}, {
		name: "a POST of a whole blob tells the digest of other content", mutate: answered(func(a *reply) {
			if a.status == http.StatusCreated {
				a.header.Set("Docker-Content-Digest", otherDigest(a.header.Get("Docker-Content-Digest")))
			}
		}, op.BlobPost),
		fails: []string{"single-post-location"},
	},
}
