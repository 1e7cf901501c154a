package probe

import (
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// probe measures a trait: it returns the value, and what it saw.
type probe struct {
	trait   string
	measure func(*session) (value, seen string, err error)
}

// outcomeOf returns a measurement of the answer to one request.
func outcomeOf(method string, target func(*session) (string, error)) func(*session) (string, string, error) {
	return func(s *session) (string, string, error) {
		at, err := target(s)
		if err != nil {
			return "", "", err
		}
		a, err := s.send(method, at, nil)
		if err != nil {
			return "", "", err
		}
		return a.outcome(), method + " is answered with " + a.outcome(), nil
	}
}

func at(rest string) func(*session) (string, error) {
	return func(s *session) (string, error) { return s.path(rest), nil }
}

// populated makes sure that the repository exists.
func populated(rest func(*session) string) func(*session) (string, error) {
	return func(s *session) (string, error) {
		_, err := s.pushImage(s.repo, "probe")
		return s.path(rest(s)), err
	}
}

// absent is a digest of nothing that exists.
func absent() digest.Digest { return digest.FromString(random(16)) }

// form tells a path from a URL.
func form(location string) (string, string, error) {
	switch {
	case location == "":
		return "none", "there is no Location", nil
	case isAbsolute(location):
		return "absolute", "Location is " + location, nil
	}
	return "path", "Location is " + location, nil
}

// table has the probes, in the order in which they run: the first ones need an empty repository.
var table = []probe{
	{"tags.missing-repository", outcomeOf(http.MethodGet, at("/tags/list"))},
	{"blob.missing-repository", outcomeOf(http.MethodGet, func(s *session) (string, error) { return s.path("/blobs/" + string(absent())), nil })},
	{"manifest.missing-repository", outcomeOf(http.MethodGet, at("/manifests/absent"))},
	{"ping.body", func(s *session) (string, string, error) {
		a, err := s.send(http.MethodGet, "/v2/", nil)
		if err == nil && a.status != http.StatusOK {
			err = errUnknown
		}
		body := strings.TrimSpace(string(a.body))
		if body == "" {
			body = "none"
		}
		return body, "the body is " + body, err
	}},
	{"upload.location", func(s *session) (string, string, error) {
		a, err := s.upload()
		if err != nil {
			return "", "", err
		}
		return form(a.location())
	}},
	{"upload.path", func(s *session) (string, string, error) {
		a, err := s.upload()
		if err != nil {
			return "", "", err
		}
		for _, path := range []string{"blobs/uploads", "blobs/upload"} {
			if strings.Contains(a.location(), "/"+path+"/") {
				return path, "Location is " + a.location(), nil
			}
		}
		return "", "", errUnknown
	}},
	{"upload.state", func(s *session) (string, string, error) {
		a, err := s.upload()
		if err != nil {
			return "", "", err
		}
		if strings.Contains(a.location(), "?") {
			return "changes", "Location has a query", nil
		}
		return "fixed", "Location has no query", nil
	}},
	{"upload.range-initial", func(s *session) (string, string, error) {
		a, err := s.upload()
		value := a.header.Get("Range")
		if value == "" {
			value = "none"
		}
		return value, "Range is " + value, err
	}},
	{"upload.chunk", func(s *session) (string, string, error) {
		a, err := s.upload()
		if err != nil {
			return "", "", err
		}
		a, err = s.send(http.MethodPatch, a.location(), blob(), "Content-Type", octets)
		return a.outcome(), "PATCH is answered with " + a.outcome(), err
	}},
	{"upload.out-of-order", func(s *session) (string, string, error) {
		a, err := s.upload()
		if err != nil {
			return "", "", err
		}
		if a, err = s.send(http.MethodPatch, a.location(), []byte("0123456789"), "Content-Type", octets, "Content-Range", "0-9"); err != nil || a.status >= http.StatusBadRequest {
			return "", "", orUnknown(err) // chunks are refused
		}
		if a, err = s.upload(); err != nil {
			return "", "", err
		}
		a, err = s.send(http.MethodPatch, a.location(), []byte("0123456789"), "Content-Type", octets, "Content-Range", "100-109")
		return a.outcome(), "PATCH with Content-Range 100-109 is answered with " + a.outcome(), err
	}},
	{"upload.repeated-chunk", repeatedChunk},
	{"upload.stream-range", streamRange},
	{"upload.commit-state", commitState},
	{"upload.stream", func(s *session) (string, string, error) {
		a, err := s.upload()
		if err != nil {
			return "", "", err
		}
		if a.header.Get("OCI-Chunk-Min-Length") != "" {
			return "", "", errUnknown // the first chunk would be too short
		}
		if a, err = s.send(http.MethodPatch, a.location(), blob(), "Content-Type", octets); err != nil || a.location() == "" {
			return "", "", orUnknown(err)
		}
		a, err = s.send(http.MethodPatch, a.location(), blob(), "Content-Type", octets)
		if a.status < http.StatusBadRequest {
			return "appended", "a second PATCH without Content-Range is answered with " + a.outcome(), err
		}
		return "refused", "a second PATCH without Content-Range is answered with " + a.outcome(), err
	}},
	{"upload.chunk-min", func(s *session) (string, string, error) {
		a, err := s.upload()
		value := a.header.Get("OCI-Chunk-Min-Length")
		if value == "" {
			value = "none"
		}
		return value, "OCI-Chunk-Min-Length is " + value, err
	}},
	{"upload.status", func(s *session) (string, string, error) {
		a, err := s.upload()
		if err != nil {
			return "", "", err
		}
		a, err = s.send(http.MethodGet, a.location(), nil)
		return a.outcome(), "GET of an upload is answered with " + a.outcome(), err
	}},
	{"upload.cancel", func(s *session) (string, string, error) {
		a, err := s.upload()
		if err != nil {
			return "", "", err
		}
		a, err = s.send(http.MethodDelete, a.location(), nil)
		return a.outcome(), "DELETE of an upload is answered with " + a.outcome(), err
	}},
	{"upload.wrong-digest", commit(func(location string) string { return with(location, "digest", string(absent())) })},
	{"upload.no-digest", commit(func(location string) string { return location })},
	{"upload.single-post", func(s *session) (string, string, error) {
		content := blob()
		d := digest.FromBytes(content)
		a, err := s.send(http.MethodPost, s.path("/blobs/uploads/?digest="+string(d)), content, "Content-Type", octets)
		if err == nil && a.status == http.StatusCreated {
			s.created = append(s.created, s.path("/blobs/"+string(d)))
		}
		return a.outcome(), "POST of a blob is answered with " + a.outcome(), err
	}},
	{"blob.location", func(s *session) (string, string, error) {
		a, err := s.upload()
		if err != nil {
			return "", "", err
		}
		content := blob()
		d := digest.FromBytes(content)
		a, err = s.send(http.MethodPut, with(a.location(), "digest", string(d)), content, "Content-Type", octets)
		if err != nil || a.status != http.StatusCreated {
			return "", "", orUnknown(err)
		}
		s.created = append(s.created, s.path("/blobs/"+string(d)))
		return form(a.location())
	}},
	{"blob.missing", outcomeOf(http.MethodGet, populated(func(*session) string { return "/blobs/" + string(absent()) }))},
	{"blob.redirect", redirect(http.MethodGet)},
	{"blob.redirect-head", redirect(http.MethodHead)},
	{"blob.head-length", headLength},
	{"blob.type", blobType},
	{"blob.range", func(s *session) (string, string, error) {
		d, err := s.pushBlob(s.repo, blob())
		if err != nil {
			return "", "", err
		}
		a, err := s.send(http.MethodGet, s.path("/blobs/"+string(d)), nil, "Range", "bytes=1-3")
		switch {
		case err != nil:
		case a.status == http.StatusPartialContent:
			return "part", "GET with Range is answered with 206", nil
		case a.status == http.StatusOK:
			return "ignored", "GET with Range is answered with 200", nil
		}
		return "", "", orUnknown(err)
	}},
	{"blob.delete", func(s *session) (string, string, error) {
		d, err := s.pushBlob(s.repo, blob())
		if err != nil {
			return "", "", err
		}
		a, err := s.send(http.MethodDelete, s.path("/blobs/"+string(d)), nil)
		return a.outcome(), "DELETE is answered with " + a.outcome(), err
	}},
	{"blob.mount", mount},
	{"manifest.missing", outcomeOf(http.MethodGet, populated(func(*session) string { return "/manifests/absent" }))},
	{"manifest.bad-reference", badReference},
	{"manifest.get-digest", getDigest},
	{"manifest.accept", func(s *session) (string, string, error) {
		if _, err := s.pushImage(s.repo, "accept"); err != nil {
			return "", "", err
		}
		a, err := s.send(http.MethodGet, s.path("/manifests/accept"), nil, "Accept", ocispec.MediaTypeImageIndex)
		if a.status == http.StatusOK {
			return "ignored", "GET with another type in Accept is answered with 200", err
		}
		return "refused", "GET with another type in Accept is answered with " + a.outcome(), err
	}},
	{"manifest.location", func(s *session) (string, string, error) {
		a, _, err := s.put("location", nil)
		if err != nil {
			return "", "", err
		}
		return form(a.location())
	}},
	{"manifest.location-reference", func(s *session) (string, string, error) {
		a, _, err := s.put("reference", nil)
		switch {
		case err != nil:
			return "", "", err
		case strings.HasSuffix(a.location(), "/reference"):
			return "as-pushed", "Location is " + a.location(), nil
		}
		return "digest", "Location is " + a.location(), nil
	}},
	{"manifest.put-type", func(s *session) (string, string, error) {
		m, err := s.image(s.repo, func(m *ocispec.Manifest) { m.MediaType = "" })
		if err != nil {
			return "", "", err
		}
		a, err := s.putManifest(s.repo, "type", m, "application/vnd.ocifake.unknown+json")
		return a.outcome(), "PUT is answered with " + a.outcome(), err
	}},
	{"manifest.put-missing-blob", func(s *session) (string, string, error) {
		m, err := s.image(s.repo, func(m *ocispec.Manifest) { m.Layers[0].Digest = absent() })
		if err != nil {
			return "", "", err
		}
		a, err := s.putManifest(s.repo, "missing-blob", m, ocispec.MediaTypeImageManifest)
		return a.outcome(), "PUT is answered with " + a.outcome(), err
	}},
	{"manifest.put-wrong-digest", func(s *session) (string, string, error) {
		m, err := s.image(s.repo, nil)
		if err != nil {
			return "", "", err
		}
		a, err := s.putManifest(s.repo, string(absent()), m, ocispec.MediaTypeImageManifest)
		return a.outcome(), "PUT is answered with " + a.outcome(), err
	}},
	{"manifest.put-bad-digest", func(s *session) (string, string, error) {
		m, err := s.image(s.repo, nil)
		if err != nil {
			return "", "", err
		}
		a, err := s.putManifest(s.repo, malformed, m, ocispec.MediaTypeImageManifest)
		if a.unrouted() {
			return "", "", orUnknown(err)
		}
		return a.outcome(), "PUT is answered with " + a.outcome(), err
	}},
	{"manifest.put-order", putOrder},
	{"manifest.put-layerless", func(s *session) (string, string, error) {
		m, err := s.image(s.repo, func(m *ocispec.Manifest) { m.Layers = []ocispec.Descriptor{} })
		if err != nil {
			return "", "", err
		}
		a, err := s.putManifest(s.repo, "layerless", m, ocispec.MediaTypeImageManifest)
		return a.outcome(), "PUT is answered with " + a.outcome(), err
	}},
	{"manifest.put-body", func(s *session) (string, string, error) {
		a, d, err := s.put("body", nil)
		switch {
		case err != nil:
			return "", "", err
		case digest.FromBytes(a.body) == d:
			return "manifest", "the body of the answer is the manifest", nil
		case len(a.body) > 0:
			return "", "", errUnknown
		}
		return "none", "the answer has no body", nil
	}},
	{"manifest.oci-subject", func(s *session) (string, string, error) {
		subject, err := s.pushImage(s.repo, "subject")
		if err != nil {
			return "", "", err
		}
		a, _, err := s.put("referrer", func(m *ocispec.Manifest) {
			m.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: subject, Size: s.size(subject)}
		})
		if a.header.Get("OCI-Subject") == "" {
			return "no", "the answer has no OCI-Subject", err
		}
		return "yes", "the answer has OCI-Subject", err
	}},
	{"manifest.dash-alias", func(s *session) (string, string, error) {
		d, err := s.pushImage(s.repo, "alias")
		if err != nil {
			return "", "", err
		}
		a, err := s.send(http.MethodGet, s.path("/manifests/"+strings.Replace(string(d), ":", "-", 1)), nil, "Accept", ocispec.MediaTypeImageManifest)
		if a.status == http.StatusOK {
			return "yes", "GET of sha256-<hex> is answered with 200", err
		}
		return "no", "GET of sha256-<hex> is answered with " + a.outcome(), err
	}},
	{"manifest.delete-digest", func(s *session) (string, string, error) {
		d, err := s.pushImage(s.repo, "delete")
		if err != nil {
			return "", "", err
		}
		a, err := s.send(http.MethodDelete, s.path("/manifests/"+string(d)), nil)
		return a.outcome(), "DELETE is answered with " + a.outcome(), err
	}},
	{"manifest.delete-tag", func(s *session) (string, string, error) {
		if _, err := s.pushImage(s.repo, "delete-tag"); err != nil {
			return "", "", err
		}
		a, err := s.send(http.MethodDelete, s.path("/manifests/delete-tag"), nil)
		return a.outcome(), "DELETE is answered with " + a.outcome(), err
	}},
	{"manifest.delete-tag-keeps", func(s *session) (string, string, error) {
		d, err := s.pushImage(s.repo, "keeps")
		if err != nil {
			return "", "", err
		}
		a, err := s.send(http.MethodDelete, s.path("/manifests/keeps"), nil)
		if err != nil || a.status >= http.StatusBadRequest {
			return "", "", orUnknown(err)
		}
		a, err = s.send(http.MethodGet, s.path("/manifests/"+string(d)), nil, "Accept", ocispec.MediaTypeImageManifest)
		if a.status == http.StatusOK {
			return "manifest", "the manifest is there", err
		}
		return "nothing", "the manifest is answered with " + a.outcome(), err
	}},
	{"referrers.list", outcomeOf(http.MethodGet, func(s *session) (string, error) {
		d, err := s.pushImage(s.repo, "referrers")
		return s.path("/referrers/" + string(d)), err
	})},
	{"referrers.missing-subject", func(s *session) (string, string, error) {
		return s.referrers("/referrers/" + string(absent()))
	}},
	{"referrers.order", referrersOrder},
	{"tags.name-from", nameFrom},
	{"tags.bad-n", outcomeOf(http.MethodGet, populated(func(*session) string { return "/tags/list?n=-1" }))},
	{"tags.pages", func(s *session) (string, string, error) {
		a, err := s.page()
		if err != nil {
			return "", "", err
		}
		if len(a.tags()) > 1 {
			return "no", "n=1 lists more than one tag", nil
		}
		return "yes", "n=1 lists one tag", nil
	}},
	{"tags.link", func(s *session) (string, string, error) {
		a, err := s.page()
		if err != nil || len(a.tags()) > 1 {
			return "", "", orUnknown(err)
		}
		link := a.header.Get("Link")
		switch {
		case link == "":
			return "none", "there is no Link", nil
		case !strings.HasPrefix(link, "<"):
			return "bare", "Link is " + link, nil
		case isAbsolute(link):
			return "absolute", "Link is " + link, nil
		}
		return "path", "Link is " + link, nil
	}},
	{"tags.unknown-last", func(s *session) (string, string, error) {
		first, err := s.page()
		if err != nil || opaque(first) {
			return "", "", orUnknown(err)
		}
		a, err := s.send(http.MethodGet, s.path("/tags/list?n=100&last=0-is-no-tag"), nil)
		switch {
		case err != nil:
			return "", "", err
		case a.status >= http.StatusBadRequest:
			return "refused", "a last that is no tag is answered with " + a.outcome(), nil
		case len(a.tags()) == 0:
			return "empty", "after a last that is no tag, nothing is listed", nil
		}
		return "after", "after a last that is no tag, tags are listed", nil
	}},
	{"tags.cursor", func(s *session) (string, string, error) {
		a, err := s.page()
		switch {
		case err != nil || a.header.Get("Link") == "":
			return "", "", orUnknown(err)
		case opaque(a):
			return "opaque", "Link is " + a.header.Get("Link"), nil
		}
		return "tag", "Link is " + a.header.Get("Link"), nil
	}},
	{"tags.type", func(s *session) (string, string, error) {
		a, err := s.page()
		return a.header.Get("Content-Type"), "Content-Type is " + a.header.Get("Content-Type"), err
	}},
	{"tags.emptied", func(s *session) (string, string, error) {
		emptied := s.repo + "-emptied"
		d, err := s.pushImage(emptied, "v1")
		if err != nil {
			return "", "", err
		}
		a, err := s.send(http.MethodDelete, "/v2/"+emptied+"/manifests/"+string(d), nil)
		if err != nil || a.status >= http.StatusBadRequest {
			return "", "", orUnknown(err)
		}
		a, err = s.send(http.MethodGet, "/v2/"+emptied+"/tags/list", nil)
		if a.status == http.StatusNotFound {
			return "unknown", "the list is answered with " + a.outcome(), err
		}
		return "empty", "the list is answered with " + a.outcome(), err
	}},
}

