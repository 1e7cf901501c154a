package record

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ocifake/ocifake/op"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadHAROfChrome(t *testing.T) {
	log := readFile(t, "testdata/chrome.har")
	blob, manifest := log[0], log[1]
	assert.Equal(t, op.BlobGet, blob.Op, "sorted by start")
	assert.Equal(t, uint64(1), blob.Seq)
	assert.Equal(t, "lib/app", blob.Repo)
	assert.Equal(t, "docker.io", blob.Namespace)
	assert.Equal(t, "reg.test", blob.Host)
	assert.Equal(t, "/v2/lib/app/blobs/"+string(blob.Digest)+"?ns=docker.io", blob.Target)
	assert.Equal(t, "HTTP/2.0", blob.Proto)
	assert.True(t, blob.Secure)
	assert.Equal(t, &TLS{ServerName: "reg.test"}, blob.TLS)
	assert.Equal(t, http.Header{"Range": {"bytes=0-4"}}, blob.Header)
	assert.Equal(t, http.Header{"Docker-Content-Digest": {"sha256:2cf2"}}, blob.ResponseHeader)
	assert.Equal(t, "hello", string(blob.ResponseBody))
	assert.Equal(t, int64(5), blob.ResponseBytes)
	assert.Equal(t, time.Date(2026, 3, 1, 12, 0, 1, 490e6, time.UTC), blob.Start)
	assert.Equal(t, 10*time.Millisecond, blob.First)
	assert.Equal(t, 100*time.Millisecond, blob.Duration)
	assert.Equal(t, 1, blob.InFlight)

	assert.Equal(t, op.ManifestPut, manifest.Op)
	assert.Equal(t, "v1", manifest.Info.Tag)
	assert.Equal(t, "Bearer", manifest.Scheme)
	assert.Regexp(t, `^Bearer \[redacted:token:[0-9a-f]{16}\]$`, manifest.Header.Get("Authorization"))
	assert.Equal(t, "{}", string(manifest.RequestBody))
	assert.Equal(t, int64(2), manifest.RequestBytes)
	assert.Equal(t, 400, manifest.Status)
	assert.Equal(t, []string{"MANIFEST_INVALID"}, manifest.Codes)
	assert.Equal(t, 10*time.Millisecond, manifest.First)
	assert.Equal(t, 20250*time.Microsecond, manifest.Duration)
	assert.Equal(t, 2, manifest.InFlight)
	assert.NotEqual(t, blob.Conn, manifest.Conn)
	assert.NotContains(t, manifest.Header, "Host")

	back, err := ReadHAR(writeHAR(t, log))
	require.NoError(t, err)
	requireSame(t, log, back)
}

func TestReadHAROfFirefox(t *testing.T) {
	log := readFile(t, "testdata/firefox.har")
	ping, icon := log[0], log[1]
	assert.Equal(t, op.Ping, ping.Op)
	assert.Equal(t, "HTTP/2.0", ping.Proto)
	assert.Nil(t, ping.TLS)
	assert.Equal(t, op.Unknown, icon.Op)
	assert.Contains(t, icon.Target, "favicon%zz")
	assert.Equal(t, 0, icon.Status)
	assert.Zero(t, icon.Conn)
}

