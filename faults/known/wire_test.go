package known_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/registrytest"
)

// step is a request, and what must come of it. Texts have placeholders, see
// conversation.expand.
type step struct {
	Ask     string            `json:"ask"`     // method and target; without a slash at the beginning, below /v2/
	Header  map[string]string `json:"header"`  // of the request
	As      string            `json:"as"`      // user, "token" for the last token, or nobody
	Send    string            `json:"send"`    // body: "0-299" for a part of the content to upload, "manifest", or text
	Length  int64             `json:"length"`  // in place of send: a body of this many zeros
	Chunked bool              `json:"chunked"` // sends the body without Content-Length
	Once    bool              `json:"once"`    // the body cannot be sent again
	Hold    bool              `json:"hold"`    // does not end the body, and does not wait for the answer
	Same    bool              `json:"same"`    // may use the connection of the step before
	Wait    effect.Duration   `json:"wait"`    // time before the request
	Within  effect.Duration   `json:"within"`  // time after which the client gives up
	Times   int               `json:"times"`   // asks as often as this

	Status int               `json:"status"` // 0: there is no answer
	Head   map[string]string `json:"head"`   // patterns of fields of the header; "-": there is no such field
	Body   *string           `json:"body"`   // pattern of the body, as far as it comes
	Lacks  string            `json:"lacks"`  // text that the body does not have
	Size   *int              `json:"size"`   // number of bytes that come
	Other  bool              `json:"other"`  // the body is not that of the digest in the target
	Error  string            `json:"error"`  // patterns of the error of the client, separated by " or "; by default there is none
	Took   effect.Duration   `json:"took"`   // time until the end of the answer
	Conns  int               `json:"conns"`  // connections that the registry has seen
}

// content is uploaded by the steps.
var content = bytes.Repeat([]byte("0123456789"), 100)

// conversation is what a client has learned from earlier steps.
type conversation struct {
	reg    *registrytest.Registry
	client *http.Client
	origin string
	known  map[string]string
	last   *url.URL // of the request before
}

// TestReportsOnTheWire asks the requests of all reports.
func TestReportsOnTheWire(t *testing.T) {
	for _, r := range readReports(t) {
		if r.Cannot == "" {
			t.Run(r.ID, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { newConversation(t, r).talk(t, r) })
			})
		}
		for name, steps := range r.Also {
			r := r
			r.Known, r.Wire = []string{name}, steps
			t.Run(r.ID+"/"+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { newConversation(t, r).talk(t, r) })
			})
		}
	}
}

func newConversation(t *testing.T, r report) *conversation {
	network := registrytest.NewNetwork()
	secure := false
	opts := []registrytest.Option{registrytest.WithNetwork(network, "registry.test")}
	elsewhere := []registrytest.Option{registrytest.WithNetwork(network, "b.test")}
	for _, need := range r.Needs {
		around, ok := surroundings[need]
		require.True(t, ok, "needs: %s", need)
		opts, elsewhere = append(opts, around.options...), append(elsewhere, around.elsewhere...)
		secure = secure || around.secure
	}
	if r.Auth != "" {
		options, err := conf.AuthOptions([]byte(r.Auth))
		require.NoError(t, err)
		assert.Equal(t, authInGo[r.ID], options)
		opts = append(opts, registrytest.WithAuth(options))
	}
	if r.Flags != "" {
		opts = append(opts, flagsInGo(t, r)...)
	}
	reg := registrytest.New(t, opts...)
	transport := network.Transport()
	transport.DisableCompression = true
	transport.ExpectContinueTimeout = time.Minute
	c := &conversation{reg: reg, known: stock(t, reg), origin: "http://registry.test"}
	if secure {
		c.origin = "https://registry.test"
	}
	other := registrytest.New(t, elsewhere...)
	other.Push(t, "app:v1", images.Artifact("a/v1"))
	c.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if len(r.Known) > 0 || r.Rules != "" {
		reg.Inject(t, reportRules(t, r)...)
	}
	return c
}

