package spec

import (
	"context"
	"fmt"
	"time"

	"github.com/ocifake/ocifake/internal/must"
)

// Outcome is the outcome of checking a statement.
type Outcome string

// The outcomes.
const (
	Passed        Outcome = "pass"
	Failed        Outcome = "fail"
	Unsupported   Outcome = "unsupported"    // a refusal that the specification allows
	NotApplicable Outcome = "not applicable" // the case did not arise, or the version is another
)

// Result is the outcome for a statement.
type Result struct {
	Statement Statement
	Outcome   Outcome

	// Message is one line about a failure: the request, what was expected, and what
	// was answered.
	Message string

	// Detail is the report of a failure, with all requests and answers, the feature
	// that is not supported, or why the statement is not applicable.
	Detail string
}

// How long a request may take, and all requests of one statement.
const (
	patience      = time.Minute
	statementTime = 10 * time.Minute
)

// Run checks statements, those of [Statements] if none are given, without ginkgo.
// Those without a check are left out. It returns an error if the target is invalid or
// its repository is not empty, and the results so far with an error if ctx ends before
// all are checked. [Suite] does the same step by step.
func Run(ctx context.Context, target Target, statements ...Statement) ([]Result, error) {
	must.NotNil("spec: Run: ctx", ctx)
	s, err := Open(ctx, target)
	if err != nil {
		return nil, err
	}
	if len(statements) == 0 {
		statements = Statements()
	}
	var results []Result
	for _, statement := range statements {
		if !statement.Checked() {
			continue
		}
		result, err := s.Check(ctx, statement)
		if err != nil {
			return results, err
		}
		results = append(results, result)
	}
	return results, nil
}

// verdict is what a check panics with to end early.
type verdict struct {
	outcome Outcome
	detail  string
}

// run calls a check and then deletes what it made, as far as the registry lets it.
func (t *tester) run(check func(*tester)) verdict {
	defer t.cleanUp()
	return t.try(check)
}

// try calls a check.
func (t *tester) try(check func(*tester)) (end verdict) {
	defer func() {
		switch v := recover().(type) {
		case nil:
			end.outcome = Passed
		case verdict:
			end = v
		default:
			panic(v)
		}
	}()
	check(t)
	return end
}

// failf ends the check: the registry does not do what the statement says.
func (t *tester) failf(format string, args ...any) {
	panic(verdict{Failed, fmt.Sprintf(format, args...)})
}

// notApplicable ends the check: there is nothing to be seen of the statement.
func (t *tester) notApplicable(why string) { panic(verdict{NotApplicable, why}) }
