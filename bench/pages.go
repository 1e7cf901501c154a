package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/registry"
)

const (
	pageSize   = 100 // entries
	perSubject = 10  // referrers

	// filledByAPI is how many entries a list has at the most that is not filled
	// through a Store: more take one of the registries minutes.
	filledByAPI = 2000
)

var errNoSuchAPI = errors.New("the registry has no such list")

// A list is something that is fetched by the page.
type list struct {
	entry func(i int) entry        // what makes the i-th
	path  func(entries int) string // of the page in the middle
}

// entry is a manifest, what it refers to, and what it is put under.
type entry struct {
	repository string
	tag        string        // "": it is put by digest
	subject    digest.Digest // "": none
	serial     int           // manifests with the same are the same
}

var tags = list{
	entry: func(i int) entry { return entry{repository: repository, tag: name(i)} },
	path: func(entries int) string {
		return "/v2/" + repository + "/tags/list" + middle(entries)
	},
}

var repositories = list{
	entry: func(i int) entry { return entry{repository: name(i)} },
	path:  func(entries int) string { return "/v2/_catalog" + middle(entries) },
}

var referrers = list{
	entry: func(i int) entry {
		return entry{repository: repository, subject: nthSubject(i / perSubject), serial: i}
	},
	path: func(entries int) string {
		return "/v2/" + repository + "/referrers/" + string(nthSubject(entries/perSubject/2))
	},
}

// name sorts as its number does.
func name(i int) string { return fmt.Sprintf("n%07d", i) }

func nthSubject(i int) digest.Digest { return digest.FromString(name(i)) }

// middle asks for the page in the middle of a list.
func middle(entries int) string {
	last := ""
	if first := (entries - pageSize) / 2; first > 0 {
		last = name(first - 1)
	}
	return "?n=" + strconv.Itoa(pageSize) + "&last=" + last
}

// page fetches the page in the middle of a list with this many entries.
func page(l list, entries int) workload {
	return onServer(func(s *server, c *client) (*task, error) {
		n := entries
		if s.store == nil {
			n = min(n, filledByAPI)
		}
		for i := range n {
			if err := put(s, l.entry(i)); err != nil {
				return nil, err
			}
		}
		path := l.path(n)
		do := func() error {
			_, err := c.get(context.Background(), path)
			if errors.Is(err, statusError(http.StatusNotFound)) {
				return errNoSuchAPI
			}
			return err
		}
		return &task{do: do}, nil
	})
}

// put stores an entry: straight into the store where that is possible.
func put(s *server, e entry) error {
	content, err := e.manifest()
	if err != nil {
		return err
	}
	d := digest.FromBytes(content)
	if s.store == nil {
		return e.send(s.handler, content, d)
	}
	m := registry.PutManifest{
		Manifest: registry.Manifest{
			Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: d, Size: int64(len(content))},
			Content:    content,
		},
		Subject: e.subject,
		Ref:     string(d),
	}
	if e.tag != "" {
		m.Ref, m.Tags = e.tag, []string{e.tag}
	}
	return s.store.PutManifest(context.Background(), e.repository, m)
}

// manifest is an index of nothing, which any registry takes.
func (e entry) manifest() ([]byte, error) {
	index := ocispec.Index{
		Versioned:   specs.Versioned{SchemaVersion: 2},
		MediaType:   ocispec.MediaTypeImageIndex,
		Manifests:   []ocispec.Descriptor{},
		Annotations: map[string]string{"serial": strconv.Itoa(e.serial)},
	}
	if e.subject != "" {
		index.ArtifactType = "application/vnd.example"
		index.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: e.subject, Size: 2}
	}
	return json.Marshal(index)
}

// send puts the manifest through the API, without a network.
func (e entry) send(handler http.Handler, content []byte, d digest.Digest) error {
	reference := e.tag
	if reference == "" {
		reference = string(d)
	}
	r := httptest.NewRequest(http.MethodPut, "/v2/"+e.repository+"/manifests/"+reference, bytes.NewReader(content))
	r.Header.Set("Content-Type", ocispec.MediaTypeImageIndex)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code != http.StatusCreated {
		return fmt.Errorf("%s %s: status %d: %s", r.Method, r.URL, w.Code, w.Body)
	}
	return nil
}
