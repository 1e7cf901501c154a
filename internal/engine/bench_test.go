package engine_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
)

// nobody is a ResponseWriter that forgets.
type nobody struct{ header http.Header }

func (n nobody) Header() http.Header         { return n.header }
func (n nobody) Write(p []byte) (int, error) { return len(p), nil }
func (n nobody) WriteHeader(int)             {}

// Rules that do not match: half of them for other operations, half for the same in
// other repositories.
func BenchmarkRulesThatDoNotMatch(b *testing.B) {
	for _, n := range []int{0, 2, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			e := engine.New(nil)
			for i := range n / 2 {
				if err := e.Add(on("", op.BlobGet), on("", op.ManifestHead).Repo(fmt.Sprintf("team/other-%d", i))); err != nil {
					b.Fatal(err)
				}
			}
			handler := e.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			r, _ := inflight.Begin(httptest.NewRequest(http.MethodHead, "/v2/app/manifests/v1", nil))
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(nobody{}, r)
			}
		})
	}
}
