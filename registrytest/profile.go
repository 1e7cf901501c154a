package registrytest

import (
	"slices"
	"testing"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/record"
)

// WithProfile makes the registry like a real one, "ecr" or "ghcr": see package profiles. What is
// not known of the real registry is strict.
//
// A hosted registry has authentication. By default, every user name has access to everything, and
// [Registry.Login] returns a password for it. Users and rules of [WithAuth] replace that; the rest
// of its options stays that of the profile, unless they have a Token. Of [WithOptions], fields that
// are not zero replace those of the profile.
//
// In memory, the host names of the real registry lead to this one, such as "ghcr.io", and with
// [WithTLS] its certificate fits them. On a network, another registry with that name takes
// precedence.
//
// The record marks the exchanges that a trait of the profile decided, and the journal of a test
// that fails explains these traits.
func WithProfile(name string) Option {
	return func(c *config) {
		if p, err := profiles.Find(name); err != nil {
			WithError(err)(c)
		} else {
			WithCustomProfile(p)(c)
		}
	}
}

// WithCustomProfile is like [WithProfile] for a profile of the caller's; see also config.Profile.
func WithCustomProfile(p *profiles.Profile) Option {
	return once("WithProfile", func(c *config) error {
		c.profile = p
		return given("WithCustomProfile", p)
	})
}

// ForEachProfile runs a test as a subtest for each of the named profiles, or for all without
// names, in parallel. Each gets a registry of its own.
func ForEachProfile(t *testing.T, test func(t *testing.T, reg *Registry), names ...string) {
	must.NotNil("registrytest: ForEachProfile: t", t)
	must.NotNil("registrytest: ForEachProfile: test", test)
	t.Helper()
	if len(names) == 0 {
		names = profiles.Names()
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, New(t, WithProfile(name)))
		})
	}
}

// applyProfile sets the options for the profile.
func (c *config) applyProfile() error {
	settings, err := c.profile.Settings()
	if err != nil {
		return err
	}
	settings = settings.With(c.registry, c.access)
	c.registry, c.server.Rules = settings.Registry, settings.Rules
	c.server.Aliases = c.profile.Hosts
	if c.access != nil || c.auths == 0 { // else WithAuthenticator decides
		c.access = settings.Auth
	}
	return nil
}

// Profile returns the profile of the registry, or nil if it is the strict one.
func (r *Registry) Profile() *profiles.Profile { return r.profile }

// explained returns what the traits in a log are, a line for each, or "".
func (rs recorded) explained(log record.Log) string {
	var traits []string
	for i := range log {
		for _, trait := range log[i].Traits {
			if !slices.Contains(traits, trait) {
				traits = append(traits, trait)
			}
		}
	}
	text := ""
	for _, trait := range traits {
		if why := rs.explain(trait); why != "" {
			text += "trait " + trait + ": " + why + "\n"
		}
	}
	return text
}

// explain returns what a trait is in the first profile that has it, or "".
func (rs recorded) explain(trait string) string {
	for _, r := range rs {
		if r.profile == nil {
			continue
		}
		if why := r.profile.Explain(trait); why != "" {
			return why
		}
	}
	return ""
}
