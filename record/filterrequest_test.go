package record_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// exchange returns a request for a target, as an exchange that is not answered, with header fields
// "Name: value".
func exchange(t testing.TB, method, target string, fields ...string) record.Exchange {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for _, field := range fields {
		name, value, ok := strings.Cut(field, ": ")
		require.True(t, ok, field)
		r.Header.Add(name, value)
	}
	return asked(r)
}

const sha = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// samples are requests that differ in all that filters look at.
func samples(t testing.TB) []record.Exchange {
	return []record.Exchange{
		exchange(t, "GET", "http://127.0.0.1:5000/v2/"),
		exchange(t, "GET", "https://Cdn.test/v2/app/blobs/"+sha, "User-Agent: my client/1, beta", "Authorization: Basic x"),
		exchange(t, "HEAD", "http://[::1]:5000/v2/lib/app/manifests/v1?ns=docker.io", "Accept: */*", "Accept: text/html"),
		exchange(t, "PUT", "http://[::1]/v2/lib/manifests/"+sha+"?tag=a&tag=b", "X!: 1", "Empty: "),
		exchange(t, "PATCH", "http://a/v2/app/blobs/uploads/one", `User-Agent: a\b"c`, "Content-Length: 4194305"),
		exchange(t, "POST", "http://a/v2/app/blobs/uploads/?mount="+sha, "User-Agent: *"),
		exchange(t, "BREW", "http://a/pot"),
	}
}

