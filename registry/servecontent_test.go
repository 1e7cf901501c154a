package registry_test

import (
	"context"
	"iter"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

func TestServeBlobs(t *testing.T) {
	for _, d := range []registry.Dialect{{ServeBlobs: true}, {ServeBlobs: true, NoEntityTag: true}} {
		s := speak(t, d)
		blob := image + "/blobs/" + string(s.layer)
		etag := `"` + string(s.layer) + `"`

		got := s.ask(http.MethodGet, blob, "", http.StatusOK)
		assert.Equal(t, layerText, bodyOf(t, got))
		assert.Equal(t, "bytes", got.Header.Get("Accept-Ranges"))
		assert.Equal(t, "application/octet-stream", got.Header.Get("Content-Type"))
		assert.Equal(t, "4", got.Header.Get("Content-Length"))
		assert.Equal(t, string(s.layer), got.Header.Get("Docker-Content-Digest"))
		assert.Equal(t, d.NoEntityTag, got.Header.Get("ETag") == "")

		got = s.ask(http.MethodHead, blob, "", http.StatusPartialContent, "Range", "bytes=1-2")
		assert.Empty(t, bodyOf(t, got))
		assert.Equal(t, "bytes 1-2/4", got.Header.Get("Content-Range"))
		got = s.ask(http.MethodGet, blob, "", http.StatusPartialContent, "Range", "bytes=0-0,2-2")
		assert.Contains(t, got.Header.Get("Content-Type"), "multipart/byteranges")

		got = s.ask(http.MethodGet, blob, "", http.StatusRequestedRangeNotSatisfiable, "Range", "bytes=9-")
		assert.Equal(t, "bytes */4", got.Header.Get("Content-Range"))
		assert.Contains(t, bodyOf(t, got), "UNSUPPORTED")
		got = s.ask(http.MethodGet, blob, "", http.StatusRequestedRangeNotSatisfiable, "Range", "pages=0-1")
		assert.Empty(t, got.Header.Get("Content-Range"))

		status := http.StatusNotModified
		if d.NoEntityTag {
			status = http.StatusOK // no tag is that of the content
		}
		got = s.ask(http.MethodGet, blob, "", status, "If-None-Match", etag)
		assert.Equal(t, status == http.StatusOK, got.Header.Get("Accept-Ranges") != "")
		s.ask(http.MethodGet, blob, "", http.StatusNotModified, "If-None-Match", "*")
		got = s.ask(http.MethodGet, blob, "", http.StatusPreconditionFailed, "If-Match", `"other"`)
		assert.Empty(t, bodyOf(t, got))
	}
}

// failingStore has blobs and lists of manifests that cannot be read to their end.
type failingStore struct{ registry.Store }

func (s failingStore) OpenBlob(ctx context.Context, repo string, d digest.Digest) (registry.Blob, error) {
	blob, err := s.Store.OpenBlob(ctx, repo, d)
	return failingBlob{blob}, err
}

func (s failingStore) Manifests(context.Context, string, digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	return func(yield func(ocispec.Descriptor, error) bool) { yield(ocispec.Descriptor{}, assert.AnError) }
}

type failingBlob struct{ registry.Blob }

func (b failingBlob) ReadAt(p []byte, at int64) (int, error) {
	return 0, assert.AnError
}

// A body that is not complete does not end as if it were.
func TestServeBlobsBroken(t *testing.T) {
	s := speak(t, registry.Dialect{ServeBlobs: true})
	store := memstore.New(memstore.Options{})
	g := registry.New(store, registry.Options{})
	s.handler = g
	s.ask(http.MethodPost, image+"/blobs/uploads/?digest="+string(s.layer), layerText, http.StatusCreated)
	s.handler = registry.New(failingStore{store}, registry.Options{Dialect: &registry.Dialect{ServeBlobs: true}})
	assert.PanicsWithValue(t, http.ErrAbortHandler, func() {
		s.ask(http.MethodGet, image+"/blobs/"+string(s.layer), "", http.StatusOK)
	})
}

func TestServeManifests(t *testing.T) {
	s := speak(t, registry.Dialect{ServeManifests: true, NoEntityTag: true})
	_, m := s.put("v1", "", "", http.StatusCreated)
	got := s.ask(http.MethodGet, image+"/manifests/v1", "", http.StatusOK)
	assert.Equal(t, m, bodyOf(t, got))
	assert.Equal(t, ocispec.MediaTypeImageManifest, got.Header.Get("Content-Type"))
	got = s.ask(http.MethodGet, image+"/manifests/v1", "", http.StatusPartialContent, "Range", "bytes=2-9")
	assert.Equal(t, m[2:10], bodyOf(t, got))
	s.ask(http.MethodGet, image+"/manifests/v1", "", http.StatusNotModified, "If-None-Match", "*")
	s.ask(http.MethodGet, image+"/manifests/v1", "", http.StatusPreconditionFailed, "If-Match", `"other"`)
	got = s.ask(http.MethodGet, image+"/manifests/v1", "", http.StatusRequestedRangeNotSatisfiable, "Range", "bytes=x")
	assert.Contains(t, bodyOf(t, got), "UNSUPPORTED")
}

// The answers of a dialect are also those of content that is served.
func TestServedAnswers(t *testing.T) {
	body := "replaced"
	s := speak(t, registry.Dialect{ServeBlobs: true, Answers: []registry.Answer{
		{Header: map[string][]string{"Cache-Control": {"no-cache"}}, Body: &body},
	}})
	got := s.ask(http.MethodGet, image+"/blobs/"+string(s.layer), "", http.StatusOK)
	assert.Equal(t, body, bodyOf(t, got))
	assert.Equal(t, "no-cache", got.Header.Get("Cache-Control"))
}

func TestPlainCondition(t *testing.T) {
	s := speak(t, registry.Dialect{PlainCondition: true})
	_, m := s.put("v1", "", "", http.StatusCreated)
	d := string(digest.FromString(m))
	for _, tag := range []string{`"` + d + `"`, d} {
		got := s.ask(http.MethodGet, image+"/manifests/v1", "", http.StatusNotModified, "If-None-Match", tag)
		assert.Empty(t, got.Header.Get("ETag"))
		assert.Empty(t, got.Header.Get("Docker-Content-Digest"))
	}
	for _, header := range [][]string{{"If-None-Match", "*"}, {"If-None-Match", `W/"` + d + `"`}, {"If-Match", `"other"`}} {
		got := s.ask(http.MethodGet, image+"/manifests/v1", "", http.StatusOK, header...)
		assert.Equal(t, `"`+d+`"`, got.Header.Get("ETag"))
	}
	s.ask(http.MethodGet, image+"/blobs/"+string(s.layer), "", http.StatusPreconditionFailed, "If-Match", `"other"`)
}

func TestClosedRange(t *testing.T) {
	s := speak(t, registry.Dialect{ClosedRange: true})
	for text, want := range map[string]string{
		"bytes=1-2": "bytes 1-2/4", "bytes=0-3": "bytes 0-3/4", "bytes=0-0,2-3": "bytes 0-0/4",
		"bytes=1-": "", "bytes=-2": "", "bytes=0-4": "", "bytes=4-5": "", "bytes=2-1": "", "pages=0-1": "", "bytes=": "", "bytes=99999999999999999999-0": "",
	} {
		status := http.StatusPartialContent
		if want == "" {
			status, want = http.StatusRequestedRangeNotSatisfiable, "bytes */4"
		}
		got := s.ask(http.MethodGet, image+"/blobs/"+string(s.layer), "", status, "Range", text)
		assert.Equal(t, want, got.Header.Get("Content-Range"), text)
	}
	s.ask(http.MethodHead, image+"/blobs/"+string(s.layer), "", http.StatusOK, "Range", "bytes=-2")
	s.ask(http.MethodGet, image+"/blobs/"+string(s.layer), "", http.StatusOK)

	empty := string(digest.FromString(""))
	s.ask(http.MethodPost, image+"/blobs/uploads/?digest="+empty, "", http.StatusCreated)
	s.ask(http.MethodGet, image+"/blobs/"+empty, "", http.StatusRequestedRangeNotSatisfiable, "Range", "bytes=0-0")
}

func TestNegativeRange(t *testing.T) {
	s := speak(t, registry.Dialect{NegativeRange: true})
	start := s.ask(http.MethodPost, image+"/blobs/uploads/", "", http.StatusAccepted)
	assert.Equal(t, "0-0", start.Header.Get("Range"))
	location := start.Header.Get("Location")
	assert.Equal(t, "0--1", s.ask(http.MethodGet, location, "", http.StatusNoContent).Header.Get("Range"))
	got := s.ask(http.MethodPatch, location, "text", http.StatusRequestedRangeNotSatisfiable, "Content-Range", "4-7")
	assert.Equal(t, "0--1", got.Header.Get("Range"))
	got = s.ask(http.MethodPatch, location, "text", http.StatusAccepted)
	assert.Equal(t, "0-3", got.Header.Get("Range"))
}

func TestHideBlobs(t *testing.T) {
	s := speak(t, registry.Dialect{HideBlobs: true})
	unknown := func(target string) {
		t.Helper()
		assert.Contains(t, bodyOf(t, s.ask(http.MethodGet, image+target, "", http.StatusNotFound)), "NAME_UNKNOWN")
	}
	referrers := "/referrers/" + string(s.layer)
	unknown("/tags/list")
	unknown("/manifests/v1")
	unknown(referrers)
	s.ask(http.MethodGet, image+"/blobs/"+string(s.layer), "", http.StatusOK)

	s.put("v1", "", "", http.StatusCreated)
	for range 2 { // also after the manifest has gone
		s.ask(http.MethodGet, image+"/tags/list", "", http.StatusOK)
		s.ask(http.MethodGet, image+referrers, "", http.StatusOK)
		assert.Contains(t, bodyOf(t, s.ask(http.MethodGet, image+"/manifests/v2", "", http.StatusNotFound)), "MANIFEST_UNKNOWN")
		_, m := s.put("v1", "", "", http.StatusCreated)
		s.ask(http.MethodDelete, image+"/manifests/"+string(digest.FromString(m)), "", http.StatusAccepted)
	}
}

func TestHideUntagged(t *testing.T) {
	s := speak(t, registry.Dialect{HideUntagged: true})
	list := func(status int) string {
		t.Helper()
		return bodyOf(t, s.ask(http.MethodGet, image+"/tags/list", "", status))
	}
	assert.Contains(t, list(http.StatusNotFound), "NAME_UNKNOWN")
	s.put("v1", "", "", http.StatusCreated)
	assert.Contains(t, list(http.StatusOK), "v1")
}

func TestLinkWhen(t *testing.T) {
	for when, want := range map[string][4]bool{ // one of two, two of two, three of two, without n
		registry.LinkMore:   {true, false, false, false},
		registry.LinkFull:   {true, true, false, false},
		registry.LinkAlways: {true, true, true, true},
	} {
		s := speak(t, registry.Dialect{LinkWhen: when})
		s.put("a", "", "", http.StatusCreated)
		s.put("b", "", "", http.StatusCreated)
		for i, query := range []string{"?n=1", "?n=2", "?n=3", ""} {
			got := s.ask(http.MethodGet, image+"/tags/list"+query, "", http.StatusOK)
			assert.Equal(t, want[i], got.Header.Get("Link") != "", "%q %s", when, query)
		}
	}
}

func TestAnySubject(t *testing.T) {
	s := speak(t, registry.Dialect{AnySubject: true})
	s.put("v1", "", "", http.StatusCreated)
	for _, d := range []string{"sha256:bad", "nonsense"} {
		assert.Contains(t, bodyOf(t, s.ask(http.MethodGet, image+"/referrers/"+d, "", http.StatusOK)), `"manifests":[]`)
	}
}

// A Store that fails does not make a repository unknown.
func TestHideBlobsBroken(t *testing.T) {
	s := speak(t, registry.Dialect{})
	s.handler = registry.New(failingStore{memstore.New(memstore.Options{})}, registry.Options{Dialect: &registry.Dialect{HideBlobs: true}})
	s.ask(http.MethodPost, image+"/blobs/uploads/?digest="+string(s.layer), layerText, http.StatusCreated)
	for _, target := range []string{"/tags/list", "/manifests/v1", "/referrers/" + string(s.layer)} {
		s.ask(http.MethodGet, image+target, "", http.StatusInternalServerError)
	}
}
