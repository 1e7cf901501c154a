package registry_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// spoken is a registry with a dialect, with a config and a layer in the repository team/app/image.
type spoken struct {
	t             *testing.T
	handler       http.Handler
	config, layer digest.Digest
}

const (
	image      = "/v2/team/app/image"
	configText = `{"architecture":"amd64","os":"linux"}`
	layerText  = "text"
)

func speak(t *testing.T, d registry.Dialect) *spoken {
	t.Helper()
	return speakWith(t, registry.Options{Dialect: &d})
}

func speakWith(t *testing.T, options registry.Options) *spoken {
	t.Helper()
	g := registry.New(memstore.New(memstore.Options{}), options)
	s := &spoken{t, g.Speak(g), digest.FromString(configText), digest.FromString(layerText)}
	for _, text := range []string{configText, layerText} {
		s.ask(http.MethodPost, image+"/blobs/uploads/?digest="+string(digest.FromString(text)), text, http.StatusCreated)
	}
	return s
}

// ask sends a request, which must be answered with the status. A header field is a name and a value.
func (s *spoken) ask(method, target, body string, status int, header ...string) *http.Response {
	s.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	require.Equal(s.t, status, w.Code, "%s %s: %s", method, target, w.Body)
	return w.Result()
}

// put pushes an image with some more fields.
func (s *spoken) put(reference, layers, more string, status int) (*http.Response, string) {
	s.t.Helper()
	m := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[%s]%s}`,
		ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageConfig, s.config, len(configText), layers, more)
	return s.ask(http.MethodPut, image+"/manifests/"+reference, m, status, "Content-Type", ocispec.MediaTypeImageManifest), m
}

func (s *spoken) oneLayer() string {
	return fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, ocispec.MediaTypeImageLayer, s.layer, len(layerText))
}

func TestBlobTypes(t *testing.T) {
	const octets = "application/octet-stream"
	for blobType, want := range map[string][2]string{ // of a config, and of text that no manifest describes
		registry.OctetStream:        {octets, octets},
		registry.Described:          {ocispec.MediaTypeImageConfig, octets},
		registry.Sniffed:            {"text/plain; charset=utf-8", "text/plain; charset=utf-8"},
		registry.DescribedOrSniffed: {ocispec.MediaTypeImageConfig, "text/plain; charset=utf-8"},
	} {
		s := speak(t, registry.Dialect{BlobType: blobType})
		s.put("v1", "", "", http.StatusCreated)
		for i, d := range []digest.Digest{s.config, s.layer} {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				got := s.ask(method, image+"/blobs/"+string(d), "", http.StatusOK)
				assert.Equal(t, want[i], got.Header.Get("Content-Type"), "%s: %s", blobType, method)
			}
		}
	}
	empty := digest.FromString("")
	s := speak(t, registry.Dialect{BlobType: registry.Sniffed})
	s.ask(http.MethodPost, image+"/blobs/uploads/?digest="+string(empty), "", http.StatusCreated)
	s.ask(http.MethodGet, image+"/blobs/"+string(empty), "", http.StatusOK)
}

func TestUnroutedReferences(t *testing.T) {
	page := "404 page not found\n"
	for which, want := range map[string][2]bool{ // of what has the form of a digest, and of what has none
		registry.UnroutedNone: {false, false},
		registry.UnroutedAll:  {true, true},
		registry.UnroutedTags: {false, true},
	} {
		s := speak(t, registry.Dialect{Unrouted: which})
		for i, reference := range []string{"sha256:bad", ".bad"} {
			body, err := io.ReadAll(s.ask(http.MethodGet, image+"/manifests/"+reference, "", http.StatusNotFound).Body)
			require.NoError(t, err)
			assert.Equal(t, want[i], string(body) == page, "%q: %s", which, reference)
		}
	}
}

func TestStreamLength(t *testing.T) {
	s := speak(t, registry.Dialect{StreamLength: true})
	patch := func(header ...string) string {
		t.Helper()
		location := s.ask(http.MethodPost, image+"/blobs/uploads/", "", http.StatusAccepted).Header.Get("Location")
		return s.ask(http.MethodPatch, location, "0123", http.StatusAccepted, header...).Header.Get("Range")
	}
	assert.Equal(t, "0-4", patch())
	assert.Equal(t, "0-3", patch("Content-Range", "0-3"))
}

// The state is that before the closing PUT, but that of a POST has its content.
func TestCommitState(t *testing.T) {
	s := speak(t, registry.Dialect{CommitState: true})
	d := string(digest.FromString("01234567"))
	post := s.ask(http.MethodPost, image+"/blobs/uploads/?digest="+d, "01234567", http.StatusCreated)
	assert.Equal(t, "0-7", post.Header.Get("Range"))
	assert.NotEmpty(t, post.Header.Get("Docker-Upload-UUID"))

	location := s.ask(http.MethodPost, image+"/blobs/uploads/", "", http.StatusAccepted).Header.Get("Location")
	location = s.ask(http.MethodPatch, location, "0123", http.StatusAccepted).Header.Get("Location")
	put := s.ask(http.MethodPut, location+"&digest="+d, "4567", http.StatusCreated)
	assert.Equal(t, "0-3", put.Header.Get("Range"))
	assert.Contains(t, put.Header.Get("Location"), image+"/blobs/uploads/")
	assert.Equal(t, d, put.Header.Get("Docker-Content-Digest"))

	s.ask(http.MethodPost, image+"/blobs/uploads/?digest="+d, "other", http.StatusBadRequest)
}

// A chunk that begins before the session ends has a cause of its own, which is an UploadRange.
func TestRepeatedChunk(t *testing.T) {
	again := cause(t, "upload-repeated")
	assert.ErrorIs(t, again, registry.UploadRange)
	s := speak(t, registry.Dialect{Answers: []registry.Answer{{Causes: []registry.Cause{again}, Code: "AGAIN"}}})
	location := s.ask(http.MethodPost, image+"/blobs/uploads/", "", http.StatusAccepted).Header.Get("Location")
	first := s.ask(http.MethodPatch, location, "0123", http.StatusAccepted, "Content-Range", "0-3")
	for part, code := range map[string]string{"0-3": "AGAIN", "2-5": "AGAIN", "8-11": "BLOB_UPLOAD_INVALID", "x": "BLOB_UPLOAD_INVALID"} {
		got := s.ask(http.MethodPatch, first.Header.Get("Location"), "0123", http.StatusRequestedRangeNotSatisfiable, "Content-Range", part)
		assert.Contains(t, bodyOf(t, got), `"`+code+`"`, part)
		assert.Equal(t, "0-3", got.Header.Get("Range"))
	}
}

func TestEchoManifest(t *testing.T) {
	s := speak(t, registry.Dialect{EchoManifest: true})
	got, m := s.put("v1", "", "", http.StatusCreated)
	assert.Equal(t, m, bodyOf(t, got))
	assert.Equal(t, ocispec.MediaTypeImageManifest, got.Header.Get("Content-Type"))
	assert.NotEmpty(t, got.Header.Get("Location"))
}

func TestRefuseLayerless(t *testing.T) {
	s := speak(t, registry.Dialect{RefuseLayerless: true})
	got, _ := s.put("v1", "", "", http.StatusBadRequest)
	assert.Contains(t, bodyOf(t, got), "MANIFEST_INVALID")
	s.put("v1", s.oneLayer(), "", http.StatusCreated)
	s.ask(http.MethodPut, image+"/manifests/v2", `{"schemaVersion":2,"manifests":[]}`, http.StatusCreated, "Content-Type", ocispec.MediaTypeImageIndex)
}

// A malformed digest is refused, after the content if that is judged first, or accepted.
func TestMalformedDigests(t *testing.T) {
	const bad = image + "/manifests/sha256:bad"
	refused := func(s *spoken, reason string) {
		t.Helper()
		assert.Contains(t, bodyOf(t, s.ask(http.MethodPut, bad, "{}", http.StatusBadRequest, "Content-Type", ocispec.MediaTypeImageManifest)), reason)
	}
	strict := speak(t, registry.Dialect{})
	refused(strict, "DIGEST_INVALID")

	content := speak(t, registry.Dialect{ContentFirst: true})
	refused(content, "MANIFEST_INVALID")
	got, _ := content.put("sha256:bad", "", "", http.StatusBadRequest)
	assert.Contains(t, bodyOf(t, got), "DIGEST_INVALID")

	for _, reference := range []string{"sha256:bad", "foo:bar", "sha512:bad"} {
		s := speak(t, registry.Dialect{AnyReference: true})
		got, m := s.put(reference, "", "", http.StatusCreated)
		assert.Equal(t, string(digest.FromString(m)), got.Header.Get("Docker-Content-Digest"), reference)
	}
}

func TestListName(t *testing.T) {
	for from, want := range []string{"team/app/image", "app/image", "image", "image"} {
		s := speak(t, registry.Dialect{NameFrom: from})
		s.put("v1", "", "", http.StatusCreated)
		assert.JSONEq(t, fmt.Sprintf(`{"name":%q,"tags":["v1"]}`, want), bodyOf(t, s.ask(http.MethodGet, image+"/tags/list", "", http.StatusOK)))
	}
}

func TestReferrersOrder(t *testing.T) {
	const count = 5
	for order, place := range map[string]func(i int) int{
		registry.ReferrersNewest: func(i int) int { return count - 1 - i },
		registry.ReferrersOldest: func(i int) int { return i },
	} {
		s := speak(t, registry.Dialect{ReferrersOrder: order})
		_, subject := s.put("v1", "", "", http.StatusCreated)
		of := digest.FromString(subject)
		refer := func(i int) digest.Digest {
			_, m := s.put("referrer", "", fmt.Sprintf(`,"subject":{"mediaType":%q,"digest":%q,"size":%d},"annotations":{"n":"%d"}`,
				ocispec.MediaTypeImageManifest, of, len(subject), i), http.StatusCreated)
			return digest.FromString(m)
		}
		want := make([]string, count)
		for i := range count {
			want[place(i)] = string(refer(i))
		}
		refer(0) // again, which changes nothing
		var got []string
		target := image + "/referrers/" + string(of) + "?n=2"
		for target != "" {
			page := s.ask(http.MethodGet, target, "", http.StatusOK)
			for _, part := range strings.Split(bodyOf(t, page), `"digest":"`)[1:] {
				d, _, _ := strings.Cut(part, `"`)
				got = append(got, d)
			}
			target, _, _ = strings.Cut(strings.TrimPrefix(page.Header.Get("Link"), "<"), ">")
		}
		assert.Equal(t, want, got, order)
	}
}

