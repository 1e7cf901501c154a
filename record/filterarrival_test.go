package record_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/record"
)

// A filter on what the recorder knows when a request comes, and the exchange that it matches
// of a series.
func TestFiltersOnArrivals(t *testing.T) {
	var log record.Log
	for i := range 3 {
		x := exchange(t, "GET", "/v2/")
		x.Seq, x.Attempt, x.Conn, x.ConnSeq = uint64(i+1), i+1, 7, i+1
		x.Elapsed, x.ConnAge = time.Duration(i)*time.Minute, time.Duration(i)*time.Second
		log = append(log, x)
	}
	log[2].Proto, log[2].Conn = "HTTP/2.0", 8
	unknown := exchange(t, "GET", "/v2/") // as of another program's file
	unknown.Seq, unknown.Proto = 4, ""
	log = append(log, unknown)
	tests := []struct {
		filter record.Filter
		text   string
		want   []uint64
	}{
		{record.Attempt(2), "attempt=2", []uint64{2}},
		{record.Attempt(1, 3), "attempt=1,3", []uint64{1, 3}},
		{record.Not(record.Attempt(1)), "attempt!=1", []uint64{2, 3, 4}},
		{record.AttemptOver(1), "attempt>1", []uint64{2, 3}},
		{record.AttemptOver(0), "attempt>0", []uint64{1, 2, 3}},
		{record.ElapsedOver(time.Minute), "elapsed>1m0s", []uint64{3}},
		{record.ElapsedOver(0), "elapsed>0s", []uint64{2, 3}},
		{record.Conn(7), "conn=7", []uint64{1, 2}},
		{record.ConnRequestsOver(1), "conn.requests>1", []uint64{2, 3}},
		{record.Not(record.ConnRequestsOver(1)), "!conn.requests>1", []uint64{1, 4}},
		{record.ConnAgeOver(1500 * time.Millisecond), "conn.age>1.5s", []uint64{3}},
		{record.Proto("HTTP/2.0"), "proto=HTTP/2.0", []uint64{3}},
		{record.Proto("HTTP/1.*"), "proto=HTTP/1.*", []uint64{1, 2}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			assert.Equal(t, tt.text, tt.filter.String())
			assert.Equal(t, tt.want, numbers(log.Filter(tt.filter)))
			assert.Equal(t, record.OnRequest, tt.filter.Stage())
			parsed, err := record.ParseFilters(tt.text)
			require.NoError(t, err)
			require.Len(t, parsed, 1)
			assert.Equal(t, tt.text, parsed[0].String())
			assert.Equal(t, tt.want, numbers(log.Filter(parsed...)))
		})
	}
}

func TestFiltersOnQueries(t *testing.T) {
	const target = "/v2/app/tags/list?n=10&last=a%2Cb&&n=20&;x=1&bad=%zz&e=&flag"
	for text, want := range map[string]bool{
		"query.n=10": true, "query.n=20": true, "query.n=30": false, "query.n=10,30": true, "query.n": true, "query.N": false,
		`query.last="a,b"`: true, "query.last=*": true, "query.last!=*": false, "!query.last": false, "query.bad": false, "query.x": false,
		`query.e=""`: true, "query.e=*": false, "query.flag": true, `query.flag=""`: true, "query.none": false, `query.none=""`: false,
	} {
		filters, err := record.ParseFilters(text)
		require.NoError(t, err)
		x := exchange(t, "GET", target)
		assert.Equal(t, want, x.Matches(filters...), text)
		assert.Equal(t, text, filters[0].String())
	}
	x := exchange(t, "GET", target)
	none := testing.AllocsPerRun(100, func() { record.Query("missing", "*").Match(&x) })
	some := testing.AllocsPerRun(100, func() { record.Query("missing", "*") })
	assert.Equal(t, some, none, "matching allocates nothing")
}

func TestResumed(t *testing.T) {
	for _, c := range []struct {
		method, field string
		want          bool
	}{
		{"GET", "Range: bytes=1-", true}, {"HEAD", "Range: bytes=5-9", true}, {"GET", "Range: BYTES= 7-9,0-1", true},
		{"GET", "Range: bytes=0-9", false}, {"GET", "Range: bytes=-9", false}, {"GET", "Range: 5-9", false}, {"GET", "Range: items=5-9", false},
		{"GET", "Range: bytes=x-", false}, {"GET", "Accept: */*", false}, {"GET", "Content-Range: 5-9", false},
		{"PATCH", "Content-Range: 5-9", true}, {"PUT", "Content-Range: bytes 5-9/*", true},
		{"PATCH", "Content-Range: 0-9", false}, {"PATCH", "Content-Range: 9-5", false}, {"PATCH", "Content-Range: 5", false},
		{"PATCH", "Range: bytes=5-9", false}, {"POST", "Content-Range: 5-9", false},
	} {
		x := exchange(t, c.method, "/v2/app/blobs/uploads/one", c.field)
		assert.Equal(t, c.want, record.Resumed().Match(&x), "%s %s", c.method, c.field)
	}
}

func TestChunkOver(t *testing.T) {
	const session = "/v2/app/blobs/uploads/one"
	for _, c := range []struct {
		method, target string
		fields         []string
		want           bool
	}{
		{"PATCH", session, []string{"Content-Length: 11"}, true},
		{"PATCH", session, []string{"Content-Length: 10"}, false},
		{"PATCH", session, []string{"Content-Range: 0-10"}, true},
		{"PATCH", session, []string{"Content-Range: 100-109"}, false},
		{"PATCH", session, []string{"Content-Range: 0-10", "Content-Length: 10"}, false},
		{"PATCH", session, nil, false},
		{"PUT", session + "?digest=" + sha, []string{"Content-Length: 11"}, false},
		{"PUT", session + "?digest=" + sha, []string{"Content-Length: 11", "Content-Range: 20-30"}, true},
		{"PUT", "/v2/app/manifests/v1", []string{"Content-Length: 11", "Content-Range: 20-30"}, false},
		{"POST", "/v2/app/blobs/uploads/?digest=" + sha, []string{"Content-Length: 11"}, false},
	} {
		x := exchange(t, c.method, c.target, c.fields...)
		assert.Equal(t, c.want, record.ChunkOver(10).Match(&x), "%s %s %v", c.method, c.target, c.fields)
	}
}

func TestFiltersOnArrivalsPanic(t *testing.T) {
	for want, make := range map[string]func(){
		"filter attempt: no value: a filter without values would match nothing":  func() { record.Attempt() },
		"filter attempt: 0 is no attempt: they are numbered from 1":              func() { record.Attempt(0) },
		"filter conn.age: -1s is negative: want 0 or more":                       func() { record.ConnAgeOver(-time.Second) },
		"filter query: the name of the parameter is missing":                     func() { record.Query("") },
		`filter proto: "h2" is no protocol: want HTTP/1.0, HTTP/1.1 or HTTP/2.0`: func() { record.Proto("h2") },
	} {
		assert.PanicsWithError(t, want, make)
	}
}
