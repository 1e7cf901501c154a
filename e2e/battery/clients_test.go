package battery_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/exam"
)

// client pulls and pushes images. Its fields are how it is built, and at most one bug.
type client struct {
	bug string

	impatient bool // it sends no request again
	byTag     bool // it gets the manifest by tag, not by the digest of a HEAD
	restarts  bool // it begins again in place of asking for the rest
	parallel  bool // it transfers blobs at the same time
	blind     bool // it pushes blobs without asking whether they exist
	chunk     int  // it pushes in chunks of this size
	single    bool // it pushes with a single POST
	mounts    bool // it mounts from the repository "base"
	memory    bool // it writes files when they are complete
	password  string
}

const attempts = 5

func (c client) has(bug string) bool { return c.bug == bug }

// source makes the request of each try.
type source func() (*http.Request, error)

// failed is an unexpected answer.
type failed struct {
	what   string
	status int
}

func (f failed) Error() string { return fmt.Sprintf("%s: status %d", f.what, f.status) }

// transfer is one run of a client.
type transfer struct {
	client
	ctx  context.Context
	http *http.Client
	base string
	repo string
	dir  string
}

func (c client) begin(ctx context.Context, reg *exam.Trial) *transfer {
	t := &transfer{client: c, ctx: ctx, http: reg.Client(), base: reg.URL(), repo: "app"}
	if c.has("sends credentials to the CDN") {
		t.http = &http.Client{Transport: reg.Transport(), CheckRedirect: func(r *http.Request, via []*http.Request) error {
			r.Header.Set("Authorization", via[0].Header.Get("Authorization"))
			return nil
		}}
	}
	if c.has("follows redirects for ever") {
		t.http = &http.Client{Transport: reg.Transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	}
	if c.has("ignores the context") {
		t.ctx = context.WithoutCancel(ctx)
	}
	return t
}

func (t *transfer) url(format string, args ...any) string {
	return t.base + "/v2/" + t.repo + fmt.Sprintf(format, args...)
}

func (t *transfer) request(method, target string, body []byte, fields ...string) source {
	var reader io.Reader
	return func() (*http.Request, error) {
		if body != nil && (reader == nil || !t.has("sends the rest of a body again")) {
			reader = bytes.NewReader(body)
		}
		r, err := http.NewRequestWithContext(t.ctx, method, target, reader)
		if err != nil {
			return nil, err
		}
		if body != nil {
			r.ContentLength = int64(len(body))
			r.GetBody = nil
			if b := reader.(*bytes.Reader); b.Len() < len(body) {
				r.ContentLength = int64(b.Len())
				if b.Len() == 0 {
					r.Body = http.NoBody
				}
			}
		}
		for i := 0; i < len(fields); i += 2 {
			r.Header.Set(fields[i], fields[i+1])
		}
		if t.password != "" {
			r.SetBasicAuth("somebody", t.password)
		}
		return r, nil
	}
}

// wait waits before the next try.
func (t *transfer) wait(try int, resp *http.Response) error {
	pause := 100 * time.Millisecond << try
	if resp != nil {
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
			pause = time.Duration(s) * time.Second
			if t.has("reads Retry-After as milliseconds") {
				pause = time.Duration(s) * time.Millisecond
			}
		}
	}
	switch {
	case t.has("hurries past Retry-After"):
		pause = 50 * time.Millisecond
	case t.has("floods"):
		pause = 0
	case t.has("waits for 429 only") && (resp == nil || resp.StatusCode != 429):
		pause = time.Millisecond
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-t.ctx.Done():
		return t.ctx.Err()
	}
}

func (t *transfer) tries() int {
	switch {
	case t.impatient, t.has("never tries again"):
		return 1
	case t.has("tries for ever"):
		return 1 << 30
	case t.has("floods"):
		return 2000
	}
	return attempts
}

// passing reports whether a try later can help.
func (t *transfer) passing(status int) bool {
	if t.has("takes 429 for final") && status == 429 {
		return false
	}
	if t.has("takes 500 for final") && status == 500 {
		return false
	}
	if t.has("tries again for ever on 401") && status == 401 {
		return true
	}
	return status == 429 || status >= 500
}

