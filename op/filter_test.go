package op_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/op"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// request returns the facts of a request for a target, with header fields
// "Name: value".
func request(t testing.TB, method, target string, fields ...string) op.Request {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for _, field := range fields {
		name, value, ok := strings.Cut(field, ": ")
		require.True(t, ok, field)
		r.Header.Add(name, value)
	}
	return op.NewRequest(r)
}

// samples are requests that differ in all that filters look at.
func samples(t testing.TB) []op.Request {
	return []op.Request{
		request(t, "GET", "http://127.0.0.1:5000/v2/"),
		request(t, "GET", "https://Cdn.test/v2/app/blobs/"+sha, "User-Agent: my client/1, beta", "Authorization: Basic x"),
		request(t, "HEAD", "http://[::1]:5000/v2/lib/app/manifests/v1?ns=docker.io", "Accept: */*", "Accept: text/html"),
		request(t, "PUT", "http://[::1]/v2/lib/manifests/"+sha+"?tag=a&tag=b", "X!: 1", "Empty: "),
		request(t, "PATCH", "http://a/v2/app/blobs/uploads/one", `User-Agent: a\b"c`, "Content-Length: 4194305"),
		request(t, "POST", "http://a/v2/app/blobs/uploads/?mount="+sha, "User-Agent: *"),
		request(t, "BREW", "http://a/pot"),
	}
}

// meant lists the numbers of the samples that a filter means.
func meant(t testing.TB, f op.Filter) []int {
	var numbers []int
	for i, r := range samples(t) {
		if f.Match(&r, nil) {
			numbers = append(numbers, i)
		}
	}
	return numbers
}

