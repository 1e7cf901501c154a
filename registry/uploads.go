package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/ocifake/ocifake/op"
	"github.com/opencontainers/go-digest"
)

// Uploads: end-4a, 4b, 4c POST, end-5 PATCH, end-6 PUT, end-11 mount, end-13
// GET, end-14 DELETE ("Pushing blobs", "Mounting a blob from another
// repository", "Canceling a blob upload").
//
//   - The location of a session changes with every answer, in its _state, and
//     works only as it was handed out: a client that rebuilds it, or that drops
//     its query when it adds digest, gets 404 BLOB_UPLOAD_UNKNOWN.
//   - Chunks arrive in order and one at a time; any other gets 416 with Location
//     and Range. A PATCH without Content-Range appends.
//   - What arrived before a connection broke is kept, and the status tells it. A
//     PUT that is refused, for a wrong digest say, changes nothing.
//   - A body that claims to be other than application/octet-stream is refused,
//     as is a body that would not be used.

func (c *call) startUpload() error {
	if a := c.info.Algorithm; a != "" && !op.ValidAlgorithm(a) {
		return &Error{Cause: Unsupported, Message: fmt.Sprintf("digest algorithm %q is not supported: use sha256 or sha512", a)}
	}
	if c.info.Op != op.BlobPost { // whose body NoSinglePost does not use
		if err := c.refuseContent(); err != nil {
			return err
		}
	}
	return c.newUpload(cmp.Or(c.info.Algorithm, digest.Canonical))
}

// newUpload answers with a session for content with digests of this kind.
func (c *call) newUpload(algorithm digest.Algorithm) error {
	upload, err := c.store.NewUpload(c.ctx(), c.info.Repo, algorithm)
	if err != nil {
		return c.about(err)
	}
	if c.options.dialect.UploadCreates {
		if err := c.createRepository(); err != nil {
			return err
		}
	}
	if least := c.options.ChunkMinLength; least > 0 {
		c.header().Set("OCI-Chunk-Min-Length", strconv.FormatInt(least, 10))
	}
	c.sendProgress(http.StatusAccepted, upload, false)
	return nil
}

// postBlob is a whole blob in the POST (end-4b).
func (c *call) postBlob() error {
	if c.options.NoSinglePost {
		return c.startUpload()
	}
	if err := c.checkDigest(); err != nil {
		return err
	}
	chunk, body, err := c.chunk()
	if err != nil {
		return err
	}
	upload, err := c.store.NewUpload(c.ctx(), c.info.Repo, c.info.Digest.Algorithm())
	if err != nil {
		return c.about(err)
	}
	chunk, err = c.appendFirst(upload, chunk)
	session := c.sessionOf(upload)
	if err == nil {
		err = c.commit(upload, chunk)
	}
	if err != nil {
		cancelled := upload.Cancel(context.WithoutCancel(c.ctx()))
		return errors.Join(c.uploadError(err, body), unexpected(cancelled))
	}
	return c.sendCreatedBlob(session)
}

// unexpected drops the error of cancelling a session that is gone.
func unexpected(err error) error {
	if errors.Is(err, UploadUnknown) {
		return nil
	}
	return err
}

// mountBlob is end-11. Whatever hinders a mount, the answer is an upload session.
func (c *call) mountBlob() error {
	if err := c.refuseContent(); err != nil {
		return err
	}
	if !c.options.NoMount && op.ValidDigest(c.info.Digest) {
		mounted, err := c.mount()
		if err != nil {
			return err
		}
		if mounted {
			return c.sendCreatedBlob(nil)
		}
		if c.options.dialect.RefuseMount && c.info.From != "" {
			return c.about(&Error{Cause: mountMissing, Message: fmt.Sprintf("%s does not have the blob %s", c.info.From, c.info.Digest)})
		}
	}
	algorithm := digest.Canonical
	if op.ValidDigest(c.info.Digest) {
		algorithm = c.info.Digest.Algorithm()
	}
	return c.newUpload(algorithm)
}

// mount tries the source that the client names, or, for an anonymous mount,
// every repository that has the blob and that the caller may pull from.
func (c *call) mount() (bool, error) {
	switch {
	case c.options.dialect.Mounts == MountAny:
		return c.mountAnywhere(c.info.Digest)
	case c.info.From == "" && c.options.dialect.Mounts != MountReadable:
		return false, nil
	case c.info.From != "":
		if !op.ValidRepository(c.info.From) {
			return false, nil
		}
		return c.mountFrom(c.info.From, c.info.Digest)
	}
	return c.mountAnywhere(c.info.Digest)
}

