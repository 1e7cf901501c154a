package probe

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// uploadUUID measures whether an answer about an upload has Docker-Upload-UUID.
func uploadUUID(s *session) (string, string, error) {
	a, err := s.upload()
	switch {
	case err != nil:
		return "", "", err
	case a.Header.Get("Docker-Upload-UUID") == "":
		return "no", "the answer that begins an upload has no Docker-Upload-UUID", nil
	}
	return "yes", "the answer that begins an upload has Docker-Upload-UUID", nil
}

// sessionFields returns the further header fields with the session in the answer to a chunk.
func sessionFields(s *session) ([]registry.Answer, error) {
	_, a, err := s.chunk(blob())
	if a == nil {
		return nil, err
	}
	at, err := url.Parse(a.Location())
	if err != nil {
		return nil, nil
	}
	header := map[string][]string{}
	for name, values := range a.Header {
		if name != "Docker-Upload-Uuid" && len(values) == 1 && values[0] == path.Base(at.Path) {
			header[name] = []string{"{session}"}
		}
	}
	return withHeader(op.UploadChunk, header), nil
}

// pingHeader returns the header fields of the answer to /v2/ that a registry does not have by default:
// the type of an empty body, and a challenge although the answer is no refusal. A challenge with a URL
// is left out: a profile must not send clients, with their passwords, to the registry that was measured.
func pingHeader(s *session) ([]registry.Answer, error) {
	a, err := s.send(http.MethodGet, "/v2/", nil)
	if err != nil || a.Status != http.StatusOK {
		return nil, err
	}
	header := map[string][]string{}
	if challenge := a.Header["Www-Authenticate"]; challenge != nil && !strings.Contains(strings.Join(challenge, " "), "://") {
		header["WWW-Authenticate"] = challenge
	}
	if contentType := a.Header["Content-Type"]; contentType != nil && len(a.Body) == 0 {
		header["Content-Type"] = contentType
	}
	return withHeader(op.Ping, header), nil
}

func withHeader(o op.Op, header map[string][]string) []registry.Answer {
	if len(header) == 0 {
		return nil
	}
	return []registry.Answer{{Ops: []op.Op{o}, Header: header}}
}

// acceptRanges measures which answers about a blob have Accept-Ranges.
func acceptRanges(s *session) (string, string, error) {
	var has [2]bool
	for i, method := range []string{http.MethodGet, http.MethodHead} {
		a, err := pulled(method)(s)
		if err != nil || a.Status != http.StatusOK {
			return "", "", orUnknown(err)
		}
		has[i] = a.Header.Get("Accept-Ranges") != ""
	}
	switch has {
	case [2]bool{true, true}:
		return "all", "GET and HEAD have Accept-Ranges", nil
	case [2]bool{false, true}:
		return "head", "only HEAD has Accept-Ranges", nil
	case [2]bool{false, false}:
		return "none", "neither GET nor HEAD has Accept-Ranges", nil
	}
	return "", "", errUnknown
}

// versions measures which answers have Docker-Distribution-Api-Version.
func versions(s *session) (string, string, error) {
	const field = "Docker-Distribution-Api-Version"
	ping, err := s.send(http.MethodGet, "/v2/", nil)
	if err != nil || ping.Status != http.StatusOK {
		return "", "", orUnknown(err)
	}
	a, err := tagged("version", ocispec.MediaTypeImageManifest)(s)
	switch {
	case err != nil || a.Status != http.StatusOK:
		return "", "", orUnknown(err)
	case a.Header.Get(field) != "":
		return "all", "the answer with a manifest has " + field, nil
	case ping.Header.Get(field) != "":
		return "ping", "the answer to /v2/ has " + field + ", and that with a manifest does not", nil
	}
	return "none", "neither the answer to /v2/ nor that with a manifest has " + field, nil
}

// entityTags measures whether blobs and manifests have an entity tag.
func entityTags(s *session) (string, string, error) {
	m, err := tagged("etag", ocispec.MediaTypeImageManifest)(s)
	if err != nil || m.Status != http.StatusOK {
		return "", "", orUnknown(err)
	}
	b, err := pulled(http.MethodGet)(s)
	if err != nil || b.Status != http.StatusOK {
		return "", "", orUnknown(err)
	}
	switch manifest, blob := m.Header.Get("ETag") != "", b.Header.Get("ETag") != ""; {
	case manifest && blob:
		return "yes", "a manifest and a blob have ETag", nil
	case !manifest && !blob:
		return "no", "neither a manifest nor a blob has ETag", nil
	}
	return "", "", errUnknown
}
