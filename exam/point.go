package exam

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/record"
)

// Point is a request of a scenario, as recorded in the run without a fault.
type Point struct {
	record.Exchange
	Occurrence int // among the requests of the same kind, from 1

	whole bool // the client reads the whole content, in one answer or in parts
}

// String names the operation, the repository, the tag or digest, and the occurrence
// if it is not the first: "blob.get_app@sha256:44136fa355b3,2". It contains no space,
// so that it can be part of a test's name.
func (p Point) String() string {
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

// rule returns the rule that acts once at the point, or from the point on.
func (p *Point) rule(name string, effect faults.Effect, forever bool) faults.Rule {
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

// pointsOf returns the points of a log, in an order that does not depend on the order
// of parallel requests.
func pointsOf(log record.Log) []Point {
	seen, parts := map[string]int{}, map[string]int64{}
	for i := range log {
		parts[engine.Point(&log[i].Info)] += log[i].ResponseBytes
	}
	points := make([]Point, len(log))
	for i, x := range log {
		name := engine.Point(&x.Info)
		seen[name]++
		points[i] = Point{x, seen[name], parts[name] >= sizeOf(&x)}
	}
	slices.SortFunc(points, func(a, b Point) int {
		return cmp.Or(
			cmp.Compare(a.Op, b.Op),
			cmp.Compare(engine.Point(&a.Info), engine.Point(&b.Info)),
			cmp.Compare(a.Occurrence, b.Occurrence))
	})
	return points
}

// sizeOf returns the size of the content of which an answer is a part, or 0 for a whole
// answer.
func sizeOf(x *record.Exchange) int64 {
	_, size, _ := strings.Cut(x.ResponseHeader.Get("Content-Range"), "/")
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
