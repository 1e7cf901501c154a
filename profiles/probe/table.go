package probe

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registry"
)

// probe measures a trait: by an answer, of which package evidence says the value, or by itself.
type probe struct {
	trait   string
	answer  func(*session) (*answer, error)
	measure func(*session) (value, seen string, err error)
	also    func(*session) ([]registry.Answer, error) // what the fact has beside its value
}

// fact measures the trait.
func (p *probe) fact(s *session) (profiles.Fact, error) {
	f, err := p.measured(s)
	if err == nil && p.also != nil {
		f.Also, err = p.also(s)
	}
	return f, err
}

func (p *probe) measured(s *session) (profiles.Fact, error) {
	f := profiles.Fact{Trait: p.trait, Source: s.base.String(), Grade: profiles.FromProbe}
	if p.measure != nil {
		value, seen, err := p.measure(s)
		f.Value, f.Seen = profiles.Value(value), seen
		return f, err
	}
	a, err := p.answer(s)
	if err != nil {
		return f, err
	}
	v, ok := a.Shows(p.trait)
	if !ok {
		return f, errUnknown
	}
	f.Value, f.Seen = profiles.Value(v.Value), v.Seen
	if v.Value == strconv.Itoa(a.Status) && a.Status >= http.StatusBadRequest && a.Method != http.MethodHead {
		f.Answer = withoutCode(a)
	} else if v.Value == a.Outcome() && a.Status >= http.StatusBadRequest && a.Method != http.MethodHead {
		f.Answer = withDetail(a)
	}
	return f, nil
}

const maxError = 512 // bytes of the body of an error that is kept

// withoutCode returns the body of an error that has no code.
func withoutCode(a *answer) *registry.Answer {
	if len(a.Body) == 0 {
		empty := &registry.Answer{Shape: registry.ShapeEmpty}
		if a.Header.Get("Content-Type") == "" {
			empty.Header = map[string][]string{"Content-Type": {}}
		}
		return empty
	}
	body := string(a.Body)
	if len(body) > maxError || !utf8.ValidString(body) {
		return nil
	}
	return &registry.Answer{Body: &body, Header: map[string][]string{"Content-Type": a.Header["Content-Type"]}}
}

// withDetail returns the detail of an error that is an object or a text. Placeholders are in place of
// what the request was about.
func withDetail(a *answer) *registry.Answer {
	var body struct {
		Errors []struct {
			Detail any `json:"detail"`
		} `json:"errors"`
	}
	if json.Unmarshal(a.Body, &body) != nil || len(body.Errors) != 1 {
		return nil
	}
	detail := body.Errors[0].Detail
	switch d := detail.(type) {
	case map[string]any:
		if len(d) == 0 {
			return nil
		}
		for name, value := range d {
			if text, ok := value.(string); ok && placeholders(a)[text] != "" {
				d[name] = placeholders(a)[text]
			}
		}
	case string:
		all := placeholders(a)
		for _, text := range slices.SortedFunc(maps.Keys(all), func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) {
			d = regexp.MustCompile(`\b`+regexp.QuoteMeta(text)+`\b`).ReplaceAllLiteralString(d, all[text])
		}
		detail = d
	default:
		return nil
	}
	text, err := json.Marshal(detail)
	if err != nil || len(text) > maxError {
		return nil
	}
	return &registry.Answer{Detail: text}
}

// placeholders are those in answers by what a request was about.
func placeholders(a *answer) map[string]string {
	all := map[string]string{a.Session: "{session}", string(a.Digest): "{digest}", a.Tag: "{reference}", a.Repo: "{repo}"}
	delete(all, "")
	return all
}

// to returns a request with this method and path in the repository.
func to(method, rest string) func(*session) (*answer, error) {
	return func(s *session) (*answer, error) { return s.send(method, s.path(rest), nil) }
}

// absent is a digest of nothing that exists.
func absent() digest.Digest { return digest.FromString(random(16)) }

