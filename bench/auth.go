package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/registrytest"
)

// authorized is ocifake that asks for a token, which its client has.
var authorized = []subject{{"ocifake", func() (*server, error) {
	s, reg, err := fixture(registrytest.WithAuth(auth.Options{Token: &auth.TokenOptions{TTL: 24 * time.Hour}}))
	if err != nil {
		return nil, err
	}
	token, err := askToken(reg.URL(), reg.AuthService().Password("bench", 0))
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.login = "Bearer " + token
	return s, nil
}}}

// askToken requests a token to pull the measured content.
func askToken(base, password string) (string, error) {
	r, err := http.NewRequest(http.MethodGet, base+"/v2/token?scope="+url.QueryEscape("repository:"+repository+":pull"), nil)
	if err != nil {
		return "", err
	}
	r.SetBasicAuth("bench", password)
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(r)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("token: %w", statusError(res.StatusCode))
	}
	var body struct{ Token string }
	err = json.NewDecoder(res.Body).Decode(&body)
	return body.Token, err
}
