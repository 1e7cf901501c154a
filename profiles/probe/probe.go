// Package probe measures the traits of a running registry.
//
//	facts, err := probe.Run(ctx, probe.Target{URL: "https://registry.example"})
//
// It uses one connection and a repository with a random name, pushes little content, which is
// random, and deletes what it pushed. It does not provoke rate limits.
//
// This package is experimental: its names may change in any release.
package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/profiles"
)

// Target is the registry to measure.
type Target struct {
	// URL is that of the registry.
	URL string

	// Client sends the requests, with credentials if the registry needs them. Default: a client
	// without credentials. It must not follow redirects.
	Client *http.Client

	// Repository is an empty repository to use. Default: one with a random name.
	Repository string
}

const (
	maxRequests = 400
	maxBody     = 1 << 20 // bytes that are read of an answer
	maxBroken   = 5       // traits at which a registry does not answer
)

// Run measures all traits that it can, and returns a fact for each. A trait that cannot be measured,
// because the registry refuses what is needed, has no fact. Leftovers are the paths of what it could
// not delete.
func Run(ctx context.Context, target Target) (facts []profiles.Fact, leftovers []string, err error) {
	s, err := newSession(ctx, target)
	if err != nil {
		return nil, nil, err
	}
	defer func() { leftovers = s.cleanUp() }()
	broken := 0
	for _, p := range table {
		value, seen, err := p.measure(s)
		if errors.Is(err, errBroken) && ctx.Err() == nil && broken < maxBroken {
			broken++
			continue // the registry fails at this request
		}
		if err == errUnknown {
			continue
		}
		if err != nil {
			return facts, nil, fmt.Errorf("probe: %s: %w", p.trait, err)
		}
		facts = append(facts, profiles.Fact{Trait: p.trait, Value: profiles.Value(value), Seen: seen, Source: target.URL, Grade: profiles.FromProbe})
	}
	return facts, nil, nil
}

// Traits returns the names of the traits that Run measures.
func Traits() []string {
	names := make([]string, len(table))
	for i, p := range table {
		names[i] = p.trait
	}
	return names
}

// errUnknown is the result of a probe that cannot measure its trait.
var errUnknown = errors.New("the trait cannot be measured")

// errBroken is the result of a request without a complete answer.
var errBroken = errors.New("the registry does not answer")

// session is the probing of one registry.
type session struct {
	ctx      context.Context
	client   *http.Client
	base     *url.URL
	repo     string // of the probe
	other    string // another one, which has content too
	requests int
	created  []string // paths to delete, in order of creation
}

