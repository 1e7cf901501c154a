package faults

// State is a rule of a registry, and its counts.
type State struct {
	Rule Rule
	Seen int  // requests that match the filters, or connections, on which an effect can act
	Hits int  // how often the rule fired, that is, an effect acted
	Over bool // the rule will not fire any more

	// Unfired describes how the rule fired less often than it should have: "fired 1 of 3
	// times". It is empty if the rule fired often enough, or is optional or disabled. It
	// is empty for all rules of a known fault once one of them has fired, see
	// [Rule.Known].
	Unfired string
}

// Injected is a rule that was added to a registry. It is safe for concurrent use.
type Injected interface {
	// State returns the rule and its counts.
	State() State

	// Hits returns how often the rule fired.
	Hits() int

	// Remove removes the rule.
	Remove()
}
