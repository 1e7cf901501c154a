package profiles

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/registry"
)

// Settings are what makes a registry like that of a profile.
type Settings struct {
	Registry registry.Options
	Auth     *auth.Options // nil: no authentication
	Rules    []faults.Rule // named after their traits
}

// Settings returns the settings for the facts of the profile. It returns an error if a fact names
// an unknown trait, or has a value that the trait does not have.
func (p *Profile) Settings() (Settings, error) {
	m := p.made
	if m == nil || m.profile != p {
		return p.makeSettings()
	}
	m.once.Do(func() { m.settings, m.err = p.makeSettings() })
	return m.settings.clone(), m.err
}

// clone returns a copy of which the caller may change the options and the list of rules.
func (s Settings) clone() Settings {
	if s.Registry.Dialect != nil {
		dialect := *s.Registry.Dialect
		dialect.Answers, dialect.Missing = slices.Clip(dialect.Answers), slices.Clip(dialect.Missing)
		s.Registry.Dialect = &dialect
	}
	if s.Auth != nil {
		access := *s.Auth
		access.Rules = slices.Clip(access.Rules)
		if access.Token != nil {
			token := *access.Token
			access.Token = &token
		}
		s.Auth = &access
	}
	s.Rules = slices.Clip(s.Rules)
	return s
}

func (p *Profile) makeSettings() (Settings, error) {
	s := Settings{Registry: registry.Options{Dialect: &registry.Dialect{}}}
	facts, err := p.facts()
	if err != nil {
		return Settings{}, err
	}
	for _, first := range []bool{true, false} { // the other traits of auth depend on its scheme
		for i := range facts {
			f := &facts[i]
			if (f.Trait == "auth.scheme") != first {
				continue
			}
			if err := s.apply(f); err != nil {
				return Settings{}, fmt.Errorf("profile %s: %s: %w", p.Name, f.Trait, err)
			}
		}
	}
	if err := s.Registry.Validate(); err != nil {
		return Settings{}, fmt.Errorf("profile %s: %w", p.Name, err)
	}
	for _, rule := range s.Rules {
		if err := rule.Check(); err != nil {
			return Settings{}, fmt.Errorf("profile %s: rule %s: %w", p.Name, rule.Name, err)
		}
	}
	return s, nil
}

// Check returns an error for everything that [Profile.Settings] refuses, and for options that
// [auth.New] refuses.
func (p *Profile) Check() error {
	s, err := p.Settings()
	if err != nil || s.Auth == nil {
		return err
	}
	if _, err := auth.New(*s.Auth); err != nil {
		return fmt.Errorf("profile %s: %w", p.Name, err)
	}
	return nil
}

