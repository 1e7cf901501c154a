package lint_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// putManifest pushes a manifest, by tag or by its digest, with its media type as the Content-Type. If
// the registry does not process its subject, the client updates the referrers tag.
func (c *client) putManifest(repo, tag string, o *object) error {
	if tag == "" {
		tag = string(o.Digest)
	}
	a, err := c.do(call{
		method: http.MethodPut, url: "/v2/" + repo + "/manifests/" + tag, body: o.data, scope: pushScope(repo),
		header: map[string]string{"Content-Type": o.MediaType},
	}, 201)
	if err != nil || o.subject == "" || a.header.Get("OCI-Subject") != "" || c.id == "subject-not-processed" {
		return err
	}
	return c.addReferrer(repo, o)
}

// referrersTag is the tag of the list of referrers on a registry without the referrers API.
func referrersTag(subject digest.Digest) string {
	return subject.Algorithm().String() + "-" + subject.Encoded()[:min(len(subject.Encoded()), 64)]
}

// addReferrer adds an object to the list under the referrers tag of its subject: it reads the list,
// and writes it back if nobody else has changed it.
func (c *client) addReferrer(repo string, o *object) error {
	reference := "/v2/" + repo + "/manifests/" + referrersTag(o.subject)
	for range 4 {
		list, etag, err := c.readReferrers(repo, reference)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(list.Manifests, is(o.Digest)) && !c.has("referrers-tag-wrong", "added again") {
			return nil
		}
		list.Manifests = append(list.Manifests, c.referrer(o))
		if written, err := c.writeReferrers(repo, reference, list, etag); err != nil || written {
			return err
		}
	}
	return fmt.Errorf("%s: changes too often", reference)
}

func is(d digest.Digest) func(ocispec.Descriptor) bool {
	return func(other ocispec.Descriptor) bool { return other.Digest == d }
}

// writeReferrers writes the list under a referrers tag, unless it has changed since it was read.
func (c *client) writeReferrers(repo, reference string, list ocispec.Index, etag string) (written bool, err error) {
	q := call{
		method: http.MethodPut, url: reference, body: encode(list), scope: pushScope(repo),
		header: map[string]string{"Content-Type": ocispec.MediaTypeImageIndex},
	}
	if etag != "" {
		q.header["If-Match"] = etag
	}
	a, err := c.do(q, 201, 412)
	return err == nil && a.status == http.StatusCreated, err
}

// remove deletes a manifest. On a registry without the referrers API it also takes it from the list
// under the referrers tag of its subject.
func (c *client) remove(repo string, d digest.Digest) error {
	o, err := c.fetch(repo, "", d)
	if err != nil {
		return err
	}
	if o.subject != "" && c.id != "referrers-tag-not-updated" {
		a, err := c.do(call{method: http.MethodGet, url: "/v2/" + repo + "/referrers/" + string(o.subject), header: accept(), scope: pushScope(repo)}, 200, 404)
		if err != nil {
			return err
		}
		if a.status == http.StatusNotFound {
			if err := c.removeReferrer(repo, o); err != nil {
				return err
			}
		}
	}
	_, err = c.do(call{method: http.MethodDelete, url: "/v2/" + repo + "/manifests/" + string(d), scope: pushScope(repo) + ",delete"}, 202)
	return err
}

func (c *client) removeReferrer(repo string, o *object) error {
	reference := "/v2/" + repo + "/manifests/" + referrersTag(o.subject)
	for range 4 {
		list, etag, err := c.readReferrers(repo, reference)
		if err != nil || !slices.ContainsFunc(list.Manifests, is(o.Digest)) {
			return err
		}
		list.Manifests = slices.DeleteFunc(list.Manifests, is(o.Digest))
		if written, err := c.writeReferrers(repo, reference, list, etag); err != nil || written {
			return err
		}
	}
	return fmt.Errorf("%s: changes too often", reference)
}

var errNoIndex = errors.New("not an index")

