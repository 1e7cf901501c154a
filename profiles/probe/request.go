package probe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/evidence"
)

func orUnknown(err error) error {
	if err == nil {
		return errUnknown
	}
	return err
}

// populated makes sure that the repository exists.
func populated(request func(*session) (*answer, error)) func(*session) (*answer, error) {
	return func(s *session) (*answer, error) {
		if _, err := s.pushImage(s.repo, "probe"); err != nil {
			return nil, err
		}
		return request(s)
	}
}

// ifRefused returns the answer to a request that is refused.
func ifRefused(request func(*session) (*answer, error)) func(*session) (*answer, error) {
	return func(s *session) (*answer, error) {
		a, err := request(s)
		if err == nil && a.Status < http.StatusBadRequest {
			err = errUnknown
		}
		return a, err
	}
}

// unlessRedirected returns the answer to a request that is not redirected.
func unlessRedirected(request func(*session) (*answer, error)) func(*session) (*answer, error) {
	return func(s *session) (*answer, error) {
		a, err := request(s)
		if err == nil && a.Status/100 == 3 {
			err = errUnknown
		}
		return a, err
	}
}

func missingBlob(s *session) (*answer, error) {
	return s.send(http.MethodGet, s.path("/blobs/"+string(absent())), nil)
}

// ofTwoErrors measures what different errors have in common.
func ofTwoErrors(trait string) func(*session) (string, string, error) {
	return func(s *session) (string, string, error) {
		a, err := missingBlob(s)
		if err != nil {
			return "", "", err
		}
		b, err := s.commit(blob(), octets, false)
		if err != nil {
			return "", "", err
		}
		first, ok := a.Shows(trait)
		second, both := b.Shows(trait)
		value, same := evidence.Join(trait, first.Value, second.Value)
		if !ok || !both || !same {
			return "", "", errUnknown
		}
		return value, first.Seen, nil
	}
}

// pulled sends a request for a blob that is pushed before.
func pulled(method string, header ...string) func(*session) (*answer, error) {
	return func(s *session) (*answer, error) {
		d, err := s.pushBlob(s.repo, blob())
		if err != nil {
			return nil, err
		}
		return s.send(method, s.path("/blobs/"+string(d)), nil, header...)
	}
}

// deleteTwice returns the answer to the second DELETE of what was pushed.
func (s *session) deleteTwice(rest string) (*answer, error) {
	a, err := s.send(http.MethodDelete, s.path(rest), nil)
	if err != nil || !a.Succeeded() {
		return nil, orUnknown(err)
	}
	return s.send(http.MethodDelete, s.path(rest), nil)
}

// inSession sends a request to a session that is opened before.
func inSession(method string) func(*session) (*answer, error) {
	return func(s *session) (*answer, error) {
		a, err := s.upload()
		if err != nil {
			return nil, err
		}
		return s.send(method, a.Location(), nil)
	}
}

// chunks sends a chunk for each Content-Range, and returns the answer to the last one. Chunks would
// be too short for a registry with a smallest chunk.
func chunks(content []byte, ranges ...string) func(*session) (*answer, error) {
	return func(s *session) (*answer, error) {
		a, err := s.upload()
		if err != nil {
			return nil, err
		}
		if len(ranges) > 1 && a.Header.Get("OCI-Chunk-Min-Length") != "" {
			return nil, errUnknown
		}
		for _, r := range ranges {
			header := []string{"Content-Type", octets}
			if r != "" {
				header = append(header, "Content-Range", r)
			}
			location := a.Location()
			if location == "" {
				return nil, errUnknown
			}
			if a, err = s.send(http.MethodPatch, location, content, header...); err != nil {
				return nil, err
			}
		}
		return a, nil
	}
}

// wholeChunks measures whether a blob of two chunks is there in the end.
func wholeChunks(s *session) (string, string, error) {
	if a, err := s.upload(); err != nil || a.Header.Get("OCI-Chunk-Min-Length") != "" {
		return "", "", orUnknown(err) // chunks are too short
	}
	half := []byte(random(8))
	first, second := fmt.Sprintf("0-%d", len(half)-1), fmt.Sprintf("%d-%d", len(half), 2*len(half)-1)
	a, err := chunks(half, first)(s)
	switch {
	case err != nil:
		return "", "", err
	case a.Status >= http.StatusBadRequest || a.Location() == "":
		return "no", "a chunk is answered with " + a.Outcome(), nil
	}
	content := bytes.Repeat(half, 2)
	if a, err = chunks(half, first, second)(s); err != nil || a.Status >= http.StatusBadRequest || a.Location() == "" {
		return "first-only", "a second chunk is refused", orNil(err)
	}
	a, err = s.send(http.MethodPut, with(a.Location(), "digest", string(digest.FromBytes(content))), nil)
	if err == nil && a.Status == http.StatusCreated {
		s.created = append(s.created, s.path("/blobs/"+string(digest.FromBytes(content))))
		return "yes", "a blob in two chunks is answered with 201", nil
	}
	return "first-only", "a blob in two chunks is refused", err
}