// mountAnywhere mounts a blob from a repository that has it.
func (c *call) mountAnywhere(d digest.Digest) (bool, error) {
	for repo, err := range c.store.BlobRepositories(c.ctx(), d) {
		if err != nil {
			return false, err
		}
		if mounted, err := c.mountFrom(repo, d); mounted || err != nil {
			return mounted, err
		}
	}
	return false, nil
}

func (c *call) mountFrom(repo string, d digest.Digest) (bool, error) {
	if !c.options.allow(c.ctx(), repo, Pull) {
		return false, nil
	}
	if refers, err := c.mountReferenced(repo, d); !refers {
		return false, err
	}
	err := c.store.MountBlob(c.ctx(), c.info.Repo, d, repo)
	if errors.Is(err, BlobUnknown) {
		return false, nil
	}
	return err == nil, err
}

func (c *call) patchUpload() error {
	upload, state, err := c.openUpload()
	if err != nil {
		return err
	}
	chunk, body, err := c.chunk()
	if err == nil {
		err = c.checkOrder(state)
	}
	if err == nil {
		err = c.checkStream(upload, chunk)
	}
	before := upload.Size()
	if err == nil {
		err = c.uploadError(upload.Append(c.ctx(), chunk), body)
	}
	if err != nil {
		return c.refuseChunk(upload, state, chunk, err)
	}
	short := state.short
	if received := upload.Size() - before; received > 0 {
		short = received < c.options.ChunkMinLength
	}
	c.setProgress(upload, short)
	c.setStreamRange(upload, chunk)
	return c.sendStatus(http.StatusAccepted)
}

func (c *call) commitUpload() error {
	upload, state, err := c.openUpload()
	if err != nil {
		return err
	}
	if c.info.Digest == "" {
		return &Error{Cause: digestMissing, Message: "the closing PUT of an upload needs a digest parameter"}
	}
	if err := c.checkDigest(); err != nil {
		return err
	}
	chunk, body, err := c.chunk()
	if err == nil && chunk.Body != nil {
		err = c.checkOrder(state)
	}
	session := c.sessionOf(upload)
	if err == nil && chunk.Body != nil && c.options.dialect.FailedCommit == CommitAdvances {
		err = c.uploadError(upload.Append(c.ctx(), chunk), body)
		chunk = Chunk{}
	}
	if err == nil {
		err = c.uploadError(c.commit(upload, chunk), body)
	}
	if err != nil {
		if c.options.dialect.FailedCommit == CommitEnds && errors.Is(err, DigestInvalid) {
			_ = upload.Cancel(c.ctx()) // it may be gone
		}
		return c.refuseChunk(upload, state, chunk, err)
	}
	return c.sendCreatedBlob(session)
}

// checkOrder refuses a chunk after one that was too short to be any but the last.
func (c *call) checkOrder(s uploadState) error {
	if !s.short || c.options.ChunkMinLength <= 0 {
		return nil
	}
	return &Error{Cause: UploadRange, Message: fmt.Sprintf(
		"the chunk before this one was shorter than OCI-Chunk-Min-Length, %d bytes: only the last may be", c.options.ChunkMinLength)}
}

// refuseChunk adds to a 416 where the session stands.
func (c *call) refuseChunk(upload Upload, state uploadState, chunk Chunk, err error) error {
	if !errors.Is(err, UploadRange) {
		return err
	}
	c.setProgress(upload, state.short)
	var e *Error
	if chunk.Body != nil && chunk.Offset != Unknown && chunk.Offset < upload.Size() && errors.As(err, &e) {
		return &Error{Cause: uploadRepeated, Message: e.Message, Detail: e.Detail}
	}
	return err
}

func (c *call) uploadStatus() error {
	upload, state, err := c.openUpload()
	if err != nil {
		return err
	}
	c.sendProgress(http.StatusNoContent, upload, state.short)
	return nil
}

func (c *call) cancelUpload() error {
	upload, _, err := c.openUpload()
	if err != nil {
		return err
	}
	if err := upload.Cancel(c.ctx()); err != nil {
		return c.about(err)
	}
	return c.sendStatus(http.StatusNoContent)
}

// openUpload finds the session that the location names.
func (c *call) openUpload() (Upload, uploadState, error) {
	fixed := c.options.dialect.FixedLocation
	state, ok := parseUploadState(c.info.Repo, c.info.Session, c.r.URL.Query().Get(cmp.Or(c.options.dialect.StateParameter, stateParameter)))
	if !ok && !fixed {
		return nil, state, &Error{
			Cause:   uploadUnusable,
			Message: "the upload location is not one that was handed out: use Location as it is, and add to its query",
			Detail:  map[string]string{"name": c.info.Repo, "session": c.info.Session},
		}
	}
	upload, err := c.store.OpenUpload(c.ctx(), c.info.Repo, c.sessionID())
	if errors.Is(err, UploadUnknown) && c.options.dialect.AnySession {
		upload, err = c.openAnySession()
	}
	if err != nil {
		return nil, state, c.about(err)
	}
	stale := !fixed && state.size != upload.Size()
	c.state.SetStaleState(stale)
	if stale {
		if err := c.refuseStale(upload); err != nil {
			return nil, state, err
		}
	}
	return upload, state, nil
}