func TestFilters(t *testing.T) {
	tests := []struct {
		filter op.Filter
		text   string
		meant  []int
	}{
		{op.Filter{}, "all", []int{0, 1, 2, 3, 4, 5, 6}},
		{op.Not(op.Filter{}), "!all", nil},
		{op.Is(op.Ping, op.BlobGet), "op=ping,blob.get", []int{0, 1}},
		{op.Not(op.Is(op.Ping)), "op!=ping", []int{1, 2, 3, 4, 5, 6}},
		{op.Not(op.Not(op.Is(op.Unknown))), "op=unknown", []int{6}},
		{op.Repo("app"), "repo=app", []int{1, 4, 5}},
		{op.Repo("lib*"), "repo=lib*", []int{2, 3}},
		{op.Repo("*a*p"), "repo=*a*p", []int{1, 2, 4, 5}},
		{op.Repo("ap*pp"), "repo=ap*pp", nil},
		{op.Repo("*"), "repo=*", []int{1, 2, 3, 4, 5}},
		{op.Repo(""), `repo=""`, []int{0, 6}},
		{op.Repo("", "lib"), `repo="",lib`, []int{0, 3, 6}},
		{op.Tag("v1"), "tag=v1", []int{2}},
		{op.Tag("b"), "tag=b", []int{3}},
		{op.Tag("*"), "tag=*", []int{2, 3}},
		{op.Tag(""), `tag=""`, []int{0, 1, 4, 5, 6}},
		{op.Digest(sha), "digest=" + sha, []int{1, 3, 5}},
		{op.Digest("sha512:*"), "digest=sha512:*", nil},
		{op.Session("one"), "session=one", []int{4}},
		{op.Method("PUT", "PATCH"), "method=PUT,PATCH", []int{3, 4}},
		{op.Host("CDN.test"), "host=CDN.test", []int{1}},
		{op.Host("127.0.0.1"), "host=127.0.0.1", []int{0}},
		{op.Host("127.0.0.1:*"), "host=127.0.0.1:*", []int{0}},
		{op.Host("::1"), "host=::1", []int{2, 3}},
		{op.Host("[::1]:5000"), "host=[::1]:5000", []int{2}},
		{op.Namespace("docker.io"), "ns=docker.io", []int{2}},
		{op.Header("accept"), "header.Accept", []int{2}},
		{op.Header("Accept", "text/*"), "header.Accept=text/*", []int{2}},
		{op.Header("Accept", `\*/\*`), `header.Accept=\*/\*`, []int{2}},
		{op.Not(op.Header("Accept")), "!header.Accept", []int{0, 1, 3, 4, 5, 6}},
		{op.Header("x!", "1"), `header."X!"=1`, []int{3}},
		{op.Header("Empty", ""), `header.Empty=""`, []int{3}},
		{op.Header("Empty"), "header.Empty", []int{3}},
		{op.UserAgent("my client/1, beta"), `ua="my client/1, beta"`, []int{1}},
		{op.UserAgent("my client/1", " beta"), `ua="my client/1"," beta"`, nil},
		{op.UserAgent(`a\b"c`), `ua="a\\b\"c"`, []int{4}},
		{op.UserAgent(`a\\b*`), `ua=a\\b*`, []int{4}},
		{op.UserAgent(`\*`), `ua=\*`, []int{5}},
		{op.UserAgent("*"), `ua=*`, []int{1, 4, 5}},
		{op.UserAgent("\x00\n", "ä"), `ua="\x00\n",ä`, nil},
		{op.LongerThan(4 << 20), "length>4MiB", []int{4}},
		{op.LongerThan(4<<20 + 1), "length>4194305", nil},
		{op.LongerThan(0), "length>0", []int{4}},
		{op.LongerThan(3 << 30), "length>3GiB", nil},
		{op.LongerThan(5 << 10), "length>5KiB", []int{4}},
		{op.Not(op.LongerThan(4 << 20)), "!length>4MiB", []int{0, 1, 2, 3, 5, 6}},
		{op.Authenticated(), "auth", []int{1}},
		{op.Secure(), "tls", []int{1}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			assert.Equal(t, tt.text, tt.filter.String())
			assert.Equal(t, tt.meant, meant(t, tt.filter))
			assert.False(t, tt.filter.NeedsAnswer())

			parsed, err := op.ParseFilters(tt.text)
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
func TestAlias(t *testing.T) {
	r := request(t, "GET", "/v2/other/app/tags/list")
	assert.Equal(t, "other/app", r.Name())
	r.Alias, r.Repo = r.Repo, "app"
	assert.Equal(t, "other/app", r.Name())
	assert.True(t, op.Repo("app").Match(&r, nil))
	assert.False(t, op.Repo("other/app").Match(&r, nil))
	for text, want := range map[string]bool{
		"alias=other/app": true, "alias=other/*": true, "alias=*": true, `alias=""`: false, "alias=app": false, "alias!=other/app": false,
	} {
		filters, err := op.ParseFilters(text)
		require.NoError(t, err, text)
		assert.Equal(t, text, filters[0].String())
		assert.Equal(t, want, filters[0].Match(&r, nil), text)
	}
	assert.Equal(t, "alias=other/app", op.Alias("other/app").String())
	plain := request(t, "GET", "/v2/app/tags/list")
	assert.False(t, op.Alias("*").Match(&plain, nil))
}

// A filter that can match nothing is an error where it is written.
func TestFiltersThatMatchNothing(t *testing.T) {
	const none = ": no value: a filter without values would match nothing"
	for name, test := range map[string]struct {
		make func() op.Filter
		want string
	}{
		"no operation":       {func() op.Filter { return op.Is() }, "filter op" + none},
		"no such operation":  {func() op.Filter { return op.Is(op.Op(99)) }, "filter op: op: no operation has the number 99"},
		"no repository":      {func() op.Filter { return op.Repo() }, "filter repo" + none},
		"no alias":           {func() op.Filter { return op.Alias() }, "filter alias" + none},
		"no tag":             {func() op.Filter { return op.Tag() }, "filter tag" + none},
		"no digest":          {func() op.Filter { return op.Digest() }, "filter digest" + none},
		"no session":         {func() op.Filter { return op.Session() }, "filter session" + none},
		"no method":          {func() op.Filter { return op.Method() }, "filter method" + none},
		"no host":            {func() op.Filter { return op.Host() }, "filter host" + none},
		"no upstream host":   {func() op.Filter { return op.Namespace() }, "filter ns" + none},
		"no client":          {func() op.Filter { return op.UserAgent() }, "filter ua" + none},
		"no header field":    {func() op.Filter { return op.Header("") }, `filter header: "" is no name of a header field`},
		"method":             {func() op.Filter { return op.Method("PUT", "get") }, `filter method: "get": methods are in upper case: want "GET"`},
		"repository and tag": {func() op.Filter { return op.Repo("app:v1") }, `filter repo: "app:v1": a repository's name has no colon: for a host use Host, for a tag Tag, for a digest Digest`},
		"tag for a digest":   {func() op.Filter { return op.Tag(sha) }, `filter tag: "` + sha + `": a tag has no colon: for a digest use Digest`},
		"digest for a tag":   {func() op.Filter { return op.Digest("v1") }, `filter digest: "v1" is no digest: want one such as sha256:<hex>, or a pattern such as sha256:*`},
		"URL":                {func() op.Filter { return op.Host("http://a") }, `filter host: "http://a": want a host, with or without its port, not a URL`},
		"the field Host":     {func() op.Filter { return op.Header("host", "a") }, "filter header: Host is not among the header's fields: use the filter host"},
	} {
		t.Run(name, func(t *testing.T) { assert.PanicsWithError(t, test.want, func() { test.make() }) })
	}
}

func TestOperationNames(t *testing.T) {
	for _, name := range op.OperationNames() {
		_, err := op.ParseFilters("op=" + name)
		assert.NoError(t, err)
	}
	assert.Contains(t, op.OperationNames(), "upload.begin")
}

func TestUploadBegin(t *testing.T) {
	begin := op.Is(op.UploadBegin()...)
	for _, query := range []string{"", "?digest=" + sha, "?mount=" + sha, "?mount=" + sha + "&from=lib", "?digest-algorithm=sha512"} {
		r := request(t, "POST", "/v2/app/blobs/uploads/"+query)
		assert.True(t, begin.Match(&r, nil), query)
	}
	r := request(t, "PATCH", "/v2/app/blobs/uploads/one")
	assert.False(t, begin.Match(&r, nil))
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
		{`!header."accept"`, "!header.Accept"},
		{`repo=!x`, "repo=!x"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			filters, err := op.ParseFilters(tt.text)
			require.NoError(t, err)
			assert.Equal(t, tt.want, join(filters))
		})
	}
}

func TestParseFiltersErrors(t *testing.T) {
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
		{"length>1,2", "length: want one size"},
		{"length>=1", `length: one = is enough; a value that begins with = stands in quotes: "=1"`},
		{"repo>app", "repo: a value follows a =, not a >"},
		{"header.Accept>a", "header.Accept: a value follows a =, not a >"},
		{"auth=yes", "auth has no value"},
		{"tls!=yes", "tls has no value"},
		{"op=blob.fetch", "blob.get"},
		{"op=blob.*", "unknown operation"},
		{"header.=x", `nothing called "header."`},
		{`header.""=x`, `nothing called "header."`},
		{`header."X`, "a quote is not closed"},
		{"repository=app", "want one of all, op, repo, alias, tag,"},
		{"status=5xx", "host, ns, ua, length, auth, tls, header.<name>"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			_, err := op.ParseFilters("auth " + tt.text)
			require.ErrorContains(t, err, tt.want)
			assert.ErrorContains(t, err, fmt.Sprintf("filter %q: ", "auth "+tt.text), "the error must show the text")
		})
	}
}