// stock fills the registry, and returns the digests of its content.
func stock(t *testing.T, reg *registrytest.Registry) map[string]string {
	v1 := reg.Push(t, "app:v1", images.Artifact("a/v1"))
	v2 := reg.Push(t, "app:v2", images.Artifact("a/v2"))
	many := reg.Push(t, "app:many", images.RandomIndex(images.Platforms("linux/amd64", "linux/arm64")))
	reg.Attach(t, "app:v1", images.Artifact("signature/v1"))
	reg.Attach(t, "app:v1", images.Artifact("sbom/v1"))
	pushed, subject := manifests(t, v1.Descriptor)
	return map[string]string{
		"pushed512": string(digest.SHA512.FromBytes(pushed)),
		"subject":   string(digest.FromBytes(subject)),
		"tag":       strings.Replace(string(v1.Digest), ":", "-", 1), // of referrers
		"size":      fmt.Sprint(v1.Size),
		"long":      strings.Repeat("x", 8<<10),
		"blob":      string(reg.PushBlob(t, "app", images.RandomContent(1, 1000)).Digest),
		"blob2":     string(reg.PushBlob(t, "app", images.RandomContent(2, 500)).Digest),
		"lib":       string(reg.PushBlob(t, "lib", images.RandomContent(3, 700)).Digest),
		"content":   string(digest.FromBytes(content)),
		"part":      string(digest.FromBytes(content[:300])),
		"manifest":  string(v1.Digest),
		"manifest2": string(v2.Digest),
		"many":      string(many.Digest),
		"absent":    string(digest.FromString("absent")),
	}
}

func (c *conversation) talk(t *testing.T, r report) {
	for i, s := range r.Wire {
		for range max(1, s.Times) {
			time.Sleep(time.Duration(s.Wait))
			if !s.Same {
				c.client.CloseIdleConnections()
			}
			c.step(t, fmt.Sprintf("%s, request %d: %s", r.ID, i+1, s.Ask), s)
		}
	}
	c.client.CloseIdleConnections()
}

// step asks a request, and compares what comes.
func (c *conversation) step(t *testing.T, name string, s step) {
	ctx, cancel := context.WithCancel(t.Context())
	if s.Within > 0 {
		ctx, cancel = context.WithTimeout(t.Context(), time.Duration(s.Within))
	}
	defer cancel()
	req := c.request(ctx, t, s)
	c.last = req.URL
	if s.Hold {
		c.hold(t, req)
		return
	}
	begin := time.Now()
	resp, err := c.client.Do(req)
	var body []byte
	status := 0
	if err == nil {
		status = resp.StatusCode
		body, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		c.learn(resp, body)
	}
	require.Equal(t, s.Status, status, "%s: %v %s", name, err, body)
	if s.Error != "" {
		require.Error(t, err, name)
		assert.True(t, pattern.Matcher(strings.Split(s.Error, " or "))(err.Error()), "%s: error %q", name, err)
	} else {
		require.NoError(t, err, name)
	}
	if s.Body != nil {
		want := c.expand(*s.Body)
		assert.True(t, pattern.Matcher([]string{want})(string(body)), "%s: body %q, want %q", name, body, want)
	}
	if s.Lacks != "" {
		assert.NotContains(t, string(body), s.Lacks, name)
	}
	if s.Size != nil {
		assert.Len(t, body, *s.Size, name)
	}
	if s.Other {
		assert.NotContains(t, req.URL.Path, digest.FromBytes(body), name)
	}
	for field, want := range s.Head {
		have := strings.Join(resp.Header[http.CanonicalHeaderKey(field)], "; ")
		if field == "Connection" && resp.Close { // the client does not show the field
			have = "close"
		}
		if want == "-" {
			assert.NotContains(t, resp.Header, http.CanonicalHeaderKey(field), name)
			continue
		}
		assert.True(t, pattern.Matcher([]string{c.expand(want)})(have), "%s: %s: %q, want %q", name, field, have, c.expand(want))
	}
	if s.Conns > 0 {
		assert.Len(t, c.reg.Connections(), s.Conns, name)
	}
	if s.Took > 0 {
		assert.Equal(t, time.Duration(s.Took), time.Since(begin).Round(time.Second), name)
	}
}

