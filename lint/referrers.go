package lint

import (
	"net/http"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/op"
)

func referrersRules() []Rule {
	return []Rule{{
		ID: "referrers-no-fallback", Severity: Must,
		Title:    "a client does not ask for the referrers tag after the referrers API answered 404",
		Why:      "On a registry without the API the client finds no signatures, SBOMs or attestations.",
		Source:   "distribution-spec 1.1, Listing Referrers",
		Sentence: "If the referrers API returns a 404, the client MUST fallback to pulling the referrers tag schema.",
		Fix:      "GET the manifest with the tag ALGORITHM-DIGEST of the subject.",
		Wrong:    "GET /v2/app/referrers/sha256:ab… → 404\n(nothing more)",
		Right:    "GET /v2/app/manifests/sha256-ab…",
		history:  true, finish: finishReferrals,
	}, {
		ID: "fallback-overwritten", Severity: Must,
		Title:    "the referrers tag is written without reading it before",
		Why:      "The referrers that other clients have added are lost.",
		Source:   "distribution-spec 1.1, Pushing Manifests with Subject",
		Sentence: "Pull the current referrers list using the referrers tag schema.",
		Fix:      "GET the referrers tag, add the descriptor to its index, and PUT the index with If-Match if the answer had an ETag.",
		Wrong:    "PUT /v2/app/manifests/sha256-ab…",
		Right:    "GET /v2/app/manifests/sha256-ab… → 404 or 200\nPUT /v2/app/manifests/sha256-ab…",
		history:  true, past: true, judge: judgeFallback,
	}, {
		ID: "subject-not-processed", Severity: Must,
		Title:    "a client does not write the referrers tag although the registry did not process the subject",
		Why:      "Nobody finds the referrer on a registry without the referrers API.",
		Source:   "distribution-spec 1.1, Pushing Manifests with Subject",
		Sentence: "When pushing a manifest with the `subject` field and the `OCI-Subject` header was not set, the client MUST:",
		Fix:      "Look for OCI-Subject in the answer to the PUT. Without it, add the manifest to the index with the tag ALGORITHM-DIGEST of the subject.",
		Wrong:    "PUT /v2/app/manifests/sha256:cd… with a subject → 201, without OCI-Subject\n(nothing more)",
		Right:    "GET /v2/app/manifests/sha256-ab…, PUT /v2/app/manifests/sha256-ab…",
		history:  true, finish: finishSubjects,
	}, {
		ID: "referrers-tag-wrong", Severity: Must,
		Title:    "the index of a referrers tag is not what the referrers API would answer",
		Why:      "Clients filter referrers by their annotations, and take a referrer that is listed twice for two.",
		Source:   "distribution-spec 1.1, Pushing Manifests with Subject",
		Sentence: "All annotations from the pushed manifest MUST be copied to this descriptor.",
		Fix:      "Copy the annotations of the manifest to its descriptor, and replace a descriptor that is there.",
		Wrong:    "PUT /v2/app/manifests/sha256-ab… with two descriptors of sha256:cd…",
		Right:    "PUT /v2/app/manifests/sha256-ab… with one descriptor of sha256:cd…, and its annotations",
		judge:    judgeReferrersTag,
	}, {
		ID: "referrers-tag-not-updated", Severity: Should,
		Title:    "a referrer is deleted, and stays listed by the referrers tag",
		Why:      "Clients find a signature or an SBOM that is not there any more, and fail.",
		Source:   "distribution-spec 1.1, Deleting Manifests",
		Sentence: "When deleting an image manifest that contains a `subject` field, and the referrers API returns a 404, clients SHOULD:",
		Fix:      "On a registry without the referrers API, remove the descriptor from the index with the referrers tag of the subject.",
		Wrong:    "DELETE /v2/app/manifests/sha256:cd… → 202\n(nothing more)",
		Right:    "GET /v2/app/manifests/sha256-ab…, PUT /v2/app/manifests/sha256-ab…, DELETE /v2/app/manifests/sha256:cd…",
		history:  true, finish: finishStaleTags,
	}}
}

