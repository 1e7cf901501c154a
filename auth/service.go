package auth

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/httpfield"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Service is the [Authenticator] that [New] returns. Its methods are safe for concurrent use.
type Service struct {
	options Options
	users   *users
	policy  policy
	tokens  *tokens // nil: Basic
}

// New returns a Service with the given options.
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

// credentialsError is the reason why credentials other than tokens are refused.
type credentialsError string

func (e credentialsError) Error() string { return string(e) }
func (e credentialsError) Unwrap() error {
	return &registry.Error{Cause: registry.Unauthorized, Message: string(e)}
}

const (
	errPassword credentialsError = "the user is unknown, or the password is wrong" // not which
	errHeaders  credentialsError = "more than one Authorization header"            // of which others may see another
)

// Authenticate implements [Authenticator].
func (s *Service) Authenticate(r *http.Request) (Identity, error) {
	s.must("Authenticate")
	must.NotNil("auth: Service.Authenticate: r", r)
	values := r.Header["Authorization"]
	switch {
	case len(values) == 0:
		return s.certified(r), nil
	case len(values) > 1:
		return Identity{}, errHeaders
	}
	want := "Basic"
	if s.tokens != nil {
		want = "Bearer"
	}
	scheme, rest := credentials(values[0])
	if s.tokens != nil && s.tokens.options.AllowBasic && strings.EqualFold(scheme, "Basic") {
		want = "Basic"
	}
	switch {
	case !strings.EqualFold(scheme, want):
		return Identity{}, credentialsError("the registry takes credentials of the scheme " + want)
	case s.tokens != nil && want == "Bearer":
		return s.tokens.verify(rest)
	}
	return s.basic(values[0])
}

// credentials splits the value of an Authorization header: the scheme, one or more
// spaces, and the rest (RFC 9110, 11.4).
func credentials(value string) (scheme, rest string) {
	scheme, rest, _ = strings.Cut(value, " ")
	return scheme, strings.TrimLeft(rest, " ")
}

// basic checks a user and a password (RFC 7617).
func (s *Service) basic(value string) (Identity, error) {
	scheme, encoded := credentials(value)
	if !strings.EqualFold(scheme, "Basic") || strings.ContainsAny(encoded, "\r\n") { // which the decoder skips
		return Identity{}, errPassword
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	name, password, ok := strings.Cut(string(decoded), ":")
	if err != nil || !ok || !s.users.check(name, password) {
		return Identity{}, errPassword
	}
	return Identity{Subject: name, Scheme: "Basic"}, nil
}

// certified returns the identity of a verified client certificate, if certificates are
// logins.
func (s *Service) certified(r *http.Request) Identity {
	if !s.options.CertificateLogin || r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return Identity{}
	}
	return Identity{Subject: r.TLS.VerifiedChains[0][0].Subject.CommonName, Scheme: "Certificate"}
}

// Authorize implements [Authenticator].
func (s *Service) Authorize(_ context.Context, who Identity, a Access) error {
	s.must("Authorize")
	if who.Scheme == "Bearer" && !a.Entry && !s.tokens.options.Unscoped {
		if covers(who.Granted, a) {
			return nil
		}
		return s.refusal(who, a)
	}
	if s.tokens != nil && s.tokens.options.Required && who.Scheme == "" && !a.Entry {
		return s.refusal(who, a)
	}
	if a == (Access{}) && (s.options.OpenPing || who.Subject != "" || who.Scheme == "Bearer") || a != (Access{}) && s.policy.allows(who.Subject, a) {
		return nil
	}
	return s.refusal(who, a)
}

// refusal returns the error for an access that is not allowed. It does not depend on the
// content of the registry.
func (s *Service) refusal(who Identity, a Access) error {
	cause, what := s.refusalCause(who, a), "the registry"
	switch { // the first two are what the registry says
	case cause == registry.NameUnknown:
		return &registry.Error{Cause: cause, Message: "there is no repository " + a.Repo + ": push to it first", Detail: map[string]string{"name": a.Repo}}
	case cause == registry.NotEnabled:
		return &registry.Error{Cause: cause, Message: "the catalog is disabled"}
	case a.Catalog:
		what = "the list of repositories"
	case a.Repo != "":
		what = fmt.Sprintf("%s in repository %s", a.Action, a.Repo)
	}
	e := &registry.Error{Cause: cause, Message: fmt.Sprintf("%s: access to %s is not allowed", cmp.Or(who.Subject, "anonymous"), what)}
	if scope, ok := scopeFor(a); ok {
		e.Detail = s.detail(scope, a)
	}
	return e
}

// detail returns the detail of a refusal for want of a scope.
func (s *Service) detail(scope Scope, a Access) any {
	if len(s.options.Detail) == 0 {
		return []Scope{scope}
	}
	scopes := []Scope{scope}
	if source, ok := sourceScope(a); ok {
		scopes = append(scopes, source)
	}
	var entries []map[string]string
	for _, scope := range scopes {
		for _, action := range scope.Actions {
			entry := map[string]string{}
			for _, name := range s.options.Detail {
				entry[name] = map[string]string{"Type": scope.Type, "Name": scope.Name, "Action": action}[name]
			}
			entries = append(entries, entry)
		}
	}
	return entries
}

