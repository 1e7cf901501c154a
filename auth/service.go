package auth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Service is the [Auth] that [New] makes. It knows client certificates, too: their
// subject's common name is the user.
type Service struct {
	options Options
	users   *users
	policy  policy
	tokens  *tokens // nil: Basic
}

// New returns the Auth that options describe.
func New(options Options) (*Service, error) {
	if err := options.check(); err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	u, err := newUsers(&options)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	s := &Service{options: options, users: u, policy: newPolicy(options.Rules)}
	if options.Token != nil {
		s.tokens = newTokens(*options.Token)
	}
	return s, nil
}

// errPassword does not say what is wrong with what.
var errPassword = &registry.Error{Cause: registry.Unauthorized, Message: "the user is unknown, or the password is wrong"}

// Authenticate implements [Auth].
func (s *Service) Authenticate(r *http.Request) (Identity, error) {
	values := r.Header["Authorization"]
	switch {
	case len(values) == 0:
		return certified(r), nil
	case len(values) > 1:
		return Identity{}, &registry.Error{Cause: registry.Unauthorized, Message: "more than one Authorization header"}
	}
	scheme, rest, _ := strings.Cut(values[0], " ")
	switch {
	case strings.EqualFold(scheme, "Basic") && s.tokens == nil:
		return s.basic(r)
	case strings.EqualFold(scheme, "Bearer") && s.tokens != nil:
		return s.tokens.verify(strings.TrimLeft(rest, " "))
	}
	want := "Basic"
	if s.tokens != nil {
		want = "Bearer"
	}
	return Identity{}, &registry.Error{Cause: registry.Unauthorized, Message: "the registry takes credentials of the scheme " + want}
}

func (s *Service) basic(r *http.Request) (Identity, error) {
	name, password, ok := r.BasicAuth()
	if !ok || !s.users.check(name, password) {
		return Identity{}, errPassword
	}
	return Identity{Subject: name, Scheme: "Basic"}, nil
}

// certified returns who has a client certificate that TLS has verified.
func certified(r *http.Request) Identity {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return Identity{}
	}
	return Identity{Subject: r.TLS.VerifiedChains[0][0].Subject.CommonName, Scheme: "Certificate"}
}

// Authorize implements [Auth].
func (s *Service) Authorize(_ context.Context, who Identity, a Access) error {
	if who.Scheme == "Bearer" && !a.Entry {
		if covers(who.Granted, a) {
			return nil
		}
		return s.refusal(who, a)
	}
	if a == (Access{}) && who.Subject != "" || a != (Access{}) && s.policy.allows(who.Subject, a) {
		return nil
	}
	return s.refusal(who, a)
}

// refusal is the error for what somebody may not do.
func (s *Service) refusal(who Identity, a Access) error {
	cause := registry.Denied
	if who.Scheme == "Bearer" {
		cause = registry.Unauthorized
	}
	switch s.options.Hide {
	case http.StatusUnauthorized:
		cause = registry.Unauthorized
	case http.StatusForbidden:
		cause = registry.Denied
	case http.StatusNotFound:
		cause = registry.NameUnknown
	}
	if who.Scheme == "" {
		cause = registry.Unauthorized
	}
	what := "the registry"
	switch {
	case a.Catalog:
		what = "the list of repositories"
	case a.Repo != "":
		what = fmt.Sprintf("%s in repository %s", a.Action, a.Repo)
	}
	if cause == registry.NameUnknown {
		return &registry.Error{Cause: cause, Message: "there is no repository " + a.Repo}
	}
	return &registry.Error{Cause: cause, Message: fmt.Sprintf("%s: access to %s is not allowed", cmp.Or(who.Subject, "anonymous"), what), Detail: scopeDetail(a)}
}

func scopeDetail(a Access) any {
	scope, err := ParseScope(scopeFor(a))
	if err != nil {
		return nil
	}
	return []Scope{scope}
}

// Challenge implements [Auth].
func (s *Service) Challenge(r *http.Request, a Access, failure error) []string {
	if s.tokens == nil {
		return []string{`Basic realm="` + quoted.Replace(cmp.Or(s.options.Realm, defaultRealm)) + `"`}
	}
	text := fmt.Sprintf(`Bearer realm="%s",service="%s"`, quoted.Replace(s.RealmURL(r)), quoted.Replace(s.tokens.service()))
	if scope := scopeFor(a); scope != "" && op.ValidRepository(a.Repo) || a.Catalog {
		text += `,scope="` + scope + `"`
	}
	switch {
	case errors.Is(failure, errToken):
		text += `,error="invalid_token"`
	case r.Header.Get("Authorization") != "":
		text += `,error="insufficient_scope"`
	}
	return []string{text}
}

var quoted = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// RealmURL returns where the token service is for who sends a request.
func (s *Service) RealmURL(r *http.Request) string {
	origin, prefix := op.Base(r, s.options.TrustForwarded)
	return origin + prefix + op.TokenPath
}

// ServiceName returns the service of Bearer challenges, or is empty for Basic.
func (s *Service) ServiceName() string {
	if s.tokens == nil {
		return ""
	}
	return s.tokens.service()
}

// ScopeFor returns the scope that a request needs, "repository:app:pull", or nothing.
func (s *Service) ScopeFor(info *op.Info) string { return scopeFor(Needed(info)) }

// Password makes a further password for a user, whom nobody need have named before:
// what cloud registries give out as a token for a fixed user, such as "AWS". It
// is valid for some time; 0 means for ever.
func (s *Service) Password(user string, ttl time.Duration) string { return s.users.issue(user, ttl) }

// RevokeAll makes all tokens, refresh tokens and passwords invalid that were given
// out until now.
func (s *Service) RevokeAll() {
	s.users.revoke()
	if s.tokens != nil {
		s.tokens.revokeAll()
	}
}

// Next says how the next tokens that are given out live, each in turn. Those after
// live as [TokenOptions] says.
func (s *Service) Next(lives ...Life) {
	if s.tokens != nil {
		s.tokens.next(lives)
	}
}