// meant lists the numbers of the samples that a filter means.
func meant(t testing.TB, f record.Filter) []int {
	var numbers []int
	for i, r := range samples(t) {
		if f.Match(&r) {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

func TestFiltersOnRequests(t *testing.T) {
	tests := []struct {
		filter record.Filter
		text   string
		meant  []int
	}{
		{record.Filter{}, "all", []int{0, 1, 2, 3, 4, 5, 6}},
		{record.Not(record.Filter{}), "!all", nil},
		{record.Op(op.Ping, op.BlobGet), "op=ping,blob.get", []int{0, 1}},
		{record.Not(record.Op(op.Ping)), "op!=ping", []int{1, 2, 3, 4, 5, 6}},
		{record.Not(record.Not(record.Op(op.Unknown))), "op=unknown", []int{6}},
		{record.Repo("app"), "repo=app", []int{1, 4, 5}},
		{record.Repo("lib*"), "repo=lib*", []int{2, 3}},
		{record.Repo("*a*p"), "repo=*a*p", []int{1, 2, 4, 5}},
		{record.Repo("ap*pp"), "repo=ap*pp", nil},
		{record.Repo("*"), "repo=*", []int{1, 2, 3, 4, 5}},
		{record.Repo(""), `repo=""`, []int{0, 6}},
		{record.Repo("", "lib"), `repo="",lib`, []int{0, 3, 6}},
		{record.Tag("v1"), "tag=v1", []int{2}},
		{record.Tag("b"), "tag=b", []int{3}},
		{record.Tag("*"), "tag=*", []int{2, 3}},
		{record.Tag(""), `tag=""`, []int{0, 1, 4, 5, 6}},
		{record.Digest(sha), "digest=" + sha, []int{1, 3, 5}},
		{record.Digest("sha512:*"), "digest=sha512:*", nil},
		{record.Session("one"), "session=one", []int{4}},
		{record.Method("PUT", "PATCH"), "method=PUT,PATCH", []int{3, 4}},
		{record.Host("CDN.test"), "host=CDN.test", []int{1}},
		{record.Host("127.0.0.1"), "host=127.0.0.1", []int{0}},
		{record.Host("127.0.0.1:*"), "host=127.0.0.1:*", []int{0}},
		{record.Host("::1"), "host=::1", []int{2, 3}},
		{record.Host("[::1]:5000"), "host=[::1]:5000", []int{2}},
		{record.Namespace("docker.io"), "ns=docker.io", []int{2}},
		{record.Header("accept"), "header.Accept", []int{2}},
		{record.Header("Accept", "text/*"), "header.Accept=text/*", []int{2}},
		{record.Header("Accept", `\*/\*`), `header.Accept=\*/\*`, []int{2}},
		{record.Not(record.Header("Accept")), "!header.Accept", []int{0, 1, 3, 4, 5, 6}},
		{record.Header("x!", "1"), `header."X!"=1`, []int{3}},
		{record.Header("Empty", ""), `header.Empty=""`, []int{3}},
		{record.Header("Empty"), "header.Empty", []int{3}},
		{record.UserAgent("my client/1, beta"), `ua="my client/1, beta"`, []int{1}},
		{record.UserAgent("my client/1", " beta"), `ua="my client/1"," beta"`, nil},
		{record.UserAgent(`a\b"c`), `ua="a\\b\"c"`, []int{4}},
		{record.UserAgent(`a\\b*`), `ua=a\\b*`, []int{4}},
		{record.UserAgent(`\*`), `ua=\*`, []int{5}},
		{record.UserAgent("*"), `ua=*`, []int{1, 4, 5}},
		{record.UserAgent("\x00\n", "ä"), `ua="\x00\n",ä`, nil},
		{record.LengthOver(4 << 20), "length>4MiB", []int{4}},
		{record.LengthOver(4<<20 + 1), "length>4194305", nil},
		{record.LengthOver(0), "length>0", []int{4}},
		{record.LengthOver(3 << 30), "length>3GiB", nil},
		{record.LengthOver(5 << 10), "length>5KiB", []int{4}},
		{record.Not(record.LengthOver(4 << 20)), "!length>4MiB", []int{0, 1, 2, 3, 5, 6}},
		{record.Authenticated(), "auth", []int{1}},
		{record.Secure(), "tls", []int{1}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			assert.Equal(t, tt.text, tt.filter.String())
			assert.Equal(t, tt.meant, meant(t, tt.filter))
			assert.LessOrEqual(t, tt.filter.Stage(), record.OnRequest)

			parsed, err := record.ParseFilters(tt.text)
			if tt.text == "!all" {
				require.ErrorContains(t, err, "together they match no request")
				return
			}
			require.NoError(t, err)
			require.Len(t, parsed, 1)
			assert.Equal(t, tt.text, parsed[0].String())
			assert.Equal(t, tt.meant, meant(t, parsed[0]))
		})
	}
}

// A request under an alias is for the repository, and the alias can be asked for.
func TestAliasFilter(t *testing.T) {
	r := exchange(t, "GET", "/v2/other/app/tags/list")
	assert.Equal(t, "other/app", r.Name())
	r.Alias, r.Repo = r.Repo, "app"
	assert.Equal(t, "other/app", r.Name())
	assert.True(t, record.Repo("app").Match(&r))
	assert.False(t, record.Repo("other/app").Match(&r))
	for text, want := range map[string]bool{
		"alias=other/app": true, "alias=other/*": true, "alias=*": true, `alias=""`: false, "alias=app": false, "alias!=other/app": false,
	} {
		filters, err := record.ParseFilters(text)
		require.NoError(t, err, text)
		assert.Equal(t, text, filters[0].String())
		assert.Equal(t, want, filters[0].Match(&r), text)
	}
	assert.Equal(t, "alias=other/app", record.Alias("other/app").String())
	plain := exchange(t, "GET", "/v2/app/tags/list")
	assert.False(t, record.Alias("*").Match(&plain))
}

// A filter that can match nothing is an error where it is written.
func TestFiltersOnRequestsThatMatchNothing(t *testing.T) {
	const none = ": no value: a filter without values would match nothing"
	for name, test := range map[string]struct {
		make func() record.Filter
		want string
	}{
		"no operation":       {func() record.Filter { return record.Op() }, "filter op" + none},
		"no such operation":  {func() record.Filter { return record.Op(op.Op(99)) }, "filter op: op: no operation has the number 99"},
		"no repository":      {func() record.Filter { return record.Repo() }, "filter repo" + none},
		"no alias":           {func() record.Filter { return record.Alias() }, "filter alias" + none},
		"no tag":             {func() record.Filter { return record.Tag() }, "filter tag" + none},
		"no digest":          {func() record.Filter { return record.Digest() }, "filter digest" + none},
		"no session":         {func() record.Filter { return record.Session() }, "filter session" + none},
		"no method":          {func() record.Filter { return record.Method() }, "filter method" + none},
		"no host":            {func() record.Filter { return record.Host() }, "filter host" + none},
		"no upstream host":   {func() record.Filter { return record.Namespace() }, "filter ns" + none},
		"no client":          {func() record.Filter { return record.UserAgent() }, "filter ua" + none},
		"no header field":    {func() record.Filter { return record.Header("") }, `filter header: "" is no name of a header field`},
		"method":             {func() record.Filter { return record.Method("PUT", "get") }, `filter method: "get": methods are in upper case: want "GET"`},
		"repository and tag": {func() record.Filter { return record.Repo("app:v1") }, `filter repo: "app:v1": a repository's name has no colon: for a host use Host, for a tag Tag, for a digest Digest`},
		"tag for a digest":   {func() record.Filter { return record.Tag(sha) }, `filter tag: "` + sha + `": a tag has no colon: for a digest use Digest`},
		"digest for a tag":   {func() record.Filter { return record.Digest("v1") }, `filter digest: "v1" is no digest: want one such as sha256:<hex>, or a pattern such as sha256:*`},
		"URL":                {func() record.Filter { return record.Host("http://a") }, `filter host: "http://a": want a host, with or without its port, not a URL`},
		"the field Host":     {func() record.Filter { return record.Header("host", "a") }, "filter header: Host is not among the header's fields: use the filter host"},
	} {
		t.Run(name, func(t *testing.T) { assert.PanicsWithError(t, test.want, func() { test.make() }) })
	}
}

func TestUploadBegin(t *testing.T) {
	begin := record.Op(op.UploadBegin()...)
	for _, query := range []string{"", "?digest=" + sha, "?mount=" + sha, "?mount=" + sha + "&from=lib", "?digest-algorithm=sha512"} {
		r := exchange(t, "POST", "/v2/app/blobs/uploads/"+query)
		assert.True(t, begin.Match(&r), query)
	}
	r := exchange(t, "PATCH", "/v2/app/blobs/uploads/one")
	assert.False(t, begin.Match(&r))
}

// Other ways to write what TestFilters has.
func TestParseFilters(t *testing.T) {
	tests := []struct{ text, want string }{
		{"", ""},
		{" \t\r\n", ""},
		{"  op=blob.get\n!auth  ", "op=blob.get !auth"},
		{"!repo=app", "repo!=app"},
		{"repo=a=b", "repo=a=b"},
		{`repo="=b"`, `repo="=b"`},
		{"op=upload.begin", "op=upload.start,blob.post,blob.mount"},
		{"op!=upload.begin,ping", "op!=upload.start,blob.post,blob.mount,ping"},
		{`repo="app"`, "repo=app"},
		{`repo="\x61pp",lib tls`, "repo=app,lib tls"},
		{"header.accept=x", "header.Accept=x"},
		{`query."a=b"=c`, `query."a=b"=c`},
		{`repo="*",lib`, `repo="*",lib`},
		{`repo=*,""`, `repo="*",""`},
		{"elapsed>60s", "elapsed>1m0s"},
		{`!header."accept"`, "!header.Accept"},
		{`repo=!x`, "repo=!x"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			filters, err := record.ParseFilters(tt.text)
			require.NoError(t, err)
			assert.Equal(t, tt.want, join(filters))
		})
	}
}

func TestParseFiltersOnRequestsErrors(t *testing.T) {
	tests := []struct{ text, want string }{
		{"repo", "repo needs a value: repo=…"},
		{"!repo", "repo needs a value"},
		{"repo=", `repo: a value is missing; the empty one is ""`},
		{"repo=a,", "a value is missing"},
		{"repo=,a", "a value is missing"},
		{"repo=a, b", "a value is missing"},
		{`repo=a"b"`, "quotes stand around a whole value"},
		{`repo="a"b`, "quotes stand around a whole value"},
		{`repo="a`, "a quote is not closed"},
		{`repo="\q"`, "what Go does not allow"},
		{"=a", "a name is missing"},
		{"!", "a name is missing"},
		{"!!auth", "a name is missing"},
		{"!repo!=a", "one ! is enough"},
		{"repo==app", `repo: one = is enough; a value that begins with = stands in quotes: "=app"`},
		{"repo!==app", `"=app"`},
		{"attempt", "attempt needs a value"},
		{"attempt=0", "attempt: 0 is no attempt: they are numbered from 1"},
		{"attempt=two", `attempt: "two" is no number: want the number of an attempt, such as 2`},
		{"attempt>-1", "attempt: -1 is negative: want 0 or more"},
		{"attempt>1,2", "attempt: want one value"},
		{"elapsed=1s", "elapsed needs a >: as in elapsed>10s"},
		{"elapsed>10", `elapsed: "10" is no duration: want a number with a unit`},
		{"elapsed>-1s", "elapsed: -1s is negative"},
		{"conn.age>soon", `conn.age: "soon" is no duration`},
		{"conn.requests=1", "conn.requests needs a >"},
		{"conn>1", "conn: a value follows a =, not a >"},
		{"proto=http2", `proto: "http2" is no protocol: want HTTP/1.0, HTTP/1.1 or HTTP/2.0`},
		{"proto=HTTP/2", `"HTTP/2" is no protocol`},
		{"resumed=yes", "resumed has no value"},
		{"chunk>many", "chunk: want a size"},
		{"count==3", `nothing called "count"`},
		{"header.a==b", `header.a: one = is enough`},
		{"repo=a,=b", `"=b"`},
		{"method=get", `method: "get": methods are in upper case: want "GET"`},
		{`method=""`, `"" is no method`},
		{"repo=app:v1", `repo: "app:v1": a repository's name has no colon`},
		{"tag=sha256:*", `tag: "sha256:*": a tag has no colon: for a digest use Digest`},
		{"tag=app/v1", "a tag has no slash"},
		{"digest=v1", `digest: "v1" is no digest`},
		{"host=http://a", `host: "http://a": want a host`},
		{"header.Host=a", "header.Host: Host is not among the header's fields: use the filter host"},
		{"header.trailer", "Trailer is not among"},
		{"header.transfer-encoding=chunked", "Transfer-Encoding is not among"},
		{`header."a b"`, `"a b" is no name of a header field`},
		{"repo!a", "behind a name stands"},
		{`repo"a"`, "behind a name stands"},
		{"length=4MiB", "length needs a >: as in length>4MiB"},
		{"length", "length needs a >"},
		{"length>", `length: a value is missing`},
		{"length>many", "length: want a size such as 4194304, 4MiB or 4MB"},
		{"length>1,2", "length: want one value"},
		{"length>=1", `length: one = is enough; a value that begins with = stands in quotes: "=1"`},
		{"repo>app", "repo: a value follows a =, not a >"},
		{"header.Accept>a", "header.Accept: a value follows a =, not a >"},
		{"auth=yes", "auth has no value"},
		{"tls!=yes", "tls has no value"},
		{"header.Range=*,*", `header.Range: a * alone matches every value, and a comma separates values: leave out the others, or quote the comma, as in header.Range="*,*"`},
		{"!repo=a,*", `repo="a,*"`},
		{"op=blob.fetch", "blob.get"},
		{"op=blob.*", "unknown operation"},
		{"op=upload.begn", `unknown operation "upload.begn": did you mean upload.begin?`},
		{"header.=x", `nothing called "header."`},
		{"query.=x", `nothing called "query."`},
		{`query.""`, `nothing called "query."`},
		{"query.n>1", "query.n: a value follows a =, not a >"},
		{`header.""=x`, `nothing called "header."`},
		{`header."X`, "a quote is not closed"},
		{"repository=app", "want one of all, op, repo, alias, tag,"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			_, err := record.ParseFilters("auth " + tt.text)
			require.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, fmt.Sprintf("filter %q: ", "auth "+tt.text), "the error must show the text")
		})
	}
}

