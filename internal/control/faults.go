package control

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/record"
)

// ruleTypes are the media types of rules. The text decides how it is parsed: JSON is valid YAML.
var ruleTypes = []string{jsonType, "application/yaml"}

func faultRoutes() []route {
	name := []param{nameParam}
	taken := answer{http.StatusConflict, "a rule with this name exists", jsonType, "Error"}
	return []route{
		{method: http.MethodGet, path: "faults", summary: "List the rules and their state, in the order in which they apply",
			answers: []answer{ok("Faults", "the rules")}, handle: (*API).listFaults},
		{method: http.MethodPost, path: "faults", summary: "Add rules, all or none",
			body:    &body{ruleTypes, "Rules", "one rule, or a list of rules, in the format of a rules file"},
			answers: []answer{created("Faults", "the added rules"), taken, tooMuch}, handle: (*API).addFaults},
		{method: http.MethodDelete, path: "faults", summary: "Remove all rules, and show the content that they have hidden",
			answers: []answer{done}, handle: (*API).clearFaults},
		{method: http.MethodGet, path: "faults/{name}", summary: "Get a rule", params: name,
			answers: []answer{ok("Fault", "the rule"), missing}, handle: (*API).oneFault},
		{method: http.MethodPut, path: "faults/{name}", summary: "Add a rule, or replace the rule with this name", params: name,
			body:    &body{ruleTypes, "Rule", "one rule with this name or without a name"},
			answers: []answer{ok("Fault", "the replaced rule"), created("Fault", "the added rule"), tooMuch}, handle: (*API).putFault},
		{method: http.MethodPatch, path: "faults/{name}", summary: "Enable or disable a rule, and keep its counts", params: name,
			body:    &body{[]string{jsonType}, "Switch", "the new state"},
			answers: []answer{ok("Fault", "the rule"), missing, tooMuch}, handle: (*API).switchFault},
		{method: http.MethodDelete, path: "faults/{name}", summary: "Remove a rule", params: name,
			answers: []answer{done, missing}, handle: (*API).removeFault},
		{method: http.MethodGet, path: "faults/known", summary: "List the known faults of real registries",
			answers: []answer{ok("KnownFaults", "the faults")}, handle: (*API).listKnown},
		{method: http.MethodGet, path: "faults/known/{name}", summary: "Get a known fault", params: name,
			answers: []answer{ok("KnownFault", "the fault"), missing}, handle: (*API).oneKnown},
		{method: http.MethodPost, path: "faults/known/{name}", summary: "Add the rules of a known fault",
			params: []param{nameParam, {name: "where", kind: filters,
				doc: "Filters that restrict the rules to some requests: op=blob.get repo=app. Default: all requests of the fault."}},
			answers: []answer{created("Faults", "the added rules"), missing, taken}, handle: (*API).addKnown},
	}
}

// fault is a rule and its state.
type fault struct {
	Name    string      `json:"name"`
	Rule    faults.Rule `json:"rule"`
	Enabled bool        `json:"enabled"`
	Seen    int         `json:"seen"`
	Hits    int         `json:"hits"`
	Done    bool        `json:"done"`
	Unfired string      `json:"unfired"`
}

func newFault(s faults.State) fault {
	return fault{s.Rule.Name, s.Rule, !s.Rule.Flags.Disabled, s.Seen, s.Hits, s.Over, s.Unfired}
}

func replyFaults(w http.ResponseWriter, status int, states []faults.State) {
	list := make([]fault, len(states))
	for i, s := range states {
		list[i] = newFault(s)
	}
	reply(w, status, map[string][]fault{"faults": list})
}

func (a *API) listFaults(w http.ResponseWriter, _ *request) error {
	replyFaults(w, http.StatusOK, a.config.Faults.Rules())
	return nil
}

func (a *API) addFaults(w http.ResponseWriter, r *request) error {
	rules, err := a.readRules(r)
	if err != nil {
		return err
	}
	return a.inject(w, rules)
}

func (a *API) inject(w http.ResponseWriter, rules []faults.Rule) error {
	added, err := a.config.Faults.Inject(rules...)
	if err != nil {
		return a.refused(err, rules)
	}
	states := make([]faults.State, len(added))
	for i, injected := range added {
		states[i] = injected.State()
	}
	replyFaults(w, http.StatusCreated, states)
	return nil
}

// refused converts the error of adding rules to a failure.
func (a *API) refused(err error, rules []faults.Rule) *failure {
	f := failf(http.StatusBadRequest, "%v", err)
	for _, rule := range rules {
		if _, ok := a.state(rule.Name); ok {
			f.Status, f.Field = http.StatusConflict, "name"
		}
	}
	return f
}

