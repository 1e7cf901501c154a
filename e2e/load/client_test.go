package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// client is one of many clients with its own connections. It is not safe for concurrent use.
type client struct {
	base   string // URL of the registry
	name   string
	http   *http.Client
	random *rand.Rand

	pushes   int
	sent     int                 // requests
	counted  int                 // of them
	failed   map[string]int      // by the rule that must have asked for it
	answered func(number string) // if not nil, called with the User-Agent of a request that was answered as it should
}

func newClient(base string, n int) *client {
	return &client{
		base: base, name: "client-" + strconv.Itoa(n),
		http:   &http.Client{Transport: &http.Transport{DisableCompression: true}},
		random: rand.New(rand.NewPCG(uint64(n), 1)),
		failed: map[string]int{},
	}
}

// errAsked is a failure that a rule injects.
var errAsked = errors.New("failed as a rule says")

// call is a request and its expected result.
type call struct {
	op     string // what rules know it as
	method string
	target string // a path, or a URL
	body   []byte
	media  string // type of the body
	status int
	check  func(http.Header, []byte) error // of the answer; nil: there is nothing to be seen
}

// do sends a request. The error is errAsked if it fails in a way that a rule asks for.
func (c *client) do(q call) (http.Header, []byte, error) {
	number := c.name + "/" + strconv.Itoa(c.sent)
	c.sent++
	header, body, symptom := c.send(q, number)
	if symptom == nil {
		if c.answered != nil {
			c.answered(number)
		}
		return header, body, nil
	}
	rule := ruleOf(q.op, symptom)
	if rule == "" {
		return nil, nil, fmt.Errorf("%s: %s %s: %w: %.200s", number, q.method, q.target, symptom, body)
	}
	c.failed[rule]++
	return nil, nil, errAsked
}