func TestAnyDescriptor(t *testing.T) {
	data := `,"annotations":{"a":"b"},"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + string(digest.FromString("b")) + `","size":1,"data":"YQ=="}`
	layer := fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":99}`, ocispec.MediaTypeImageLayer, digest.FromString(layerText))
	sizeless := strings.Replace(layer, `,"size":99`, "", 1) // as docker writes it after a HEAD with Content-Length: 0
	lax := speak(t, registry.Dialect{AnyDescriptor: true})
	for _, m := range []struct{ layer, more string }{{"", data}, {layer, ""}, {sizeless, ""}} {
		speak(t, registry.Dialect{}).put("v1", m.layer, m.more, http.StatusBadRequest)
		lax.put("v1", m.layer, m.more, http.StatusCreated)
	}
}

func TestSHA512(t *testing.T) {
	const text = "content with two digests"
	sha512, sha256 := digest.SHA512.FromString(text), digest.FromString(text)
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[]}`, ocispec.MediaTypeImageIndex)
	byDigest := image + "/manifests/" + string(digest.SHA512.FromString(manifest))
	for _, tt := range []struct {
		what           string
		commit, put    int
		named          digest.Digest // by the answer to the blob
		other, mounted int           // status of the blob by its sha256 digest, and of a mount
	}{
		{registry.SHA512Kept, http.StatusCreated, http.StatusCreated, sha512, http.StatusNotFound, http.StatusCreated},
		{registry.SHA512Canonical, http.StatusCreated, http.StatusBadRequest, sha256, http.StatusOK, http.StatusCreated},
		{registry.SHA512Wrong, http.StatusBadRequest, http.StatusBadRequest, "", http.StatusNotFound, http.StatusAccepted},
	} {
		t.Run("sha512 "+string(tt.what), func(t *testing.T) {
			s := speak(t, registry.Dialect{SHA512: tt.what})
			post := s.ask(http.MethodPost, image+"/blobs/uploads/?digest="+string(sha512), text, tt.commit)
			assert.Equal(t, string(tt.named), post.Header.Get("Docker-Content-Digest"))

			location := s.ask(http.MethodPost, image+"/blobs/uploads/", "", http.StatusAccepted).Header.Get("Location")
			put := s.ask(http.MethodPut, location+"&digest="+string(sha512), text, tt.commit)
			assert.Equal(t, string(tt.named), put.Header.Get("Docker-Content-Digest"))

			s.ask(http.MethodHead, image+"/blobs/"+string(sha256), "", tt.other)
			s.ask(http.MethodPost, "/v2/other/blobs/uploads/?mount="+string(sha512)+"&from=team/app/image", "", tt.mounted)
			s.ask(http.MethodPut, byDigest, manifest, tt.put, "Content-Type", ocispec.MediaTypeImageIndex)
			if tt.commit == http.StatusCreated {
				head := s.ask(http.MethodHead, image+"/blobs/"+string(sha512), "", http.StatusOK)
				assert.Equal(t, string(tt.named), head.Header.Get("Docker-Content-Digest"))
				get := s.ask(http.MethodGet, image+"/blobs/"+string(sha512), "", http.StatusOK)
				body, err := io.ReadAll(get.Body)
				require.NoError(t, err)
				assert.Equal(t, text, string(body))
			}
		})
	}
}

// A manifest is referred to by an index that has it, and not by a manifest of which it is the subject.
func TestDeleteReferenced(t *testing.T) {
	s := speak(t, registry.Dialect{DeleteReferenced: true, AnyDescriptor: true})
	_, m := s.put("v1", "", "", http.StatusCreated)
	descriptor := fmt.Sprintf(`{"mediaType":%q,"digest":%q,"size":%d}`, ocispec.MediaTypeImageManifest, digest.FromString(m), len(m))
	s.put("referrer", "", `,"subject":`+descriptor, http.StatusCreated)
	s.ask(http.MethodDelete, image+"/manifests/"+string(digest.FromString(m)), "", http.StatusAccepted)

	_, m = s.put("v1", "", "", http.StatusCreated)
	index := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"manifests":[%s]}`, ocispec.MediaTypeImageIndex, descriptor)
	s.ask(http.MethodPut, image+"/manifests/index", index, http.StatusCreated, "Content-Type", ocispec.MediaTypeImageIndex)
	s.ask(http.MethodDelete, image+"/manifests/"+string(digest.FromString(m)), "", http.StatusForbidden)
}

