package spec

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// The tour sends requests of every kind, those that a registry refuses included.
// Statements on all answers look at what it was told.

// tour returns the exchanges of the tour, which is made once for a suite.
func (t *tester) tour() []*exchange {
	t.suite.touring.Do(func() {
		for _, step := range tourSteps {
			guide := newTester(t.context, t.suite)
			guide.run(step) // another statement fails if the step does
			t.suite.toured = append(t.suite.toured, guide.exchanges...)
		}
	})
	return t.suite.toured
}

// each calls a function with each answer of the tour. If it fails the check, the
// report has that exchange.
func (t *tester) each(look func(a *answer)) {
	for _, x := range t.tour() {
		if x.err != nil || x.status == 0 {
			continue
		}
		t.exchanges = []*exchange{x}
		look(&answer{t, x.last, x.status, x.answer, x.answerBody, x})
	}
}

var tourSteps = []func(*tester){
	toursBlobs, toursUploads, toursChunks, toursRefusedUploads, toursPosts, toursMounts,
	toursManifests, toursRefusedManifests, toursUnknown, toursLists, toursReferrers,
	toursDeletes, toursDeletesOfNothing, toursConditions, toursParameters, toursMethods, toursAnonymously,
}

func toursBlobs(t *tester) {
	r := t.newRepo()
	_, d := r.newBlob(64)
	r.get(r.blob(d))
	r.head(r.blob(d))
	r.get(r.blob(d), "Range", "bytes=2-5")
	r.get(r.blob(d), "Range", "bytes=5000-")
	r.get(r.blob(digest.FromString(unique())))
	r.head(r.blob(digest.FromString(unique())))
	r.get(r.blob("nonsense"))
	r.get(r.blob("sha256:abc"))
}

func toursUploads(t *tester) {
	r := t.newRepo()
	r.get(r.start())
	r.delete(r.start())
	r.get(r.ended())
	r.chunk(r.ended(), r.bytes(leastChunk), 0)
	r.delete(r.ended())
	made := r.made()
	for _, method := range []string{http.MethodGet, http.MethodPatch, http.MethodPut, http.MethodDelete} {
		target := made
		if method == http.MethodPut {
			target = with(made, "digest", digest.FromString("x").String())
		}
		t.do(method, target, []byte("x"), "Content-Type", octets, "Content-Range", "0-0")
	}
	upper := repo{t, t.suite.target.Repository + "/UPPER"}
	upper.do(http.MethodPost, upper.uploads(), nil)
}

func toursChunks(t *tester) {
	r := t.newRepo()
	s := r.open()
	body := r.bytes(3 * s.length)
	r.chunk(r.open().location, body[:s.length], 1000)
	first := r.chunk(s.location, body[:s.length], 0)
	r.chunk(first.location(), body[:s.length], 0)
	a := r.get(first.location())
	r.final(a.location(), digest.FromBytes(body), body[2*s.length:], 2*s.length)
}

func toursRefusedUploads(t *tester) {
	r := t.newRepo()
	for _, d := range []digest.Digest{"nonsense", "sha256:abc", digest.FromString(unique())} {
		r.commit(r.start(), r.bytes(32), d)
	}
	r.do(http.MethodPut, r.start(), r.bytes(32), "Content-Type", octets)
}

func toursPosts(t *tester) {
	r := t.newRepo()
	r.post(r.bytes(32))
	for _, d := range []string{"nonsense", "sha256:abc", digest.FromString(unique()).String()} {
		r.do(http.MethodPost, with(r.uploads(), "digest", d), r.bytes(32), "Content-Type", octets)
	}
}

func toursMounts(t *tester) {
	from, to := t.newRepo(), t.newRepo()
	_, d := from.newBlob(32)
	to.mount(d, from.name)
	to.mount(digest.FromString(unique()), from.name)
	to.mount("nonsense", from.name)
}

func toursManifests(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	r.try(m, "v1")
	r.try(m, m.digest().String())
	for _, reference := range []string{"v1", m.digest().String()} {
		r.get(r.manifest(reference))
		r.head(r.manifest(reference))
	}
	r.get(r.manifest("v1"), "Accept", "text/plain")
}

