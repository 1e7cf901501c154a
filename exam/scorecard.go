package exam

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Scorecard is the result of an exam: what a client did in each trial.
type Scorecard struct {
	Client   string // name of the client: "crane"
	Version  string // of the client; empty if it is not known
	Ocifake  string // version of ocifake
	Seed     uint64 // of the trials that are chosen at random
	Duration time.Duration
	Trials   []TrialResult // [Scorecard.Sort] sets the order
	Notes    []string      // about the exam as a whole, each one sentence
}

// TrialResult is the result of one action of a client under one circumstance.
type TrialResult struct {
	Group  string // kind of circumstance: "none", "traits", "profiles", "faults", "sweep" or "duties"
	Name   string // of the circumstance: "ghcr", "token-endpoint-500"; empty in the group "none"
	Action string // "push", "pull", "list", "copy", or a name of the user's own

	Verdict Verdict
	Reason  string // one sentence

	Journal  string // the requests of the trial
	Output   string // what the client printed
	Repeat   string // the command that repeats the trial
	Duration time.Duration
}

// ID returns the group, the name, if there is one, and the action: "profiles/ghcr/push",
// "none/push". The name can contain slashes. The ID is unique in a scorecard.
func (r *TrialResult) ID() string {
	if r.Name == "" {
		return r.Group + "/" + r.Action
	}
	return r.Group + "/" + r.Name + "/" + r.Action
}

// Verdict is the verdict on one trial, or on one [Cell]:
//
//	passed                   the action succeeds, and its result is right
//	recovered                the same, although a request failed
//	failed cleanly           the action fails with an error, and leaves no damage
//	not applicable           the trial does not concern the action: it sends no such request
//	not reached              the trial concerns the action, but was not run to its end, or
//	                         the client did not send the request this time
//	accepted a lie           the action succeeds with a wrong result, which the registry sent
//	hid a failure            the action succeeds with a wrong result, because a request failed
//	left damage              the action fails, and leaves wrong content
//	leaks credentials        credentials are sent to a host that must not receive them
//	falls back to HTTP       a request to a registry with TLS is sent without it
//	hung                     the action does not end
//	gave up                  the action fails where the specification requires it to go on,
//	                         or where other clients recover
//	breaks a rule            the requests violate a sentence of the specification
//	fails without a fault    the action fails although nothing is wrong
//
// and the other kinds of [Violation]. That on a cell is one of the constants.
type Verdict string

// The verdicts on cells.
const (
	Recovered     Verdict = "recovered"      // neither Run nor Check returned an error
	FailedCleanly Verdict = "failed cleanly" // Run returned an error
	TimedOut      Verdict = "timed out"      // Run returned an error, but only when its context ended
	NotReached    Verdict = "not reached"    // the client did not send the request of the point
	NotApplicable Verdict = "not applicable" // the effect has no meaning at the point
	Violated      Verdict = "violated"       // something that must hold does not
)

// Further verdicts on trials that are not the kind of a [Violation].
const (
	passed     Verdict = "passed"
	gaveUp     Verdict = "gave up"
	breaksRule Verdict = "breaks a rule"
)

// class is what a verdict says about a client.
type class uint8

const (
	uncounted class = iota // nothing
	right
	wrong
	serious // users lose content or secrets
)

// verdicts are all verdicts of a trial, from the best to the worst.
var verdicts = []struct {
	verdict Verdict
	class   class
	mark    string // in a table
	words   string // about the client
}{
	{passed, right, "✓", "succeeds, with the right result"},
	{Recovered, right, "r", "succeeds, with the right result, although a request failed"},
	{FailedCleanly, right, "f", "fails with an error, and leaves no damage"},
	{NotApplicable, uncounted, "·", "sends no request that the trial concerns"},
	{NotReached, uncounted, "?", "did not send the request that the trial concerns, or the trial was not run to its end"},
	{leavesOpen, wrong, "X", "leaves connections in use"},
	{leavesRunning, wrong, "X", "leaves goroutines or processes behind"},
	{goesOn, wrong, "X", "sends requests after it has ended"},
	{breaksRule, wrong, "X", "sends requests that the specification forbids"},
	{emptyBody, wrong, "X", "sends a request again without its body"},
	{oldLocation, wrong, "X", "sends a chunk to a Location although it has received a newer one"},
	{hurries, wrong, "X", "sends a request again before the time in Retry-After is over"},
	{neverAgain, wrong, "X", "does not send a request again that can be sent again"},
	{noRecovery, wrong, "X", "tries again and fails all the same"},
	{gaveUp, wrong, "X", "fails where it should go on"},
	{floods, wrong, "X", "sends too many requests without a pause"},
	{triesForever, wrong, "X", "sends a request again and again, without a limit"},
	{hung, wrong, "X", "does not end"},
	{panicked, wrong, "X", "crashes"},
	{failsAlone, wrong, "X", "fails although nothing is wrong"},
	{leftDamage, serious, "!", "leaves wrong content"},
	{hidFailure, serious, "!", "succeeds, with a wrong result, although a request failed"},
	{acceptedLie, serious, "!", "succeeds, with a wrong result that the registry sent"},
	{fallsBack, serious, "!", "sends a request without TLS to a registry that has it"},
	{leaksSecrets, serious, "!", "sends credentials to a host that must not receive them"},
}

func (v Verdict) class() class {
	if v == TimedOut {
		return right
	}
	for _, row := range verdicts {
		if row.verdict == v {
			return row.class
		}
	}
	return wrong
}

// Fault reports whether the verdict is a fault of the client.
func (v Verdict) Fault() bool { return v.class() >= wrong }

// groups and actions are in the order of a scorecard. Other actions follow, by name.
var (
	groups  = []string{"none", "duties", "faults", "profiles", "traits", "sweep"}
	actions = []string{"push", "pull", "list", "copy", "referrers", "run"}
)

// place returns the index of a name in a list, or its length.
func place(list []string, name string) int {
	if i := slices.Index(list, name); i >= 0 {
		return i
	}
	return len(list)
}

// compareActions orders actions.
func compareActions(a, b string) int {
	return cmp.Or(cmp.Compare(place(actions, a), place(actions, b)), strings.Compare(a, b))
}

// Sort orders the trials by group, by name, and by action.
func (s *Scorecard) Sort() {
	slices.SortStableFunc(s.Trials, func(a, b TrialResult) int {
		return cmp.Or(
			cmp.Compare(place(groups, a.Group), place(groups, b.Group)),
			strings.Compare(a.Name, b.Name),
			compareActions(a.Action, b.Action),
		)
	})
}