// opaque reports whether last in the Link of a page is not its last tag.
func opaque(a answer) bool {
	link, tags := a.header.Get("Link"), a.tags()
	return link != "" && len(tags) > 0 && !strings.Contains(link, "last="+tags[len(tags)-1])
}

func orUnknown(err error) error {
	if err == nil {
		return errUnknown
	}
	return err
}

// commit measures the closing PUT to a location.
func commit(target func(location string) string) func(*session) (string, string, error) {
	return func(s *session) (string, string, error) {
		a, err := s.upload()
		if err != nil {
			return "", "", err
		}
		a, err = s.send(http.MethodPut, target(a.location()), blob(), "Content-Type", octets)
		return a.outcome(), "PUT is answered with " + a.outcome(), err
	}
}

// put pushes an image that is changed.
func (s *session) put(tag string, change func(*ocispec.Manifest)) (answer, digest.Digest, error) {
	m, err := s.image(s.repo, change)
	if err != nil {
		return answer{}, "", err
	}
	a, err := s.putManifest(s.repo, tag, m, ocispec.MediaTypeImageManifest)
	if err == nil && a.status != http.StatusCreated {
		err = errUnknown
	}
	return a, digest.FromBytes(m), err
}

// size returns the size of a manifest.
func (s *session) size(d digest.Digest) int64 {
	a, err := s.send(http.MethodGet, s.path("/manifests/"+string(d)), nil, "Accept", ocispec.MediaTypeImageManifest)
	if err != nil {
		return 0
	}
	return int64(len(a.body))
}