// do sends a request until the answer is not a temporary failure.
func (t *transfer) do(s source) (*http.Response, error) {
	for try := 0; ; try++ {
		r, err := s()
		if err != nil {
			return nil, err
		}
		resp, err := t.http.Do(r)
		last := try+1 >= t.tries() || t.ctx.Err() != nil
		if t.has("tries again for ever on 401") && resp != nil && resp.StatusCode == 401 {
			last = false
		}
		switch {
		case err != nil:
			if last || t.has("takes a broken connection for final") {
				return nil, err
			}
		case !t.passing(resp.StatusCode):
			return resp, nil
		case last:
			return resp, nil
		default:
			if t.has("leaves bodies of errors open") {
				_, _ = resp.Body.Read(make([]byte, 1))
			} else {
				discard(resp)
			}
		}
		if err := t.wait(try, resp); err != nil {
			return nil, err
		}
	}
}

func discard(resp *http.Response) {
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	_ = resp.Body.Close()
}

// whole is an answer with its body; a body that breaks off is asked for again.
func (t *transfer) whole(s source) (*http.Response, []byte, error) {
	for try := 0; ; try++ {
		resp, err := t.do(s)
		if err != nil {
			return nil, nil, err
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
		if cerr := resp.Body.Close(); err == nil {
			err = cerr
		}
		if err == nil || t.has("ignores read errors") {
			return resp, body, nil
		}
		if try+1 >= t.tries() || t.ctx.Err() != nil {
			return nil, nil, err
		}
		if err := t.wait(try, nil); err != nil {
			return nil, nil, err
		}
	}
}

const acceptTypes = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"

func digestOf(content []byte) string { return sha(content) }

// pull pulls the image app:v1 into a directory.
func (c client) pull(ctx context.Context, reg *exam.Trial) (err error) {
	dir := reg.Dir()
	reg.Got = dir
	t := c.begin(ctx, reg)
	t.dir = dir
	if c.has("panics on an error") {
		defer func() {
			if err != nil {
				panic(err)
			}
		}()
	}
	manifest, err := t.manifest()
	if err != nil {
		if c.has("hides errors of manifests") {
			return nil
		}
		if c.has("falls back to latest") {
			if _, body, e := t.whole(t.request("GET", t.url("/manifests/latest"), nil, "Accept", acceptTypes)); e == nil {
				manifest, err = body, nil
			}
		}
		if err != nil {
			return err
		}
	}
	var m ocispec.Manifest
	if err := json.Unmarshal(manifest, &m); err != nil && !c.has("takes anything for a manifest") {
		return fmt.Errorf("manifest: %w", err)
	}
	if m.Config.Digest == "" && !c.has("takes anything for a manifest") {
		return errors.New("the manifest has no config")
	}
	all := append([]ocispec.Descriptor{m.Config}, m.Layers...)
	if c.has("takes anything for a manifest") && m.Config.Digest == "" {
		all = nil
	}
	if c.has("skips the config") {
		if err := t.blobs(all[1:]); err != nil {
			return err
		}
		_ = t.blob(all[0])
	} else if err := t.blobs(all); err != nil {
		return err
	}
	return t.save("manifest.json", manifest)
}

func (t *transfer) manifest() ([]byte, error) {
	ref := "v1"
	if !t.byTag {
		resp, err := t.do(t.request("HEAD", t.url("/manifests/v1"), nil, "Accept", acceptTypes))
		if err != nil {
			return nil, err
		}
		discard(resp)
		if resp.StatusCode != 200 {
			return nil, failed{"HEAD of the manifest", resp.StatusCode}
		}
		if ref = resp.Header.Get("Docker-Content-Digest"); ref == "" {
			ref = "v1"
		}
	}
	resp, body, err := t.whole(t.request("GET", t.url("/manifests/%s", ref), nil, "Accept", acceptTypes))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != 200 {
		return nil, failed{"GET of the manifest", resp.StatusCode}
	}
	if t.has("ignores digests of manifests") || t.has("takes anything for a manifest") {
		return body, nil
	}
	for _, want := range []string{ref, resp.Header.Get("Docker-Content-Digest")} {
		if strings.HasPrefix(want, "sha256:") && digestOf(body) != want {
			return nil, fmt.Errorf("the manifest has the digest %s, not %s", digestOf(body), want)
		}
	}
	return body, nil
}

func (t *transfer) blobs(all []ocispec.Descriptor) error {
	if !t.parallel {
		for i, d := range all {
			if err := t.blob(d); err != nil {
				if t.has("goes on without a layer") && i > 0 {
					continue
				}
				return err
			}
		}
		return nil
	}
	errs := make(chan error, len(all))
	var wg sync.WaitGroup
	for _, d := range all {
		wg.Add(1)
		go func() {
			defer wg.Done()
			err := t.blob(d)
			if err != nil && t.has("waits for all for ever") {
				return
			}
			errs <- err
		}()
	}
	var first error
	for range all {
		err := <-errs
		if first == nil {
			first = err
		}
	}
	if t.has("loses errors of parallel layers") {
		return nil
	}
	if first != nil && t.has("leaves goroutines behind") {
		go func() { errs <- <-errs }()
	}
	return first
}

// part is a blob that is being received.
type part struct {
	w    io.Writer
	hash hash.Hash
	n    int64
}

func (p *part) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.hash.Write(b[:n])
	p.n += int64(n)
	return n, err
}

