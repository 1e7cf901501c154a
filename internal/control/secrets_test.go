package control_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/record"
)

// The parts that a request with a secret is made of; %s is the secret.
var (
	secretNames = []string{
		"token", "access_token", "pwd", "passphrase", "private_key", "X-Amz-Signature", "sig", "api_key", "clientSecret", "PASSWORD",
		"X-Vault-Token", "X-Registry-Token", "Docker-Authorization", "Api-Key", "Cf-Access-Client-Secret", "X-Auth", "Cookie", "Authorization",
	}
	secretTexts = []string{
		"https://me:%s@hub.test/app", "https://%s@hub.test", "//me:a%s@hub.test:443/?a=b", "me:%s@hub.test:443", "https://me:pa/%s@hub.test",
		"https://hub.test/?NAME=%s", "/x?a=b&NAME=%s&c=d#e", "https://hub.test/#NAME=%s", "NAME=%s", "a=1;NAME=%s", "/?NAME=a%%26%s", "/?x=Bearer+%s",
		"/?x=eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.%s", "/?user[NAME]=%s", "https://a.test/, https://me:%s@b.test/",
		"https://me:a%%20%s@hub.test", "me:a%%26%s@hub.test:443", "/?NAME=a%%22%s",
	}
	fieldTexts = []string{
		"%s", "0;url=%s", "<%s>; rel=\"next\"", "Bearer realm=\"%s\",service=\"x\"", "a=1, b=\"%s\"", "https://a.test/?next=%s", "text before %s",
	}
	fieldNames = []string{
		"X-Original-Url", "Refresh", "Destination", "Referer", "Link", "Location", "Origin", "User-Agent", "X-Anything", "Www-Authenticate",
		"Content-Location", "Warning", "Accept",
	}
	targets = []string{
		"/v2/app/tags/list?ns=%s", "/v2/app/blobs/uploads/?mount=sha256:0&from=%s", "/v2/app/manifests/v1?a=%s&b=c", "/v2/app/tags/list?last=%s", "/proxy/%s",
		"/v2/%s/manifests/v1", "/v2/app/manifests/%s", "/v2/app/blobs/uploads/%s", "/v2/app/manifests/v1?tag=%s", "/?%s", "/v2/token?scope=%s",
	}
)

// talk is a request and its answer.
type talk struct {
	method, target string
	asked          http.Header
	answered       http.Header
	body           string // of a refusal
}

func pick(list []string, n uint8) string { return list[int(n)%len(list)] }

// newTalk puts a secret into a place, encoded several times.
func newTalk(secret, around string, place, name, text, form, depth uint8) talk {
	t := talk{method: "GET", target: "/v2/app/tags/list", asked: http.Header{}, answered: http.Header{}}
	value := fmt.Sprintf(strings.ReplaceAll(pick(secretTexts, text), "NAME", pick(secretNames, name)), secret)
	for range depth % 6 {
		value = url.QueryEscape(value)
	}
	field := around + " " + fmt.Sprintf(pick(fieldTexts, form), value)
	switch place % 8 {
	case 0:
		t.asked.Set(pick(secretNames[10:], name), secret)
	case 1:
		t.answered.Set(pick(secretNames[10:], name), around+secret)
	case 2:
		t.asked.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("me:"+secret)))
		t.answered.Set("X-Auth-Request-Data", "Bearer "+secret)
	case 3:
		t.asked.Set(pick(fieldNames, form), field)
	case 4:
		t.answered.Set(pick(fieldNames, form), field)
		t.body = field
	case 5:
		t.method, t.target = "CONNECT", "me:"+secret+"@hub.test:443"
	case 6:
		t.target = fmt.Sprintf(pick(targets, form), value) + "&" + url.QueryEscape(around)
		t.body = fmt.Sprintf("not found: %q", t.target)
	case 7:
		t.target = "/v2/app/tags/list?" + url.QueryEscape(around) + "&a=" + url.QueryEscape(value)
		if u, err := url.Parse(t.target); err == nil {
			t.body = fmt.Sprintf("not found: %s", u.Query().Get("a"))
		}
	}
	return t
}

