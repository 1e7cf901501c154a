package storetest

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/registry"
)

// tester runs one check on one Store.
type tester struct {
	ctx       context.Context // given to what is called
	store     registry.Store
	algorithm digest.Algorithm // of digests, unless a check needs another
	loops     int              // made over each list before its entries are taken
	digests   *digests
	*progress
}

// progress holds the violations of a check and its pending calls.
type progress struct {
	check  string
	over   context.Context // done when the check has ended, or took too long
	end    context.CancelCauseFunc
	others sync.WaitGroup // goroutines beside the one that runs the check

	mu       sync.Mutex
	errs     []error
	running  []*call
	hanging  []*call   // those that were reported
	advanced time.Time // when the last call began or returned
}

// errHangs ends a check in which nothing has happened for too long.
var errHangs = errors.New("storetest: no call began or returned for " + patience.String())

// watch ends the check if no call begins or returns for too long.
func (p *progress) watch() {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-p.over.Done():
			return
		case <-timer.C:
		}
		p.mu.Lock()
		left := patience - time.Since(p.advanced)
		p.mu.Unlock()
		if left <= 0 {
			p.end(errHangs)
			return
		}
		timer.Reset(left)
	}
}

// withContext returns the tester with another context for calls of the Store.
func (t *tester) withContext(ctx context.Context) *tester {
	with := *t
	with.ctx = ctx
	return &with
}

// abort is the panic value that ends a check or one of its goroutines.
type abort struct{}

// run runs the check to its end, and then releases its stalled bodies.
func (t *tester) run(test func(*tester)) {
	defer t.others.Wait()
	defer t.end(nil)
	defer recoverAbort()
	test(t)
}

func recoverAbort() {
	if r := recover(); r != nil && r != (abort{}) {
		panic(r)
	}
}

// spawn runs f in a goroutine. The returned function waits for f, and ends the check after a
// violation.
func (t *tester) spawn(f func()) (join func()) {
	done := make(chan struct{})
	t.others.Go(func() {
		defer close(done)
		defer recoverAbort()
		f()
	})
	return func() {
		t.wait(done)
		if t.violations() != nil {
			panic(abort{})
		}
	}
}

// parallel runs f n times concurrently.
func (t *tester) parallel(n int, f func(i int)) {
	start := make(chan struct{})
	joins := make([]func(), n)
	for i := range n {
		joins[i] = t.spawn(func() { <-start; f(i) })
	}
	close(start)
	for _, join := range joins {
		join()
	}
}

// wait waits for a channel to be closed, and ends the check on a timeout.
func (t *tester) wait(c <-chan struct{}) {
	select {
	case <-c:
	case <-t.over.Done():
		if t.timeIsUp() {
			t.reportHanging()
		}
		panic(abort{})
	}
}

// timeIsUp reports whether the check is over because nothing happened, or because
// of the deadline of the caller's context.
func (t *tester) timeIsUp() bool {
	return context.Cause(t.over) == errHangs || errors.Is(t.over.Err(), context.DeadlineExceeded)
}

func (t *tester) violations() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.errs...)
}

// reportHanging reports the pending calls that do not wait for anything that the check controls.
func (t *tester) reportHanging() {
	t.mu.Lock()
	hanging := slices.DeleteFunc(slices.Clone(t.running), (*call).isStalled)
	t.mu.Unlock()
	for _, c := range hanging {
		c.hangs()
	}
	if t.violations() == nil {
		c := &call{t: t, method: "check"}
		c.err = context.Cause(t.over)
		c.violates(noWaiting, "a body that was not read, or a blob that was not written", "the check goes on")
	}
}

// call is a call of a method and its result.
type call struct {
	t      *tester
	method string
	repo   string
	with   string // arguments
	err    error
	uses   any // a *stalled, if the call uses one
}

// call calls a method of the Store, of an Upload or of a Blob.
func (t *tester) call(method, repo, with string, f func() error) *call {
	c := &call{t: t, method: method, repo: repo, with: with}
	c.run(f)
	return c
}

// callUsing is call with a body or a writer, which may be a *stalled.
func (t *tester) callUsing(uses any, method, repo, with string, f func() error) *call {
	c := &call{t: t, method: method, repo: repo, with: with, uses: uses}
	c.run(f)
	return c
}

// run ends the check if the call panics, and returns on a timeout.
func (c *call) run(f func() error) {
	c.t.begin(c)
	defer c.t.finish(c)
	defer func() {
		if r := recover(); r != nil {
			if r != (abort{}) {
				c.violates(safe, fmt.Sprintf("panic: %v\n%s", r, debug.Stack()), "no panic")
			}
			panic(abort{})
		}
	}()
	c.err = f()
	if c.t.timeIsUp() && !c.isStalled() {
		c.hangs()
	}
	if c.t.over.Err() != nil {
		panic(abort{})
	}
}