func newSession(ctx context.Context, target Target) (*session, error) {
	base, err := url.Parse(target.URL)
	if err != nil || base.Host == "" {
		return nil, fmt.Errorf("probe: %q is not the URL of a registry", target.URL)
	}
	client := target.Client
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	s := &session{ctx: ctx, client: client, base: base, repo: target.Repository}
	if s.repo == "" {
		s.repo = "ocifake-probe/" + random(8)
	}
	s.other = s.repo + "-other"
	a, err := s.send(http.MethodGet, "/v2/"+s.repo+"/tags/list", nil)
	if err != nil {
		return nil, err
	}
	if a.status == http.StatusOK && len(a.tags()) > 0 {
		return nil, fmt.Errorf("probe: the repository %s is not empty: name another one", s.repo)
	}
	return s, nil
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// answer is what the registry answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// outcome returns the status and the first error code: "404 NAME_UNKNOWN".
func (a answer) outcome() string {
	text := strconv.Itoa(a.status)
	if code := a.code(); code != "" {
		text += " " + code
	}
	return text
}

func (a answer) code() string {
	var list struct {
		Errors []struct{ Code string }
		Code   string
	}
	_ = json.Unmarshal(a.body, &list) // other bodies have no code
	code := list.Code
	if len(list.Errors) > 0 {
		code = list.Errors[0].Code
	}
	if strings.ContainsAny(code, " \t\r\n") {
		return ""
	}
	return code
}

func (a answer) tags() []string {
	var list struct{ Tags []string }
	_ = json.Unmarshal(a.body, &list) // other bodies have no tags
	return list.Tags
}

// location returns the Location, a path or a URL.
func (a answer) location() string { return a.header.Get("Location") }

func isAbsolute(location string) bool { return strings.Contains(location, "://") }

// send sends a request to a path of the registry, or to a Location of it. It does not leave the
// registry.
func (s *session) send(method, target string, body []byte, header ...string) (answer, error) {
	if s.requests++; s.requests > maxRequests {
		return answer{}, fmt.Errorf("more than %d requests", maxRequests)
	}
	ref, err := url.Parse(target)
	if err != nil {
		return answer{}, errUnknown
	}
	at := s.base.ResolveReference(ref)
	if at.Host != s.base.Host {
		return answer{}, errUnknown // credentials stay with the registry
	}
	at.Scheme = s.base.Scheme
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(s.ctx, method, at.String(), reader)
	if err != nil {
		return answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := s.client.Do(r)
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", errBroken, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return answer{}, fmt.Errorf("%w: %w", errBroken, err)
	}
	return answer{response.StatusCode, response.Header, text}, nil
}

// path returns a path of the API in the repository of the probe.
func (s *session) path(rest string) string { return "/v2/" + s.repo + rest }

// upload begins an upload session.
func (s *session) upload() (answer, error) {
	a, err := s.send(http.MethodPost, s.path("/blobs/uploads/"), nil)
	if err == nil && (a.status != http.StatusAccepted || a.location() == "") {
		return a, errUnknown
	}
	return a, err
}

// with adds a parameter to a location.
func with(location, name, value string) string {
	separator := "?"
	if strings.Contains(location, "?") {
		separator = "&"
	}
	return location + separator + name + "=" + url.QueryEscape(value)
}

const octets = "application/octet-stream"

// pushBlob pushes a blob into a repository.
func (s *session) pushBlob(repo string, content []byte) (digest.Digest, error) {
	d := digest.FromBytes(content)
	a, err := s.send(http.MethodPost, "/v2/"+repo+"/blobs/uploads/", nil)
	if err != nil {
		return d, err
	}
	if a.location() == "" {
		return d, errUnknown
	}
	a, err = s.send(http.MethodPut, with(a.location(), "digest", string(d)), content, "Content-Type", octets)
	if err != nil {
		return d, err
	}
	if a.status != http.StatusCreated {
		return d, errUnknown
	}
	s.created = append(s.created, "/v2/"+repo+"/blobs/"+string(d))
	return d, nil
}

// blob returns a random blob.
func blob() []byte { return []byte("ocifake probe " + random(16)) }

// image returns an image manifest whose config and layer are in the repository. change, if not nil,
// changes it.
func (s *session) image(repo string, change func(*ocispec.Manifest)) ([]byte, error) {
	config, layer := []byte(`{"architecture":"amd64","os":"linux","author":"`+random(8)+`","rootfs":{"type":"layers","diff_ids":[]}}`), blob()
	for _, content := range [][]byte{config, layer} {
		if _, err := s.pushBlob(repo, content); err != nil {
			return nil, err
		}
	}
	m := ocispec.Manifest{
		MediaType: ocispec.MediaTypeImageManifest,
		Config:    ocispec.Descriptor{MediaType: ocispec.MediaTypeImageConfig, Digest: digest.FromBytes(config), Size: int64(len(config))},
		Layers:    []ocispec.Descriptor{{MediaType: ocispec.MediaTypeImageLayer, Digest: digest.FromBytes(layer), Size: int64(len(layer))}},
	}
	m.SchemaVersion = 2
	if change != nil {
		change(&m)
	}
	return json.Marshal(m)
}

// putManifest pushes a manifest.
func (s *session) putManifest(repo, reference string, content []byte, mediaType string) (answer, error) {
	a, err := s.send(http.MethodPut, "/v2/"+repo+"/manifests/"+reference, content, "Content-Type", mediaType)
	if err == nil && a.status == http.StatusCreated {
		s.created = append(s.created, "/v2/"+repo+"/manifests/"+string(digest.FromBytes(content)))
	}
	return a, err
}

// pushImage pushes an image with a tag, which must succeed.
func (s *session) pushImage(repo, tag string) (digest.Digest, error) {
	m, err := s.image(repo, nil)
	if err != nil {
		return "", err
	}
	a, err := s.putManifest(repo, tag, m, ocispec.MediaTypeImageManifest)
	if err != nil {
		return "", err
	}
	if a.status != http.StatusCreated {
		return "", errUnknown
	}
	return digest.FromBytes(m), nil
}

// cleanUp deletes what was pushed, the latest first, and returns what stays.
func (s *session) cleanUp() (leftovers []string) {
	s.ctx = context.WithoutCancel(s.ctx)
	s.requests = 0
	for i := len(s.created) - 1; i >= 0; i-- {
		a, err := s.send(http.MethodDelete, s.created[i], nil)
		if err != nil || a.status >= http.StatusBadRequest && a.status != http.StatusNotFound {
			leftovers = append(leftovers, s.created[i])
		}
	}
	return leftovers
}

// layerOf returns the digest of the layer of an image.
func layerOf(manifest []byte) (digest.Digest, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(manifest, &m); err != nil || len(m.Layers) == 0 {
		return "", errUnknown
	}
	return m.Layers[0].Digest, nil
}
