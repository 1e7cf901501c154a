package kept

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// secrets are the texts that gave access to the host: credentials, tokens, cookies, and the parameters
// of signed URLs. They are in memory, to find them in what is written.
type secrets map[string]bool

const (
	minSecret  = 6      // bytes; shorter parameters are not secret
	maxSecrets = 50_000 // in memory
)

func (s secrets) add(text string) {
	if len(text) >= minSecret && len(s) < maxSecrets {
		s[text] = true
	}
}

// ofHeader adds those in the fields of a request and its answer.
func (s secrets) ofHeader(request http.Header, answer *http.Response) {
	for _, value := range request["Authorization"] {
		_, credentials, _ := strings.Cut(value, " ")
		s.add(credentials)
		if plain, err := base64.StdEncoding.DecodeString(credentials); err == nil {
			_, password, _ := strings.Cut(string(plain), ":")
			s.add(password)
		}
	}
	for _, cookie := range answer.Cookies() {
		s.add(cookie.Value)
	}
	if answer.StatusCode/100 != 3 {
		return
	}
	if at, err := url.Parse(answer.Header.Get("Location")); err == nil {
		for _, values := range at.Query() {
			for _, value := range values {
				s.add(value)
			}
		}
	}
}

// ofBody adds those in the answer of a token service.
func (s secrets) ofBody(body []byte) {
	var token struct {
		Token   string `json:"token"`
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(body, &token) == nil {
		s.add(token.Token)
		s.add(token.Access)
		s.add(token.Refresh)
	}
}

// isIn reports whether a text contains one of them.
func (s secrets) isIn(text string) bool {
	for secret := range s {
		if strings.Contains(text, secret) {
			return true
		}
	}
	return false
}