func (c *client) send(q call, number string) (header http.Header, body []byte, symptom error) {
	target := q.target
	if strings.HasPrefix(target, "/") {
		target = c.base + target
	}
	r, err := http.NewRequest(q.method, target, bytes.NewReader(q.body))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("User-Agent", number)
	if q.body != nil {
		r.Header.Set("Content-Type", q.media)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, nil, broken{err}
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	switch {
	case err != nil:
		return nil, nil, broken{err}
	case response.StatusCode != q.status:
		return nil, body, status(response.StatusCode)
	case q.check == nil:
		return response.Header, body, nil
	}
	return response.Header, body, q.check(response.Header, body)
}

// status is an unexpected status.
type status int

func (s status) Error() string { return fmt.Sprintf("status %d", int(s)) }

// broken is a missing or incomplete response.
type broken struct{ error }

// wrong is unexpected content.
type wrong struct{ digest.Digest }

func (w wrong) Error() string { return "the content is not that of " + w.String() }

func matches(want digest.Digest) func(http.Header, []byte) error {
	return func(header http.Header, body []byte) error {
		if named := header.Get("Docker-Content-Digest"); named != want.String() {
			return fmt.Errorf("Docker-Content-Digest is %q, want %s", named, want)
		}
		if digest.FromBytes(body) != want {
			return wrong{want}
		}
		return nil
	}
}

// matchesName is [matches] of what the answer says that it is.
func matchesName(header http.Header, body []byte) error {
	return matches(digest.Digest(header.Get("Docker-Content-Digest")))(header, body)
}

// step performs a random operation.
func (c *client) step() error {
	steps := []func() error{c.pull, c.pull, c.push, c.list}
	err := steps[c.random.IntN(len(steps))]()
	if errors.Is(err, errAsked) {
		return nil
	}
	return err
}

// The images that are there, and how many of them.
const (
	sharedRepo = "shared/app"
	sharedTags = 8
)

// pull reads one of the shared images and all its blobs.
func (c *client) pull() error {
	_, content, err := c.manifest(sharedRepo, "v"+strconv.Itoa(1+c.random.IntN(sharedTags)), matchesName)
	if err != nil {
		return err
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(content, &m); err != nil {
		return err
	}
	for _, blob := range append(m.Layers, m.Config) {
		if _, _, err := c.do(call{op: "blob.get", method: http.MethodGet, target: "/v2/" + sharedRepo + "/blobs/" + blob.Digest.String(),
			status: http.StatusOK, check: matches(blob.Digest)}); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) manifest(repo, ref string, check func(http.Header, []byte) error) (http.Header, []byte, error) {
	return c.do(call{op: "manifest.get", method: http.MethodGet, target: "/v2/" + repo + "/manifests/" + ref, status: http.StatusOK, check: check})
}

// list reads the tags of the shared images.
func (c *client) list() error {
	_, _, err := c.do(call{op: "tag.list", method: http.MethodGet, target: "/v2/" + sharedRepo + "/tags/list", status: http.StatusOK,
		check: func(_ http.Header, body []byte) error {
			var list struct{ Tags []string }
			if err := json.Unmarshal(body, &list); err != nil {
				return err
			}
			if len(list.Tags) != sharedTags {
				return fmt.Errorf("there are %d tags, want %d", len(list.Tags), sharedTags)
			}
			return nil
		}})
	return err
}

// push puts an image of the client's own, finds it again, and deletes its manifest
// every other time.
func (c *client) push() error {
	repo := "team-" + strconv.Itoa(c.random.IntN(16)) + "/app"
	c.pushes++
	tag := c.name + "-" + strconv.Itoa(c.pushes)
	config, err := c.upload(repo, []byte(`{"created":"2026-01-01T00:00:00Z","author":"`+tag+`","architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`))
	if err != nil {
		return err
	}
	content := make([]byte, 4<<10+c.random.IntN(28<<10))
	for i := range content {
		content[i] = byte(c.random.Uint32())
	}
	layer, err := c.upload(repo, content)
	if err != nil {
		return err
	}
	config.MediaType, layer.MediaType = ocispec.MediaTypeImageConfig, ocispec.MediaTypeImageLayer
	manifest, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
	})
	if err != nil {
		return err
	}
	target, d := "/v2/"+repo+"/manifests/", digest.FromBytes(manifest)
	if _, _, err := c.do(call{op: "manifest.put", method: http.MethodPut, target: target + tag, body: manifest,
		media: ocispec.MediaTypeImageManifest, status: http.StatusCreated}); err != nil {
		return err
	}
	if _, _, err := c.manifest(repo, tag, matches(d)); err != nil || c.pushes%2 == 0 {
		return err
	}
	if _, _, err := c.do(call{op: "manifest.delete", method: http.MethodDelete, target: target + d.String(), status: http.StatusAccepted}); err != nil {
		return err
	}
	_, _, err = c.do(call{op: "manifest.head", method: http.MethodHead, target: target + tag, status: http.StatusNotFound})
	return err
}

// upload puts a blob: half of the time in one PUT, else in a PATCH before it.
func (c *client) upload(repo string, content []byte) (ocispec.Descriptor, error) {
	d := ocispec.Descriptor{Digest: digest.FromBytes(content), Size: int64(len(content))}
	header, _, err := c.do(call{op: "upload.start", method: http.MethodPost, target: "/v2/" + repo + "/blobs/uploads/", status: http.StatusAccepted})
	if err != nil {
		return d, err
	}
	if c.random.IntN(2) == 0 {
		header, _, err = c.do(call{op: "upload.chunk", method: http.MethodPatch, target: header.Get("Location"), body: content,
			media: "application/octet-stream", status: http.StatusAccepted})
		if err != nil {
			return d, err
		}
		content = nil
	}
	location, err := url.Parse(header.Get("Location"))
	if err != nil {
		return d, err
	}
	query := location.Query()
	query.Set("digest", d.Digest.String())
	location.RawQuery = query.Encode()
	_, _, err = c.do(call{op: "upload.commit", method: http.MethodPut, target: location.String(), body: content,
		media: "application/octet-stream", status: http.StatusCreated})
	return d, err
}
