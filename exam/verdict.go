package exam

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// Violation is something that must hold in every run and does not.
type Violation struct {
	Kind string // such as "left damage": see the guide of Sweep for all
	Text string // only its first line is the same in every run
}

// String returns the kind and the text.
func (v Violation) String() string { return v.Kind + ": " + v.Text }

func (v Violation) firstLine() string {
	first, _, _ := strings.Cut(v.String(), "\n")
	return first
}

// The kinds of violations.
const (
	acceptedLie   = "accepted a lie"
	hidFailure    = "hid a failure"
	leftDamage    = "left damage"
	hung          = "hung"
	panicked      = "panicked"
	triesForever  = "tries for ever"
	floods        = "floods the registry"
	hurries       = "hurries past Retry-After"
	neverAgain    = "never tries again"
	noRecovery    = "does not recover"
	emptyBody     = "sends an empty body"
	oldLocation   = "uses an old Location"
	leaksSecrets  = "leaks credentials"
	fallsBack     = "falls back to HTTP"
	leavesRunning = "leaves goroutines behind"
	leavesOpen    = "leaves connections open"
	goesOn        = "goes on after its end"
	failsAlone    = "fails without a fault"
)

// kinds describes each kind of violation, as the guide does.
var kinds = []struct{ kind, words string }{
	{acceptedLie, "`Run` returns no error although the registry sent or said something wrong, and the result is wrong"},
	{hidFailure, "`Run` returns no error although something failed, and the result is wrong"},
	{leftDamage, "something wrong is left: a tag without its image, content that was deleted or moved, half a file under its final name"},
	{hung, "`Run` does not return a minute after its context ended"},
	{panicked, "`Run` panics, or ends its goroutine"},
	{triesForever, "the client sends a request again and again, without a limit"},
	{floods, "the client sends too many requests less than 10 ms apart"},
	{hurries, "the client sends a request again before the time in Retry-After is over"},
	{neverAgain, "the client does not send a request again that can be sent again (only with `MustRecover`)"},
	{noRecovery, "the client tries, or has another way, and `Run` returns an error all the same (only with `MustRecover`)"},
	{emptyBody, "the client sends a request again without its body"},
	{oldLocation, "the client sends a chunk to a Location although it has received a newer one"},
	{leaksSecrets, "the client sends credentials to a host that does not receive them without a fault"},
	{fallsBack, "the client speaks HTTP to a registry with TLS"},
	{leavesRunning, "goroutines remain after `Run` has returned"},
	{leavesOpen, "connections remain in use after `Run` has returned: the body of an answer was not closed"},
	{goesOn, "the client sends requests after `Run` has returned"},
	{failsAlone, "`Run` returns an error although it did not meet the fault"},
}

// evidence is a run and what it is judged by.
type evidence struct {
	*report
	plain *report // the run without a fault; nil if this is the one
	same  bool    // two runs without a fault leave the same content
	cell  *Cell   // nil in a run without a fault
	lie   bool    // the effect of the cell is a lie
	must  bool    // the client must recover
}

// rules are what must hold in every run. Each returns what does not, or "".
var rules = []struct {
	kind   string
	broken func(*evidence) string
}{
	{hung, (*evidence).hung},
	{panicked, func(e *evidence) string { return e.panicked }},
	{floods, (*evidence).floods},
	{triesForever, (*evidence).triesForever},
	{hurries, (*evidence).hurries},
	{failsAlone, (*evidence).failsAlone},
	{acceptedLie, func(e *evidence) string { return onlyIf(e.lie, e.falseSuccess) }},
	{hidFailure, func(e *evidence) string { return onlyIf(!e.lie, e.falseSuccess) }},
	{leftDamage, (*evidence).changed},
	{leftDamage, (*evidence).lost},
	{leftDamage, (*evidence).inconsistent},
	{leftDamage, (*evidence).movedTag},
	{leftDamage, (*evidence).leftFile},
	{leftDamage, (*evidence).leftWrong},
	{emptyBody, (*evidence).emptyBody},
	{oldLocation, (*evidence).oldLocation},
	{leaksSecrets, (*evidence).leaksSecrets},
	{fallsBack, (*evidence).fallsBack},
	{leavesOpen, (*evidence).leavesOpen},
	{goesOn, (*evidence).goesOn},
	{leavesRunning, func(e *evidence) string { return e.remaining }},
	{neverAgain, func(e *evidence) string { return onlyIf(!e.retried(), e.gaveUp) }},
	{noRecovery, func(e *evidence) string { return onlyIf(e.retried(), e.gaveUp) }},
}

