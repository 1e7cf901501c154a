package apistore

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/registry"
)

// upload is an upload session of the handler.
type upload struct {
	store *Store
	repo  string

	mu       sync.Mutex
	location string
	size     int64
}

// NewUpload implements [registry.Store].
func (s *Store) NewUpload(ctx context.Context, repo string, algorithm digest.Algorithm) (registry.Upload, error) {
	target := path(repo, "blobs", "uploads", "")
	if algorithm != "" && algorithm != digest.SHA256 {
		target += "?digest-algorithm=" + url.QueryEscape(string(algorithm))
	}
	a, err := s.do(ctx, call{method: http.MethodPost, target: target})
	if err != nil {
		return nil, err
	}
	u := &upload{store: s, repo: repo}
	return u, u.moved(a, http.StatusAccepted)
}

// OpenUpload implements [registry.Store]. It fails with [ErrCannot].
func (s *Store) OpenUpload(context.Context, string, string) (registry.Upload, error) {
	return nil, fmt.Errorf("%w find an upload session without its Location", ErrCannot)
}

// moved checks the status of a response and updates the Location of the session.
func (u *upload) moved(a answer, statuses ...int) error {
	if err := a.want(registry.UploadUnknown, statuses...); err != nil {
		return err
	}
	if u.location = a.header.Get("Location"); u.location == "" {
		return fmt.Errorf("%s %s: status %d without a Location", a.method, a.target, a.status)
	}
	return nil
}

// ID implements [registry.Upload]. It returns the last element of the Location's path.
func (u *upload) ID() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	at, _, _ := strings.Cut(u.location, "?")
	return at[strings.LastIndexByte(at, '/')+1:]
}

// Size implements [registry.Upload].
func (u *upload) Size() int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.size
}

// Append implements [registry.Upload].
func (u *upload) Append(ctx context.Context, c registry.Chunk) error {
	if c.Body == nil || c.Length == 0 {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if c.Offset != registry.Unknown && c.Offset != u.size {
		return registry.UploadRange
	}
	header := http.Header{"Content-Type": {"application/octet-stream"}}
	if c.Length > 0 {
		header.Set("Content-Range", fmt.Sprintf("%d-%d", u.size, u.size+c.Length-1))
		header.Set("Content-Length", strconv.FormatInt(c.Length, 10))
	}
	count := &counter{reader: c.Body}
	a, err := u.store.do(ctx, call{method: http.MethodPatch, target: u.location, header: header, body: count, length: c.Length})
	if err == nil {
		err = count.err
	}
	if err != nil {
		return err
	}
	u.size += count.n
	return u.moved(a, http.StatusAccepted, http.StatusNoContent, http.StatusCreated) // the status depends on the registry
}

// Commit implements [registry.Upload].
func (u *upload) Commit(ctx context.Context, c registry.Chunk, d digest.Digest) error {
	if err := u.Append(ctx, c); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	separator := "?"
	if strings.Contains(u.location, "?") {
		separator = "&"
	}
	a, err := u.store.do(ctx, call{method: http.MethodPut, target: u.location + separator + "digest=" + url.QueryEscape(string(d))})
	if err != nil {
		return err
	}
	return a.want(registry.UploadUnknown, http.StatusCreated)
}

// Cancel implements [registry.Upload].
func (u *upload) Cancel(ctx context.Context) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.store.delete(ctx, u.location, registry.UploadUnknown)
}
