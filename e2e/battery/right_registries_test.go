package battery_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/spec"
)

// rightRegistry is an unusual registry that breaks no sentence.
type rightRegistry struct {
	name    string
	because string // it is right
	options registry.Options
	over    func() layer
	beyond  bool // it may break the statements that go beyond the specification

	// serve returns a registry that needs more than a layer. The other fields but the options
	// are unused then.
	serve func(t testing.TB, options registry.Options) spec.Target
}

func (r rightRegistry) target(t testing.TB) spec.Target {
	if r.serve != nil {
		return r.serve(t, r.options)
	}
	over := r.over
	if over == nil {
		over = around(never, nil)
	}
	return spec.Target{URL: listen(t, r.options, over())}
}

func never(*query) bool  { return false }
func always(*query) bool { return true }

// lists is the condition that the answer is JSON of the registry.
func madeJSON(q *query) bool { return q.kind == tags || q.kind == referrers }

func indented(_ *query, a *answer) {
	var b bytes.Buffer
	if json.Indent(&b, a.body, " ", "\t") == nil && b.Len() > 0 {
		a.set([]byte("\n " + b.String() + "\r\n"))
	}
}

// reordered writes the members of each object in reverse order of their names.
func reordered(_ *query, a *answer) {
	var v any
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	if d.Decode(&v) == nil {
		a.set(reverseJSON(v))
	}
}

func reverseJSON(v any) []byte {
	var b bytes.Buffer
	switch v := v.(type) {
	case map[string]any:
		b.WriteByte('{')
		names := slices.Sorted(maps.Keys(v))
		slices.Reverse(names)
		for i, name := range names {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(mustJSON(name))
			b.WriteString(" : ")
			b.Write(reverseJSON(v[name]))
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteString(" , ")
			}
			b.Write(reverseJSON(e))
		}
		b.WriteByte(']')
	default:
		b.Write(mustJSON(v))
	}
	return b.Bytes()
}

func links(f func(target string) []string) func() layer {
	return alter(madeJSON, func(_ *query, a *answer) {
		if l := a.header.Get("Link"); l != "" {
			target, _, _ := strings.Cut(strings.TrimPrefix(l, "<"), ">")
			a.header["Link"] = f(target)
		}
	})
}

func oneLink(format string) func() layer {
	return links(func(target string) []string { return []string{fmt.Sprintf(format, target)} })
}

// missing answers operations as a registry that does not have them.
func missing(c when, status int) func() layer {
	return around(c, func(q *query, next serve) *answer { return refuse(q, status, "UNSUPPORTED") })
}

// redirected answers a condition with a redirect to the same server, under /moved.
func redirected(c when, status int, location func(q *query) string) func() layer {
	return func() layer {
		return func(next serve) serve {
			return func(q *query) *answer {
				if path, ok := strings.CutPrefix(q.URL.Path, "/moved"); ok {
					return next(q.at(path))
				}
				if !c(q) {
					return next(q)
				}
				a := reply(q, status, "", "")
				a.header.Set("Location", location(q))
				return a
			}
		}
	}
}

// two serves a registry on two hosts; over gets the URL of the second.
func two(options registry.Options, over func(second string) layer) func(testing.TB, registry.Options) spec.Target {
	return func(t testing.TB, _ registry.Options) spec.Target {
		inner := ask(registry.New(memstore.New(memstore.Options{}), options))
		second := serveHandler(t, handle(inner))
		second = strings.Replace(second, "127.0.0.1", "localhost", 1)
		return spec.Target{URL: serveHandler(t, handle(over(second)(inner)))}
	}
}

// plainHandler is a registry as an http.Handler.
func plainHandler(options registry.Options) http.Handler {
	return registry.New(memstore.New(memstore.Options{}), options)
}

// guard asks for credentials.
type guard struct {
	challenge func(self, repo, actions string) []string
	basic     bool
	open      func(q *query) bool // without credentials
	field     string              // of the token; default "token"
	perRepo   bool                // tokens are for one scope
	tokenHost bool                // the token service is on a second host
}

