package lint_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
)

func pushScope(repo string) string { return "repository:" + repo + ":pull,push" }
func pullScope(repo string) string { return "repository:" + repo + ":pull" }

// push pushes an object: children before their index, blobs before their manifest. Without a tag it
// is found by its digest.
func (c *client) push(repo, tag string, o *object) error {
	for _, child := range o.children {
		if err := c.push(repo, "", child); err != nil {
			return err
		}
	}
	if err := parallel(c, o.blobs, func(b blob) error { return c.pushBlob(repo, b) }); err != nil {
		return err
	}
	return c.putManifest(repo, tag, o)
}

// parallel calls a function for all items. The client bounds the requests in flight.
func parallel[T any](c *client, items []T, do func(T) error) error {
	errs := make([]error, len(items))
	var group sync.WaitGroup
	for i, item := range items {
		group.Go(func() { errs[i] = do(item) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// pushBlob makes a blob visible in a repository: nothing if it is there, a mount if another repository
// of the registry has it, and otherwise an upload.
func (c *client) pushBlob(repo string, b blob) error {
	places := c.knows(b.Digest)
	if slices.Contains(places, repo) && !c.has("upload-known-blob", "own push forgotten") {
		return nil
	}
	places = slices.DeleteFunc(places, func(place string) bool { return place == repo })
	if len(places) == 0 && !c.has("upload-known-blob", "own push forgotten") {
		known, err := c.lookFor(repo, b)
		if err != nil || known && c.id != "upload-known-blob" {
			return err
		}
	}
	if err := c.upload(repo, b, places); err != nil {
		return err
	}
	c.note(b.Digest, repo)
	return nil
}

// lookFor reports whether a repository has a blob.
func (c *client) lookFor(repo string, b blob) (bool, error) {
	a, err := c.do(call{method: http.MethodHead, url: "/v2/" + repo + "/blobs/" + string(b.Digest), scope: pushScope(repo)}, 200, 404)
	if err != nil || a.status == http.StatusNotFound {
		return false, err
	}
	c.note(b.Digest, repo)
	return true, nil
}

// knows returns the repositories that have a blob, as far as the client knows.
func (c *client) knows(d digest.Digest) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.places[d])
}

func (c *client) note(d digest.Digest, repo string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.places[d], repo) {
		c.places[d] = append(c.places[d], repo)
	}
}

// upload sends a blob, and starts anew if a session fails.
func (c *client) upload(repo string, b blob, places []string) error {
	for attempt := 1; ; attempt++ {
		location, smallest, err := c.begin(repo, b, places)
		if err != nil || location == "" {
			return err
		}
		size := max(c.chunk, smallest)
		if c.id == "chunk-below-minimum" {
			size = c.chunk
		}
		if len(b.data) > size {
			err = c.sendChunks(repo, b, location, size)
			if errors.Is(err, errUnsupported) {
				if location, _, err = c.begin(repo, b, nil); err == nil {
					err = c.commit(repo, b, location)
				}
			}
		} else {
			err = c.commit(repo, b, location)
		}
		var status *statusError
		if err == nil {
			return nil
		}
		if attempt == 4 || !errors.Is(err, errLost) && errors.As(err, &status) && status.answer.status/100 == 4 {
			c.cancel(repo, location)
			return err
		}
		if known, err := c.lookFor(repo, b); err != nil || known {
			return err
		}
		c.pause(time.Second << attempt)
	}
}

// begin opens an upload session and returns its location and the minimum size of a chunk. Where
// another repository has the blob, it is mounted; then there is no location.
func (c *client) begin(repo string, b blob, places []string) (location string, smallest int, err error) {
	q := call{method: http.MethodPost, url: "/v2/" + repo + "/blobs/uploads/", scope: pushScope(repo), once: true}
	if len(places) > 0 && c.id != "mount-not-tried" {
		q.url += "?mount=" + url.QueryEscape(string(b.Digest)) + "&from=" + url.QueryEscape(places[0])
		q.scope += " " + pullScope(places[0])
	}
	a, err := c.do(q, 201, 202)
	if err != nil {
		return "", 0, err
	}
	if a.status == http.StatusCreated {
		return "", 0, nil
	}
	if len(places) > 0 && c.id == "mount-restarted" {
		if c.variant == "session cancelled" {
			c.cancel(repo, c.base+a.header.Get("Location"))
		}
		return c.begin(repo, b, nil)
	}
	location, err = resolve(a.url, a.header.Get("Location"))
	smallest, _ = strconv.Atoi(a.header.Get("OCI-Chunk-Min-Length"))
	return location, smallest, err
}

// commit sends a whole blob to a session and closes it.
func (c *client) commit(repo string, b blob, location string) error {
	address := c.closing(location, b.Digest)
	_, err := c.do(call{
		method: http.MethodPut, url: address, body: b.data, scope: pushScope(repo), once: true,
		header: map[string]string{"Content-Type": "application/octet-stream"},
	}, 201)
	return err
}

// closing returns the URL that closes a session: its location as it was given, with the digest.
func (c *client) closing(location string, d digest.Digest) string {
	location = c.address(location)
	if c.id == "upload-location-reordered" {
		return reordered(location, d, c.variant)
	}
	separator := "?"
	if strings.Contains(location, "?") {
		separator = "&"
	}
	return location + separator + "digest=" + url.QueryEscape(string(d))
}

// cancel closes a session that is not used any more. The outcome does not matter.
func (c *client) cancel(repo, location string) {
	c.send(call{method: http.MethodDelete, url: location, scope: pushScope(repo), once: true})
}
