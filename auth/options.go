package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Options are the users and their permissions. The zero value allows nothing: add users, or
// rules for everybody.
type Options struct {
	// Users maps user names to passwords. Neither may be empty.
	Users map[string]string `json:"users"`

	// Htpasswd is the content of an Apache htpasswd file with more users and bcrypt hashes,
	// as "htpasswd -B" writes them. Passwords have at most 72 bytes, the limit of bcrypt.
	Htpasswd string `json:"htpasswd"`

	// Rules allow access. What no rule allows is refused. Without rules, users may do
	// everything, and nobody else may do anything.
	Rules []Rule `json:"rules"`

	// Token, if not nil, requires tokens (Bearer), which the registry's own token service
	// issues to users, and to anybody for what the rules allow everybody. Without it,
	// users send their password with each request (Basic).
	Token *TokenOptions `json:"token"`

	// CertificateLogin accepts a verified client certificate as a login: the common name of
	// its subject is the user. By default, a certificate does not identify a user.
	CertificateLogin bool `json:"certificateLogin"`

	// Realm is the realm of Basic challenges. Default "ocifake".
	Realm string `json:"realm"`

	// OpenPing answers GET /v2/ without credentials, too, so that a client learns that it needs
	// some from the refusal of another request. It has no effect with [TokenOptions.Required].
	OpenPing bool `json:"openPing"`

	// Detail are the fields of the detail of a refusal, such as Type, Name and Action: the detail
	// then has an entry for each action that is missing. Fields with other names are empty. By
	// default, the detail has an entry with type, name and actions.
	Detail []string `json:"detail"`

	// Hide is the status of the answer to an authenticated user without access: 403 DENIED,
	// 401 UNAUTHORIZED, or 404 NAME_UNKNOWN, as if the repository did not exist; if the user
	// may pull from the repository, 404 becomes 403. Default: 403 for users with passwords
	// or certificates, and 401 with error="insufficient_scope" for tokens.
	//
	// An anonymous client gets 401, and so does a token that lacks an access that its user
	// has. No answer reveals whether a repository exists from which the client may not pull.
	Hide int `json:"hide"`

	// TrustForwarded takes the scheme, host and prefix of the realm from the Forwarded or
	// X-Forwarded-* header fields of a proxy.
	TrustForwarded bool `json:"trustForwarded"`
}

// Rule allows actions in repositories.
type Rule struct {
	// Users are the users to whom the rule applies, as patterns in which * matches any
	// characters. An empty list means everybody, including anonymous clients.
	Users []string `json:"users"`

	// Repos are patterns of repositories in which * matches any characters, including
	// slashes. An empty list means all repositories.
	Repos []string `json:"repos"`

	// Actions are "pull", "push", "delete", and "catalog" for the list of all
	// repositories. An empty list means all actions.
	Actions []registry.Action `json:"actions"`
}

// Catalog is the action of listing all repositories.
const Catalog registry.Action = "catalog"

// Anonymous returns a rule that lets everybody pull from repositories that match the
// patterns, or from all repositories without patterns.
func Anonymous(repos ...string) Rule {
	return Rule{Repos: repos, Actions: []registry.Action{registry.Pull}}
}

