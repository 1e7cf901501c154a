package fidelity

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/op"
)

// A report of the suite has a part of the suite's requests, in their order. align finds the step of
// each exchange. Of all ways to assign steps in order, it takes the one in which the most answers
// have a status that the suite accepts there, and the most requests use the Location of the one
// before; of those, the one with the earliest steps, because a report shows the first of equal
// exchanges.
//
// Random configs and manifests belong to a workflow each. The report shows which of them are the
// same, but not to which workflow they belong: of all ways to assign them, the best one counts.

const (
	scoreUsual = 10 // the status is the usual one at the step
	scoreWant  = 8  // the suite accepts the status at the step
	scoreRetry = 6  // the step of the request that was refused before
	scoreNext  = 4  // the step uses the Location of the exchange before

	maxReport = 1000 // exchanges
)

// assignment is a way to assign steps to exchanges.
type assignment struct {
	score   int
	order   string
	authors map[string]string // config name -> author
	steps   []int             // index of the step of each exchange that is not for a token
}

// align sets the steps of the exchanges, the order of deletions, and the workflows of the authors.
func (im *importer) align() error {
	if len(im.exchanges) > maxReport {
		return fmt.Errorf("%d exchanges: want at most %d", len(im.exchanges), maxReport)
	}
	var requests []*raw // without those for tokens
	for _, x := range im.exchanges {
		if x.info.Op != op.Token {
			requests = append(requests, x)
		}
	}
	best := assignment{score: -1}
	for _, authors := range arrangements(im.authors) {
		for _, order := range []string{"manifests", "blobs"} {
			im.arrange(authors)
			if steps, score := im.assign(requests, order); score > best.score {
				best = assignment{score, order, authors, steps}
			}
		}
	}
	if best.score < 0 {
		return im.unmatched(requests)
	}
	im.Order = best.order
	im.arrange(best.authors)
	im.Exchanges = make([]Exchange, len(im.exchanges))
	next := 0
	for i, x := range im.exchanges {
		at := max(next-1, 0) // for a token: that of the request that was refused, or of the one that follows
		if refused := next > 0 && requests[next-1].Response.Status == http.StatusUnauthorized; x.info.Op != op.Token || !refused {
			at = min(next, len(requests)-1)
		}
		im.Exchanges[i].Step = best.steps[at] + 1
		if x.info.Op != op.Token {
			next++
		}
	}
	return im.bind(requests, best.steps)
}

// arrangements returns the ways in which authors belong to workflows.
func arrangements(authors []string) []map[string]string {
	all := []map[string]string{{}}
	for _, author := range authors {
		var more []map[string]string
		for _, before := range all {
			for i := range workflows {
				name := fmt.Sprint("config", i)
				if _, taken := before[name]; taken {
					continue
				}
				after := map[string]string{name: author}
				for k, v := range before {
					after[k] = v
				}
				more = append(more, after)
			}
		}
		all = more
	}
	return all
}

// arrange rebuilds the contents with authors.
func (im *importer) arrange(authors map[string]string) {
	im.Authors = authors
	b := builder{im.Recording, im.contents}
	if im.contents == nil {
		im.contents, im.blobs = contents{}, map[digest.Digest]string{}
		b.all = im.contents
		b.blobs()
		im.note(im.blobs, slices.Collect(maps.Keys(im.contents)))
	}
	b.documents()
	im.digests = maps.Clone(im.blobs)
	im.note(im.digests, slices.DeleteFunc(slices.Collect(maps.Keys(im.contents)), func(name string) bool { return isBlob(name) }))
}

// note adds the digests of contents that are not stand-ins.
func (im *importer) note(digests map[digest.Digest]string, contents []string) {
	for _, name := range contents {
		if !im.standIn(name) {
			digests[digest.FromBytes(im.contents[name])] = name
		}
	}
}

// standIn reports whether a content depends on a config whose author is not known.
func (im *importer) standIn(name string) bool {
	depends := strings.Replace(name, "manifest", "config", 1)
	switch {
	case name == "emptyLayer":
		depends = "config1"
	case name == "refCLayer":
		depends = "config3"
	case strings.HasPrefix(name, "ref") && len(name) > len("refA"):
		depends = "config4"
	case strings.HasPrefix(name, "blob"):
		return im.Suite != "v1.0" && im.Seed == 0
	}
	return strings.HasPrefix(depends, "config") && im.Authors[depends] == ""
}