func (s *Service) refusalCause(who Identity, a Access) registry.Cause {
	switch bearer := who.Scheme == "Bearer"; {
	case who.Subject == "", bearer && s.policy.allows(who.Subject, a):
		return registry.Unauthorized // to log in, or to get another token, helps
	case s.options.Hide == http.StatusUnauthorized, s.options.Hide == 0 && bearer:
		return registry.Unauthorized
	case s.options.Hide != http.StatusNotFound:
		return registry.Denied
	case a.Catalog:
		return registry.NotEnabled
	case s.policy.allows(who.Subject, Access{Repo: a.Repo, Action: registry.Pull}):
		return registry.Denied // it is seen already
	}
	return registry.NameUnknown
}

// Challenge implements [Authenticator].
func (s *Service) Challenge(r *http.Request, a Access, failure error) []string {
	s.must("Challenge")
	must.NotNil("auth: Service.Challenge: r", r)
	basic := "Basic realm=" + httpfield.Quote(cmp.Or(s.options.Realm, defaultRealm))
	if s.tokens == nil {
		return []string{basic}
	}
	text := fmt.Sprintf("Bearer realm=%s,service=%s", httpfield.Quote(s.RealmURL(r)), httpfield.Quote(s.serviceFor(r)))
	_, state := inflight.Begin(r)
	if fixed := s.tokens.options.Scope; fixed != "" {
		text += `,scope="` + fixed + `"`
	} else if scope, ok := scopeFor(known(state.Info(), a)); ok {
		text += `,scope="` + scope.String()
		if source, ok := sourceScope(a); ok {
			text += " " + source.String()
		}
		text += `"`
	}
	var token tokenError
	var credentials credentialsError
	switch {
	case errors.As(failure, &token):
		text += `,error="invalid_token"`
	case r.Header.Get("Authorization") == "", errors.As(failure, &credentials):
		// no token, nothing to say of it (RFC 6750, 3.1)
	default:
		text += `,error="insufficient_scope"`
	}
	if s.tokens.options.AllowBasic {
		return []string{text, basic}
	}
	return []string{text}
}

// ChallengeTo returns the values of WWW-Authenticate for a 401 to a request for any reason.
func (s *Service) ChallengeTo(r *http.Request) []string {
	s.must("ChallengeTo")
	must.NotNil("auth: Service.ChallengeTo: r", r)
	_, state := inflight.Begin(r)
	return s.Challenge(r, asked(s, state.Info()), registry.Unauthorized)
}

// RealmURL returns the URL of the token service for the sender of a request.
func (s *Service) RealmURL(r *http.Request) string {
	s.must("RealmURL")
	must.NotNil("auth: Service.RealmURL: r", r)
	origin, prefix := inflight.Base(r, s.options.TrustForwarded)
	return origin + prefix + s.TokenPath()
}

// TokenPath returns the path of the token endpoint, below the prefix of the API.
func (s *Service) TokenPath() string {
	s.must("TokenPath")
	if s.tokens == nil {
		return op.TokenPath
	}
	return cmp.Or(s.tokens.options.Path, op.TokenPath)
}

// ServiceName returns the service of Bearer challenges, or "" for Basic. It can contain {host}, for
// which the host of the request stands in a challenge.
func (s *Service) ServiceName() string {
	s.must("ServiceName")
	if s.tokens == nil {
		return ""
	}
	return cmp.Or(s.tokens.options.Service, defaultService)
}

// serviceFor returns the service of Bearer challenges for the sender of a request.
func (s *Service) serviceFor(r *http.Request) string {
	origin, _ := inflight.Base(r, s.options.TrustForwarded)
	return s.tokens.service(origin)
}

// mountSource returns [TokenOptions.MountSource].
func (s *Service) mountSource() string {
	if s.tokens == nil {
		return ""
	}
	return s.tokens.options.MountSource
}

// ScopeFor returns the scope that a request needs, "repository:app:pull", or "".
func (s *Service) ScopeFor(info *op.Info) string {
	s.must("ScopeFor")
	must.NotNil("auth: Service.ScopeFor: info", info)
	if scope, ok := scopeFor(known(info, needed(info))); ok {
		return scope.String()
	}
	return ""
}

// Users returns the sorted names of the users with passwords, and the names and patterns of
// the rules.
func (s *Service) Users() []string {
	s.must("Users")
	names := map[string]bool{}
	for name := range s.users.plain {
		names[name] = true
	}
	for name := range s.users.bcrypt {
		names[name] = true
	}
	for _, rule := range s.options.Rules {
		for _, pattern := range rule.Users {
			names[pattern] = true
		}
	}
	all := slices.Collect(maps.Keys(names))
	sort.Strings(all)
	return all
}

// Password returns a new password for any user. Cloud registries issue such passwords for a
// fixed user, such as "AWS". The password expires after ttl, or never if ttl is 0.
func (s *Service) Password(user string, ttl time.Duration) string {
	s.must("Password")
	return s.users.issue(user, ttl)
}

// must panics if the Service is nil.
func (s *Service) must(method string) {
	if s == nil {
		panic("auth: " + method + ": the Service is nil: the registry was started without auth.Options")
	}
}

// RevokeAll revokes all tokens, refresh tokens and passwords that were issued. The passwords
// of [Options] stay valid.
func (s *Service) RevokeAll() {
	s.must("RevokeAll")
	s.users.revoke()
	if s.tokens != nil {
		s.tokens.revokeAll()
	}
}

// Next sets the lives of the next tokens, one each. Later tokens live as long as
// [TokenOptions] says.
func (s *Service) Next(lives ...Life) {
	s.must("Next")
	if s.tokens != nil {
		s.tokens.next(lives)
	}
}
