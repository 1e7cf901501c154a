package lint

import (
	"fmt"
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

// due is a request after which the client is expected to read or write a referrers tag.
type due struct {
	x   *exchange
	tag string
}

// of reports whether a request of the same client is for the tag.
func (d *due) of(x *exchange, tag string) bool {
	return d.x.client == x.client && d.x.repo() == x.repo() && d.tag == tag
}

// unmet returns a finding for each that the client did not do.
func unmet(dues pending[*due], describe func(d *due) string) []found {
	var all []found
	for _, d := range dues.all {
		all = append(all, *in(d.x, nil, "%s", describe(d)))
	}
	return all
}

// judgeReferrersTag reports an index of referrers with a duplicate, or without annotations.
func judgeReferrersTag(l *Linter, x *exchange) *found {
	if x.kind != op.ManifestPut || !fallbackTag(x.Tag) || !l.knowsBody("referrers-tag-wrong", x) {
		return nil
	}
	seen := map[string]bool{}
	m, before := x.manifest(), l.earlier(x)
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
	return unmet(l.stale, func(d *due) string {
		return fmt.Sprintf("DELETE of %s, a referrer, and the referrers tag %s was not written", d.x.reference(), d.tag)
	})
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
	l.stale.add(&due{x, tag})
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
	return unmet(l.referrals, func(d *due) string {
		return fmt.Sprintf("GET %s answered 404, and the referrers tag %s was not requested", d.x.Target, d.tag)
	})
}

func finishSubjects(l *Linter) []found {
	return unmet(l.subjects, func(d *due) string {
		return fmt.Sprintf("PUT of %s, whose subject was not processed, and the referrers tag %s was not written", d.x.reference(), d.tag)
	})
}

// learnReferrers remembers the answer of the referrers API.
func (l *Linter) learnReferrers(x *exchange) {
	digest := string(x.Info.Digest)
	switch x.Status {
	case http.StatusNotFound:
		l.learnNoAPI(x)
		if strings.Contains(digest, ":") && !x.client.fallbacks.Get(x.repo()+":"+tagOf(digest)) {
			l.referrals.add(&due{x, tagOf(digest)})
		}
	case http.StatusOK:
		l.subjects.drop(func(d *due) bool { return d.x.client == x.client && d.x.Host == x.Host })
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
	if m.Subject != nil && strings.Contains(m.Subject.Digest, ":") && value(x.ResponseHeader, "Oci-Subject") == "" {
		l.learnNoAPI(x)
		if tag := tagOf(m.Subject.Digest); !l.indexOf(x, tag).lists(contentDigest(x)) {
			l.subjects.add(&due{x, tag})
		}
	}
	if fallbackTag(x.Tag) {
		written := func(d *due) bool { return d.of(x, x.Tag) }
		l.stale.drop(written)
		l.subjects.drop(written)
	}
}

// learnFallback remembers that a client asked for a referrers tag.
func (l *Linter) learnFallback(x *exchange) {
	if !readsManifest(x) || !fallbackTag(x.Tag) {
		return
	}
	l.referrals.drop(func(d *due) bool { return d.of(x, x.Tag) })
	if x.Status != http.StatusOK {
		return
	}
	// If the tag is something else than an index, the client is to report a failure. What the index
	// lists is not to be listed twice.
	other := !strings.Contains(value(x.ResponseHeader, "Content-Type"), "index")
	l.subjects.drop(func(d *due) bool {
		return d.of(x, x.Tag) && (other || x.kind == op.ManifestGet && x.manifest().lists(contentDigest(d.x)))
	})
}