func TestDropUntagged(t *testing.T) {
	s := speak(t, registry.Dialect{DropUntagged: true})
	get := func(m string, status int) {
		t.Helper()
		s.ask(http.MethodGet, image+"/manifests/"+string(digest.FromString(m)), "", status)
	}
	_, first := s.put("v1", "", "", http.StatusCreated)
	s.put("other", "", "", http.StatusCreated)
	_, second := s.put("v1", s.oneLayer(), "", http.StatusCreated)
	get(first, http.StatusOK) // it has another tag
	s.put("other", s.oneLayer(), "", http.StatusCreated)
	get(first, http.StatusNotFound)
	get(second, http.StatusOK)
	s.put("other", s.oneLayer(), "", http.StatusCreated) // again
	get(second, http.StatusOK)
}

func TestRefuseDocker(t *testing.T) {
	const manifest, config = "application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.container.image.v1+json"
	s := speak(t, registry.Dialect{RefuseDocker: true})
	m := fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":%q,"digest":%q,"size":%d},"layers":[]}`, manifest, config, s.config, len(configText))
	assert.Contains(t, bodyOf(t, s.ask(http.MethodPut, image+"/manifests/v1", m, http.StatusBadRequest, "Content-Type", manifest)), "MANIFEST_INVALID")
	s.put("v1", "", "", http.StatusCreated)
}

