package lint_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

const octets = "Content-Type: application/octet-stream"

// upload pushes a blob in one PUT.
func (s *sender) upload(repo, content string) {
	s.t.Helper()
	location := s.send(http.MethodPost, "/v2/"+repo+"/blobs/uploads/", "").Get("Location")
	s.send(http.MethodPut, s.reg.URL()+location+"&digest="+string(digest.FromString(content)), content, octets)
}

// TestNoAlarm sends requests of which nothing is wrong, though they look like it.
func TestNoAlarm(t *testing.T) {
	tagged := func(s *sender, tags ...string) {
		for _, tag := range tags {
			s.reg.Push(s.t, "app:"+tag, images.Random(images.Seed(1)))
		}
	}
	for name, test := range map[string]struct {
		options registry.Options
		send    func(s *sender)
	}{
		"a tag is set on a manifest whose content is pushed again": {registry.Options{}, func(s *sender) {
			tagged(s, "v1")
			manifest, err := s.reg.Image(s.t, "app:v1").RawManifest()
			assert.NoError(s.t, err)
			config, err := s.reg.Image(s.t, "app:v1").RawConfigFile()
			assert.NoError(s.t, err)
			s.send(http.MethodGet, "/v2/app/manifests/v1", "", acceptAll)
			s.send(http.MethodPut, "/v2/app/manifests/v2", string(manifest), manifestType)
			s.upload("app", string(config))
		}},
		"a referrer that is listed is tagged": {registry.Options{NoReferrers: true}, func(s *sender) {
			s.send(http.MethodPut, subjectTag, index(s.attach(), `,"annotations":{"k":"v"}`), indexType)
			s.send(http.MethodPut, "/v2/app/manifests/sig", referrer, indexType)
		}},
		"a list from a tag on": {registry.Options{}, func(s *sender) {
			tagged(s, "a", "b", "c")
			s.send(http.MethodGet, "/v2/app/tags/list", "")
			s.send(http.MethodGet, "/v2/app/tags/list?last=a", "")
		}},
		"a page is enough for a client that can follow a Link": {registry.Options{PageSize: 1}, func(s *sender) {
			tagged(s, "a", "b", "c")
			s.send(http.MethodGet, "/v2/app/tags/list", "")
			s.send(http.MethodGet, "/v2/app/tags/list?last=a&n=1", "")
			s.send(http.MethodGet, "/v2/app/tags/list", "")
		}},
		"a cursor with any name": {registry.Options{}, func(s *sender) {
			tagged(s, "a")
			s.reg.Inject(s.t, faults.On(op.TagList).Times(1).Do(faults.SetHeader("Link", `</v2/app/tags/list?abc=1>; rel="next"`)))
			s.send(http.MethodGet, "/v2/app/tags/list", "")
			s.send(http.MethodGet, "/v2/app/tags/list?abc=1", "")
		}},
		"HEAD shows that there is no referrers tag": {registry.Options{NoReferrers: true}, func(s *sender) {
			digest := s.send(http.MethodPut, "/v2/app/manifests/referrer", referrer, indexType).Get("Docker-Content-Digest")
			s.send(http.MethodHead, subjectTag, "", acceptAll)
			s.send(http.MethodPut, subjectTag, index(digest, `,"annotations":{"k":"v"}`), indexType)
		}},
		"uploads of two blobs are refused at once": {registry.Options{}, func(s *sender) {
			s.reg.Inject(s.t, faults.On(op.UploadStart).Times(2).Do(faults.Status(http.StatusUnauthorized)))
			for range 2 {
				s.send(http.MethodPost, "/v2/app/blobs/uploads/", "", "Authorization: Bearer same")
			}
		}},
		"chunks of two uploads": {registry.Options{}, func(s *sender) {
			s.reg.Inject(s.t, faults.On(op.UploadChunk).Times(1).Do(faults.Status(http.StatusServiceUnavailable).RetryAfter(5*time.Second)))
			for range 2 {
				location := s.send(http.MethodPost, "/v2/app/blobs/uploads/", "", "Content-Length: 0").Get("Location")
				s.send(http.MethodPatch, s.reg.URL()+location, "abc", octets)
			}
		}},
		"a proxy that ends TLS": {registry.Options{TrustForwarded: true}, func(s *sender) {
			s.http.Transport = &hosted{s.http.Transport, "registry.example"}
			s.send(http.MethodGet, "/v2/", "", "Authorization: Basic dTpw", "X-Forwarded-Proto: https")
		}},
		"answers to chunks have no Range, and a reply is lost": {registry.Options{}, func(s *sender) {
			s.reg.Inject(s.t, faults.On(op.UploadChunk).Do(faults.DropHeader("Range")))
			location := s.send(http.MethodPost, "/v2/app/blobs/uploads/", "", "Content-Length: 0").Get("Location")
			content := strings.Repeat("x", 400)
			for i := 0; i < 400; i += 100 {
				if i == 200 {
					location = s.send(http.MethodGet, s.reg.URL()+location, "").Get("Location")
				}
				location = s.send(http.MethodPatch, s.reg.URL()+location, content[i:i+100], octets, fmt.Sprintf("Content-Range: %d-%d", i, i+99)).Get("Location")
			}
			s.send(http.MethodDelete, s.reg.URL()+location, "")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSender(t, registrytest.WithOptions(test.options))
			test.send(s)
			for _, f := range lint.Check(s.reg.Requests()).Findings {
				if f.Severity != lint.Waste {
					t.Errorf("%s\n%s", f, s.reg.Requests())
				}
			}
		})
	}
}

