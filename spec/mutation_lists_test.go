package spec_test

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/spec"
)

// listing is a mutation of lists of tags, by what they were asked for.
func listing(edit func(tags []string, query url.Values) []string) func(*mutant) {
	return answered(func(a *reply) {
		var list struct {
			Name string   `json:"name"`
			Tags []string `json:"tags"`
		}
		if a.status == http.StatusOK && json.Unmarshal(a.body, &list) == nil {
			list.Tags = edit(list.Tags, a.request.URL.Query())
			a.body, _ = json.Marshal(list) // strings always encode
		}
	}, op.TagList)
}

func swapped(tags []string) []string {
	if len(tags) > 3 {
		tags[0], tags[1] = tags[1], tags[0]
	}
	return tags
}

// querying is a mutation that takes the query of some requests for another.
func querying(edit func(url.Values), ops ...op.Op) func(*mutant) {
	return asked(func(r *http.Request, _ *op.Info) {
		query := r.URL.Query()
		edit(query)
		r.URL.RawQuery = query.Encode()
	}, ops...)
}

// everyTagList are the statements that look at lists of tags.
var everyTagList = []string{
	"supports-discovery", "tags", "tags-order", "tags-format", "tags-n", "tags-n-results", "tags-link", "tags-link-next", "tags-n-zero",
	"tags-from-start", "tags-n-order", "tags-last-value", "tags-last", "tags-last-excluded", "tags-last-order", "tags-last-without-n",
	"tags-last-missing", "pages-complete", "pages-after-change", "tag-delete-keeps", "manifest-delete-tags", "link-form", "link-rel",
	"isolation-nested", "api-words-as-names", "race-list-push", "tags-empty",
}

