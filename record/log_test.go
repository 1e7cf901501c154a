package record_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

func TestZeroLog(t *testing.T) {
	var l record.Log
	assert.Empty(t, l.Filter(record.Op(op.Ping)))
	assert.Zero(t, l.Count())
	assert.Zero(t, l.BytesIn())
	assert.Zero(t, l.BytesOut())
	assert.Zero(t, l.MaxInFlight())
	assert.Empty(t, l.Connections())
	assert.Empty(t, l.Digests())
	assert.Empty(t, l.Repeated())
	assert.Empty(t, l.Gaps())
	assert.Empty(t, l.Ops())
	assert.Empty(t, l.By(record.ByUserAgent()))
	assert.Equal(t, "no requests\n", l.Journal())
	assert.Empty(t, l.Transcript())
}

func TestFigures(t *testing.T) {
	l := answers()
	for i := range l {
		l[i].RequestBytes, l[i].ResponseBytes = int64(i), int64(10*i)
	}
	assert.Equal(t, int64(10), l.BytesIn())
	assert.Equal(t, int64(100), l.BytesOut())
	assert.Equal(t, []op.Op{op.Ping, op.ManifestGet, op.BlobGet, op.BlobGet, op.BlobGet}, l.Ops())
	assert.Equal(t, []uint64{1, 2, 3}, l.Connections())
	assert.Equal(t, []uint64{1, 3, 4, 5}, numbers(l.Filter(record.Not(record.Authenticated()))))
	l[0].Conn = 0
	assert.Equal(t, []uint64{2, 1, 3}, l.Connections())

	filtered := l.Filter(record.Op(op.BlobGet))
	filtered[0].Status = 1
	assert.Equal(t, 503, l[2].Status, "a filtered log is another")
}

// span is a request from one moment to another, in milliseconds; -1 is no end.
type span struct{ from, to, inFlight int }

func spans(list []span) record.Log {
	var l record.Log
	for i, s := range list {
		x := record.Exchange{Seq: uint64(i + 1), Start: began.Add(time.Duration(s.from) * time.Millisecond), InFlight: s.inFlight, Open: s.to < 0}
		if !x.Open {
			x.Duration = time.Duration(s.to-s.from) * time.Millisecond
		}
		l = append(l, x)
	}
	return l
}

func TestMaxInFlight(t *testing.T) {
	tests := []struct {
		name string
		log  []span
		want int
	}{
		{"one", []span{{0, 5, 1}}, 1},
		{"one after the other", []span{{0, 5, 1}, {6, 7, 1}, {8, 9, 1}}, 1},
		{"at once", []span{{0, 5, 1}, {1, 6, 2}, {2, 3, 3}}, 3},
		{"one leaves before the third", []span{{0, 5, 1}, {1, 2, 2}, {3, 4, 2}}, 2},
		{"not ended", []span{{0, -1, 1}, {10, -1, 2}, {20, 21, 3}}, 3},
		{"part of the log", []span{{0, 5, 7}, {1, 2, 9}}, 2},
		{"end and start in one moment", []span{{0, 5, 1}, {5, 6, 1}}, 1},
		{"at once while the clock stands", []span{{0, 0, 1}, {0, 0, 2}, {0, 0, 3}}, 3},
		{"one after the other while the clock stands", []span{{0, 0, 1}, {0, 0, 1}, {0, 0, 1}}, 1},
		{"numbered before the clock was read", []span{{2, 9, 1}, {1, 9, 2}}, 2},
		{"ended before the clock of an earlier one was read", []span{{5, 9, 1}, {1, 2, 2}, {6, 7, 2}}, 2},
		{"from elsewhere", []span{{0, 5, 0}, {1, 2, 0}}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, spans(tt.log).MaxInFlight()) })
	}
}

