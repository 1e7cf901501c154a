package record_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/recorder"
)

// TestLeaks sends requests to two hosts, and looks for those that show credentials to
// the second.
func TestLeaks(t *testing.T) {
	type ask struct {
		url    string
		header http.Header
		body   string // of a POST
		answer http.Header
	}
	with := func(name, value string) http.Header { return http.Header{name: {value}} }
	for _, test := range []struct {
		name string
		asks []ask
		want []uint64
	}{
		{"none", []ask{{url: "http://a.test/v2/"}, {url: "http://b.test/v2/", header: with("User-Agent", "x")}}, nil},
		{"trusted", []ask{{url: "http://a.test/v2/?token=x", header: with("Authorization", "Basic eDp5")}}, nil},
		{"Basic", []ask{{url: "http://b.test/v2/", header: with("Authorization", "Basic eDp5")}}, []uint64{1}},
		{"unknown scheme", []ask{{url: "http://b.test/v2/", header: with("Authorization", "some thing")}}, []uint64{1}},
		{"another field", []ask{{url: "http://b.test/v2/", header: with("X-Vault-Token", "x")}}, []uint64{1}},
		{"empty", []ask{{url: "http://b.test/v2/", header: with("Authorization", "")}}, nil},
		{"user in a field", []ask{{url: "http://b.test/v2/", header: with("Referer", "http://x:y@a.test/")}}, []uint64{1}},
		{"parameter", []ask{{url: "http://b.test/v2/?a=b&pwd=x"}}, []uint64{1}},
		{"parameter in place of a repository", []ask{{url: "http://b.test/v2/app/blobs/uploads/?mount=x&from=me:pw@a.test"}}, []uint64{1}},
		{"form", []ask{{url: "http://b.test/v2/token", body: "grant_type=refresh_token&refresh_token=x"}}, []uint64{1}},
		{"form without", []ask{{url: "http://b.test/v2/token", body: "service=x&scope=y"}}, nil},
		{"redirect", []ask{
			{url: "http://a.test/v2/app/blobs/x", answer: with("Location", "http://b.test/x?sig=x&se=1")},
			{url: "http://b.test/x?sig=x&se=1", header: with("Referer", "http://a.test/v2/app/blobs/x")},
			{url: "http://b.test/y?sig=x&se=1"},
		}, []uint64{3}},
		{"redirect with credentials", []ask{
			{url: "http://a.test/v2/app/blobs/x", answer: with("Location", "http://b.test/x?sig=x")},
			{url: "http://b.test/x?sig=x", header: with("Authorization", "Bearer x")},
		}, []uint64{2}},
		{"cookies", []ask{
			{url: "http://b.test/", header: with("Cookie", "a=b"), answer: with("Set-Cookie", "c=d")},
			{url: "http://b.test/", header: with("Cookie", "c=d")},
		}, []uint64{1}},
	} {
		for _, keep := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				rec := recorder.New(recorder.Options{KeepSecrets: keep})
				for _, ask := range test.asks {
					u, err := url.Parse(ask.url)
					assert.NoError(t, err)
					r := httptest.NewRequest("GET", ask.url, nil)
					if ask.body != "" {
						r = httptest.NewRequest("POST", ask.url, strings.NewReader(ask.body))
					}
					r.RequestURI, r.Host = u.RequestURI(), u.Host
					for name, values := range ask.header {
						r.Header[name] = values
					}
					rec.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						for range 2 { // to the end
							r.Body.Read(make([]byte, 1<<10))
						}
						for name, values := range ask.answer {
							w.Header()[name] = values
						}
						w.WriteHeader(http.StatusTemporaryRedirect)
					})).ServeHTTP(httptest.NewRecorder(), r)
				}
				var got []uint64
				for _, x := range rec.Log().Leaks("a.test") {
					got = append(got, x.Seq)
				}
				assert.Equal(t, test.want, got)
				if len(test.want) > 0 {
					assert.NotEmpty(t, rec.Log().Leaks(), "without hosts, nobody may get any")
				}
			})
		}
	}
}
