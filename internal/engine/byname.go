package engine

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Names reads faults in the names of repositories, such as
// "fault/status-503/times-2/lib/app".
type Names interface {
	// Repo returns the name of the repository without the faults, "lib/app". It returns
	// a name without faults unchanged.
	Repo(name string) (string, error)

	// Rules returns the rules for the faults in a name. Each matches requests for this
	// name only, by the filter [record.Alias]. The first rule has the whole name as its name,
	// later ones a suffix too, which begins with "#".
	Rules(name string) ([]faults.Rule, error)
}

// maxNames is the maximum number of names that an engine has rules for at a time.
const maxNames = 1024

// ByName returns a handler that lets clients choose faults by the name of the
// repository: a request for "fault/status-503/times-2/lib/app" is a request for
// "lib/app", and is answered with 503 the first two times. This works for every request
// in a repository, and all URLs in answers keep the name with the faults.
//
// The rules of a name are added at the first request for it, and again at the next
// request after they were removed, for example by [Engine.Clear]. So each name has its
// own counts. What the faults do to content or to tokens affects all clients. Rules that
// were added before apply first, as always.
//
// A malformed name is answered with NAME_UNKNOWN, or with NAME_INVALID for a write. When
// there are rules for 1024 names, a new name replaces one for which authentication has
// admitted no request, so that clients without access cannot use up the names. If there
// is none, the new name is answered with 429.
//
// The handler belongs in front of all other handlers that read the request, the recorder
// included: they see a request for the repository. [Engine.BeforeAuth] answers malformed
// names. The registry must use [op.Info], as package registry does.
func (e *Engine) ByName(names Names, next http.Handler) http.Handler {
	if e == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := named{names: names}
		r, state := inflight.BeginWith(r, func(info *op.Info) { n.refusal = e.resolve(names, info) })
		if n.refusal != nil || state.Info().Op == op.Token {
			inflight.Keep(state, n)
		}
		next.ServeHTTP(w, r)
	})
}

// resolve replaces the names with faults in the facts of a request.
func (e *Engine) resolve(names Names, info *op.Info) error {
	info.From = withoutFaults(names, info.From)
	repo, err := names.Repo(info.Repo)
	if err != nil || repo == info.Repo {
		return err
	}
	if !e.plan.Load().hasName(info.Repo) {
		if err := e.addName(names, info.Repo); err != nil {
			return err
		}
	}
	info.Alias, info.Repo = info.Repo, repo
	return nil
}

// withoutFaults returns the repository of a name, and a malformed name unchanged.
func withoutFaults(names Names, name string) string {
	if repo, err := names.Repo(name); err == nil {
		return repo
	}
	return name
}

// named is what [Engine.finish] needs to know of a request.
type named struct {
	names   Names
	refusal error // why the request is not served
}

// addName adds the rules of a name.
func (e *Engine) addName(names Names, name string) error {
	rules, err := names.Rules(name)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.plan.Load()
	if p.hasName(name) { // added by another request in the meantime
		return nil
	}
	stranger := ""
	if p != nil && len(p.names) >= maxNames {
		if stranger = p.stranger(); stranger == "" {
			return errFull
		}
	}
	p = p.copy()
	p.rules = slices.DeleteFunc(p.rules, func(a *active) bool { return stranger != "" && a.byName() == stranger })
	if _, err := e.addTo(p, rules); err != nil {
		return err
	}
	e.use(p)
	return nil
}

var errFull = fmt.Errorf("there are %d names with faults already: remove rules, or reset the registry", maxNames)

// hasName reports whether there are rules for a name.
func (p *plan) hasName(name string) bool { return p != nil && p.names[name] != nil }

// admit notes that authentication has admitted a request for a name.
func (p *plan) admit(name string) {
	if a := p.names[name]; a != nil && !a.admitted.Load() {
		a.admitted.Store(true)
	}
}

// stranger returns the oldest name for which authentication has admitted no request, or
// an empty string.
func (p *plan) stranger() string {
	for _, a := range p.rules {
		if name := a.byName(); name != "" && !p.names[name].admitted.Load() {
			return name
		}
	}
	return ""
}

// byName returns the name that the rule was added for, or an empty string.
func (a *active) byName() string {
	if rest, ok := strings.CutPrefix(a.rule.Name, a.alias); ok && (rest == "" || rest[0] == '#') {
		return a.alias
	}
	return ""
}

// finish answers malformed names, and replaces names in the scopes of requests for tokens.
func (e *Engine) finish(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, ok := inflight.Value[named](r.Context())
		switch {
		case !ok:
			next.ServeHTTP(w, r)
		case n.refusal != nil:
			e.refuse(w, r, n.refusal)
		default:
			next.ServeHTTP(w, withRealScopes(n.names, r))
		}
	})
}

// refuse answers a request with a malformed name.
func (e *Engine) refuse(w http.ResponseWriter, r *http.Request, err error) {
	_, state := inflight.Begin(r)
	info := state.Info()
	status, cause := http.StatusNotFound, registry.NameUnknown
	switch {
	case err == errFull:
		status, cause = http.StatusTooManyRequests, registry.TooManyUploads
	case info.Op.Write():
		status, cause = http.StatusBadRequest, registry.NameInvalid
	}
	text := fmt.Sprintf("%v: repository %s: %v; for a list of faults, run ocifake faults known", cause, info.Repo, err)
	effect.NewExchange(e.env, state, r).Answer(effect.Answer{Status: status, Code: cause.Code(), Message: text}, w, r)
}
