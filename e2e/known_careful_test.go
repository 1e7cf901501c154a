package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
)

// carefulClient is a client on net/http with the correct behavior for known faults.
type carefulClient struct {
	hosts  []string // that are asked in turn, mirrors first; none: the registry
	accept string   // of manifests
	chunk  int      // size of the chunks that are uploaded first
	pushed map[digest.Digest]bool

	credentials string // that the registry has asked for, for the Authorization field
	scopes      []string
	post        bool // asks for tokens with POST first
}

const manifestTypes = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, " + dockerManifestType

func newCareful() *carefulClient {
	return &carefulClient{accept: manifestTypes, chunk: smallChunk, pushed: map[digest.Digest]bool{}}
}

func careful() client {
	c := newCareful()
	return client{push: c.push, pull: c.pull, resolve: c.resolve, tags: c.tags, copy: c.copy, attach: c.attach, referrers: c.referrers}
}

func carefulPullMirrored(s *session, ref, dir string) error {
	c := newCareful()
	c.hosts = []string{mirrorHost, s.base.Host}
	return c.pull(s, ref, dir)
}

func carefulPushLargeChunks(s *session, image content, ref string) error {
	c := newCareful()
	c.chunk = largeChunk
	return c.push(s, image, ref)
}

func carefulResolveDocker(s *session, ref string) (digest.Digest, error) {
	c := newCareful()
	c.accept = dockerManifestType
	return c.resolve(s, ref)
}

// temporary is an error that justifies a retry.
type temporary struct {
	error
	after time.Duration
}

func (t *temporary) Unwrap() error { return t.error }

func later(format string, args ...any) error { return &temporary{fmt.Errorf(format, args...), 0} }

const (
	tries    = 6
	idle     = 30 * time.Second // no byte in this time: the connection is dead
	maxPause = 2 * time.Minute
	maxBody  = 4 << 20
)

// again retries with increasing pauses, or with those that the registry requests.
func again(f func() error) (err error) {
	for try := range tries {
		var t *temporary
		if err = f(); !errors.As(err, &t) {
			return err
		}
		if try < tries-1 {
			time.Sleep(min(max(t.after, time.Second<<try), maxPause))
		}
	}
	return err
}

// reply is a response with its whole body.
type reply struct {
	status int
	header http.Header
	url    *url.URL // that it came from
	body   []byte   // what arrived of it
}

// send makes one request. The body of the reply is there as far as it came, even
// with an error.
func (c *carefulClient) send(s *session, method, target string, header http.Header, body []byte, credentials string) (reply, error) {
	ctx, cancel := context.WithCancel(s.context())
	defer cancel()
	alive := time.AfterFunc(idle, cancel)
	defer alive.Stop()
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Accept-Encoding", "identity")
	if credentials != "" {
		req.Header.Set("Authorization", credentials)
	}
	res, err := (&http.Client{Transport: s.transport}).Do(req)
	if errors.Is(err, errTooOften) {
		return reply{}, err
	}
	if err != nil {
		return reply{}, &temporary{err, 0}
	}
	defer res.Body.Close()
	r := reply{res.StatusCode, res.Header, res.Request.URL, nil}
	r.body, err = readAlive(io.LimitReader(res.Body, maxBody), alive)
	if err != nil {
		return r, &temporary{fmt.Errorf("%s %s: %w", method, target, err), 0}
	}
	return r, r.failure(req)
}

// readAlive reads as long as bytes arrive.
func readAlive(from io.Reader, alive *time.Timer) (data []byte, err error) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		alive.Reset(idle)
		data = append(data, buf[:n]...)
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return data, err
		}
	}
}

// failure decides by the status alone whether and when to retry.
func (r reply) failure(req *http.Request) error {
	if r.status < 400 {
		return nil
	}
	err := fmt.Errorf("%s %s: status %d: %s", req.Method, r.url.Redacted(), r.status, r.body)
	elsewhere := r.url.Hostname() != req.URL.Hostname() // an expired URL, say: ask for a new one
	if r.status == http.StatusRequestTimeout || r.status == http.StatusTooManyRequests || r.status >= 500 || elsewhere {
		return &temporary{err, retryAfter(r.header.Get("Retry-After"))}
	}
	return err
}

// retryAfter parses both forms of Retry-After, and returns 0 for others.
func retryAfter(field string) time.Duration {
	if seconds, err := strconv.ParseUint(field, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(field); err == nil {
		return max(time.Until(date), 0)
	}
	return 0
}

// parse returns the repository and the reference in it of a full reference.
func (c *carefulClient) parse(s *session, ref string) (repo, reference string) {
	rest := strings.TrimPrefix(ref, s.base.Host+"/")
	if repo, d, ok := strings.Cut(rest, "@"); ok {
		return repo, d
	}
	repo, tag, _ := strings.Cut(rest, ":")
	return repo, tag
}

// url returns the URL of an API path on a host.
func (c *carefulClient) url(s *session, host, path string) string {
	target := s.base.Scheme + "://" + host + "/v2/" + path
	if host != s.base.Host {
		target += "?ns=" + s.base.Host
	}
	return target
}

// onHosts tries hosts in order until one has the content.
func (c *carefulClient) onHosts(s *session, path string, f func(target string) error) error {
	hosts := c.hosts
	if len(hosts) == 0 {
		hosts = []string{s.base.Host}
	}
	var errs []error
	for _, host := range hosts {
		err := again(func() error { return f(c.url(s, host, path)) })
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// verified returns the bytes that have the digest: those that came, or what is in
// them if they were encoded on their way.
func verified(d digest.Digest, r reply) ([]byte, bool) {
	if d.Algorithm().FromBytes(r.body) == d {
		return r.body, true
	}
	decoded, ok := gunzipped(r)
	return decoded, ok && d.Algorithm().FromBytes(decoded) == d
}

func gunzipped(r reply) ([]byte, bool) {
	if r.header.Get("Content-Encoding") != "gzip" {
		return nil, false
	}
	gz, err := gzip.NewReader(bytes.NewReader(r.body))
	if err != nil {
		return nil, false
	}
	data, err := io.ReadAll(io.LimitReader(gz, maxBody))
	return data, err == nil
}

// blob fetches a blob, and resumes after a cut.
func (c *carefulClient) blob(s *session, repo string, d digest.Digest) (data []byte, err error) {
	var have []byte
	err = c.onHosts(s, repo+"/blobs/"+d.String(), func(target string) error {
		header := http.Header{}
		if len(have) > 0 {
			header.Set("Range", fmt.Sprintf("bytes=%d-", len(have)))
		}
		r, err := c.ask(s, http.MethodGet, target, header, nil)
		switch {
		case r.status == http.StatusOK:
			have = r.body // the whole, even if a part was asked for
		case r.status == http.StatusPartialContent && strings.HasPrefix(r.header.Get("Content-Range"), fmt.Sprintf("bytes %d-", len(have))):
			have = slices.Concat(have, r.body)
		case err == nil:
			err = later("status %d and Content-Range %q to a request from %d on", r.status, r.header.Get("Content-Range"), len(have))
		}
		if err != nil {
			return err
		}
		r.body, have = have, nil
		var ok bool
		if data, ok = verified(d, r); !ok {
			return later("content of %s is wrong", d)
		}
		return nil
	})
	return data, err
}
