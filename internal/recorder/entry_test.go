package recorder

import (
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/record"
)

// TestEntryHasAllFields sets every field of an exchange, and reads it back.
func TestEntryHasAllFields(t *testing.T) {
	header := func(h http.Header) *header { return New(Options{}).newHeader(1, h) }
	var want record.Exchange
	n := 0
	fill(t, reflect.ValueOf(&want).Elem(), &n)
	want.Status = 200 // the codes of an error are those of its body
	asked, answered := header(want.Header), header(want.ResponseHeader)
	asked.host, asked.client = want.Host, redact.Identity{Scheme: want.Scheme, Subject: "other"}
	p := &peer{conn: want.Conn, remote: want.Remote, tls: want.TLS, epoch: want.Start.Add(-want.Elapsed).UnixNano(), opened: want.Start.Add(-want.ConnAge).UnixNano()}
	x := want
	e := newEntry(&x, p, asked, answered)
	assert.Equal(t, want, e.read())

	first := e.read()
	first.Header.Set("Header", "changed")
	first.ResponseHeader["Responseheader"] = nil
	first.Tags[0], first.Faults[0], first.RequestBody[0], first.TLS.Client = "changed", "changed", 0, "changed"
	assert.Equal(t, want, e.read(), "what was read before is a copy")

	x = want
	asked.client.Subject, asked.client.Scopes = want.Subject, want.Scopes
	e = newEntry(&x, p, asked, answered)
	assert.Equal(t, want, e.read(), "the identity in the credentials is shared")
	assert.NotContains(t, e.text, want.Subject)
}

// fill sets the exported fields to values that differ.
func fill(t *testing.T, v reflect.Value, n *int) {
	t.Helper()
	*n++
	switch to := v.Addr().Interface().(type) {
	case *time.Time:
		*to = time.Unix(int64(*n), 0)
		return
	case *http.Header:
		*to = http.Header{"One": {fmt.Sprint("value ", *n)}, "Two": {"a", "b"}}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(t, v.Field(i), n)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0), n)
	case reflect.String:
		v.SetString(fmt.Sprint("text ", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(uint64(*n))
	default:
		t.Fatalf("this test cannot make a %s: teach it, and entry", v.Type())
	}
}

// TestHeaderKeepsNoLargerText makes a header of parts of a large text.
func TestHeaderKeepsNoLargerText(t *testing.T) {
	large := strings.Repeat("x", 1<<20)
	h := New(Options{}).newHeader(1, http.Header{"Location": {large[:10]}, "Etag": {large[10:20], large[20:30]}, "Date": nil})
	require.Equal(t, http.Header{"Location": {large[:10]}, "Etag": {large[:10], large[:10]}}, h.http())
	assert.Less(t, h.size, int64(1<<10))
	h.http()["Etag"][0] = "changed"
	assert.Equal(t, large[:10], h.http()["Etag"][0])
	assert.Nil(t, (*header)(nil).http())
	assert.Nil(t, New(Options{}).newHeader(1, nil).http())
}

// TestHeadersAreShared asks the same twice, and then what differs in one thing each.
func TestHeadersAreShared(t *testing.T) {
	r := New(Options{})
	ask := func(change func(*http.Request)) *header {
		request, err := http.NewRequest("GET", "http://h/v2/", nil)
		require.NoError(t, err)
		request.Header = http.Header{"Accept": {"a", "b"}, "User-Agent": {"c"}}
		change(request)
		return r.askedHeader(request)
	}
	first := ask(func(*http.Request) {})
	assert.Same(t, first, ask(func(*http.Request) {}))
	seen := map[*header]bool{first: true}
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.Host = "other" },
		func(r *http.Request) { r.TransferEncoding = []string{"chunked"} },
		func(r *http.Request) { r.Header["Accept"] = []string{"a"} },
		func(r *http.Request) { r.Header["Accept"] = []string{"b", "a"} },
		func(r *http.Request) {
			r.Header["Accept"], r.Header["User-Agent"] = r.Header["User-Agent"], r.Header["Accept"]
		},
		func(r *http.Request) { r.Header["Authorization"] = []string{"Basic YTpi"} },
		func(r *http.Request) { r.Header["Authorization"] = []string{"Basic YTpj"} },
	} {
		h := ask(change)
		assert.False(t, seen[h])
		seen[h] = true
	}
	large := http.Header{"Large": {strings.Repeat("x", maxCachedHeader)}}
	assert.NotSame(t, r.answeredHeader(large), r.answeredHeader(large), "a large header is not kept for later")
}