// judge returns the violations of a run.
func (e *evidence) judge() []Violation {
	var all []Violation
	for _, rule := range rules {
		if text := rule.broken(e); text != "" {
			all = append(all, Violation{rule.kind, text})
		}
	}
	return all
}

func onlyIf(condition bool, text func() string) string {
	if !condition {
		return ""
	}
	return text()
}

func (e *evidence) hung() string {
	if e.ended || e.idle != "" {
		return e.idle
	}
	return fmt.Sprintf("Run has not returned %v after its context ended", grace)
}

func (e *evidence) floods() string {
	if !e.storm {
		return ""
	}
	return fmt.Sprintf("more than %d requests without a pause", e.burst)
}

// manyTries is the number of further requests for one thing that a client which never
// stops sends at least until its time is over. It is small, because the pauses between
// tries can grow to minutes.
const manyTries = 10

func (e *evidence) triesForever() string {
	if e.forever != "" {
		return "no end after " + strconv.Itoa(maxTries) + " tries: " + e.forever
	}
	if !e.timedOut {
		return ""
	}
	for _, name := range sortedNames(e.tries) {
		if e.tries[name]-e.planned(name) >= manyTries {
			return "still at it when its time was over: " + name
		}
	}
	return ""
}

// planned is the number of requests of a kind in the run without a fault.
func (e *evidence) planned(name string) int {
	if e.plain == nil {
		return e.tries[name]
	}
	return e.plain.tries[name]
}

// longestPause is the Retry-After in seconds that no client can be expected to wait for.
const longestPause = 3600

// hurries looks for a request that is repeated too early. Requests that the run without
// a fault sends anyway are no repetition: clients start several uploads at a time.
func (e *evidence) hurries() string {
	if e.plain == nil {
		return ""
	}
	for i := range e.log {
		x := &e.log[i]
		after, err := strconv.Atoi(x.ResponseHeader.Get("Retry-After"))
		if err != nil || x.Status < 400 || after > longestPause {
			continue
		}
		name, answered := engine.Point(&x.Info), x.Start.Add(x.First)
		until, before, early := answered.Add(time.Duration(after)*time.Second), 0, 0
		for k := range e.log {
			switch y := &e.log[k]; {
			case engine.Point(&y.Info) != name:
			case y.Seq <= x.Seq || y.Start.Before(answered):
				before++
			case y.Start.Before(until):
				early++
			}
		}
		others := e.planned(name) - before
		if e.cell.Forever || e.cell.Seed != 0 { // of several, each is tried again
			others = e.planned(name) - 1
		}
		if early > max(others, 0) {
			return fmt.Sprintf("the request is sent again before %d s are over: %s", after, name)
		}
	}
	return ""
}

func (e *evidence) failsAlone() string {
	switch {
	case e.plain == nil && e.err != nil:
		return "Run returned an error: " + e.err.Error()
	case e.plain != nil && e.hits == 0 && e.err != nil:
		return "Run returned an error, although it did not meet the fault\n" + e.err.Error()
	}
	return ""
}

