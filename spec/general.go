package spec

import (
	"net/http"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// General: end-1, what a registry must have, and HTTP as such.

var generalStatements = []Statement{
	{
		ID: "support", Text: "If the response is `200 OK`, then the registry implements this specification.",
		Section: "Determining Support", Endpoint: "end-1", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: answersPing,
	}, {
		ID: "requires-pull", Text: "All registries conforming to this specification MUST support, at a minimum, all APIs in the Pull category.",
		Section: "Requirements", Endpoint: "end-2 end-3", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: supportsPull,
	}, {
		ID: "supports-push", Text: "Registries SHOULD also support the Push, … categories.",
		Section: "Requirements", Endpoint: "end-4a end-6 end-7", Level: Should, Area: Push, Source: Distribution, Versions: since10,
		check: func(t *tester) { t.newRepo().pushImage("v1") },
	}, {
		ID: "supports-discovery", Text: "Registries SHOULD also support the … Content Discovery, … categories.",
		Section: "Requirements", Endpoint: "end-8a end-12a", Level: Should, Area: Discovery, Source: Distribution, Versions: since10,
		Needs: []Feature{Referrers}, check: supportsDiscovery,
	}, {
		ID: "supports-management", Text: "Registries SHOULD also support the … and Content Management categories.",
		Section: "Requirements", Endpoint: "end-9 end-10", Level: Should, Area: Management, Source: Distribution, Versions: since10,
		Needs: []Feature{DeleteTag, DeleteManifest, DeleteBlob}, check: supportsManagement,
	}, {
		ID: "pull-any-order", Text: "However, you MAY retrieve content from the registry in any order.",
		Section: "Pull", Endpoint: "end-2", Level: May, Area: Pull, Source: Distribution, Versions: since10,
		check: pullsBlobFirst,
	}, {
		ID: "http-401-challenge", Text: "A server generating a 401 (Unauthorized) response MUST send a WWW-Authenticate header field containing at least one challenge",
		Section: "11.6.1", Endpoint: "end-1", Level: Must, Area: Pull, Source: RFC9110,
		check: challenges,
	}, {
		ID: "http-405-allow", Text: "The origin server MUST generate an Allow header field in a 405 response containing a list of the target resource's currently supported methods.",
		Section: "15.5.6", Level: Must, Area: Pull, Source: RFC9110,
		check: allows,
	}, {
		ID: "proxy-ns-ignored", Text: "A registry MAY choose to ignore the `ns` query parameter.",
		Section: "Registry Proxying", Endpoint: "end-3", Level: May, Area: Pull, Source: Distribution, Versions: inDraft,
		check: takesNamespace,
	}, {
		ID: "proxy-ns-header", Text: "A registry that uses the `ns` query parameter to scope the request SHOULD return the `ns` query parameter value in the `OCI-Namespace` header.",
		Section: "Registry Proxying", Endpoint: "end-3", Level: Should, Area: Pull, Source: Distribution, Versions: inDraft,
		check: returnsNamespace,
	},
}

func answersPing(t *tester) { t.get("/v2/").wants(http.StatusOK) }

func supportsPull(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(64)
	m := r.pushImage("v1")
	r.get(r.manifest("v1")).wants(http.StatusOK).is(m.body)
	r.head(r.manifest("v1")).wants(http.StatusOK)
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
	r.head(r.blob(d)).wants(http.StatusOK)
}

func supportsDiscovery(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	r.get(r.tags()).wants(http.StatusOK)
	r.get(r.referrers(m.digest())).wants(http.StatusOK)
}

func supportsManagement(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	_, d := r.newBlob(64)
	r.delete(r.manifest("v1")).wants(http.StatusAccepted)
	r.delete(r.manifest(m.digest().String())).wants(http.StatusAccepted)
	r.delete(r.blob(d)).wants(http.StatusAccepted)
}

func pullsBlobFirst(t *tester) {
	r := t.newRepo()
	body, d := r.newBlob(64)
	layer := descriptor(ocispec.MediaTypeImageLayer, body)
	r.push(r.newImage(func(m *ocispec.Manifest) { m.Layers = []ocispec.Descriptor{layer} }), "v1")
	r.get(r.blob(d)).wants(http.StatusOK).is(body)
}

// challenges looks at all answers that ask for credentials.
func challenges(t *tester) {
	asked := false
	t.each(func(a *answer) {
		if a.status == http.StatusUnauthorized {
			asked = true
			a.field("WWW-Authenticate")
			for _, c := range a.challenges() {
				if strings.EqualFold(c.Scheme, "Bearer") && c.Parameters["realm"] == "" {
					t.failf("want a Bearer challenge with the realm of its token service, got %q", a.header.Values("WWW-Authenticate"))
				}
			}
		}
	})
	if !asked {
		t.notApplicable("the registry does not ask for credentials")
	}
}

// allows looks at all answers that refuse a method.
func allows(t *tester) {
	refused := false
	t.each(func(a *answer) {
		if a.status == http.StatusMethodNotAllowed {
			refused = true
			a.field("Allow")
		}
	})
	if !refused {
		t.notApplicable("no request was answered with 405")
	}
}

const namespace = "registry.example"

func takesNamespace(t *tester) {
	r := t.newRepo()
	m := r.pushImage("v1")
	a := r.get(with(r.manifest("v1"), "ns", namespace)).wants(http.StatusOK, http.StatusNotFound)
	switch {
	case a.status == http.StatusOK && a.header.Get("OCI-Namespace") == "":
		a.is(m.body)
	case a.status == http.StatusNotFound:
		a.hasField("OCI-Namespace", namespace)
	}
}

func returnsNamespace(t *tester) {
	r := t.newRepo()
	r.pushImage("v1")
	a := r.get(with(r.manifest("v1"), "ns", namespace)).survives()
	if a.header.Get("OCI-Namespace") != "" {
		a.hasField("OCI-Namespace", namespace)
	}
}
