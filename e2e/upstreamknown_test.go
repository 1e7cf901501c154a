package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/e2e/internal/zot"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// surroundings are registries, of which a known fault needs one.
var surroundings = [][]registrytest.Option{
	nil,
	{registrytest.WithAuth(auth.Options{Users: map[string]string{userName: userPassword}, Token: new(auth.TokenOptions)})},
	{registrytest.WithHTTP2()},
	{registrytest.WithTLS()},
}

// lasting are known faults that take time, of which the beginning is sufficient.
var lasting = []string{
	"tls-handshake-timeout", "black-hole", "stalled-body", "slow-upload", "trickling-body", "token-endpoint-slow", "stalled-upload-reply",
}

// TestUpstreamKnown injects every known fault into a registry, and into one in front of another. A
// client that sends both the same requests sees the same. Faults that need a store are refused.
func TestUpstreamKnown(t *testing.T) {
	var compared, refused atomic.Int32
	t.Run("faults", func(t *testing.T) {
		for _, f := range known.All() {
			t.Run(f.Name, func(t *testing.T) {
				t.Parallel()
				for _, options := range surroundings {
					direct := registrytest.New(t, options...)
					if _, err := direct.Faults().Inject(f.Rules()...); err != nil {
						continue // it needs another
					}
					behind := registrytest.New(t)
					through := registrytest.New(t, slices.Concat(options, []registrytest.Option{registrytest.WithUpstream(behind.URL())})...)
					injected, err := through.Faults().Inject(f.Rules()...)
					if err != nil {
						require.Regexp(t, `[a-z-]+ acts on content, and the Store of this registry is not known`, err.Error())
						refused.Add(1)
						return
					}
					if slices.Contains(lasting, f.Name) {
						if begins(t, through, behind, injected) {
							compared.Add(1)
							return
						}
						continue
					}
					want, got := converse(t.Context(), t, direct, direct), converse(t.Context(), t, through, behind)
					switch f.Name {
					case "chunk-416": // to which a registry with a store adds the state of the session
						want = withoutSession(want, ": 416 ")
					case "reset-mid-upload": // how much of the chunk the registry has depends on the network
						want, got = withoutSession(want, "GET "), withoutSession(got, "GET ")
					}
					assert.Equal(t, want, got)
					for _, x := range through.Requests() {
						assert.Empty(t, x.UpstreamError)
					}
					compared.Add(1)
					return
				}
				t.Error("no surroundings are right for it")
			})
		}
	})
	t.Logf("%d compared, %d refused", compared.Load(), refused.Load())
	assert.EqualValues(t, len(known.All()), compared.Load()+refused.Load())
	assert.Less(t, refused.Load(), int32(20))
}

// begins reports whether a fault acts on one of the requests, and breaks them off then.
func begins(t *testing.T, reg, content *registrytest.Registry, injected []faults.Injected) bool {
	t.Helper()
	acts := func() bool {
		return slices.ContainsFunc(injected, func(i faults.Injected) bool { return i.Hits() > 0 })
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan []string, 1)
	go func() { ended <- converse(ctx, t, reg, content) }()
	require.Eventually(t, func() bool { return acts() || len(ended) > 0 }, time.Minute, time.Millisecond)
	cancel()
	<-ended
	return acts()
}

// withoutSession removes the state of the upload session from what was seen of requests or answers with
// a text.
func withoutSession(seen []string, of string) []string {
	fields := regexp.MustCompile(`(?m)^(Location|Range): .*\n`)
	for i := range seen {
		if strings.Contains(seen[i], of) {
			seen[i] = fields.ReplaceAllString(seen[i], "")
		}
	}
	return seen
}

