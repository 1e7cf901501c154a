package lint_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// challenge is what a host asks for: "Basic", or "Bearer" with the realm and the service.
type challenge struct {
	scheme         string
	realm, service string
}

// token is a token of a host for scopes.
type token struct {
	host    string
	scopes  []string
	value   string
	expires time.Time
}

// login asks the registry once what credentials it wants.
func (c *client) login() error {
	q := call{method: http.MethodGet, url: c.base + "/v2/"}
	a, err := c.once(q, "")
	if err != nil {
		return err
	}
	if a.status == http.StatusUnauthorized && c.learn(q.url, a.header.Values("WWW-Authenticate")) || a.status == http.StatusOK {
		return nil
	}
	return &statusError{q, a}
}

// authorized sends a request with the credentials that its host asks for. If the host refuses them,
// it gets new ones and sends the request once more.
func (c *client) authorized(q call) (*answer, error) {
	if c.has("ping-repeated", "before each request") {
		if err := c.login(); err != nil {
			return nil, err
		}
	}
	if c.has("password-not-token", "Basic first each time") && c.trusts(q.url) {
		c.once(q, c.basic())
	}
	credentials, err := c.credentials(q, false)
	if err != nil {
		return nil, err
	}
	a, err := c.once(q, credentials)
	if err != nil || a.status != http.StatusUnauthorized || !c.trusts(q.url) {
		return a, err
	}
	if !c.learn(q.url, a.header.Values("WWW-Authenticate")) {
		return a, nil
	}
	if c.id == "token-repeated" && credentials != "" {
		return c.repeat(q, credentials, a)
	}
	c.forget(credentials)
	renewed, err := c.credentials(q, true)
	if err != nil || renewed == "" || renewed == credentials {
		return a, err
	}
	return c.once(q, renewed)
}

// trusts reports whether a URL is one of the registry: only that gets credentials.
func (c *client) trusts(address string) bool {
	return strings.HasPrefix(address, c.base+"/")
}

// learn takes the challenge of a host from WWW-Authenticate, and reports whether it knows one.
func (c *client) learn(address string, values []string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, scheme := range []string{"Bearer", "Basic"} {
		for _, value := range values {
			word, rest, _ := strings.Cut(value, " ")
			if !strings.EqualFold(word, scheme) {
				continue
			}
			parameters := parameters(rest)
			c.challenges[host(address)] = challenge{scheme, parameters["realm"], parameters["service"]}
			return true
		}
	}
	return false
}

// parameters reads the parameters of a challenge.
func parameters(text string) map[string]string {
	found := map[string]string{}
	for text != "" {
		name, rest, ok := strings.Cut(text, "=")
		if !ok {
			break
		}
		value := rest
		if strings.HasPrefix(rest, `"`) {
			value, rest, _ = strings.Cut(rest[1:], `"`)
		} else {
			value, rest, _ = strings.Cut(rest, ",")
		}
		found[strings.ToLower(strings.Trim(name, ", "))] = strings.TrimSpace(value)
		text = rest
	}
	return found
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// credentials returns the Authorization for a request: none before the host has asked for one, and
// none for a host other than the registry. challenged reports whether the request itself was refused.
func (c *client) credentials(q call, challenged bool) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.id == "credentials-redirected" && c.variant != "key in a field of its own" && host(q.url) != host(c.base) {
		return c.carried(), nil
	}
	wanted, ok := c.challenges[host(q.url)]
	switch {
	case !ok || !c.trusts(q.url):
		return "", nil
	case c.has("token-each-request", "each request is challenged") && !challenged:
		return "", nil
	case wanted.scheme == "Basic":
		return c.basic(), nil
	case c.id == "password-not-token" && c.variant == "Basic after the challenge":
		return c.basic(), nil
	case c.id == "password-not-token" && c.variant == "Basic for writes" && strings.Contains(q.scope, "push"):
		return c.basic(), nil
	}
	t, err := c.token(host(q.url), wanted, q.scope)
	if err != nil {
		return "", err
	}
	return "Bearer " + t, nil
}

func (c *client) basic() string {
	if c.user == "" {
		return ""
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.user+":"+c.password))
}