func orNil(err error) error {
	if err == errUnknown {
		return nil
	}
	return err
}

// commit sends the closing PUT of a blob, with or without its digest.
func (s *session) commit(content []byte, contentType string, named bool) (*answer, error) {
	a, err := s.upload()
	if err != nil {
		return nil, err
	}
	if !named {
		return s.send(http.MethodPut, a.Location(), content, "Content-Type", contentType)
	}
	return s.commitAt(a.Location(), content, contentType)
}

func (s *session) commitAt(location string, content []byte, contentType string) (*answer, error) {
	d := digest.FromBytes(content)
	a, err := s.send(http.MethodPut, with(location, "digest", string(d)), content, "Content-Type", contentType)
	if err == nil && a.Status == http.StatusCreated {
		s.created = append(s.created, s.path("/blobs/"+string(d)))
	}
	return a, err
}

// put pushes an image that is changed.
func put(reference string, change func(*ocispec.Manifest)) func(*session) (*answer, error) {
	return func(s *session) (*answer, error) {
		m, err := s.image(s.repo, change)
		if err != nil {
			return nil, err
		}
		return s.putManifest(s.repo, reference, m, ocispec.MediaTypeImageManifest)
	}
}

// manifest gets a manifest.
func (s *session) manifest(reference, accept string) (*answer, error) {
	return s.send(http.MethodGet, s.path("/manifests/"+reference), nil, "Accept", accept)
}

// tagged gets an image that is pushed with a tag before.
func tagged(tag, accept string) func(*session) (*answer, error) {
	return func(s *session) (*answer, error) {
		if _, err := s.pushImage(s.repo, tag+"-"+random(4)); err != nil { // the tag may be immutable
			return nil, err
		}
		return s.manifest(s.latest, accept)
	}
}

// immutable measures whether a tag can be pushed again.
func immutable(s *session) (string, string, error) {
	m, err := s.image(s.repo, nil)
	if err != nil {
		return "", "", err
	}
	push := func() (*answer, error) { return s.putManifest(s.repo, "immutable", m, ocispec.MediaTypeImageManifest) }
	if a, err := push(); err != nil || a.Status != http.StatusCreated {
		return "", "", orUnknown(err)
	}
	if a, err := put("immutable", nil)(s); err != nil || a.Status == http.StatusCreated {
		return "no", "pushing another manifest to a tag is answered with 201", err
	}
	if a, err := push(); err != nil || a.Status == http.StatusCreated {
		return "yes", "pushing another manifest to a tag is refused", err
	}
	return "also-same", "pushing the same manifest to its tag is refused", nil
}

const (
	typeA = "application/vnd.ocifake.a"
	typeB = "application/vnd.ocifake.b"
)

// referrer pushes a manifest with a subject.
func (s *session) referrer() (*answer, error) {
	subject, size, err := s.subject()
	if err != nil {
		return nil, err
	}
	return put("referrer-"+random(4), func(m *ocispec.Manifest) { refer(m, subject, size, typeA) })(s)
}

// refer makes a manifest one of a type that refers to a subject.
func refer(m *ocispec.Manifest, subject digest.Digest, size int64, artifactType string) {
	m.ArtifactType = artifactType
	m.Subject = &ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: subject, Size: size}
}

// subject pushes an image to refer to.
func (s *session) subject() (digest.Digest, int64, error) {
	m, err := s.image(s.repo, nil)
	if err != nil {
		return "", 0, err
	}
	a, err := s.putManifest(s.repo, "subject-"+random(4), m, ocispec.MediaTypeImageManifest)
	if err != nil || a.Status != http.StatusCreated {
		return "", 0, orUnknown(err)
	}
	return digest.FromBytes(m), int64(len(m)), nil
}

// twoReferrers pushes two manifests of different types with a subject, and returns the path of
// their list.
func (s *session) twoReferrers(query string) (string, error) {
	subject, size, err := s.subject()
	if err != nil {
		return "", err
	}
	for _, t := range []string{typeA, typeB} {
		a, err := put("referrer-"+random(4), func(m *ocispec.Manifest) { refer(m, subject, size, t) })(s)
		if err != nil || a.Status != http.StatusCreated {
			return "", orUnknown(err)
		}
	}
	return "/referrers/" + string(subject) + query, nil
}

// artifactTypes measures the types of entries in a list of referrers.
func artifactTypes(s *session) (string, string, error) {
	a, err := referrers(func(s *session) (string, error) { return s.twoReferrers("") })(s)
	if err != nil {
		return "", "", err
	}
	if v, ok := a.Shows("referrers.artifact-type"); ok {
		return v.Value, v.Seen, nil
	}
	if bytes.Contains(a.Body, []byte(ocispec.MediaTypeImageConfig)) {
		return "config", "artifactType is the type of the config", nil
	}
	return "", "", errUnknown
}