func (e *evidence) falseSuccess() string {
	if !e.ended || e.panicked != "" || e.err != nil {
		return ""
	}
	file := onlyIf(e.checkErr == nil, func() string {
		return wrongFile(e.files, nil, e.known, e.log)
	})
	switch {
	case e.checkErr != nil:
		return "Run returned no error, but Check failed" + e.presumes() + ": " + e.checkErr.Error()
	case e.content != nil:
		return "Run returned no error, but the registry's content is not consistent" + e.presumes() + ": " + e.content.Error()
	case file != "":
		return "Run returned no error, but " + file
	}
	return ""
}

// presumes names what shows a lie to the client, if the specification does not require it.
func (e *evidence) presumes() string {
	switch {
	case e.cell == nil || !e.lie:
	case e.cell.Point.Op == op.BlobMount:
		return " (only HEAD of the blob shows that a mount did not take place; the specification does not ask for it)"
	case e.cell.Point.Op == op.ManifestGet && e.cell.Point.Info.Tag != "":
		return " (only Docker-Content-Digest shows that the manifest of a tag is wrong; it is optional)"
	}
	return ""
}

func (e *evidence) changed() string {
	if e.plain == nil || !sameListing(e.plain.before, e.plain.after) || sameListing(e.before, e.after) {
		return ""
	}
	return "the registry's content changed, although it does not without a fault: " + difference(e.before, e.after)
}

// lost looks for content that was there before and is there after a run without a
// fault.
func (e *evidence) lost() string {
	if e.plain == nil || e.changed() != "" {
		return ""
	}
	for _, name := range sortedNames(e.before) {
		_, planned := e.plain.after[name]
		if _, is := e.after[name]; planned && !is {
			return name + " is gone"
		}
	}
	return ""
}

func (e *evidence) inconsistent() string {
	if e.content == nil || e.ended && e.err == nil && e.panicked == "" {
		return "" // falseSuccess reports it
	}
	return "the registry's content is not consistent: " + e.content.Error()
}

// movedTag looks for a tag that a failed run has moved to other content than a run
// without a fault.
func (e *evidence) movedTag() string {
	if e.plain == nil || e.err == nil || !e.same || e.content != nil {
		return ""
	}
	for _, name := range sortedNames(e.after) {
		planned, expected := e.plain.after[name]
		was, existed := e.before[name]
		now := e.after[name]
		if strings.HasPrefix(name, "tag ") && expected && now != planned && !(existed && now == was) {
			return name + " refers neither to what it did before nor to what it should"
		}
	}
	return ""
}

func (e *evidence) leftFile() string {
	if e.plain == nil || e.err == nil || !e.ended {
		return ""
	}
	return wrongFile(e.files, e.plain.files, e.known, e.log)
}

// known reports whether the registry had content before the run.
func (e *evidence) known(d digest.Digest) bool {
	for name := range e.before {
		if strings.HasSuffix(name, "@"+string(d)) {
			return true
		}
	}
	return false
}

func (e *evidence) leftWrong() string {
	if e.err == nil || e.checkErr == nil {
		return ""
	}
	return "Run returned an error, and CheckFailed too: " + e.checkErr.Error()
}

// emptyBody looks for a request without a body that has one without a fault, and that
// the registry refuses for its content.
func (e *evidence) emptyBody() string {
	if e.plain == nil {
		return ""
	}
	for i := range e.log {
		x := &e.log[i]
		if x.RequestBytes > 0 || len(x.Faults) > 0 || !e.plain.alwaysHasBody(engine.Point(&x.Info)) {
			continue
		}
		switch {
		case x.Op == op.ManifestPut && slices.Contains(x.Codes, "MANIFEST_INVALID"),
			x.Op == op.UploadCommit && slices.Contains(x.Codes, "DIGEST_INVALID") && !e.hasChunk(x.Session),
			x.Op == op.UploadChunk && x.Status == http.StatusAccepted && e.refusedLater(x):
			return "the request is sent again without its body: " + engine.Point(&x.Info)
		}
	}
	return ""
}

