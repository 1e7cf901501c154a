package spec

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// What clients should not send, and limits.

var hostileStatements = []Statement{
	{
		ID: "hostile-names", Text: "Repository names that try to leave their place are refused.",
		Endpoint: "end-4a end-7 end-8a", Level: Must, Area: Push, Source: Ours,
		check: refusesHostileNames,
	}, {
		ID: "api-words-as-names", Text: "Repository names may contain the words of the API's own paths.",
		Endpoint: "end-4a end-7 end-8a", Level: Must, Area: Push, Source: Ours,
		check: takesWordsOfAPI,
	}, {
		ID: "hostile-manifests", Text: "Manifests that are broken are refused with a status 4xx.",
		Endpoint: "end-7", Level: Must, Area: Push, Source: Ours,
		check: refusesBrokenManifests,
	}, {
		ID: "ambiguous-manifest", Text: "A manifest that could be taken for an index as well is refused.",
		Endpoint: "end-7", Level: Must, Area: Push, Source: Ours,
		check: refusesAmbiguousManifests,
	}, {
		ID: "manifest-type-differs", Text: "A manifest whose mediaType is another than its Content-Type is refused.",
		Endpoint: "end-7", Level: Must, Area: Push, Source: Ours,
		check: refusesOtherType,
	}, {
		ID: "hostile-queries", Text: "Senseless query parameters are refused or ignored, and no error of the server.",
		Endpoint: "end-8b end-12b end-11", Level: Must, Area: Discovery, Source: Ours,
		check: survivesQueries,
	}, {
		ID: "hostile-fields", Text: "Senseless header fields are refused or ignored, and no error of the server.",
		Endpoint: "end-2 end-5 end-7", Level: Must, Area: Pull, Source: Ours,
		check: survivesFields,
	},
}

var limitStatements = []Statement{
	{
		ID: "limit-name", Text: "A repository name of 255 characters with the registry's host is taken; one of thousands is no error of the server.",
		Endpoint: "end-4a", Level: Must, Area: Push, Source: Ours,
		check: limitsNames,
	}, {
		ID: "limit-n", Text: "A number of entries beyond all measure is as good as all there is, or refused.",
		Endpoint: "end-8b", Level: Must, Area: Discovery, Source: Ours,
		check: limitsEntries,
	}, {
		ID: "limit-layers", Text: "An image may have 500 layers.",
		Endpoint: "end-7", Level: Must, Area: Push, Source: Ours,
		check: keeps(func(r repo) manifest {
			return r.newImage(func(m *ocispec.Manifest) {
				for len(m.Layers) < 500 {
					m.Layers = append(m.Layers, m.Layers[0])
				}
			})
		}),
	}, {
		ID: "limit-sessions", Text: "A repository may have 50 upload sessions at once.",
		Endpoint: "end-4a end-6", Level: Must, Area: Push, Source: Ours,
		check: takesManySessions,
	}, {
		ID: "limit-nesting", Text: "Deeply nested JSON is taken as it is, or refused.",
		Endpoint: "end-7", Level: Must, Area: Push, Source: Ours,
		check: survivesNesting,
	},
}

func refusesHostileNames(t *tester) {
	for _, form := range []string{
		"..", "../..", "%2e%2e", "%2e%2e%2f%2e%2e", "a%2f..%2fb", ".", "a%00b", "a%0Ab", "a%5Cb", "%F0%9F%90%B3", "a%25b", "~", "$(id)", "a%3Cb%3E",
	} {
		// Deep enough that no cleaned path leaves the repositories of the suite.
		r := repo{t, t.newRepo().name + "/" + unique() + "/" + form}
		if list, err := r.send(http.MethodGet, r.tags(), content{}); err == nil {
			list.survives()
		}
		a, err := r.send(http.MethodPost, r.uploads(), content{})
		if err != nil || a.survives().status != http.StatusAccepted {
			continue
		}
		// Paths may be cleaned on their way: then another name is what was asked for.
		location, err := url.PathUnescape(a.field("Location"))
		name, _ := url.PathUnescape(form)
		if err != nil || !strings.Contains(name, ".") || strings.Contains(location, "/"+name+"/") {
			t.failf("want %q refused as the name of a repository, got an upload session", form)
		}
	}
}

func takesWordsOfAPI(t *tester) {
	base := t.newRepo().name
	for _, name := range []string{"blobs", "blobs/uploads", "manifests", "tags", "tags/list", "referrers", "v2", "manifests/v1", "catalog"} {
		r := repo{t, base + "/" + name}
		body, d := r.newBlob(32)
		m := r.pushImage("v1")
		r.get(r.blob(d)).wants(http.StatusOK).is(body)
		r.get(r.manifest("v1")).wants(http.StatusOK).is(m.body)
		tags := r.follow("")
		wantsTags(t, tags, "v1")
	}
}

