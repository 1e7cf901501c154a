package exam

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// access is how the registries of some trials authenticate clients, and whether they have TLS.
type access struct {
	name  string
	facts []profiles.Fact
	token *auth.TokenOptions
	tls   bool
}

// user is the user of registries without further facts. The password stays valid when the
// registry revokes all tokens, and the passwords of Login.
const user, password = "ocifake", "correct-horse-battery"

var (
	openAccess   = &access{name: "none"}
	basicAccess  = &access{name: "basic", facts: []profiles.Fact{{Trait: "auth.scheme", Value: "basic"}}}
	bearerAccess = &access{name: "bearer", facts: []profiles.Fact{{Trait: "auth.scheme", Value: "bearer"}}, token: &auth.TokenOptions{}}
	tlsAccess    = &access{name: "tls", facts: basicAccess.facts, tls: true}

	accesses = []*access{openAccess, bearerAccess, basicAccess, tlsAccess}
)

// with returns the profile of a registry with the access and further facts.
func (a *access) with(facts ...profiles.Fact) *profiles.Profile {
	all := slices.Clone(facts)
	for _, own := range a.facts {
		if !slices.ContainsFunc(facts, func(f profiles.Fact) bool { return f.Trait == own.Trait }) {
			all = append(all, own)
		}
	}
	return &profiles.Profile{Name: "exam", Title: "the registry of an exam", Facts: all}
}

// options returns the options of a registry with the access and further facts.
func (a *access) options(facts ...profiles.Fact) (options []registrytest.Option) {
	if a.tls {
		options = append(options, registrytest.WithTLS())
	}
	switch {
	case len(a.facts)+len(facts) == 0:
	case len(facts) == 0:
		options = append(options, registrytest.WithAuth(auth.Options{Users: map[string]string{user: password}, Token: a.token}))
	default:
		options = append(options, registrytest.WithCustomProfile(a.with(facts...)))
	}
	return options
}

// accessOf returns the access that the registries of a profile have.
func accessOf(p *profiles.Profile) (*access, error) {
	s, err := p.Settings()
	switch {
	case err != nil:
		return nil, err
	case s.Auth == nil:
		return openAccess, nil
	case s.Auth.Token == nil:
		return basicAccess, nil
	}
	return bearerAccess, nil
}

// variant is a trait with a value that is not that of the strict registry.
type variant struct {
	name    string
	trait   string
	access  *access
	fact    profiles.Fact
	mayFail bool // a correct client may fail
}

// family are traits whose names begin in the same way.
type family struct {
	prefix string
	lists  bool // they concern nothing but lists
	ops    []op.Op
}

// families are the requests that traits concern, by the beginning of their names. The first row
// that fits is right; the traits of no row can concern every request.
var families = []family{
	{"blob.delete", false, []op.Op{op.BlobDelete}},
	{"blob.mount", false, []op.Op{op.BlobMount}},
	{"blob.", false, []op.Op{op.BlobGet, op.BlobHead, op.BlobDelete, op.BlobPost, op.BlobMount, op.UploadStart, op.UploadCommit}},
	{"catalog.", true, []op.Op{op.RepositoryList}},
	{"manifest.delete", false, []op.Op{op.ManifestDelete, op.TagDelete}},
	{"manifest.immutable", false, []op.Op{op.ManifestPut, op.ManifestDelete, op.TagDelete}},
	{"manifest.put", false, []op.Op{op.ManifestPut}},
	{"manifest.", false, []op.Op{op.ManifestGet, op.ManifestHead, op.ManifestPut, op.ManifestDelete, op.TagDelete, op.ReferrerList}},
	{"referrers.", true, []op.Op{op.ReferrerList, op.ManifestPut}},
	{"tags.", true, []op.Op{op.TagList, op.RepositoryList, op.ReferrerList}}, // Link and n of all lists
	{"upload.", false, []op.Op{op.UploadStart, op.UploadChunk, op.UploadCommit, op.UploadStatus, op.UploadCancel, op.BlobPost, op.BlobMount}},
}

// family returns the family of the variant's trait, whose ops are nil if it can concern every request.
func (v *variant) family() family {
	row := slices.IndexFunc(families, func(f family) bool { return strings.HasPrefix(v.trait, f.prefix) })
	if row < 0 {
		return family{}
	}
	return families[row]
}

// touches reports whether the variant concerns a request of a log.
func (v *variant) touches(log record.Log) bool {
	ops := slices.Clone(v.family().ops)
	if ops == nil || len(v.fact.Rules) > 0 {
		return true
	}
	for _, answer := range v.fact.Also {
		ops = append(ops, answer.Ops...)
	}
	if v.fact.Answer != nil {
		ops = append(ops, v.fact.Answer.Ops...)
	}
	return slices.ContainsFunc(log, func(x record.Exchange) bool { return slices.Contains(ops, x.Op) })
}

// variants returns each value of each trait that a profile has, and all that a trait can have.
func variants() ([]variant, error) {
	facts := map[string][]profiles.Fact{}
	add := func(f profiles.Fact) {
		if !slices.ContainsFunc(facts[f.Trait], func(known profiles.Fact) bool { return known.Value == f.Value }) {
			facts[f.Trait] = append(facts[f.Trait], f)
		}
	}
	for _, name := range profiles.Names() {
		p, err := profiles.Find(name)
		if err != nil {
			return nil, err
		}
		for _, f := range p.Facts {
			if f.Off == "" {
				add(f)
			}
		}
	}
	var all []variant
	names := map[string]int{}
	for _, t := range profiles.Traits() {
		for _, value := range t.Values {
			add(profiles.Fact{Trait: t.Name, Value: profiles.Value(value)})
		}
		for _, f := range facts[t.Name] {
			if string(f.Value) == t.Strict {
				continue
			}
			v := variant{name: variantName(f), trait: t.Name, fact: f, mayFail: profiles.MayFail(t.Name, f.Value)}
			if names[v.name]++; names[v.name] > 1 {
				v.name += "-" + strconv.Itoa(names[v.name])
			}
			for _, a := range accesses {
				if a.with(f).Check() == nil {
					v.access = a
					all = append(all, v)
					break
				}
			}
		}
	}
	return all, nil
}

var unnamed = pattern.Regexp(`[^A-Za-z0-9._-]+`)

// variantName returns the trait and its value, without spaces and slashes.
func variantName(f profiles.Fact) string {
	const longest = 40
	value := unnamed().ReplaceAllString(string(f.Value), "-")
	return f.Trait + "=" + value[:min(len(value), longest)]
}