func toursRefusedManifests(t *tester) {
	r := t.newRepo()
	m := r.newImage()
	for _, c := range []struct {
		m         manifest
		reference string
	}{
		{manifest{m.mediaType, []byte("nonsense")}, "v1"},
		{manifest{m.mediaType, []byte("{}")}, "v1"},
		{manifest{"text/plain", m.body}, "v1"},
		{m, digest.FromString(unique()).String()},
		{m, "sha256:abc"},
		{m, "-a"},
		{r.newIndex([]ocispec.Descriptor{r.missing()}), "v1"},
	} {
		r.try(c.m, c.reference)
	}
}

func toursUnknown(t *tester) {
	r, none := t.newRepo(), t.newRepo()
	r.newBlob(32)
	unknown := digest.FromString(unique())
	for _, in := range []repo{r, none} {
		for _, reference := range []string{"v1", unknown.String()} {
			in.get(in.manifest(reference))
			in.head(in.manifest(reference))
		}
		in.get(in.blob(unknown))
		in.get(in.tags())
		in.get(in.referrers(unknown))
		in.get("/v2/" + in.name + "/nonsense")
	}
	upper := repo{t, "UPPER"}
	upper.get(upper.tags())
	upper.get(upper.manifest("v1"))
}

func toursLists(t *tester) {
	r := t.newRepo()
	r.tag("a", "b", "c")
	for _, query := range []string{"", "?n=1", "?n=0", "?n=10", "?last=a", "?n=nonsense", "?n=-1"} {
		r.get(r.tags() + query)
	}
	t.get("/v2/")
	if t.suite.has(t.context, Catalog) {
		t.get("/v2/_catalog?n=1")
	}
}

func toursReferrers(t *tester) {
	r := t.newRepo()
	subject := r.pushImage("v1").descriptor()
	r.referring(r.newArtifact("application/vnd.example.sbom", about(subject)))
	for _, query := range []string{"", "?artifactType=application/vnd.example.sbom", "?artifactType=application/vnd.example.none"} {
		r.get(r.referrers(subject.Digest) + query)
	}
	r.get(r.referrers("nonsense"))
	r.get(r.referrers("sha256:abc"))
}

func toursDeletes(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	_, d := r.newBlob(32)
	for _, target := range []string{r.manifest("v1"), r.manifest(m.digest().String()), r.blob(d)} {
		r.delete(target)
		r.get(target)
		r.head(target)
		r.delete(target)
	}
	r.get(r.tags())
}

func toursDeletesOfNothing(t *tester) {
	r, none := t.newRepo(), t.newRepo()
	r.pushImage("v1")
	unknown := t.nowhere()
	for _, in := range []repo{r, none} {
		in.delete(in.manifest("v2"))
		in.delete(in.manifest(unknown.String()))
		in.delete(in.blob(unknown))
	}
	r.delete(r.manifest("sha256:abc"))
	r.delete(r.blob("nonsense"))
}

// toursConditions sends requests whose conditions are false.
func toursConditions(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	_, d := r.newBlob(32)
	for _, target := range []string{r.manifest("v1"), r.blob(d)} {
		r.get(target, "If-Match", `"another"`)
		r.head(target, "If-Match", `"another"`)
		r.delete(target, "If-Match", `"another"`)
	}
	r.try(m, "v1", "If-Match", `"another"`)
	r.try(m, "v1", "If-None-Match", "*")
}

// toursParameters sends parameters and fields that no registry needs to understand.
func toursParameters(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	r.do(http.MethodPost, with(r.uploads(), "digest-algorithm", "crc32"), nil)
	r.get(r.referrers(m.digest()) + "?n=nonsense")
	many := url.Values{"tag": strings.Split(strings.Repeat("t,", 2000)+"t", ",")}
	r.try(m, m.digest().String()+"?"+many.Encode())
	r.try(m, m.digest().String()+"?tag=-a")
	body := r.bytes(32)
	short := r.chunk(r.open().location, body[:1], 0)
	r.chunk(short.location(), body[1:2], 1)
	r.do(http.MethodPut, with(r.start(), "digest", digest.FromBytes(body).String()), body, "Content-Type", octets, "Content-Range", "nonsense")
}

