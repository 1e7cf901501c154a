package control

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/profiles"
)

// Use is a profile in use.
type Use struct {
	Profile     *profiles.Profile // nil: the registry is strict
	Auth        *auth.Service     // nil without authentication
	AllowSparse bool              // loaded manifests may have references that are missing
	Warning     string            // why clients cannot use the registry as they would the real one, or empty
}

// strictName is the name of the registry without a profile.
const strictName = "strict"

func (u *Use) name() string { return nameOf(u.Profile) }

func nameOf(p *profiles.Profile) string {
	if p == nil {
		return strictName
	}
	return p.Name
}

func profileRoutes() []route {
	refused := answer{http.StatusConflict, "the registry cannot have this profile: nothing has changed", jsonType, "Error"}
	notReady := answer{http.StatusServiceUnavailable, "the registry is not ready yet", jsonType, "Error"}
	used := ok("Profile", "the profile in use")
	return []route{
		{method: http.MethodGet, path: "profile", summary: "Get the profile in use", answers: []answer{used}, handle: (*API).oneProfile},
		{method: http.MethodPut, path: "profile", summary: "Use a profile of your own for requests that begin afterwards",
			body:    &body{ruleTypes, "ProfileFile", "a profile, in the format of a profile file"},
			answers: []answer{used, refused, tooMuch, notReady}, handle: (*API).putProfile},
		{method: http.MethodGet, path: "profiles", summary: "List the profiles of real registries",
			answers: []answer{ok("Profiles", "the profiles")}, handle: (*API).listProfiles},
		{method: http.MethodPost, path: "profiles/{name}", summary: "Use a profile for requests that begin afterwards; all tokens are revoked",
			params:  []param{{name: "name", kind: anyText, inPath: true, doc: "The name of the profile, another of its names, or strict."}},
			answers: []answer{used, missing, refused, notReady}, handle: (*API).useProfile},
	}
}

// profile is a profile in use.
type profile struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Hosts   []string `json:"hosts"`
	Auth    string   `json:"auth"`
	Warning string   `json:"warning,omitempty"`
	Facts   []fact   `json:"facts"`
}

// fact is a fact of a profile with its trait. Facts are in the order of [profiles.Traits].
type fact struct {
	Trait   string         `json:"trait"`
	About   string         `json:"about"`
	Section string         `json:"section,omitempty"`
	Strict  string         `json:"strict"`
	Value   profiles.Value `json:"value"`
	Off     string         `json:"off,omitempty"`
	Seen    string         `json:"seen"`
	Source  string         `json:"source"`
	Grade   profiles.Grade `json:"grade"`
	Date    string         `json:"date,omitempty"`
}

func newProfile(u *Use) (profile, error) {
	p := profile{Name: strictName, Title: "Strict registry", Hosts: []string{}, Auth: scheme(u.Auth), Warning: u.Warning, Facts: []fact{}}
	if u.Profile == nil {
		return p, nil
	}
	p.Name, p.Title, p.Hosts = u.Profile.Name, u.Profile.Title, append(p.Hosts, u.Profile.Hosts...)
	facts, err := u.Profile.AllFacts()
	if err != nil {
		return profile{}, err
	}
	for _, t := range profiles.Traits() {
		for _, f := range facts {
			if f.Trait == t.Name {
				p.Facts = append(p.Facts, fact{f.Trait, t.About, t.Section, t.Strict, f.Value, f.Off, f.Seen, f.Source, f.Grade, f.Date})
			}
		}
	}
	return p, nil
}

func (a *API) oneProfile(w http.ResponseWriter, _ *request) error {
	p, err := newProfile(a.use.Load())
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, p)
	return nil
}

func (a *API) putProfile(w http.ResponseWriter, r *request) error {
	text, err := readBody(r)
	if err != nil {
		return err
	}
	p, err := a.config.ReadProfile(text)
	if err != nil {
		return misread(err)
	}
	return a.switchTo(w, r, p)
}

func (a *API) useProfile(w http.ResponseWriter, r *request) error {
	name := value[string](r, "name")
	if name == strictName {
		return a.switchTo(w, r, nil)
	}
	p, err := profiles.Find(name)
	if err != nil {
		return notFound("%v", err)
	}
	return a.switchTo(w, r, p)
}

// switchTo uses a profile, or none, and sends it.
func (a *API) switchTo(w http.ResponseWriter, r *request, p *profiles.Profile) error {
	if a.open.Load() == nil {
		return errNotReady
	}
	if err := a.switchProfile(p); err != nil {
		return err
	}
	return a.oneProfile(w, r)
}

func (a *API) switchProfile(p *profiles.Profile) error {
	a.switching.Lock()
	defer a.switching.Unlock()
	use, err := a.config.Switch(p)
	if err != nil {
		return failf(http.StatusConflict, "profile %s: %v", nameOf(p), err)
	}
	a.use.Store(&use)
	a.switched.announce()
	return nil
}

// listed is a profile in the list.
type listed struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	Aliases []string `json:"aliases"`
	Hosts   []string `json:"hosts"`
}

func (a *API) listProfiles(w http.ResponseWriter, _ *request) error {
	list := []listed{}
	for _, name := range profiles.Names() {
		p, err := profiles.Find(name)
		if err != nil {
			return fmt.Errorf("profile %s: %w", name, err)
		}
		list = append(list, listed{p.Name, p.Title, append([]string{}, p.Aliases...), append([]string{}, p.Hosts...)})
	}
	slices.SortFunc(list, func(x, y listed) int { return cmp.Compare(x.Title, y.Title) })
	reply(w, http.StatusOK, map[string][]listed{"profiles": list})
	return nil
}