// Credentials in a file of another program are taken out, and tell who it was.
func TestReadHARRedacts(t *testing.T) {
	const file = `{"log":{"entries":[{"startedDateTime":"2026-03-01T12:00:00Z",
		"request":{"method":"POST","url":"https://ann:s3cret@reg.test/token?scope=repository:app:pull&password=s3cret",
			"headers":[{"name":"authorization","value":"Basic YW5uOnMzY3JldA=="},{"name":"cookie","value":"id=s3cret"}],
			"postData":{"mimeType":"application/x-www-form-urlencoded","text":"username=ann&password=s3cret"}},
		"response":{"status":200,"headers":[{"name":"set-cookie","value":"id=s3cret"}],
			"content":{"size":20,"mimeType":"application/json","text":"{\"token\":\"s3cret\",\"expires_in\":60}"}}}]}}`
	log, err := ReadHAR(strings.NewReader(file))
	require.NoError(t, err)
	x := log[0]
	assert.Equal(t, "Basic", x.Scheme)
	assert.Equal(t, "ann", x.Subject)
	assert.Equal(t, "reg.test", x.Host)
	require.Len(t, x.RequestSecrets(), 2)
	password, cookie := x.RequestSecrets()[0].Fingerprint, x.RequestSecrets()[1].Fingerprint
	assert.Equal(t, "/token?scope=repository:app:pull&password=[redacted:password:"+password+"]", x.Target)
	assert.Equal(t, http.Header{
		"Authorization": {"Basic [redacted:password:" + password + "]"}, "Cookie": {"[redacted:secret:" + cookie + "]"},
	}, x.Header)
	assert.Equal(t, "username=ann&password=[redacted:password:"+password+"]", string(x.RequestBody))
	assert.Equal(t, `{"token":"[redacted:token:`+password+`]","expires_in":60}`, string(x.ResponseBody))
	assert.Equal(t, []Secret{{"secret", cookie}, {"token", password}}, x.ResponseSecrets())
	back := writeHAR(t, log).String()
	assert.NotContains(t, back, "s3cret")
	assert.NotContains(t, back, "YW5uOnMzY3JldA")

	again, err := ReadHAR(strings.NewReader(back))
	require.NoError(t, err)
	assert.Equal(t, x, again[0])
	foreign, err := ReadHAR(strings.NewReader(strings.ReplaceAll(back, "_ocifake", "_other")))
	require.NoError(t, err)
	assert.Equal(t, x.RequestSecrets(), foreign[0].RequestSecrets(), "what is redacted already is kept")
	assert.Equal(t, x.ResponseSecrets(), foreign[0].ResponseSecrets())
	other, err := ReadHAR(strings.NewReader(file))
	require.NoError(t, err)
	assert.NotEqual(t, x.Target, other[0].Target, "each reading has a key of its own")
}

func TestReadHARTolerates(t *testing.T) {
	file := writeHAR(t, pull()).String()
	for name, in := range map[string]string{
		"byte order mark":   "\ufeff" + file,
		"other members":     strings.Replace(file, `{"log":{`, `{"_x":[{}],"log":{"_y":{"z":[1]},`, 1),
		"pretty":            strings.ReplaceAll(file, `,"`, ",\n  \""),
		"unknown in entry":  strings.ReplaceAll(file, `"cache":{}`, `"cache":{"comment":"x"},"pageref":"p","_z":1`),
		"entries backwards": backwards(file),
	} {
		t.Run(name, func(t *testing.T) {
			back, err := ReadHAR(strings.NewReader(in))
			require.NoError(t, err)
			requireSame(t, pull(), back)
		})
	}
}

// backwards turns the order of the entries, one to a line.
func backwards(file string) string {
	lines := strings.Split(strings.TrimSuffix(file, "\n"), "\n")
	out := lines[0]
	for i := len(lines) - 2; i > 0; i-- {
		out += strings.TrimSuffix(lines[i], ",")
		if i > 1 {
			out += ","
		}
	}
	return out + lines[len(lines)-1]
}

