package exam_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/exam"
)

// careful is a client that does everything right, except for its bug.
type careful struct{ bug string }

func (c careful) client() exam.Client {
	return exam.Client{Name: "careful", Push: c.push, Pull: c.pull, List: c.list, Copy: c.copyImage, Referrers: c.referrers}
}

// session is the work of the client in one trial.
type session struct {
	careful
	ctx   context.Context
	reg   *exam.Trial
	http  *http.Client
	auth  string // Authorization for the registry
	scope string
}

func (c careful) begin(ctx context.Context, reg *exam.Trial) *session {
	if c.bug == "ignores its context" {
		ctx = context.Background()
	}
	s := &session{careful: c, ctx: ctx, reg: reg, http: reg.Client()}
	s.http.Transport.(*http.Transport).ResponseHeaderTimeout = 2 * time.Minute
	s.http.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) > 5 {
			return errors.New("too many redirects")
		}
		if s.bug == "panics on redirects" {
			panic("a redirect")
		}
		if s.bug == "sends credentials to others" {
			r.Header.Set("Authorization", via[0].Header.Get("Authorization"))
		}
		return nil
	}
	return s
}

// response is an answer whose body was read.
type response struct {
	*http.Response
	body []byte
}

func (r *response) error() error {
	return fmt.Errorf("%s %s: %s %.80q", r.Request.Method, r.Request.URL.Path, r.Status, r.body)
}

const maxBody = 8 << 20

// do sends a request, and again if that can help.
func (s *session) do(method, target string, body []byte, header ...string) (*response, error) {
	pause, renewed := time.Second, 0
	for try := 1; ; try++ {
		r, err := s.once(method, target, body, header...)
		again := err != nil || r.StatusCode == http.StatusTooManyRequests || r.StatusCode >= 500
		wait := pause
		if err == nil && r.StatusCode == http.StatusUnauthorized && renewed < 2 {
			renewed++
			if s.login(r.Header["Www-Authenticate"], s.auth != "") == nil {
				continue
			}
		}
		if !again || try == 6 || s.ctx.Err() != nil || s.bug == "tries once" || s.bug == "ignores its context" {
			return r, err
		}
		if err == nil && s.bug != "hurries" {
			if told := retryAfter(r); told > 5*time.Minute {
				return r, r.error()
			} else if told > wait {
				wait = told
			}
		}
		if s.bug == "tries for ever" {
			try = 1
		}
		select {
		case <-time.After(wait):
		case <-s.ctx.Done():
			return nil, s.ctx.Err()
		}
		pause *= 2
	}
}

func retryAfter(r *response) time.Duration {
	value := r.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return time.Until(at) + time.Second
	}
	return 0
}