// alwaysHasBody reports whether all requests of a kind have a body, and there is one.
func (r *report) alwaysHasBody(name string) bool {
	all := false
	for i := range r.log {
		if x := &r.log[i]; engine.Point(&x.Info) == name {
			if x.RequestBytes == 0 {
				return false
			}
			all = true
		}
	}
	return all
}

// hasChunk reports whether a session received a chunk.
func (r *report) hasChunk(session string) bool {
	return slices.ContainsFunc(r.log, func(x record.Exchange) bool {
		return x.Op == op.UploadChunk && x.Session == session && x.RequestBytes > 0
	})
}

// refusedLater reports whether the session of a chunk is closed with a wrong digest.
func (r *report) refusedLater(chunk *record.Exchange) bool {
	return slices.ContainsFunc(r.log, func(x record.Exchange) bool {
		return x.Op == op.UploadCommit && x.Session == chunk.Session && slices.Contains(x.Codes, "DIGEST_INVALID")
	})
}

func (e *evidence) oldLocation() string {
	for i := range e.log {
		x := &e.log[i]
		if !x.StaleState {
			continue
		}
		for k := i - 1; k >= 0; k-- {
			y := &e.log[k]
			if y.Session != x.Session {
				continue
			}
			received := len(y.Faults) == 0 && !y.Cut && !y.Left && !y.Open && y.Status >= 200 && y.Status < 300
			if received && !x.Start.Before(y.Start.Add(y.Duration)) {
				return "the registry answered with a newer Location: " + engine.Point(&x.Info)
			}
			break
		}
	}
	return ""
}

func (e *evidence) leaksSecrets() string {
	for _, host := range e.hosts {
		if e.plain != nil && !slices.Contains(e.plain.hosts, host) && host != e.host {
			return "the client sends credentials to another host: " + host
		}
	}
	return ""
}

func (e *evidence) fallsBack() string {
	for i := range e.log {
		if x := &e.log[i]; e.secure && !x.Secure && hostName(x.Host) == e.host {
			return "a request is sent without TLS: " + engine.Point(&x.Info)
		}
	}
	return ""
}

// leavesOpen does not count connections of a client that keeps idle ones for longer than
// the registry waits: without a fault it does the same. Such a client that leaves a
// connection open for each request never closes a body.
func (e *evidence) leavesOpen() string {
	everyRequest := e.open >= 3 && e.open >= len(e.log)
	if e.open == 0 || !everyRequest && (e.plain == nil || e.plain.open > 0) {
		return ""
	}
	return "connections are in use after Run returned: close the body of each answer"
}

func (e *evidence) goesOn() string {
	for i := range e.log {
		if x := &e.log[i]; !e.returned.IsZero() && x.Start.After(e.returned) {
			return "a request begins after Run returned: " + engine.Point(&x.Info)
		}
	}
	return ""
}

// gaveUp describes a client that must recover and does not.
func (e *evidence) gaveUp() string {
	if !e.must || e.err == nil || e.hits == 0 || !e.ended || e.forever != "" || e.storm {
		return ""
	}
	p := &e.cell.Point
	switch {
	case e.retried():
		return "Run returned an error, although the fault passes\n" + e.err.Error()
	case p.RequestBytes > 0:
		return fmt.Sprintf("the request is sent once, although its body of %d bytes can be sent again\n%v", p.RequestBytes, e.err)
	}
	return "the request is sent once, although it has no body and can be sent again\n" + e.err.Error()
}

// retried reports whether the client sent a request again after a fault, or need not,
// because the fault did not stop it.
func (e *evidence) retried() bool {
	for i := range e.log {
		x := &e.log[i]
		if len(x.Faults) == 0 {
			continue
		}
		failed := x.Status == 0 || x.Status >= 400 || x.Cut || x.Left
		again := slices.ContainsFunc(e.log[i+1:], func(y record.Exchange) bool {
			return engine.Point(&y.Info) == engine.Point(&x.Info)
		})
		return !failed || again || e.cell == nil || e.cell.Seed != 0
	}
	return true
}
