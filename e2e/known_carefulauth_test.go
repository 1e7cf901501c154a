package e2e

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	authTries  = 3               // of a request whose credentials are refused
	freshPause = 2 * time.Second // before credentials that were refused when fresh are asked for again
)

// ask makes a request, with the credentials that the registry asks for. If it refuses
// fresh ones, there is one more try with others, after a pause: clocks and replicas may
// be behind.
func (c *carefulClient) ask(s *session, method, target string, header http.Header, body []byte) (r reply, err error) {
	if s.login == nil {
		return c.send(s, method, target, header, body, password)
	}
	for try := range authTries {
		r, err = c.send(s, method, target, header, body, c.credentials)
		refused := r.status == http.StatusUnauthorized && r.url.Host == s.base.Host
		if !refused || try == authTries-1 {
			break
		}
		if try > 0 {
			time.Sleep(freshPause)
		}
		if err := c.answer(s, method, r); err != nil {
			return r, err
		}
	}
	return r, err
}

// answer gets the credentials that a challenge asks for: a token rather than a
// password. Some registries send challenges from /v2/ only.
func (c *carefulClient) answer(s *session, method string, refusal reply) error {
	challenges := parseChallenges(refusal)
	if len(challenges) == 0 {
		ping, _ := c.send(s, http.MethodGet, c.url(s, s.base.Host, ""), nil, nil, "")
		challenges = parseChallenges(ping)
	}
	if bearer, ok := challenges["bearer"]; ok {
		if bearer["scope"] == "" {
			bearer["scope"] = scopeOf(method, refusal.url)
		}
		return c.fetchToken(s, bearer)
	}
	if _, ok := challenges["basic"]; ok {
		c.credentials = basicOf(s)
		return nil
	}
	return fmt.Errorf("%s: status %d without a challenge that is known", refusal.url.Redacted(), refusal.status)
}

var parameter = regexp.MustCompile(`([\w-]+)="([^"]*)"`)

// parseChallenges returns the parameters of challenges by their schemes, one from each
// field.
func parseChallenges(r reply) map[string]map[string]string {
	challenges := map[string]map[string]string{}
	for _, field := range r.header.Values("WWW-Authenticate") {
		scheme, rest, _ := strings.Cut(field, " ")
		parameters := map[string]string{}
		for _, match := range parameter.FindAllStringSubmatch(rest, -1) {
			parameters[strings.ToLower(match[1])] = match[2]
		}
		challenges[strings.ToLower(scheme)] = parameters
	}
	return challenges
}

var inRepository = regexp.MustCompile(`^/v2/(.+)/(manifests|blobs|tags|referrers)/`)

// scopeOf is the scope that a request needs.
func scopeOf(method string, u *url.URL) string {
	match := inRepository.FindStringSubmatch(u.Path)
	if match == nil {
		return ""
	}
	if method == http.MethodGet || method == http.MethodHead {
		return "repository:" + match[1] + ":pull"
	}
	return "repository:" + match[1] + ":pull,push"
}

func basicOf(s *session) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(s.login.Username+":"+s.login.Password))
}

// fetchToken asks for a token for all that was needed until now. Nobody said that
// another host may see the password.
func (c *carefulClient) fetchToken(s *session, challenge map[string]string) error {
	realm, err := s.base.Parse(challenge["realm"])
	if err != nil {
		return fmt.Errorf("cannot read realm: %w", err)
	}
	if realm.Host != s.base.Host || s.tls() && realm.Scheme != "https" {
		return fmt.Errorf("the password would go to %s", realm)
	}
	if scope := challenge["scope"]; scope != "" && !slices.Contains(c.scopes, scope) {
		c.scopes = append(c.scopes, scope)
	}
	return again(func() error {
		r, err := c.requestToken(s, *realm, challenge["service"])
		if err != nil {
			return err
		}
		var got struct {
			Token       string
			AccessToken string `json:"access_token"`
		}
		if json.Unmarshal(r.body, &got) != nil || got.Token+got.AccessToken == "" {
			return fmt.Errorf("%s: this is no token, but %s", realm, r.header.Get("Content-Type"))
		}
		c.credentials = "Bearer " + cmp.Or(got.Token, got.AccessToken)
		return nil
	})
}

// requestToken asks with GET, which all services know, in the end. Those that know
// nothing else refuse POST with all kinds of status.
func (c *carefulClient) requestToken(s *session, realm url.URL, service string) (reply, error) {
	if c.post {
		form := url.Values{
			"grant_type": {"password"},
			"username":   {s.login.Username},
			"password":   {s.login.Password},
			"client_id":  {"careful"},
			"service":    {service},
			"scope":      {strings.Join(c.scopes, " ")},
		}
		header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		r, err := c.send(s, http.MethodPost, realm.String(), header, []byte(form.Encode()), "")
		var t *temporary
		if err == nil || errors.As(err, &t) {
			return r, err
		}
	}
	query := realm.Query()
	query.Set("service", service)
	query["scope"] = c.scopes
	realm.RawQuery = query.Encode()
	return c.send(s, http.MethodGet, realm.String(), nil, nil, basicOf(s))
}

func carefulPullWithPost(s *session, ref, dir string) error {
	c := newCareful()
	c.post = true
	return c.pull(s, ref, dir)
}