func refusesBrokenManifests(t *tester) {
	r := t.newRepo()
	mark := `"org.example.unique":"` + unique() + `",`
	for _, body := range []string{
		"", "{", "[]", "null", `"text"`, "\x00\x01\x02", `{` + mark + `"schemaVersion":2,"config":7,"layers":"none"}`,
		`{` + mark + `"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"nonsense","size":1},"layers":[]}`,
		`{` + mark + `"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:` + strings.Repeat("0", 64) + `","size":-1},"layers":[]}`,
	} {
		r.try(manifest{ocispec.MediaTypeImageManifest, []byte(body)}, "v1").refuses()
	}
	r.get(r.manifest("v1")).wants(http.StatusNotFound)
}

func refusesAmbiguousManifests(t *tester) {
	r := t.newRepo()
	image := r.newImage()
	image.body = []byte(strings.Replace(string(image.body), "{", `{"manifests":[],`, 1))
	r.try(image, "v1").refuses()
	index := r.newIndex(nil)
	index.body = []byte(strings.Replace(string(index.body), "{", `{"layers":[],`, 1))
	r.try(index, "v1").refuses()
}

func refusesOtherType(t *tester) {
	r := t.newRepo()
	image, index := r.newImage(), r.newIndex(nil)
	r.try(manifest{index.mediaType, image.body}, "v1").refuses()
	r.try(manifest{image.mediaType, index.body}, "v1").refuses()
}

func survivesQueries(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	for _, query := range []string{
		"?n=-1", "?n=", "?n=abc", "?n=1e9", "?n=99999999999999999999", "?n=1&n=2", "?last=", "?last=%00", "?last=" + strings.Repeat("x", 3000), "?%ZZ", "?n=%F0%9F%90%B3",
	} {
		r.get(r.tags() + query).survives()
		r.get(r.referrers(m.digest()) + query).survives()
	}
	for _, query := range []string{"?artifactType=", "?artifactType=%00", "?artifactType=a&artifactType=b", "?artifactType=" + strings.Repeat("x", 3000)} {
		r.get(r.referrers(m.digest()) + query).survives()
	}
	for _, query := range []string{"?mount=", "?mount=nonsense&from=" + r.name, "?from=" + r.name, "?mount=" + m.digest().String() + "&from=..", "?digest=", "?digest-algorithm=crc32"} {
		r.do(http.MethodPost, r.uploads()+query, nil).survives()
	}
}

func survivesFields(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	_, d := r.newBlob(64)
	for name, values := range map[string][]string{
		"Accept":        {"nonsense", ";;;", "*/*;q=nonsense", strings.Repeat("a/b,", 500) + "c/d"},
		"If-None-Match": {"nonsense", `"`, ",,,", "W/"},
		"If-Match":      {"nonsense", `"`},
		"If-Range":      {"nonsense", "Mon, 99 Foo 0000 00:00:00 GMT"},
		"Range":         {"bytes=99999999999999999999-", "bytes=-99999999999999999999", "bytes=0-" + strings.Repeat(",0-", 500)},
	} {
		for _, value := range values {
			r.get(r.manifest("v1"), name, value).survives()
			r.get(r.blob(d), name, value, "Range", "bytes=0-1").survives()
		}
	}
	for _, value := range []string{"nonsense", "bytes 0-7/8", "0-99999999999999999999", "7-0", "-", "-1--1"} {
		r.do(http.MethodPatch, r.start(), r.bytes(32), "Content-Type", octets, "Content-Range", value).survives()
	}
	for _, value := range []string{"", "nonsense", "a/b;c", "text/html; charset=utf-8"} {
		r.do(http.MethodPut, r.manifest("v2"), m.body, "Content-Type", value).survives()
	}
}

// limitsNames stays under what clients take, which is 255 with host and slash
// ("Pulling manifests").
func limitsNames(t *tester) {
	name := t.newRepo().name
	name += strings.Repeat("x", max(0, 255-len(t.suite.host)-1-len(name)))
	r := repo{t, name}
	body, d := r.newBlob(32)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
	long := repo{t, t.newRepo().name + strings.Repeat("/x", 3000)}
	long.do(http.MethodPost, long.uploads(), nil).survives()
}

func limitsEntries(t *tester) {
	r := t.newRepo()
	r.tag("v1", "v2")
	for _, n := range []string{"1000000000", "9223372036854775807"} {
		a := r.get(r.tags() + "?n=" + n).survives()
		if a.status == http.StatusOK {
			wantsTags(t, r.follow("?n="+n), "v1", "v2")
		}
	}
}

func takesManySessions(t *tester) {
	r := t.newRepo()
	var locations []string
	for range 50 {
		locations = append(locations, r.start())
	}
	for i := range locations {
		body := r.bytes(32)
		d := digest.FromBytes(body)
		r.commit(locations[len(locations)-1-i], body, d).wants(http.StatusCreated)
	}
}

func survivesNesting(t *tester) {
	r := t.newRepo()
	const depth = 200_000
	m := r.newImage()
	m.body = []byte(strings.Replace(string(m.body), "{", `{"deep":`+strings.Repeat("[", depth)+strings.Repeat("]", depth)+",", 1))
	if a := r.try(m, "v1").survives(); a.status == http.StatusCreated {
		r.get(r.manifest("v1")).wants(http.StatusOK).is(m.body)
	}
}

func replaceOnce(s, old, replacement string) (string, bool) {
	return strings.Replace(s, old, replacement, 1), strings.Contains(s, old)
}
