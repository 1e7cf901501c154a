package registry_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var linkGrammar = regexp.MustCompile(`^<([^>]+)>; rel="next"$`)

// walk follows Link from target on and returns the bodies.
func (f fixture) walk(target string) [][]byte {
	f.t.Helper()
	var pages [][]byte
	for target != "" {
		require.Less(f.t, len(pages), 50, "the list does not end")
		resp := f.get(target)
		pages = append(pages, f.status(resp, http.StatusOK))
		target = ""
		if link := resp.Header.Get("Link"); link != "" {
			match := linkGrammar.FindStringSubmatch(link)
			require.NotNil(f.t, match, "Link: %s", link)
			target = match[1]
		}
	}
	return pages
}

func (f fixture) tags(target string) (pages [][]string) {
	f.t.Helper()
	for _, body := range f.walk(target) {
		var list struct {
			Name string
			Tags []string
		}
		require.NoError(f.t, json.Unmarshal(body, &list))
		require.Equal(f.t, "app", list.Name)
		require.NotNil(f.t, list.Tags)
		pages = append(pages, list.Tags)
	}
	return pages
}

func TestTagList(t *testing.T) {
	f := newFixture(t, registry.Options{})
	for _, tag := range []string{"b", "A", "a", "_", "a.1", "10", "9"} {
		f.pushImage("app", tag, "layer")
	}
	all := []string{"10", "9", "A", "_", "a", "a.1", "b"}
	const list = "/v2/app/tags/list"
	tests := []struct {
		query string
		want  [][]string
	}{
		{"", [][]string{all}},
		{"?n=3", [][]string{all[:3], all[3:6], all[6:]}},
		{"?n=7", [][]string{all}},
		{"?n=100", [][]string{all}},
		{"?n=0", [][]string{{}}},
		{"?n=2&last=_", [][]string{all[4:6], all[6:]}},
		{"?last=a", [][]string{all[5:]}},
		{"?last=Z", [][]string{all[3:]}},
		{"?last=zzz", [][]string{{}}},
		{"?last=" + url.QueryEscape("no/tag"), [][]string{{}}},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, f.tags(list+tt.query), "tags/list%s", tt.query)
	}
	for _, n := range []string{"-1", "x", "", "1.5", "99999999999999999999"} {
		f.status(f.get(list+"?n="+n), http.StatusBadRequest, "UNSUPPORTED")
	}
	f.status(f.get("/v2/none/tags/list"), http.StatusNotFound, "NAME_UNKNOWN")

	f.SetOptions(registry.Options{PageSize: 2})
	for _, query := range []string{"", "?n=5"} {
		assert.Equal(t, [][]string{all[:2], all[2:4], all[4:6], all[6:]}, f.tags(list+query))
	}
	f.pushBlob("bare", "x")
	assert.JSONEq(t, `{"name":"bare","tags":[]}`, string(f.status(f.get("/v2/bare/tags/list"), http.StatusOK)))
}

func TestCatalog(t *testing.T) {
	f := newFixture(t, registry.Options{})
	assert.JSONEq(t, `{"repositories":[]}`, string(f.status(f.get("/v2/_catalog"), http.StatusOK)))
	for _, repo := range []string{"b", "a/x", "a", "c"} {
		f.pushBlob(repo, "x")
	}
	repositories := func(target string) (pages [][]string) {
		for _, body := range f.walk(target) {
			var list struct{ Repositories []string }
			require.NoError(t, json.Unmarshal(body, &list))
			pages = append(pages, list.Repositories)
		}
		return pages
	}
	assert.Equal(t, [][]string{{"a", "a/x", "b", "c"}}, repositories("/v2/_catalog"))
	assert.Equal(t, [][]string{{"a", "a/x", "b"}, {"c"}}, repositories("/v2/_catalog?n=3"))
	assert.Equal(t, [][]string{{}}, repositories("/v2/_catalog?n=0"))
	f.status(f.get("/v2/_catalog?n=x"), http.StatusBadRequest, "UNSUPPORTED")

	f.SetOptions(registry.Options{Allow: deny("a/x", "c")})
	assert.Equal(t, [][]string{{"a", "b"}}, repositories("/v2/_catalog?n=2"))
}

// referrer is an artifact manifest for a subject, which has the size that is there
// if it exists.
func (f fixture) referrer(subject digest.Digest, artifactType string, annotations map[string]string) digest.Digest {
	f.t.Helper()
	manifest := f.image("app", "layer")
	manifest.ArtifactType, manifest.Annotations = artifactType, annotations
	size := f.do(http.MethodHead, "/v2/app/manifests/"+string(subject), nil).ContentLength
	manifest.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: subject, Size: max(0, size)}
	d := digest.FromBytes(encode(f.t, manifest))
	resp := f.put("app", string(d), ocispec.MediaTypeImageManifest, manifest)
	f.status(resp, http.StatusCreated)
	assert.Equal(f.t, string(subject), resp.Header.Get("OCI-Subject"))
	return d
}

func (f fixture) referrers(target string) (pages [][]ocispec.Descriptor) {
	f.t.Helper()
	for _, body := range f.walk(target) {
		var index ocispec.Index
		require.NoError(f.t, json.Unmarshal(body, &index))
		require.Equal(f.t, 2, index.SchemaVersion)
		require.Equal(f.t, ocispec.MediaTypeImageIndex, index.MediaType)
		require.NotNil(f.t, index.Manifests)
		pages = append(pages, index.Manifests)
	}
	return pages
}