const guardUser, guardPassword = "somebody", "s3cret: with colon"

func (g guard) serve(t testing.TB, options registry.Options) spec.Target {
	inner := ask(plainHandler(options))
	var issued table[string]
	var tokens atomic.Int64
	tokenService := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok || user != guardUser || password != guardPassword {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		token := fmt.Sprintf("token-%d", tokens.Add(1))
		issued.set(token, strings.Join(r.URL.Query()["scope"], " "))
		field := g.field
		if field == "" {
			field = "token"
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{%q: %q, "expires_in": 3600}`, field, token)
	})
	second := ""
	if g.tokenHost {
		second = strings.Replace(serveHandler(t, tokenService), "127.0.0.1", "localhost", 1)
	}
	wanted := base64.StdEncoding.EncodeToString([]byte(guardUser + ":" + guardPassword))
	registryHandler := func(next serve) serve {
		return func(q *query) *answer {
			if g.open != nil && g.open(q) {
				return next(q)
			}
			actions := "pull"
			switch {
			case q.Method == "DELETE" && q.kind != session:
				actions = "delete"
			case !q.reads():
				actions = "pull,push"
			case q.kind == session:
				actions = "pull,push"
			}
			scheme, value, _ := strings.Cut(q.Header.Get("Authorization"), " ")
			switch {
			case g.basic && strings.EqualFold(scheme, "basic") && value == wanted:
				return next(q)
			case !g.basic && strings.EqualFold(scheme, "bearer"):
				scope, ok := issued.get(value)
				if ok && (!g.perRepo || q.repo == "" || covers(scope, q.repo, actions)) {
					return next(q)
				}
			}
			a := refuse(q, 401, "UNAUTHORIZED")
			self := second
			if self == "" {
				self = "http://" + q.Host
			}
			a.header["Www-Authenticate"] = g.challenge(self, q.repo, actions)
			return a
		}
	}
	main := handle(registryHandler(inner))
	mux := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			tokenService(w, r)
			return
		}
		main.ServeHTTP(w, r)
	})
	return spec.Target{URL: serveHandler(t, mux), Username: guardUser, Password: guardPassword}
}

func covers(scopes, repo, actions string) bool {
	for scope := range strings.FieldsSeq(scopes) {
		rest, ok := strings.CutPrefix(scope, "repository:"+repo+":")
		if !ok {
			continue
		}
		given := strings.Split(rest, ",")
		if slices.Contains(given, "*") || !slices.ContainsFunc(strings.Split(actions, ","), func(a string) bool { return !slices.Contains(given, a) }) {
			return true
		}
	}
	return false
}

func bearer(self, repo, actions string) string {
	scope := ""
	if repo != "" {
		scope = fmt.Sprintf(`,scope="repository:%s:%s"`, repo, actions)
	}
	return fmt.Sprintf(`Bearer realm="%s/token",service="battery"%s`, self, scope)
}

// raw writes answers without net/http.
func raw(version string) func(testing.TB, registry.Options) spec.Target {
	return func(t testing.TB, options registry.Options) spec.Target {
		inner := ask(plainHandler(options))
		return spec.Target{URL: serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			content, err := io.ReadAll(r.Body)
			a := inner(newQuery(r, content, err))
			conn, out, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			_, _ = fmt.Fprintf(out, "%s %d \r\n", version, a.status)
			for name, values := range a.header {
				for _, value := range values {
					_, _ = fmt.Fprintf(out, "%s:\t%s \r\n", strings.ToLower(name), value)
				}
			}
			_, _ = fmt.Fprintf(out, "connection: close\r\n\r\n")
			if !a.head {
				_, _ = out.Write(a.body)
			}
			_ = out.Flush()
		}))}
	}
}

var rightRegistries = []rightRegistry{
	{name: "plain", because: "it is the strict registry"},

	// JSON.
	{name: "json-indented", because: "white space in JSON has no meaning (RFC 8259)", over: alter(madeJSON, indented)},
	{name: "json-reordered", because: "the order of members has no meaning (RFC 8259)", over: alter(madeJSON, reordered)},
	{name: "json-errors-indented", because: "the same for errors", over: alterErrors(always, indented)},
	{name: "json-with-more-members", because: "nothing forbids further members", over: alter(on(tags), func(_ *query, a *answer) {
		a.edit(func(o map[string]any) { o["child"] = []any{}; o["manifest"] = map[string]any{} })
	})},
	{name: "json-escaped", because: "\\u escapes are the same strings (RFC 8259)", over: alter(madeJSON, func(_ *query, a *answer) {
		a.set(bytes.ReplaceAll(a.body, []byte(`/`), []byte(`\/`)))
	})},
	{name: "json-errors-with-more-members", because: "nothing forbids further members", over: alterErrors(always, errorsAre(func(o map[string]any) { o["requestId"] = "1" }))},
	{name: "json-errors-without-message", because: "The message field is OPTIONAL", over: alterErrors(always, oneError(func(e map[string]any) { delete(e, "message"); delete(e, "detail") }))},
	{name: "errors-as-text", because: "A 4XX response code from the registry MAY return a body in any format.", over: alterErrors(always, func(q *query, a *answer) {
		h := a.header
		*a = *reply(q, a.status, "text/plain; charset=utf-8", "no\n")
		for name, values := range h {
			if name != "Content-Type" && name != "Content-Length" {
				a.header[name] = values
			}
		}
	})},
	{name: "errors-without-body", because: "A 4XX response code from the registry MAY return a body", over: alterErrors(always, func(_ *query, a *answer) {
		a.header.Del("Content-Type")
		a.set(nil)
	})},
	{name: "errors-as-html", because: "A 4XX response code from the registry MAY return a body in any format.", over: alterErrors(always, func(_ *query, a *answer) {
		a.header.Set("Content-Type", "text/html")
		a.set([]byte("<h1>No</h1>"))
	})},

	// Links.
	{name: "links-in-one-field", because: "Link is a list (RFC 8288, 3)", options: paged, over: oneLink(`</first>; rel="first", <%s>; rel="next"`)},
	{name: "links-in-two-fields", because: "a list can be in several fields (RFC 9110, 5.3)", options: paged, over: links(func(target string) []string {
		return []string{`</self>; rel=self`, `<` + target + `>; rel="next"`}
	})},
	{name: "link-with-title", because: "a quoted parameter can have commas and semicolons (RFC 8288, 3)", options: paged, over: oneLink(`<%s>; title="a, b; rel=\"prev\""; rel="next"`)},
	{name: "link-unquoted", because: "a parameter can be a token (RFC 8288, 3)", options: paged, over: oneLink(`<%s>;rel=next`)},
	{name: "link-with-two-types", because: "rel is a list of types (RFC 8288, 3.3)", options: paged, over: oneLink(`<%s>; rel="last next"`)},
	{name: "link-with-space", because: "white space around = and ; (RFC 8288, 3)", options: paged, over: oneLink(`<%s> ; rel = "next"`)},
	{name: "link-case", because: "names of parameters and relation types are case-insensitive (RFC 8288, 2.1.1, 3)", options: paged, over: oneLink(`<%s>; REL="Next"`)},
	{name: "link-query-only", because: "the target can be relative (RFC 8288, 3.1)", options: paged, over: links(func(target string) []string {
		return []string{`<` + target[strings.Index(target, "?"):] + `>; rel="next"`}
	})},
	{name: "link-absolute", because: "the target can be absolute (RFC 8288, 3.1)", options: registry.Options{PageSize: 2, AbsoluteURLs: true}},
	{name: "pages-of-one", because: "a page can be of any size", options: registry.Options{PageSize: 1}},
	{name: "tags-without-link", because: "A Link header MAY be included", over: alter(on(tags), without("Link"))},
	{name: "tags-without-case", because: "lexical (i.e. case-insensitive alphanumeric order)", over: around(on(tags, "GET"), func(q *query, next serve) *answer {
		plain := next(q.to("GET", q.URL.Path))
		a := next(q)
		if !a.ok() || !plain.ok() {
			return a
		}
		all := whole(q, next, "tags")
		slices.SortFunc(all, func(a, b any) int {
			if c := strings.Compare(strings.ToLower(a.(string)), strings.ToLower(b.(string))); c != 0 {
				return c
			}
			return strings.Compare(a.(string), b.(string))
		})
		less := func(a, b string) bool {
			x, y := strings.ToLower(a), strings.ToLower(b)
			return x < y || x == y && a < b
		}
		v := q.URL.Query()
		if last := v.Get("last"); last != "" {
			all = slices.DeleteFunc(all, func(tag any) bool { return !less(last, tag.(string)) })
		}
		a.header.Del("Link")
		if v.Has("n") {
			n, _ := strconv.Atoi(v.Get("n"))
			if n > 0 && n < len(all) {
				a.header.Set("Link", fmt.Sprintf(`</v2/%s/tags/list?n=%d&last=%s>; rel="next"`, q.repo, n, all[n-1]))
			}
			all = all[:min(n, len(all))]
		}
		a.list("tags", func([]any) []any { return all })
		return a
	})},
	{name: "referrers-newest-first", because: "the order of referrers is not defined", options: registry.Options{Dialect: &registry.Dialect{ReferrersOrder: registry.ReferrersNewest}}},

	// What is optional.
	{name: "no-sha512", because: "sha512 is OPTIONAL (image-spec, Registered algorithms)", over: func() layer {
		return func(next serve) serve {
			return func(q *query) *answer {
				long := strings.HasPrefix(q.ref, "sha512:")
				v := q.URL.Query()
				switch {
				case q.kind == referrers && long:
					return reply(q, 200, "application/vnd.oci.image.index.v1+json", `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)
				case long && q.Method == "PUT":
					return refuse(q, 400, "DIGEST_INVALID")
				case long:
					return refuse(q, 404, "BLOB_UNKNOWN")
				case strings.HasPrefix(v.Get("digest"), "sha512:"), v.Get("digest-algorithm") == "sha512":
					return refuse(q, 400, "DIGEST_INVALID")
				case strings.HasPrefix(v.Get("mount"), "sha512:"):
					return next(q.at("/v2/" + q.repo + "/blobs/uploads/").asking(func(v url.Values) { v.Del("mount"); v.Del("from") }))
				case q.kind == manifests && q.Method == "PUT" && bytes.Contains(q.content, []byte("sha512:")):
					return refuse(q, 400, "MANIFEST_INVALID")
				}
				return next(q)
			}
		}
	}},
	{name: "immutable-tags", because: "nothing says that a tag can be moved", options: registry.Options{ImmutableTags: true}},
	{name: "no-single-post", because: "Registries MAY support pushing blobs using a single POST request.", options: registry.Options{NoSinglePost: true}},
	{name: "no-mount", because: "if a registry does not support cross-repository mounting … it SHOULD return a 202", options: registry.Options{NoMount: true}},
	{name: "no-referrers", because: "the referrers API can be missing: 404", options: registry.Options{NoReferrers: true}},
	{name: "no-delete", because: "Registries MAY implement deletion or they MAY disable it.", options: registry.Options{NoDelete: true}},
	{name: "no-delete-400", because: "either a 400 Bad Request or a 405 Method Not Allowed", over: missing(on(manifests, "DELETE"), 400)},
	{name: "no-tag-delete", because: "others MAY allow deletion only by manifest", over: missing(on(manifests, "DELETE").and(byTag), 400)},
	{name: "no-blob-delete", because: "If blob deletion is disabled, the registry MUST respond with either a 400 Bad Request or a 405", over: missing(on(blobs, "DELETE"), 400)},
	{name: "no-cancel", because: "end-14 is of the draft, and fails with 404 or 400", over: missing(on(session, "DELETE"), 404)},
	{name: "no-catalog", because: "the catalog is Docker's", options: registry.Options{NoCatalog: true}},
	{name: "no-ranges", because: "a server MAY ignore the Range header field (RFC 9110, 14.2)", over: around(on(blobs), func(q *query, next serve) *answer {
		a := next(q.saying(func(h http.Header) { h.Del("Range") }))
		a.header.Del("Accept-Ranges")
		return a
	})},
	{name: "no-filter", because: "The registry SHOULD support filtering on artifactType.", over: rewritten(on(referrers), func(q *query) *query {
		return q.asking(func(v url.Values) { v.Del("artifactType") })
	})},
	{name: "no-tag-parameters", because: "the registry MAY support the pushing of tags specified by addition of tag query parameters", over: rewritten(putManifest, func(q *query) *query {
		return q.asking(func(v url.Values) { v.Del("tag") })
	})},
	{name: "no-conditions", because: "entity tags are optional", over: func() layer {
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q.saying(func(h http.Header) {
					for _, name := range []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Range"} {
						if h.Get(name) != "" && name == "If-Range" {
							h.Del("Range")
						}
						h.Del(name)
					}
				}))
				a.header.Del("ETag")
				return a
			}
		}
	}},
	{name: "weak-etags", because: "an entity tag can be weak (RFC 9110, 8.8.3)", over: around(on(blobs).and(lacks("x")), func(q *query, next serve) *answer {
		if q.Header.Get("If-Range") != "" {
			q = q.saying(func(h http.Header) { h.Del("Range"); h.Del("If-Range") })
		}
		a := next(q)
		if e := a.header.Get("ETag"); e != "" && !strings.HasPrefix(e, "W/") {
			a.header.Set("ETag", "W/"+e)
		}
		return a
	})},
	{name: "sparse", because: "A registry MAY reject a manifest …: it need not", options: registry.Options{AllowSparse: true}},
	{name: "unchecked", because: "nothing says that a registry must check manifests", beyond: true, options: registry.Options{AllowUnchecked: true, AllowAnyType: true}},
	{name: "large-manifests", because: "SHOULD … at least 4 megabytes", options: registry.Options{MaxManifest: 16 << 20}},
	{name: "no-anonymous-mount", because: "The registry MAY treat the from parameter as optional", options: registry.Options{Dialect: &registry.Dialect{Mounts: registry.MountNamed}}},

	// Uploads.
	{name: "minimum-chunk", because: "If the registry has a minimum chunk size …", options: registry.Options{ChunkMinLength: 100_000}},
	{name: "absolute-locations", because: "the location MAY be absolute", options: registry.Options{AbsoluteURLs: true}},
	{name: "uploads-on-another-host", because: "The <blob-push-location> does not necessarily need to be provided by the registry itself.", serve: two(registry.Options{}, func(second string) layer {
		return alter(func(q *query) bool { return q.kind == uploads || q.kind == session }, func(_ *query, a *answer) {
			if l := a.header.Get("Location"); a.status == 202 && strings.HasPrefix(l, "/") {
				a.header.Set("Location", second+l)
			}
		})()
	})},
	{name: "location-without-host-scheme", because: "Location is a URI-reference (RFC 9110, 10.2.2)", over: func() layer {
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				if l := a.header.Get("Location"); strings.HasPrefix(l, "/") {
					a.header.Set("Location", "//"+q.Host+l)
				}
				return a
			}
		}
	}},
	{name: "location-relative-to-request", because: "Location is a URI-reference (RFC 9110, 10.2.2)", over: alter(on(uploads, "POST"), func(q *query, a *answer) {
		if l := a.header.Get("Location"); a.status == 202 {
			a.header.Set("Location", l[strings.LastIndex(l[:strings.Index(l, "?")+1], "/")+1:])
		}
	})},
	{name: "location-with-critical-query", because: "The <blob-push-location> MAY contain critical query parameters.", options: registry.Options{Dialect: &registry.Dialect{UploadQuery: "X-Signature=a%2Fb%2Bc%3D%3D&empty=&policy=x%26y"}}},
	{name: "location-never-changes", because: "nothing says that it changes", options: registry.Options{Dialect: &registry.Dialect{FixedLocation: true}}},
	{name: "start-without-range", because: "Range is demanded of PATCH and GET only", over: alter(on(uploads), without("Range"))},
	{name: "close-without-digest-header", because: "only Location is demanded", over: alter(on(session, "PUT"), without("Docker-Content-Digest"))},
	{name: "upload-uuid-header", because: "further header fields are allowed", over: alter(on(uploads), with("Docker-Upload-UUID", "11111111-2222-4333-8444-555555555555"))},
	{name: "patch-needs-content-range", because: "Content-Range is among the header fields of a chunk", over: around(patch.and(func(q *query) bool { return q.Header.Get("Content-Range") == "" }), func(q *query, next serve) *answer {
		return refuse(q, 400, "BLOB_UPLOAD_INVALID")
	})},
	{name: "needs-content-length", because: "Content-Length is among the header fields of a chunk and of a manifest; 411 (RFC 9110, 15.5.12)", over: around(func(q *query) bool {
		return q.ContentLength < 0 && (q.Method == "PATCH" || q.Method == "PUT")
	}, func(q *query, next serve) *answer { return refuse(q, 411, "SIZE_INVALID") })},
	{name: "wrong-digest-ends-session", because: "nothing says what becomes of the session", options: registry.Options{Dialect: &registry.Dialect{FailedCommit: registry.CommitEnds}}},
	{name: "manifest-location-as-pushed", because: "The <location> is a pullable manifest URL.", options: registry.Options{Dialect: &registry.Dialect{ManifestReference: registry.AsPushed}}},

	// Redirects.
	{name: "blobs-on-a-cdn", because: "Registries MAY respond to any request with a redirect", serve: two(registry.Options{}, func(second string) layer {
		return around(on(blobs, "GET"), func(q *query, next serve) *answer {
			if !next(q.to("HEAD", q.URL.Path)).ok() {
				return next(q)
			}
			a := reply(q, 307, "", "")
			a.header.Set("Location", second+q.URL.Path+"?X-Signature=a%2Bb")
			return a
		})()
	})},
	{name: "blob-heads-on-a-cdn-too", because: "Registries MAY respond to any request with a redirect", serve: two(registry.Options{}, func(second string) layer {
		return around(on(blobs, "GET", "HEAD"), func(q *query, next serve) *answer {
			a := reply(q, 302, "", "")
			a.header.Set("Location", second+q.URL.Path)
			return a
		})()
	})},
	{name: "manifests-redirected", because: "Registries MAY respond to any request with a redirect", over: redirected(readManifest, 308, func(q *query) string { return "/moved" + q.URL.Path })},
	{name: "tags-redirected", because: "Registries MAY respond to any request with a redirect", over: redirected(on(tags), 301, func(q *query) string { return "/moved" + q.URL.RequestURI() })},
	{name: "referrers-redirected", because: "Registries MAY respond to any request with a redirect", over: redirected(on(referrers), 303, func(q *query) string { return "/moved" + q.URL.RequestURI() })},
	{name: "start-redirected", because: "Registries MAY respond to any request with a redirect", over: redirected(on(uploads, "POST"), 307, func(q *query) string { return "/moved" + q.URL.RequestURI() })},
	{name: "ping-redirected", because: "Registries MAY respond to any request with a redirect", over: redirected(on(ping), 302, func(q *query) string { return "/moved/v2/" })},
	{name: "manifest-put-redirected", because: "Registries MAY respond to any request with a redirect", over: redirected(putManifest, 308, func(q *query) string { return "/moved" + q.URL.RequestURI() })},

	// HTTP.
	{name: "http-1.0", because: "a server can speak HTTP/1.0 (RFC 9110, 2.5)", serve: raw("HTTP/1.0")},
	{name: "lower-case-fields", because: "names of fields are case-insensitive (RFC 9110, 5.1)", serve: raw("HTTP/1.1")},
	{name: "http2", because: "the version of HTTP is free", serve: func(t testing.TB, options registry.Options) spec.Target {
		server := httptest.NewUnstartedServer(plainHandler(options))
		server.EnableHTTP2 = true
		server.StartTLS()
		t.Cleanup(server.Close)
		return spec.Target{URL: server.URL, Client: server.Client()}
	}},
	{name: "under-a-path", because: "a target can have a path", serve: func(t testing.TB, options registry.Options) spec.Target {
		inner := ask(plainHandler(options))
		return spec.Target{URL: serveHandler(t, handle(func(q *query) *answer {
			path, ok := strings.CutPrefix(q.URL.Path, "/some/path")
			if !ok {
				return reply(q, 404, "", "")
			}
			a := inner(q.at(path))
			if l := a.header.Get("Location"); strings.HasPrefix(l, "/") {
				a.header.Set("Location", "/some/path"+l)
			}
			if l := a.header.Get("Link"); l != "" {
				a.header.Set("Link", strings.Replace(l, "</", "</some/path/", 1))
			}
			return a
		})) + "/some/path"}
	}},
	{name: "chunked-bodies", because: "Content-Length is demanded of HEAD only (RFC 9112, 7.1)", over: alter(func(q *query) bool { return q.Method == "GET" }, without("Content-Length"))},
	{name: "gzip-lists", because: "content coding is negotiated (RFC 9110, 12.5.3)", over: alter(madeJSON, zipped)},
	{name: "gzip-manifests", because: "content coding is negotiated (RFC 9110, 12.5.3)", over: alter(getManifest, zipped)},
	{name: "more-header-fields", because: "further header fields are allowed", over: alter(always, func(_ *query, a *answer) {
		for name, value := range map[string]string{"Set-Cookie": "a=b; Path=/", "Via": "1.1 proxy", "Server": "x", "Vary": "Accept", "Cache-Control": "no-store", "X-Request-Id": "1", "Strict-Transport-Security": "max-age=1", "X-Content-Type-Options": "nosniff", "Docker-Distribution-Api-Version": "registry/2.0", "Age": "0"} {
			a.header.Set(name, value)
		}
	})},
	{name: "warnings", because: "Registry implementations MAY include informational warnings", options: registry.Options{Warnings: []string{"one, with a comma", `two "quoted"`}}},
	{name: "warnings-in-one-field", because: "Warning is a list (RFC 7234, 5.5)", over: alter(always, with("Warning", `299 - "one", 299 - "two, three"`))},
	{name: "delay", because: "no sentence demands speed", over: func() layer {
		return func(next serve) serve {
			return func(q *query) *answer {
				time.Sleep(2 * time.Millisecond)
				return next(q)
			}
		}
	}},
	{name: "blob-type-of-storage", because: "nothing says which Content-Type a blob has", over: alter(on(blobs, "GET", "HEAD"), with("Content-Type", "binary/octet-stream"))},
	{name: "sha512-told-as-sha256", because: "the digest of the uploaded blob … MAY differ from the provided digest", over: alter(on(manifests, "GET").and(func(q *query) bool { return strings.HasPrefix(q.ref, "sha512:") }), func(_ *query, a *answer) {
		a.header.Set("Docker-Content-Digest", sha(a.body))
	})},
	{name: "no-date", because: "Date is optional without a clock (RFC 9110, 6.6.1)", over: func() layer {
		return func(next serve) serve {
			return func(q *query) *answer {
				a := next(q)
				a.header["Date"] = nil
				return a
			}
		}
	}},
	{name: "operations-of-docker-only", because: "Management is a SHOULD, and referrers are of 1.1", options: registry.Options{NoDelete: true, NoReferrers: true, NoMount: true, NoSinglePost: true, NoCatalog: true, Dialect: &registry.Dialect{Missing: []op.Op{op.UploadCancel}}}},

	// Authentication.
	{name: "basic", because: "authentication is out of the purview", serve: guard{basic: true, challenge: func(string, string, string) []string {
		return []string{`Basic realm="battery"`}
	}}.serve},
	{name: "basic-charset", because: "RFC 7617, 2.1", serve: guard{basic: true, challenge: func(string, string, string) []string {
		return []string{`basic charset="UTF-8", realm="a \"quoted\", realm"`}
	}}.serve},
	{name: "bearer", because: "authentication is out of the purview", serve: guard{challenge: func(self, repo, actions string) []string {
		return []string{bearer(self, repo, actions)}
	}}.serve},
	{name: "bearer-per-repository", because: "authentication is out of the purview", serve: guard{perRepo: true, challenge: func(self, repo, actions string) []string {
		return []string{bearer(self, repo, actions)}
	}}.serve},
	{name: "bearer-access-token", because: "token services send token or access_token", serve: guard{field: "access_token", challenge: func(self, repo, actions string) []string {
		return []string{bearer(self, repo, actions)}
	}}.serve},
	{name: "bearer-on-another-host", because: "realm is a URL", serve: guard{tokenHost: true, challenge: func(self, repo, actions string) []string {
		return []string{bearer(self, repo, actions)}
	}}.serve},
	{name: "challenges-in-one-field", because: "RFC 9110, 11.6.1: a field value can contain more than one challenge", serve: guard{challenge: func(self, repo, actions string) []string {
		return []string{`Negotiate, Digest realm="x, y", nonce="a=", ` + bearer(self, repo, actions)}
	}}.serve},
	{name: "challenges-in-two-fields", because: "RFC 9110, 11.6.1: a response can have several fields", serve: guard{challenge: func(self, repo, actions string) []string {
		return []string{`Negotiate a2tleXRhYg==`, bearer(self, repo, actions)}
	}}.serve},
	{name: "bearer-or-basic-one-field", because: "RFC 9110, 11.6.1: a field value can contain more than one challenge", serve: guard{basic: true, challenge: func(string, string, string) []string {
		return []string{`Mutual realm="m", Basic realm="b"`}
	}}.serve},
	{name: "challenge-case", because: "RFC 9110, 11.1: the scheme and the names of parameters are case-insensitive", serve: guard{challenge: func(self, repo, actions string) []string {
		return []string{strings.NewReplacer("Bearer", "bEARER", "realm=", "Realm = ", "service=", "SERVICE=").Replace(bearer(self, repo, actions))}
	}}.serve},
	{name: "anonymous-reads", because: "authentication is out of the purview", serve: guard{open: func(q *query) bool { return q.reads() && q.kind != session }, challenge: func(self, repo, actions string) []string {
		return []string{bearer(self, repo, actions)}
	}}.serve},
	{name: "open-ping", because: "This endpoint MAY be used for authentication/authorization purposes", serve: guard{basic: true, open: func(q *query) bool { return q.kind == ping }, challenge: func(string, string, string) []string {
		return []string{`Basic realm="battery"`}
	}}.serve},
	{name: "closed-ping-only-get", because: "This endpoint MAY be used for authentication/authorization purposes", serve: guard{basic: true, open: func(q *query) bool { return q.kind == other }, challenge: func(string, string, string) []string {
		return []string{`Basic realm=battery`}
	}}.serve},
}

// zipped encodes a body if the client accepts that.
func zipped(q *query, a *answer) {
	if a.head || len(a.body) == 0 || !strings.Contains(q.Header.Get("Accept-Encoding"), "gzip") {
		return
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(a.body)
	_ = z.Close()
	a.set(b.Bytes())
	a.header.Set("Content-Encoding", "gzip")
	a.header.Add("Vary", "Accept-Encoding")
	a.header.Del("ETag")
}
