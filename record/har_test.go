package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHARRoundTrip(t *testing.T) {
	for seed := range uint64(200) {
		log := arbitrary(t, seed, 3)
		back, err := ReadHAR(writeHAR(t, log))
		require.NoError(t, err)
		requireSame(t, log, back, "seed %d", seed)
	}
}

func TestHARConformsToSchema(t *testing.T) {
	schema := harSchema(t)
	logs := map[string]Log{"nothing": nil, "a pull": pull()}
	for seed := range uint64(100) {
		logs["arbitrary"] = append(logs["arbitrary"], arbitrary(t, seed, 1)...)
	}
	for name, log := range logs {
		t.Run(name, func(t *testing.T) {
			file := writeHAR(t, log)
			assert.NoError(t, validate(t, schema, file.String()))
		})
	}
	file := writeHAR(t, pull()).String()
	for _, required := range []string{"cookies", "redirectURL", "timings", "startedDateTime"} {
		assert.ErrorContains(t, validate(t, schema, strings.ReplaceAll(file, `"`+required+`"`, `"_x"`)), required)
	}
}

// What the schema does not say, but the specification or a browser does.
func TestHAREntries(t *testing.T) {
	log := pull()
	entries := entriesOf(t, writeHAR(t, log))
	require.Len(t, entries, len(log))

	manifest := entries[1]
	assert.Equal(t, "2026-03-01T12:00:00.25Z", manifest.Start)
	assert.Equal(t, harTimings{Wait: 1.5, Receive: 0.5}, manifest.Timings)
	assert.Equal(t, "127.0.0.1", manifest.ServerIP)
	assert.Equal(t, "1", manifest.Connection)
	assert.Equal(t, "http://127.0.0.1:5000/v2/lib/app/manifests/v1?ns=docker.io&x=%3C", manifest.Request.URL)
	assert.Equal(t, []harPair{{"ns", "docker.io"}, {"x", "<"}}, manifest.Request.Query)
	assert.Equal(t, []harPair{{"Accept", "a/b"}, {"Accept", "c/d"}, {"User-Agent", "crane/1"}}, manifest.Request.Header)
	assert.Nil(t, manifest.Request.Posted)
	assert.Equal(t, "OK", manifest.Response.StatusText)
	assert.Equal(t, "{}", *manifest.Response.Content.Text)
	assert.Equal(t, "application/vnd.oci.image.manifest.v1+json", manifest.Response.Content.MimeType)
	assert.Equal(t, int64(2), manifest.Response.Content.Size)
	assert.NotContains(t, string(manifest.Ocifake), "crane/1", "the header is in the entry already")

	blob := entries[2]
	assert.Equal(t, "https://127.0.0.1:5000"+log[2].Target, blob.Request.URL)
	assert.Equal(t, "https://cdn.test/x", blob.Response.Redirect)
	assert.Equal(t, "the answer was cut short", blob.Response.Error)
	assert.Equal(t, int64(1<<20), blob.Response.Content.Size)
	assert.Nil(t, blob.Response.Content.Text)

	token := entries[3].Request
	assert.Equal(t, int64(18), token.BodySize)
	assert.Equal(t, "base64", token.Posted.Encoding)
	assert.Equal(t, "Z3JhbnRfdHlwZT3/", *token.Posted.Text)
	assert.Equal(t, "not yet answered", entries[3].Response.Error)

	assert.Equal(t, "http://unknown.invalid/%2A", entries[4].Request.URL)
	assert.Equal(t, "the client went away", entries[4].Response.Error)
}

