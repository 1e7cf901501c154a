package auth

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Scope is a set of actions on a resource, which a token allows or a client requests. Its text
// is that of the Docker token specification, "repository:app:pull,push".
type Scope struct {
	Type    string   `json:"type"` // "repository", or "registry" for the catalog
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

const (
	repositoryType = "repository"
	registryType   = "registry"
	catalogName    = "catalog"
	anyAction      = "*"
)

const (
	maxScopes = 100     // in one request for a token
	maxScope  = 4 << 10 // bytes of one
)

// String returns the text of the scope.
func (s Scope) String() string {
	return s.Type + ":" + s.Name + ":" + strings.Join(s.Actions, ",")
}

func texts(scopes []Scope) []string {
	var list []string
	for _, s := range scopes {
		list = append(list, s.String())
	}
	return list
}

// parseScope parses the text of a scope. The name may contain colons, as in a host with a
// port, although no repository of this registry has such a name. Empty actions, as in
// "repository:app:" (Docker token scopes, "Resource Scope Grammar"), are left out.
func parseScope(text string) (Scope, error) {
	typ, rest, ok := strings.Cut(text, ":")
	i := strings.LastIndexByte(rest, ':')
	if !ok || i < 0 || len(text) > maxScope {
		return Scope{}, fmt.Errorf("scope %.100q: want type:name:actions, as repository:app:pull,push", text)
	}
	s := Scope{Type: typ, Name: rest[:i]}
	if s.Type == "" || s.Name == "" || strings.ContainsAny(text, "\x00 \t\r\n\"\\") {
		return Scope{}, fmt.Errorf("scope %.100q: type and name must not be empty, and nothing may have spaces or quotes", text)
	}
	s.Actions = slices.DeleteFunc(strings.Split(rest[i+1:], ","), func(action string) bool { return action == "" })
	sort.Strings(s.Actions)
	s.Actions = slices.Compact(s.Actions)
	return s, nil
}

// parseScopes parses the scope parameters of a request. Each may contain several scopes.
func parseScopes(values []string) ([]Scope, error) {
	var scopes []Scope
	for _, value := range values {
		for text := range strings.FieldsSeq(value) {
			if len(scopes) == maxScopes {
				return nil, fmt.Errorf("more than %d scopes", maxScopes)
			}
			s, err := parseScope(text)
			if err != nil {
				return nil, err
			}
			scopes = append(scopes, s)
		}
	}
	return scopes, nil
}

// accesses returns the accesses for the actions of a scope, without those that do not exist
// in this registry.
func (s Scope) accesses() map[string]Access {
	found := map[string]Access{}
	for _, action := range s.Actions {
		switch {
		case s.Type == registryType && s.Name == catalogName && action == anyAction:
			found[action] = Access{Catalog: true}
		case s.Type != repositoryType || !op.ValidRepository(s.Name):
		case action == anyAction:
			for _, a := range actions {
				found[string(a)] = Access{Repo: s.Name, Action: a}
			}
		case slices.Contains(actions, registry.Action(action)):
			found[action] = Access{Repo: s.Name, Action: registry.Action(action)}
		}
	}
	return found
}

// actions are the actions in a repository.
var actions = []registry.Action{registry.Pull, registry.Push, registry.Delete}

// covers reports whether the scopes allow an access.
func covers(granted []Scope, a Access) bool {
	if a == (Access{}) {
		return true
	}
	return slices.ContainsFunc(granted, func(s Scope) bool {
		if a.Catalog {
			return s.Type == registryType && s.Name == catalogName && slices.Contains(s.Actions, anyAction)
		}
		return s.Type == repositoryType && s.Name == a.Repo && slices.Contains(s.Actions, string(a.Action))
	})
}

// sourceScope returns the additional scope that a client without access to the source of a mount
// needs.
func sourceScope(a Access) (Scope, bool) {
	return Scope{repositoryType, a.Source, []string{string(registry.Pull)}}, op.ValidRepository(a.Source)
}

// known returns the access with the name of the repository in the request.
func known(info *op.Info, a Access) Access {
	if a.Repo == info.Repo {
		a.Repo = info.Name()
	}
	return a
}

// scopeFor returns the scope of the challenge for an access. The scope for a push includes
// pull, because clients check what exists.
func scopeFor(a Access) (Scope, bool) {
	switch {
	case a.Catalog:
		return Scope{registryType, catalogName, []string{anyAction}}, true
	case a.Action == "" || !op.ValidRepository(a.Repo):
		return Scope{}, false
	case a.Action == registry.Push:
		return Scope{repositoryType, a.Repo, []string{"pull", "push"}}, true
	}
	return Scope{repositoryType, a.Repo, []string{string(a.Action)}}, true
}
