package spec

import (
	"bytes"
	"context"
	"net/http"
	"sync"

	"github.com/opencontainers/go-digest"
)

// Feature is an optional feature of a registry.
type Feature string

// The features.
const (
	DeleteBlob      Feature = "delete blob"
	DeleteManifest  Feature = "delete manifest"
	DeleteTag       Feature = "delete tag"
	Referrers       Feature = "referrers"
	ReferrersFilter Feature = "referrers filter"
	Mount           Feature = "mount"
	AnonymousMount  Feature = "anonymous mount"
	SinglePost      Feature = "single POST"
	Chunked         Feature = "chunked upload"
	UploadCancel    Feature = "upload cancel"
	Catalog         Feature = "catalog"
	SHA512          Feature = "sha512"
	SHA512Manifest  Feature = "sha512 manifests"
	Ranges          Feature = "ranges"
	Conditional     Feature = "conditional GET"
	ConditionalPut  Feature = "conditional PUT"
	TagParameters   Feature = "tag parameters"
	ManifestLimit   Feature = "manifest size limit"
	ReferenceCheck  Feature = "refusal of missing references"
	AnyDigest       Feature = "unrecognized digest algorithms"
	MovableTags     Feature = "movable tags"
)

// probes find out whether a registry has a feature. They look for the refusals
// that the specification allows; whatever else happens counts as having it, and
// the checks then show what is wrong.
var probes = map[Feature]func(*tester) bool{
	DeleteBlob: func(t *tester) bool {
		r := t.newRepo()
		_, d := r.newBlob(32)
		return !disabled(r.delete(r.blob(d)))
	},
	DeleteManifest: func(t *tester) bool {
		r := t.newRepo()
		m := r.pushImage("v1")
		return !disabled(r.delete(r.manifest(m.digest().String())))
	},
	DeleteTag: func(t *tester) bool {
		r := t.newRepo()
		r.pushImage("v1")
		return !disabled(r.delete(r.manifest("v1")))
	},
	Referrers: func(t *tester) bool {
		r := t.newRepo()
		subject := r.pushImage("v1").descriptor()
		if r.get(r.referrers(subject.Digest)).status != http.StatusNotFound {
			return true
		}
		m := r.newArtifact("application/vnd.example.x", about(subject))
		return r.try(m, m.digest().String()).header.Get("OCI-Subject") != ""
	},
	ReferrersFilter: func(t *tester) bool {
		r := t.newRepo()
		subject := r.pushImage("v1").descriptor()
		r.referring(r.newArtifact("application/vnd.example.x", about(subject)))
		a := r.get(with(r.referrers(subject.Digest), "artifactType", "application/vnd.example.x"))
		return a.header.Get("OCI-Filters-Applied") != ""
	},
	Mount: func(t *tester) bool {
		from, to := t.newRepo(), t.newRepo()
		_, d := from.newBlob(32)
		return to.mount(d, from.name).status != http.StatusAccepted
	},
	AnonymousMount: func(t *tester) bool {
		from, to := t.newRepo(), t.newRepo()
		_, d := from.newBlob(32)
		return to.mount(d, "").status != http.StatusAccepted
	},
	SinglePost: func(t *tester) bool { return t.newRepo().post(t.bytes(32)).status != http.StatusAccepted },
	Chunked: func(t *tester) bool {
		r := t.newRepo()
		a := r.chunk(r.start(), r.bytes(32), 0)
		return a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed
	},
	UploadCancel: func(t *tester) bool {
		a := t.delete(t.newRepo().start())
		return !disabled(a) && a.status != http.StatusNotFound
	},
	Catalog: func(t *tester) bool {
		t.newRepo().newBlob(32)
		return t.get("/v2/_catalog").status == http.StatusOK
	},
	SHA512: func(t *tester) bool {
		r := t.newRepo()
		body := r.bytes(32)
		d := digest.SHA512.FromBytes(body)
		a := r.do(http.MethodPost, with(r.uploads(), "digest-algorithm", digest.SHA512.String()), nil)
		if a.status == http.StatusBadRequest {
			return false
		}
		return r.commit(a.wants(http.StatusAccepted).location(), body, d).status != http.StatusBadRequest
	},
	SHA512Manifest: func(t *tester) bool {
		r := t.newRepo()
		m := r.newIndex(nil)
		d := digest.SHA512.FromBytes(m.body)
		return r.try(m, d.String()).status != http.StatusBadRequest
	},
	Ranges: func(t *tester) bool {
		r := t.newRepo()
		body, d := r.newBlob(32)
		a := r.get(r.blob(d), "Range", "bytes=0-3")
		return a.status != http.StatusOK || !bytes.Equal(a.body, body)
	},
	Conditional: func(t *tester) bool {
		r := t.newRepo()
		_, d := r.newBlob(32)
		tag := r.get(r.blob(d)).header.Get("Etag")
		return tag != "" && r.get(r.blob(d), "If-None-Match", tag).status != http.StatusOK
	},
	ConditionalPut: func(t *tester) bool {
		r := t.newRepo()
		r.pushImage("v1")
		return r.try(r.newImage(), "v1", "If-None-Match", "*").status != http.StatusCreated
	},
	TagParameters: func(t *tester) bool {
		r := t.newRepo()
		m := r.newImage()
		return r.try(m, m.digest().String()+"?tag=v1").header.Get("OCI-Tag") != "" || r.head(r.manifest("v1")).status == http.StatusOK
	},
	ManifestLimit: func(t *tester) bool {
		return t.newRepo().tryHuge().status != http.StatusCreated
	},
	ReferenceCheck: func(t *tester) bool {
		r := t.newRepo()
		for _, m := range incomplete(r) {
			if r.try(m, "v1").status == http.StatusCreated {
				return false
			}
		}
		return true
	},
	AnyDigest: func(t *tester) bool {
		r := t.newRepo()
		return r.try(r.newImage(unrecognizedSubject), "v1").status != http.StatusBadRequest
	},
	MovableTags: func(t *tester) bool {
		r := t.newRepo()
		r.pushImage("v1")
		switch r.try(r.newImage(), "v1").status {
		case http.StatusForbidden, http.StatusConflict, http.StatusMethodNotAllowed, http.StatusBadRequest:
			return false
		}
		return true
	},
}

// disabled reports whether an answer is that of a registry that has disabled what it was asked for.
func disabled(a *answer) bool {
	return a.status == http.StatusBadRequest || a.status == http.StatusMethodNotAllowed
}

// has reports whether the registry has a feature. It probes for it once.
func (s *Suite) has(ctx context.Context, f Feature) bool {
	if told, ok := s.target.Features[f]; ok {
		return told
	}
	s.mu.Lock()
	if s.features[f] == nil {
		s.features[f] = sync.OnceValue(func() bool {
			ctx, cancel := context.WithTimeout(ctx, statementTime)
			defer cancel()
			found := true
			newTester(ctx, s).run(func(t *tester) { found = probes[f](t) })
			return found
		})
	}
	found := s.features[f]
	s.mu.Unlock()
	return found()
}