// referrers gets a list of referrers, if the registry has them.
func referrers(target func(*session) (string, error)) func(*session) (*answer, error) {
	return func(s *session) (*answer, error) {
		d, err := s.pushImage(s.repo, "api")
		if err != nil {
			return nil, err
		}
		a, err := s.send(http.MethodGet, s.path("/referrers/"+string(d)), nil)
		if err != nil || a.Status != http.StatusOK {
			return nil, orUnknown(err)
		}
		rest, err := target(s)
		if err != nil {
			return nil, err
		}
		return s.send(http.MethodGet, s.path(rest), nil)
	}
}

// pageTags are tags whose order of pushing is not that of a list.
var pageTags = []string{"page-4", "page-1", "page-3", "page-2", "page-0"}

// page returns the first of the tags of a repository that has several.
func (s *session) page() (*answer, error) {
	if _, err := s.list(); err != nil {
		return nil, err
	}
	a, err := s.send(http.MethodGet, s.path("/tags/list?n=1"), nil)
	if err == nil && a.Status != http.StatusOK {
		err = errUnknown
	}
	return a, err
}

// list returns the tags of a repository that has several.
func (s *session) list() (*answer, error) {
	if !s.listed {
		for _, tag := range pageTags {
			if _, err := s.pushImage(s.repo, tag); err != nil {
				return nil, err
			}
		}
		s.listed = true
	}
	return s.send(http.MethodGet, s.path("/tags/list"), nil)
}

// unknownLast gets the tags after one that does not exist.
func (s *session) unknownLast() (*answer, error) {
	first, err := s.page()
	if err != nil || evidence.Opaque(first) {
		return nil, orUnknown(err)
	}
	return s.send(http.MethodGet, s.path("/tags/list?n=100&last=0-is-no-tag"), nil)
}

// parameters returns the parameters that two answers have with the same values, beside those of
// pages.
func (s *session) parameters(first, second func(*session) (*answer, error)) (string, string, error) {
	a, err := first(s)
	if err != nil {
		return "", "", err
	}
	b, err := second(s)
	if err != nil {
		return "", "", err
	}
	if !strings.Contains(a.Location()+a.Header.Get("Link"), "?") {
		return "", "", errUnknown
	}
	same := slices.DeleteFunc(a.Parameters(), func(p string) bool {
		return !slices.Contains(b.Parameters(), p)
	})
	value := strings.Join(same, "&")
	if _, err := url.ParseQuery(value); err != nil || value == "" {
		value = "none"
	}
	return value, "two answers have the parameters " + value, nil
}

// chunk begins an upload and sends a chunk. It returns both answers, the second one nil if there is an
// error or the chunk is refused.
func (s *session) chunk(content []byte) (begun, sent *answer, err error) {
	if begun, err = s.upload(); err != nil {
		return nil, nil, err
	}
	sent, err = s.send(http.MethodPatch, begun.Location(), content, "Content-Type", octets)
	if err != nil || sent.Status >= http.StatusBadRequest {
		return begun, nil, err
	}
	return begun, sent, nil
}

// stateParameter measures which parameter of the location of an upload changes with a chunk, if there
// is only one.
func stateParameter(s *session) (string, string, error) {
	a, b, err := s.chunk(blob())
	if b == nil {
		return "", "", orUnknown(err)
	}
	before, beforeErr := url.Parse(a.Location())
	after, afterErr := url.Parse(b.Location())
	if beforeErr != nil || afterErr != nil {
		return "", "", errUnknown
	}
	var names []string
	for name, values := range before.Query() {
		if other := after.Query()[name]; other != nil && !slices.Equal(other, values) {
			names = append(names, name)
		}
	}
	if len(names) != 1 {
		return "", "", errUnknown
	}
	return names[0], "a chunk changes the parameter " + names[0], nil
}

// ociTag measures which tags of a push are in OCI-Tag.
func ociTag(s *session) (string, string, error) {
	a, err := put("oci-tag-"+random(4), nil)(s)
	switch {
	case err != nil || a.Status != http.StatusCreated:
		return "", "", orUnknown(err)
	case a.Header.Get("OCI-Tag") != "":
		return "all", "the answer to a push by tag has OCI-Tag", nil
	}
	m, err := s.image(s.repo, nil)
	if err != nil {
		return "", "", err
	}
	a, err = s.putManifest(s.repo, string(digest.FromBytes(m))+"?tag=oci-tag-"+random(4), m, ocispec.MediaTypeImageManifest)
	switch {
	case err != nil || a.Status != http.StatusCreated:
		return "", "", orUnknown(err)
	case a.Header.Get("OCI-Tag") != "":
		return "parameters", "the answer to a push with a tag parameter has OCI-Tag", nil
	}
	return "none", "the answer to a push with a tag parameter has no OCI-Tag", nil
}

