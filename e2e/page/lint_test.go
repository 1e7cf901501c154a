package page

import (
	"net/http"
	"testing"

	"github.com/ocifake/ocifake/images"
)

// The page shows what clients do wrong, and follows new requests.
func TestLint(t *testing.T) {
	r := serve(t, "", "")
	r.push(t, "app:v1", images.Random())
	p := open(t, r.page("#/lint"))
	p.waitText("#lint .findings", "user-agent-default") // of the request by which the server was awaited

	r.send(t, http.MethodGet, "/v2/app/manifests/v1", "")
	p.waitText(`#lint [data-rule="accept-missing"]`, "should")
	p.waitText(`#lint [data-rule="accept-missing"]`, "The client SHOULD include an `Accept` header")
	p.waitText(`#lint [data-rule="accept-missing"]`, "GET of manifest app:v1")
	p.click(`#lint [data-rule="accept-missing"] a`)
	p.waitText(".pane", "/v2/app/manifests/v1")
}