func (c *client) referrer(o *object) ocispec.Descriptor {
	d := o.Descriptor
	switch {
	case c.has("descriptor-wrong", "artifact type of the config in a referrers list"):
		d.ArtifactType = ocispec.MediaTypeEmptyJSON
	case c.has("descriptor-wrong", "no artifact type in a referrers list"):
		d.ArtifactType = ""
	case c.has("referrers-tag-wrong", "annotations not copied"):
		d.Annotations = nil
	}
	return d
}

// readReferrers reads the list under a referrers tag; it is empty if there is none.
func (c *client) readReferrers(repo, reference string) (list ocispec.Index, etag string, err error) {
	list = ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	method := http.MethodGet
	switch {
	case c.has("fallback-overwritten", "not read"):
		return list, "", nil
	case c.has("fallback-overwritten", "only looked whether it is there"):
		method = http.MethodHead
	}
	a, err := c.do(call{method: method, url: reference, header: accept(), scope: pullScope(repo)}, 200, 404)
	if err != nil || a.status == http.StatusNotFound || method == http.MethodHead {
		return list, "", err
	}
	if err := json.Unmarshal(a.body, &list); err != nil || list.MediaType != ocispec.MediaTypeImageIndex {
		return ocispec.Index{}, "", fmt.Errorf("%s: %w", reference, errNoIndex)
	}
	return list, a.header.Get("ETag"), nil
}

// accept has the types of manifests that the client knows.
func accept() map[string]string {
	return map[string]string{"Accept": strings.Join([]string{
		ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex,
		"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json",
	}, ", ")}
}

// resolve finds the digest of a tag without reading the manifest.
func (c *client) resolve(repo, tag string) (digest.Digest, error) {
	a, err := c.do(call{method: http.MethodHead, url: "/v2/" + repo + "/manifests/" + tag, header: accept(), scope: c.readScope(repo)}, 200)
	if err != nil {
		return "", err
	}
	return digest.Digest(a.header.Get("Docker-Content-Digest")), nil
}

// fetch reads a manifest by digest, or by tag if the registry does not tell digests, and verifies it.
func (c *client) fetch(repo, tag string, d digest.Digest) (*object, error) {
	reference := string(d)
	if d == "" || c.has("manifest-refetched", "GET by tag after HEAD") && tag != "" {
		reference = tag
	}
	a, err := c.do(call{method: http.MethodGet, url: "/v2/" + repo + "/manifests/" + reference, header: accept(), scope: c.readScope(repo)}, 200)
	if err != nil {
		return nil, err
	}
	if a.cut != nil {
		return nil, a.cut
	}
	mediaType, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	var body struct {
		MediaType string               `json:"mediaType"`
		Config    *ocispec.Descriptor  `json:"config"`
		Layers    []ocispec.Descriptor `json:"layers"`
		Manifests []ocispec.Descriptor `json:"manifests"`
		Subject   *ocispec.Descriptor  `json:"subject"`
	}
	if err := json.Unmarshal(a.body, &body); err != nil {
		return nil, fmt.Errorf("%s: %w", reference, err)
	}
	o := newObject(mediaType, a.body)
	switch {
	case d != "" && o.Digest != d:
		return nil, fmt.Errorf("%s: the registry sent %s", d, o.Digest)
	case body.MediaType != "" && body.MediaType != mediaType:
		return nil, fmt.Errorf("%s: Content-Type is %s, mediaType is %s", reference, mediaType, body.MediaType)
	}
	if body.Subject != nil {
		o.subject = body.Subject.Digest
	}
	if body.Config != nil {
		o.blobs = append(o.blobs, blob{Descriptor: *body.Config})
	}
	for _, l := range body.Layers {
		o.blobs = append(o.blobs, blob{Descriptor: l})
	}
	for _, m := range body.Manifests {
		o.children = append(o.children, &object{Descriptor: m})
	}
	return o, nil
}
