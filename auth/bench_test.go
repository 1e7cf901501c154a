package auth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ocifake/ocifake/auth"
)

// BenchmarkHandler is what auth adds to a request with a token that is known.
func BenchmarkHandler(b *testing.B) {
	for name, options := range map[string]auth.Options{
		"Basic":  {Users: map[string]string{"alice": "secret"}},
		"JWT":    {Users: map[string]string{"alice": "secret"}, Token: &auth.TokenOptions{}},
		"opaque": {Users: map[string]string{"alice": "secret"}, Token: &auth.TokenOptions{Opaque: true}},
	} {
		b.Run(name, func(b *testing.B) {
			f := newFixture(b, options)
			r := httptest.NewRequest("HEAD", "/v2/app/manifests/v1", nil)
			as := basic("alice", "secret")
			if options.Token != nil {
				as = bearer(f.token(as, "repository:app:pull"))
			}
			as(r)
			served := 0
			handler := auth.Handler(f.service, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(w, r)
			}
			if served == 0 || w.Code != http.StatusOK {
				b.Fatal(w.Code)
			}
		})
	}
}