// What a filter was made of may change afterwards.
func TestFiltersAreValues(t *testing.T) {
	ops, repos, digests := []op.Op{op.BlobGet}, []string{"app"}, []digest.Digest{sha}
	filters := []record.Filter{record.Op(ops...), record.Repo(repos...), record.Digest(digests...)}
	ops[0], repos[0], digests[0] = op.Ping, "lib", "other"
	for _, f := range filters {
		assert.Contains(t, meant(t, f), 1, f.String())
	}
}

func TestMatchAll(t *testing.T) {
	r := exchange(t, "GET", "/v2/app/tags/list")
	list, lib := record.Op(op.TagList), record.Repo("lib")
	assert.True(t, r.Matches())
	assert.True(t, r.Matches(list, record.Not(lib)))
	assert.False(t, r.Matches(list, lib))
	assert.True(t, record.Match(func(r *record.Exchange) bool { return r.Proto == "HTTP/1.1" }).Match(&r))
}

func join(filters []record.Filter) string {
	texts := make([]string, len(filters))
	for i, f := range filters {
		texts[i] = f.String()
	}
	return strings.Join(texts, " ")
}

// Whatever can be read is written so that it is read as the same.
func FuzzParseFiltersOnRequests(f *testing.F) {
	for _, seed := range []string{
		"op=blob.get repo=app !auth", `ua="my client/1, beta",crane/* tls`, `header."X!"!=\*/\*`, "digest=" + sha + `,""`, "!all", "repo=\xff,\u00a0",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filters, err := record.ParseFilters(text)
		if err != nil {
			return
		}
		again, err := record.ParseFilters(join(filters))
		require.NoError(t, err)
		require.Equal(t, join(filters), join(again))
		for i := range filters {
			require.Equal(t, meant(t, filters[i]), meant(t, again[i]), filters[i].String())
		}
	})
}

