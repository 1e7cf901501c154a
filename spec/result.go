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

	// Detail is the report of a failure, with all requests and answers, the feature
	// that is not supported, or why the statement is not applicable.
	Detail string
}

// patience is how long one statement may take.
const patience = time.Minute

// Run checks statements, those of [Statements] if none are given, without ginkgo.
// Those without a check are left out. It fails if the target makes no sense, and
// with what there is if ctx is done before all are checked.
func Run(ctx context.Context, target Target, statements ...Statement) ([]Result, error) {
	must.NotNil("spec: Run: ctx", ctx)
	s, err := open(target)
	if err != nil {
		return nil, err
	}
	if len(statements) == 0 {
		statements = Statements()
	}
	var results []Result
	for _, statement := range statements {
		if ctx.Err() != nil {
			return results, context.Cause(ctx)
		}
		if statement.Checked() {
			results = append(results, s.run(ctx, statement))
		}
	}
	return results, nil
}

// run checks one statement.
func (s *suite) run(ctx context.Context, statement Statement) Result {
	if !statement.in(s.target.Version) {
		return Result{statement, NotApplicable, "not in version " + string(s.target.Version)}
	}
	for _, feature := range statement.Needs {
		if !s.has(ctx, feature) {
			return Result{statement, Unsupported, string(feature)}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t := newTester(ctx, s)
	end := t.run(statement.check)
	switch end.outcome {
	case Failed:
		end.detail = t.explain(statement, end.detail)
	case Passed, Unsupported, NotApplicable:
	}
	return Result{statement, end.outcome, end.detail}
}

// verdict is what a check panics with to end early.
type verdict struct {
	outcome Outcome
	detail  string
}

// run calls a check and then undoes what it made, as far as the registry lets it.
func (t *tester) run(check func(*tester)) (end verdict) {
	defer t.cleanUp()
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
