// Package exam tests a client against the ways in which registries fail.
//
// [Sweep] runs a client once, learns which requests it makes, and then runs it again
// for each request and each fault:
//
//	exam.Sweep(t, exam.Scenario{
//		Setup: func(t testing.TB, reg *registrytest.Registry) { reg.Push(t, "app:v1", images.Random()) },
//		Run:   func(ctx context.Context, reg *exam.Trial) error { return pull(ctx, reg.Ref("app:v1"), reg.Transport()) },
//		Check: func(ctx context.Context, reg *exam.Trial) error { return verifyPulled() },
//	})
//
// [Run] examines a client: it runs its actions under everything that registries do, and
// gives it a [Scorecard]. [Examine] does the same for command-line clients:
//
//	card, err := exam.Examine(ctx, exam.Client{
//		Push: exam.Command{"sh", "-c", `crane push "$OCIFAKE_DIR/layout" "$OCIFAKE_IMAGE"`}.Run,
//		List: exam.Command{"sh", "-c", `crane ls "$OCIFAKE_IMAGE"`}.List,
//	})
//
// [Chaos] runs it with faults at random. Both report what is wrong with a client by kind:
// see [Violation].
//
// A [Scorecard] is the result of an exam. It can be kept as JSON, shown as text, Markdown
// or HTML, graded, and compared with an earlier one:
//
//	var baseline exam.Scorecard
//	if err := json.Unmarshal(text, &baseline); err != nil { ... }
//	if worse := card.Compare(&baseline).Worse; len(worse) > 0 { ... }
//
// This package is experimental: its names may change in any release.
package exam