// hold sends a request, and does not wait for its answer. It does not send the end of the body of an
// upload.
func (c *conversation) hold(t *testing.T, req *http.Request) {
	req = req.WithContext(t.Context())
	body, w := io.Pipe()
	if req.Method == http.MethodPatch {
		req.Body, req.GetBody, req.ContentLength = body, nil, -1
	}
	go func() {
		if resp, err := c.client.Do(req); err == nil {
			resp.Body.Close()
		}
	}()
	if req.Method == http.MethodPatch {
		_, err := w.Write([]byte("x"))
		require.NoError(t, err)
		t.Cleanup(func() { w.CloseWithError(io.ErrUnexpectedEOF) })
	}
	synctest.Wait()
}

func (c *conversation) request(ctx context.Context, t *testing.T, s step) *http.Request {
	method, target, _ := strings.Cut(c.expand(s.Ask), " ")
	base, err := url.Parse(c.origin)
	require.NoError(t, err)
	if !strings.HasPrefix(target, "/") && !strings.Contains(target, "://") {
		target = "/v2/" + target
	}
	u, err := base.Parse(target)
	require.NoError(t, err)
	body := c.body(t, s.Send)
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	require.NoError(t, err)
	if s.Send == "" {
		req.Body, req.GetBody = http.NoBody, nil
	}
	if s.Chunked {
		req.ContentLength = -1
	}
	if s.Length > 0 {
		req.Body, req.ContentLength = io.NopCloser(io.LimitReader(zeros{}, s.Length)), s.Length
	}
	if s.Once || s.Chunked {
		req.Body, req.GetBody = io.NopCloser(io.MultiReader(bytes.NewReader(body))), nil
	}
	for name, value := range s.Header {
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, c.expand(value))
	}
	switch s.As {
	case "":
	case "token":
		req.Header.Set("Authorization", "Bearer "+c.known["token"])
	default:
		req.SetBasicAuth(s.As, "secret")
	}
	return req
}

// zeros is a body without an end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// body returns the body of a request.
func (c *conversation) body(t *testing.T, text string) []byte {
	var from, to int
	if n, _ := fmt.Sscanf(text, "%d-%d", &from, &to); n == 2 {
		return content[from : to+1]
	}
	manifest, subject := manifests(t, c.reg.Pushed(t, "app:v1").Descriptor)
	switch text {
	case "manifest":
		return manifest
	case "subject":
		return subject
	}
	return []byte(c.expand(text))
}

// manifests returns the manifests that are pushed, of which one has a subject.
func manifests(t *testing.T, of ocispec.Descriptor) (plain, subject []byte) {
	plain, err := images.Artifact("a/v1").RawManifest()
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(plain, &m))
	m["subject"] = ocispec.Descriptor{MediaType: of.MediaType, Digest: of.Digest, Size: of.Size}
	subject, err = json.Marshal(m)
	require.NoError(t, err)
	return plain, subject
}

// learn keeps what later steps refer to.
func (c *conversation) learn(resp *http.Response, body []byte) {
	if location, err := resp.Location(); err == nil {
		c.known["location"] = location.String()
		c.known["path"] = location.Path
	}
	if link := resp.Header.Get("Link"); link != "" {
		target, _, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
		if u, err := c.last.Parse(target); err == nil {
			c.known["link"] = u.String()
		}
	}
	var token struct {
		Token   string `json:"token"`
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(body, &token) == nil {
		for name, value := range map[string]string{"token": token.Access, "refresh": token.Refresh} {
			if value == "" {
				continue
			}
			if c.known[name+"0"] == "" {
				c.known[name+"0"] = value // the first one
			}
			c.known[name] = value
		}
		if token.Token != "" {
			c.known["token"] = token.Token
		}
	}
}

// expand replaces placeholders: {blob} and other digests of the content, {content} and {part} of what
// is uploaded, and {location} and {path} of it, {link}, {token} and {refresh} of earlier answers, of which {token0} and
// {refresh0} are the first ones.
func (c *conversation) expand(text string) string {
	for name, value := range c.known {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}