func (t *tester) begin(c *call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running, t.advanced = append(t.running, c), time.Now()
}

func (t *tester) finish(c *call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running, t.advanced = slices.DeleteFunc(t.running, func(other *call) bool { return other == c }), time.Now()
}

// isStalled reports whether the call waits for a body or writer that the check has not released.
func (c *call) isStalled() bool {
	s, ok := c.uses.(*stalled)
	return ok && s.holds()
}

// hangs reports, once, that a call did not return in time.
func (c *call) hangs() {
	c.t.mu.Lock()
	known := slices.Contains(c.t.hanging, c)
	c.t.hanging = append(c.t.hanging, c)
	c.t.mu.Unlock()
	if !known {
		c.reports(&violation{promise: noWaiting, got: "no return in time", want: "a return", err: context.Cause(c.t.over)})
	}
}

// succeeds ends the check if the call failed.
func (c *call) succeeds(p promise) {
	if c.err == nil {
		return
	}
	c.violates(p, "error: "+c.err.Error(), "no error")
	panic(abort{})
}

// fails checks that the call failed with one of the causes and no other.
func (c *call) fails(p promise, causes ...registry.Cause) {
	is := func(cause registry.Cause) bool { return errors.Is(c.err, cause) }
	if slices.ContainsFunc(causes, is) && !c.hasOther(causes) {
		return
	}
	names := make([]string, len(causes))
	for i, cause := range causes {
		names[i] = causeNames[cause]
	}
	c.violates(p, describeError(c.err), "an error with errors.Is(err, "+strings.Join(names, " or ")+"), and no other cause")
}

func (c *call) hasOther(causes []registry.Cause) bool {
	for cause := range causeNames {
		if errors.Is(c.err, cause) && !slices.Contains(causes, cause) {
			return true
		}
	}
	return false
}

// happened reports whether a call whose context was done succeeded. If it failed,
// that must be with the error of the context.
func (c *call) happened() bool {
	if c.err != nil && (!errors.Is(c.err, c.t.ctx.Err()) || c.hasOther(nil)) {
		c.violates(contextDone, describeError(c.err), "success, or the error of the context without a Cause")
	}
	return c.err == nil
}

func describeError(err error) string {
	if err == nil {
		return "no error"
	}
	var names []string
	for cause, name := range causeNames {
		if errors.Is(err, cause) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		names = []string{"no Cause"}
	}
	slices.Sort(names)
	return fmt.Sprintf("error: %v (%s)", err, strings.Join(names, ", "))
}

// violates reports that the call broke a promise.
func (c *call) violates(p promise, got, want string) {
	c.reports(&violation{promise: p, got: got, want: want, err: c.err})
}

func (c *call) reports(v *violation) {
	v.check, v.call = c.t.check, c
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	c.t.errs = append(c.t.errs, v)
}

// violation is a broken promise.
type violation struct {
	check     string
	call      *call
	promise   promise
	got, want string
	err       error // of the call
}

func (v *violation) Error() string {
	where, sentence, _ := strings.Cut(string(v.promise), ": ")
	var b strings.Builder
	fmt.Fprintf(&b, "storetest: %s: %s(%s)", v.check, v.call.method, v.call.with)
	if v.call.repo != "" {
		fmt.Fprintf(&b, " in %s", v.call.repo)
	}
	fmt.Fprintf(&b, "\n\tgot:  %s\n\twant: %s\n\t%s: %q", v.got, v.want, where, sentence)
	return longDigest.ReplaceAllString(b.String(), "$1...")
}

// longDigest is a digest that is abbreviated in messages.
var longDigest = regexp.MustCompile(`(sha(?:256|512):[0-9a-f]{12})[0-9a-f]+`)

func (v *violation) Unwrap() error { return v.err }

// causeNames are the names of the causes.
var causeNames = map[registry.Cause]string{
	registry.BlobUnknown:         "BlobUnknown",
	registry.UploadInvalid:       "UploadInvalid",
	registry.UploadRange:         "UploadRange",
	registry.UploadUnknown:       "UploadUnknown",
	registry.DigestInvalid:       "DigestInvalid",
	registry.ManifestBlobUnknown: "ManifestBlobUnknown",
	registry.ManifestInvalid:     "ManifestInvalid",
	registry.ManifestUnknown:     "ManifestUnknown",
	registry.NameInvalid:         "NameInvalid",
	registry.NameUnknown:         "NameUnknown",
	registry.SizeInvalid:         "SizeInvalid",
	registry.TooLarge:            "TooLarge",
	registry.Unauthorized:        "Unauthorized",
	registry.Denied:              "Denied",
	registry.Full:                "Full",
	registry.TagImmutable:        "TagImmutable",
	registry.PreconditionFailed:  "PreconditionFailed",
	registry.Unsupported:         "Unsupported",
	registry.TooManyUploads:      "TooManyUploads",
}
