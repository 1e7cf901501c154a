package probe

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Measurements of the forms of answers that take several requests.

// malformed has the form of a digest, but is none.
const malformed = "sha256:malformed"

func headLength(s *session) (string, string, error) {
	content := blob()
	d, err := s.pushBlob(s.repo, content)
	if err != nil {
		return "", "", err
	}
	a, err := s.send(http.MethodHead, s.path("/blobs/"+string(d)), nil)
	if err != nil || a.Status != http.StatusOK {
		return "", "", orUnknown(err)
	}
	length := a.Header.Get("Content-Length")
	value, ok := map[string]string{strconv.Itoa(len(content)): "size", "0": "zero", "": "none"}[length]
	if !ok {
		return "", "", errUnknown
	}
	return value, "Content-Length of HEAD is " + length, nil
}

// blobType compares the Content-Type of a config with its media type, and looks at that of text.
func blobType(s *session) (string, string, error) {
	m, err := s.image(s.repo, nil)
	if err != nil {
		return "", "", err
	}
	if a, err := s.putManifest(s.repo, "blob-type", m, ocispec.MediaTypeImageManifest); err != nil || a.Status != http.StatusCreated {
		return "", "", orUnknown(err)
	}
	var parsed ocispec.Manifest
	if err := json.Unmarshal(m, &parsed); err != nil {
		return "", "", err
	}
	text, err := s.pushBlob(s.repo, blob())
	if err != nil {
		return "", "", err
	}
	var types []string
	for _, d := range []digest.Digest{parsed.Config.Digest, text} {
		a, err := s.send(http.MethodGet, s.path("/blobs/"+string(d)), nil)
		if err != nil || a.Status != http.StatusOK {
			return "", "", orUnknown(err)
		}
		types = append(types, a.Header.Get("Content-Type"))
	}
	seen := "a config is " + types[0] + ", other text is " + types[1]
	switch {
	case types[0] == octets && types[1] == octets:
		return "octet-stream", seen, nil
	case types[0] == ocispec.MediaTypeImageConfig && types[1] == octets:
		return "described", seen, nil
	case types[0] == ocispec.MediaTypeImageConfig && strings.HasPrefix(types[1], "text/plain"):
		return "described-or-sniffed", seen, nil
	case strings.HasPrefix(types[0], "text/plain") && strings.HasPrefix(types[1], "text/plain"):
		return "sniffed", seen, nil
	}
	return "", "", errUnknown
}

// repeatedChunk sends the first chunk twice, and compares the answer with that to a chunk after a
// gap.
func repeatedChunk(s *session) (string, string, error) {
	var outcomes []string
	for _, second := range []string{"0-9", "100-109"} {
		a, err := s.upload()
		if err != nil {
			return "", "", err
		}
		for _, part := range []string{"0-9", second} {
			if a.Location() == "" {
				return "", "", errUnknown
			}
			if len(outcomes) == 0 && a.Header.Get("OCI-Chunk-Min-Length") != "" {
				return "", "", errUnknown // the first chunk would be too short
			}
			location := a.Location()
			a, err = s.send(http.MethodPatch, location, []byte("0123456789"), "Content-Type", octets, "Content-Range", part)
			if err != nil || part != second && a.Status >= http.StatusBadRequest {
				return "", "", orUnknown(err)
			}
		}
		outcomes = append(outcomes, a.Outcome())
	}
	seen := "a chunk that is sent again is answered with " + outcomes[0]
	if outcomes[0] == outcomes[1] {
		return "as out of order", seen, nil
	}
	return outcomes[0], seen, nil
}

func streamRange(s *session) (string, string, error) {
	content := blob()
	_, a, err := s.chunk(content)
	if a == nil {
		return "", "", orUnknown(err)
	}
	seen := fmt.Sprintf("Range after %d bytes is %s", len(content), a.Header.Get("Range"))
	switch a.Header.Get("Range") {
	case fmt.Sprintf("0-%d", len(content)-1):
		return "last-byte", seen, nil
	case fmt.Sprintf("0-%d", len(content)):
		return "length", seen, nil
	}
	return "", "", errUnknown
}

func commitState(s *session) (string, string, error) {
	a, err := s.upload()
	if err != nil {
		return "", "", err
	}
	content := blob()
	d := digest.FromBytes(content)
	a, err = s.send(http.MethodPut, with(a.Location(), "digest", string(d)), content, "Content-Type", octets)
	if err != nil || a.Status != http.StatusCreated {
		return "", "", orUnknown(err)
	}
	s.created = append(s.created, s.path("/blobs/"+string(d)))
	if a.Header.Get("Range") != "" {
		return "yes", "Range is " + a.Header.Get("Range"), nil
	}
	return "no", "there is no Range", nil
}

