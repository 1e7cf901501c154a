package upstream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ocifake/ocifake/internal/httpfield"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/recent"
	"github.com/ocifake/ocifake/op"
)

// login logs in to the registry: it answers challenges in place of the client, and keeps tokens.
// Requests to other hosts pass without credentials.
type login struct {
	next        http.RoundTripper
	base        *url.URL
	credentials func(host string) (username, password string, err error)
	now         func() time.Time

	learning shared // what the registry asks for

	mu     sync.Mutex           // of the fields below, and of those of grants
	scheme *httpfield.Challenge // of the registry; nil until it is known
	tokens *recent.Map[string, *grant]
}

// grant is what the registry gave for one kind of request.
type grant struct {
	requesting    shared // a token
	authorization string
	until         time.Time
	scopes        []string // that the registry asked for
}

const (
	maxGrants     = 1000
	tokenTimeout  = 30 * time.Second
	maxToken      = 1 << 20          // bytes of the answer of a token service
	maxDrained    = 64 << 10         // bytes of an answer that are read so that its connection can be used again
	tokenLifetime = 60 * time.Second // by default (distribution specification of tokens)
)

func newLogin(next http.RoundTripper, base *url.URL, credentials func(string) (string, string, error)) *login {
	return &login{next: next, base: base, credentials: credentials, now: time.Now, tokens: recent.NewMap[string, *grant](maxGrants)}
}

// errRefused is the error of a request whose token was refused and whose body cannot be sent twice.
var errRefused = errors.New("401: it refused the token of a request with a body, which cannot be sent twice: send the request again, which gets a new token")

// RoundTrip implements [http.RoundTripper]. A request with a body gets its token before it is sent,
// and is sent once.
func (l *login) RoundTrip(r *http.Request) (*http.Response, error) {
	if address(r.URL) != address(l.base) || r.URL.Scheme != l.base.Scheme {
		return l.next.RoundTrip(r)
	}
	info := inflight.Of(r.Context()).Info()
	g := l.grant(kindOf(info))
	hasBody := r.Body != nil && r.Body != http.NoBody
	authorization, err := l.beforehand(r.Context(), g, info, hasBody)
	if err != nil {
		if hasBody {
			err = errors.Join(err, r.Body.Close())
		}
		return nil, err
	}
	response, err := l.next.RoundTrip(with(r, authorization))
	if err != nil || response.StatusCode != http.StatusUnauthorized {
		return response, err
	}
	asked := challengeOf(response.Header)
	if asked == nil {
		return response, nil
	}
	if strings.HasPrefix(r.URL.Path, "/v2/") { // other paths of the host may ask for something else
		l.mu.Lock()
		l.scheme = asked
		l.mu.Unlock()
	}
	again, err := l.authorization(r.Context(), g, info, asked, authorization)
	if err == nil && (again == "" || again == authorization) {
		return response, nil
	}
	if err == nil && hasBody {
		err = errRefused
	}
	_, _ = io.CopyN(io.Discard, response.Body, maxDrained) // its end, or an error, is the same here
	closed := response.Body.Close()
	if err != nil {
		return nil, err
	}
	if closed != nil {
		return nil, closed
	}
	return l.next.RoundTrip(with(r, again))
}

// beforehand returns the value of Authorization for a request that has not been sent.
func (l *login) beforehand(ctx context.Context, g *grant, info *op.Info, hasBody bool) (string, error) {
	if hasBody {
		if err := l.learn(ctx); err != nil {
			return "", err
		}
	}
	return l.authorization(ctx, g, info, nil, "")
}

