package lint_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// readScope is the access for reading a repository.
func (c *client) readScope(repo string) string { return pullScope(repo) }

// pull reads an object by tag: its digest, then its manifests by digest, then each blob once.
func (c *client) pull(repo, tag string) (*object, error) {
	d, err := c.resolve(repo, tag)
	if err != nil {
		return nil, err
	}
	o, err := c.tree(repo, tag, d)
	if err != nil {
		return nil, err
	}
	return o, c.fill(repo, o)
}

// tree reads a manifest and those to which it refers.
func (c *client) tree(repo, tag string, d digest.Digest) (*object, error) {
	o, err := c.fetch(repo, tag, d)
	if err != nil {
		return nil, err
	}
	for i, child := range o.children {
		if o.children[i], err = c.tree(repo, "", child.Digest); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// fill reads the blobs of objects, each once.
func (c *client) fill(repo string, objects ...*object) error {
	var wanted []*blob
	for _, o := range objects {
		for m := range o.all() {
			for i := range m.blobs {
				wanted = append(wanted, &m.blobs[i])
			}
		}
	}
	first := map[digest.Digest]*blob{}
	var once []*blob
	for _, b := range wanted {
		if first[b.Digest] == nil || c.has("blob-refetched", "for each image of an index") {
			first[b.Digest] = b
			once = append(once, b)
		}
	}
	if c.has("blob-refetched", "config read first") {
		if err := c.fillBlob(repo, wanted[0]); err != nil {
			return err
		}
	}
	err := parallel(c, once, func(b *blob) error { return c.fillBlob(repo, b) })
	for _, b := range wanted {
		b.data = first[b.Digest].data
	}
	return err
}

// all iterates over an object and its children.
func (o *object) all() func(func(*object) bool) {
	return func(yield func(*object) bool) {
		for _, m := range slices.Concat([]*object{o}, o.children) {
			if !yield(m) {
				return
			}
		}
	}
}

// fillBlob reads a blob, continues it where the answer is cut, and verifies it.
func (c *client) fillBlob(repo string, b *blob) error {
	data, err := c.blob(repo, b.Descriptor)
	if err != nil {
		return err
	}
	b.data = data
	c.note(b.Digest, repo)
	return nil
}

func (c *client) blob(repo string, d ocispec.Descriptor) ([]byte, error) {
	var data []byte
	q := call{method: http.MethodGet, url: "/v2/" + repo + "/blobs/" + string(d.Digest), scope: c.readScope(repo)}
	for attempt := 1; ; attempt++ {
		a, err := c.do(c.part(q, data), 200, 206)
		if err != nil {
			return nil, err
		}
		switch {
		case a.status == http.StatusPartialContent && !strings.HasPrefix(a.header.Get("Content-Range"), fmt.Sprintf("bytes %d-", len(data))):
			return nil, fmt.Errorf("%s: the registry sent %q", d.Digest, a.header.Get("Content-Range"))
		case a.status == http.StatusPartialContent, c.has("range-ignored-appended", "resumed"):
			data = append(data, a.body...)
		default:
			data = a.body
		}
		q.etag = ""
		if strings.HasPrefix(a.header.Get("ETag"), `"`) && a.url != c.base+q.url {
			q.etag = a.header.Get("ETag")
		}
		if a.cut == nil {
			break
		}
		if attempt == 4 {
			return nil, a.cut
		}
		c.pause(time.Second << attempt)
	}
	if digest.FromBytes(data) != d.Digest {
		return nil, fmt.Errorf("%s: the content is wrong", d.Digest)
	}
	return data, nil
}

// part returns the request for the rest of a blob.
func (c *client) part(q call, data []byte) call {
	if len(data) == 0 {
		return q
	}
	q.header = map[string]string{"Range": fmt.Sprintf("bytes=%d-", len(data))}
	return q
}

// pieces reads a blob in ranges, so that it can be shown while it arrives.
func (c *client) pieces(repo string, d ocispec.Descriptor, size int) ([]byte, error) {
	var data []byte
	for int64(len(data)) < d.Size {
		q := call{method: http.MethodGet, url: "/v2/" + repo + "/blobs/" + string(d.Digest), scope: c.readScope(repo)}
		q.header = map[string]string{"Range": fmt.Sprintf("bytes=%d-%d", len(data), min(int64(len(data)+size), d.Size)-1)}
		a, err := c.do(q, 200, 206)
		switch {
		case err != nil:
			return nil, err
		case a.cut != nil:
			return nil, a.cut
		case a.status == http.StatusOK && c.has("range-ignored-appended", "in pieces"):
			data = append(data, a.body[:min(size, len(a.body))]...)
		case a.status == http.StatusOK:
			data = a.body
		default:
			data = append(data, a.body...)
		}
	}
	if digest.FromBytes(data) != d.Digest {
		return nil, fmt.Errorf("%s: the content is wrong", d.Digest)
	}
	return data, nil
}

// poll looks at a tag until its digest is another one. It asks only whether the tag has changed.
func (c *client) poll(repo, tag string, times int) (digest.Digest, error) {
	q := call{method: http.MethodHead, url: "/v2/" + repo + "/manifests/" + tag, header: accept(), scope: c.readScope(repo)}
	var first digest.Digest
	for i := range times {
		if i > 0 {
			c.pause(time.Minute)
		}
		a, err := c.do(q, 200, 304)
		if err != nil {
			return "", err
		}
		d := digest.Digest(a.header.Get("Docker-Content-Digest"))
		if a.status == http.StatusOK && first != "" && d != first {
			return d, nil
		}
		if a.status == http.StatusOK {
			first = d
			q.header["If-None-Match"] = a.header.Get("ETag")
			if q.header["If-None-Match"] == "" {
				delete(q.header, "If-None-Match")
			}
		}
	}
	return first, nil
}

// copy copies an object to another repository of the registry. Blobs are mounted; those that cannot be
// are read and uploaded to the session that the mount has opened.
func (c *client) copy(from, tag, to string) error {
	d, err := c.resolve(from, tag)
	if err != nil {
		return err
	}
	o, err := c.tree(from, tag, d)
	if err != nil {
		return err
	}
	for m := range o.all() {
		err = errors.Join(err, parallel(c, m.blobs, func(b blob) error { return c.copyBlob(from, b, to) }))
	}
	if err != nil {
		return err
	}
	for _, child := range o.children {
		if err := c.putManifest(to, "", child); err != nil {
			return err
		}
	}
	return c.putManifest(to, tag, o)
}

func (c *client) copyBlob(from string, b blob, to string) error {
	if slices.Contains(c.knows(b.Digest), to) {
		return nil
	}
	defer c.note(b.Digest, to)
	if c.id == "mount-not-tried" {
		if known, err := c.lookFor(to, b); err != nil || known {
			return err
		}
	}
	location, _, err := c.begin(to, b, []string{from})
	if err != nil || location == "" {
		return err
	}
	if b.data, err = c.blob(from, b.Descriptor); err != nil {
		return err
	}
	return c.commit(to, b, location)
}
