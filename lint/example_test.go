package lint_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/registrytest"
)

func ExampleCheck() {
	t := &testing.T{} // a test gets its own
	reg := registrytest.New(t)
	defer reg.Close()
	r, _ := http.NewRequest(http.MethodGet, reg.URL()+"/v2/app/manifests/v1", nil)
	r.Header.Set("User-Agent", "mytool/1.2")
	answer, err := reg.Client().Do(r)
	if err != nil {
		fmt.Println(err)
		return
	}
	answer.Body.Close()
	for _, f := range lint.Check(reg.Requests()).Findings {
		fmt.Println(f)
	}
	// Output:
	// should: accept-missing: GET of manifest app:v1 has no Accept with the types that the client supports
}