// Any values at all are read back from the text of a filter.
func FuzzFilterString(f *testing.F) {
	for _, seed := range []string{"", "app", "lib/*", "a, b", `"`, `\*`, "\x00", "\xff", "\u2028", "ä"} {
		f.Add("X-Name", seed, "other", true)
		f.Add(seed, "a", seed, false)
	}
	f.Fuzz(func(t *testing.T, name, a, b string, not bool) {
		for _, make := range []func() record.Filter{
			func() record.Filter { return record.Repo(a, b) },
			func() record.Filter { return record.Tag(a) },
			func() record.Filter { return record.Host(a, b) },
			func() record.Filter { return record.UserAgent(a) },
			func() record.Filter { return record.Header(name, a, b) },
			func() record.Filter { return record.Header(name) },
		} {
			filter, ok := made(make)
			if !ok {
				continue
			}
			if not {
				filter = record.Not(filter)
			}
			parsed, err := record.ParseFilters(filter.String())
			require.NoError(t, err)
			require.Len(t, parsed, 1)
			require.Equal(t, filter.String(), parsed[0].String())
			for _, value := range []string{a, b} {
				r := record.Exchange{Host: value, Header: http.Header{http.CanonicalHeaderKey(name): {value}}}
				r.Repo, r.Info.Tag = value, value
				require.Equal(t, filter.Match(&r), parsed[0].Match(&r), filter.String())
			}
		}
	})
}