// referral is a request for referrers that the registry answered with 404.
type referral struct {
	x    *exchange
	tag  string
	done bool // the client asked for the referrers tag
}

// subjectPut is a push of a manifest with a subject that the registry did not process.
type subjectPut struct {
	x    *exchange
	tag  string
	done bool // the client wrote the referrers tag, or saw that there is the API
}

// staleTag is the deletion of a referrer on a registry without the referrers API.
type staleTag struct {
	x    *exchange
	tag  string
	done bool // the client wrote or deleted the referrers tag
}

// judgeReferrersTag reports an index of referrers with a duplicate, or without annotations.
func judgeReferrersTag(l *Linter, x *exchange) *found {
	if x.kind != op.ManifestPut || !fallbackTag(x.Tag) || !l.knowsBody("referrers-tag-wrong", x) {
		return nil
	}
	seen := map[string]bool{}
	m, before := x.pushed(), l.earlier(x)
	for _, d := range m.Manifests {
		if before.lists(d.Digest) && !seen[d.Digest] {
			seen[d.Digest] = true
			continue // another client may have written it
		}
		if seen[d.Digest] {
			return in(x, nil, "referrers tag %s lists %s twice", x.reference(), d.Digest)
		}
		seen[d.Digest] = true
		known := l.contentOf(x, d.Digest)
		if known == nil || known.manifest == nil {
			continue
		}
		for name, value := range known.manifest.Annotations {
			if d.Annotations[name] != value {
				return in(x, nil, "referrers tag %s: the descriptor of %s lacks the annotation %s of the manifest", x.reference(), d.Digest, name)
			}
		}
	}
	return nil
}

func finishStaleTags(l *Linter) []found {
	var all []found
	for _, s := range l.stale.all {
		if !s.done {
			all = append(all, *in(s.x, nil, "DELETE of %s, a referrer, and the referrers tag %s was not written", s.x.reference(), s.tag))
		}
	}
	return all
}

// learnReferrerDeleted remembers that a referrer was deleted, if the registry has no referrers API.
func (l *Linter) learnReferrerDeleted(x *exchange) {
	known := l.contentOf(x, string(x.Info.Digest))
	if known == nil || known.manifest == nil || known.manifest.Subject == nil || !l.noAPI[x.Host] {
		return
	}
	tag := tagOf(known.manifest.Subject.Digest)
	if index := l.indexOf(x, tag); index != nil && !index.lists(string(x.Info.Digest)) {
		return // the tag was written before
	}
	l.stale.add(&staleTag{x: x, tag: tag})
}

// indexOf returns the index that a client knows a tag to be on, or nil.
func (l *Linter) indexOf(x *exchange, tag string) *manifest {
	t := x.client.tags.Get(x.repo() + ":" + tag)
	if t == nil {
		return nil
	}
	index := l.contentOf(x, t.digest)
	if index == nil {
		return nil
	}
	return index.manifest
}

// earlier returns the index that a push of a referrers tag replaces, or nil.
func (l *Linter) earlier(x *exchange) *manifest {
	if !fallbackTag(x.Tag) {
		return nil
	}
	return l.indexOf(x, x.Tag)
}

// lists reports whether an index lists a manifest. A nil index lists nothing.
func (m *manifest) lists(digest string) bool {
	return m != nil && slices.ContainsFunc(m.Manifests, func(d descriptor) bool { return d.Digest == digest })
}

// tagOf returns the referrers tag of a digest ("Referrers Tag Schema"): the algorithm, at most 32
// characters, and the encoded part, at most 64.
func tagOf(digest string) string {
	algorithm, encoded, _ := strings.Cut(digest, ":")
	return algorithm[:min(len(algorithm), 32)] + "-" + encoded[:min(len(encoded), 64)]
}

// fallbackTag reports whether a tag is a referrers tag of sha256 or sha512.
func fallbackTag(tag string) bool {
	for _, prefix := range []string{"sha256-", "sha512-"} {
		if hex, ok := strings.CutPrefix(tag, prefix); ok && len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == "" {
			return true
		}
	}
	return false
}