// With returns the settings with the options of a caller. Fields of the registry's options that are
// not zero replace those of the profile. Users and htpasswd of access replace those of the profile, and
// so do its rules and its Token, if it has any; the rest of its authentication stays. Without
// authentication in the profile, access is used as it is. A nil access changes nothing.
func (s Settings) With(options registry.Options, access *auth.Options) Settings {
	from, to := reflect.ValueOf(options), reflect.ValueOf(&s.Registry).Elem()
	for i := range from.NumField() {
		if !from.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
	switch {
	case access == nil:
	case s.Auth == nil:
		s.Auth = access
	default:
		merged := *s.Auth
		merged.Users, merged.Htpasswd = access.Users, access.Htpasswd
		if len(access.Rules) > 0 {
			merged.Rules = access.Rules
		}
		merged.CertificateLogin, merged.TrustForwarded = access.CertificateLogin, access.TrustForwarded
		if access.Token != nil {
			merged.Token = access.Token
		}
		s.Auth = &merged
	}
	return s
}

func (s *Settings) apply(f *Fact) error {
	t, ok := find(f.Trait)
	if !ok {
		return unknownTrait(f.Trait)
	}
	if err := t.check(f.Value); err != nil {
		return err
	}
	if f.Off != "" {
		return nil
	}
	if t.flag != nil {
		*t.flag(s.Registry.Dialect) = f.Value == t.when
	}
	if t.set != nil && !(t.kind == Number && !t.differs(f.Value)) {
		if err := t.set(s, f.Value); err != nil {
			return err
		}
	}
	if err := s.answer(t, f); err != nil {
		return err
	}
	for _, row := range f.Also {
		row.Trait = f.Trait
		s.addAnswer(row)
	}
	for i, rule := range f.Rules {
		if rule.Connect {
			return fmt.Errorf("rule %d is on connections, which a profile does not have", i+1)
		}
		s.addRule(f.Trait, rule)
	}
	return nil
}

// addRule adds a rule of a trait, with a name of its own.
func (s *Settings) addRule(trait string, rule faults.Rule) {
	rule.Name, rule.Flags.Optional = trait, true
	for n := 2; slices.ContainsFunc(s.Rules, func(r faults.Rule) bool { return r.Name == rule.Name }); n++ {
		rule.Name = trait + "#" + strconv.Itoa(n)
	}
	s.Rules = append(s.Rules, rule)
}

// answer adds the row for an outcome, and what the fact adds to it.
func (s *Settings) answer(t *trait, f *Fact) error {
	row := registry.Answer{Ops: t.ops, Causes: causes(t.causes...), Errors: t.errors}
	changed := false
	if f.Answer != nil {
		row, changed = *f.Answer, true
		if len(row.Ops) == 0 {
			row.Ops = t.ops
		}
		if len(row.Causes) == 0 && !row.Errors {
			row.Causes, row.Errors = causes(t.causes...), t.errors
		}
	}
	row.Trait = f.Trait
	if t.kind == Outcome && t.differs(f.Value) {
		status, code, err := parseOutcome(f.Value)
		if err != nil {
			return err
		}
		succeeds := status < 300
		switch {
		case !succeeds && t.refuse != nil:
			t.refuse(s)
			row.Causes = causes(t.refused...)
		case !succeeds && len(row.Causes) == 0 && !row.Errors:
			s.Registry.Dialect.Missing = append(s.Registry.Dialect.Missing, t.ops...)
			row.Causes = causes("method-not-allowed")
		case succeeds && t.accept != nil:
			t.accept(s)
			row.Causes, row.Status = nil, 0
			if !changed {
				return nil
			}
		}
		if row.Status == 0 && !(succeeds && t.accept != nil) {
			row.Status = status
		}
		if len(row.Causes) > 0 || row.Errors {
			row.Code = code
		}
		changed = true
	}
	if changed {
		s.addAnswer(row)
	}
	return nil
}

// addAnswer adds a row to the answers of the dialect.
func (s *Settings) addAnswer(a registry.Answer) {
	s.Registry.Dialect.Answers = append(s.Registry.Dialect.Answers, a)
}

// parseOutcome reads "404 NAME_UNKNOWN".
func parseOutcome(v Value) (status int, code string, err error) {
	first, code, _ := strings.Cut(string(v), " ")
	status, err = strconv.Atoi(first)
	if err != nil || status < 200 || status > 599 || strings.ContainsAny(code, " \t") {
		return 0, "", fmt.Errorf("%q: want a status and an error code, as %q", string(v), "404 NAME_UNKNOWN")
	}
	return status, code, nil
}

func causes(names ...string) []registry.Cause {
	var list []registry.Cause
	for _, name := range names {
		var c registry.Cause
		if err := c.UnmarshalText([]byte(name)); err != nil {
			panic("profiles: " + err.Error()) // a test reads the table
		}
		list = append(list, c)
	}
	return list
}

// onAuth returns a set function for an option of the authentication.
func onAuth(set func(*auth.Options, string) error) func(*Settings, Value) error {
	return func(s *Settings, v Value) error {
		if s.Auth == nil {
			return errors.New("set auth.scheme first")
		}
		return set(s.Auth, string(v))
	}
}

// onToken returns a set function for an option of the token service.
func onToken(set func(*auth.TokenOptions, string) error) func(*Settings, Value) error {
	return func(s *Settings, v Value) error {
		if s.Auth == nil || s.Auth.Token == nil {
			return errors.New("it is about tokens: set auth.scheme to bearer")
		}
		return set(s.Auth.Token, string(v))
	}
}

func setScheme(s *Settings, v Value) error {
	s.Auth = nil
	switch v {
	case "basic":
		s.Auth = &auth.Options{Rules: []auth.Rule{{Users: []string{"*"}}}}
	case "bearer":
		s.Auth = &auth.Options{Rules: []auth.Rule{{Users: []string{"*"}}}, Token: &auth.TokenOptions{}}
	}
	return nil
}

func setAnonymous(o *auth.Options, v string) error {
	if v == "none" {
		return nil
	}
	o.Rules = append(o.Rules, auth.Anonymous())
	if o.Token != nil {
		o.Token.Required = v == "token"
	} else if v == "token" {
		return errors.New("token: set auth.scheme to bearer")
	}
	return nil
}

func setOpenCatalog(o *auth.Options, v string) error {
	if v == "open" {
		o.Rules = append(o.Rules, auth.Rule{Actions: []registry.Action{auth.Catalog}})
	}
	return nil
}

func setHide(o *auth.Options, v string) error {
	status, err := strconv.Atoi(v)
	if err != nil || !slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, status) {
		return fmt.Errorf("%q: want 401, 403 or 404", v)
	}
	o.Hide = status
	return nil
}

func setDetail(o *auth.Options, v string) error {
	o.Detail = strings.Split(v, ", ")
	return nil
}

func setTTL(t *auth.TokenOptions, v string) (err error) {
	t.TTL, err = time.ParseDuration(v)
	return err
}

func setPost(t *auth.TokenOptions, v string) error {
	status, err := strconv.Atoi(v)
	if err != nil {
		return fmt.Errorf("%q: want a status", v)
	}
	if t.PostStatus = status; status == http.StatusOK {
		t.PostStatus = 0
	}
	return nil
}

// number returns a set function for a number.
func number(set func(*Settings, int64)) func(*Settings, Value) error {
	return func(s *Settings, v Value) error {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil || n < 1 {
			return fmt.Errorf("%q: want a number above 0", string(v))
		}
		set(s, n)
		return nil
	}
}

// unlessNone returns a set function for a text of which "none" is the strict value.
func unlessNone(set func(*Settings, Value)) func(*Settings, Value) error {
	return func(s *Settings, v Value) error {
		if v != "none" {
			set(s, v)
		}
		return nil
	}
}