// with returns a copy of a request with credentials.
func with(r *http.Request, authorization string) *http.Request {
	r = r.Clone(r.Context())
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

// kindOf returns what requests have in common that need the same permission.
func kindOf(info *op.Info) string {
	if info.Repo == "" {
		return info.Op.String()
	}
	return strings.Join([]string{actions(info), info.Repo, info.From}, " ")
}

// actions returns the actions in the scope of a request.
func actions(info *op.Info) string {
	switch {
	case info.Method == http.MethodDelete && info.Op != op.UploadCancel:
		return "delete"
	case info.Method == http.MethodGet && info.Op != op.UploadStatus, info.Method == http.MethodHead:
		return "pull"
	}
	return "pull,push"
}

func (l *login) grant(kind string) *grant {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.tokens.Get(kind)
	if g == nil {
		g = new(grant)
		l.tokens.Set(kind, g)
	}
	return g
}

func (l *login) known() *httpfield.Challenge {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.scheme
}

// learn finds out what the registry asks for, unless it is known.
func (l *login) learn(ctx context.Context) error {
	known := func() bool { return l.known() != nil }
	return l.learning.do(ctx, known, func() error { return l.ping(ctx) })
}

func (l *login) ping(ctx context.Context) error {
	return askForChallenge(withLogin(ctx), l.next, l.base, func(_ *url.URL, c *httpfield.Challenge) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.scheme = cmp.Or(c, &httpfield.Challenge{}) // nothing
	})
}

// askForChallenge asks a registry for a challenge, and calls a function with the URL that was asked and
// the challenge, which is nil if there is none.
func askForChallenge(ctx context.Context, via http.RoundTripper, base *url.URL, learn func(asked *url.URL, c *httpfield.Challenge)) error {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	ping, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String()+"/v2/", http.NoBody)
	if err != nil {
		return err
	}
	response, err := via.RoundTrip(ping)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, response.Body, maxDrained) // its end, or an error, is the same here
	var c *httpfield.Challenge
	if response.StatusCode == http.StatusUnauthorized {
		c = challengeOf(response.Header)
	}
	learn(ping.URL, c)
	return response.Body.Close()
}

// challengeOf returns the challenge that can be met: Bearer before Basic. It is nil without one.
func challengeOf(h http.Header) *httpfield.Challenge {
	var found *httpfield.Challenge
	for _, field := range h["Www-Authenticate"] {
		all, _ := httpfield.Challenges(field) // those before a mistake count
		for i := range all {
			switch scheme := strings.ToLower(all[i].Scheme); {
			case scheme == "bearer" && all[i].Parameters["realm"] != "":
				return &all[i]
			case scheme == "basic" && found == nil:
				found = &all[i]
			}
		}
	}
	return found
}

// authorization returns the value of Authorization for a request, or "" if the registry asks for
// nothing. asked is the challenge to a request that had refused, if there was one.
func (l *login) authorization(ctx context.Context, g *grant, info *op.Info, asked *httpfield.Challenge, refused string) (value string, err error) {
	granted := func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		if g.authorization == "" || g.authorization == refused || !l.now().Before(g.until) {
			return false
		}
		value = g.authorization
		return true
	}
	err = g.requesting.do(ctx, granted, func() error {
		c, scopes := l.wanted(g, info, asked)
		if c == nil {
			return nil
		}
		given, lifetime, err := l.request(ctx, c, scopes)
		if err != nil || given == "" {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		g.authorization, g.until, value = given, l.now().Add(lifetime), given
		return nil
	})
	return value, err
}

// wanted returns the challenge to answer for a request, and the scopes of its token. The challenge is
// nil if the registry asks for nothing, or if what it asks for is not known.
func (l *login) wanted(g *grant, info *op.Info, asked *httpfield.Challenge) (*httpfield.Challenge, []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := asked
	if c != nil {
		g.scopes = strings.Fields(c.Parameters["scope"])
	} else if c = l.scheme; c == nil || c.Scheme == "" {
		return nil, nil
	} else if strings.EqualFold(c.Scheme, "Bearer") && info.Repo == "" && len(g.scopes) == 0 {
		return nil, nil
	}
	scopes := g.scopes
	if len(scopes) == 0 && info.Repo != "" {
		scopes = []string{"repository:" + info.Repo + ":" + actions(info)}
	}
	if from := "repository:" + info.From + ":pull"; info.From != "" && !slices.Contains(scopes, from) {
		scopes = append(slices.Clip(scopes), from)
	}
	return c, scopes
}

