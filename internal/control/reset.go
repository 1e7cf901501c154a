package control

import (
	"net/http"
	"slices"
)

// What can be reset, in this order: nothing goes wrong while the rest is, and
// nothing of what happens meanwhile stays on record.
const (
	resetFaults   = "faults"
	resetContent  = "content"
	resetTokens   = "tokens"
	resetRequests = "requests"
)

func resetRoutes() []route {
	return []route{
		{method: http.MethodPost, path: "reset", summary: "Sets the registry back to how it started",
			params: []param{{name: "what", kind: some(resetRequests, resetFaults, resetContent, resetTokens),
				doc: "What is reset: requests are forgotten; faults are those that it started with; so is content, and upload sessions end; tokens that were given out are revoked."}},
			answers: []answer{done, {http.StatusServiceUnavailable, "it has not started yet", jsonType, "Error"}}, handle: (*API).reset},
		{method: http.MethodPost, path: "tokens/revoke", summary: "Makes all tokens invalid that were given out",
			answers: []answer{done, {http.StatusConflict, "the registry gives out no tokens", jsonType, "Error"}}, handle: (*API).revoke},
	}
}

func (a *API) reset(w http.ResponseWriter, r *request) error {
	start := a.open.Load()
	if start == nil {
		return failf(http.StatusServiceUnavailable, "the registry is not ready yet")
	}
	what := value[[]string](r, "what")
	if slices.Contains(what, resetFaults) {
		a.config.Faults.Clear()
		if err := a.config.Faults.Replace(namesOf(start), start.rules...); err != nil {
			return err
		}
	}
	if slices.Contains(what, resetContent) {
		a.config.Store.Restore(start.store)
	}
	if slices.Contains(what, resetTokens) && a.config.Auth != nil {
		a.config.Auth.RevokeAll()
	}
	if slices.Contains(what, resetRequests) {
		a.config.Recorder.Clear()
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// namesOf are those of the rules at the start, in the place of which somebody may
// have put others meanwhile.
func namesOf(start *opened) []string {
	names := make([]string, len(start.rules))
	for i, rule := range start.rules {
		names[i] = rule.Name
	}
	return names
}

func (a *API) revoke(w http.ResponseWriter, _ *request) error {
	if a.config.Auth == nil || a.config.Auth.ServiceName() == "" {
		return failf(http.StatusConflict, "the registry gives out no tokens: it has no token service")
	}
	a.config.Auth.RevokeAll()
	w.WriteHeader(http.StatusNoContent)
	return nil
}