// referrers measures a list of referrers, if the registry has them.
func (s *session) referrers(rest string) (string, string, error) {
	d, err := s.pushImage(s.repo, "api")
	if err != nil {
		return "", "", err
	}
	a, err := s.send(http.MethodGet, s.path("/referrers/"+string(d)), nil)
	if err != nil || a.status != http.StatusOK {
		return "", "", orUnknown(err)
	}
	a, err = s.send(http.MethodGet, s.path(rest), nil)
	return a.outcome(), "GET is answered with " + a.outcome(), err
}

// page returns the first of the tags of a repository that has several.
func (s *session) page() (answer, error) {
	for _, tag := range []string{"page-1", "page-2"} {
		if _, err := s.pushImage(s.repo, tag); err != nil {
			return answer{}, err
		}
	}
	a, err := s.send(http.MethodGet, s.path("/tags/list?n=1"), nil)
	if err == nil && a.status != http.StatusOK {
		err = errUnknown
	}
	return a, err
}

// mount measures which mounts succeed: of a blob to which a manifest refers, of one to which none
// refers, without a source, and from a source that does not exist.
func mount(s *session) (string, string, error) {
	m, err := s.image(s.other, nil)
	if err != nil {
		return "", "", err
	}
	if a, err := s.putManifest(s.other, "mount", m, ocispec.MediaTypeImageManifest); err != nil || a.status != http.StatusCreated {
		return "", "", orUnknown(err)
	}
	parsed, err := layerOf(m)
	if err != nil {
		return "", "", err
	}
	mounts := func(d digest.Digest, from string) (bool, error) {
		query := "?mount=" + string(d)
		if from != "" {
			query += "&from=" + from
		}
		a, err := s.send(http.MethodPost, s.path("/blobs/uploads/"+query), nil)
		if err == nil && a.status == http.StatusCreated {
			s.created = append(s.created, s.path("/blobs/"+string(d)))
		}
		return a.status == http.StatusCreated, err
	}
	if ok, err := mounts(parsed, s.other); err != nil || !ok {
		return "never", "a mount of a layer is not answered with 201", err
	}
	loose := func(from string) (bool, error) {
		d, err := s.pushBlob(s.other, blob())
		if err != nil {
			return false, err
		}
		return mounts(d, from)
	}
	if ok, err := loose(s.other); err != nil || !ok {
		return "referenced", "a mount of a blob to which no manifest refers is not answered with 201", err
	}
	if ok, err := loose(s.repo + "-absent"); err != nil || ok {
		return "any", "a mount from a repository that does not exist is answered with 201", err
	}
	if ok, err := loose(""); err != nil || ok {
		return "readable", "a mount without a source is answered with 201", err
	}
	return "named", "a mount without a source is not answered with 201", nil
}