func TestGaps(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name string
		log  []span
		want []time.Duration
	}{
		{"one", []span{{0, 5, 1}}, nil},
		{"backoff", []span{{0, 5, 1}, {15, 20, 1}, {40, 41, 1}}, []time.Duration{10 * ms, 20 * ms}},
		{"at once", []span{{0, 5, 1}, {3, 9, 2}}, []time.Duration{0}},
		{"an earlier one goes on", []span{{0, 50, 1}, {10, 20, 2}, {30, 40, 2}, {60, 61, 1}}, []time.Duration{0, 0, 10 * ms}},
		{"not ended", []span{{0, -1, 1}, {10, 20, 2}, {30, 40, 2}}, []time.Duration{0, 0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, spans(tt.log).Gaps()) })
	}
}

func TestDigestsAndRepeated(t *testing.T) {
	a, b, m := digestOf("a"), digestOf("b"), digestOf("m")
	get := func(content string, status int, header ...string) func(*tape) *record.Exchange {
		return func(p *tape) *record.Exchange { return p.add("GET "+blobURL(content), status, header...) }
	}
	request := func(line string, status int, header ...string) func(*tape) *record.Exchange {
		return func(p *tape) *record.Exchange { return p.add(line, status, header...) }
	}
	but := func(make func(*tape) *record.Exchange, edit func(*record.Exchange)) func(*tape) *record.Exchange {
		return func(p *tape) *record.Exchange {
			x := make(p)
			edit(x)
			return x
		}
	}
	cut := func(x *record.Exchange) { x.Cut = true }
	left := func(x *record.Exchange) { x.Left = true }
	open := func(x *record.Exchange) { x.Open = true }
	external := func(x *record.Exchange) { x.Op, x.Info.Digest = op.External, a }
	type list = []func(*tape) *record.Exchange
	tests := []struct {
		name     string
		log      list
		digests  []digest.Digest
		repeated []digest.Digest
	}{
		{"each once", list{get("b", 200), get("a", 200)}, []digest.Digest{b, a}, nil},
		{"twice", list{get("a", 200), get("b", 200), get("a", 200), get("a", 200)}, []digest.Digest{a, b}, []digest.Digest{a}},
		{"tried again", list{get("a", 503), get("a", 401), get("a", 200)}, []digest.Digest{a}, nil},
		{"cut and started again", list{but(get("a", 200), cut), get("a", 200)}, []digest.Digest{a}, nil},
		{"left", list{but(get("a", 200), left)}, nil, nil},
		{"in flight", list{get("a", 200), but(get("a", 200), open)}, []digest.Digest{a}, nil},
		{"resumed", list{but(get("a", 200), cut), get("a", 206, "< Content-Range: bytes 5-9/10")}, []digest.Digest{a}, nil},
		{"in parts", list{get("a", 206, "< Content-Range: bytes 0-4/10"), get("a", 206, "< Content-Range: bytes 5-9/10")}, []digest.Digest{a}, nil},
		{"whole parts", list{get("a", 206, "< Content-Range: bytes 0-9/10"), get("a", 200)}, []digest.Digest{a}, []digest.Digest{a}},
		{"parts of unknown size", list{get("a", 206, "< Content-Range: bytes 0-9/*"), get("a", 206)}, []digest.Digest{a}, nil},
		{"looked at", list{request("HEAD "+blobURL("a"), 200), request("HEAD /v2/app/manifests/v1", 200, "< Docker-Content-Digest: "+string(m))}, nil, nil},
		{"not modified", list{get("a", 200), get("a", 304)}, []digest.Digest{a}, nil},
		{"by tag, then by digest", list{request("GET /v2/app/manifests/v1", 200, "< Docker-Content-Digest: "+string(m)), request("GET /v2/app/manifests/"+string(m), 200)}, []digest.Digest{m}, []digest.Digest{m}},
		{"from two repositories", list{request("GET /v2/x/blobs/"+string(a), 200), get("a", 200)}, []digest.Digest{a}, []digest.Digest{a}},
		{"redirected", list{get("a", 307), but(request("GET /cdn/a", 200), external)}, []digest.Digest{a}, nil},
		{"lists", list{request("GET /v2/app/referrers/"+string(a), 200), request("GET /v2/app/tags/list", 200)}, nil, nil},
		{"of unknown digest", list{request("GET /v2/app/manifests/v1", 200)}, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newTape()
			for _, add := range tt.log {
				add(p)
			}
			assert.ElementsMatch(t, tt.digests, p.log.Digests())
			if len(tt.digests) > 0 {
				assert.Equal(t, tt.digests, p.log.Digests(), "the order of the first fetch")
			}
			assert.ElementsMatch(t, tt.repeated, p.log.Repeated())
		})
	}
}

