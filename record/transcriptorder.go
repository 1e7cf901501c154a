package record

import (
	"cmp"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/op"
)

// transcriptOrder returns the exchanges in the order of a transcript.
func (l Log) transcriptOrder() []*Exchange {
	order := ordering{contents: l.contents()}
	order.placeAll(l)
	var run []*Exchange
	for i := range l {
		x := &l[i]
		if x.Op == op.Token || order.contents[x] != "" {
			run = append(run, x)
			continue
		}
		order.run(run)
		order.done, run = append(order.done, x), nil
	}
	order.run(run)
	return order.done
}

// contents tells of the exchanges that may change their order, which content they
// are for: its digest; of an upload that was never committed, its session.
func (l Log) contents() map[*Exchange]string {
	committed := map[string]string{}
	for i := range l {
		if x := &l[i]; x.Session != "" && x.Info.Digest != "" {
			committed[x.Session] = string(x.Info.Digest)
		}
	}
	contents := map[*Exchange]string{}
	redirected := map[string]string{}
	for i := range l {
		x := &l[i]
		content := cmp.Or(redirected[x.origin()+x.Target], x.requested(committed))
		if content == "" {
			continue
		}
		contents[x] = content
		if x.Status >= 300 && x.Status < 400 {
			redirected[x.location()] = content
		}
	}
	return contents
}

// requested is what the request is for, and an upload what it will be.
func (x *Exchange) requested(committed map[string]string) string {
	session := x.Session
	switch x.Op {
	case op.Unknown, op.ReferrerList, op.ManifestDelete, op.BlobDelete, op.Token:
		return ""
	case op.UploadStart:
		u, err := url.Parse(x.location())
		if err != nil {
			return ""
		}
		session = op.Parse(http.MethodPatch, u).Session
	}
	return cmp.Or(string(x.Info.Digest), committed[session], session)
}

// location is where the answer points to, as an absolute URL.
func (x *Exchange) location() string {
	location := x.ResponseHeader.Get("Location")
	base, err := url.Parse(x.origin() + x.Target)
	if err != nil || location == "" {
		return ""
	}
	u, err := base.Parse(location)
	if err != nil {
		return ""
	}
	return u.String()
}

type ordering struct {
	contents map[*Exchange]string
	places   map[string]place
	listed   map[string][]string // the contents that a manifest lists
	next     int
	done     []*Exchange
}

// place is where a content stands in a walk through all manifests: at enter its
// manifest is fetched, then come the contents that it lists, at leave it is pushed.
type place struct{ enter, leave int }

// placeAll walks from the manifests with a tag, in the order of their requests;
// then from the contents that no manifest lists; then from whatever is left, if
// manifests claim to list each other.
func (o *ordering) placeAll(l Log) {
	o.places, o.listed = map[string]place{}, map[string][]string{}
	all, inside := map[string]bool{}, map[string]bool{}
	var tagged []string
	for i := range l {
		x := &l[i]
		if content := o.contents[x]; digestText().MatchString(content) {
			all[content] = true
		}
		manifest, listed := x.listing()
		if manifest == "" {
			continue
		}
		all[manifest], o.listed[manifest] = true, listed
		if o.contents[x] == "" {
			tagged = append(tagged, manifest)
		}
		for _, content := range listed {
			inside[content] = inside[content] || content != manifest
		}
	}
	sorted := sortedKeys(all)
	for _, content := range slices.Concat(tagged, slices.DeleteFunc(slices.Clone(sorted), func(c string) bool { return inside[c] }), sorted) {
		o.walk(content)
	}
}

func (o *ordering) walk(content string) {
	if _, ok := o.places[content]; ok {
		return
	}
	p := place{enter: o.next}
	o.next++
	o.places[content] = p
	for _, inner := range o.listed[content] {
		o.walk(inner)
	}
	p.leave = o.next
	o.next++
	o.places[content] = p
}

// listing returns the digest of the manifest in the exchange, and all those that
// it has in it.
func (x *Exchange) listing() (manifest string, listed []string) {
	body := x.ResponseBody
	switch {
	case x.Op == op.ManifestPut:
		body = x.RequestBody
	case x.Op != op.ManifestGet || x.Status != http.StatusOK:
		return "", nil
	}
	manifest = string(cmp.Or(x.Verified, x.content()))
	for _, d := range digestText().FindAll(body, -1) {
		listed = append(listed, string(d))
	}
	return manifest, listed
}

// run puts a run of exchanges in order. Tokens that came first answer a challenge
// before the run.
func (o *ordering) run(run []*Exchange) {
	start := slices.IndexFunc(run, func(x *Exchange) bool { return x.Op != op.Token })
	if start < 0 {
		start = len(run)
	}
	o.done = append(o.done, run[:start]...)
	var tokens, others []*Exchange
	at := map[*Exchange]int{}
	pushed := map[string]bool{}
	for _, x := range run[start:] {
		if x.Op == op.Token {
			tokens = append(tokens, x)
			continue
		}
		content := o.contents[x]
		pushed[content] = pushed[content] || x.Op.Write()
		at[x] = o.at(content, pushed[content])
		others = append(others, x)
	}
	next := o.nextOfSame(others)
	slices.SortStableFunc(others, func(a, b *Exchange) int { return cmp.Compare(at[a], at[b]) })
	for _, x := range others {
		o.done = append(o.done, x)
		if x.Status == http.StatusUnauthorized {
			tokens = o.tokens(tokens, x.Seq, next[x])
		}
	}
	o.tokens(tokens, 0, math.MaxUint64)
}

// at is the place of an exchange in its run; uploads of unknown content come last.
func (o *ordering) at(content string, pushed bool) int {
	p, ok := o.places[content]
	switch {
	case !ok:
		return math.MaxInt
	case pushed:
		return p.leave
	}
	return p.enter
}

// nextOfSame tells for each exchange the number of the next one for its content.
func (o *ordering) nextOfSame(run []*Exchange) map[*Exchange]uint64 {
	next := map[*Exchange]uint64{}
	upcoming := map[string]uint64{}
	for _, x := range slices.Backward(run) {
		content := o.contents[x]
		next[x] = cmp.Or(upcoming[content], math.MaxUint64)
		upcoming[content] = x.Seq
	}
	return next
}

// tokens takes the exchanges for tokens between two others, and returns the rest.
func (o *ordering) tokens(tokens []*Exchange, after, before uint64) []*Exchange {
	var taken, rest []*Exchange
	for _, x := range tokens {
		if after < x.Seq && x.Seq < before {
			taken = append(taken, x)
		} else {
			rest = append(rest, x)
		}
	}
	slices.SortStableFunc(taken, func(a, b *Exchange) int { return strings.Compare(redact.Plain(a.Target), redact.Plain(b.Target)) })
	o.done = append(o.done, taken...)
	return rest
}