// readRules parses the rules in the body. At least one is required.
func (a *API) readRules(r *request) ([]faults.Rule, error) {
	text, err := readBody(r)
	if err != nil {
		return nil, err
	}
	rules, err := a.config.ReadRules(text)
	if err != nil {
		return nil, misread(err)
	}
	if len(rules) == 0 {
		return nil, wrong("body", "want at least one rule")
	}
	return rules, nil
}

// misread returns the failure for a body that cannot be parsed.
func misread(err error) *failure {
	f := failf(http.StatusBadRequest, "%v", err)
	var at interface {
		Place() (field string, line, column int)
	}
	if errors.As(err, &at) {
		f.Field, f.Line, f.Column = at.Place()
	}
	return f
}

func (a *API) clearFaults(w http.ResponseWriter, _ *request) error {
	a.config.Faults.Clear()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// state returns the state of the rule with the name.
func (a *API) state(name string) (faults.State, bool) {
	all := a.config.Faults.Rules()
	i := slices.IndexFunc(all, func(s faults.State) bool { return s.Rule.Name == name })
	if i < 0 {
		return faults.State{}, false
	}
	return all[i], true
}

// shownRules is the maximum number of rules that an error message lists.
const shownRules = 20

// replyFault sends the state of a rule, or an error if the rule does not exist.
func (a *API) replyFault(w http.ResponseWriter, status int, name string) error {
	state, ok := a.state(name)
	if !ok {
		return a.noRule(name)
	}
	reply(w, status, newFault(state))
	return nil
}

func (a *API) noRule(name string) *failure {
	all := a.config.Faults.Rules()
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.Rule.Name
	}
	hint := near.Hint(name, names)
	switch {
	case len(names) == 0:
		hint = "there are no rules"
	case len(names) > shownRules && near.Mean(name, names) == "":
		hint = fmt.Sprintf("GET %sfaults lists all %d rules", prefix, len(names))
	}
	return notFound("rule %q not found: %s", name, hint)
}

func (a *API) oneFault(w http.ResponseWriter, r *request) error {
	return a.replyFault(w, http.StatusOK, value[string](r, "name"))
}

func (a *API) putFault(w http.ResponseWriter, r *request) error {
	name := value[string](r, "name")
	rules, err := a.readRules(r)
	switch {
	case err != nil:
		return err
	case len(rules) != 1:
		return wrong("body", "want one rule, not %d", len(rules))
	case rules[0].Name != "" && rules[0].Name != name:
		return wrong("name", "the name is %q in the body, but %q in the path", rules[0].Name, name)
	}
	_, there := a.state(name)
	if err := a.config.Faults.Replace([]string{name}, rules[0].Named(name)); err != nil {
		return failf(http.StatusBadRequest, "%v", err)
	}
	status := http.StatusCreated
	if there {
		status = http.StatusOK
	}
	return a.replyFault(w, status, name)
}

func (a *API) switchFault(w http.ResponseWriter, r *request) error {
	name := value[string](r, "name")
	var enabled bool
	there, err := readObject(r, map[string]any{"enabled": &enabled})
	if err != nil {
		return err
	}
	if !there["enabled"] {
		return wrong("enabled", "missing field: want true or false")
	}
	if !a.config.Faults.Enable(name, enabled) {
		return a.noRule(name)
	}
	return a.replyFault(w, http.StatusOK, name)
}

func (a *API) removeFault(w http.ResponseWriter, r *request) error {
	name := value[string](r, "name")
	if !a.config.Faults.Remove(name) {
		return a.noRule(name)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// knownFault is a known fault, with its rules.
type knownFault struct {
	known.Fault
	Rules []faults.Rule `json:"rules"`
}

func (a *API) listKnown(w http.ResponseWriter, _ *request) error {
	var all []knownFault
	for _, f := range known.All() {
		all = append(all, knownFault{f, f.Rules()})
	}
	reply(w, http.StatusOK, all)
	return nil
}

func findKnown(r *request) (known.Fault, error) {
	f, err := known.Find(value[string](r, "name"))
	if err != nil {
		return f, notFound("%v", err)
	}
	return f, nil
}

func (a *API) oneKnown(w http.ResponseWriter, r *request) error {
	f, err := findKnown(r)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, knownFault{f, f.Rules()})
	return nil
}

func (a *API) addKnown(w http.ResponseWriter, r *request) error {
	f, err := findKnown(r)
	if err != nil {
		return err
	}
	return a.inject(w, f.Rules(value[[]record.Filter](r, "where")...))
}
