package kept

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Tap keeps an answer of the host. It is the Tap of an upstream.
func (h *Host) Tap(info *op.Info, answer *http.Response, err error) {
	if answer != nil && !h.completing.Load() {
		h.observe(answer)
	}
	if info == nil {
		return
	}
	path := replay.PathOf(info)
	if path == "" {
		return
	}
	switch {
	case err != nil:
		if answer == nil && !isCancelled(err) {
			h.failed(info, path, "no answer: the host cannot be reached")
		}
	case answer.StatusCode >= http.StatusInternalServerError || answer.StatusCode == http.StatusTooManyRequests:
		h.failed(info, path, fmt.Sprintf("the host answered %d", answer.StatusCode))
	case answer.StatusCode == http.StatusNotFound && info.Op != op.External:
		h.mu.Lock()
		if len(h.absent) < maxNames {
			h.absent[tagged{info.Repo, path}] = true
		}
		delete(h.failures, info.Repo+"/"+path)
		h.mu.Unlock()
	case answer.StatusCode/100 == 2:
		h.login(info, answer)
		h.keep(info, path, answer)
	}
}

func isCancelled(err error) bool { return strings.Contains(err.Error(), context.Canceled.Error()) }

// placeOf returns the content that a request is for.
func placeOf(info *op.Info, path string) (place, bool) {
	kind, ref, _ := strings.Cut(path, "/")
	return place{info.Repo, ref, kind == "manifests"}, kind == "manifests" || kind == "blobs"
}

// failed notes that a path was not answered. Content is read at the end, if it does not come before.
func (h *Host) failed(info *op.Info, path, why string) {
	if p, ok := placeOf(info, path); ok {
		h.require(p, need(why))
		return
	}
	h.fail(info.Repo+"/"+path, why)
}

// login remembers the credentials that the host accepted, in memory only, for reading the rest.
func (h *Host) login(info *op.Info, answer *http.Response) {
	if value := answer.Request.Header.Get("Authorization"); value != "" && info.Op != op.External {
		h.mu.Lock()
		defer h.mu.Unlock()
		if len(h.logins) < maxNames {
			h.logins[info.Repo] = value
		}
	}
}

// keep keeps an answer with status 2xx.
func (h *Host) keep(info *op.Info, path string, answer *http.Response) {
	p, isContent := placeOf(info, path)
	mediaType, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if info.Op == op.External && isContent && !p.manifest && isManifestType(mediaType) {
		p.manifest = true
		path = p.path()
	}
	whole := answer.StatusCode == http.StatusOK && info.Method == http.MethodGet && answer.Header.Get("Content-Encoding") == ""
	switch {
	case isContent && !whole:
		h.arrived(info.Repo, path)
		h.head(p, answer)
	case isContent && p.manifest:
		named := digest.Digest(answer.Header.Get("Docker-Content-Digest"))
		h.require(p, "it passed only in part")
		h.capture(answer, maxManifest, func(content []byte, err error) {
			if err == nil {
				err = h.keepManifest(p, mediaType, content, named)
			}
			h.ended(p, err)
		})
	case isContent:
		h.receive(p, answer)
	case whole:
		h.capture(answer, maxManifest, func(content []byte, err error) {
			if err == nil {
				err = h.keepList(info, content)
			}
			if err != nil {
				h.fail(info.Repo+"/"+path, err.Error())
			} else {
				h.arrived(info.Repo, path)
			}
		})
	case info.Method == http.MethodGet:
		h.fail(info.Repo+"/"+path, "the list is compressed, which is not supported")
	}
}

func isManifestType(mediaType string) bool {
	switch mediaType {
	case ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex,
		"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json":
		return true
	}
	return false
}

// head notes content that exists.
func (h *Host) head(p place, answer *http.Response) {
	named := digest.Digest(answer.Header.Get("Docker-Content-Digest"))
	h.mu.Lock()
	_, has := h.manifests[p]
	if p.manifest && !strings.Contains(p.ref, ":") && op.ValidDigest(named) {
		h.tags[tagged{p.repo, p.ref}] = named
		p.ref = string(named)
		_, has = h.manifests[p]
	}
	h.mu.Unlock()
	if !has && !h.hasBlob(p) {
		h.require(p, "only a part of it, or its header, passed")
	}
}

