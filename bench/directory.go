package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/layoutstore"
	"github.com/ocifake/ocifake/registrytest"
)

// directories returns the lines on content in a directory. A program is started with a directory of
// many blobs, and with an empty one.
func directories(b builder) section {
	kept := subject{"ocifake", func() (*server, error) { return inDirectory(b.dir) }}
	withStore := func(name string, fill func(dir string) error) subject {
		p := programs[0]
		p.args = append(append([]string{}, p.args...), "--store", "{dir}/"+name)
		s := b.subject(p)
		filled := sync.OnceValue(func() error { return fill(filepath.Join(b.dir, name)) })
		return subject{s.name, func() (*server, error) {
			if err := filled(); err != nil {
				return nil, err
			}
			return s.start()
		}}
	}
	empty := withStore("empty", func(string) error { return nil })
	full := withStore("full", func(dir string) error { return fillDirectory(dir, 10_000) })
	return section{[]subject{kept}, []row{
		{"directory: push 64 MiB", []subject{kept}, against(subject{"limit", onLoopback(func() (http.Handler, func() error) {
			return &synced{dir: b.dir}, nil
		})}, push(64<<20)), inSeconds, atLeast(0.7)},
		{"directory: start with 10,000 blobs", []subject{full}, launched(empty, func(l *launch) float64 { return l.ready }), inSeconds, atMost(1.5)},
	}}
}

// inDirectory starts ocifake with a store in a new directory.
func inDirectory(in string) (*server, error) {
	dir, err := os.MkdirTemp(in, "store-")
	if err != nil {
		return nil, err
	}
	store, err := layoutstore.Open(dir, layoutstore.Options{})
	if err != nil {
		return nil, err
	}
	s, _, err := fixture(registrytest.WithStore(store))
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	closeServer := s.close
	s.close = func() error { return errors.Join(closeServer(), store.Close()) }
	return s, nil
}

// synced is like minimal, with the content in a file: it receives, hashes, writes and syncs.
type synced struct {
	minimal
	dir string
}

func (s *synced) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut {
		s.minimal.ServeHTTP(w, r)
		return
	}
	if err := s.keep(r); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusCreated)
}

func (s *synced) keep(r *http.Request) error {
	f, err := os.Create(filepath.Join(s.dir, "limit"))
	if err != nil {
		return err
	}
	hash := sha256.New()
	_, err = io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(f, hash)}, r.Body, make([]byte, 256<<10))
	if err == nil {
		err = f.Sync()
	}
	if err == nil && digest.NewDigest(digest.SHA256, hash).String() != r.URL.Query().Get("digest") {
		err = errors.New("another digest")
	}
	return errors.Join(err, f.Close())
}

// fillDirectory makes a directory with n blobs, as a store leaves it that was closed.
func fillDirectory(dir string, n int) error {
	index := []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
	files := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`), "index.json": index}
	var log bytes.Buffer
	add := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		fmt.Fprintf(&log, "%08x %s\n", sum([]byte(text)), text)
	}
	add("ocifake-store 1")
	for i := range n {
		content := fmt.Appendf(nil, "blob %d", i)
		hash := sha256.Sum256(content)
		name := hex.EncodeToString(hash[:])
		files["blobs/sha256/"+name] = content
		add("blob app sha256:%s %d", name, len(content))
	}
	add("index %d %08x", len(index), sum(index))
	files["ocifake.store"] = log.Bytes()
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func sum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
