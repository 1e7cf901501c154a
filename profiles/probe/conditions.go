package probe

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// rangeForms measures which forms of Range are served.
func rangeForms(s *session) (string, string, error) {
	if a, err := pulled(http.MethodGet, "Range", "bytes=1-3")(s); err != nil || a.Status != http.StatusPartialContent {
		return "", "", orUnknown(err)
	}
	a, err := pulled(http.MethodGet, "Range", "bytes=1-")(s)
	switch {
	case err != nil:
		return "", "", err
	case a.Status == http.StatusRequestedRangeNotSatisfiable:
		return "closed", "a Range without an end is answered with " + a.Outcome(), nil
	}
	return "all", "a Range without an end is answered with " + a.Outcome(), nil
}

// servesBlobs measures whether a blob is served as http.ServeContent does.
func servesBlobs(s *session) (string, string, error) {
	head, err := pulled(http.MethodHead, "Range", "bytes=1-3")(s)
	if err != nil || head.Status/100 == 3 {
		return "", "", orUnknown(err)
	}
	a, err := pulled(http.MethodGet, "Range", "bytes=0-0,2-2")(s)
	switch {
	case err != nil || a.Status/100 == 3:
		return "", "", orUnknown(err)
	case head.Status == http.StatusPartialContent && strings.HasPrefix(a.Header.Get("Content-Type"), "multipart/byteranges"):
		return "yes", "HEAD with Range is answered with 206, and two ranges with multipart/byteranges", nil
	}
	return "no", fmt.Sprintf("HEAD with Range is answered with %d, and two ranges with %s", head.Status, a.Outcome()), nil
}

// servesManifests measures whether a manifest is served as http.ServeContent does.
func servesManifests(s *session) (string, string, error) {
	if _, err := tagged("part", ocispec.MediaTypeImageManifest)(s); err != nil {
		return "", "", err
	}
	a, err := s.latestManifest("Range", "bytes=1-3")
	switch {
	case err != nil:
		return "", "", err
	case a.Status == http.StatusPartialContent:
		return "yes", "a GET with Range is answered with 206", nil
	case a.Status == http.StatusOK:
		return "no", "a GET with Range is answered with 200", nil
	}
	return "", "", errUnknown
}

// conditions measures which conditions the GET of a manifest has.
func conditions(s *session) (string, string, error) {
	a, err := tagged("conditions", ocispec.MediaTypeImageManifest)(s)
	if err != nil || a.Header.Get("ETag") == "" {
		return "", "", orUnknown(err)
	}
	tag := a.Header.Get("ETag")
	a, err = s.latestManifest("If-None-Match", tag)
	if err != nil || a.Status != http.StatusNotModified {
		return "", "", orUnknown(err)
	}
	a, err = s.latestManifest("If-Match", `"other"`)
	switch {
	case err != nil:
		return "", "", err
	case a.Status == http.StatusPreconditionFailed:
		return "all", "a GET with another tag in If-Match is answered with 412", nil
	case a.Status == http.StatusOK:
		return "plain", "a GET with another tag in If-Match is answered with 200", nil
	}
	return "", "", errUnknown
}

// latestManifest gets the image that was pushed last.
func (s *session) latestManifest(header ...string) (*answer, error) {
	return s.send(http.MethodGet, s.path("/manifests/"+s.latest), nil, append(header, "Accept", ocispec.MediaTypeImageManifest)...)
}

// emptyRange measures the Range of a session without content.
func emptyRange(s *session) (string, string, error) {
	a, err := inSession(http.MethodGet)(s)
	if err != nil {
		return "", "", err
	}
	switch r := a.Header.Get("Range"); r {
	case "0-0", "0--1":
		return r, "Range of the status of a new session is " + r, nil
	}
	return "", "", errUnknown
}

// blobsOnly measures whether a repository that has only blobs is known.
func blobsOnly(s *session) (string, string, error) {
	repo := s.repo + "-blobs"
	if _, err := s.pushBlob(repo, blob()); err != nil {
		return "", "", err
	}
	a, err := s.send(http.MethodGet, "/v2/"+repo+"/manifests/absent", nil)
	switch {
	case err != nil:
		return "", "", err
	case a.Code() == "MANIFEST_UNKNOWN":
		return "known", "a manifest of a repository with a blob is answered with " + a.Outcome(), nil
	case a.Code() != "NAME_UNKNOWN":
		return "", "", errUnknown
	}
	b, err := populated(to(http.MethodGet, "/manifests/absent"))(s)
	if err != nil || b.Code() == "NAME_UNKNOWN" {
		return "", "", orUnknown(err)
	}
	return "unknown", "a manifest of a repository with a blob is answered with " + a.Outcome(), nil
}

// emptyTags measures the form of a list of no tags.
func emptyTags(s *session) (string, string, error) {
	repo := s.repo + "-untagged"
	m, err := s.image(repo, nil)
	if err != nil {
		return "", "", err
	}
	if a, err := s.putManifest(repo, string(digest.FromBytes(m)), m, ocispec.MediaTypeImageManifest); err != nil || a.Status != http.StatusCreated {
		return "", "", orUnknown(err)
	}
	a, err := s.send(http.MethodGet, "/v2/"+repo+"/tags/list", nil)
	if err != nil {
		return "", "", err
	}
	if a.Code() == "NAME_UNKNOWN" {
		return "unknown", "no tags are answered with " + a.Outcome(), nil
	}
	v, ok := a.Shows("tags.empty")
	if !ok {
		return "", "", errUnknown
	}
	return v.Value, v.Seen, nil
}