// toursMethods sends methods that no endpoint has.
func toursMethods(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	for _, target := range []string{r.tags(), r.manifest("v1"), r.uploads(), "/v2/"} {
		t.do("PROPFIND", target, nil)
	}
}

// toursAnonymously asks without credentials, which is no different from asking with
// them unless the registry wants some.
func toursAnonymously(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	_, d := r.newBlob(32)
	anonymous := *t
	anonymous.auth = nil
	r.tester = &anonymous
	r.get("/v2/")
	r.get(r.manifest("v1"))
	r.head(r.manifest("v1"))
	r.head(r.blob(d))
	r.get(r.tags())
	r.try(m, "v1")
	r.do(http.MethodPost, r.uploads(), nil)
	r.delete(r.manifest("v2"))
}

var tourStatements = []Statement{
	{
		ID: "server-errors", Text: "No request that a client may send is answered with an error of the server.",
		Endpoint: "end-1 end-2 end-3 end-4a end-5 end-6 end-7 end-8a end-9 end-10 end-11 end-12a end-13 end-14", Level: Must, Area: Pull, Source: Ours,
		check: func(t *tester) { t.each(func(a *answer) { a.survives() }) },
	}, {
		ID: "head-error-no-content", Text: "The HEAD method is identical to GET except that the server MUST NOT send content in the response.",
		Section: "9.3.2", Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: RFC9110,
		check: headOfNothingIsEmpty,
	}, {
		ID: "digest-form", Text: "The `Docker-Content-Digest` header, if present on the response, returns the … digest of the uploaded blob which MAY differ from the provided digest.",
		Section: "Pulling manifests", Level: May, Area: Pull, Source: Distribution, Versions: since10,
		check: digestsAreFormed,
	}, {
		ID: "credentials-wrong", Text: "Wrong credentials are no better than none.",
		Endpoint: "end-3 end-4a end-8a", Level: Must, Area: Pull, Source: Ours,
		check: refusesWrongCredentials,
	}, {
		ID: "credentials-right", Text: "Right credentials are taken each time.",
		Endpoint: "end-3 end-4a end-8a", Level: Must, Area: Pull, Source: Ours,
		check: takesRightCredentials,
	},
}

func headOfNothingIsEmpty(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	unknown := digest.FromString(unique())
	for _, target := range []string{r.blob(unknown), r.manifest(unknown.String()), r.manifest("v2")} {
		r.head(target).wants(http.StatusNotFound).is(nil).endsWithHeader()
	}
}

func digestsAreFormed(t *tester) {
	t.each(func(a *answer) {
		value := a.header.Get("Docker-Content-Digest")
		if value == "" {
			return
		}
		if _, err := digest.Parse(value); err != nil {
			t.failf("%s %s: Docker-Content-Digest: %s: %v", a.sent.method, a.sent.url, value, err)
		}
	})
}

// refusesWrongCredentials asks for what is refused to those without any.
func refusesWrongCredentials(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	anonymous, wrong := *t, *t
	anonymous.auth = nil
	wrong.auth = &authorizer{client: t.auth.client, base: t.auth.base, host: t.auth.host, username: t.auth.username, password: unique()}
	asked := false
	for _, target := range []string{"/v2/", r.manifest("v1"), r.tags()} {
		if anonymous.get(target).status != http.StatusUnauthorized {
			continue
		}
		asked = true
		if a, err := wrong.send(http.MethodGet, target, content{}); err == nil {
			a.wants(http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound)
		}
	}
	if !asked {
		t.notApplicable("the registry does not ask for credentials")
	}
}

func takesRightCredentials(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	for range 4 {
		t.get("/v2/").wants(http.StatusOK)
		r.get(r.manifest("v1")).wants(http.StatusOK)
		r.head(r.manifest("v1")).wants(http.StatusOK)
		r.push(m, m.digest().String())
		r.get(r.tags()).wants(http.StatusOK)
		r.newBlob(32)
	}
}
