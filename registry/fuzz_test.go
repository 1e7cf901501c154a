package registry_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

// script reads choices from fuzzed bytes; when they run out, the first choice is
// taken.
type script struct{ data []byte }

func (s *script) byte() int {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	return int(b)
}

func (s *script) text() string {
	n := min(s.byte(), len(s.data))
	text := string(s.data[:n])
	s.data = s.data[n:]
	return text
}

// pick chooses one of the values, or something arbitrary.
func (s *script) pick(values ...string) string {
	i := s.byte() % (len(values) + 1)
	if i == len(values) {
		return s.text()
	}
	return values[i]
}

// attacker keeps what a registry handed out, to use it rightly and wrongly.
type attacker struct {
	script
	g         *registry.Registry
	locations []string
	contents  []string
}

var (
	fuzzIndex = `{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[]}`
	fuzzImage = fmt.Sprintf(`{"schemaVersion":2,"config":{"mediaType":"a/b","digest":%q,"size":2},"layers":[],"subject":{"mediaType":%q,"digest":%q,"size":%d}}`,
		digest.FromString("{}"), ocispec.MediaTypeImageIndex, digest.FromString(fuzzIndex), len(fuzzIndex))
	fuzzLying = strings.Replace(fuzzImage, `"size":2`, `"size":3`, 1)
)

func (a *attacker) content() string { return a.pick(a.contents...) }

func (a *attacker) digest() string {
	content := a.content()
	return a.pick(string(digest.FromString(content)), string(digest.SHA512.FromString(content)))
}

func (a *attacker) target() string {
	repo := a.pick("app", "lib/base")
	switch a.byte() % 8 {
	case 0:
		return "/v2/" + repo + "/blobs/uploads/?" + a.pick("", "digest="+a.digest(), "mount="+a.digest()+"&from="+a.pick("app", "lib/base"), "mount="+a.digest())
	case 1:
		location := a.pick(a.locations...)
		return location + a.pick("", "&digest="+a.digest(), "?digest="+a.digest())
	case 2:
		return "/v2/" + repo + "/blobs/" + a.digest()
	case 3:
		return "/v2/" + repo + "/manifests/" + a.pick("v1", "v2", a.digest(), a.digest()+"?tag=v3&tag=v4")
	case 4:
		return "/v2/" + repo + "/tags/list?n=" + a.pick("1", "0") + "&last=" + a.text()
	case 5:
		return "/v2/" + repo + "/referrers/" + a.digest() + "?artifactType=" + a.text()
	case 6:
		return a.pick("/v2/", "/v2/_catalog", "/v2/_catalog?n=1")
	default:
		return "/" + a.text()
	}
}

// request is one that an HTTP server could have let through.
func (a *attacker) request() *http.Request {
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
	u, err := url.ParseRequestURI(a.target())
	if err != nil {
		return nil
	}
	content := a.content()
	r := httptest.NewRequest(methods[a.byte()%len(methods)], "/", bytes.NewReader([]byte(content)))
	r.URL, r.RequestURI = u, u.RequestURI()
	r.ContentLength = []int64{int64(len(content)), -1, 0, int64(len(content))}[a.byte()%4]
	if r.ContentLength == 0 {
		r.Body = http.NoBody
	}
	for _, name := range []string{"Content-Range", "Range", "Content-Type", "If-Match", "If-None-Match"} {
		if a.byte()%4 == 1 {
			r.Header.Set(name, a.pick("0-1", "bytes=0-1", "2-", "*", ocispec.MediaTypeImageIndex, ocispec.MediaTypeImageManifest, "application/octet-stream"))
		}
	}
	return r
}

// FuzzHandler throws requests at a registry: none of them may make it panic, fail
// or answer against the specification, and its content stays consistent.
func FuzzHandler(f *testing.F) {
	for seed := range 32 {
		data := make([]byte, 400)
		for i := range data {
			data[i] = byte(seed * (i + 7) >> (seed % 5))
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		store := memstore.New(memstore.Options{MaxBytes: 8 << 20, MaxUploads: 20})
		a := &attacker{
			script:   script{data},
			g:        registry.New(store, registry.Options{PageSize: 3}),
			contents: []string{"", "{}", text, fuzzIndex, fuzzImage, fuzzLying},
		}
		for range 100 {
			if len(a.data) == 0 {
				break
			}
			if r := a.request(); r != nil {
				w := httptest.NewRecorder()
				a.g.ServeHTTP(w, r)
				a.judge(t, r, w.Result())
			}
		}
		for _, location := range a.locations {
			a.g.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodDelete, location, nil))
		}
		// Deletes leave references dangling, and that is allowed.
		require.NoError(t, content.Check(t.Context(), store, content.CheckOptions{AllowSparse: true, AllowUploads: true}))
	})
}