var tagMutations = []mutation{
	{
		name: "a list of tags is 203", mutate: status(http.StatusOK, http.StatusNonAuthoritativeInfo, op.TagList),
		fails: everyTagList,
	}, {
		name: "the tags of an unknown repository are none", mutate: answered(func(a *reply) {
			if a.status == http.StatusNotFound {
				a.status, a.body = http.StatusOK, []byte(`{"name":"x","tags":[]}`)
			}
		}, op.TagList),
		fails: []string{"tags-unknown"},
	}, {
		name: "a repository without tags is 400", mutate: answered(func(a *reply) {
			if bytes.Contains(a.body, []byte(`"tags":[]`)) && a.request.URL.RawQuery == "" {
				a.status = http.StatusBadRequest
			}
		}, op.TagList),
		fails: []string{"tags-empty"},
	}, {
		name: "a list of tags is not in order", mutate: listing(func(tags []string, query url.Values) []string {
			if len(query) == 0 {
				return swapped(tags)
			}
			return tags
		}),
		fails: []string{"tags-order", "pages-complete"},
	}, {
		name: "so many tags are not in order", mutate: listing(func(tags []string, query url.Values) []string {
			if query.Has("n") && !query.Has("last") {
				return swapped(tags)
			}
			return tags
		}),
		fails: []string{"tags-n-order", "tags-link-next", "pages-after-change"},
	}, {
		name: "the tags after one are not in order", mutate: listing(func(tags []string, query url.Values) []string {
			if query.Has("last") && !query.Has("n") {
				return swapped(tags)
			}
			return tags
		}),
		fails: []string{"tags-last-order"},
	}, {
		name: "a list of tags has no name", mutate: answered(func(a *reply) { a.body = replaced(a.body, `"name"`, `"repository"`) }, op.TagList),
		fails: []string{"tags-format"},
	}, {
		name: "pages have two tags, and no link", mutate: func(m *mutant) {
			listing(func(tags []string, query url.Values) []string {
				if query.Has("n") && !query.Has("last") {
					return tags[:min(len(tags), 2)]
				}
				return tags
			})(m)
			m.rules = []faults.Rule{faults.On(op.TagList).Do(faults.DropHeader("Link"))}
		},
		fails: []string{"tags-n", "tags-n-results", "pages-complete"},
	}, {
		name: "n is ignored", mutate: querying(func(query url.Values) { query.Del("n") }, op.TagList),
		fails: []string{"tags-n-results", "tags-n-zero", "tags-from-start", "tags-last"},
	}, {
		name: "n is one more", mutate: querying(func(query url.Values) {
			if n, err := strconv.Atoi(query.Get("n")); err == nil && n > 0 && n < 10 {
				query.Set("n", strconv.Itoa(n+1))
			}
		}, op.TagList),
		fails: []string{"tags-n-results", "tags-from-start", "tags-last"},
	}, {
		name: "the link of two tags repeats one", mutate: answered(func(a *reply) {
			if a.request.URL.RawQuery == "n=2" {
				a.header.Set("Link", `</v2/`+a.Repo+`/tags/list?n=2&last=a>; rel="next"`)
			}
		}, op.TagList),
		fails: []string{"tags-link"},
	}, {
		name: "a link tells the tag after the page", mutate: answered(func(a *reply) {
			a.header.Set("Link", strings.Replace(a.header.Get("Link"), "last=v049", "last=v050", 1))
			if a.header.Get("Link") == "" {
				a.header.Del("Link")
			}
		}, op.TagList),
		fails: []string{"tags-link-next", "pages-complete"},
	}, {
		name: "no tags are an error", mutate: refusing(registry.Unsupported, func(r *http.Request, _ *op.Info) bool { return r.URL.Query().Get("n") == "0" }, op.TagList),
		fails: []string{"tags-n-zero"},
	}, {
		name: "no tags have a link", mutate: answered(func(a *reply) {
			if a.request.URL.Query().Get("n") == "0" {
				a.header.Set("Link", `</v2/`+a.Repo+`/tags/list?n=1>; rel="next"`)
			}
		}, op.TagList),
		fails: []string{"tags-n-zero"},
	}, {
		name: "the first page begins with the second tag", mutate: querying(func(query url.Values) {
			if query.Get("n") == "1" && !query.Has("last") {
				query.Set("last", "a")
			}
		}, op.TagList),
		fails: []string{"tags-from-start"},
	}, {
		name: "a last that is a number is how many to leave out", mutate: func(m *mutant) {
			m.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
				if n, err := strconv.Atoi(after); err == nil {
					for tag := range m.Store.Tags(ctx, repo, "") {
						if n--; n == 0 {
							after = tag.Name
						}
					}
				}
				return m.Store.Tags(ctx, repo, after)
			}
		},
		fails: []string{"tags-last-value"},
	}, {
		name: "with last, n is ignored", mutate: querying(func(query url.Values) {
			if query.Has("last") {
				query.Del("n")
			}
		}, op.TagList),
		fails: []string{"tags-last"},
	}, {
		name: "last is in the page", mutate: func(m *mutant) {
			m.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
				if len(after) == 1 {
					after = string(after[0] - 1)
				}
				return m.Store.Tags(ctx, repo, after)
			}
		},
		fails: []string{"tags-last-excluded", "tags-last", "tags-last-value", "tags-last-without-n", "tags-link"},
	}, {
		name: "without n, last is ignored", mutate: querying(func(query url.Values) {
			if !query.Has("n") {
				query.Del("last")
			}
		}, op.TagList),
		fails: []string{"tags-last-without-n", "tags-last-missing"},
	}, {
		name: "a last that is no tag is ignored", mutate: func(m *mutant) {
			m.tags = func(ctx context.Context, repo, after string) iter.Seq2[registry.Tag, error] {
				if _, err := m.Store.Manifest(ctx, repo, after); err != nil {
					after = ""
				}
				return m.Store.Tags(ctx, repo, after)
			}
		},
		fails: []string{"tags-last-missing", "pages-after-change"},
	},
}