func TestMountOnHead(t *testing.T) {
	s := speak(t, registry.Dialect{MountOnHead: true})
	const other = "/v2/team/other"
	blob := other + "/blobs/" + string(s.layer)
	s.ask(http.MethodPost, other+"/blobs/uploads/?digest="+string(s.config), configText, http.StatusCreated)
	s.ask(http.MethodGet, blob, "", http.StatusNotFound)
	s.ask(http.MethodHead, blob, "", http.StatusOK)
	s.ask(http.MethodGet, blob, "", http.StatusOK)
	s.ask(http.MethodHead, other+"/blobs/"+string(digest.FromString("absent")), "", http.StatusNotFound)

	s = speak(t, registry.Dialect{MountOnHead: true})
	s.ask(http.MethodGet, blob, "", http.StatusPartialContent, "Range", "bytes=0-1")
	s.ask(http.MethodGet, blob, "", http.StatusOK)
}

func TestReferrersUnlinked(t *testing.T) {
	s := speak(t, registry.Dialect{ReferrersUnlinked: true})
	subject := fmt.Sprintf(`,"subject":{"mediaType":%q,"digest":%q,"size":%d}`, ocispec.MediaTypeImageManifest, digest.FromString("absent"), 6)
	s.put("v1", "", subject, http.StatusCreated)
	s.put("v2", s.oneLayer(), subject, http.StatusCreated)
	for _, query := range []string{"", "?n=1", "?n=bad"} {
		got := s.ask(http.MethodGet, image+"/referrers/"+string(digest.FromString("absent"))+query, "", http.StatusOK)
		assert.Empty(t, got.Header.Get("Link"))
		assert.Equal(t, 2, strings.Count(bodyOf(t, got), `"digest"`), query)
	}
}