func TestReadHARErrors(t *testing.T) {
	entry := func(request string) string {
		return `{"startedDateTime":"2026-01-01T00:00:00Z","request":{"method":"GET","url":"http://h/v2/"` + request + `}`
	}
	for _, c := range []struct{ name, in, want string }{
		{"nothing", ``, "it ends too early"},
		{"no object", `[]`, `there is [ in place of "{"`},
		{"no log", `{}`, `there is no "log" in it`},
		{"no entries", `{"log":{"version":"1.2"}}`, `there are no "entries" in the log`},
		{"entries no list", `{"log":{"entries":{}}}`, `entries: there is { in place of "["`},
		{"more after it", `{"log":{"entries":[]}} x`, "there is more after the archive"},
		{"cut between entries", `{"log":{"entries":[` + entry("}") + `,`, "entry 2: it ends too early"},
		{"cut in an entry", `{"log":{"entries":[` + entry("}") + `,{"time":`, "entry 2: it ends too early"},
		{"null entry", `{"log":{"entries":[null]}}`, "entry 1: is null"},
		{"empty entry", `{"log":{"entries":[{}]}}`, "entry 1: startedDateTime is missing"},
		{"no method", `{"log":{"entries":[{"startedDateTime":"2026-01-01T00:00:00Z"}]}}`, "entry 1: request.method is missing"},
		{"bad time", `{"log":{"entries":[` + strings.Replace(entry("}"), "2026", "soon", 1) + `]}}`, "entry 1: startedDateTime: parsing time"},
		{"far time", `{"log":{"entries":[` + strings.Replace(entry("}"), "2026-01-01T00:00:00Z", "0000-01-01T00:00:00+01:00", 1) + `]}}`, "entry 1: startedDateTime: the year is out of range"},
		{"bad kind", `{"log":{"entries":[` + entry(`,"headers":[{"name":1}]}`) + `]}}`, "entry 1: request.headers.name: a JSON number does not fit string"},
		{"bad base64", `{"log":{"entries":[` + entry(`,"postData":{"text":"?","encoding":"base64"}}`) + `]}}`, "entry 1: request.postData.text: illegal base64"},
		{"bad encoding", `{"log":{"entries":[` + entry(`},"response":{"content":{"text":"x","encoding":"gzip"}}`) + `]}}`, `entry 1: response.content.text: unknown encoding "gzip"`},
		{"ours, incomplete", `{"log":{"entries":[` + entry(`},"_ocifake":{"seq":1}`) + `]}}`, `entry 1: _ocifake: field "start" is missing`},
		{"ours, unknown field", `{"log":{"entries":[` + entry(`},"_ocifake":{"size":1}`) + `]}}`, `entry 1: _ocifake: unknown field "size"`},
		{"not UTF-8", `{"log":{"entries":[` + entry(`,"httpVersion":"`+"\xff"+`"}`) + `]}}`, "entry 1: is not UTF-8"},
		{"deep", `{"log":{"pages":` + strings.Repeat("[", 1<<20), `"pages": invalid character '[' exceeded max depth`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ReadHAR(strings.NewReader(c.in))
			require.ErrorContains(t, err, "record: read HAR: "+c.want)
		})
	}
}

func TestReadHARLimits(t *testing.T) {
	file := writeHAR(t, pull()).String()
	for _, c := range []struct {
		name string
		in   io.Reader
		max  limits
		read int
		want string
	}{
		{"long entry", strings.NewReader(file), limits{entry: 1100, log: 1 << 20}, 2, "entry 3: a value is too long"},
		{"endless", io.MultiReader(strings.NewReader(`{"log":{"comment":"`), endless{}), limits{entry: 1 << 20, log: 1 << 20}, 0, `"comment": a value is too long`},
		{"endless space", io.MultiReader(strings.NewReader(`{"log":`), endless{}), limits{entry: 1 << 20, log: 1 << 20}, 0, "a value is too long"},
		{"many", strings.NewReader(file), limits{entry: 1 << 20, log: 20 << 10}, 2, "entry 3: there are too many exchanges"},
		{"read error", io.MultiReader(strings.NewReader(file[:len(file)/2]), iotest.ErrReader(errors.New("gone"))), defaultLimits, 2, "gone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			log, err := readHAR(c.in, c.max)
			require.ErrorContains(t, err, c.want)
			assert.Len(t, log, c.read)
		})
	}
}

func TestRenumbered(t *testing.T) {
	at := func(ms, duration int) Exchange {
		return Exchange{Start: time.UnixMilli(int64(ms)), Duration: time.Duration(duration) * time.Millisecond}
	}
	log := Log{at(30, 0), at(0, 10), at(5, 20), at(10, 5), at(25, 5)}.renumbered()
	var inFlight []int
	for i, x := range log {
		assert.Equal(t, uint64(i+1), x.Seq)
		inFlight = append(inFlight, x.InFlight)
	}
	assert.Equal(t, []int{1, 2, 2, 1, 1}, inFlight)
}

func readFile(t testing.TB, name string) Log {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	log, err := ReadHAR(file)
	require.NoError(t, err)
	require.Len(t, log, 2)
	return log
}