func judgeFallback(l *Linter, x *exchange) *found {
	if x.kind != op.ManifestPut || !fallbackTag(x.Tag) || !x.succeeded() || x.client.fallbacks.Get(x.repo()+":"+x.Tag) {
		return nil
	}
	return in(x, nil, "PUT of the referrers tag %s, which the client did not read since it last wrote it", x.reference())
}

func finishReferrals(l *Linter) []found {
	var all []found
	for _, r := range l.referrals.all {
		if !r.done {
			all = append(all, *in(r.x, nil, "GET %s answered 404, and the referrers tag %s was not requested", r.x.Target, r.tag))
		}
	}
	return all
}

func finishSubjects(l *Linter) []found {
	var all []found
	for _, s := range l.subjects.all {
		if !s.done {
			all = append(all, *in(s.x, nil, "PUT of %s, whose subject was not processed, and the referrers tag %s was not written", s.x.reference(), s.tag))
		}
	}
	return all
}

// learnReferrers remembers the answer of the referrers API.
func (l *Linter) learnReferrers(x *exchange) {
	digest := string(x.Info.Digest)
	switch x.Status {
	case http.StatusNotFound:
		l.learnNoAPI(x)
		if strings.Contains(digest, ":") && !x.client.fallbacks.Get(x.repo()+":"+tagOf(digest)) {
			l.referrals.add(&referral{x: x, tag: tagOf(digest)})
		}
	case http.StatusOK:
		l.served(func(s *subjectPut) bool { return s.x.client == x.client && s.x.Host == x.Host })
	}
}

// learnNoAPI remembers that a host has no referrers API.
func (l *Linter) learnNoAPI(x *exchange) {
	if len(l.noAPI) < maxKeys {
		l.noAPI[x.Host] = true
	}
}

// learnSubject remembers a manifest with a subject, and that a referrers tag was written.
func (l *Linter) learnSubject(x *exchange, m *manifest) {
	if m.Subject != nil && strings.Contains(m.Subject.Digest, ":") && x.ResponseHeader.Get("Oci-Subject") == "" {
		l.learnNoAPI(x)
		tag := tagOf(m.Subject.Digest)
		if s := (&subjectPut{x: x, tag: tag}); !l.indexOf(x, tag).lists(pushedDigest(x)) {
			l.subjects.add(s)
			if l.waiting = append(l.waiting, s); len(l.waiting) > maxPending {
				l.waiting = slices.Delete(l.waiting, 0, maxPending/2)
			}
		}
	}
	if fallbackTag(x.Tag) {
		for _, s := range l.stale.all {
			s.done = s.done || s.x.client == x.client && s.x.repo() == x.repo() && s.tag == x.Tag
		}
		l.served(func(s *subjectPut) bool {
			return s.x.client == x.client && s.x.repo() == x.repo() && s.tag == x.Tag
		})
	}
}

// served notes that the manifests with a subject that a function reports need no referrers tag any more.
func (l *Linter) served(is func(*subjectPut) bool) {
	l.waiting = slices.DeleteFunc(l.waiting, func(s *subjectPut) bool {
		s.done = s.done || is(s)
		return s.done
	})
}

// learnFallback remembers that a client asked for a referrers tag.
func (l *Linter) learnFallback(x *exchange) {
	if !readsManifest(x) || !fallbackTag(x.Tag) {
		return
	}
	if x.Status == http.StatusOK && !strings.Contains(x.ResponseHeader.Get("Content-Type"), "index") {
		// The tag is something else: the client is to report a failure.
		l.served(func(s *subjectPut) bool {
			return s.x.client == x.client && s.x.repo() == x.repo() && s.tag == x.Tag
		})
	}
	if x.Status == http.StatusOK && x.kind == op.ManifestGet {
		index := parseManifest(x.ResponseBody)
		l.served(func(s *subjectPut) bool { // it is not to be listed twice
			return s.x.client == x.client && s.x.repo() == x.repo() && s.tag == x.Tag && index.lists(pushedDigest(s.x))
		})
	}
	for _, r := range l.referrals.all {
		r.done = r.done || r.x.client == x.client && r.x.repo() == x.repo() && r.tag == x.Tag
	}
}