func TestBy(t *testing.T) {
	p := newTape()
	for i, test := range []string{"b", "a", "", "b"} {
		p.add(fmt.Sprintf("GET /v2/app/manifests/%d", i), 200, "X-Test: "+test)
	}
	groups := p.log.By(record.ByHeader("X-Test"))
	assert.Equal(t, []uint64{1, 4}, numbers(groups["b"]))
	assert.Equal(t, []string{"", "a", "b"}, slices.Sorted(maps.Keys(groups)))
}

// pulled is a log such as a recorder returns: a client pulls an image, and one
// layer takes it two attempts.
func pulled() record.Log {
	p := newTape()
	agent := "User-Agent: crane/v0.20.3"
	x := p.add("GET /v2/", http.StatusUnauthorized, agent)
	x.Codes, x.ResponseBytes = []string{"UNAUTHORIZED"}, 87
	x = p.add("GET /v2/app/manifests/v1", 200, agent, "Authorization: [redacted]", "< Docker-Content-Digest: "+string(digestOf("m")), "< Content-Length: 421")
	x.ResponseBytes, x.Scheme = 421, "Basic"
	x = p.add("GET "+blobURL("config"), 200, agent, "Authorization: [redacted]", "< Content-Length: 233")
	x.ResponseBytes, x.Scheme = 233, "Basic"
	p.now -= 2 * time.Millisecond
	x = p.add("GET "+blobURL("layer"), http.StatusServiceUnavailable, agent, "Authorization: [redacted]", "< Retry-After: 1")
	x.Faults, x.Scheme, x.InFlight, x.Conn = []string{"flaky"}, "Basic", 2, 2
	p.now += time.Second
	x = p.add("GET "+blobURL("layer"), 200, agent, "Authorization: [redacted]", "< Content-Length: 1048576")
	x.ResponseBytes, x.Scheme = 1048576, "Basic"
	return p.log
}

func ExampleLog_Filter() {
	for _, x := range pulled().Filter(record.Op(op.BlobGet), record.Status("5xx")) {
		fmt.Println(x.Seq, x.Op, x.Status, x.Faults)
	}
	// Output: 4 blob.get 503 [flaky]
}

func ExampleLog_Count() {
	fmt.Println(pulled().Count(record.Op(op.BlobGet), record.Digest(digestOf("layer"))))
	// Output: 2
}

func ExampleLog_Ops() {
	fmt.Println(pulled().Ops())
	// Output: [ping manifest.get blob.get blob.get blob.get]
}

func ExampleLog_BytesOut() {
	fmt.Println(pulled().BytesIn(), pulled().BytesOut())
	// Output: 0 1049317
}

func ExampleLog_MaxInFlight() {
	fmt.Println(pulled().MaxInFlight())
	// Output: 2
}

func ExampleLog_Connections() {
	fmt.Println(pulled().Connections())
	// Output: [1 2]
}

func ExampleLog_Gaps() {
	attempts := pulled().Filter(record.Digest(digestOf("layer")))
	fmt.Println(attempts.Gaps())
	// Output: [1.001s]
}

func ExampleLog_Digests() {
	fmt.Println(len(pulled().Digests()), "fetched, again:", pulled().Repeated())
	// Output: 3 fetched, again: []
}

func ExampleLog_By() {
	for name, log := range pulled().By(record.ByUserAgent()) {
		fmt.Println(name, len(log))
	}
	// Output: crane 5
}

func ExampleLog_Repeated() {
	p := newTape()
	for range 2 {
		p.add("GET "+blobURL("layer"), 200)
	}
	fmt.Println(len(p.log.Repeated()), "fetched more than once")
	// Output: 1 fetched more than once
}