// FuzzSecrets: no secret that was in a header or in a URL is in anything that is made of the record,
// and what is made of it has the fingerprints of the record.
func FuzzSecrets(f *testing.F) {
	for i := range uint8(len(secretNames)) {
		for place := range uint8(8) {
			f.Add(uint64(i), "", place, i, i, i+place, i)
			f.Add(uint64(i), `"x=\"y%`, place, i, i+place, i, place)
		}
	}
	f.Add(uint64(0), "0", uint8(6), uint8(0), uint8(10), uint8(0), uint8(0)) // an encoded separator in a secret in ns
	var lines bytes.Buffer
	log := slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	reg := start(f, setup{network: new(server.Network), record: recorder.Options{Log: log}})
	reg.api.Close() // so that streams of events end
	f.Fuzz(func(t *testing.T, seed uint64, around string, place, name, text, form, depth uint8) {
		secret := fmt.Sprintf("hU5h%xZ", seed)
		talk := newTalk(secret, around, place, name, text, form, depth)
		if strings.Contains(around, "hU5h") {
			return
		}
		r := &http.Request{Method: talk.method, RequestURI: talk.target, Host: "hub.test", Header: talk.asked, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
		var err error
		if r.URL, err = url.ParseRequestURI(talk.target); err != nil {
			r.URL = &url.URL{Host: talk.target}
		}
		lines.Reset()
		reg.recorder.Clear()
		reg.recorder.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for name, values := range talk.answered {
				w.Header()[name] = values
			}
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, `{"errors":[{"code":"UNSUPPORTED","message":%q}]}`, talk.body)
		})).ServeHTTP(httptest.NewRecorder(), r.WithContext(t.Context()))

		records := reg.recorder.Log()
		require.Len(t, records, 1)
		assert.NotContains(t, lines.String(), secret, "log")
		exchange := fmt.Sprintf("%+v", records[0])
		assert.NotContains(t, exchange, secret, "exchange")
		known := record.Secrets(exchange + string(records[0].ResponseBody))
		assert.Subset(t, known, record.Secrets(lines.String()), "log")
		for _, path := range []string{"requests", fmt.Sprintf("requests/%d", records[0].Seq), "requests.har", "requests.jsonl", "journal.txt", "transcript.txt", "events"} {
			w := reg.serve(httptest.NewRequest("GET", "http://localhost/_ocifake/v1/"+path, nil))
			require.Equal(t, http.StatusOK, w.Code, path)
			assert.NotContains(t, w.Body.String(), secret, path)
			found := record.Secrets(w.Body.String())
			if strings.HasSuffix(path, ".txt") {
				assert.Empty(t, found, path)
			} else {
				assert.Subset(t, known, found, path)
				if path != "events" && utf8.ValidString(exchange) { // the stream has ended; other strings are in base64
					assert.Equal(t, len(known) > 0, len(found) > 0, path)
				}
			}
		}
		if t.Failed() {
			t.Logf("%+v", talk)
		}
	})
}

// TestHarmlessStays: what looks like a secret, and is none, is on record.
func TestHarmlessStays(t *testing.T) {
	reg := start(t, setup{network: new(server.Network)})
	digest := "sha256:" + strings.Repeat("0", 64)
	asked := map[string]string{
		"Accept": "application/vnd.oci.image.index.v1+json;q=0.9, */*", "X-Request-Id": "0123-4567", "User-Agent": "crane/1 (mailto:me@hub.test)",
		"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "X-Image": "hub.test:5000/app:v1@" + digest,
		"X-Original-Url": "https://hub.test:5000/v2/app/tags/list?n=1&last=v1", "X-Auth-User": "me", "Range": "bytes=0-9",
	}
	target := "/v2/app/manifests/" + digest + "?ns=docker.io&from=lib%2Fa&next_token=5"
	a := reg.ask(t, "GET", target, "", func(r *http.Request) {
		for name, value := range asked {
			r.Header.Set(name, value)
		}
	})
	require.Equal(t, http.StatusNotFound, a.StatusCode)
	x := get[list](t, reg, "requests").Requests[0]
	assert.Equal(t, target, x.Target)
	assert.Equal(t, a.body, string(x.ResponseBody))
	for name, value := range asked {
		assert.Equal(t, value, x.Header.Get(name), name)
	}
}