func (t *transfer) blob(d ocispec.Descriptor) error {
	final := filepath.Join(t.dir, d.Digest.Encoded())
	name := final + ".part"
	if t.has("writes under the final name") {
		name = final
	}
	var file interface {
		io.WriteSeeker
		Truncate(int64) error
		Close() error
	}
	var buffer memoryFile
	if t.memory {
		file = &buffer
	} else {
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		file = f
	}
	err := t.receive(d, file)
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		if !t.memory && !t.has("writes under the final name") {
			if t.has("renames before it verifies") {
				_ = os.Rename(name, final)
				return err
			}
			_ = os.Remove(name)
		}
		return err
	}
	if t.memory {
		return os.WriteFile(final, buffer.content, 0o600)
	}
	if name == final {
		return nil
	}
	return os.Rename(name, final)
}

// memoryFile is a file in memory.
type memoryFile struct{ content []byte }

func (m *memoryFile) Write(p []byte) (int, error) {
	m.content = append(m.content, p...)
	return len(p), nil
}
func (m *memoryFile) Seek(off int64, _ int) (int64, error) { return off, nil }
func (m *memoryFile) Truncate(n int64) error               { m.content = m.content[:n]; return nil }
func (m *memoryFile) Close() error                         { return nil }

// receive gets a blob. What has arrived when a connection breaks is kept, and the rest asked for.
func (t *transfer) receive(d ocispec.Descriptor, file interface {
	io.WriteSeeker
	Truncate(int64) error
}) error {
	p := &part{w: file, hash: sha256.New()}
	restart := func() error {
		p.n = 0
		if !t.has("goes on with the old hash") {
			p.hash.Reset()
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		return file.Truncate(0)
	}
	resumed, cut := false, false // the blob came in parts; one of them ended with an error
	for try := 0; ; try++ {
		var fields []string
		if t.restarts {
			if err := restart(); err != nil {
				return err
			}
		} else if p.n > 0 {
			from := p.n
			if t.has("asks for one byte too few") {
				from++
			}
			if t.has("asks for one byte too many") {
				from--
			}
			fields = []string{"Range", fmt.Sprintf("bytes=%d-", from)}
		}
		resp, err := t.do(t.request("GET", t.url("/blobs/%s", d.Digest), nil, fields...))
		if err != nil {
			return err
		}
		switch {
		case resp.StatusCode == 200 && p.n > 0:
			resumed = true
			if !t.has("appends a 200 to a part") && !t.has("takes 200 for 206") {
				if err := restart(); err != nil {
					discard(resp)
					return err
				}
			}
		case resp.StatusCode == 200:
		case resp.StatusCode == 206 && p.n > 0:
			resumed = true
			if !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", p.n)) && !t.has("ignores Content-Range") && t.bug == "" {
				discard(resp)
				return errors.New("the part is not the rest")
			}
		case resp.StatusCode == 404 && t.has("takes 404 for an empty layer"):
			discard(resp)
			return nil
		case resp.StatusCode == 416 && p.n > 0:
			discard(resp)
			if err := restart(); err != nil {
				return err
			}
			if try+1 >= t.tries() {
				return failed{"GET of a part", 416}
			}
			continue
		default:
			if t.has("writes error pages into files") {
				_, _ = io.Copy(p, resp.Body)
				_ = resp.Body.Close()
				return nil
			}
			if t.has("hides a 500 of a blob") && resp.StatusCode >= 500 {
				discard(resp)
				return nil
			}
			discard(resp)
			return failed{"GET of a blob", resp.StatusCode}
		}
		_, err = io.Copy(p, resp.Body)
		_ = resp.Body.Close()
		if err == nil || t.has("ignores read errors") {
			cut = cut || err != nil
			break
		}
		if try+1 >= t.tries() || t.ctx.Err() != nil {
			return err
		}
		if err := t.wait(try, nil); err != nil {
			return err
		}
	}
	switch {
	case t.has("ignores digests of blobs"),
		t.has("verifies only what was not resumed") && resumed,
		t.has("verifies sizes only") && p.n == d.Size,
		t.has("verifies the first layer only") && d.MediaType == ocispec.MediaTypeImageLayerGzip && d.Size%2 == 0,
		t.has("does not verify configs") && strings.Contains(d.MediaType, "config"),
		t.has("appends a 200 to a part") && resumed, cut:
		return nil
	}
	if sum := "sha256:" + hex.EncodeToString(p.hash.Sum(nil)); sum != d.Digest.String() || p.n != d.Size {
		return fmt.Errorf("blob %s has the digest %s and %d bytes", d.Digest, sum, p.n)
	}
	return nil
}