func TestAnswerFilters(t *testing.T) {
	r := request(t, "GET", "/v2/")
	is := op.OnAnswer("is", "one,two", func(answer any) bool { return answer == "one" })
	assert.True(t, is.NeedsAnswer())
	assert.True(t, is.Match(&r, "one"))
	assert.False(t, is.Match(&r, nil))
	assert.True(t, op.Not(is).Match(&r, "three"))
	assert.Equal(t, "is=one,two", is.String())

	always := func(any) bool { return true }
	assert.Equal(t, "done", op.OnAnswer("done", "", always).String())
	assert.Equal(t, `is="a b"`, op.OnAnswer("is", "a b", always).String(), "no list: one value")
	assert.Equal(t, `is="a,b",c`, op.OnAnswer("is", `"a,b","c"`, always).String())

	texts := op.OnAnswerText("name", []string{"a, b", "c*"}, func(answer any) []string { return strings.Fields(answer.(string)) })
	assert.Equal(t, `name="a, b",c*`, texts.String())
	assert.True(t, texts.Match(&r, "x cd"))
	assert.False(t, texts.Match(&r, "x"))
	assert.PanicsWithError(t, "filter name: no value: a filter without values would match nothing", func() { op.OnAnswerText("name", nil, nil) })

	term := op.Term{Name: "name", Parse: func(values []string) (op.Filter, error) {
		if len(values) > 2 {
			return op.Filter{}, assert.AnError
		}
		return op.OnAnswerText("name", values, func(any) []string { return nil }), nil
	}}
	parsed, err := op.ParseFilters(`op=ping name="a, b",c*`, term)
	require.NoError(t, err)
	assert.Equal(t, `op=ping name="a, b",c*`, join(parsed))
	_, err = op.ParseFilters("name=a,b,c", term)
	assert.ErrorIs(t, err, assert.AnError)
	_, err = op.ParseFilters("names=a", term)
	assert.ErrorContains(t, err, "did you mean name?")
	_, err = op.ParseFilters("teapot=a", term)
	assert.ErrorContains(t, err, "tls, name, header.<name>")
}

