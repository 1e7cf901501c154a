package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// push pushes what a content consists of, blobs first.
func (c *carefulClient) push(s *session, image content, ref string) error {
	repo, reference := c.parse(s, ref)
	return c.pushAs(s, image, repo, reference, "")
}

// copy mounts blobs where it can.
func (c *carefulClient) copy(s *session, from, to string) error {
	repo, reference := c.parse(s, from)
	m, err := c.manifest(s, repo, reference)
	if err != nil {
		return err
	}
	image := content{root: ocispec.Descriptor{Digest: m.digest, MediaType: m.MediaType}, blobs: map[digest.Digest][]byte{m.digest: m.data}}
	for _, desc := range append(m.Layers, *m.Config) {
		if image.blobs[desc.Digest], err = c.blob(s, repo, desc.Digest); err != nil {
			return err
		}
	}
	toRepo, toReference := c.parse(s, to)
	return c.pushAs(s, image, toRepo, toReference, repo)
}

func (c *carefulClient) pushAs(s *session, image content, repo, reference, from string) error {
	for d, data := range image.blobs {
		if d == image.root.Digest {
			continue
		}
		if err := c.pushBlob(s, repo, d, data, from); err != nil {
			return err
		}
	}
	_, err := c.pushManifest(s, image, repo, reference)
	c.pushed[image.root.Digest] = err == nil
	return err
}

// pushManifest puts a manifest. If blobs are said to be missing, it pushes those that
// are, and puts it again after a pause.
func (c *carefulClient) pushManifest(s *session, image content, repo, reference string) (put reply, err error) {
	err = again(func() error {
		header := http.Header{"Content-Type": {image.root.MediaType}}
		put, err = c.ask(s, http.MethodPut, c.url(s, s.base.Host, repo+"/manifests/"+reference), header, image.blobs[image.root.Digest])
		if err == nil || !strings.Contains(string(put.body), "BLOB_UNKNOWN") {
			return err
		}
		for d, data := range image.blobs {
			if d != image.root.Digest {
				if err := c.pushBlob(s, repo, d, data, ""); err != nil {
					return err
				}
			}
		}
		return &temporary{err, 0}
	})
	return put, err
}

// pushBlob tries to mount a blob, then to upload it in chunks, then at once, always
// in a new session, and always asking first whether it is there by now.
func (c *carefulClient) pushBlob(s *session, repo string, d digest.Digest, data []byte, from string) error {
	uploads := c.url(s, s.base.Host, repo+"/blobs/uploads/")
	upload := c.inChunks
	return again(func() error {
		if _, err := c.ask(s, http.MethodHead, c.url(s, s.base.Host, repo+"/blobs/"+d.String()), nil, nil); err == nil {
			return nil
		}
		target := uploads
		if from != "" {
			target += "?" + url.Values{"mount": {d.String()}, "from": {from}}.Encode()
		}
		started, err := c.ask(s, http.MethodPost, target, nil, nil)
		if from != "" && err != nil {
			from = ""
			return later("mount: %w", err)
		}
		if err != nil || started.status == http.StatusCreated {
			return err
		}
		location, err := locationOf(s, started)
		if err != nil {
			return err
		}
		err = upload(s, location, d, data)
		upload = c.atOnce
		if err != nil {
			return &temporary{err, 0}
		}
		return nil
	})
}

// locationOf returns where an upload goes on: not from https to http.
func locationOf(s *session, r reply) (string, error) {
	field := r.header.Get("Location")
	if field == "" {
		return "", errors.New("there is no Location in the answer")
	}
	location, err := r.url.Parse(field)
	if err != nil {
		return "", fmt.Errorf("cannot read Location: %w", err)
	}
	if s.tls() && location.Scheme != "https" {
		return "", fmt.Errorf("the upload would go on in the clear at %s", location)
	}
	return location.String(), nil
}

func (c *carefulClient) inChunks(s *session, location string, d digest.Digest, data []byte) error {
	for start := 0; start < len(data); start += c.chunk {
		end := min(start+c.chunk, len(data))
		header := http.Header{"Content-Type": {"application/octet-stream"}, "Content-Range": {fmt.Sprintf("%d-%d", start, end-1)}}
		r, err := c.ask(s, http.MethodPatch, location, header, data[start:end])
		if err != nil {
			return err
		}
		if got, want := r.header.Get("Range"), fmt.Sprintf("0-%d", end-1); got != want {
			return fmt.Errorf("the session has %s, not %s", got, want)
		}
		if location, err = locationOf(s, r); err != nil {
			return err
		}
	}
	return c.atOnce(s, location, d, nil)
}

// atOnce closes an upload, with the rest of the content.
func (c *carefulClient) atOnce(s *session, location string, d digest.Digest, data []byte) error {
	u, err := url.Parse(location)
	if err != nil {
		return err
	}
	query := u.Query()
	query.Set("digest", d.String())
	u.RawQuery = query.Encode()
	_, err = c.ask(s, http.MethodPut, u.String(), http.Header{"Content-Type": {"application/octet-stream"}}, data)
	return err
}

// attach pushes an artifact, and lists it under the referrers tag if the registry
// does not say that it lists it itself.
func (c *carefulClient) attach(s *session, subject, artifactType string) error {
	repo, reference := c.parse(s, subject)
	m, err := c.manifest(s, repo, reference)
	if err != nil {
		return err
	}
	desc := ocispec.Descriptor{MediaType: m.MediaType, Digest: m.digest, Size: int64(len(m.data))}
	artifact := newArtifact(s.t, desc, artifactType)
	for d, data := range artifact.blobs {
		if d == artifact.root.Digest {
			continue
		}
		if err := c.pushBlob(s, repo, d, data, ""); err != nil {
			return err
		}
	}
	put, err := c.pushManifest(s, artifact, repo, artifact.root.Digest.String())
	if err != nil || put.header.Get("OCI-Subject") != "" {
		return err
	}
	return c.listUnderTag(s, repo, m.digest, artifact, artifactType)
}

func (c *carefulClient) listUnderTag(s *session, repo string, subject digest.Digest, artifact content, artifactType string) error {
	before, err := c.referrersTag(s, repo, subject)
	if err != nil {
		return err
	}
	entry := artifact.root
	entry.ArtifactType, entry.Annotations = artifactType, nil
	data, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: append(before.Manifests, entry),
	})
	if err != nil {
		return err
	}
	d := digest.FromBytes(data)
	index := content{root: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: d}, blobs: map[digest.Digest][]byte{d: data}}
	_, err = c.pushManifest(s, index, repo, referrersTag(subject))
	return err
}
