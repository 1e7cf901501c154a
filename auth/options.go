package auth

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/registry"
)

// Options are who may do what. The zero value lets nobody in: give it users, or
// rules for anybody.
type Options struct {
	// Users have passwords: name to password. Neither may be empty.
	Users map[string]string `json:"users"`

	// Htpasswd is the text of an Apache htpasswd file with bcrypt hashes, as
	// "htpasswd -B" writes them: further users. Their passwords have at most 72 bytes,
	// since bcrypt ignores the rest.
	Htpasswd string `json:"htpasswd"`

	// Rules allow. What no rule allows is refused. Without any, users may do
	// everything, and nobody else anything.
	Rules []Rule `json:"rules"`

	// Token asks for tokens (Bearer) that the registry's own token service gives to
	// users and, for what rules allow to everybody, to anybody. Without it, users
	// send their password with each request (Basic).
	Token *TokenOptions `json:"token"`

	// CertificateLogin takes a client certificate that TLS has verified as a login: the
	// common name of its subject is the user. By default, a certificate secures the
	// connection and says nothing about the user.
	CertificateLogin bool `json:"certificateLogin"`

	// Realm is the realm of Basic challenges. Default "ocifake".
	Realm string `json:"realm"`

	// Hide is the status for what somebody may not do who is known: 403 DENIED, 401
	// UNAUTHORIZED, or 404 NAME_UNKNOWN, as if there were no such repository; if it
	// may be pulled from, that is 403. Default 403 for users with passwords or
	// certificates, and 401 with error="insufficient_scope" for tokens.
	//
	// Whoever is not known gets 401, and so does a token that lacks what its user may
	// do. No answer reports whether a repository exists that may not be pulled from.
	Hide int `json:"hide"`

	// TrustForwarded takes the realm's scheme, host and prefix from the Forwarded or
	// X-Forwarded-* headers of a proxy.
	TrustForwarded bool `json:"trustForwarded"`
}

// Rule allows actions in repositories.
type Rule struct {
	// Users are those whom the rule is for, patterns with * for any characters; none
	// means everybody, without credentials too.
	Users []string `json:"users"`

	// Repos are patterns with * for any characters, slashes included. None means
	// all.
	Repos []string `json:"repos"`

	// Actions are "pull", "push", "delete", and "catalog" for the list of all
	// repositories. None means all.
	Actions []registry.Action `json:"actions"`
}

// Catalog is the action of listing all repositories.
const Catalog registry.Action = "catalog"

// Anonymous returns the rule that lets everybody pull from repositories; without
// patterns, from all.
func Anonymous(repos ...string) Rule {
	return Rule{Repos: repos, Actions: []registry.Action{registry.Pull}}
}

// TokenOptions are what the token service does. The zero value gives JSON Web
// Tokens that are valid for five minutes.
type TokenOptions struct {
	// Service is the name of the registry, and the audience of tokens. Default
	// "ocifake".
	Service string `json:"service"`

	// Issuer is the issuer of tokens. Default "ocifake".
	Issuer string `json:"issuer"`

	// TTL is how long a token is valid. Default 5 minutes.
	TTL time.Duration `json:"ttl"`

	// Skew is how far the clock of the token service is ahead of the registry's: a
	// fresh token is not valid yet for so long. It may be negative.
	Skew time.Duration `json:"skew"`

	// Opaque gives tokens that only the registry can read.
	Opaque bool `json:"opaque"`

	// Field is the field that has the token: "token", "access_token", or empty for
	// both.
	Field string `json:"field"`

	// OmitExpiresIn leaves out expires_in; clients then assume 60 seconds.
	OmitExpiresIn bool `json:"omitExpiresIn"`

	// FirstScopeOnly looks at the first of several scopes alone.
	FirstScopeOnly bool `json:"firstScopeOnly"`

	// PostStatus is what a POST is refused with, as services do that know GET
	// alone: 404, 405, 400 or 401. Default 0: POST works.
	PostStatus int `json:"postStatus"`

	// AnonymousStatus is what a request without credentials is refused with if it
	// would get nothing: 401 or 403. Default 0: it gets a token without scopes.
	AnonymousStatus int `json:"anonymousStatus"`
}

const (
	defaultRealm   = "ocifake"
	defaultService = "ocifake"
	defaultTTL     = 5 * time.Minute
)

func (o *Options) check() error {
	if !slices.Contains([]int{0, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, o.Hide) {
		return fmt.Errorf("hide with status %d: want 401, 403 or 404", o.Hide)
	}
	if strings.ContainsFunc(o.Realm, unicode.IsControl) {
		return fmt.Errorf("realm %q has a control character", o.Realm)
	}
	for name, password := range o.Users {
		if !validUser(name) {
			return fmt.Errorf("user %q: a name must not be empty, nor have a colon, a control or an invisible character", name)
		}
		if password == "" {
			return fmt.Errorf("user %q: the password is empty", name)
		}
		if hasControl(password) {
			return fmt.Errorf("user %q: the password has a control character, which HTTP forbids (RFC 7617, section 2)", name)
		}
		if len(password) > maxPassword {
			return fmt.Errorf("user %q: the password has more than %d bytes", name, maxPassword)
		}
	}
	for i, rule := range o.Rules {
		for _, action := range rule.Actions {
			if action != Catalog && !slices.Contains(actions, action) {
				return fmt.Errorf("rule %d: no action is called %q: want pull, push, delete or catalog", i+1, action)
			}
		}
	}
	if t := o.Token; t != nil {
		return t.check()
	}
	return nil
}

func (t *TokenOptions) check() error {
	switch {
	case strings.ContainsFunc(t.Service+t.Issuer, unicode.IsControl):
		return fmt.Errorf("token: service %q or issuer %q has a control character", t.Service, t.Issuer)
	case t.TTL < 0:
		return errors.New("token: negative TTL")
	case !slices.Contains([]string{"", tokenField, accessTokenField}, t.Field):
		return fmt.Errorf("token: field %q: want token or access_token", t.Field)
	case t.PostStatus != 0 && (t.PostStatus < 400 || t.PostStatus > 599):
		return fmt.Errorf("token: refuse POST with status %d: want an error", t.PostStatus)
	case t.AnonymousStatus != 0 && t.AnonymousStatus != http.StatusUnauthorized && t.AnonymousStatus != http.StatusForbidden:
		return fmt.Errorf("token: refuse anonymous requests with status %d: want 401 or 403", t.AnonymousStatus)
	}
	return nil
}

// policy is what rules allow.
type policy []func(user string, a Access) bool

func newPolicy(rules []Rule) policy {
	if len(rules) == 0 {
		return policy{func(user string, _ Access) bool { return user != "" }}
	}
	var p policy
	for _, rule := range rules {
		p = append(p, rule.matcher())
	}
	return p
}

func (r Rule) matcher() func(user string, a Access) bool {
	users, repos := pattern.Matcher(r.Users), pattern.Matcher(r.Repos)
	return func(user string, a Access) bool {
		action := a.Action
		if a.Catalog {
			action = Catalog
		}
		return (len(r.Users) == 0 || user != "" && users(user)) &&
			(len(r.Repos) == 0 || a.Catalog || repos(a.Repo)) &&
			(len(r.Actions) == 0 || slices.Contains(r.Actions, action))
	}
}

func (p policy) allows(user string, a Access) bool {
	return slices.ContainsFunc(p, func(allows func(string, Access) bool) bool { return allows(user, a) })
}