// What a filter was made of may change afterwards.
func TestFiltersAreValues(t *testing.T) {
	ops, repos, digests := []op.Op{op.BlobGet}, []string{"app"}, []digest.Digest{sha}
	filters := []op.Filter{op.Is(ops...), op.Repo(repos...), op.Digest(digests...)}
	ops[0], repos[0], digests[0] = op.Ping, "lib", "other"
	for _, f := range filters {
		assert.Contains(t, meant(t, f), 1, f.String())
	}
}

func TestMatchAll(t *testing.T) {
	r := request(t, "GET", "/v2/app/tags/list")
	list, lib := op.Is(op.TagList), op.Repo("lib")
	assert.True(t, op.MatchAll(nil, &r, nil))
	assert.True(t, op.MatchAll([]op.Filter{list, op.Not(lib)}, &r, nil))
	assert.False(t, op.MatchAll([]op.Filter{list, lib}, &r, nil))
	assert.True(t, op.Match(func(r *op.Request) bool { return r.Proto == "HTTP/1.1" }).Match(&r, nil))
}

func join(filters []op.Filter) string {
	texts := make([]string, len(filters))
	for i, f := range filters {
		texts[i] = f.String()
	}
	return strings.Join(texts, " ")
}

// Whatever can be read is written so that it is read as the same.
func FuzzParseFilters(f *testing.F) {
	for _, seed := range []string{
		"op=blob.get repo=app !auth", `ua="my client/1, beta",crane/* tls`, `header."X!"!=\*/\*`, "digest=" + sha + `,""`, "!all", "repo=\xff,\u00a0",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filters, err := op.ParseFilters(text)
		if err != nil {
			return
		}
		again, err := op.ParseFilters(join(filters))
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
		for _, make := range []func() op.Filter{
			func() op.Filter { return op.Repo(a, b) },
			func() op.Filter { return op.Tag(a) },
			func() op.Filter { return op.Host(a, b) },
			func() op.Filter { return op.UserAgent(a) },
			func() op.Filter { return op.Header(name, a, b) },
			func() op.Filter { return op.Header(name) },
		} {
			filter, ok := made(make)
			if !ok {
				continue
			}
			if not {
				filter = op.Not(filter)
			}
			parsed, err := op.ParseFilters(filter.String())
			require.NoError(t, err)
			require.Len(t, parsed, 1)
			require.Equal(t, filter.String(), parsed[0].String())
			for _, value := range []string{a, b} {
				r := op.Request{Host: value, Header: http.Header{http.CanonicalHeaderKey(name): {value}}}
				r.Repo, r.Info.Tag = value, value
				require.Equal(t, filter.Match(&r, nil), parsed[0].Match(&r, nil), filter.String())
			}
		}
	})
}

// made returns a filter, unless no request can match it.
func made(make func() op.Filter) (f op.Filter, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			f, ok = op.Filter{}, false
		}
	}()
	return make(), true
}

func ExampleUploadBegin() {
	r := op.NewRequest(httptest.NewRequest(http.MethodPost, "/v2/app/blobs/uploads/?mount=sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", nil))
	fmt.Println(op.Is(op.UploadBegin()...).Match(&r, nil), op.Is(op.UploadStart).Match(&r, nil))
	// Output: true false
}

