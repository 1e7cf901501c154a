package lint_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// sender sends requests to a registry as a client that does nothing wrong by itself.
type sender struct {
	t    *testing.T
	reg  *registrytest.Registry
	http *http.Client
}

func newSender(t *testing.T, opts ...registrytest.Option) *sender {
	reg := registrytest.New(t, append(opts, registrytest.WithInMemory())...)
	return &sender{t, reg, reg.Client()}
}

// send sends a request, and returns the answer's header. The header is "Name: value" lines; a
// Content-Length of -1 lets it out.
func (s *sender) send(method, path, body string, header ...string) http.Header {
	s.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = s.reg.URL() + path
	}
	r, err := http.NewRequest(method, path, strings.NewReader(body))
	require.NoError(s.t, err)
	r.Header.Set("User-Agent", "mytool/1")
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	answer, err := s.http.Do(r)
	require.NoError(s.t, err)
	require.NoError(s.t, answer.Body.Close())
	return answer.Header
}

const (
	manifestType = "Content-Type: application/vnd.oci.image.manifest.v1+json"
	indexType    = "Content-Type: application/vnd.oci.image.index.v1+json"
	acceptAll    = "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
	subject      = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	subjectTag   = "/v2/app/manifests/sha256-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	referrer     = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"artifactType":"a/b","annotations":{"k":"v"},` +
		`"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + subject + `","size":3}}`
	listed = `{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"DIGEST","size":SIZE,"artifactType":"a/b"`
)

// index returns an index with descriptors of the referrer that end with a text each.
func index(digest string, ends ...string) string {
	var all []string
	for _, end := range ends {
		d := strings.ReplaceAll(strings.ReplaceAll(listed, "DIGEST", digest), "SIZE", strconv.Itoa(len(referrer)))
		all = append(all, d+end+"}")
	}
	return `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[` + strings.Join(all, ",") + `]}`
}

// attach pushes a referrer to a registry without the referrers API, and returns its digest.
func (s *sender) attach() string {
	s.t.Helper()
	digest := s.send("PUT", "/v2/app/manifests/referrer", referrer, indexType).Get("Docker-Content-Digest")
	require.NotEmpty(s.t, digest)
	s.send("GET", subjectTag, "", acceptAll)
	return digest
}

// TestSequences judges requests of which no client of the battery has the fault.
func TestSequences(t *testing.T) {
	noReferrers := registrytest.WithOptions(registry.Options{NoReferrers: true})
	whole := `,"annotations":{"k":"v"}`
	for name, test := range map[string]struct {
		send func(s *sender)
		want []string
	}{
		"referrers tag":                     {func(s *sender) { s.send("PUT", subjectTag, index(s.attach(), whole), indexType) }, nil},
		"referrers tag without annotations": {func(s *sender) { s.send("PUT", subjectTag, index(s.attach(), ""), indexType) }, []string{"referrers-tag-wrong"}},
		"referrers tag with a duplicate":    {func(s *sender) { s.send("PUT", subjectTag, index(s.attach(), whole, whole), indexType) }, []string{"referrers-tag-wrong"}},
		"referrer deleted alone": {func(s *sender) {
			digest := s.attach()
			s.send("PUT", subjectTag, index(digest, whole), indexType)
			s.send("DELETE", "/v2/app/manifests/"+digest, "")
		}, []string{"referrers-tag-not-updated"}},
		"referrer deleted, then from the tag": {func(s *sender) {
			digest := s.attach()
			s.send("PUT", subjectTag, index(digest, whole), indexType)
			s.send("DELETE", "/v2/app/manifests/"+digest, "")
			s.send("GET", subjectTag, "", acceptAll)
			s.send("PUT", subjectTag, index(digest), indexType)
		}, nil},
		"referrer deleted from the tag first": {func(s *sender) {
			digest := s.attach()
			s.send("PUT", subjectTag, index(digest, whole), indexType)
			s.send("GET", subjectTag, "", acceptAll)
			s.send("PUT", subjectTag, index(digest), indexType)
			s.send("DELETE", "/v2/app/manifests/"+digest, "")
		}, nil},
		"manifest without mediaType": {func(s *sender) {
			s.send("PUT", "/v2/app/manifests/v1", `{"schemaVersion":2,"manifests":[]}`, indexType)
		}, []string{"manifest-media-type-missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSender(t, noReferrers)
			test.send(s)
			var got []string
			for _, f := range lint.Check(s.reg.Requests()).Findings {
				got = append(got, f.Rule)
			}
			assert.Equal(t, test.want, got, s.reg.Requests())
		})
	}
}
