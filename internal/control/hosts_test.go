package control_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/control"
)

// TestHosts: the hosts are listed as the document says, and a reset begins their tokens and limits
// anew.
func TestHosts(t *testing.T) {
	renewed, fails := 0, false
	f := start(t, setup{
		world: func() control.Hosts {
			return control.Hosts{
				Proxy: "http://127.0.0.1:5000", CA: "-----BEGIN CERTIFICATE-----",
				Hosts: []control.Host{{Name: "ghcr.io", Port: "443", Aliases: []string{}, Profile: "ghcr"}},
				Asked: []control.Asked{{Host: "quay.io", Count: 2, Passed: true}},
			}
		},
		renew: func() error {
			renewed++
			if fails {
				return errors.New("no")
			}
			return nil
		},
	})
	d := readDocument(t, f)
	a := f.v1(t, 200, "GET", "hosts", "")
	d.check(t, d.Paths["/_ocifake/v1/hosts"]["get"], a)
	assert.Contains(t, a.body, `"asked":[{"host":"quay.io","count":2,"passed":true}]`)
	f.v1(t, 204, "POST", "reset?what=requests", "")
	assert.Zero(t, renewed)
	f.v1(t, 204, "POST", "reset?what=tokens", "")
	f.v1(t, 204, "POST", "reset", "")
	assert.Equal(t, 2, renewed)
	fails = true
	f.v1(t, 409, "POST", "reset", "")
}
