package control_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/control"
	"github.com/ocifake/ocifake/registry"
)

// document is the OpenAPI document, as far as it is looked at.
type document struct {
	OpenAPI string
	Paths   map[string]map[string]*operation
	all     any
	schemas map[string]*jsonschema.Schema
}

type operation struct {
	OperationID string `json:"operationId"`
	Parameters  []struct {
		Name, In string
		Required bool
		Schema   map[string]any
	}
	RequestBody *struct{ Content map[string]media }
	Responses   map[string]struct{ Content map[string]media }
	Security    *[]any
}

type media struct {
	Schema struct {
		Ref string `json:"$ref"`
	}
}

func readDocument(t testing.TB, f *fixture) *document {
	t.Helper()
	text := f.v1(t, http.StatusOK, "GET", "openapi.json", "").body
	d := &document{schemas: map[string]*jsonschema.Schema{}}
	require.NoError(t, json.Unmarshal([]byte(text), d))
	var err error
	d.all, err = jsonschema.UnmarshalJSON(strings.NewReader(text))
	require.NoError(t, err)
	return d
}

// schema compiles a part of the document; a JSON pointer says which.
func (d *document) schema(t testing.TB, pointer string) *jsonschema.Schema {
	t.Helper()
	if s := d.schemas[pointer]; s != nil {
		return s
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	require.NoError(t, c.AddResource("openapi.json", d.all))
	s, err := c.Compile("openapi.json" + pointer)
	require.NoError(t, err)
	d.schemas[pointer] = s
	return s
}

// check validates a response against what is said of it.
func (d *document) check(t testing.TB, o *operation, a answer) {
	t.Helper()
	described, ok := o.Responses[fmt.Sprint(a.StatusCode)]
	if !assert.True(t, ok, "%s: %d is not documented: %s", o.OperationID, a.StatusCode, a.body) {
		return
	}
	if described.Content == nil {
		assert.Empty(t, a.body, o.OperationID)
		return
	}
	mediaType, ok := described.Content[a.Header.Get("Content-Type")]
	if !assert.True(t, ok, "%s: %d is %s", o.OperationID, a.StatusCode, a.Header.Get("Content-Type")) || mediaType.Schema.Ref == "" {
		return
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
	require.NoError(t, err, o.OperationID)
	assert.NoError(t, d.schema(t, mediaType.Schema.Ref).Validate(v), "%s: %s", o.OperationID, a.body)
}

// step is a request of a real run.
type step struct {
	operation string // as the document says it: "GET faults/{name}"
	target    string // with the names and the query; "" if it is the same
	body      string
	status    int
}

// run is one of everything. What changes much comes last.
func run(tarball string) []step {
	return []step{
		{"GET health", "", "", 200},
		{"GET ready", "", "", 200},
		{"GET hosts", "", "", 404},
		{"GET info", "", "", 200},
		{"GET openapi.json", "", "", 200},
		{"GET requests", "", "", 200},
		{"GET requests", "requests?filter=repo%3Dapp&after=1&before=4&tail=3", "", 200},
		{"GET requests", "requests?filter=repo", "", 400},
		{"GET requests/{seq}", "requests/1", "", 200},
		{"GET requests/{seq}", "requests/1000", "", 404},
		{"GET requests/count", "", "", 200},
		{"GET requests.har", "", "", 200},
		{"GET requests.jsonl", "", "", 200},
		{"GET journal.txt", "", "", 200},
		{"GET transcript.txt", "", "", 200},
		{"POST expectations", "", `{"expect":["op=tag.list","count==0"]}`, 200},
		{"POST expectations", "", `{"expect":["op=tag.list"],"timeout":"5s"}`, 200},
		{"POST expectations", "", `{"expect":[]}`, 400},
		{"POST expectations", "", strings.Repeat(" ", 1<<20+1), 413},
		{"POST faults", "", "name: a\nwhere: op=blob.get\ntimes: 2\ndo: [{status: {code: 503, retryAfter: 1s}}]", 201},
		{"POST faults", "", `[{"name":"b","seq":["pass",{"reset":{"after":5}}],"until":"tag=x","for":"1s","probability":0.5,"seed":3}]`, 201},
		{"POST faults", "", "name: a\ndo: [pass]", 409},
		{"POST faults", "", "name: c\ndo: [nothing]", 400},
		{"POST faults", "", strings.Repeat("#", 1<<20+1), 413},
		{"GET faults", "", "", 200},
		{"GET faults/{name}", "faults/a", "", 200},
		{"GET faults/{name}", "faults/z", "", 404},
		{"PUT faults/{name}", "faults/a", "do: [pass]", 200},
		{"PUT faults/{name}", "faults/new%2Fone", "do: [pass]", 201},
		{"PUT faults/{name}", "faults/a", strings.Repeat("#", 1<<20+1), 413},
		{"PUT faults/{name}", "faults/a", "name: b\ndo: [pass]", 400},
		{"PATCH faults/{name}", "faults/a", `{"enabled":false}`, 200},
		{"PATCH faults/{name}", "faults/z", `{"enabled":false}`, 404},
		{"PATCH faults/{name}", "faults/a", `{}`, 400},
		{"PATCH faults/{name}", "faults/a", strings.Repeat(" ", 1<<20+1), 413},
		{"DELETE faults/{name}", "faults/a", "", 204},
		{"DELETE faults/{name}", "faults/a", "", 404},
		{"GET faults/known", "", "", 200},
		{"GET faults/known/{name}", "faults/known/reset-mid-blob", "", 200},
		{"GET faults/known/{name}", "faults/known/reset", "", 404},
		{"POST faults/known/{name}", "faults/known/reset-mid-blob?where=repo%3Dapp", "", 201},
		{"POST faults/known/{name}", "faults/known/reset-mid-blob", "", 409},
		{"POST faults/known/{name}", "faults/known/nothing", "", 404},
		{"POST faults/known/{name}", "faults/known/reset-mid-blob?where=statuses%3D5xx", "", 400},
		{"DELETE faults", "", "", 204},
		{"GET profile", "", "", 200},
		{"GET profiles", "", "", 200},
		{"GET lint", "", "", 200},
		{"POST profiles/{name}", "profiles/ghcr", "", 200},
		{"GET profile", "", "", 200},
		{"POST profiles/{name}", "profiles/nothing", "", 404},
		{"PUT profile", "", "name: mine\nextends: ecr\nfacts: [{trait: tags.page-max, value: 2, seen: two, source: me, grade: D}]", 200},
		{"PUT profile", "", "name: mine\nfacts: [{trait: nothing, value: 2}]", 400},
		{"PUT profile", "", strings.Repeat("#", 1<<20+1), 413},
		{"POST faults", "", "do: [revoke-tokens]", 201},
		{"POST profiles/{name}", "profiles/zot", "", 409},
		{"PUT profile", "", "name: mine", 409},
		{"POST profiles/{name}", "profiles/strict", "", 200},
		{"GET repositories", "", "", 200},
		{"GET tags", "tags?repo=app", "", 200},
		{"GET tags", "tags?repo=nothing", "", 404},
		{"GET manifests", "manifests?repo=app&limit=1", "", 200},
		{"GET manifests", "manifests?repo=nothing", "", 404},
		{"GET blobs", "blobs?repo=app", "", 200},
		{"GET blobs", "blobs?repo=nothing", "", 404},
		{"GET blobs", "blobs?repo=NOTHING", "", 400},
		{"GET manifest", "manifest?repo=app&ref=v1", "", 200},
		{"GET manifest", "manifest?repo=app&ref=v9", "", 404},
		{"GET manifest", "manifest?repo=app&ref=v9:", "", 400},
		{"POST generate", "", `{"generate":["made:{v1..v2} layers=1 size=1KiB"]}`, 200},
		{"POST generate", "", `{"generate":["made:{"]}`, 400},
		{"POST generate", "", strings.Repeat(" ", 1<<20+1), 413},
		{"POST load", "load?repo=loaded", tarball, 200},
		{"POST load", "", "no tar", 400},
		{"POST load", "", strings.Repeat("x", 8<<20+1), 413},
		{"GET snapshot", "", "", 200},
		{"GET snapshot", "snapshot?repo=app", "", 200},
		{"GET snapshot", "snapshot?repo=nothing", "", 404},
		{"POST tokens/revoke", "", "", 204},
		{"POST reset", "reset?what=tokens,requests", "", 204},
		{"POST reset", "reset?what=everything", "", 400},
		{"POST reset", "", "", 204},
		{"DELETE requests", "", "", 204},
	}
}

func startForRun(t testing.TB) *fixture {
	t.Helper()
	f := start(t, setup{
		maxLoad: 8 << 20,
		auth:    &auth.Options{Users: map[string]string{"a": "b"}, Token: &auth.TokenOptions{}, Rules: []auth.Rule{{Actions: []registry.Action{registry.Pull}}}},
	})
	f.push(t, "app:{v1..v3} layers=2 size=4KiB platforms=linux/amd64,linux/arm64")
	f.push(t, "app:single layers=1 size=1KiB")
	f.pull(t, "app", "app", "nothing", "app")
	f.ask(t, "GET", "/v2/\xff/tags/list?\xfe", "", header("User-Agent", "\xff"), header("Authorization", "Bearer x"))
	f.ask(t, "POST", "/v2/app/blobs/uploads/", "")
	return f
}

// TestDocumentConforms to OpenAPI 3.1, and its schemas to JSON Schema.
func TestDocumentConforms(t *testing.T) {
	d := readDocument(t, start(t, setup{}))
	c := jsonschema.NewCompiler()
	file, err := os.Open("testdata/openapi-3.1/schema.json")
	require.NoError(t, err)
	defer file.Close()
	v, err := jsonschema.UnmarshalJSON(file)
	require.NoError(t, err)
	require.NoError(t, c.AddResource("openapi-3.1.json", v))
	schema, err := c.Compile("openapi-3.1.json")
	require.NoError(t, err)
	assert.NoError(t, schema.Validate(d.all))
	components := d.all.(map[string]any)["components"].(map[string]any)["schemas"].(map[string]any)
	assert.NotEmpty(t, components)
	for name := range components {
		d.schema(t, "#/components/schemas/"+name)
	}
	ids := map[string]bool{}
	for path, methods := range d.Paths {
		for _, o := range methods {
			assert.False(t, ids[o.OperationID], "%s: %s is there twice", path, o.OperationID)
			ids[o.OperationID] = true
		}
	}
	delete(d.all.(map[string]any), "info")
	assert.ErrorContains(t, schema.Validate(d.all), "info", "the schema refuses what is none")
}

// TestDocument runs all operations, and holds what comes against the document.
func TestDocument(t *testing.T) {
	f := startForRun(t)
	d := readDocument(t, f)
	assert.Equal(t, "3.1.1", d.OpenAPI)
	left := map[string]bool{}
	for path, methods := range d.Paths {
		for method, o := range methods {
			for status := range o.Responses {
				left[strings.ToUpper(method)+" "+strings.TrimPrefix(path, "/_ocifake/v1/")+" "+status] = true
			}
		}
	}
	for _, s := range run(snapshotOf(t, f)) {
		method, path, _ := strings.Cut(s.operation, " ")
		o := d.Paths["/_ocifake/v1/"+path][strings.ToLower(method)]
		require.NotNil(t, o, "%s is not documented", s.operation)
		target := s.target
		if target == "" {
			target = path
		}
		a := f.v1(t, s.status, method, target, s.body)
		d.check(t, o, a)
		delete(left, fmt.Sprintf("%s %d", s.operation, s.status))
	}
	for key := range left { // those that all have in common are seen below, and by the tests of the guard
		if !strings.HasSuffix(key, " 400") && !strings.HasSuffix(key, " 401") && !strings.HasSuffix(key, " 403") {
			assert.Contains(t, []string{"GET events 200", "GET ready 503", "POST reset 200", "POST reset 503", "POST reset 409", "PUT profile 503", "POST profiles/{name} 503", "POST tokens/revoke 409", "GET hosts 200"}, key, "no step shows it")
		}
	}
}

func snapshotOf(t testing.TB, f *fixture) string {
	t.Helper()
	text := f.v1(t, http.StatusOK, "GET", "snapshot?repo=app", "").body
	r := tar.NewReader(strings.NewReader(text))
	_, err := r.Next()
	require.NoError(t, err)
	return text
}

// TestDocumentOfNotYet: what is said of a registry that is not ready.
func TestDocumentOfNotYet(t *testing.T) {
	f := start(t, setup{closed: true})
	d := readDocument(t, f)
	d.check(t, d.Paths["/_ocifake/v1/ready"]["get"], f.v1(t, 503, "GET", "ready", ""))
	d.check(t, d.Paths["/_ocifake/v1/reset"]["post"], f.v1(t, 503, "POST", "reset", ""))
	d.check(t, d.Paths["/_ocifake/v1/profile"]["put"], f.v1(t, 503, "PUT", "profile", "name: mine"))
	d.check(t, d.Paths["/_ocifake/v1/profiles/{name}"]["post"], f.v1(t, 503, "POST", "profiles/ecr", ""))
	d.check(t, d.Paths["/_ocifake/v1/tokens/revoke"]["post"], f.v1(t, 409, "POST", "tokens/revoke", ""))
	d.check(t, d.Paths["/_ocifake/v1/info"]["get"], f.v1(t, 200, "GET", "info", ""))
	f.v1(t, 200, "GET", "health", "")
	f.api.Open(f.URL())
	f.v1(t, 200, "GET", "ready", "")
}

// TestDocumentOfRefusals: 401 and 403 are as they are said to be, for each route that
// has them, and none other.
func TestDocumentOfRefusals(t *testing.T) {
	f, token := start(t, setup{}), start(t, setup{token: "secret"})
	d := readDocument(t, f)
	for path, methods := range d.Paths {
		for method, o := range methods {
			target := strings.NewReplacer("{name}", "x", "{seq}", "1").Replace(path)
			cross := f.ask(t, strings.ToUpper(method), target, "", header("Sec-Fetch-Site", "cross-site"))
			if o.Security != nil {
				assert.Empty(t, *o.Security, "open to everybody")
				assert.Equal(t, http.StatusOK, cross.StatusCode)
				continue
			}
			require.Equal(t, http.StatusForbidden, cross.StatusCode, target)
			d.check(t, o, cross)
			without := token.ask(t, strings.ToUpper(method), target, "")
			require.Equal(t, http.StatusUnauthorized, without.StatusCode, target)
			d.check(t, o, without)
		}
	}
}

// samples are values of parameters.
var samples = map[string]string{
	"filter": "op=blob.get", "after": "1", "before": "5", "limit": "7", "tail": "7", "repo": "app", "ref": "v1",
	"where": "repo=app", "what": "requests",
}

// TestParameters: those that are documented are accepted, all others refused.
func TestParameters(t *testing.T) {
	f := startForRun(t)
	d := readDocument(t, f)
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for method, o := range d.Paths[path] {
			method := strings.ToUpper(method)
			target := strings.NewReplacer("{name}", "reset-mid-blob", "{seq}", "1").Replace(path)
			required, documented := url.Values{}, 0
			for _, p := range o.Parameters {
				if p.In == "path" {
					assert.Contains(t, path, "{"+p.Name+"}")
					assert.True(t, p.Required)
					documented++
				} else if p.Required {
					required.Set(p.Name, samples[p.Name])
				}
			}
			assert.Equal(t, documented, strings.Count(path, "{"), path)
			ask := func(query url.Values) answer {
				response := f.open(t, method, target+"?"+query.Encode())
				return answer{Response: response}
			}
			for _, p := range o.Parameters {
				if p.In == "path" {
					continue
				}
				s := d.schema(t, fmt.Sprintf("#/paths/%s/%s/parameters/%d/schema", strings.ReplaceAll(path, "/", "~1"), strings.ToLower(method), slices.IndexFunc(o.Parameters, func(q struct {
					Name, In string
					Required bool
					Schema   map[string]any
				}) bool {
					return q.Name == p.Name
				})))
				var sample any = samples[p.Name]
				require.NotEmpty(t, sample, p.Name)
				if p.Schema["type"] == "integer" {
					sample = json.Number(samples[p.Name])
				}
				assert.NoError(t, s.Validate(sample), "%s of %s", p.Name, path)
				query := maps.Clone(required)
				query.Set(p.Name, samples[p.Name])
				if o.RequestBody == nil {
					assert.NotEqual(t, http.StatusBadRequest, ask(query).StatusCode, "%s %s?%s", method, path, query.Encode())
				}
				query[p.Name] = []string{samples[p.Name], samples[p.Name]}
				assert.Equal(t, http.StatusBadRequest, ask(query).StatusCode, "%s twice", p.Name)
				if p.Required {
					query.Del(p.Name)
					assert.Equal(t, http.StatusBadRequest, ask(query).StatusCode, "%s is missing", p.Name)
				}
			}
			query := maps.Clone(required)
			query.Set("nonsense", "")
			a := f.ask(t, method, target+"?"+query.Encode(), "")
			require.Equal(t, http.StatusBadRequest, a.StatusCode, "%s %s", method, path)
			assert.Equal(t, "nonsense", decode[refusal](t, a.body).Error.Field)
			d.check(t, o, a)
			a = f.ask(t, method, target+"?%zz", "")
			assert.Equal(t, http.StatusBadRequest, a.StatusCode)
			if o.RequestBody == nil {
				a := f.ask(t, method, target+"?"+required.Encode(), "x")
				require.Equal(t, http.StatusBadRequest, a.StatusCode, "%s %s takes no body", method, path)
				d.check(t, o, a)
			}
		}
	}
}

// TestMethods: others than the documented ones are refused, with those in Allow.
func TestMethods(t *testing.T) {
	f := start(t, setup{})
	d := readDocument(t, f)
	for path, methods := range d.Paths {
		var allowed []string
		for method := range methods {
			allowed = append(allowed, strings.ToUpper(method))
			if method == "get" {
				allowed = append(allowed, "HEAD")
			}
		}
		slices.Sort(allowed)
		target := strings.NewReplacer("{name}", "x", "{seq}", "1").Replace(path)
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"} {
			if slices.Contains(allowed, method) {
				continue
			}
			a := f.ask(t, method, target, "")
			assert.Equal(t, http.StatusMethodNotAllowed, a.StatusCode, "%s %s", method, path)
			assert.Equal(t, strings.Join(allowed, ", "), a.Header.Get("Allow"))
			if method != "HEAD" {
				assert.NotEmpty(t, decode[refusal](t, a.body).Error.Message)
			}
		}
	}
}

