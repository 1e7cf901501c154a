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
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/profiles"
)

// Target is the registry to measure.
type Target struct {
	// URL is that of the registry.
	URL string

	// Client sends the requests. It must not follow redirects. Default: one with a connection of
	// its own.
	Client *http.Client

	// Username and Password answer the challenges of the registry (Basic and Bearer). They are
	// sent to the host of URL and to its token service only.
	Username, Password string

	// Repository is an empty repository to use. Default: one with a random name.
	Repository string
}

const (
	maxRequests = 1200
	maxBody     = 1 << 20 // bytes that are read of an answer
	maxBroken   = 5       // traits at which a registry does not answer
	cleanUpTime = 30 * time.Second
)

// Run measures all traits that it can, and returns a fact for each. A trait that cannot be measured,
// because the registry refuses what is needed, has no fact. At the end, and if ctx is done before,
// Run deletes what it pushed, for at most 30 seconds. Leftovers are the paths of what it could not
// delete.
func Run(ctx context.Context, target Target) (facts []profiles.Fact, leftovers []string, err error) {
	s, err := newSession(ctx, target)
	if err != nil {
		return nil, nil, err
	}
	defer func() { leftovers = s.cleanUp() }()
	broken := 0
	for _, p := range table {
		f, err := p.fact(s)
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
		facts = append(facts, f)
	}
	slices.SortStableFunc(facts, func(a, b profiles.Fact) int { // what later facts say of an answer takes precedence
		return cmp.Compare(about(a), about(b))
	})
	return facts, nil, nil
}

// about returns 0 for a fact about all answers, and 1 for others.
func about(f profiles.Fact) int {
	if strings.HasPrefix(f.Trait, "answer.") {
		return 0
	}
	return 1
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
	login    login
	base     *url.URL
	repo     string // of the probe
	other    string // another one, which has content too
	requests int
	created  []string // paths to delete, in order of creation
	latest   string   // tag of the last image
	listed   bool     // the tags of pages were pushed
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
	s := &session{
		ctx: ctx, client: client, base: base, repo: target.Repository,
		login: login{target.Username, target.Password, map[string]string{}},
	}
	if s.repo == "" {
		s.repo = "ocifake-probe/" + random(8)
	}
	s.other = s.repo + "-other"
	a, err := s.send(http.MethodGet, "/v2/"+s.repo+"/tags/list", nil)
	if err != nil {
		return nil, err
	}
	if a.Status == http.StatusOK && len(a.Tags()) > 0 {
		return nil, fmt.Errorf("probe: the repository %s is not empty: name another one", s.repo)
	}
	return s, nil
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// send sends a request to a path of the registry, or to a Location of it, with credentials if the
// registry asks for them. It does not leave the registry.
func (s *session) send(method, target string, body []byte, header ...string) (*answer, error) {
	at, err := s.resolve(target)
	if err != nil {
		return nil, err
	}
	fields := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		fields.Set(header[i], header[i+1])
	}
	kind := kindOf(&http.Request{Method: method, URL: at})
	if known := s.login.sent[kind]; known != "" {
		fields.Set("Authorization", known)
	}
	a, err := s.do(method, at, body, fields)
	if err != nil || a.Status != http.StatusUnauthorized {
		return a, err
	}
	credentials, err := s.credentials(a)
	if err != nil || credentials == "" {
		return a, err
	}
	s.login.sent[kind] = credentials
	fields.Set("Authorization", credentials)
	return s.do(method, at, body, fields)
}

// resolve returns the URL of a path or a Location of the registry.
func (s *session) resolve(target string) (*url.URL, error) {
	ref, err := url.Parse(target)
	if err != nil {
		return nil, errUnknown
	}
	at := s.base.ResolveReference(ref)
	if at.Host != s.base.Host {
		return nil, errUnknown // credentials stay with the registry
	}
	at.Scheme = s.base.Scheme
	return at, nil
}

// do sends a request, and reads the answer.
func (s *session) do(method string, at *url.URL, body []byte, header http.Header) (*answer, error) {
	if s.requests++; s.requests > maxRequests {
		return nil, fmt.Errorf("more than %d requests", maxRequests)
	}
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	r, err := http.NewRequestWithContext(s.ctx, method, at.String(), reader)
	if err != nil {
		return nil, err
	}
	r.Header = header.Clone()
	response, err := s.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBroken, err)
	}
	return &answer{
		Info: op.Parse(method, at), Host: at.Host, Query: at.Query(), Request: header,
		Status: response.StatusCode, Header: response.Header, Body: text,
	}, nil
}

// path returns a path of the API in the repository of the probe.
func (s *session) path(rest string) string { return "/v2/" + s.repo + rest }

// upload begins an upload session.
func (s *session) upload() (*answer, error) {
	a, err := s.send(http.MethodPost, s.path("/blobs/uploads/"), nil)
	if err == nil && (a.Status != http.StatusAccepted || a.Location() == "") {
		return nil, errUnknown
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
	if a.Location() == "" {
		return d, errUnknown
	}
	a, err = s.send(http.MethodPut, with(a.Location(), "digest", string(d)), content, "Content-Type", octets)
	if err != nil {
		return d, err
	}
	if a.Status != http.StatusCreated {
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
func (s *session) putManifest(repo, reference string, content []byte, mediaType string) (*answer, error) {
	a, err := s.send(http.MethodPut, "/v2/"+repo+"/manifests/"+reference, content, "Content-Type", mediaType)
	if err == nil && a.Status == http.StatusCreated {
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
	if a.Status != http.StatusCreated {
		return "", errUnknown
	}
	s.latest = tag
	return digest.FromBytes(m), nil
}

// cleanUp deletes what was pushed, the latest first, also if the context is done, and returns what
// stays.
func (s *session) cleanUp() (leftovers []string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), cleanUpTime)
	defer cancel()
	s.ctx, s.requests = ctx, 0
	for _, path := range slices.Backward(s.created) {
		a, err := s.send(http.MethodDelete, path, nil)
		if err != nil || a.Status >= http.StatusBadRequest && a.Status != http.StatusNotFound {
			leftovers = append(leftovers, path)
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
