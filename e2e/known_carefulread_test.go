package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/op"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// fetched is what a manifest or an index says, and its bytes.
type fetched struct {
	MediaType, ArtifactType string
	SchemaVersion           int
	Config                  *ocispec.Descriptor
	Layers, Manifests       []ocispec.Descriptor
	data                    []byte
	digest                  digest.Digest
}

// manifest fetches a manifest and verifies it.
func (c *carefulClient) manifest(s *session, repo, reference string) (m fetched, err error) {
	err = c.onHosts(s, repo+"/manifests/"+reference, func(target string) error {
		r, err := c.ask(s, http.MethodGet, target, http.Header{"Accept": {c.accept}}, nil)
		if r.status == http.StatusNotFound && c.pushed[digest.Digest(reference)] {
			return later("%s was pushed and is not there: %w", reference, err)
		}
		if err != nil {
			return err
		}
		if decoded, ok := gunzipped(r); ok {
			r.body = decoded
		}
		m, err = readManifest(r)
		if err == nil && digest.Digest(reference).Validate() == nil && m.digest.String() != reference {
			err = fmt.Errorf("content of %s is wrong", reference)
		}
		return err
	})
	return m, err
}

// readManifest goes by what the body says, not by the header; but both must agree
// on the digest.
func readManifest(r reply) (m fetched, err error) {
	if err := json.Unmarshal(r.body, &m); err != nil || m.SchemaVersion != 2 {
		return m, fmt.Errorf("%s: this is no manifest, but %s", r.url.Redacted(), r.header.Get("Content-Type"))
	}
	m.data, m.digest = r.body, digest.FromBytes(r.body)
	if d := r.header.Get("Docker-Content-Digest"); d != "" && d != m.digest.String() {
		return m, fmt.Errorf("the header says that the digest is %s, it is %s", d, m.digest)
	}
	return m, nil
}

func (c *carefulClient) pull(s *session, ref, dir string) error {
	repo, reference := c.parse(s, ref)
	m, err := c.manifest(s, repo, reference)
	if err != nil {
		return err
	}
	for _, desc := range append(slices.Clone(m.Layers), *m.Config) {
		data, err := c.blob(s, repo, desc.Digest)
		if err != nil {
			return err
		}
		if err := writeBlob(dir, data); err != nil {
			return err
		}
	}
	return writeBlob(dir, m.data)
}

// resolve asks with HEAD, as clients do, and does not believe what it says.
func (c *carefulClient) resolve(s *session, ref string) (digest.Digest, error) {
	repo, reference := c.parse(s, ref)
	head, errHead := c.ask(s, http.MethodHead, c.url(s, s.base.Host, repo+"/manifests/"+reference), http.Header{"Accept": {c.accept}}, nil)
	m, err := c.manifest(s, repo, reference)
	if err != nil {
		return "", err
	}
	if d := head.header.Get("Docker-Content-Digest"); errHead == nil && d != "" && d != m.digest.String() {
		return "", fmt.Errorf("HEAD says that the digest is %s, GET that it is %s", d, m.digest)
	}
	return m.digest, nil
}

// tags follows links, and no link twice.
func (c *carefulClient) tags(s *session, repo string) (all []string, err error) {
	seen := map[string]bool{}
	path := c.url(s, s.base.Host, repo+"/tags/list")
	for target := path + "?n=1000"; target != ""; {
		if seen[target] {
			return nil, fmt.Errorf("the list comes again to %s", target)
		}
		seen[target] = true
		var r reply
		err := again(func() (err error) {
			r, err = c.ask(s, http.MethodGet, target, nil, nil)
			return err
		})
		if r.status == http.StatusMethodNotAllowed || r.status == http.StatusBadRequest {
			if target != path && len(seen) == 1 {
				target = path // without n
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		var list struct{ Tags []*string }
		if err := json.Unmarshal(r.body, &list); err != nil {
			return nil, fmt.Errorf("%s: this is no list, but %s", target, r.header.Get("Content-Type"))
		}
		for _, tag := range list.Tags {
			if tag != nil && op.ValidTag(*tag) {
				all = append(all, *tag)
			}
		}
		if target, err = nextPage(r); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// link is a Link with rel=next; the brackets are missing sometimes.
var link = regexp.MustCompile(`^<?([^<>;]+)>?\s*;\s*rel="?next"?$`)

// nextPage returns the URL of the next page, or nothing on the last one.
func nextPage(r reply) (string, error) {
	field := r.header.Get("Link")
	if field == "" {
		return "", nil
	}
	match := link.FindStringSubmatch(field)
	if match == nil {
		return "", fmt.Errorf("cannot read Link: %s", field)
	}
	next, err := r.url.Parse(match[1])
	if err != nil {
		return "", fmt.Errorf("cannot read Link: %w", err)
	}
	return next.String(), nil
}

// referrers falls back to the referrers tag, and reads the type where the list does
// not tell it.
func (c *carefulClient) referrers(s *session, subject, artifactType string) (found []digest.Digest, err error) {
	repo, d := c.parse(s, subject)
	var index fetched
	r, err := c.ask(s, http.MethodGet, c.url(s, s.base.Host, repo+"/referrers/"+d)+"?artifactType="+url.QueryEscape(artifactType), nil, nil)
	switch {
	case r.status == http.StatusNotFound:
		index, err = c.referrersTag(s, repo, digest.Digest(d))
	case err == nil:
		index, err = readManifest(r)
	}
	if err != nil {
		return nil, err
	}
	for _, desc := range index.Manifests {
		if desc.ArtifactType == "" {
			m, err := c.manifest(s, repo, desc.Digest.String())
			if err != nil {
				return nil, err
			}
			desc.ArtifactType = m.ArtifactType
		}
		if desc.ArtifactType == artifactType {
			found = append(found, desc.Digest)
		}
	}
	return found, nil
}

func referrersTag(subject digest.Digest) string {
	return strings.Replace(subject.String(), ":", "-", 1)
}

// referrersTag returns the index under the referrers tag. What is not there, no index, or
// the subject itself, is an empty one.
func (c *carefulClient) referrersTag(s *session, repo string, subject digest.Digest) (fetched, error) {
	m, err := c.manifest(s, repo, referrersTag(subject))
	var t *temporary
	if errors.As(err, &t) {
		return m, err
	}
	if err != nil || m.MediaType != ocispec.MediaTypeImageIndex || m.digest == subject {
		return fetched{}, nil
	}
	return m, nil
}
