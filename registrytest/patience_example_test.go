package registrytest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// patient is a client that waits as long as it is told to, and gets a new token
// when its old one will not do.
type patient struct {
	reg   *registrytest.Registry
	token string
}

func (p *patient) manifest(ref string) error {
	for {
		request, err := http.NewRequest(http.MethodGet, p.reg.URL()+"/v2/app/manifests/"+ref, nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+p.token)
		response, err := p.reg.Client().Do(request)
		if err != nil {
			return err
		}
		response.Body.Close()
		switch response.StatusCode {
		case http.StatusOK:
			return nil
		case http.StatusTooManyRequests:
			pause, err := time.ParseDuration(response.Header.Get("Retry-After") + "s")
			if err != nil {
				return err
			}
			time.Sleep(pause)
		case http.StatusUnauthorized:
			if err := p.login(); err != nil {
				return err
			}
		default:
			return fmt.Errorf("manifest %s: %s", ref, response.Status)
		}
	}
}

func (p *patient) login() error {
	response, err := p.reg.Client().Get(p.reg.URL() + op.TokenPath + "?scope=repository:app:pull")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct{ Token string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err
	}
	p.token = answer.Token
	return nil
}

// In a bubble, a Retry-After of an hour and the expiry of a token take no time.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := registrytest.New(t, registrytest.WithInMemory(), registrytest.WithAuth(auth.Options{
			Rules: []auth.Rule{auth.Anonymous()},
			Token: &auth.TokenOptions{TTL: 5 * time.Minute},
		}))
		reg.Push(t, "app:v1", images.Random())
		reg.Inject(t, faults.On(op.ManifestGet).Times(1).Do(faults.Status(http.StatusTooManyRequests).RetryAfter(3600*time.Second)))

		begun := time.Now()
		client := &patient{reg: reg}
		require.NoError(t, client.manifest("v1"))

		require.Equal(t, time.Hour, time.Since(begun))
		reg.Assert(t, record.Op(op.Token)).Count(2) // the first one expired while the client waited
		reg.Assert(t, record.Op(op.ManifestGet)).Count(4)
	})
}