// mount measures which mounts succeed: of a blob to which a manifest refers, of one to which none
// refers, without a source, and from a source that does not exist.
// sha512 measures what becomes of a blob with a sha512 digest.
func sha512(s *session) (string, string, error) {
	content := blob()
	d := digest.SHA512.FromBytes(content)
	a, err := s.upload()
	if err != nil {
		return "", "", err
	}
	a, err = s.send(http.MethodPut, with(a.Location(), "digest", string(d)), content, "Content-Type", octets)
	switch {
	case err != nil:
		return "", "", err
	case a.Status != http.StatusCreated:
		return "wrong", "a blob with a sha512 digest is answered with " + a.Outcome(), nil
	}
	s.created = append(s.created, s.path("/blobs/"+string(d)))
	if named := digest.FromBytes(content); a.Header.Get("Docker-Content-Digest") == string(named) {
		s.created = append(s.created, s.path("/blobs/"+string(named)))
		return "canonical", "the answer to a blob with a sha512 digest has its sha256 digest", nil
	}
	return "kept", "a blob with a sha512 digest is answered with 201", nil
}

func mount(s *session) (string, string, error) {
	m, err := s.image(s.other, nil)
	if err != nil {
		return "", "", err
	}
	if a, err := s.putManifest(s.other, "mount", m, ocispec.MediaTypeImageManifest); err != nil || a.Status != http.StatusCreated {
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
		if err == nil && a.Status == http.StatusCreated {
			s.created = append(s.created, s.path("/blobs/"+string(d)))
		}
		return err == nil && a.Status == http.StatusCreated, err
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

// scope measures which blobs a repository has.
func scope(s *session) (string, string, error) {
	d, err := s.pushBlob(s.other, blob())
	if err != nil {
		return "", "", err
	}
	path := s.path("/blobs/" + string(d))
	found := func(method string) (bool, error) {
		a, err := s.send(method, path, nil)
		return err == nil && a.Succeeded(), err
	}
	if _, err := s.pushBlob(s.repo, blob()); err != nil { // the repository exists
		return "", "", err
	}
	if ok, err := found(http.MethodGet); err != nil || ok {
		return "registry", "a GET finds a blob of another repository", err
	}
	if ok, err := found(http.MethodHead); err != nil || !ok {
		return "repository", "a blob of another repository is not found", err
	}
	s.created = append(s.created, path)
	if ok, err := found(http.MethodGet); err != nil || !ok {
		return "", "", orUnknown(err)
	}
	return "head", "a GET finds a blob of another repository only after a HEAD", nil
}

// untagged measures what becomes of a manifest whose tag is set on another one.
func untagged(s *session) (string, string, error) {
	d, err := s.pushImage(s.repo, "moved")
	if err != nil {
		return "", "", err
	}
	if a, err := put("moved", nil)(s); err != nil || a.Status != http.StatusCreated {
		return "", "", orUnknown(err)
	}
	a, err := s.manifest(string(d), ocispec.MediaTypeImageManifest)
	switch {
	case err != nil:
		return "", "", err
	case a.Status == http.StatusOK:
		return "stays", "the manifest is there", nil
	}
	return "deleted", "the manifest is answered with " + a.Outcome(), nil
}

// docker measures whether a manifest of Docker's type is accepted.
func docker(s *session) (string, string, error) {
	const manifest = "application/vnd.docker.distribution.manifest.v2+json"
	m, err := s.image(s.repo, func(m *ocispec.Manifest) {
		m.MediaType, m.Config.MediaType = manifest, "application/vnd.docker.container.image.v1+json"
		for i := range m.Layers {
			m.Layers[i].MediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip"
		}
	})
	if err != nil {
		return "", "", err
	}
	a, err := s.putManifest(s.repo, "schema2", m, manifest)
	switch {
	case err != nil:
		return "", "", err
	case a.Status == http.StatusCreated:
		return "yes", "PUT of a Docker manifest is answered with 201", nil
	}
	return "no", "PUT of a Docker manifest is answered with " + a.Outcome(), nil
}

// referrersPages measures whether a list of referrers is paged.
func referrersPages(s *session) (string, string, error) {
	a, err := referrers(func(s *session) (string, error) { return s.twoReferrers("?n=1") })(s)
	if err != nil {
		return "", "", err
	}
	var list ocispec.Index
	switch err := json.Unmarshal(a.Body, &list); {
	case err != nil || a.Status != http.StatusOK:
		return "", "", errUnknown
	case len(list.Manifests) > 1:
		return "no", "n=1 lists more", nil
	}
	return "yes", "n=1 lists as many referrers", nil
}