func (h *Host) hasBlob(p place) bool {
	if p.manifest {
		return false
	}
	b, err := h.store.OpenBlob(context.Background(), p.repo, digest.Digest(p.ref))
	if err != nil {
		return false
	}
	return b.Close() == nil
}

// ended notes how the reading of content ended.
func (h *Host) ended(p place, err error) {
	if err == nil {
		h.arrived(p.repo, p.path())
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.needs, p)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.needs[p] = need(err.Error())
}

// keepList keeps a page of a list. The manifests of referrers are read at the end.
func (h *Host) keepList(info *op.Info, content []byte) error {
	var list struct {
		Repositories []string
		Tags         []string
		Manifests    []ocispec.Descriptor
	}
	if err := json.Unmarshal(content, &list); err != nil {
		return fmt.Errorf("the list is not JSON: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.answers.repositories)+len(list.Repositories)+len(list.Tags)+len(list.Manifests)+len(h.answers.tags[info.Repo]) > maxNames {
		return fmt.Errorf("it has more than %d entries", maxNames)
	}
	switch info.Op {
	case op.RepositoryList:
		for _, repo := range list.Repositories {
			if op.ValidRepository(repo) {
				h.answers.repositories[repo] = true
			}
		}
	case op.TagList:
		if h.answers.tags[info.Repo] == nil {
			h.answers.tags[info.Repo] = map[string]bool{}
		}
		for _, tag := range list.Tags {
			if op.ValidTag(tag) {
				h.answers.tags[info.Repo][tag] = true
			}
		}
	case op.ReferrerList:
		if h.answers.referrers[info.Repo] == nil {
			h.answers.referrers[info.Repo] = map[digest.Digest]bool{}
		}
		h.answers.referrers[info.Repo][info.Digest] = true
		for _, d := range list.Manifests {
			p := place{info.Repo, string(d.Digest), true}
			if _, has := h.manifests[p]; !has && op.ValidDigest(d.Digest) {
				h.needs[p] = "it is in a list of referrers"
			}
		}
	}
	return nil
}

// capture calls done with the body of an answer when it has passed, or with the error that ended it.
func (h *Host) capture(answer *http.Response, limit int, done func([]byte, error)) {
	var content bytes.Buffer
	answer.Body = &passing{ReadCloser: answer.Body, bytes: func(p []byte) error {
		if content.Len()+len(p) > limit {
			return fmt.Errorf("it has more than %d bytes", limit)
		}
		content.Write(p)
		return nil
	}, done: func(err error) { done(content.Bytes(), err) }}
}

// receive receives a blob that passes into the store.
func (h *Host) receive(p place, answer *http.Response) {
	d := digest.Digest(p.ref)
	if !op.ValidDigest(d) {
		return // the host has what no layout can have
	}
	if h.hasBlob(p) {
		h.ended(p, nil)
		return
	}
	h.require(p, "it passed only in part")
	ctx := context.Background() // what has passed is kept although the client leaves
	upload, err := h.store.NewUpload(ctx, p.repo, d.Algorithm())
	if err != nil {
		h.ended(p, err)
		return
	}
	answer.Body = &passing{ReadCloser: answer.Body, bytes: func(b []byte) error {
		return upload.Append(ctx, registry.Chunk{Body: bytes.NewReader(b), Offset: registry.Unknown, Length: int64(len(b))})
	}, done: func(err error) {
		if err == nil {
			err = upload.Commit(ctx, registry.Chunk{}, d)
		}
		if err != nil {
			_ = upload.Cancel(ctx) // the whole directory is removed otherwise
		}
		h.ended(p, err)
	}}
}

// passing is a body that passes. What goes wrong with keeping it does not disturb the client.
type passing struct {
	io.ReadCloser
	bytes func([]byte) error
	done  func(error) // called once
	err   error       // of bytes
	ended bool
}

// Read implements [io.Reader].
func (b *passing) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 && b.err == nil && !b.ended {
		b.err = b.bytes(p[:n])
	}
	if err != nil {
		b.end(err)
	}
	return n, err
}

// Close implements [io.Closer].
func (b *passing) Close() error {
	err := b.ReadCloser.Close()
	b.end(errPart)
	return err
}

var errPart = errors.New("it passed only in part")

// end calls done once, with the error of keeping the bytes before that of the body.
func (b *passing) end(err error) {
	if b.ended {
		return
	}
	b.ended = true
	switch {
	case b.err != nil:
		err = b.err
	case err == io.EOF:
		err = nil
	}
	b.done(err)
}
