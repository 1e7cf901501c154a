package exam

import "time"

// WithQuietLimit sets the real time without an event on the wire after which a bubble is
// taken to stand still.
func WithQuietLimit(d time.Duration) Option { return func(c *config) { c.quiet = d } }

// WithLoopbackLimit sets the time limit of runs on loopback after virtual time stood
// still.
func WithLoopbackLimit(d time.Duration) Option { return func(c *config) { c.withinFrozen = d } }

// WithIdleLimit sets the time after which a command that does nothing has hung.
func WithIdleLimit(d time.Duration) Option { return func(c *config) { c.minIdle = d } }

// KindRows returns the rows of the table of kinds in the guide.
func KindRows() (rows []string) {
	for _, k := range kinds {
		rows = append(rows, "| "+k.kind+" | "+k.words+" |")
	}
	return rows
}

// VerdictNames returns all verdicts.
func VerdictNames() (names []string) {
	for _, row := range verdicts {
		names = append(names, string(row.verdict))
	}
	return names
}

// FaultsThatDiffer returns the names of the known faults that an exam judges in another way.
func FaultsThatDiffer() []string { return sortedNames(faultsThatDiffer) }

// Printable returns the scorecard with the texts that are written.
func Printable(s *Scorecard) *Scorecard { return s.printable() }