var linkMutations = []mutation{
	{
		name: "a link has no brackets", mutate: answered(func(a *reply) {
			if link := a.header.Get("Link"); link != "" {
				a.header.Set("Link", strings.NewReplacer("<", "", ">", "").Replace(link))
			}
		}, op.TagList),
		fails: []string{"link-rel", "link-form", "tags-link", "tags-link-next", "pages-complete", "pages-after-change"},
	}, {
		name: "a link has two relations", mutate: answered(func(a *reply) {
			if link := a.header.Get("Link"); link != "" {
				a.header.Set("Link", link+`; rel="last"`)
			}
		}, op.TagList),
		fails: []string{"link-rel"},
	}, {
		name: "a long page misses a tag", mutate: listing(func(tags []string, query url.Values) []string {
			if query.Get("n") == "119" && query.Has("last") && len(tags) > 10 {
				return tags[1:]
			}
			return tags
		}),
		fails: []string{"pages-complete"},
	}, {
		name: "a repository is not in the catalog", mutate: answered(func(a *reply) { a.body = []byte(`{"repositories":[]}`) }, op.RepositoryList),
		fails: []string{"catalog", "catalog-order"},
	}, {
		name: "the catalog is not in order", mutate: answered(func(a *reply) {
			var list struct {
				Repositories []string `json:"repositories"`
			}
			if json.Unmarshal(a.body, &list) == nil && len(list.Repositories) == 2 {
				slices.Reverse(list.Repositories)
				a.body, _ = json.Marshal(list) // strings always encode
			}
		}, op.RepositoryList),
		fails: []string{"catalog-order"},
	},
}

// everyReferrer are the statements that look at lists of referrers which are not
// empty.
var everyReferrer = []string{
	"referrers", "referrers-body", "referrers-artifact-type", "referrers-config-type", "referrers-index-type", "referrers-annotations",
	"referrers-filter-header", "referrers-new", "manifest-delete-referrers", "isolation-referrers", "race-referrers",
}

// referring is a mutation of the descriptors of referrers.
func referring(edit func(*ocispec.Descriptor)) func(*mutant) {
	return func(m *mutant) {
		m.referrers = func(ctx context.Context, repo string, subject, after digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
			return func(yield func(ocispec.Descriptor, error) bool) {
				for d, err := range m.Store.Referrers(ctx, repo, subject, after) {
					edit(&d)
					if !yield(d, err) {
						return
					}
				}
			}
		}
	}
}