func (t *transfer) save(name string, content []byte) error {
	part := filepath.Join(t.dir, name+".part")
	if err := os.WriteFile(part, content, 0o600); err != nil {
		return err
	}
	return os.Rename(part, filepath.Join(t.dir, name))
}

// pushed is an image to push.
type pushed struct {
	manifest  []byte
	mediaType string
	blobs     map[string][]byte
	order     []string
}

// push pushes an image as app:v1.
func (c client) push(ctx context.Context, reg *exam.Trial, image pushed) error {
	t := c.begin(ctx, reg)
	put := func() error {
		resp, err := t.do(t.request("PUT", t.url("/manifests/v1"), image.manifest, "Content-Type", image.mediaType))
		if err != nil {
			return err
		}
		discard(resp)
		switch {
		case resp.StatusCode == 201,
			resp.StatusCode == 202 && c.has("takes 202 for 201"),
			resp.StatusCode >= 500 && c.has("hides a 500 of the last PUT"):
			return nil
		}
		return failed{"PUT of the manifest", resp.StatusCode}
	}
	if c.has("pushes the manifest first") {
		if err := put(); err != nil {
			return err
		}
	}
	if err := t.pushBlobs(image); err != nil {
		if c.has("pushes the manifest in any case") {
			_ = put()
		}
		if c.has("deletes the tag if it fails") {
			if resp, e := t.do(t.request("DELETE", t.url("/manifests/v1"), nil)); e == nil {
				discard(resp)
			}
		}
		return err
	}
	if c.has("pushes the manifest first") {
		return nil
	}
	if c.has("deletes the tag before it pushes") {
		if resp, err := t.do(t.request("DELETE", t.url("/manifests/v1"), nil)); err == nil {
			discard(resp)
		}
	}
	return put()
}

func (t *transfer) pushBlobs(image pushed) error {
	if !t.parallel {
		for _, d := range image.order {
			if err := t.pushBlob(d, image.blobs[d]); err != nil && !t.has("hides errors of blobs") {
				return err
			}
		}
		return nil
	}
	errs := make(chan error, len(image.order))
	for _, d := range image.order {
		go func() { errs <- t.pushBlob(d, image.blobs[d]) }()
	}
	if t.has("does not wait for blobs") {
		return <-errs
	}
	var first error
	for range image.order {
		if err := <-errs; first == nil {
			first = err
		}
	}
	if t.has("loses errors of parallel layers") {
		return nil
	}
	return first
}

