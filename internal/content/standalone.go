package content

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

const (
	// manifestAnnotation, in index.json, marks a manifest that is restored unchanged: its
	// references are neither required nor followed. The value is JSON, see standalone.
	manifestAnnotation = "io.github.ocifake.manifest"

	// repositoriesAnnotation, of index.json, lists the names of empty repositories, separated by
	// spaces.
	repositoriesAnnotation = "io.github.ocifake.repositories"
)

// standalone is the value of manifestAnnotation.
type standalone struct {
	// Unchecked allows content that is not a manifest. The other fields are the registry's
	// metadata; they are empty otherwise.
	Unchecked bool `json:"unchecked,omitempty"`

	MediaType    string            `json:"mediaType,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Subject      digest.Digest     `json:"subject,omitempty"`
}

// setStandalone annotates the entry of a manifest. An invalid manifest gets a generic media type,
// because its own may be invalid.
func setStandalone(entry *ocispec.Descriptor, m registry.PutManifest, valid bool) {
	var s standalone
	if !valid {
		entry.MediaType = octets
		s = standalone{Unchecked: true, MediaType: m.Descriptor.MediaType, ArtifactType: m.Descriptor.ArtifactType,
			Annotations: m.Descriptor.Annotations, Subject: m.Subject}
	}
	entry.Annotations = map[string]string{manifestAnnotation: string(encode(s))}
}

// parseStandalone returns the manifest of an entry with manifestAnnotation.
func parseStandalone(entry ocispec.Descriptor, content []byte) (registry.PutManifest, error) {
	var s standalone
	decoder := json.NewDecoder(bytes.NewReader([]byte(entry.Annotations[manifestAnnotation])))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		return registry.PutManifest{}, fmt.Errorf("annotation %s: %w", manifestAnnotation, err)
	}
	if decoder.More() {
		return registry.PutManifest{}, fmt.Errorf("annotation %s: unexpected data after the JSON object", manifestAnnotation)
	}
	if s.Subject != "" && s.Subject.Validate() != nil && !digest.DigestRegexpAnchored.MatchString(string(s.Subject)) {
		return registry.PutManifest{}, fmt.Errorf("annotation %s: the subject %q is not a digest", manifestAnnotation, s.Subject)
	}
	if !s.Unchecked {
		m, err := registry.ParseManifest(entry.MediaType, content)
		m.Require = nil
		return m, err
	}
	return registry.PutManifest{
		Manifest: registry.Manifest{Content: content, Descriptor: ocispec.Descriptor{
			MediaType: s.MediaType, Size: int64(len(content)), ArtifactType: s.ArtifactType, Annotations: s.Annotations}},
		Subject: s.Subject,
	}, nil
}

// AsStored returns a manifest of a repository in the form for another Store, and reports whether it
// equals the result of [registry.ParseManifest].
func AsStored(ctx context.Context, store registry.Store, repo string, m registry.Manifest) (put registry.PutManifest, valid bool, err error) {
	put, err = registry.ParseManifest(m.Descriptor.MediaType, m.Content)
	put.Descriptor.Digest = m.Descriptor.Digest
	if err == nil && sameDescriptor(put.Descriptor, m.Descriptor) {
		return put, true, nil
	}
	put = registry.PutManifest{Manifest: m}
	put.Subject, err = storedSubject(ctx, store, repo, m)
	return put, false, err
}

// storedSubject returns the subject for which a manifest is listed: the one in its content, if any.
func storedSubject(ctx context.Context, store registry.Store, repo string, m registry.Manifest) (digest.Digest, error) {
	var d struct {
		Subject struct {
			Digest digest.Digest `json:"digest"`
		} `json:"subject"`
	}
	if json.Unmarshal(m.Content, &d) != nil || d.Subject.Digest == "" {
		return "", nil // no subject
	}
	for desc, err := range store.Referrers(ctx, repo, d.Subject.Digest, "") {
		if err != nil {
			return "", fmt.Errorf("list the referrers of %s: %w", d.Subject.Digest, err)
		}
		if desc.Digest == m.Descriptor.Digest {
			return d.Subject.Digest, nil
		}
	}
	return "", nil
}