// made returns a filter, unless no request can match it.
func made(make func() record.Filter) (f record.Filter, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			f, ok = record.Filter{}, false
		}
	}()
	return make(), true
}

func ExampleFilter_String() {
	fmt.Println(record.Not(record.UserAgent("crane/*", "my client, beta")))
	// Output: ua!=crane/*,"my client, beta"
}

func ExampleFilter_Match() {
	r := asked(httptest.NewRequest(http.MethodGet, "https://registry.test/v2/lib/base/manifests/v1", nil))
	for _, f := range []record.Filter{record.Op(op.ManifestGet), record.Tag("v*"), record.Host("cdn.test"), record.Secure(), record.Authenticated()} {
		fmt.Println(f, f.Match(&r))
	}
	// Output:
	// op=manifest.get true
	// tag=v* true
	// host=cdn.test false
	// tls true
	// auth false
}

// Filters that together match nothing are found, and only those.
func TestContradict(t *testing.T) {
	for text, want := range map[string]bool{
		"op=ping repo=app": true, "op=blob.get tag=v1": true, "op=blob.get method=PUT": true, "!all": true, "op=ping op=blob.get": true,
		"op=tag.list digest=" + string(digest.FromString("x")): true, "op=manifest.get session=a": true, "op!=ping method=GET op=ping": true,
		"op=blob.get chunk>1": true, "op=manifest.put chunk>1": true, "op=blob.delete resumed": true, "op=upload.start resumed": true,
		"op=upload.commit chunk>1": false, "op=blob.get resumed": false, "op=upload.chunk resumed": false, "op=ping conn=1 attempt>1": false,
		"op=repository.list repo=lib/*": true, "op=upload.chunk tag=*": true, "op=token alias=a": true,
		"": false, "all": false, "op=ping": false, "op=ping repo!=app": false, `op=ping repo=""`: false, `op=blob.get tag=""`: false,
		"op=manifest.get tag=v1 repo=app method=GET": false, "op=tag.list method=HEAD": false, "op=unknown repo=app": false,
		"op=external repo=app": false, "op=manifest.put tag=v1": false, "op=tag.delete tag=v1": false, "op=token method=POST": false,
		"op=upload.commit session=a digest=" + string(digest.FromString("x")): false, "repo=a tag=b": false, "session=a repo=b": false,
	} {
		_, err := record.ParseFilters(text)
		assert.Equal(t, want, err != nil, "%q: %v", text, err)

	}
}