// assign finds the best steps for requests, and their score: -1 if there are none.
func (im *importer) assign(requests []*raw, order string) ([]int, int) {
	const impossible = -1
	scores := make([]int, len(im.steps))
	before := make([][]int, len(requests)) // the step of the request before
	for i, x := range requests {
		now := make([]int, len(im.steps))
		before[i] = make([]int, len(im.steps))
		bestScore, bestStep := impossible, -1 // among earlier steps
		if i == 0 {
			bestScore = 0
		}
		for s, step := range im.steps {
			score, from := bestScore, bestStep
			if i > 0 {
				if t := s - 1; t >= 0 && scores[t] >= 0 && im.steps[t].follows(step) && scores[t]+scoreNext > score {
					score, from = scores[t]+scoreNext, t
				}
				if scores[s] >= 0 && requests[i-1].Response.Status == http.StatusUnauthorized && scores[s]+scoreRetry > score {
					score, from = scores[s]+scoreRetry, s
				}
			}
			now[s] = impossible
			if score >= 0 && (step.order == "" || step.order == order) && im.matches(x, step) {
				now[s], before[i][s] = score+step.score(x.Response.Status), from
			}
			if i > 0 && scores[s] > bestScore {
				bestScore, bestStep = scores[s], s
			}
		}
		scores = now
	}
	last, score := 0, impossible
	for s := range scores {
		if scores[s] > score {
			last, score = s, scores[s]
		}
	}
	if score < 0 {
		return nil, impossible
	}
	steps := make([]int, len(requests))
	for i := len(requests) - 1; i >= 0; i-- {
		steps[i] = last
		last = before[i][last]
	}
	return steps, score
}

// score returns how well a status fits a step.
func (s *step) score(status int) int {
	switch slices.Index(s.want, status) {
	case -1:
		return 0
	case 0:
		return scoreUsual
	default:
		return scoreWant
	}
}

// matches reports whether a request can be that of a step.
func (im *importer) matches(x *raw, s step) bool {
	if x.Request.Method != s.method {
		return false
	}
	start, _, chunk := chunkRange(x)
	if wantChunk := strings.HasPrefix(s.body, "blobB."); chunk != wantChunk || chunk && (start == 0) != (s.body == "blobB.1") {
		return false
	}
	path, query, _ := strings.Cut(s.target, "?")
	return im.matchesPath(x, path) && im.matchesQuery(x, s, query)
}

func (im *importer) matchesPath(x *raw, path string) bool {
	if strings.HasPrefix(path, "{") {
		return x.info.Session != "" && x.info.Repo == im.Repo
	}
	got := strings.Split(x.url.Path, "/")
	want := strings.Split(strings.NewReplacer("<repo>", im.Repo, "<other>", im.Other, "<tag>", im.Tag).Replace(path), "/")
	if len(got) != len(want) {
		return false
	}
	for i := range want {
		if got[i] != want[i] && !im.is(want[i], got[i]) {
			return false
		}
	}
	return true
}

func (im *importer) matchesQuery(x *raw, s step, query string) bool {
	want, err := url.ParseQuery(query)
	if err != nil {
		return false
	}
	got := x.url.Query()
	if strings.HasPrefix(s.target, "{") {
		got = url.Values{} // without the registry's own parameters
		if d := x.url.Query().Get("digest"); d != "" {
			got.Set("digest", d)
		}
	}
	if len(got) != len(want) {
		return false
	}
	for name := range want {
		w, g := want.Get(name), got.Get(name)
		if !got.Has(name) || w != "*" && w != g && !im.is(w, g) && (w != "<repo>" || g != im.Repo) {
			return false
		}
	}
	return true
}

// is reports whether a placeholder can stand for the digest in a request: that of the content, or
// an unknown one if the content is not known.
func (im *importer) is(placeholder, d string) bool {
	name, ok := strings.CutPrefix(strings.TrimSuffix(placeholder, ">"), "<")
	if !ok || im.contents[name] == nil || !op.ValidDigest(digest.Digest(d)) {
		return false
	}
	known, ok := im.digests[digest.Digest(d)]
	if ok {
		return known == name
	}
	return im.standIn(name)
}

// bind gives the unknown digests in requests the names of their steps' contents.
func (im *importer) bind(requests []*raw, steps []int) error {
	bound := map[string]digest.Digest{}
	for i, x := range requests {
		d := x.info.Digest
		if d == "" || !op.ValidDigest(d) {
			continue
		}
		name := placeholder(im.steps[steps[i]].target)
		if known, ok := im.digests[d]; ok && known != name {
			return fmt.Errorf("exchange %s %s: the digest is that of %s, not of %s", x.Request.Method, x.Request.Target, known, name)
		}
		if other, ok := bound[name]; ok && other != d {
			return fmt.Errorf("exchange %s %s: two digests of %s", x.Request.Method, x.Request.Target, name)
		}
		bound[name] = d
		im.digests[d] = name
	}
	return nil
}

// placeholder returns the content of a step's target.
func placeholder(target string) string {
	for _, word := range strings.FieldsFunc(target, func(c rune) bool { return c == '/' || c == '=' || c == '?' || c == '&' }) {
		name, ok := strings.CutPrefix(strings.TrimSuffix(word, ">"), "<")
		if ok && name != "repo" && name != "other" && name != "tag" {
			return name
		}
	}
	return ""
}

// unmatched returns an error about the first request that cannot be assigned.
func (im *importer) unmatched(requests []*raw) error {
	for i := range requests {
		_, first := im.assign(requests[:i+1], "manifests")
		_, second := im.assign(requests[:i+1], "blobs")
		if first < 0 && second < 0 {
			return fmt.Errorf("%s %s is not a request of the conformance suite %s at this place", requests[i].Request.Method, requests[i].Request.Target, im.Suite)
		}
	}
	return fmt.Errorf("no requests of the conformance suite %s", im.Suite)
}