func TestNeedAccept(t *testing.T) {
	const docker = "application/vnd.docker.distribution.manifest.v2+json"
	for need, status := range map[bool]int{false: http.StatusOK, true: http.StatusNotFound} {
		s := speakWith(t, registry.Options{StrictAccept: true, Dialect: &registry.Dialect{NeedAccept: need}})
		_, m := s.put("v1", "", "", http.StatusCreated)
		s.ask(http.MethodGet, image+"/manifests/v1", "", status)
		s.ask(http.MethodGet, image+"/manifests/v1", "", status, "Accept", "*/*")
		s.ask(http.MethodGet, image+"/manifests/v1", "", status, "Accept", "text/html, application/*")
		s.ask(http.MethodGet, image+"/manifests/v1", "", http.StatusOK, "Accept", "text/html, "+ocispec.MediaTypeImageManifest)
		s.ask(http.MethodGet, image+"/manifests/v1", "", http.StatusNotFound, "Accept", ocispec.MediaTypeImageIndex)

		s.ask(http.MethodPut, image+"/manifests/old", strings.ReplaceAll(m, ocispec.MediaTypeImageManifest, docker), http.StatusCreated, "Content-Type", docker)
		s.ask(http.MethodGet, image+"/manifests/old", "", http.StatusOK)
		s.ask(http.MethodGet, image+"/manifests/old", "", http.StatusOK, "Accept", "*/*")
	}
}