// chunk reads the header of a request with a piece of a blob: none for a PUT without a
// body, an empty one for a PATCH of nothing and the POST of an empty blob. The second
// result remembers how reading the body ended.
func (c *call) chunk() (Chunk, *body, error) {
	r := c.r
	header := r.Header.Get("Content-Range")
	if c.options.dialect.IgnoreContentRange {
		header = ""
	}
	if c.info.Op == op.UploadCommit {
		// Without a body, Content-Range has nothing to describe: there is no text for
		// an empty range, and clients write "5-4".
		switch empty, err := c.content.empty(); {
		case err != nil:
			return Chunk{}, nil, brokeOff(UploadInvalid, err)
		case empty:
			return Chunk{}, nil, nil
		}
	}
	if c.content.length == 0 && header == "" {
		return Chunk{Body: http.NoBody, Offset: Unknown}, nil, nil
	}
	if t := r.Header.Get("Content-Type"); t != "" && mediaType(t) != "application/octet-stream" && !c.options.dialect.AnyUploadType {
		return Chunk{}, nil, &Error{Cause: UploadInvalid, Message: fmt.Sprintf(
			"Content-Type %q of an upload: want application/octet-stream", t)}
	}
	b := &body{Reader: c.content}
	chunk := Chunk{Body: b, Offset: Unknown, Length: c.content.length}
	if header == "" {
		return chunk, b, nil
	}
	part, ok := parseContentRange(header)
	if !ok {
		return Chunk{}, nil, &Error{Cause: UploadRange, Message: fmt.Sprintf("Content-Range %q: want <start>-<end>", header)}
	}
	if c.content.length != Unknown && c.content.length != part.length {
		return Chunk{}, nil, &Error{Cause: SizeInvalid, Message: fmt.Sprintf(
			"Content-Range %q is %d bytes long, Content-Length says %d", header, part.length, c.content.length)}
	}
	chunk.Offset, chunk.Length = part.start, part.length
	return chunk, b, nil
}

// body notes the error that reading it ended with.
type body struct {
	io.Reader
	err error
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// uploadError tells a request body that broke off, which is the client's doing,
// from an error of the Store, and says what the error is about.
func (c *call) uploadError(err error, b *body) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, DigestInvalid):
		return &Error{Cause: DigestInvalid, Message: fmt.Sprintf("the uploaded content does not have the digest %s", c.info.Digest),
			Detail: map[string]string{"digest": string(c.info.Digest)}}
	case causeOf(err) == internal && (b != nil && b.err != nil || c.ctx().Err() != nil):
		return brokeOff(UploadInvalid, err)
	}
	return c.about(err)
}

// sendProgress answers with where the session stands and its next location.
func (c *call) sendProgress(status int, upload Upload, short bool) {
	c.setProgress(upload, short)
	_ = c.sendStatus(status)
}

func (c *call) setProgress(upload Upload, short bool) {
	state := uploadState{size: upload.Size(), serial: c.serial.Add(1), short: short}
	path := uploadPath(c.info, upload)
	if c.options.dialect.SingularUpload {
		path = "/v2/" + c.info.Name() + "/blobs/upload/" + upload.ID()
	}
	location := c.location(path, c.options.dialect.AbsoluteUpload)
	setProgress(c.header(), location, state.text(c.info.Repo, upload.ID()), upload)
	if c.options.speech != nil {
		c.header().Set("Location", c.uploadLocation(location, c.header().Get("Location")))
		c.setEmptyRange(upload)
	}
}

// sendCreatedBlob answers with the location of a blob, or with that of its session, if not nil.
func (c *call) sendCreatedBlob(session Upload) error {
	if c.info.Op != op.BlobMount {
		c.state.SetVerified(c.info.Digest)
	}
	created, err := c.createdDigest()
	if err != nil {
		return err
	}
	c.header().Set("Location", c.blobURL(string(created)))
	if session != nil {
		c.state.AddTrait("upload.commit-state")
		c.setProgress(session, false)
	}
	c.header().Set("Docker-Content-Digest", string(created))
	return c.sendStatus(http.StatusCreated)
}