func TestHARTimings(t *testing.T) {
	for _, c := range []struct {
		name string
		x    Exchange
		want harTimings
	}{
		{"answered", Exchange{Status: 200, First: time.Second, Duration: 3 * time.Second}, harTimings{Wait: 1000, Receive: 2000}},
		{"never answered", Exchange{Duration: time.Second}, harTimings{Wait: 1000}},
		{"negative", Exchange{Status: 200, First: -1, Duration: -1}, harTimings{}},
		{"first after the end", Exchange{Status: 200, First: 2, Duration: 1}, harTimings{Wait: 1e-6}},
	} {
		t.Run(c.name, func(t *testing.T) { assert.Equal(t, c.want, timings(&c.x)) })
	}
}

func TestHARURL(t *testing.T) {
	for _, c := range []struct{ host, target, want string }{
		{"h:5000", "/v2/?n=1&last=a", "http://h:5000/v2/?n=1&last=a"},
		{"[::1]:5000", "/v2/", "http://[::1]:5000/v2/"},
		{"h", "/token?password=[redacted]", "http://h/token?password=[redacted]"},
		{"h", "/v2/a b/\xff\"", "http://h/v2/a%20b/%FF%22"},
		{"h", "/v2/%zz", "http://h/%2Fv2%2F%25zz"},
		{"proxy", "http://h/v2/", "http://h/v2/"},
		{"h", "h:443", "http://h/h:443"},
		{"h", ".evil.test/v2/", "http://h/.evil.test%2Fv2%2F"},
		{"h", "", "http://h/"},
		{"", "/v2/", "http://unknown.invalid/v2/"},
		{"a b", "/v2/", "http://unknown.invalid/v2/"},
	} {
		t.Run(c.host+" "+c.target, func(t *testing.T) {
			x := Exchange{Host: c.host, Target: c.target}
			assert.Equal(t, c.want, absoluteURL(&x))
		})
	}
}

func TestHARServerIP(t *testing.T) {
	for host, want := range map[string]string{
		"127.0.0.1:80": "127.0.0.1", "127.0.0.1": "127.0.0.1", "[::1]:80": "::1", "[::1]": "::1",
		"[fe80::1%eth0]:80": "fe80::1", "localhost:80": "", "": "",
	} {
		assert.Equal(t, want, serverIP(host), host)
	}
}

func TestWriteHARErrors(t *testing.T) {
	full := errors.New("disk full")
	require.ErrorIs(t, pull().WriteHAR(failing{full}), full)
	require.ErrorIs(t, Log(nil).WriteHAR(failing{full}), full)
	broken := pull()
	broken[1].Op = 200
	require.ErrorContains(t, broken.WriteHAR(&bytes.Buffer{}), `record: write HAR: exchange 2: field "op": `)
}

// Only one entry is held at a time: what is written grows, the buffer does not.
func TestWriteHARStreams(t *testing.T) {
	log := make(Log, 1000)
	for i := range log {
		log[i] = pull()[1]
	}
	var largest writeSizes
	require.NoError(t, log.WriteHAR(&largest))
	assert.Less(t, largest.most, 4<<10)
	assert.Greater(t, largest.sum, 500<<10)
}

type writeSizes struct{ most, sum int }

func (s *writeSizes) Write(p []byte) (int, error) {
	s.most = max(s.most, len(p))
	s.sum += len(p)
	return len(p), nil
}

func writeHAR(t testing.TB, log Log) *bytes.Buffer {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, log.WriteHAR(&file))
	return &file
}

func entriesOf(t testing.TB, file *bytes.Buffer) []harEntry {
	t.Helper()
	var archive struct{ Log struct{ Entries []harEntry } }
	require.NoError(t, json.Unmarshal(file.Bytes(), &archive))
	for _, e := range archive.Log.Entries {
		assert.InDelta(t, e.Time, e.Timings.Send+e.Timings.Wait+e.Timings.Receive, math.SmallestNonzeroFloat64)
	}
	return archive.Log.Entries
}

func harSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile("testdata/har-schema/har.json")
	require.NoError(t, err)
	return schema
}

func validate(t testing.TB, schema *jsonschema.Schema, file string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(file))
	require.NoError(t, err)
	return schema.Validate(value)
}
