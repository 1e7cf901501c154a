package faults

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// maxMagic is how many magic names an engine has rules for at a time.
const maxMagic = 1024

// Magic returns a handler that lets clients choose faults by the name of the
// repository, for those that cannot be told otherwise: what is asked of
//
//	fault/status-503/times-2/lib/app
//
// is asked of lib/app, and answered with 503 the first two times. Behind "fault/"
// stand faults: presets of [Known] by their names, if [Preset.Magic] is nil, and
// [Words], behind which stands what is said about them. All the rest is the
// repository. It works for everything that a client does with a repository, and
// all URLs that it gets stay under the name.
//
//	fault/reset-mid-blob/app                          a preset
//	fault/delay-2s/status-429/retry-after-5/app       two faults, which happen together
//	fault/reset-1000/of-request/on-upload.chunk/app   what is said about a fault stands behind it
//
// Each name has counts of its own, from its first request on: its rules, called
// "magic:status-503/times-2/lib/app", are added then, and begin anew when they were
// removed, as by [Engine.Clear]. They act on requests under the name only, by the
// filter [op.Alias]; what they do to content, and to tokens, everybody sees. Faults
// that are in what others ask for, and rules that apply before, come first as ever.
//
// Names that are wrong are answered with NAME_UNKNOWN, or NAME_INVALID to writes,
// and why, and names beyond 1024 with 429. A name under which auth has not let in any
// request yet makes room for another one: clients that may do nothing cannot use up the
// names. Repositories that are really called
// "fault/…", or whose names begin with a word, cannot be reached by those names.
//
// The handler belongs in front of everything else that looks at requests, of what
// records too: they see a request for the repository. [Engine.BeforeAuth] does what
// is left to do. The registry must be one that goes by [op.Info], as that of this
// module.
func (e *Engine) Magic(next http.Handler) http.Handler {
	must.NotNil("faults: Engine.Magic: next", next)
	if e == nil {
		return next
	}
	v := newVocabulary()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := magic{vocabulary: v}
		r, state := op.BeginWith(r, func(info *op.Info) { m.refusal = e.resolve(v, info) })
		if m.refusal != nil || state.Info().Op == op.Token {
			op.Keep(state, m)
		}
		next.ServeHTTP(w, r)
	})
}

// resolve replaces the magic names in the facts of a request.
func (e *Engine) resolve(v *vocabulary, info *op.Info) error {
	info.From = v.real(info.From)
	if !isMagic(info.Repo) {
		return nil
	}
	repo, err := e.enter(v, info.Repo)
	if err == nil {
		info.Alias, info.Repo = info.Repo, repo
	}
	return err
}

// magic is what there is left to do for a request.
type magic struct {
	vocabulary *vocabulary
	refusal    error // why it is not served
}

// enter returns the repository that a magic name is for. If nobody has used the
// name yet, its rules are added.
func (e *Engine) enter(v *vocabulary, name string) (repo string, err error) {
	segments, repo, err := v.split(name)
	if err != nil || e.plan.Load().hasMagic(name) {
		return repo, err
	}
	rules, err := v.rules(name, segments)
	if err != nil {
		return "", err
	}

	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.plan.Load()
	switch {
	case p.hasMagic(name): // since a moment ago
		return repo, nil
	}
	stranger := ""
	if p != nil && len(p.magic) >= maxMagic {
		if stranger = p.stranger(); stranger == "" {
			return "", errFull
		}
	}
	p = p.copy()
	p.rules = slices.DeleteFunc(p.rules, func(a *active) bool { return stranger != "" && a.magicName() == stranger })
	if _, err := e.addTo(p, rules); err != nil {
		return "", err
	}
	e.use(p)
	return repo, nil
}

var errFull = fmt.Errorf("there are %d names with faults already: remove rules, or reset the registry", maxMagic)

// hasMagic reports whether there are rules for a magic name.
func (p *plan) hasMagic(name string) bool { return p != nil && p.magic[name] != nil }

// admit notes that auth has let in a request under a name.
func (p *plan) admit(name string) {
	if a := p.magic[name]; a != nil && !a.admitted.Load() {
		a.admitted.Store(true)
	}
}

// stranger returns the oldest magic name under which auth has let in no request, or
// nothing.
func (p *plan) stranger() string {
	for _, a := range p.rules {
		if name := a.magicName(); name != "" && !p.magic[name].admitted.Load() {
			return name
		}
	}
	return ""
}

// magicName is the magic name that the rule was added for, or is empty.
func (a *active) magicName() string {
	if strings.HasPrefix(a.rule.Name, magicRule) {
		return a.alias
	}
	return ""
}

// real is the repository that a name is for.
func (v *vocabulary) real(name string) string {
	if !isMagic(name) {
		return name
	}
	if _, repo, err := v.split(name); err == nil {
		return repo
	}
	return name
}

// finish does what is left to do for requests that came through [Engine.Magic].
func (e *Engine) finish(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m, ok := op.Value[magic](r.Context())
		switch {
		case !ok:
			next.ServeHTTP(w, r)
		case m.refusal != nil:
			e.refuse(w, r, m.refusal)
		default:
			next.ServeHTTP(w, m.vocabulary.withRealScopes(r))
		}
	})
}

// refuse answers a request under a magic name that is not one.
func (e *Engine) refuse(w http.ResponseWriter, r *http.Request, err error) {
	_, state := op.Begin(r)
	info := state.Info()
	status, cause := http.StatusNotFound, registry.NameUnknown
	switch {
	case err == errFull:
		status, cause = http.StatusTooManyRequests, registry.TooManyUploads
	case info.Op.Write():
		status, cause = http.StatusBadRequest, registry.NameInvalid
	}
	text := fmt.Sprintf("%v: repository %s: %v; ocifake faults known lists the faults", cause, info.Repo, err)
	Status(status).Error(cause.Code(), text).serve(&exchange{engine: e, state: state, info: info}, w, r, nil)
}