// TestReferrersOfUnknownAlgorithm has a subject whose digest the registry does not
// compute.
func TestReferrersOfUnknownAlgorithm(t *testing.T) {
	f := newFixture(t, registry.Options{})
	const subject = "multihash+base58:QmRZxt2b1FVZPNqd8hsiykDL3TdBDeTSPX9Kv46HmX4Gx8"
	d := f.referrer(subject, "test/sbom", nil)
	got := f.referrers("/v2/app/referrers/" + subject)[0]
	require.Len(t, got, 1)
	assert.Equal(t, d, got[0].Digest)
	f.status(f.get("/v2/app/manifests/"+subject), http.StatusNotFound, "MANIFEST_UNKNOWN")
}

func TestReferrers(t *testing.T) {
	f := newFixture(t, registry.Options{})
	subject := f.pushImage("app", "v1", "layer").Digest
	list := "/v2/app/referrers/" + string(subject)

	resp := f.get(list)
	f.status(resp, http.StatusOK)
	assert.Equal(t, ocispec.MediaTypeImageIndex, resp.Header.Get("Content-Type"))
	assert.Equal(t, [][]ocispec.Descriptor{{}}, f.referrers(list))

	sbom := f.referrer(subject, "test/sbom", map[string]string{"k": "v"})
	plain := f.referrer(subject, "", nil)
	want := []digest.Digest{sbom, plain}
	slices.Sort(want)
	got := f.referrers(list)[0]
	require.Len(t, got, 2)
	for i, d := range got {
		assert.Equal(t, want[i], d.Digest)
		assert.Positive(t, d.Size)
		assert.Equal(t, ocispec.MediaTypeImageManifest, d.MediaType)
		if d.Digest == sbom {
			assert.Equal(t, "test/sbom", d.ArtifactType)
			assert.Equal(t, map[string]string{"k": "v"}, d.Annotations)
		} else {
			assert.Equal(t, ocispec.MediaTypeImageConfig, d.ArtifactType, "the config's media type")
		}
	}

	resp = f.get(list + "?artifactType=test/sbom")
	f.status(resp, http.StatusOK)
	assert.Equal(t, "artifactType", resp.Header.Get("OCI-Filters-Applied"))
	assert.Equal(t, sbom, f.referrers(list + "?artifactType=test/sbom")[0][0].Digest)
	assert.Empty(t, f.referrers(list + "?artifactType=none")[0])

	f.status(f.get("/v2/app/referrers/v1"), http.StatusBadRequest, "DIGEST_INVALID")
	f.status(f.get("/v2/app/referrers/sha256:bad"), http.StatusBadRequest, "DIGEST_INVALID")
	assert.Empty(t, f.referrers("/v2/none/referrers/" + string(subject))[0])

	// Deleting the subject keeps them; deleting one removes it.
	f.status(f.do(http.MethodDelete, "/v2/app/manifests/"+string(subject), nil), http.StatusAccepted)
	assert.Len(t, f.referrers(list)[0], 2)
	f.status(f.do(http.MethodDelete, "/v2/app/manifests/"+string(sbom), nil), http.StatusAccepted)
	assert.Equal(t, plain, f.referrers(list)[0][0].Digest)
	assert.Len(t, f.referrers(list)[0], 1)
}

func TestReferrerPages(t *testing.T) {
	f := newFixture(t, registry.Options{PageSize: 2})
	subject := digest.FromString("subject")
	var want []digest.Digest
	for i := range 5 {
		f.referrer(subject, "test/other", map[string]string{"i": fmt.Sprint(i)})
		want = append(want, f.referrer(subject, "test/sbom", map[string]string{"i": fmt.Sprint(i)}))
	}
	slices.Sort(want)
	var got []digest.Digest
	pages := f.referrers("/v2/app/referrers/" + string(subject) + "?artifactType=test%2Fsbom")
	assert.Len(t, pages, 3)
	for _, page := range pages {
		for _, d := range page {
			got = append(got, d.Digest)
		}
	}
	assert.Equal(t, want, got)
}

// A page is an index, and no longer than a manifest may be.
func TestReferrerPageSize(t *testing.T) {
	const limit = 64 << 10
	f := newFixture(t, registry.Options{MaxManifest: limit})
	subject := digest.FromString("subject")
	for i := range 5 {
		f.referrer(subject, "test/sbom", map[string]string{"long": strings.Repeat(fmt.Sprint(i), 25<<10)})
	}
	pages := f.walk("/v2/app/referrers/" + string(subject))
	assert.Len(t, pages, 3)
	for _, body := range pages {
		assert.Less(t, len(body), limit)
	}
}

func TestNoReferrers(t *testing.T) {
	f := newFixture(t, registry.Options{NoReferrers: true})
	subject := digest.FromString("subject")
	list := "/v2/app/referrers/" + string(subject)
	manifest := f.image("app", "layer")
	manifest.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: subject, Size: 1}
	resp := f.put("app", "a", ocispec.MediaTypeImageManifest, manifest)
	f.status(resp, http.StatusCreated)
	assert.Empty(t, resp.Header.Values("OCI-Subject"))
	f.status(f.get(list), http.StatusNotFound, "UNSUPPORTED")

	// What was pushed meanwhile is there once the API is on.
	f.SetOptions(registry.Options{})
	assert.Len(t, f.referrers(list)[0], 1)
}