func (a *attacker) judge(t *testing.T, r *http.Request, resp *http.Response) {
	what := fmt.Sprintf("%s %s: %d", r.Method, r.RequestURI, resp.StatusCode)
	require.Less(t, resp.StatusCode, 500, what)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	if location := resp.Header.Get("Location"); resp.StatusCode == http.StatusAccepted && location != "" {
		a.locations = append(a.locations, location)
	}
	if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") == "application/json" && r.Method != http.MethodHead {
		require.NotEmpty(t, errorsIn(t, body), what)
	}
	if d := digest.Digest(resp.Header.Get("Docker-Content-Digest")); resp.StatusCode == http.StatusOK && r.Method == http.MethodGet && d != "" {
		require.Equal(t, d, d.Algorithm().FromBytes(body), what)
	}
}

func FuzzRange(f *testing.F) {
	for _, seed := range []string{"bytes=0-", "bytes=-1", "bytes=3-2", "bytes=0-99999999999999999999", "bytes=1-1,2-2"} {
		f.Add(seed, int64(10))
	}
	content := bytes.Repeat([]byte("0123456789"), 100)
	g := registry.New(memstore.New(memstore.Options{}), registry.Options{})
	fixed := map[int64]digest.Digest{}
	f.Fuzz(func(t *testing.T, header string, size int64) {
		size = max(0, min(size, int64(len(content))))
		want := content[:size]
		d, ok := fixed[size]
		if !ok {
			d = digest.FromBytes(want)
			fixture{g, t}.pushBlob("app", string(want))
			fixed[size] = d
		}
		resp := fixture{g, t}.get("/v2/app/blobs/"+string(d), "Range", header)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		switch resp.StatusCode {
		case http.StatusOK:
			require.Equal(t, want, body)
		case http.StatusPartialContent:
			var first, last, total int64
			_, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &total)
			require.NoError(t, err)
			require.Equal(t, size, total)
			require.Equal(t, want[first:last+1], body)
		case http.StatusRequestedRangeNotSatisfiable:
			require.Equal(t, fmt.Sprintf("bytes */%d", size), resp.Header.Get("Content-Range"))
		default:
			t.Fatalf("Range %q: status %d", header, resp.StatusCode)
		}
	})
}

func FuzzContentRange(f *testing.F) {
	f.Add("0-9", "0123456789")
	f.Add("5-9", "56789")
	f.Add("9-0", "")
	f.Add("0-18446744073709551615", "x")
	f.Fuzz(func(t *testing.T, header, chunk string) {
		g := fixture{registry.New(memstore.New(memstore.Options{}), registry.Options{}), t}
		location := g.startUpload("app")
		resp := g.do(http.MethodPatch, location, bytes.NewReader([]byte(chunk)), "Content-Range", header)
		if resp.StatusCode == http.StatusAccepted {
			if len(chunk) > 0 && header != "" {
				require.Equal(t, fmt.Sprintf("0-%d", len(chunk)-1), resp.Header.Get("Range"))
			}
			return
		}
		require.Contains(t, []int{http.StatusBadRequest, http.StatusRequestedRangeNotSatisfiable}, resp.StatusCode)
		require.Equal(t, "0-0", g.get(location).Header.Get("Range"), "a refused chunk left something")
	})
}

func FuzzUploadState(f *testing.F) {
	f.Add("0.1.0.deadbeef")
	f.Add("....")
	f.Fuzz(func(t *testing.T, state string) {
		g := fixture{registry.New(memstore.New(memstore.Options{}), registry.Options{}), t}
		u, err := url.Parse(g.startUpload("app"))
		require.NoError(t, err)
		if state == u.Query().Get("_state") {
			return
		}
		u.RawQuery = url.Values{"_state": {state}}.Encode()
		g.status(g.get(u.String()), http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")
	})
}