// unrouted reports whether an answer is the page of net/http for an unknown path.
func unrouted(a *answer) bool {
	return a.Code() == "" && a.Status == http.StatusNotFound && strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain")
}

func badReference(s *session) (string, string, error) {
	a, err := s.manifest(".bad", ocispec.MediaTypeImageManifest)
	if err != nil {
		return "", "", err
	}
	seen := "GET is answered with " + a.Outcome()
	if !unrouted(a) {
		return "refused", seen, nil
	}
	if a, err = s.manifest(malformed, ocispec.MediaTypeImageManifest); err != nil {
		return "", "", err
	}
	if !unrouted(a) {
		return "unrouted-tags", seen + ", and of a malformed digest with " + a.Outcome(), nil
	}
	return "unrouted", seen, nil
}

// putOrder pushes what is no manifest by a malformed digest, and compares the answer with those to
// pushes with one of the mistakes.
func putOrder(s *session) (string, string, error) {
	m, err := s.image(s.repo, nil)
	if err != nil {
		return "", "", err
	}
	var outcomes []string
	for _, push := range []struct {
		reference string
		content   []byte
	}{{malformed, []byte("no manifest")}, {malformed, m}, {"put-order", []byte("no manifest")}} {
		a, err := s.putManifest(s.repo, push.reference, push.content, ocispec.MediaTypeImageManifest)
		if err != nil || a.Status < http.StatusBadRequest {
			return "", "", orUnknown(err)
		}
		outcomes = append(outcomes, a.Outcome())
	}
	seen := "PUT with both mistakes is answered with " + outcomes[0]
	switch {
	case outcomes[1] == outcomes[2]:
		return "", "", errUnknown
	case outcomes[0] == outcomes[1]:
		return "digest", seen, nil
	case outcomes[0] == outcomes[2]:
		return "content", seen, nil
	}
	return "", "", errUnknown
}

func getDigest(s *session) (string, string, error) {
	d, err := s.pushImage(s.repo, "digest")
	if err != nil {
		return "", "", err
	}
	var has []bool
	for _, reference := range []string{"digest", string(d)} {
		a, err := s.send(http.MethodGet, s.path("/manifests/"+reference), nil, "Accept", ocispec.MediaTypeImageManifest)
		if err != nil || a.Status != http.StatusOK {
			return "", "", orUnknown(err)
		}
		has = append(has, a.Header.Get("Docker-Content-Digest") != "")
	}
	switch {
	case has[0] && has[1]:
		return "all", "GET has Docker-Content-Digest", nil
	case has[1]:
		return "by-digest", "GET by tag has no Docker-Content-Digest", nil
	case has[0]:
		return "", "", errUnknown
	}
	return "none", "GET has no Docker-Content-Digest", nil
}

// referrersOrder pushes so many referrers that their order tells the values apart.
func referrersOrder(s *session) (string, string, error) {
	const enough = 7
	subject, err := s.image(s.repo, nil)
	if err != nil {
		return "", "", err
	}
	a, err := s.putManifest(s.repo, "order", subject, ocispec.MediaTypeImageManifest)
	var referrer ocispec.Manifest
	if err != nil || a.Status != http.StatusCreated || json.Unmarshal(subject, &referrer) != nil {
		return "", "", orUnknown(err)
	}
	of := digest.FromBytes(subject)
	referrer.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: of, Size: int64(len(subject))}
	var pushed []digest.Digest
	for i := range enough {
		referrer.Annotations = map[string]string{"order": strconv.Itoa(i)}
		m, err := json.Marshal(referrer)
		if err != nil {
			return "", "", err
		}
		d := digest.FromBytes(m)
		if a, err = s.putManifest(s.repo, string(d), m, ocispec.MediaTypeImageManifest); err != nil || a.Status != http.StatusCreated {
			return "", "", orUnknown(err)
		}
		pushed = append(pushed, d)
	}
	a, err = s.send(http.MethodGet, s.path("/referrers/"+string(of)), nil)
	if err != nil || a.Status != http.StatusOK {
		return "", "", orUnknown(err)
	}
	var index ocispec.Index
	if err := json.Unmarshal(a.Body, &index); err != nil {
		return "", "", errUnknown
	}
	var listed []digest.Digest
	for _, d := range index.Manifests {
		listed = append(listed, d.Digest)
	}
	oldest, sorted := slices.Equal(listed, pushed), slices.IsSorted(listed)
	slices.Reverse(pushed)
	newest := slices.Equal(listed, pushed)
	switch {
	case len(listed) != enough || sorted && (oldest || newest):
		return "", "", errUnknown
	case newest:
		return "newest-first", "the referrer that was pushed last is the first", nil
	case oldest:
		return "oldest-first", "the referrer that was pushed first is the first", nil
	case sorted:
		return "digest", "referrers are sorted by digest", nil
	}
	return "unsorted", "referrers are in no order", nil
}