func ExampleParseFilters() {
	filters, err := op.ParseFilters(`op=blob.get,manifest.get repo=lib/* !auth`)
	if err != nil {
		fmt.Println(err)
		return
	}
	r := op.NewRequest(httptest.NewRequest(http.MethodGet, "/v2/lib/base/manifests/v1", nil))
	fmt.Println(op.MatchAll(filters, &r, nil))
	// Output: true
}

func ExampleFilter_String() {
	fmt.Println(op.Not(op.UserAgent("crane/*", "my client, beta")))
	// Output: ua!=crane/*,"my client, beta"
}

func ExampleNot() {
	r := op.NewRequest(httptest.NewRequest(http.MethodGet, "/v2/lib/base/manifests/v1", nil))
	fmt.Println(op.Repo("lib/*").Match(&r, nil), op.Not(op.Repo("lib/*")).Match(&r, nil))
	// Output: true false
}

func ExampleOnAnswer() {
	slow := op.OnAnswer("slow", "", func(answer any) bool {
		seconds, ok := answer.(int)
		return ok && seconds > 10
	})
	r := op.NewRequest(httptest.NewRequest(http.MethodGet, "/v2/", nil))
	fmt.Println(slow, slow.NeedsAnswer(), slow.Match(&r, 11))
	// Output: slow true true
}

func ExampleOnAnswerText() {
	warned := op.OnAnswerText("warning", []string{"*deprecated*"}, func(answer any) []string {
		header, _ := answer.(http.Header)
		return header.Values("Warning")
	})
	r := op.NewRequest(httptest.NewRequest(http.MethodGet, "/v2/", nil))
	fmt.Println(warned, warned.Match(&r, http.Header{"Warning": {`299 - "this tag is deprecated"`}}))
	// Output: warning=*deprecated* true
}

func ExampleFilter_Match() {
	r := op.NewRequest(httptest.NewRequest(http.MethodGet, "https://registry.test/v2/lib/base/manifests/v1", nil))
	for _, f := range []op.Filter{op.Is(op.ManifestGet), op.Tag("v*"), op.Host("cdn.test"), op.Secure(), op.Authenticated()} {
		fmt.Println(f, f.Match(&r, nil))
	}
	// Output:
	// op=manifest.get true
	// tag=v* true
	// host=cdn.test false
	// tls true
	// auth false
}

func ExampleMatch() {
	long := op.Match(func(r *op.Request) bool { return len(r.Target) > 100 })
	r := op.NewRequest(httptest.NewRequest(http.MethodGet, "/v2/", nil))
	fmt.Println(op.MatchAll([]op.Filter{long, op.Is(op.Ping)}, &r, nil))
	// Output: false
}

// Filters that together match nothing are found, and only those.
func TestContradict(t *testing.T) {
	for text, want := range map[string]bool{
		"op=ping repo=app": true, "op=blob.get tag=v1": true, "op=blob.get method=PUT": true, "!all": true, "op=ping op=blob.get": true,
		"op=tag.list digest=" + string(digest.FromString("x")): true, "op=manifest.get session=a": true, "op!=ping method=GET op=ping": true,
		"op=repository.list repo=lib/*": true, "op=upload.chunk tag=*": true, "op=token alias=a": true,
		"": false, "all": false, "op=ping": false, "op=ping repo!=app": false, `op=ping repo=""`: false, `op=blob.get tag=""`: false,
		"op=manifest.get tag=v1 repo=app method=GET": false, "op=tag.list method=HEAD": false, "op=unknown repo=app": false,
		"op=external repo=app": false, "op=manifest.put tag=v1": false, "op=tag.delete tag=v1": false, "op=token method=POST": false,
		"op=upload.commit session=a digest=" + string(digest.FromString("x")): false, "repo=a tag=b": false, "session=a repo=b": false,
	} {
		filters, err := op.ParseFilters(text)
		assert.Equal(t, want, err != nil, "%q: %v", text, err)
		assert.Equal(t, want && err == nil, op.Contradict(filters...), text)
	}
	assert.True(t, op.Contradict(op.Is(op.Ping), op.Repo("app")))
}