// TokenOptions configure the token service. The zero value issues JSON Web Tokens that are
// valid for five minutes.
type TokenOptions struct {
	// Service is the name of the registry, and the audience of tokens. {host} in it stands for
	// the host of the request; the audience is then the default. Default "ocifake".
	Service string `json:"service"`

	// Path is the path of the token endpoint, below the prefix of the API. It must not be a path
	// of the distribution API. Default [op.TokenPath].
	Path string `json:"path"`

	// Scope is the scope of every challenge. Default: the scope that the request needs.
	Scope string `json:"scope"`

	// Issuer is the issuer of tokens. Default "ocifake".
	Issuer string `json:"issuer"`

	// TTL is the lifetime of a token. Default 5 minutes.
	TTL time.Duration `json:"ttl"`

	// Skew is the time by which the clock of the token service is ahead of the registry's:
	// a new token becomes valid after it. It may be negative.
	Skew time.Duration `json:"skew"`

	// Opaque issues tokens that only the registry can read.
	Opaque bool `json:"opaque"`

	// Field is the field of the answer with the token: "token" or "access_token". Default:
	// both.
	Field string `json:"field"`

	// OmitExpiresIn omits expires_in. Clients then assume 60 seconds.
	OmitExpiresIn bool `json:"omitExpiresIn"`

	// Unscoped tokens allow everything that their user may do. The scopes of a request for a
	// token are ignored.
	Unscoped bool `json:"unscoped"`

	// MountSource says when a client needs the scope of the repository from which a mount pulls:
	// "named" if the challenge to a mount names it from the first, together with the target, and
	// "ignored" if a mount needs no such scope: without it, the mount is answered with an upload
	// session. Default: the challenge names it if nothing else is missing from the token.
	MountSource string `json:"mountSource"`

	// FirstScopeOnly ignores all scopes of a request but the first.
	FirstScopeOnly bool `json:"firstScopeOnly"`

	// PostStatus is the status that refuses a POST, as services without POST do: 404, 405,
	// 400 or 401. Default: POST works.
	PostStatus int `json:"postStatus"`

	// AnonymousStatus is the status that refuses a request without credentials that would
	// get no scope: 401 or 403. Default: it gets a token without scopes.
	AnonymousStatus int `json:"anonymousStatus"`

	// Required refuses requests without a token, with 401 and the challenge, even if the
	// rules allow them to everybody, as Docker Hub and ghcr.io do. The token service gives
	// anonymous clients a token for them.
	Required bool `json:"required"`

	// AllowBasic also accepts passwords with each request. A 401 has both challenges, first
	// that of Bearer.
	AllowBasic bool `json:"allowBasic"`

	// RotateRefresh replaces a refresh token each time that it is used. The old one is
	// refused once the new one was used (RFC 6749, 6 and 10.4).
	RotateRefresh bool `json:"rotateRefresh"`

	// Size is the minimum length of a token in bytes, at most 49152. Tokens of cloud
	// registries have up to 16 KiB, which some proxies and clients refuse.
	Size int `json:"size"`
}

// The values of [TokenOptions.MountSource] beside the default.
const (
	sourceNamed   = "named"
	sourceIgnored = "ignored"
)

const (
	defaultRealm   = "ocifake"
	defaultService = "ocifake"
	defaultTTL     = 5 * time.Minute

	maxSize = maxToken * 3 / 4 // of TokenOptions.Size
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
	case t.Path != "" && !validPath(t.Path):
		return fmt.Errorf("token: path %q: want a path outside of the distribution API, as /token", t.Path)
	case strings.ContainsFunc(t.Scope, func(r rune) bool { return unicode.IsControl(r) || r == '"' || r == '\\' }):
		return fmt.Errorf("token: scope %q has a character that a challenge cannot have", t.Scope)
	case t.TTL < 0:
		return errors.New("token: negative TTL")
	case !slices.Contains([]string{"", tokenField, accessTokenField}, t.Field):
		return fmt.Errorf("token: field %q: want token or access_token", t.Field)
	case !slices.Contains([]string{"", sourceNamed, sourceIgnored}, t.MountSource):
		return fmt.Errorf("token: mount source %q: want named or ignored", t.MountSource)
	case t.PostStatus != 0 && (t.PostStatus < 400 || t.PostStatus > 599):
		return fmt.Errorf("token: refuse POST with status %d: want an error", t.PostStatus)
	case t.Size < 0 || t.Size > maxSize:
		return fmt.Errorf("token: size %d: want at most %d bytes", t.Size, maxSize)
	case t.AnonymousStatus != 0 && t.AnonymousStatus != http.StatusUnauthorized && t.AnonymousStatus != http.StatusForbidden:
		return fmt.Errorf("token: refuse anonymous requests with status %d: want 401 or 403", t.AnonymousStatus)
	}
	return nil
}

// validPath reports whether a token endpoint can have the path.
func validPath(path string) bool {
	u, err := url.Parse(path)
	return err == nil && strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//") && u.EscapedPath() == path && u.Path == path &&
		(path == op.TokenPath || path != "/" && op.Parse(http.MethodGet, u).Op == op.Unknown && len(op.Methods(u)) == 0)
}

// policy is a list of rules.
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
