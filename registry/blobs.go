package registry

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/ocifake/ocifake/op"
	"github.com/opencontainers/go-digest"
)

// Blobs: end-2 GET and HEAD ("Pulling blobs", "Checking if content exists"),
// end-10 DELETE ("Deleting Blobs").
//
//   - GET answers 200, or 206 to a single Range, with Docker-Content-Digest and
//     Content-Length; 404 BLOB_UNKNOWN if the repository does not have the blob, and
//     NAME_UNKNOWN if it does not exist.
//   - Stricter than most: a blob is not found in a repository that it was not
//     pushed or mounted into, and a manifest is not found here.
//   - The digest is the entity tag: If-Match, If-None-Match and If-Range work.

func (c *call) getBlob() error {
	d := c.info.Digest
	if !op.ValidDigest(d) {
		return &Error{Cause: digestUnusable, Message: fmt.Sprintf("%q is not a sha256 or sha512 digest", d)}
	}
	blob, err := c.openBlob(d)
	if err != nil {
		return c.about(err)
	}
	defer blob.Close()
	if d, err = c.namedDigest(blob); err != nil {
		return err
	}
	fields := blobFields(d)
	c.set(fields[:]...)
	if c.options.dialect.ServeBlobs {
		return c.serveBlob(blob)
	}
	if done, err := c.notModified(d); done || err != nil {
		return err
	}
	part, partial, err := c.requestedRange(d, blob.Size())
	if err != nil {
		return err
	}
	status := http.StatusOK
	if partial {
		status = http.StatusPartialContent
		c.set("Content-Range", part.contentRange(blob.Size()))
	}
	contentType, err := c.blobType(blob)
	if err != nil {
		return err
	}
	c.set("Content-Type", contentType, "Content-Length", strconv.FormatInt(part.length, 10))
	if c.begin(status) || c.info.Op == op.BlobHead || part.length == 0 {
		return nil
	}
	if _, err := blob.WriteRange(c.w, part.start, part.length); err != nil {
		// The client has left, or must learn that the body is not complete.
		panic(http.ErrAbortHandler)
	}
	return nil
}

// blobFields are the fields, and their values in turn, of every answer about a blob.
func blobFields(d digest.Digest) [6]string {
	return [...]string{"Docker-Content-Digest", string(d), "Etag", quote(d), "Accept-Ranges", "bytes"}
}

func (c *call) deleteBlob() error {
	if err := c.checkDigest(); err != nil {
		return err
	}
	if err := c.keepReferenced(c.info.Digest); err != nil {
		return err
	}
	if err := c.store.DeleteBlob(c.ctx(), c.info.Repo, c.info.Digest); err != nil {
		return c.about(err)
	}
	return c.sendStatus(http.StatusAccepted)
}

// exists reports whether there is the repository, or may be.
func (c *call) exists() bool {
	for _, err := range c.store.Tags(c.ctx(), c.info.Repo, "") {
		return !errors.Is(err, NameUnknown)
	}
	return true
}

// checkDigest refuses a malformed digest in a request that may answer 400.
func (c *call) checkDigest() error {
	if op.ValidDigest(c.info.Digest) {
		return nil
	}
	return c.malformedDigest()
}

func (c *call) malformedDigest() error {
	return &Error{
		Cause:   digestMalformed,
		Message: fmt.Sprintf("%q is not a sha256 or sha512 digest", c.info.Digest),
		Detail:  map[string]string{"digest": string(c.info.Digest)},
	}
}

func (c *call) unknownRepository() error {
	return &Error{Cause: NameUnknown, Message: fmt.Sprintf("there is no repository %s: push to it first", c.info.Repo),
		Detail: map[string]string{"name": c.info.Repo}}
}

// about adds what the request was about to a Store's error that does not say. Nothing
// is in a repository that does not exist, which has an error of its own (Docker's API,
// "No Such Repository Error" of manifests and blobs).
func (c *call) about(err error) error {
	cause := causeOf(err)
	switch {
	case cause == internal:
		return err
	case (cause == BlobUnknown || cause == ManifestUnknown) && !c.exists():
		return c.unknownRepository()
	case cause == ManifestUnknown:
		if refused := c.refuseBlobsOnly(); refused != nil {
			return refused
		}
	}
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Cause: cause}
	}
	if e.Detail != nil {
		return err
	}
	detail := map[string]string{"name": c.info.Repo}
	switch {
	case c.info.Session != "":
		detail["session"] = c.info.Session
	case c.info.Tag != "":
		detail["tag"] = c.info.Tag
	case c.info.Digest != "":
		detail["digest"] = string(c.info.Digest)
	}
	return &Error{Cause: cause, Message: e.Message, Detail: detail}
}