// once sends a request and reads the answer, for which no more than 30 s may pass without a byte.
func (s *session) once(method, target string, body []byte, header ...string) (*response, error) {
	base, err := url.Parse(s.reg.URL())
	if err != nil {
		return nil, err
	}
	u, err := base.Parse(target)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("User-Agent", "careful/1")
	if s.auth != "" && u.Host == base.Host {
		r.Header.Set("Authorization", s.auth)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	deadline := time.AfterFunc(2*time.Minute, cancel)
	defer deadline.Stop()
	answer, err := s.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var text bytes.Buffer
	for chunk := make([]byte, 4096); err == nil && text.Len() < maxBody; {
		if s.bug == "ignores its context" {
			deadline.Stop()
		} else {
			deadline.Reset(30 * time.Second)
		}
		var n int
		n, err = answer.Body.Read(chunk)
		text.Write(chunk[:n])
	}
	if err != nil && !errors.Is(err, io.EOF) && s.bug != "accepts short bodies" {
		return nil, err
	}
	return &response{answer, text.Bytes()}, nil
}

var parameter = regexp.MustCompile(`(\w+)="([^"]*)"`)

// login answers a challenge. It prefers Bearer.
func (s *session) login(challenges []string, refused bool) error {
	var basic, bearer string
	for _, challenge := range challenges {
		switch scheme, rest, _ := strings.Cut(challenge, " "); strings.ToLower(scheme) {
		case "basic":
			basic = "Basic"
		case "bearer":
			bearer = rest
		}
	}
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(s.reg.Username, s.reg.Password)
	password := r.Header.Get("Authorization")
	if s.reg.Username == "" {
		password = ""
	}
	switch {
	case bearer != "":
		return s.token(bearer, password)
	case basic != "" && !refused && password != "":
		s.auth = password
		return nil
	case len(challenges) == 0:
		s.auth = ""
		ping, err := s.once(http.MethodGet, "/v2/", nil)
		if err != nil || len(ping.Header["Www-Authenticate"]) == 0 {
			return errors.New("no challenge")
		}
		return s.login(ping.Header["Www-Authenticate"], false)
	}
	return errors.New("no scheme that this client knows")
}

func (s *session) token(challenge, password string) error {
	values := map[string]string{}
	for _, match := range parameter.FindAllStringSubmatch(challenge, -1) {
		values[match[1]] = match[2]
	}
	realm, err := url.Parse(values["realm"])
	if err != nil {
		return err
	}
	if base, err := url.Parse(s.reg.URL()); err != nil || realm.Host != base.Host {
		return errors.New("the token service is elsewhere")
	}
	scope := values["scope"]
	if scope == "" {
		scope = s.scope
	}
	query := realm.Query()
	query.Set("service", values["service"])
	query.Set("scope", scope)
	realm.RawQuery = query.Encode()
	s.auth = ""
	var header []string
	if password != "" {
		header = []string{"Authorization", password}
	}
	r, err := s.do(http.MethodGet, realm.String(), nil, header...)
	if err != nil {
		return err
	}
	var token struct {
		Token  string `json:"token"`
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal(r.body, &token); err != nil || r.StatusCode != http.StatusOK {
		return r.error()
	}
	if token.Token == "" {
		token.Token = token.Access
	}
	if token.Token == "" {
		return errors.New("no token")
	}
	s.auth = "Bearer " + token.Token
	return nil
}

// split divides a full reference into its repository and its tag or digest.
func split(full string) (repo, ref string) {
	_, rest, _ := strings.Cut(full, "/")
	if repo, ref, ok := strings.Cut(rest, "@"); ok {
		return repo, ref
	}
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		return rest[:i], rest[i+1:]
	}
	return rest, ""
}

const accept = ocispec.MediaTypeImageManifest + ", " + ocispec.MediaTypeImageIndex

// --- pull ---

func (c careful) pull(ctx context.Context, reg *exam.Trial) error {
	s := c.begin(ctx, reg)
	repo, ref := split(reg.Reference)
	s.scope = "repository:" + repo + ":pull"
	content, manifest, err := s.manifest(repo, ref)
	if err != nil {
		return err
	}
	dir := reg.Dir()
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o700); err != nil {
		return err
	}
	put := func(d digest.Digest, content []byte) error {
		return os.WriteFile(filepath.Join(blobs, d.Encoded()), content, 0o600)
	}
	for _, d := range append(manifest.Layers, manifest.Config) {
		blob, err := s.blob(repo, d)
		if c.bug == "leaves half a file" {
			_ = put(d.Digest, blob)
		}
		if err != nil {
			return err
		}
		if err := put(d.Digest, blob); err != nil {
			return err
		}
	}
	d := digest.FromBytes(content)
	if err := put(d, content); err != nil {
		return err
	}
	index := fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d}]}`, ocispec.MediaTypeImageManifest, d, len(content))
	return errors.Join(os.WriteFile(filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o600),
		os.WriteFile(filepath.Join(dir, "index.json"), []byte(index), 0o600))
}

// manifest fetches a manifest. It compares the type, but for generic ones, and the digest.
func (s *session) manifest(repo, ref string) ([]byte, ocispec.Manifest, error) {
	var manifest ocispec.Manifest
	r, err := s.do(http.MethodGet, "/v2/"+repo+"/manifests/"+ref, nil, "Accept", accept)
	if err != nil {
		return nil, manifest, err
	}
	if r.StatusCode != http.StatusOK {
		return nil, manifest, r.error()
	}
	want := r.Header.Get("Docker-Content-Digest")
	if strings.Contains(ref, ":") {
		want = ref
	}
	if want != "" && digest.FromBytes(r.body).String() != want && s.bug != "does not verify manifests" {
		return nil, manifest, errors.New("another manifest")
	}
	if err := json.Unmarshal(r.body, &manifest); err != nil {
		return nil, manifest, err
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if s.bug == "reads parameters of a type" {
		kind = r.Header.Get("Content-Type")
	}
	generic := kind == "application/json" || kind == "text/plain"
	if kind != manifest.MediaType && !generic && s.bug != "ignores Content-Type" {
		return nil, manifest, fmt.Errorf("mediaType is %q and Content-Type is %q", manifest.MediaType, kind)
	}
	return r.body, manifest, nil
}

func (s *session) blob(repo string, d ocispec.Descriptor) ([]byte, error) {
	for try := 1; ; try++ {
		r, err := s.do(http.MethodGet, "/v2/"+repo+"/blobs/"+string(d.Digest), nil)
		if err != nil {
			return nil, err
		}
		switch {
		case s.bug == "does not verify blobs" && r.StatusCode == http.StatusOK:
			return r.body, nil
		case r.StatusCode == http.StatusOK && digest.FromBytes(r.body) == d.Digest:
			return r.body, nil
		case r.StatusCode != http.StatusOK && (try == 3 || r.Request.URL.Host == strings.SplitN(s.reg.URL(), "/", 3)[2]):
			return r.body, r.error()
		case try == 3:
			return r.body, errors.New("another blob")
		}
	}
}

// --- lists ---

func (c careful) list(ctx context.Context, reg *exam.Trial) ([]string, error) {
	s := c.begin(ctx, reg)
	repo, _ := split(reg.Reference)
	s.scope = "repository:" + repo + ":pull"
	var tags []string
	err := s.pages("/v2/"+repo+"/tags/list", func(body []byte) (int, error) {
		var page struct{ Tags []string }
		err := json.Unmarshal(body, &page)
		tags = append(tags, page.Tags...)
		return len(page.Tags), err
	})
	return tags, err
}

// pages fetches a list and what its Link leads to.
func (s *session) pages(target string, add func([]byte) (int, error), header ...string) error {
	for seen := map[string]bool{}; target != ""; {
		if (seen[target] || len(seen) > 100) && s.bug != "follows links for ever" {
			return errors.New("the list has no end")
		}
		seen[target] = true
		r, err := s.do(http.MethodGet, target, nil, header...)
		if err != nil {
			return err
		}
		if r.StatusCode != http.StatusOK {
			if s.bug == "takes an error for the end of a list" {
				return nil
			}
			return r.error()
		}
		if _, err := add(r.body); err != nil {
			return err
		}
		link := r.Header.Get("Link")
		if link == "" || s.bug == "reads one page" {
			return nil
		}
		begin, end := strings.IndexByte(link, '<'), strings.IndexByte(link, '>')
		if begin < 0 || end < begin {
			begin, end = -1, strings.IndexByte(link+";", ';')
		}
		next, err := r.Request.URL.Parse(link[begin+1 : end])
		if err != nil {
			return err
		}
		target = next.String()
		if s.bug == "rebuilds the cursor" {
			target = r.Request.URL.Path + "?n=2&last=v2"
		}
	}
	return nil
}

func (c careful) referrers(ctx context.Context, reg *exam.Trial) ([]string, error) {
	s := c.begin(ctx, reg)
	repo, subject := split(reg.Reference)
	s.scope = "repository:" + repo + ":pull"
	var found []string
	add := func(body []byte) (int, error) {
		var index ocispec.Index
		err := json.Unmarshal(body, &index)
		for _, d := range index.Manifests {
			found = append(found, d.Digest.String())
		}
		return len(index.Manifests), err
	}
	r, err := s.do(http.MethodGet, "/v2/"+repo+"/referrers/"+subject, nil)
	switch {
	case err != nil:
		return nil, err
	case r.StatusCode == http.StatusNotFound && c.bug != "knows no referrers tag":
		return found, s.pages("/v2/"+repo+"/manifests/"+strings.Replace(subject, ":", "-", 1), add, "Accept", ocispec.MediaTypeImageIndex)
	}
	return found, s.pages("/v2/"+repo+"/referrers/"+subject, add)
}

// --- push ---

func (c careful) push(ctx context.Context, reg *exam.Trial) error {
	s := c.begin(ctx, reg)
	repo, tag := split(reg.Reference)
	s.scope = "repository:" + repo + ":pull,push"
	blobs, content, err := contentOf(reg.Content)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		for _, blob := range blobs {
			if err := s.upload(repo, blob); err != nil {
				return err
			}
		}
		if err := s.put(repo, tag, content); err == nil || try == 2 || c.bug != "" {
			return err
		}
	}
}

// contentOf returns the blobs and the manifest of an image.
func contentOf(image v1.Image) (blobs [][]byte, manifest []byte, err error) {
	layers, err := image.Layers()
	if err != nil {
		return nil, nil, err
	}
	for _, layer := range layers {
		content, err := layer.Compressed()
		if err != nil {
			return nil, nil, err
		}
		blob, err := io.ReadAll(content)
		if err != nil {
			return nil, nil, err
		}
		blobs = append(blobs, blob)
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return nil, nil, err
	}
	manifest, err = image.RawManifest()
	return append(blobs, config), manifest, err
}

// upload pushes a blob in one PUT, in a new session if that fails.
func (s *session) upload(repo string, blob []byte) error {
	d := digest.FromBytes(blob)
	for try := 1; ; try++ {
		r, err := s.do(http.MethodHead, "/v2/"+repo+"/blobs/"+string(d), nil)
		if err == nil && r.StatusCode == http.StatusOK {
			return nil
		}
		err = s.uploadOnce(repo, blob, d)
		if err == nil || try == 2 || s.ctx.Err() != nil || s.bug == "tries once" {
			return err
		}
		select {
		case <-time.After(time.Duration(try) * time.Second):
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}

func (s *session) uploadOnce(repo string, blob []byte, d digest.Digest) error {
	r, err := s.do(http.MethodPost, "/v2/"+repo+"/blobs/uploads/", nil)
	if err != nil {
		return err
	}
	if r.StatusCode != http.StatusAccepted {
		return r.error()
	}
	location, err := r.Location()
	if err != nil {
		return err
	}
	if base, err := url.Parse(s.reg.URL()); err != nil || base.Scheme == "https" && location.Scheme == "http" && s.bug != "follows a Location without TLS" {
		return errors.New("the Location has no TLS")
	}
	if s.bug == "rebuilds the Location" {
		location.RawQuery = "_state=" + url.QueryEscape(location.Query().Get("_state"))
	}
	separator := "?"
	if location.RawQuery != "" {
		separator = "&"
	}
	r, err = s.once(http.MethodPut, location.String()+separator+"digest="+url.QueryEscape(string(d)), blob, "Content-Type", "application/octet-stream")
	switch {
	case err != nil:
		return err
	case s.bug == "takes any answer to a PUT for success":
		return nil
	case r.StatusCode == http.StatusUnauthorized:
		return errors.Join(r.error(), s.login(r.Header["Www-Authenticate"], true))
	case r.StatusCode != http.StatusCreated:
		return r.error()
	}
	return nil
}

// put pushes a manifest, and then lists it under the tag of its subject if need be.
func (s *session) put(repo, ref string, content []byte) error {
	var manifest ocispec.Manifest
	if err := json.Unmarshal(content, &manifest); err != nil {
		return err
	}
	if s.bug == "pushes no subject" {
		manifest.Subject = nil
		var err error
		if content, err = json.Marshal(manifest); err != nil {
			return err
		}
	}
	var r *response
	for try := 1; ; try++ {
		var err error
		r, err = s.do(http.MethodPut, "/v2/"+repo+"/manifests/"+ref, content, "Content-Type", manifest.MediaType)
		if err != nil {
			return err
		}
		if r.StatusCode == http.StatusCreated || r.StatusCode == http.StatusAccepted {
			break
		}
		if try == 3 || s.bug == "tries once" {
			return r.error()
		}
		select {
		case <-time.After(5 * time.Second):
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
	if manifest.Subject == nil || r.Header.Get("OCI-Subject") != "" || s.bug == "does not look at OCI-Subject" {
		return nil
	}
	tag := strings.Replace(string(manifest.Subject.Digest), ":", "-", 1)
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	index.SchemaVersion = 2
	old, err := s.do(http.MethodGet, "/v2/"+repo+"/manifests/"+tag, nil, "Accept", accept)
	switch {
	case err != nil:
		return err
	case old.StatusCode == http.StatusNotFound:
	case old.StatusCode != http.StatusOK:
		return old.error()
	default:
		if err := json.Unmarshal(old.body, &index); err != nil || index.MediaType != ocispec.MediaTypeImageIndex {
			if s.bug != "overwrites the referrers tag" {
				return errors.New("the referrers tag is no index")
			}
			index = ocispec.Index{MediaType: ocispec.MediaTypeImageIndex}
			index.SchemaVersion = 2
		}
	}
	kind := manifest.ArtifactType
	if kind == "" {
		kind = manifest.Config.MediaType
	}
	index.Manifests = append(index.Manifests, ocispec.Descriptor{MediaType: manifest.MediaType, Digest: digest.FromBytes(content), Size: int64(len(content)),
		ArtifactType: kind, Annotations: manifest.Annotations})
	text, err := json.Marshal(index)
	if err != nil {
		return err
	}
	r, err = s.do(http.MethodPut, "/v2/"+repo+"/manifests/"+tag, text, "Content-Type", ocispec.MediaTypeImageIndex)
	if err == nil && r.StatusCode != http.StatusCreated {
		err = r.error()
	}
	return err
}

// --- copy ---

func (c careful) copyImage(ctx context.Context, reg *exam.Trial) error {
	s := c.begin(ctx, reg)
	from, ref := split(reg.Reference)
	to, tag := split(reg.Target)
	s.scope = "repository:" + from + ":pull repository:" + to + ":pull,push"
	content, manifest, err := s.manifest(from, ref)
	if err != nil {
		return err
	}
	for _, d := range append(manifest.Layers, manifest.Config) {
		s.auth = ""
		r, err := s.do(http.MethodPost, "/v2/"+to+"/blobs/uploads/?mount="+string(d.Digest)+"&from="+from, nil)
		if err == nil && r.StatusCode == http.StatusCreated {
			continue
		}
		s.auth = ""
		blob, err := s.blob(from, d)
		if err != nil {
			return err
		}
		s.auth = ""
		if err := s.upload(to, blob); err != nil {
			return err
		}
	}
	return s.put(to, tag, content)
}