// request answers a challenge. Without credentials there is no answer to Basic.
func (l *login) request(ctx context.Context, c *httpfield.Challenge, scopes []string) (authorization string, lifetime time.Duration, err error) {
	username, password, err := l.credentials(hostName(l.base))
	if err != nil {
		return "", 0, fmt.Errorf("credentials for %s: %w", hostName(l.base), err)
	}
	if strings.EqualFold(c.Scheme, "Basic") {
		if username == "" && password == "" {
			return "", 0, nil
		}
		return basic(username, password), tokenLifetime, nil
	}
	token, lifetime, err := l.token(ctx, c, scopes, username, password)
	if err != nil {
		return "", 0, err
	}
	return "Bearer " + token, lifetime - lifetime/10, nil
}

// hostName returns the name under which the credentials for a registry are known.
func hostName(base *url.URL) string {
	if base.Host == dockerHubRegistry {
		return dockerHub
	}
	return base.Host
}

func basic(username, password string) string {
	r := http.Request{Header: http.Header{}}
	r.SetBasicAuth(username, password)
	return r.Header.Get("Authorization")
}

// identityToken is the user name by which Docker marks a password as an OAuth2 refresh token.
const identityToken = "<token>"

// token requests a token from the service of a challenge. It follows no redirect.
func (l *login) token(ctx context.Context, c *httpfield.Challenge, scopes []string, username, password string) (token string, lifetime time.Duration, err error) {
	at, err := l.base.Parse(c.Parameters["realm"])
	switch {
	case err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Hostname() == "" || at.User != nil:
		return "", 0, errors.New("the realm of its challenge is not an http or https URL")
	case l.base.Scheme == "https" && at.Scheme == "http":
		return "", 0, fmt.Errorf("the realm of its challenge leads from https to http at host %s", at.Host)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("token service %s: %s", at.Host, reason(err))
		}
	}()
	ctx, cancel := context.WithTimeout(withLogin(ctx), tokenTimeout)
	defer cancel()
	r, err := tokenRequest(ctx, at, c.Parameters["service"], scopes, username, password)
	if err != nil {
		return "", 0, err
	}
	response, err := l.next.RoundTrip(r)
	if err != nil {
		return "", 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxToken))
	if err != nil {
		return "", 0, err
	}
	if response.StatusCode != http.StatusOK {
		return "", 0, fmt.Errorf("status %d to a request for a token: check the credentials", response.StatusCode)
	}
	return parseToken(text)
}

func tokenRequest(ctx context.Context, at *url.URL, service string, scopes []string, username, password string) (*http.Request, error) {
	if username == identityToken {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {password}, "client_id": {"ocifake"}, "service": {service}, "scope": {strings.Join(scopes, " ")}}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), strings.NewReader(form.Encode()))
		if err == nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return r, err
	}
	query := at.Query()
	if service != "" {
		query.Set("service", service)
	}
	for _, scope := range scopes {
		query.Add("scope", scope)
	}
	at.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err == nil && username+password != "" {
		r.SetBasicAuth(username, password)
	}
	return r, err
}

// parseToken reads the answer of a token service.
func parseToken(text []byte) (token string, lifetime time.Duration, err error) {
	var given struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if err := json.Unmarshal(text, &given); err != nil {
		return "", 0, fmt.Errorf("its answer is not JSON: %w", err)
	}
	if token = given.Token; token == "" {
		token = given.AccessToken
	}
	if token == "" || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return "", 0, errors.New("its answer has no token")
	}
	lifetime = time.Duration(min(max(given.ExpiresIn, 0), int64(24*time.Hour/time.Second))) * time.Second
	if lifetime == 0 {
		lifetime = tokenLifetime
	}
	return token, lifetime, nil
}
