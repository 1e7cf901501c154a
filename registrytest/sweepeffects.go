package registrytest

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// SweepPoint is a request of a scenario that a [Sweep] has learned: the exchange,
// as it was without a fault, and how many like it came before.
type SweepPoint struct {
	record.Exchange
	Occurrence int // from 1
}

// String names what was asked for, and which time if it was not the first:
// "blob.get_app@sha256:44136fa355b3,2". There is no space in it, so that it can be
// part of a test's name.
func (p SweepPoint) String() string {
	text := p.Op.String()
	if p.Repo != "" {
		text += "_" + p.Repo
	}
	switch {
	case p.Info.Tag != "":
		text += ":" + p.Info.Tag
	case p.Info.Digest != "":
		text += "@" + shortDigest(p.Info.Digest)
	}
	if p.Occurrence > 1 {
		text += "," + strconv.Itoa(p.Occurrence)
	}
	return text
}

func shortDigest(d digest.Digest) string {
	const shown = 12
	algorithm, encoded, _ := strings.Cut(string(d), ":")
	return algorithm + ":" + encoded[:min(len(encoded), shown)]
}

// rule returns the rule that acts at the point once, or from it on.
func (p *SweepPoint) rule(name string, effect faults.Effect, forever bool) faults.Rule {
	rule := faults.On(p.Op).Named(name).After(p.Occurrence - 1).Do(effect)
	if p.Repo != "" {
		rule = rule.Repo(p.Repo)
	}
	switch {
	case p.Info.Tag != "":
		rule = rule.Tag(p.Info.Tag)
	case p.Info.Digest != "":
		rule = rule.Digest(p.Info.Digest)
	}
	if !forever {
		rule = rule.Times(1)
	}
	return rule
}

// pointsOf returns the points in a log, in an order that does not hang on that of
// parallel requests.
func pointsOf(log record.Log) []SweepPoint {
	seen := map[string]int{}
	points := make([]SweepPoint, len(log))
	for i, x := range log {
		name := faults.Point(&x.Info)
		seen[name]++
		points[i] = SweepPoint{x, seen[name]}
	}
	slices.SortFunc(points, func(a, b SweepPoint) int {
		return cmp.Or(
			cmp.Compare(a.Op, b.Op),
			cmp.Compare(faults.Point(&a.Info), faults.Point(&b.Info)),
			cmp.Compare(a.Occurrence, b.Occurrence))
	})
	return points
}

// SweepEffect is a way in which a registry fails, for [Sweep].
type SweepEffect struct {
	Name string // in the table and in the names of subtests

	// Effect is what happens.
	Effect faults.Effect

	// At returns what happens at a point, in place of Effect. It is nil where it
	// makes no sense, as a change of the body of an answer that has none: there is
	// no subtest then.
	At func(SweepPoint) faults.Effect
}

func (e *SweepEffect) at(p SweepPoint) faults.Effect {
	if e.At == nil {
		return e.Effect
	}
	return e.At(p)
}

// DefaultSweepEffects returns the effects that [Sweep] uses by default. What ends
// or changes a body does so in its middle:
//
//	500           500, as plain text
//	503           503 with Retry-After: 1
//	429           429 without Retry-After
//	401           401 with a Basic challenge
//	404           404
//	close         the connection is closed before the answer
//	close-body    the connection is closed in the middle of the answer
//	reset-body    the connection is reset in the middle of the answer
//	reset-stream  the stream is reset before the answer; with HTTP/2 only
//	close-upload  the connection is closed in the middle of the request
//	lost-reply    the registry has done it, and the connection is closed before the answer; writes only
//	stall         nothing comes any more, with the connection open
//	truncate      the body is shorter, and Content-Length says so
//	corrupt       one byte is another
//	zeros         the body is zeros
//	wrong-digest  Docker-Content-Digest is that of something else
//	redirect      a blob is at another host, which refuses credentials
func DefaultSweepEffects() []SweepEffect {
	return []SweepEffect{
		{Name: "500", Effect: faults.Status(http.StatusInternalServerError)},
		{Name: "503", Effect: faults.Status(http.StatusServiceUnavailable).RetryAfter(time.Second)},
		{Name: "429", Effect: faults.Status(http.StatusTooManyRequests)},
		{Name: "401", Effect: faults.Status(http.StatusUnauthorized).Header("WWW-Authenticate", `Basic realm="sweep"`)},
		{Name: "404", Effect: faults.Status(http.StatusNotFound)},
		{Name: "close", Effect: faults.Close(0)},
		{Name: "close-body", At: halfway(func(n int64) faults.Effect { return faults.Close(n) })},
		{Name: "reset-body", At: halfway(func(n int64) faults.Effect { return faults.Reset(n) })},
		{Name: "reset-stream", At: where(isHTTP2, faults.ResetStream(internalError, 0))},
		{Name: "close-upload", At: closeUpload},
		{Name: "lost-reply", At: where(func(p SweepPoint) bool { return p.Op.Write() }, faults.LoseReply())},
		{Name: "stall", At: stall},
		{Name: "truncate", At: halfway(faults.Truncate)},
		{Name: "corrupt", At: halfway(faults.Corrupt)},
		{Name: "zeros", At: where(hasBody, faults.Zeros())},
		{Name: "wrong-digest", At: where(hasDigest, faults.SetHeader("Docker-Content-Digest", string(digest.FromString("something else"))))},
		{Name: "redirect", At: where(func(p SweepPoint) bool { return p.Op == op.BlobGet }, faults.Redirect(http.StatusTemporaryRedirect, "{cdn}"))},
	}
}

// internalError is an error code of HTTP/2 (RFC 9113, 7).
const internalError = 2

// where is an effect at the points for which a function says so.
func where(sense func(SweepPoint) bool, effect faults.Effect) func(SweepPoint) faults.Effect {
	return func(p SweepPoint) faults.Effect {
		if sense(p) {
			return effect
		}
		return nil
	}
}

func hasBody(p SweepPoint) bool   { return p.ResponseBytes > 0 }
func isHTTP2(p SweepPoint) bool   { return p.Proto == "HTTP/2.0" }
func hasDigest(p SweepPoint) bool { return p.ResponseHeader.Get("Docker-Content-Digest") != "" }

// halfway is an effect in the middle of the answer's body.
func halfway(effect func(n int64) faults.Effect) func(SweepPoint) faults.Effect {
	return func(p SweepPoint) faults.Effect {
		if !hasBody(p) {
			return nil
		}
		return effect(p.ResponseBytes / 2)
	}
}

func stall(p SweepPoint) faults.Effect {
	if !hasBody(p) {
		return faults.Delay(0)
	}
	return faults.Stall(p.ResponseBytes/2, 0)
}

// closeUpload does so after one byte: how long the body is hangs on which of a
// client's parallel uploads comes first.
func closeUpload(p SweepPoint) faults.Effect {
	if p.RequestBytes < 2 {
		return nil
	}
	return faults.Close(1).OfRequest()
}
