package control

import (
	"net/http"
	"slices"

	"github.com/ocifake/ocifake/internal/worldstore"
)

// The parts of a reset, in order: faults are removed before the other parts change, and requests
// are deleted last. The initial rules are restored after the profile, on whose authentication they
// can depend.
const (
	resetFaults   = "faults"
	resetProfile  = "profile"
	resetContent  = "content"
	resetTokens   = "tokens"
	resetRequests = "requests"
)

func resetRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "reset", summary: "Reset the registry to its initial state",
			params: []param{{name: "what", kind: some(resetRequests, resetFaults, resetProfile, resetContent, resetTokens),
				doc: "The parts to reset: requests deletes the recorded requests, faults restores the initial rules, profile restores the initial profile and begins its limits again, content restores the initial content and ends upload sessions, tokens revokes all issued tokens."}},
			answers: []answer{done, ok("Left", "done, except for parts that a reset does not change: the content of another registry"), {http.StatusConflict, "a rule needs the authentication of the profile in use, or the content is kept in a directory", jsonType, "Error"}, {http.StatusServiceUnavailable, "the registry is not ready yet", jsonType, "Error"}}, handle: (*API).reset},
		{method: http.MethodPost, path: "tokens/revoke", summary: "Revoke all issued tokens",
			answers: []answer{done, {http.StatusConflict, "the registry has no token service", jsonType, "Error"}}, handle: (*API).revoke},
	}
}

// left are the parts that a reset has left as they were.
type left struct {
	Left    []string `json:"left"`
	Message string   `json:"message"`
}

func (a *API) reset(w http.ResponseWriter, r *request) error {
	start := a.open.Load()
	if start == nil {
		return errNotReady
	}
	what := value[[]string](r, "what")
	own, resets := a.config.Store.(*worldstore.Store)
	if slices.Contains(what, resetContent) && resets && own.Kept() {
		return failf(http.StatusConflict, "reset content: it is kept in a directory, which a reset does not change: name the other parts to reset")
	}
	if slices.Contains(what, resetFaults) {
		a.config.Faults.Clear()
	}
	if slices.Contains(what, resetProfile) {
		if err := a.switchProfile(a.config.Use.Profile); err != nil {
			return err
		}
	}
	if a.config.Renew != nil && (slices.Contains(what, resetProfile) || slices.Contains(what, resetTokens)) {
		if err := a.config.Renew(); err != nil {
			return failf(http.StatusConflict, "reset hosts: %v", err)
		}
	}
	if slices.Contains(what, resetFaults) {
		if err := a.config.Faults.Replace(namesOf(start), start.rules...); err != nil {
			return failf(http.StatusConflict, "reset faults: %v", err)
		}
	}
	if slices.Contains(what, resetContent) && resets {
		own.Restore(start.store)
	}
	if service := a.use.Load().Auth; slices.Contains(what, resetTokens) && service != nil {
		service.RevokeAll()
	}
	if slices.Contains(what, resetRequests) {
		a.config.Recorder.Clear()
	}
	if slices.Contains(what, resetContent) && !resets {
		reply(w, http.StatusOK, left{[]string{resetContent}, "the content is as it was: it is that of another registry, which a reset does not change"})
		return nil
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// namesOf returns the names of the initial rules. Other rules may use these names now.
func namesOf(start *opened) []string {
	names := make([]string, len(start.rules))
	for i, rule := range start.rules {
		names[i] = rule.Name
	}
	return names
}

func (a *API) revoke(w http.ResponseWriter, _ *request) error {
	service := a.use.Load().Auth
	if service == nil || service.ServiceName() == "" {
		return failf(http.StatusConflict, "revoke tokens: the registry has no token service: start it with bearer authentication")
	}
	service.RevokeAll()
	w.WriteHeader(http.StatusNoContent)
	return nil
}
