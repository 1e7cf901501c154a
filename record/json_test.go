package record

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/op"
)

// An Exchange with every field set comes back with every field, and so does one
// with a single field set: a field that was added and is not written fails here.
func TestJSONHasEveryField(t *testing.T) {
	var full Exchange
	filler{rand.New(rand.NewPCG(1, 2)), true}.fill(t, reflect.ValueOf(&full).Elem())
	leaves := exchangeFields()
	require.Len(t, leaves, len(fields), "fields of Exchange and fields in JSON")
	requireSame(t, full, throughJSON(t, full))
	for _, leaf := range leaves {
		t.Run(leaf.name, func(t *testing.T) {
			var x Exchange
			value := reflect.ValueOf(full).FieldByIndex(leaf.index)
			require.False(t, value.IsZero())
			reflect.ValueOf(&x).Elem().FieldByIndex(leaf.index).Set(value)
			requireSame(t, x, throughJSON(t, x))
		})
	}
}

// The names in JSON are those in Go, and the documentation lists them.
func TestJSONNames(t *testing.T) {
	source, err := os.ReadFile("json.go")
	require.NoError(t, err)
	documented, _, found := strings.Cut(string(source), "func (x Exchange) MarshalJSON")
	require.True(t, found)
	var want, got []string
	for _, leaf := range exchangeFields() {
		want = append(want, leaf.name)
	}
	for _, f := range fields {
		got = append(got, f.name)
		assert.Regexp(t, `(?m)^//\t.*\b`+regexp.QuoteMeta(f.name)+`\b`, documented)
	}
	assert.ElementsMatch(t, want, got)
}

func TestJSONOfArbitraryExchanges(t *testing.T) {
	for seed := range uint64(300) {
		x := arbitrary(t, seed, 1)[0]
		requireSame(t, x, throughJSON(t, x), "seed %d", seed)
	}
}

func TestJSONForm(t *testing.T) {
	x := pull()[1]
	x.RequestBody = []byte{}
	x.ResponseBody = []byte{0xff, 0x00}
	x.TLS = &TLS{Version: "TLS 1.3", Client: "CN=\xff"}
	x.Tags = []string{"v1", "\xff"}
	got, err := json.MarshalIndent(x, "", "  ")
	require.NoError(t, err)
	assert.JSONEq(t, `{
	  "seq": 2, "start": "2026-03-01T12:00:00.25Z", "op": "manifest.get", "method": "GET",
	  "target": "/v2/lib/app/manifests/v1?ns=docker.io&x=%3C", "status": 200, "faults": ["slow"],
	  "firstNanos": 1500000, "durationNanos": 2000000, "inFlight": 1, "responseBytes": 2,
	  "repo": "lib/app", "tag": "v1", "tags": ["v1", {"base64": "/w=="}], "namespace": "docker.io",
	  "attempt": 2, "elapsedNanos": 60000000000, "conn": 1, "connSeq": 2, "connAgeNanos": 1000000000, "remote": "127.0.0.1:40000",
	  "tls": {"version": "TLS 1.3", "client": {"base64": "Q049/w=="}},
	  "host": "127.0.0.1:5000", "proto": "HTTP/1.1",
	  "header": {"Accept": ["a/b", "c/d"], "User-Agent": ["crane/1"]}, "requestBody": "",
	  "responseHeader": {"Content-Type": ["application/vnd.oci.image.manifest.v1+json"], "Date": null},
	  "responseBody": {"base64": "/wA="}
	}`, string(got))
}