// hosted sends requests with another Host.
type hosted struct {
	http.RoundTripper
	host string
}

func (h *hosted) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = h.host
	return h.RoundTripper.RoundTrip(r)
}

// TestOtherFault: an index that another client has written wrong is not the fault of a client that adds
// a descriptor to it.
func TestOtherFault(t *testing.T) {
	s := newSender(t, registrytest.WithOptions(registry.Options{NoReferrers: true}))
	digest := s.attach()
	s.send(http.MethodPut, subjectTag, index(digest, ""), indexType)
	other := "User-Agent: other/1"
	s.send(http.MethodGet, subjectTag, "", acceptAll, other)
	s.send(http.MethodPut, subjectTag, strings.Replace(index(digest, ""), `"manifests"`, `"annotations":{"a":"b"},"manifests"`, 1), indexType, other)
	for _, f := range lint.Check(s.reg.Requests()).Findings {
		assert.NotEqual(t, "other/1", f.Client, f)
	}
}

// TestDelayed: a connection whose last answer was delayed is free, so that a request on another one is
// that of another process.
func TestDelayed(t *testing.T) {
	for name, effect := range map[string]faults.Effect{
		"nothing": nil, "delay": faults.Delay(1), "delay-reply": faults.DelayReply(1), "stall": faults.Stall(1, 1), "trickle": faults.Trickle(100, 1),
	} {
		s := newSender(t)
		s.reg.Push(t, "app:v1", images.Random())
		if effect != nil {
			s.reg.Inject(t, faults.On(op.ManifestGet).Times(1).Do(effect))
		}
		for range 2 {
			s.send(http.MethodGet, "/v2/app/manifests/v1", "", acceptAll)
		}
		log := s.reg.Requests()
		require.Len(t, log, 2)
		assert.Equal(t, effect != nil, log[0].Delayed)
		log[1].Start, log[1].Conn, log[1].ConnAge = log[0].Start.Add(time.Second), log[0].Conn+1, 0
		assert.Empty(t, lint.Check(log).Findings, name)
	}
}

// TestCommitLost: if the answer to a commit does not arrive, the session may be closed.
func TestCommitLost(t *testing.T) {
	for open, effect := range map[bool]faults.Effect{false: faults.LoseReply(), true: faults.Status(http.StatusServiceUnavailable)} {
		s := newSender(t)
		s.reg.Inject(t, faults.On(op.UploadCommit).Do(effect))
		location := s.send(http.MethodPost, "/v2/app/blobs/uploads/", "").Get("Location")
		r, err := http.NewRequest(http.MethodPut, s.reg.URL()+location+"&digest="+string(digest.FromString("a")), strings.NewReader("a"))
		require.NoError(t, err)
		answer, err := s.http.Do(r)
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Body) // a client that leaves may have lost the answer
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
		}
		found := slices.ContainsFunc(lint.Check(s.reg.Requests()).Findings, func(f lint.Finding) bool { return f.Rule == "upload-left-open" })
		assert.Equal(t, open, found, "%v", effect)
	}
}