func (t *transfer) exists(d string) (bool, error) {
	resp, err := t.do(t.request("HEAD", t.url("/blobs/%s", d), nil))
	if err != nil {
		return false, err
	}
	discard(resp)
	switch {
	case resp.StatusCode == 200:
		return true, nil
	case resp.StatusCode == 404:
		return false, nil
	case t.has("takes every HEAD but 404 for yes"):
		return true, nil
	}
	return false, failed{"HEAD of a blob", resp.StatusCode}
}

// pushBlob uploads a blob, from the beginning again if a step of the session fails.
func (t *transfer) pushBlob(d string, content []byte) error {
	if !t.blind {
		there, err := t.exists(d)
		if there || err != nil {
			return err
		}
	}
	var err error
	for try := range min(t.tries(), attempts) {
		if try > 0 {
			if t.ctx.Err() != nil {
				return err
			}
			if e := t.wait(try-1, nil); e != nil {
				return e
			}
			if there, e := t.exists(d); e == nil && there {
				return nil
			}
		}
		if err = t.upload(d, content); err == nil {
			return nil
		}
		var f failed
		if errors.As(err, &f) && f.status != 400 && f.status != 404 && f.status != 416 && f.status != 202 {
			return err
		}
		if t.has("hides a failed upload") {
			return nil
		}
	}
	return err
}

func (t *transfer) upload(d string, content []byte) error {
	target := t.url("/blobs/uploads/")
	var start source
	switch {
	case t.single:
		start = t.request("POST", target+"?digest="+url.QueryEscape(d), content, "Content-Type", "application/octet-stream")
	case t.mounts:
		start = t.request("POST", target+"?mount="+url.QueryEscape(d)+"&from=base", nil)
	default:
		start = t.request("POST", target, nil)
	}
	resp, err := t.do(start)
	if err != nil {
		return err
	}
	discard(resp)
	switch {
	case resp.StatusCode == 201 && (t.single || t.mounts):
		if t.mounts {
			if there, err := t.exists(d); err != nil || there {
				return err
			}
			t.mounts = false
			defer func() { t.mounts = true }()
			return t.upload(d, content)
		}
		return nil
	case resp.StatusCode != 202:
		return failed{"POST of an upload", resp.StatusCode}
	case t.mounts && t.has("takes 202 of a mount for done"):
		return nil
	}
	location, err := t.location(resp)
	if err != nil {
		return err
	}
	for off := 0; t.chunk > 0 && off < len(content); off += t.chunk {
		piece := content[off:min(len(content), off+t.chunk)]
		resp, err := t.do(t.request("PATCH", location.String(), piece, "Content-Type", "application/octet-stream",
			"Content-Range", fmt.Sprintf("%d-%d", off, off+len(piece)-1)))
		if err != nil {
			return err
		}
		discard(resp)
		if resp.StatusCode != 202 {
			if t.has("hides errors of chunks") {
				return nil
			}
			return failed{"PATCH of an upload", resp.StatusCode}
		}
		if location, err = t.location(resp); err != nil {
			return err
		}
	}
	last := content
	if t.chunk > 0 {
		last = []byte{}
	}
	query := location.Query()
	query.Set("digest", d)
	location.RawQuery = query.Encode()
	resp, err = t.do(t.request("PUT", location.String(), last, "Content-Type", "application/octet-stream"))
	if err != nil {
		return err
	}
	discard(resp)
	switch {
	case resp.StatusCode == 201,
		resp.StatusCode == 202 && t.has("takes 202 for 201"),
		resp.StatusCode == 404 && t.has("takes 404 of the closing PUT for done"),
		resp.StatusCode >= 500 && t.has("hides a 500 of a closing PUT"):
		return nil
	}
	return failed{"PUT of an upload", resp.StatusCode}
}

func (t *transfer) location(resp *http.Response) (*url.URL, error) {
	u, err := resp.Request.URL.Parse(resp.Header.Get("Location"))
	if err != nil {
		return nil, err
	}
	if t.has("does not know absolute locations") && strings.HasPrefix(resp.Header.Get("Location"), "http") {
		return nil, errors.New("unexpected location")
	}
	return u, nil
}