func TestUnmarshalJSONErrors(t *testing.T) {
	const good = `"seq":1,"start":"2026-01-01T00:00:00Z","op":"ping","method":"GET","status":200`
	var x Exchange
	require.NoError(t, json.Unmarshal([]byte("{"+good+"}"), &x))
	for _, c := range []struct{ name, in, want string }{
		{"unknown field", `{` + good + `,"size":1}`, `unknown field "size"`},
		{"other case", `{` + good + `,"Repo":"a"}`, `unknown field "Repo"`},
		{"twice", `{` + good + `,"seq":1}`, `field "seq" is there twice`},
		{"missing", `{"seq":1}`, `field "start" is missing`},
		{"null", `{` + good + `,"repo":null}`, `field "repo": is null`},
		{"list of null", `{` + good + `,"tags":[null]}`, `field "tags": 0: is null`},
		{"negative number", `{"seq":-1}`, `field "seq": a JSON number -1 does not fit uint64`},
		{"string for a number", `{"seq":"1"}`, `field "seq": a JSON string does not fit uint64`},
		{"number for a string", `{"method":1}`, `field "method": a JSON number does not fit string`},
		{"number for a list", `{"faults":1}`, `field "faults": a JSON number does not fit []json.RawMessage`},
		{"unknown operation", `{"op":"blob.pull"}`, `field "op": op: unknown operation "blob.pull"`},
		{"bad time", `{"start":"yesterday"}`, `field "start": parsing time`},
		{"far time", `{"start":"9999-12-31T23:59:59-23:59"}`, `field "start": the year 10000 is out of range`},
		{"bad header", `{"header":{"A":"b"}}`, `field "header": "A": a JSON string does not fit`},
		{"bad base64", `{"requestBody":{"base64":"?"}}`, `field "requestBody": illegal base64`},
		{"no base64", `{"requestBody":{"text":"aGk="}}`, `field "requestBody": want a string, or an object with nothing but "base64"`},
		{"more than base64", `{"repo":{"base64":"aGk=","text":"aGk="}}`, `field "repo": want a string`},
		{"unknown field of tls", `{"tls":{"cipher":"x"}}`, `field "tls": unknown field "cipher"`},
		{"bad field of tls", `{"tls":{"client":1}}`, `field "tls": "client": a JSON number`},
		{"a list", `[]`, `there is [ in place of "{"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.ErrorContains(t, json.Unmarshal([]byte(c.in), &x), c.want)
		})
	}
}

func TestMarshalJSONErrors(t *testing.T) {
	_, err := json.Marshal(Exchange{Seq: 7, Info: op.Info{Op: 200}})
	require.ErrorContains(t, err, `exchange 7: field "op": `)
	_, err = json.Marshal(Exchange{Seq: 7, Start: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)})
	require.ErrorContains(t, err, `exchange 7: field "start": `)
}

func throughJSON(t testing.TB, x Exchange) Exchange {
	t.Helper()
	data, err := json.Marshal(x)
	require.NoError(t, err)
	var back Exchange
	require.NoError(t, json.Unmarshal(data, &back), "%s", data)
	return back
}

// requireSame tells nil lists and maps from empty ones.
func requireSame(t testing.TB, want, got any, message ...any) {
	t.Helper()
	require.Empty(t, cmp.Diff(want, got, cmpopts.IgnoreUnexported(op.Info{})), message...)
}

type leaf struct {
	name  string // in JSON
	index []int
}

// exchangeFields are the exported fields of Exchange, those it embeds included.
func exchangeFields() []leaf {
	var leaves []leaf
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Exchange]()) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		name := strings.ToLower(f.Name[:1]) + f.Name[1:]
		if f.Name == strings.ToUpper(f.Name) {
			name = strings.ToLower(f.Name)
		}
		if f.Type == reflect.TypeFor[time.Duration]() {
			name += "Nanos"
		}
		leaves = append(leaves, leaf{name, f.Index})
	}
	return leaves
}

// arbitrary returns n exchanges in the order of Seq that no recorder would make.
func arbitrary(t testing.TB, seed uint64, n int) Log {
	f := filler{Rand: rand.New(rand.NewPCG(seed, 0))}
	log := make(Log, n)
	for i := range log {
		f.fill(t, reflect.ValueOf(&log[i]).Elem())
	}
	return log.sorted()
}

// filler sets values to anything, or to anything but zero.
type filler struct {
	*rand.Rand
	full bool
}

func (f filler) fill(t testing.TB, v reflect.Value) {
	t.Helper()
	if !f.full && f.IntN(3) == 0 {
		return
	}
	switch to := v.Addr().Interface().(type) {
	case *time.Time:
		*to = time.Unix(f.Int64N(1<<37), f.Int64N(1e9)).UTC()
	case *op.Op:
		*to = op.All()[f.IntN(len(op.All()))]
	case *http.Header:
		*to = http.Header{}
		for range f.length() {
			var values []string
			f.fill(t, reflect.ValueOf(&values).Elem())
			(*to)[f.pick("Accept", "Content-Type", "Location", "x-odd", "Host", ":status", "")] = values
		}
	default:
		f.fillKind(t, v)
	}
}

func (f filler) fillKind(t testing.TB, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				f.fill(t, v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(t, v.Elem())
	case reflect.Slice:
		n := f.length()
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(t, v.Index(i))
		}
	case reflect.String:
		v.SetString(f.pick("a", "/v2/a%2fb/?x=%zz&y", "http://h/", "*", "\xff\x00", "\u2028<&>\"", "\ufffd", "h:1", "null", "{}"))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1 | int64(f.Uint64()))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(1 | f.Uint64())
	default:
		t.Fatalf("this test cannot make a %s: teach it, and the table of fields", v.Type())
	}
}

func (f filler) length() int {
	if f.full {
		return 1 + f.IntN(3)
	}
	return f.IntN(4)
}

func (f filler) pick(values ...string) string { return values[f.IntN(len(values))] }

// pull is what a client might do: a ping that is challenged, a manifest, a blob
// that is cut, a token request and one for a host that is no host.
func pull() Log {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	log := Log{
		exchange("GET", "/v2/", Exchange{Status: 401, Codes: []string{"UNAUTHORIZED"},
			ResponseHeader: http.Header{"Content-Type": {"application/json"}, "Www-Authenticate": {"Basic"}},
			ResponseBytes:  40, ResponseBody: []byte(`{"errors":[{"code":"UNAUTHORIZED"}]}`)}),
		exchange("GET", "/v2/lib/app/manifests/v1?ns=docker.io&x=%3C", Exchange{Status: 200, Attempt: 2, Elapsed: time.Minute, ConnSeq: 2, ConnAge: time.Second,
			First: 1500 * time.Microsecond, Duration: 2 * time.Millisecond, ResponseBytes: 2, ResponseBody: []byte("{}"),
			ResponseHeader: http.Header{"Content-Type": {"application/vnd.oci.image.manifest.v1+json"}, "Date": nil}}),
		exchange("GET", "/v2/lib/app/blobs/sha256:"+strings.Repeat("a", 64), Exchange{Status: 307, Cut: true, ResponseBytes: 1 << 20,
			ResponseHeader: http.Header{"Location": {"https://cdn.test/x"}}, TLS: &TLS{Version: "TLS 1.3", ServerName: "reg.test"}}),
		exchange("POST", "/token", Exchange{Scheme: "Basic",
			RequestBytes: 18, RequestBody: []byte("grant_type=\xff"), Open: true}),
		exchange("OPTIONS", "*", Exchange{Status: 404, Left: true}),
	}
	log[1].Faults = []string{"slow"}
	log[2].Served = []string{"without Range", "with Accept: \xff"}
	log[3].Subject, log[3].Scopes = "ann", []string{"repository:app:pull"}
	for i := range log {
		x := &log[i]
		x.Seq, x.Conn, x.InFlight = uint64(i+1), 1, 1
		x.Start = start.Add(time.Duration(i) * 250 * time.Millisecond)
	}
	log[4].Host = "not a host"
	return log
}

// exchange is x with the request that a client would send.
func exchange(method, target string, x Exchange) Exchange {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		u = &url.URL{Path: target}
	}
	x.Info = op.Parse(method, u)
	x.Target, x.Host, x.Proto, x.Remote = target, "127.0.0.1:5000", "HTTP/1.1", "127.0.0.1:40000"
	x.Header = http.Header{"Accept": {"a/b", "c/d"}, "User-Agent": {"crane/1"}}
	x.Secure = x.TLS != nil
	return x
}

// TestForms reads exchanges that encoding/json has written again: with white space, or with fields in
// another order and more escape sequences.
func TestForms(t *testing.T) {
	for seed := range uint64(50) {
		for _, x := range arbitrary(t, seed, 4) {
			text, err := json.Marshal(x)
			require.NoError(t, err)
			var spaced bytes.Buffer
			require.NoError(t, json.Indent(&spaced, text, " ", "\t"))
			var values map[string]any
			d := json.NewDecoder(bytes.NewReader(text))
			d.UseNumber()
			require.NoError(t, d.Decode(&values))
			other, err := json.Marshal(values)
			require.NoError(t, err)
			for _, form := range [][]byte{text, spaced.Bytes(), other} {
				var back Exchange
				require.NoError(t, json.Unmarshal(form, &back), "%s", form)
				requireSame(t, Log{x}, Log{back}, "%s", form)
			}
		}
	}
}