var referrerMutations = []mutation{
	{
		name: "a list of referrers is 203", mutate: status(http.StatusOK, http.StatusNonAuthoritativeInfo, op.ReferrerList),
		fails: append([]string{"supports-discovery", "referrers-not-404", "referrers-media-type", "referrers-content-type", "referrers-empty", "referrers-filter"}, everyReferrer...),
	}, {
		name: "an unknown subject is 404", mutate: func(m *mutant) {
			m.refuses(registry.ManifestUnknown, func(r *http.Request, info *op.Info) bool {
				_, err := m.Store.Manifest(r.Context(), info.Repo, string(info.Digest))
				return op.ValidDigest(info.Digest) && err != nil
			}, op.ReferrerList)
		},
		fails: []string{"referrers-not-404", "referrers-empty", "manifest-delete-referrers"},
	}, {
		name: "an invalid subject is 404", mutate: status(http.StatusBadRequest, http.StatusNotFound, op.ReferrerList),
		fails: []string{"referrers-invalid"},
	}, {
		name: "referrers are no index", mutate: answered(func(a *reply) {
			a.body = replaced(a.body, `"mediaType":"`+ocispec.MediaTypeImageIndex+`"`, `"mediaType":"application/json"`)
		}, op.ReferrerList),
		fails: []string{"referrers-body", "referrers-media-type"},
	}, {
		name: "referrers are called JSON", mutate: setting("Content-Type", "application/json", op.ReferrerList),
		fails: []string{"referrers-content-type"},
	}, {
		name: "the artifact type of an index is missing", mutate: referring(func(d *ocispec.Descriptor) {
			if d.MediaType == ocispec.MediaTypeImageIndex {
				d.ArtifactType = ""
			}
		}),
		fails: []string{"referrers-artifact-type"},
	}, {
		name: "the type of a config is no artifact type", mutate: referring(func(d *ocispec.Descriptor) {
			if strings.HasSuffix(d.ArtifactType, ".config") {
				d.ArtifactType = ""
			}
		}),
		fails: []string{"referrers-config-type"},
	}, {
		name: "an index has some artifact type", mutate: referring(func(d *ocispec.Descriptor) {
			if d.ArtifactType == "" {
				d.ArtifactType = "application/unknown"
			}
		}),
		fails: []string{"referrers-index-type"},
	}, {
		name: "referrers have no annotations", mutate: referring(func(d *ocispec.Descriptor) { d.Annotations = nil }),
		fails: []string{"referrers-annotations"},
	}, {
		name: "no referrers are null", mutate: answered(func(a *reply) { a.body = replaced(a.body, `"manifests":[]`, `"manifests":null`) }, op.ReferrerList),
		fails: []string{"referrers-empty"},
	}, {
		name: "many referrers have no link", mutate: dropping("Link", op.ReferrerList),
		fails: []string{"referrers-link", "referrers-link-next"},
	}, {
		name: "a link to referrers is of another relation", mutate: answered(func(a *reply) {
			if link := a.header.Get("Link"); link != "" {
				a.header.Set("Link", strings.Replace(link, "next", "last", 1))
			}
		}, op.ReferrerList),
		fails: []string{"referrers-link-next", "referrers-link"},
	}, {
		name: "referrers are said to be filtered", mutate: func(m *mutant) {
			querying(func(query url.Values) { query.Del("artifactType") }, op.ReferrerList)(m)
			m.rules = []faults.Rule{faults.On(op.ReferrerList).Do(faults.SetHeader("OCI-Filters-Applied", "artifactType"))}
		},
		fails: []string{"referrers-filter", "referrers-filter-header"},
	}, {
		name: "referrers are filtered, and it is not said", mutate: dropping("OCI-Filters-Applied", op.ReferrerList),
		fails: []string{"referrers-filter-header"},
	}, {
		name: "a filter is not decoded", mutate: querying(func(query url.Values) {
			if query.Has("artifactType") {
				query.Set("artifactType", strings.ReplaceAll(query.Get("artifactType"), "+", " "))
			}
		}, op.ReferrerList),
		fails: []string{"referrers-filter"},
	}, {
		name: "a referrer that comes before its subject is none", mutate: func(m *mutant) {
			m.put = func(ctx context.Context, repo string, p registry.PutManifest) error {
				if _, err := m.Store.Manifest(ctx, repo, string(p.Subject)); p.Subject != "" && err != nil {
					p.Subject = ""
				}
				return m.Store.PutManifest(ctx, repo, p)
			}
		},
		fails: []string{"referrers-new"}, may: []string{"race-referrers"},
	},
}

// TestOrderOfTags checks that a registry whose lists are not in order fails only the
// statements on order.
func TestOrderOfTags(t *testing.T) {
	target := startMutant(t, listing(func(tags []string, query url.Values) []string {
		if len(query) == 0 {
			slices.Reverse(tags)
		}
		return tags
	}))
	var statements []spec.Statement
	for _, id := range []string{
		"tags", "tags-format", "tags-exact", "tag-forms", "tag-others", "manifest-kinds", "tag-moved", "manifest-pushed-again",
		"manifest-deleted", "tag-deleted", "manifest-delete-tags", "race-list-push",
	} {
		s, ok := spec.Lookup(id)
		require.True(t, ok, id)
		statements = append(statements, s)
	}
	results, err := spec.Run(t.Context(), target, statements...)
	require.NoError(t, err)
	for _, r := range results {
		assert.Equal(t, spec.Passed, r.Outcome, "%s: %s", r.Statement.ID, r.Detail)
	}
}