// table has the probes, in the order in which they run: the first ones need an empty repository.
var table = []probe{
	{trait: "tags.missing-repository", answer: to(http.MethodGet, "/tags/list")},
	{trait: "blob.missing-repository", answer: missingBlob},
	{trait: "manifest.missing-repository", answer: to(http.MethodGet, "/manifests/absent")},
	{trait: "ping.body", answer: func(s *session) (*answer, error) { return s.send(http.MethodGet, "/v2/", nil) }, also: pingHeader},
	{trait: "catalog.list", answer: func(s *session) (*answer, error) { return s.send(http.MethodGet, "/v2/_catalog?n=1", nil) }},
	{trait: "repository.create", measure: func(s *session) (string, string, error) {
		a, err := s.send(http.MethodPost, s.path("/blobs/uploads/"), nil)
		switch {
		case err != nil:
			return "", "", err
		case a.Status == http.StatusAccepted:
			return "yes", "a push to a repository that does not exist is answered with 202", nil
		case a.Code() == "NAME_UNKNOWN":
			return "no", "a push to a repository that does not exist is answered with " + a.Outcome(), nil
		}
		return "", "", errUnknown
	}},

	{trait: "auth.scheme", measure: scheme},
	{trait: "auth.realm", answer: refused},
	{trait: "auth.path", answer: refused},
	{trait: "auth.service", answer: refused},
	{trait: "auth.scope", answer: refused},
	{trait: "auth.unauthorized", answer: refused},
	{trait: "auth.anonymous", measure: pulls},
	{trait: "auth.ping", measure: openTo("/v2/")},
	{trait: "auth.catalog", measure: openTo("/v2/_catalog")},
	{trait: "auth.token-field", answer: issued},
	{trait: "auth.expires-in", answer: issued},
	{trait: "auth.ttl", answer: issued},
	{trait: "auth.token-fields", answer: issued},
	{trait: "auth.post", answer: posted},

	{trait: "upload.start", answer: to(http.MethodPost, "/blobs/uploads/")},
	{trait: "upload.location", answer: (*session).upload},
	{trait: "upload.path", answer: (*session).upload},
	{trait: "upload.state", answer: (*session).upload},
	{trait: "upload.state-parameter", measure: stateParameter},
	{trait: "upload.query", measure: func(s *session) (string, string, error) {
		return s.parameters((*session).upload, (*session).upload)
	}},
	{trait: "upload.uuid", measure: uploadUUID, also: sessionFields},
	{trait: "upload.range-initial", answer: (*session).upload},
	{trait: "upload.range-empty", measure: emptyRange},
	{trait: "upload.chunk-min", answer: (*session).upload},
	{trait: "upload.chunk", answer: chunks([]byte("0123456789"), "")},
	{trait: "upload.out-of-order", answer: func(s *session) (*answer, error) {
		a, err := chunks([]byte("0123456789"), "0-9")(s)
		if err != nil || a.Status >= http.StatusBadRequest {
			return nil, orUnknown(err) // chunks are refused
		}
		return chunks([]byte("0123456789"), "100-109")(s)
	}},
	{trait: "upload.repeated-chunk", measure: repeatedChunk},
	{trait: "upload.stream-range", measure: streamRange},
	{trait: "upload.commit-state", measure: commitState},
	{trait: "upload.stream", answer: chunks([]byte("01234"), "", "")},
	{trait: "upload.chunks", measure: wholeChunks},
	{trait: "upload.content-type", measure: func(s *session) (string, string, error) {
		a, err := s.commit(blob(), "text/plain", true)
		if err == nil && a.Status == http.StatusCreated {
			return "any", "PUT of text/plain is answered with 201", nil
		}
		if err == nil && a.Status >= http.StatusInternalServerError {
			err = errUnknown
		}
		return "checked", "PUT of text/plain is refused", err
	}},
	{trait: "upload.stray-body", measure: func(s *session) (string, string, error) {
		a, err := s.send(http.MethodPost, s.path("/blobs/uploads/"), []byte("stray"), "Content-Type", octets)
		if err == nil && a.Status == http.StatusAccepted {
			return "ignored", "POST with a body is answered with 202", nil
		}
		return "refused", "POST with a body is refused", err
	}},
	{trait: "upload.status", answer: inSession(http.MethodGet)},
	{trait: "upload.cancel", answer: inSession(http.MethodDelete)},
	{trait: "upload.commit", answer: func(s *session) (*answer, error) { return s.commit(blob(), octets, true) }},
	{trait: "upload.unknown", answer: func(s *session) (*answer, error) {
		a, err := s.upload()
		if err != nil {
			return nil, err
		}
		location := a.Location()
		if a, err = s.commitAt(location, blob(), octets); err != nil || a.Status != http.StatusCreated {
			return nil, orUnknown(err)
		}
		return s.send(http.MethodPatch, location, blob(), "Content-Type", octets)
	}},
	{trait: "upload.wrong-digest", answer: func(s *session) (*answer, error) {
		a, err := s.upload()
		if err != nil {
			return nil, err
		}
		return s.send(http.MethodPut, with(a.Location(), "digest", string(absent())), blob(), "Content-Type", octets)
	}},
	{trait: "upload.no-digest", answer: func(s *session) (*answer, error) { return s.commit(blob(), octets, false) }},
	{trait: "upload.single-post", answer: func(s *session) (*answer, error) {
		content := blob()
		d := digest.FromBytes(content)
		a, err := s.send(http.MethodPost, s.path("/blobs/uploads/?digest="+string(d)), content, "Content-Type", octets)
		if err == nil && a.Status == http.StatusCreated {
			s.created = append(s.created, s.path("/blobs/"+string(d)))
		}
		return a, err
	}},

	{trait: "blob.location", answer: func(s *session) (*answer, error) { return s.commit(blob(), octets, true) }},
	{trait: "blob.missing", answer: populated(missingBlob)},
	{trait: "answer.type", measure: ofTwoErrors("answer.type")},
	{trait: "answer.shape", measure: ofTwoErrors("answer.shape")},
	{trait: "blob.bad-digest", answer: to(http.MethodGet, "/blobs/sha256:bad")},
	{trait: "blob.get", answer: unlessRedirected(pulled(http.MethodGet))},
	{trait: "blob.head", answer: unlessRedirected(pulled(http.MethodHead))},
	{trait: "blob.redirect", answer: pulled(http.MethodGet)},
	{trait: "blob.redirect-head", answer: pulled(http.MethodHead)},
	{trait: "blob.head-length", measure: headLength},
	{trait: "blob.type", measure: blobType},
	{trait: "blob.accept-ranges", measure: acceptRanges},
	{trait: "blob.range", answer: pulled(http.MethodGet, "Range", "bytes=1-3")},
	{trait: "blob.range-forms", measure: rangeForms},
	{trait: "blob.serve-content", measure: servesBlobs},
	{trait: "blob.range-outside", answer: func(s *session) (*answer, error) {
		a, err := pulled(http.MethodGet, "Range", "bytes=100000-")(s)
		if err == nil && a.Status < http.StatusBadRequest {
			err = errUnknown // Range is ignored
		}
		return a, err
	}},
	{trait: "blob.delete", answer: pulled(http.MethodDelete)},
	{trait: "blob.delete-missing", answer: func(s *session) (*answer, error) {
		d, err := s.pushBlob(s.repo, blob())
		if err != nil {
			return nil, err
		}
		return s.deleteTwice("/blobs/" + string(d))
	}},
	{trait: "blob.delete-referenced", answer: func(s *session) (*answer, error) {
		m, err := s.image(s.repo, nil)
		if err != nil {
			return nil, err
		}
		if a, err := s.putManifest(s.repo, "referenced", m, ocispec.MediaTypeImageManifest); err != nil || a.Status != http.StatusCreated {
			return nil, orUnknown(err)
		}
		layer, err := layerOf(m)
		if err != nil {
			return nil, err
		}
		if a, err := pulled(http.MethodDelete)(s); err != nil || !a.Succeeded() {
			return nil, orUnknown(err) // no blob can be deleted
		}
		return s.send(http.MethodDelete, s.path("/blobs/"+string(layer)), nil)
	}},
	{trait: "blob.scope", measure: scope},
	{trait: "digest.sha512", measure: sha512},
	{trait: "blob.mount", measure: mount},

	{trait: "manifest.get", answer: tagged("get", ocispec.MediaTypeImageManifest)},
	{trait: "repository.blobs-only", measure: blobsOnly},
	{trait: "answer.version", measure: versions},
	{trait: "answer.etag", measure: entityTags},
	{trait: "manifest.missing", answer: populated(to(http.MethodGet, "/manifests/absent"))},
	{trait: "manifest.bad-reference", measure: badReference},
	{trait: "manifest.get-digest", measure: getDigest},
	{trait: "manifest.serve-content", measure: servesManifests},
	{trait: "manifest.conditions", measure: conditions},
	{trait: "manifest.accept", measure: func(s *session) (string, string, error) {
		a, err := tagged("accept", ocispec.MediaTypeImageIndex)(s)
		switch {
		case err != nil:
			return "", "", err
		case a.Status == http.StatusOK:
			return "ignored", "GET with another type in Accept is answered with 200", nil
		}
		seen := "GET with another type in Accept is answered with " + a.Outcome()
		if a, err = s.send(http.MethodGet, s.path("/manifests/"+s.latest), nil); err == nil && a.Status != http.StatusOK {
			return "needed", seen + ", and without Accept with " + a.Outcome(), nil
		}
		return "refused", seen, err
	}},
	{trait: "manifest.not-acceptable", answer: ifRefused(tagged("accept", ocispec.MediaTypeImageIndex))},
	{trait: "manifest.put", answer: put("put", nil)},
	{trait: "manifest.location", answer: put("location", nil)},
	{trait: "manifest.location-reference", answer: put("reference", nil)},
	{trait: "manifest.put-invalid", answer: func(s *session) (*answer, error) {
		return s.putManifest(s.repo, "invalid", []byte("no manifest "+random(8)), ocispec.MediaTypeImageManifest)
	}},
	{trait: "manifest.put-type", answer: func(s *session) (*answer, error) {
		m, err := s.image(s.repo, func(m *ocispec.Manifest) { m.MediaType = "" })
		if err != nil {
			return nil, err
		}
		return s.putManifest(s.repo, "type", m, "application/vnd.ocifake.unknown+json")
	}},
	{trait: "manifest.put-missing-blob", answer: put("missing-blob", func(m *ocispec.Manifest) { m.Layers[0].Digest = absent() })},
	{trait: "manifest.put-wrong-digest", answer: func(s *session) (*answer, error) { return put(string(absent()), nil)(s) }},
	{trait: "manifest.put-bad-digest", answer: func(s *session) (*answer, error) {
		a, err := put(malformed, nil)(s)
		if err == nil && unrouted(a) {
			err = errUnknown
		}
		return a, err
	}},
	{trait: "manifest.put-order", measure: putOrder},
	{trait: "manifest.put-layerless", answer: put("layerless", func(m *ocispec.Manifest) { m.Layers = []ocispec.Descriptor{} })},
	{trait: "manifest.put-body", answer: put("body", nil)},
	{trait: "manifest.descriptors", measure: func(s *session) (string, string, error) {
		a, err := put("descriptors", func(m *ocispec.Manifest) { m.Layers[0].Size++ })(s)
		if err == nil && a.Status == http.StatusCreated {
			return "any", "a manifest with the wrong size of a layer is answered with 201", nil
		}
		return "compared", "a manifest with the wrong size of a layer is refused", err
	}},
	{trait: "manifest.immutable", measure: immutable},
	{trait: "manifest.immutable-answer", answer: ifRefused(func(s *session) (*answer, error) {
		if _, err := s.pushImage(s.repo, "immutable-answer"); err != nil {
			return nil, err
		}
		return put("immutable-answer", nil)(s)
	})},
	{trait: "manifest.untagged", measure: untagged},
	{trait: "manifest.docker", measure: docker},
	{trait: "manifest.subject", answer: (*session).referrer},
	{trait: "manifest.oci-tag", measure: ociTag},
	{trait: "manifest.oci-subject", answer: (*session).referrer},
	{trait: "manifest.dash-alias", measure: func(s *session) (string, string, error) {
		d, err := s.pushImage(s.repo, "alias")
		if err != nil {
			return "", "", err
		}
		a, err := s.manifest(strings.Replace(string(d), ":", "-", 1), ocispec.MediaTypeImageManifest)
		switch {
		case err != nil:
			return "", "", err
		case a.Status == http.StatusOK:
			return "yes", "GET of sha256-<hex> is answered with 200", nil
		}
		return "no", "GET of sha256-<hex> is answered with " + a.Outcome(), nil
	}},
	{trait: "manifest.delete-digest", answer: func(s *session) (*answer, error) {
		d, err := s.pushImage(s.repo, "delete")
		if err != nil {
			return nil, err
		}
		return s.send(http.MethodDelete, s.path("/manifests/"+string(d)), nil)
	}},
	{trait: "manifest.delete-missing", answer: func(s *session) (*answer, error) {
		d, err := s.pushImage(s.repo, "delete-twice")
		if err != nil {
			return nil, err
		}
		return s.deleteTwice("/manifests/" + string(d))
	}},
	{trait: "manifest.delete-tag", answer: func(s *session) (*answer, error) {
		if _, err := s.pushImage(s.repo, "delete-tag"); err != nil {
			return nil, err
		}
		return s.send(http.MethodDelete, s.path("/manifests/delete-tag"), nil)
	}},
	{trait: "manifest.delete-tag-keeps", measure: func(s *session) (string, string, error) {
		d, err := s.pushImage(s.repo, "keeps")
		if err != nil {
			return "", "", err
		}
		a, err := s.send(http.MethodDelete, s.path("/manifests/keeps"), nil)
		if err != nil || a.Status >= http.StatusBadRequest {
			return "", "", orUnknown(err)
		}
		a, err = s.manifest(string(d), ocispec.MediaTypeImageManifest)
		switch {
		case err != nil:
			return "", "", err
		case a.Status == http.StatusOK:
			return "manifest", "the manifest is there", nil
		}
		return "nothing", "the manifest is answered with " + a.Outcome(), nil
	}},

	{trait: "referrers.list", answer: func(s *session) (*answer, error) {
		d, err := s.pushImage(s.repo, "referrers")
		if err != nil {
			return nil, err
		}
		return s.send(http.MethodGet, s.path("/referrers/"+string(d)), nil)
	}},
	{trait: "referrers.missing-subject", answer: referrers(func(*session) (string, error) { return "/referrers/" + string(absent()), nil })},
	{trait: "referrers.order", measure: referrersOrder},
	{trait: "referrers.bad-digest", answer: referrers(func(*session) (string, error) { return "/referrers/sha256:bad", nil })},
	{trait: "referrers.artifact-type", measure: artifactTypes},
	{trait: "referrers.pages", measure: referrersPages},
	{trait: "referrers.filter", answer: referrers(func(s *session) (string, error) { return s.twoReferrers("?artifactType=" + typeA) })},

	{trait: "tags.name-from", answer: func(s *session) (*answer, error) {
		repo := s.repo + "/a/b/c"
		if _, err := s.pushImage(repo, "v1"); err != nil {
			return nil, err
		}
		return s.send(http.MethodGet, "/v2/"+repo+"/tags/list", nil)
	}},
	{trait: "tags.bad-n", answer: populated(to(http.MethodGet, "/tags/list?n=-1"))},
	{trait: "tags.over-max", answer: populated(to(http.MethodGet, "/tags/list?n=100000"))},
	{trait: "tags.pages", answer: (*session).page},
	{trait: "tags.link", answer: func(s *session) (*answer, error) {
		a, err := s.page()
		if err == nil && len(a.Tags()) > 1 {
			err = errUnknown // n is ignored
		}
		return a, err
	}},
	{trait: "tags.link-when", measure: func(s *session) (string, string, error) {
		page, err := s.page()
		if err != nil || page.Header.Get("Link") == "" {
			return "", "", orUnknown(err)
		}
		a, err := s.list()
		switch {
		case err != nil || len(a.Tags()) == 0:
			return "", "", orUnknown(err)
		case a.Header.Get("Link") != "":
			return "always", "a list of all tags has a Link", nil
		}
		a, err = s.send(http.MethodGet, s.path(fmt.Sprintf("/tags/list?n=%d", len(a.Tags()))), nil)
		if err == nil && a.Header.Get("Link") != "" {
			return "full", "a list of all tags has a Link if n is their number", nil
		}
		return "more", "a list of all tags has no Link", err
	}},
	{trait: "tags.link-query", measure: func(s *session) (string, string, error) {
		return s.parameters((*session).page, func(s *session) (*answer, error) { return s.send(http.MethodGet, s.path("/tags/list?n=2"), nil) })
	}},
	{trait: "tags.order", answer: (*session).list},
	{trait: "tags.unknown-last", answer: (*session).unknownLast},
	{trait: "tags.unknown-last-answer", answer: ifRefused((*session).unknownLast)},
	{trait: "tags.cursor", answer: (*session).page},
	{trait: "tags.type", answer: (*session).page},
	{trait: "tags.fields", answer: (*session).page},
	{trait: "tags.empty", measure: emptyTags},
	{trait: "tags.emptied", answer: func(s *session) (*answer, error) {
		emptied := s.repo + "-emptied"
		d, err := s.pushImage(emptied, "v1")
		if err != nil {
			return nil, err
		}
		a, err := s.send(http.MethodDelete, "/v2/"+emptied+"/manifests/"+string(d), nil)
		if err != nil || a.Status >= http.StatusBadRequest {
			return nil, orUnknown(err)
		}
		return s.send(http.MethodGet, "/v2/"+emptied+"/tags/list", nil)
	}},
}