// converse sends requests to a registry, whose content is that of another, and returns what comes of
// each.
func converse(ctx context.Context, t *testing.T, reg, content *registrytest.Registry) (seen []string) {
	image := images.Random(images.Seed(7))
	pushed := content.Push(t, "app:v1", image)
	content.Push(t, "app:v2", images.Random(images.Seed(8)))
	content.Push(t, "lib:v1", images.Random(images.Seed(9)))
	raw, err := image.RawManifest()
	require.NoError(t, err)
	transport := reg.Transport().Clone()
	defer transport.CloseIdleConnections()
	authorization := ""
	masks := []struct {
		text *regexp.Regexp
		by   string
	}{
		{regexp.MustCompile(regexp.QuoteMeta(reg.Host())), "HOST"},
		{regexp.MustCompile(`(blobs/uploads?/)[^?" ]+`), "${1}ID"},
		{regexp.MustCompile(`_state=[^&" ]+`), "_state=X"},
		{regexp.MustCompile(`"(access_)?token":"[^"]*"`), "TOKEN"},
		{regexp.MustCompile(`"issued_at":"[^"]*"`), "ISSUED"},
		{regexp.MustCompile(`\d\d:\d\d:\d\d`), "TIME"},
		{regexp.MustCompile(`localhost:\d+`), "CDN"},
	}
	mask := func(s string) string {
		for _, m := range masks {
			s = m.text.ReplaceAllString(s, m.by)
		}
		return s
	}
	location := ""
	send := func(method, target string, body []byte, header ...string) {
		if strings.HasPrefix(target, "/") {
			target = reg.URL() + target
		}
		r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
		if err != nil {
			seen = append(seen, method+" no request")
			return
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		if authorization != "" && r.Header.Get("Authorization") == "" {
			r.Header.Set("Authorization", authorization)
		}
		text := method + " " + mask(target) + ": "
		response, err := transport.RoundTrip(r)
		if err != nil {
			seen = append(seen, text+"no answer")
			return
		}
		content, err := io.ReadAll(response.Body)
		response.Body.Close()
		text += fmt.Sprint(response.StatusCode, " ", response.ContentLength >= 0, " ", err != nil)
		for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Range", "Docker-Content-Digest", "Link", "Location", "Oci-Subject", "Range", "Retry-After", "Www-Authenticate"} {
			for _, value := range response.Header.Values(name) {
				text += "\n" + name + ": " + mask(value)
			}
		}
		if masked := mask(string(content)); len(masked) < 1000 {
			text += "\n" + masked
		} else {
			text += fmt.Sprintf("\n%x", sha256.Sum256([]byte(masked)))
		}
		seen = append(seen, text)
		if l := response.Header.Get("Location"); l != "" && method != http.MethodGet && method != http.MethodHead {
			if at, err := response.Request.URL.Parse(l); err == nil && at.Host == reg.Host() {
				location = at.RequestURI()
			}
		}
		if strings.Contains(target, "/v2/token") && response.StatusCode == http.StatusOK {
			if m := regexp.MustCompile(`"token":"([^"]*)"`).FindSubmatch(content); m != nil {
				authorization = "Bearer " + string(m[1])
			}
		}
	}
	if reg.AuthService() != nil {
		basic := http.Request{Header: http.Header{}}
		basic.SetBasicAuth(userName, userPassword)
		for range 2 {
			send("GET", "/v2/token?service=ocifake&scope=repository:app:pull,push,delete&scope=repository:lib:pull", nil, "Authorization", basic.Header.Get("Authorization"))
		}
	}
	layer, chunk := pushed.Layers[0].Digest, bytes.Repeat([]byte("0123456789"), 100)
	withDigest := func(to, query string) string {
		if strings.Contains(to, "?") {
			return to + "&" + query
		}
		return to + "?" + query
	}
	accept := []string{"Accept", ocispec.MediaTypeImageManifest + ", application/vnd.docker.distribution.manifest.v2+json"}
	for range 2 {
		send("GET", "/v2/", nil)
		send("HEAD", "/v2/app/manifests/v1", nil, accept...)
		send("GET", "/v2/app/manifests/v1", nil, accept...)
		send("GET", "/v2/app/manifests/"+pushed.Digest.String(), nil, accept...)
		send("HEAD", "/v2/app/blobs/"+layer.String(), nil)
		send("GET", "/v2/app/blobs/"+layer.String(), nil)
		send("GET", "/v2/app/blobs/"+layer.String(), nil, "Range", "bytes=100-")
		send("GET", "/v2/app/tags/list?n=1", nil)
		send("GET", "/v2/app/referrers/"+pushed.Digest.String(), nil)
		send("POST", "/v2/app/blobs/uploads/?mount="+digest.FromString("none").String()+"&from=lib", nil)
		send("POST", "/v2/app/blobs/uploads/", nil)
		send("PATCH", location, chunk, "Content-Type", "application/octet-stream", "Content-Range", "0-999")
		send("GET", location, nil)
		send("PUT", withDigest(location, "digest="+digest.FromBytes(chunk).String()), nil)
		send("PUT", "/v2/app/manifests/v3", raw, "Content-Type", ocispec.MediaTypeImageManifest)
		send("GET", "/v2/app/manifests/absent", nil)
	}
	return seen
}

// TestUpstreamKnownZot injects every known fault into a registry in front of zot, and into one in front
// of an ocifake. The faults act on the same requests, and those are answered with the same statuses.
func TestUpstreamKnownZot(t *testing.T) {
	far := zot.Start(t, zot.Options{})
	compared := 0
	for _, f := range known.All() {
		t.Run(f.Name, func(t *testing.T) {
			if slices.Contains(lasting, f.Name) {
				t.Skip("it takes time")
			}
			for _, options := range surroundings {
				acted := func(url string) ([]string, bool) {
					reg := registrytest.New(t, slices.Concat(options, []registrytest.Option{registrytest.WithUpstream(url)})...)
					if _, err := reg.Faults().Inject(f.Rules()...); err != nil {
						return nil, false
					}
					converse(t.Context(), t, reg, registrytest.New(t, registrytest.WithUpstream(url)))
					return faultyAnswers(reg.Requests()), true
				}
				want, possible := acted(registrytest.New(t).URL())
				if !possible {
					continue
				}
				got, _ := acted(far.URL)
				assert.Equal(t, want, got)
				if len(want) > 0 { // some act on requests that are not sent, or on none that is recorded
					compared++
				}
				return
			}
		})
	}
	t.Logf("%d act", compared)
	assert.Greater(t, compared, 75)
}

// faultyAnswers returns the operations and statuses of exchanges that faults acted on.
func faultyAnswers(log record.Log) (all []string) {
	for i := range log {
		if len(log[i].Faults) > 0 {
			all = append(all, fmt.Sprint(log[i].Op, " ", log[i].Status))
		}
	}
	return all
}
