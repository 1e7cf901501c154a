package record

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/op"
)

// Filter returns the exchanges that all filters match; the log does not change.
func (l Log) Filter(filters ...Filter) Log {
	var found Log
	for i := range l {
		if l[i].Matches(filters...) {
			found = append(found, l[i])
		}
	}
	return found
}

// Count returns how many exchanges all filters match.
func (l Log) Count(filters ...Filter) int {
	n := 0
	for i := range l {
		if l[i].Matches(filters...) {
			n++
		}
	}
	return n
}

// Ops returns the operations in the order of the requests.
func (l Log) Ops() []op.Op {
	ops := make([]op.Op, len(l))
	for i := range l {
		ops[i] = l[i].Op
	}
	return ops
}

// BytesIn returns how many bytes of request bodies were read.
func (l Log) BytesIn() int64 {
	var n int64
	for i := range l {
		n += l[i].RequestBytes
	}
	return n
}

// BytesOut returns how many bytes of response bodies were sent.
func (l Log) BytesOut() int64 {
	var n int64
	for i := range l {
		n += l[i].ResponseBytes
	}
	return n
}

// Connections returns the numbers of the connections that carried the requests, in the
// order of their first use. It omits requests without a connection number.
func (l Log) Connections() []uint64 {
	var ids []uint64
	seen := map[uint64]bool{0: true}
	for i := range l {
		if id := l[i].Conn; !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// MaxInFlight returns the maximum number of these requests that were in flight at the same
// time. A request that is Open is still in flight.
//
// Requests with the same time, as in virtual time, count as simultaneous, up to the number
// that the registry had in flight (InFlight).
func (l Log) MaxInFlight() int {
	starts := make([]time.Time, len(l)) // never before that of an earlier request
	var ends []time.Time
	var latest time.Time
	for i := range l {
		if l[i].Start.After(latest) {
			latest = l[i].Start
		}
		starts[i] = latest
		switch end := l[i].end(); {
		case l[i].Open:
		case end.Before(latest):
			ends = append(ends, latest)
		default:
			ends = append(ends, end)
		}
	}
	sortTimes(ends)
	most, ended := 0, 0
	for i, start := range starts {
		for ended < len(ends) && ends[ended].Before(start) {
			ended++
		}
		n := i + 1 - ended
		if all := l[i].InFlight; all > 0 {
			n = min(n, all)
		}
		most = max(most, n)
	}
	return most
}

// Gaps returns, for each request except the first, the time between the end of all earlier
// requests in the log and its start: the pauses of a client that retries. It is 0 for a
// request that began before an earlier one had ended.
func (l Log) Gaps() []time.Duration {
	if len(l) < 2 {
		return nil
	}
	gaps := make([]time.Duration, len(l)-1)
	latest, open := l[0].end(), l[0].Open
	for i := range gaps {
		x := &l[i+1]
		if !open {
			gaps[i] = max(0, x.Start.Sub(latest))
		}
		if end := x.end(); end.After(latest) {
			latest = end
		}
		open = open || x.Open
	}
	return gaps
}

// Digests returns the digests of the blobs and manifests that were fetched, at least in
// part. Each digest is listed once, in the order of its first fetch. A fetch is a GET with a
// complete answer of status 200 or 206, from any repository or origin.
func (l Log) Digests() []digest.Digest {
	return l.fetched(1, func(x *Exchange) bool { return true })
}

// Repeated returns the digests of the blobs and manifests that were fetched whole
// more than once, in the order of the first fetch.
//
// A whole fetch is a GET with a complete answer of status 200, or of status 206 with all
// bytes. An answer that was cut, or that the client left, does not count, nor do the parts
// that complete it, nor a 304. A manifest that is fetched by tag and then by digest counts
// twice. If several clients share the log, divide it with [Log.By] first.
func (l Log) Repeated() []digest.Digest { return l.fetched(2, (*Exchange).whole) }

// fetched returns the digests with at least that many fetches for which counts is true.
func (l Log) fetched(least int, counts func(*Exchange) bool) []digest.Digest {
	var order []digest.Digest
	times := map[digest.Digest]int{}
	for i := range l {
		x := &l[i]
		d := x.content()
		if d == "" || !x.fetch() || !counts(x) {
			continue
		}
		if times[d]++; times[d] == 1 {
			order = append(order, d)
		}
	}
	return slices.DeleteFunc(order, func(d digest.Digest) bool { return times[d] < least })
}

// content returns the digest of the requested content. For a manifest by tag, and for
// content of another origin, it is that in the answer, if there is one.
func (x *Exchange) content() digest.Digest {
	if x.Info.Digest != "" {
		return x.Info.Digest
	}
	return digest.Digest(x.ResponseHeader.Get("Docker-Content-Digest"))
}

func (x *Exchange) fetch() bool {
	switch x.Op {
	case op.BlobGet, op.ManifestGet, op.External:
	default:
		return false
	}
	return x.Method == http.MethodGet && !x.Open && !x.Left && !x.Cut &&
		(x.Status == http.StatusOK || x.Status == http.StatusPartialContent)
}

// whole reports whether a fetch brought all bytes.
func (x *Exchange) whole() bool {
	if x.Status == http.StatusOK {
		return true
	}
	part, total, ok := strings.Cut(strings.TrimPrefix(x.ResponseHeader.Get("Content-Range"), "bytes "), "/")
	size, err := strconv.ParseInt(total, 10, 64)
	return ok && err == nil && part == "0-"+strconv.FormatInt(size-1, 10)
}

func (x *Exchange) end() time.Time { return x.Start.Add(x.Duration) }

// By divides the log by a label that distinguishes the clients of a shared registry: a function
// that returns the same text for all requests of a client, such as [ByUserAgent]. Requests without
// a label are under the empty text.
func (l Log) By(label func(*Exchange) string) map[string]Log {
	must.NotNil("record: Log.By: label", label)
	groups := map[string]Log{}
	for i := range l {
		name := label(&l[i])
		groups[name] = append(groups[name], l[i])
	}
	return groups
}
