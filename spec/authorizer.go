package spec

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/ocifake/ocifake/internal/httpfield"
)

// authorizer answers the challenges of a registry (RFC 9110, 11; the token
// protocol of Docker's registry). It keeps what it got for the next request of the
// same kind to the same repository.
type authorizer struct {
	client             *http.Client
	base               string // URL of the registry
	host               string // of the registry; credentials go nowhere else
	username, password string

	learn  sync.Once
	bearer map[string]string // the registry's challenge for tokens, if that is what it sends

	mu      sync.Mutex
	known   map[string]string // by kind of request: the value of Authorization
	secrets []string          // what hide replaces
}

// do sends the request that newRequest makes, and once more if it is challenged. A
// request with a body has its token first: an answer to half a body may be lost.
func (a *authorizer) do(newRequest func() (*http.Request, error)) (*http.Response, error) {
	r, err := newRequest()
	if err != nil {
		return nil, err
	}
	if r.URL.Host != a.host {
		return a.client.Do(r)
	}
	a.learn.Do(func() { a.ping(r) })
	key := kind(r)
	known := a.get(key)
	if known == "" && a.bearer != nil && r.ContentLength != 0 {
		if known, err = a.token(r, a.bearer, "repository:"+repository(r)+":pull,push"); err != nil {
			return nil, err
		}
		a.set(key, known)
	}
	if known != "" {
		r.Header.Set("Authorization", known)
	}
	response, err := a.client.Do(r)
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	authorization, err := a.accept(r, response.Header.Values("WWW-Authenticate"))
	if err == nil && (authorization == "" || authorization == known) {
		return response, nil
	}
	// Read to its end, the connection can be used again.
	_, _ = io.Copy(io.Discard, response.Body)
	response.Body.Close()
	if err != nil {
		return nil, err
	}
	a.set(key, authorization)
	if r, err = newRequest(); err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", authorization)
	return a.client.Do(r)
}

// ping finds out what the registry asks for, before a request does. What goes wrong
// shows there.
func (a *authorizer) ping(r *http.Request) {
	ping, err := http.NewRequestWithContext(r.Context(), http.MethodGet, a.base+"/v2/", http.NoBody)
	if err != nil {
		return
	}
	response, err := a.client.Do(ping)
	if err != nil {
		return
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	for _, c := range challenged(response.Header.Values("WWW-Authenticate")) {
		if strings.EqualFold(c.Scheme, "Bearer") {
			a.bearer = c.Parameters
			return
		}
	}
	if basic, err := a.accept(ping, response.Header.Values("WWW-Authenticate")); err == nil && basic != "" {
		a.set("", basic)
	}
}

// repository is the repository of a request to the registry.
func repository(r *http.Request) string {
	_, path, _ := strings.Cut(r.URL.Path, "/v2/")
	at := -1
	for _, part := range []string{"/blobs/", "/manifests/", "/tags/", "/referrers/"} {
		at = max(at, strings.LastIndex(path, part))
	}
	if at < 0 {
		return ""
	}
	return path[:at]
}

// kind is what requests have in common that need the same permission.
func kind(r *http.Request) string {
	action := "push"
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		action = "pull"
	case http.MethodDelete:
		action = "delete"
	}
	query := r.URL.Query()
	return action + " " + repository(r) + " " + query.Get("from") + " " + query.Get("mount")
}

func (a *authorizer) get(key string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if known := a.known[key]; known != "" {
		return known
	}
	return a.known[""] // Basic is for every request
}

func (a *authorizer) set(key, authorization string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[string]string{}
	}
	if strings.HasPrefix(authorization, "Basic ") {
		key = ""
	}
	a.known[key] = authorization
}

// accept returns the value of Authorization that a challenge asks for, or nothing
// if there is none that could be met.
func (a *authorizer) accept(r *http.Request, fields []string) (string, error) {
	for _, c := range challenged(fields) {
		switch {
		case strings.EqualFold(c.Scheme, "Bearer"):
			return a.token(r, c.Parameters, strings.Fields(c.Parameters["scope"])...)
		case strings.EqualFold(c.Scheme, "Basic") && a.username+a.password != "":
			basic := &http.Request{Header: http.Header{}}
			basic.SetBasicAuth(a.username, a.password)
			value := basic.Header.Get("Authorization")
			a.keep(strings.TrimPrefix(value, "Basic "))
			return value, nil
		}
	}
	return "", nil
}

// challenged returns the challenges of a registry. If a field does not follow the
// grammar, those before the mistake count, or else one with all parameters that can
// be found in it: only http-401-challenge is about the form.
func challenged(fields []string) []httpfield.Challenge {
	var all []httpfield.Challenge
	for _, field := range fields {
		some, ok := httpfield.Challenges(field)
		if !ok && len(some) == 0 {
			some = []httpfield.Challenge{anyChallenge(field)}
		}
		all = append(all, some...)
	}
	return all
}

var anyParameter = lazy(`([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))`)

// anyChallenge reads a field as one challenge, whose values need no quotes.
func anyChallenge(field string) httpfield.Challenge {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(field), " ")
	c := httpfield.Challenge{Scheme: scheme, Parameters: map[string]string{}}
	for _, m := range anyParameter().FindAllStringSubmatch(rest, -1) {
		c.Parameters[strings.ToLower(m[1])] = strings.ReplaceAll(m[2], `\`, "") + m[3]
	}
	return c
}

// token gets a token from the service that a Bearer challenge names.
func (a *authorizer) token(r *http.Request, challenge map[string]string, scopes ...string) (string, error) {
	realm, err := r.URL.Parse(challenge["realm"])
	if err != nil {
		return "", fmt.Errorf("realm of the token service: %w", err)
	}
	query := realm.Query()
	query.Set("service", challenge["service"])
	if from := r.URL.Query().Get("from"); from != "" {
		// Not every registry asks for the source of a mount; clients do without being asked.
		scopes = append(scopes, "repository:"+from+":pull")
	}
	query["scope"] = append(query["scope"], scopes...)
	realm.RawQuery = query.Encode()
	ask, err := http.NewRequestWithContext(r.Context(), http.MethodGet, realm.String(), http.NoBody)
	if err != nil {
		return "", err
	}
	if a.username+a.password != "" {
		ask.SetBasicAuth(a.username, a.password)
	}
	response, err := a.client.Do(ask)
	if err != nil {
		return "", withoutQuery(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", fmt.Errorf("token service %s: %w", realm.Redacted(), err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("token service %s: status %d: %s", realm.Redacted(), response.StatusCode, body)
	}
	var given struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(body, &given); err != nil {
		return "", fmt.Errorf("token service %s: %w", realm.Redacted(), err)
	}
	if given.Token == "" {
		given.Token = given.AccessToken
	}
	a.keep(given.Token)
	return "Bearer " + given.Token, nil
}

// leastSecret is the length in bytes from which on text is hidden: shorter words
// are parts of others.
const leastSecret = 4

// keep has hide replace a secret.
func (a *authorizer) keep(secret string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(secret) >= leastSecret && !slices.Contains(a.secrets, secret) {
		a.secrets = append(a.secrets, secret)
	}
}

// hide replaces the credentials in a text that a registry may have a part in.
func (a *authorizer) hide(text string) string {
	a.keep(a.password)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, secret := range a.secrets {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return text
}

// withoutQuery keeps what a URL may carry out of an error.
func withoutQuery(err error) error {
	if e, ok := err.(*url.Error); ok {
		return fmt.Errorf("token service: %w", e.Err)
	}
	return err
}
