package spec

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
)

// Answers that let a client believe what is not so, or that the specification leaves open.

var answerStatements = []Statement{
	{
		ID: "malformed-refused", Text: "Every endpoint refuses a malformed digest, and a repository name that breaks the grammar.",
		Endpoint: "end-2 end-3 end-8a end-9 end-10 end-12a", Level: Must, Area: Pull, Source: Ours,
		check: refusesMalformed,
	}, {
		ID: "delete-unknown-repository", Text: "A deletion in a repository that does not exist is refused.",
		Endpoint: "end-9 end-10", Level: Must, Area: Management, Source: Ours,
		check: refusesDeletesInUnknown,
	}, {
		ID: "manifest-stored-or-refused", Text: "A manifest with missing references is accepted and can be pulled, or is refused and is not there.",
		Endpoint: "end-7 end-3", Level: Must, Area: Push, Source: Ours,
		check: storesOrRefuses,
	}, {
		ID: "mount-or-upload", Text: "A mount of a blob that exists is answered with 201 and the blob is there, or with 202 and the session of an upload.",
		Endpoint: "end-11 end-6", Level: Must, Area: Push, Source: Ours,
		check: mountsOrUploads,
	}, {
		ID: "condition-whole", Text: "An answer to a conditional request is 304, 412 or the whole content.",
		Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: Ours,
		check: conditionsLeaveContent,
	},
}

func refusesMalformed(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	for _, d := range []digest.Digest{"nonsense", "sha256:abc", "sha256:" + digest.Digest(strings.Repeat("G", 64)), ":abc"} {
		r.get(r.blob(d)).refuses()
		r.head(r.blob(d)).refuses()
		r.delete(r.blob(d)).refuses()
	}
	for _, d := range []digest.Digest{"sha256:abc", "sha256:" + digest.Digest(strings.Repeat("G", 64))} {
		r.get(r.manifest(d.String())).refuses()
		r.head(r.manifest(d.String())).refuses()
		r.delete(r.manifest(d.String())).refuses()
	}
	upper := repo{t, t.suite.target.prefix() + unique() + "/UPPER"}
	upper.get(upper.manifest("v1")).refuses()
	upper.head(upper.manifest("v1")).refuses()
	upper.get(upper.tags()).refuses()
	upper.get(upper.blob(digest.FromString(unique()))).refuses()
}

func refusesDeletesInUnknown(t *tester) {
	none := t.newRepo()
	unknown := t.nowhere()
	none.delete(none.manifest("v1")).refuses()
	none.delete(none.manifest(unknown.String())).refuses()
	none.delete(none.blob(unknown)).refuses()
}

func storesOrRefuses(t *tester) {
	r := t.newRepo()
	for i, m := range incomplete(r) {
		tag := fmt.Sprintf("v%d", i)
		stored := r.try(m, tag).status == http.StatusCreated
		for _, target := range []string{r.manifest(tag), r.manifest(m.digest().String())} {
			if stored {
				r.get(target).wants(http.StatusOK).is(m.body)
			} else {
				r.misses(target)
			}
		}
	}
}

func mountsOrUploads(t *tester) {
	from, to := t.newRepo(), t.newRepo()
	body, d := from.newBlob(64)
	a := to.mount(d, from.name).wants(http.StatusCreated, http.StatusAccepted)
	if a.status == http.StatusAccepted {
		to.commit(a.location(), body, d).wants(http.StatusCreated)
	}
	to.get(to.blob(d)).wants(http.StatusOK).is(body)
}

func conditionsLeaveContent(t *tester) {
	r := t.newRepo()
	for _, c := range existing(r) {
		values := []string{"*", `"another"`}
		if tag := r.get(c.target).wants(http.StatusOK).header.Get("Etag"); tag != "" {
			values = append(values, tag)
		}
		for _, value := range values {
			a := r.get(c.target, "If-None-Match", value).wants(http.StatusOK, http.StatusNotModified).digests(c.body)
			if a.status == http.StatusOK {
				a.is(c.body)
			}
		}
		if a := r.get(c.target, "If-Match", `"another"`).wants(http.StatusOK, http.StatusPreconditionFailed); a.status == http.StatusOK {
			a.is(c.body)
		}
	}
}