// TestNothing is what is at paths that are not documented.
func TestNothing(t *testing.T) {
	f := start(t, setup{})
	for _, path := range []string{
		"/_ocifake/v1", "/_ocifake/v1/", "/_ocifake/v1/nothing", "/_ocifake/v1/faults/", "/_ocifake/v1/faults/a/b", "/_ocifake/v1//faults",
		"/_ocifake/v1/x/../faults", "/_ocifake/v1/./faults", "/_ocifake/v1/requests/1/", "/_ocifake/v1/FAULTS", "/_ocifake/v1%2Ffaults/x/y",
	} {
		a := f.ask(t, "GET", path, "", func(r *http.Request) { r.URL.Opaque = path })
		assert.Equal(t, http.StatusNotFound, a.StatusCode, path)
		assert.Contains(t, decode[refusal](t, a.body).Error.Message, "openapi.json", path)
	}
	a := f.ask(t, "GET", "/_ocifake/v1/faults/%2e%2e", "", func(r *http.Request) { r.URL.Opaque = "/_ocifake/v1/faults/%2e%2e" })
	assert.Contains(t, decode[refusal](t, a.body).Error.Message, `rule ".." not found`)
}

func TestAnswersAreNotKept(t *testing.T) {
	f := start(t, setup{})
	for _, target := range []string{"info", "nothing", "requests?x=1"} {
		a := f.ask(t, "GET", "/_ocifake/v1/"+target, "")
		assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		assert.Equal(t, "nosniff", a.Header.Get("X-Content-Type-Options"))
		assert.Equal(t, "same-origin", a.Header.Get("Cross-Origin-Resource-Policy"))
	}
}

// The schema of a rule accepts every known fault, and refuses unknown effects, unknown
// arguments and arguments of another type.
func TestDocumentDescribesRules(t *testing.T) {
	text, err := control.Document("v0")
	require.NoError(t, err)
	d := &document{schemas: map[string]*jsonschema.Schema{}}
	d.all, err = jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	schema := d.schema(t, "#/components/schemas/Rule")
	validate := func(rule string) error {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(rule))
		require.NoError(t, err)
		return schema.Validate(value)
	}
	for _, p := range known.All() {
		for _, rule := range p.Rules() {
			text, err := json.Marshal(rule)
			require.NoError(t, err)
			assert.NoError(t, validate(string(text)), p.Name)
		}
	}
	for _, rule := range []string{`{"do":["zeros",{"zeros":null},{"delay":"2s"},{"all":[{"status":503}]}]}`, `{"seq":["pass",{"reset":{"after":1,"request":true}}]}`} {
		assert.NoError(t, validate(rule), rule)
	}
	for _, rule := range []string{`{"do":["zeroes"]}`, `{"do":[{"reset":{"code":1}}]}`, `{"do":[{"delay":2}]}`, `{"when":1}`, `{"do":"zeros"}`} {
		assert.Error(t, validate(rule), rule)
	}
}