// token returns a token for scopes, from an earlier request if there is one that lasts.
func (c *client) token(host string, wanted challenge, scope string) (string, error) {
	scopes := strings.Fields(scope)
	for _, t := range c.tokens {
		if c.has("token-repeated", "token without the scope") {
			return t.value, nil
		}
		if t.host == host && covers(t.scopes, scopes) && time.Until(t.expires) > 5*time.Second && c.id != "token-each-request" {
			return t.value, nil
		}
	}
	t, err := c.newToken(wanted, c.asked(scopes))
	if err != nil {
		return "", err
	}
	c.tokens = append(c.tokens, token{host, scopes, t.value, t.expires})
	return t.value, nil
}

// asked returns the scopes for which the client asks: those that it needs.
func (c *client) asked(scopes []string) []string {
	switch {
	case len(scopes) == 0:
		return nil
	case c.has("scope-missing", "no parameter"):
		return nil
	case c.has("scope-missing", "empty parameter"):
		return []string{""}
	case c.has("scope-too-wide", "push for a pull"):
		return []string{strings.Replace(scopes[0], ":pull", ":pull,push", 1)}
	case c.has("scope-too-wide", "every action"):
		return []string{scopes[0][:strings.LastIndex(scopes[0], ":")] + ":*"}
	case c.has("scope-too-wide", "another repository"):
		return append(slices.Clone(scopes), "repository:library:pull,push")
	case c.has("scope-too-wide", "the catalog as well"):
		return append(slices.Clone(scopes), "registry:catalog:*")
	case c.has("scope-too-wide", "delete with a push"):
		return []string{strings.Replace(scopes[0], "push", "push,delete", 1)}
	}
	return scopes
}

// newToken gets a token from the realm of a challenge.
func (c *client) newToken(wanted challenge, scopes []string) (token, error) {
	query := url.Values{"service": {wanted.service}}
	if len(scopes) > 0 {
		query["scope"] = scopes
	}
	if c.has("credentials-in-url", "password in the query of the token request") {
		query.Set("account", c.user)
		query.Set("password", c.password)
	}
	q := call{method: http.MethodGet, url: wanted.realm + "?" + query.Encode()}
	begin := time.Now()
	a, err := c.tokenAnswer(q)
	if err != nil {
		return token{}, err
	}
	var body struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"`
	}
	if err := json.Unmarshal(a.body, &body); err != nil {
		return token{}, fmt.Errorf("token: %w", err)
	}
	if body.Token == "" {
		body.Token = body.AccessToken
	}
	if body.ExpiresIn == 0 {
		body.ExpiresIn = 60
	}
	if c.id == "token-repeated" {
		body.ExpiresIn = 1 << 20 // it does not ask when the token expires
	}
	return token{value: body.Token, expires: begin.Add(time.Duration(body.ExpiresIn) * time.Second)}, nil
}

// tokenAnswer sends a request to a token service, and repeats it after failures that pass.
func (c *client) tokenAnswer(q call) (*answer, error) {
	for attempt := 1; ; attempt++ {
		a, err := c.once(q, c.basic())
		wait, again := c.backoff(q, a, err, attempt)
		switch {
		case again && attempt < c.attempts():
			c.pause(wait)
		case err != nil:
			return nil, err
		case a.status != http.StatusOK:
			return nil, &statusError{q, a}
		default:
			return a, nil
		}
	}
}

// covers reports whether scopes that were granted include those that are needed.
func covers(granted, needed []string) bool {
	for _, n := range needed {
		at := strings.LastIndex(n, ":")
		if !slices.ContainsFunc(granted, func(g string) bool {
			rest, ok := strings.CutPrefix(g, n[:at+1])
			if !ok {
				return false
			}
			for action := range strings.SplitSeq(n[at+1:], ",") {
				if !slices.Contains(strings.Split(rest, ","), action) {
					return false
				}
			}
			return true
		}) {
			return false
		}
	}
	return len(needed) > 0 || len(granted) == 0
}

// forget drops a token that was refused.
func (c *client) forget(credentials string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens = slices.DeleteFunc(c.tokens, func(t token) bool { return "Bearer "+t.value == credentials })
}

// carried returns credentials of the registry for another host, which must not get them.
func (c *client) carried() string {
	if len(c.tokens) > 0 && c.variant != "the password" {
		return "Bearer " + c.tokens[len(c.tokens)-1].value
	}
	return c.basic()
}

// repeat sends a request with a token again that was refused.
func (c *client) repeat(q call, credentials string, a *answer) (*answer, error) {
	var err error
	for range 2 {
		if c.variant == "after a pause" {
			c.pause(5 * time.Second)
		}
		if a, err = c.once(q, credentials); err != nil || a.status != http.StatusUnauthorized {
			return a, err
		}
	}
	return a, nil
}
