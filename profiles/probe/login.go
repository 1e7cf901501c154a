package probe

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/ocifake/ocifake/internal/evidence"
	"github.com/ocifake/ocifake/internal/httpfield"
	"github.com/ocifake/ocifake/op"
)

// login answers challenges with the credentials of the target.
type login struct {
	user, password string
	sent           map[string]string // Authorization by the kind of a request, see kindOf
}

// kindOf returns which requests need the same access: those with a method in a repository.
func kindOf(r *http.Request) string {
	path := r.URL.Path
	for _, end := range []string{"/blobs/", "/manifests/", "/tags/", "/referrers/"} {
		path, _, _ = strings.Cut(path, end)
	}
	if query := r.URL.Query(); query.Has("mount") {
		path += " from " + query.Get("from")
	}
	return r.Method + " " + path
}

// credentials returns the Authorization that a challenge asks for, or "" if there is none.
func (s *session) credentials(a *answer) (string, error) {
	if c, ok := a.Challenge("bearer"); ok {
		if a.Op == op.BlobMount { // the challenge can name the target alone, or the source too
			c.Parameters["scope"] += " repository:" + s.other + ":pull"
			if a.From != "" && a.From != s.other {
				c.Parameters["scope"] += " repository:" + a.From + ":pull"
			}
		}
		token, err := s.token(c, s.login.user != "")
		if err != nil || token == "" {
			return "", err
		}
		return "Bearer " + token, nil
	}
	if _, ok := a.Challenge("basic"); ok && s.login.user != "" {
		return s.basic(), nil
	}
	return "", nil
}

func (s *session) basic() string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(s.login.user, s.login.password)
	return r.Header.Get("Authorization")
}

// token returns a token for a challenge, or "" if there is none.
func (s *session) token(c httpfield.Challenge, asUser bool) (string, error) {
	a, err := s.askToken(c, asUser)
	var body struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if err != nil || a.Status != http.StatusOK || json.Unmarshal(a.Body, &body) != nil {
		return "", err
	}
	return cmp.Or(body.Token, body.AccessToken), nil
}

// askToken asks the service of a challenge for a token.
func (s *session) askToken(c httpfield.Challenge, asUser bool) (*answer, error) {
	at, err := s.realm(c)
	if err != nil {
		return nil, err
	}
	query := at.Query()
	if service := c.Parameters["service"]; service != "" {
		query.Set("service", service)
	}
	for _, scope := range strings.Fields(c.Parameters["scope"]) {
		query.Add("scope", scope)
	}
	at.RawQuery = query.Encode()
	header := http.Header{}
	if asUser {
		header.Set("Authorization", s.basic())
	}
	return s.do(http.MethodGet, at, nil, header)
}

// postToken asks the service of a challenge for a token as OAuth2 clients do.
func (s *session) postToken(c httpfield.Challenge) (*answer, error) {
	at, err := s.realm(c)
	if err != nil {
		return nil, err
	}
	form := url.Values{
		"grant_type": {"password"}, "client_id": {"ocifake"}, "service": {c.Parameters["service"]}, "scope": {c.Parameters["scope"]},
		"username": {s.login.user}, "password": {s.login.password},
	}
	return s.do(http.MethodPost, at, []byte(form.Encode()), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
}

// realm returns the URL of the token service. Credentials go to it only over TLS, or if it is on
// the registry's own host.
func (s *session) realm(c httpfield.Challenge) (*url.URL, error) {
	at, err := url.Parse(c.Parameters["realm"])
	if err != nil || at.Host == "" || at.Scheme != "https" && at.Hostname() != s.base.Hostname() {
		return nil, errUnknown
	}
	return at, nil
}

// challenged returns the challenge to a pull without credentials.
func (s *session) challenged() (*answer, httpfield.Challenge, error) {
	a, err := s.anonymous(http.MethodGet, s.path("/tags/list"), "")
	if err != nil {
		return nil, httpfield.Challenge{}, err
	}
	c, ok := a.Challenge("bearer")
	if !ok {
		return a, c, errUnknown
	}
	return a, c, nil
}

// anonymous sends a request with the given Authorization only, or without one.
func (s *session) anonymous(method, target, authorization string) (*answer, error) {
	at, err := s.resolve(target)
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	if authorization != "" {
		header.Set("Authorization", authorization)
	}
	return s.do(method, at, nil, header)
}

// scheme measures the scheme. Without a challenge to a push there is none.
func scheme(s *session) (string, string, error) {
	a, err := s.anonymous(http.MethodPost, s.path("/blobs/uploads/"), "")
	switch {
	case err != nil:
		return "", "", err
	case a.Status == http.StatusAccepted:
		return "none", "a POST without credentials is answered with 202", nil
	}
	v, ok := a.Shows("auth.scheme")
	if !ok {
		return "", "", errUnknown
	}
	return v.Value, v.Seen, nil
}

// pulls measures whether anonymous clients can pull what the user has pushed.
func pulls(s *session) (string, string, error) {
	if value, _, err := scheme(s); err != nil || value == "none" {
		return "", "", orUnknown(err)
	}
	refused, c, err := s.challenged()
	if refused == nil {
		return "", "", err
	}
	if _, err := s.pushImage(s.repo, "anonymous"); err != nil {
		return "", "", err
	}
	if a, err := s.anonymous(http.MethodGet, s.path("/manifests/anonymous"), ""); err != nil || a.Succeeded() {
		return "open", "a pull without credentials is answered with 200", err
	}
	if err != nil { // there is no challenge of tokens
		return "none", "a pull without credentials is refused", nil
	}
	token, err := s.token(c, false)
	if err != nil || token == "" {
		return "none", "there is no token without credentials", err
	}
	if a, err := s.anonymous(http.MethodGet, s.path("/manifests/anonymous"), "Bearer "+token); err != nil || a.Succeeded() {
		return "token", "a pull with a token without credentials is answered with 200", err
	}
	return "none", "a pull with a token without credentials is refused", nil
}

// openTo measures whether a path of the registry as a whole needs credentials, if other requests do.
func openTo(path string) func(*session) (string, string, error) {
	return func(s *session) (string, string, error) {
		if value, _, err := scheme(s); err != nil || value == "none" {
			return "", "", orUnknown(err)
		}
		a, err := s.anonymous(http.MethodGet, path, "")
		switch {
		case err != nil:
			return "", "", err
		case a.Succeeded():
			return "open", "GET " + path + " without credentials is answered with " + a.Outcome(), nil
		case a.Status == http.StatusUnauthorized:
			return "credentials", "GET " + path + " without credentials is answered with " + a.Outcome(), nil
		}
		return "", "", errUnknown
	}
}

// issued returns the answer of the token service.
func issued(s *session) (*answer, error) {
	_, c, err := s.challenged()
	if err != nil {
		return nil, err
	}
	return s.askToken(c, s.login.user != "")
}

// posted returns the answer of the token service to a POST.
func posted(s *session) (*answer, error) {
	_, c, err := s.challenged()
	if err != nil || s.login.user == "" {
		return nil, orUnknown(err)
	}
	return s.postToken(c)
}

// refused returns the answer to a pull without credentials.
func refused(s *session) (*answer, error) {
	a, err := s.anonymous(http.MethodGet, s.path("/tags/list"), "")
	if err == nil && a.Status != http.StatusUnauthorized { // everyone may read
		a, err = s.anonymous(http.MethodPost, s.path("/blobs/uploads/"), "")
	}
	if err == nil && a.Status != http.StatusUnauthorized {
		err = errUnknown
	}
	return a, err
}

type answer = evidence.Exchange
