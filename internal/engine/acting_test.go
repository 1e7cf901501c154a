package engine_test

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// ten answers with ten bytes, a part of them if a range is asked for.
var ten = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-There", "yes")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader("0123456789"))
})

// A rule fires when its effect acts: what does nothing to a request neither counts it
// nor is on the record.
func TestRuleFiresWhenItActs(t *testing.T) {
	const get, head, patch = "GET /v2/app/blobs/" + layer, "HEAD /v2/app/blobs/" + layer, "PATCH /v2/app/blobs/uploads/one"
	for name, test := range map[string]struct {
		effect  faults.Effect
		idle    string // a request on which it does not act
		acts    string // one on which it does; empty: it needs more than a request
		header  []string
		unfired string
	}{
		"ignore-range":      {faults.IgnoreRange(), get, get, []string{"Range", "bytes=2-3"}, "its filters matched 1 requests, and ignore-range can act on none of them"},
		"range, HEAD":       {faults.IgnoreRange(), head, "", nil, "ignore-range can act on none of them"},
		"shift-range":       {faults.ShiftRange(1), get, get, []string{"Range", "bytes=2-3"}, "shift-range can act on none of them"},
		"lose-upload":       {faults.LoseUpload(), get, "", nil, "lose-upload can act on none of them"},
		"drop-chunk":        {faults.DropChunk(), get, "", nil, "drop-chunk can act on none of them"},
		"an empty chunk":    {faults.DropChunk(), patch, "", nil, "drop-chunk can act on none of them"},
		"digest-tags":       {faults.DigestTags(), getV1, "", nil, "digest-tags can act on none of them"},
		"refuse-mount":      {faults.RefuseMount(), getV1, "", nil, "refuse-mount can act on none of them"},
		"gzip":              {faults.Compress("gzip"), head, get, nil, "compress can act on none of them"},
		"corrupt":           {faults.Corrupt(0), head, get, nil, "corrupt can act on none of them"},
		"corrupt behind":    {faults.Corrupt(10), get, "", nil, "it chose 1 requests, and corrupt acted on none of them"},
		"zeros":             {faults.Zeros(), head, get, nil, "zeros can act on none of them"},
		"close":             {faults.Close(1 << 30), get, "", nil, "it chose 1 requests, and close acted on none of them"},
		"close at the end":  {faults.Close(10), get, "", nil, "close acted on none of them"},
		"close in the body": {faults.Close(9), head, get, nil, "close can act on none of them"},
		"close the request": {faults.Close(9).OfRequest(), patch, "", nil, "close can act on none of them"},
		"truncate":          {faults.Truncate(10), get, "", nil, "truncate acted on none of them"},
		"stall":             {faults.Stall(10, 0), get, "", nil, "stall acted on none of them"},
		"trickle":           {faults.Trickle(10, 1), get, "", nil, "trickle acted on none of them"},
		"trickle of HEAD":   {faults.Trickle(1, 1), head, get, nil, "trickle can act on none of them"},
		"drop-header":       {faults.DropHeader("X-Not-There"), get, "", nil, "drop-header acted on none of them"},
		"drop a header":     {faults.DropHeader("X-There"), "", get, nil, ""},
		"set-header":        {faults.SetHeader("X-There", "yes"), get, "", nil, "set-header acted on none of them"},
		"set-status":        {faults.SetStatus(200), get, "", nil, "set-status acted on none of them"},
		"location":          {faults.Location{Absolute: true}, get, "", nil, "location acted on none of them"},
		"vanish":            {faults.Vanish(), get, "", nil, "vanish can act on none of them"},
		"hide":              {faults.Hide(1, 0), get, "", nil, "hide can act on none of them"},
		"stale-tag":         {faults.StaleTag(1, 0), "PUT /v2/app/manifests/" + layer, "", nil, "stale-tag can act on none of them"},
		"lag-tags":          {faults.LagTags(1, 0), get, "", nil, "lag-tags can act on none of them"},
		"immutable":         {faults.Immutable(faults.Status(409)), "PUT /v2/app/manifests/" + layer, "", nil, "immutable can act on none of them"},
		"immutable, new":    {faults.Immutable(faults.Status(409)), putV1, "", nil, "immutable can act on none of them"},
		"content-of":        {faults.ContentOf(layer), putV1, "", nil, "content-of can act on none of them"},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine.New(memstore.New(memstore.Options{}))
			injected, err := e.Inject(faults.On().Named("a").Times(1).Do(test.effect))
			require.NoError(t, err)
			handler := e.Wrap(ten)
			if test.idle != "" {
				_, touched := send(handler, test.idle)
				assert.Equal(t, "-", touched)
				assert.Zero(t, injected[0].Hits())
				assert.False(t, injected[0].State().Over)
				assert.Contains(t, injected[0].State().Unfired, "never fired: ")
				assert.Contains(t, injected[0].State().Unfired, test.unfired)
			}
			if test.acts != "" {
				_, touched := send(handler, test.acts, test.header...)
				assert.Equal(t, "a", touched)
				assert.Empty(t, injected[0].State().Unfired)
				assert.True(t, injected[0].State().Over)
			}
		})
	}
}

// Of requests at the same time, a rule that may fire once fires at one on which it
// acts.
func TestRuleFiresOnceAtATime(t *testing.T) {
	const requests = 50
	e := engine.New(nil)
	injected, err := e.Inject(faults.On().Named("a").Times(1).Do(faults.Truncate(5)))
	require.NoError(t, err)
	var arrived sync.WaitGroup
	arrived.Add(requests)
	handler := e.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Done()
		arrived.Wait() // all have been chosen
		ten(w, r)
	}))
	var done sync.WaitGroup
	bodies := make([]string, requests)
	for i := range requests {
		done.Go(func() {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v2/app/blobs/"+layer, nil))
			bodies[i] = w.Body.String()
		})
	}
	done.Wait()
	short := 0
	for _, body := range bodies {
		if body == "01234" {
			short++
		} else {
			assert.Equal(t, "0123456789", body)
		}
	}
	assert.Equal(t, 1, short)
	assert.Equal(t, 1, injected[0].Hits())
}

// What another rule won is said of the rule that lost.
func TestUnfiredShadowed(t *testing.T) {
	e := engine.New(nil)
	e.Bind(effect.Site{Connections: true})
	injected, err := e.Inject(on("first"), on("second", op.BlobGet), on("other", op.TagList))
	require.NoError(t, err)
	touch(e.Wrap(found), getLayer, getLayer)
	assert.Equal(t, `never fired: rule "first" took the 2 requests that it matched: let that rule Continue, or add this rule before it`, injected[1].State().Unfired)
	assert.Equal(t, "never fired: no request matched its filters", injected[2].State().Unfired)
	assert.Equal(t, []string{
		`"second" on op=blob.get never fired: rule "first" took the 2 requests that it matched: let that rule Continue, or add this rule before it`,
		`"other" on op=tag.list never fired: no request matched its filters`,
	}, unfired(e))

	e.Clear()
	connects, err := e.Inject(faults.OnConnect().Named("first").Do(faults.Refuse()), faults.OnConnect().Do(faults.Silence()))
	require.NoError(t, err)
	e.Open(overTLS)
	assert.Contains(t, connects[1].State().Unfired, `rule "first" took the 1 connections that it matched`)
}

// A part of what a rule does that never acts is said, though the rule fired.
func TestUnfiredEffect(t *testing.T) {
	e := engine.New(nil)
	injected, err := e.Inject(faults.On().Times(1).Do(faults.SetHeader("X-A", "b"), faults.Close(100)))
	require.NoError(t, err)
	send(e.Wrap(ten), getLayer)
	assert.Equal(t, "fired, but close never acted", injected[0].State().Unfired)
}

// It is enough that one rule of a known fault fires.
func TestKnownFaultIsSatisfied(t *testing.T) {
	fault, err := known.Find("referrers-404")
	require.NoError(t, err)
	e := engine.New(nil)
	injected, err := e.Inject(fault.Rules()...)
	require.NoError(t, err)
	require.Greater(t, len(injected), 1)
	assert.Len(t, unfired(e), len(injected))
	touch(e.Wrap(found), "GET /v2/app/referrers/"+layer)
	for _, i := range injected {
		assert.Empty(t, i.State().Unfired, i.State().Rule.Name)
	}
	assert.Empty(t, unfired(e))

	e.Clear()
	again, err := e.Inject(fault.Rules()...)
	require.NoError(t, err)
	assert.NotEmpty(t, again[0].State().Unfired, "what fired before does not count")
}

// What can never act is refused.
func TestAddRefusesWhatNeverActs(t *testing.T) {
	status, delay := faults.Status(503), faults.Delay(1)
	for name, test := range map[string]struct {
		rule faults.Rule
		want string
	}{
		"behind an answer":       {faults.On().Do(status, delay), "delay never acts behind status, which answers: put it before"},
		"behind a redirect":      {faults.On().Do(faults.Redirect(307, "/"), faults.Zeros()), "zeros never acts behind redirect, which answers: put it before"},
		"behind a cut":           {faults.On().Do(faults.Reset(0), faults.Zeros()), "zeros never acts behind reset, which answers: put it before"},
		"behind an answer, deep": {faults.On().Do(faults.All(delay, status), faults.Zeros()), "zeros never acts behind all, which answers: put it before"},
		"in a step":              {faults.On().Seq(faults.All(status, delay)), "delay never acts behind status, which answers: put it before"},
		"two ends":               {faults.OnConnect().Do(faults.Refuse(), faults.Silence()), "silence never acts beside refuse, which ends the connection: choose one of them"},
		"no handshake":           {faults.OnConnect().Do(faults.ExpiredCertificate(), faults.Silence()), "tls never acts beside silence, which ends the connection: choose one of them"},
		"another operation":      {faults.On(op.BlobGet).Do(faults.LoseUpload()), "lose-upload never acts on a request that the filters match: it acts on [upload.chunk upload.commit upload.status upload.cancel] only"},
		"not that operation":     {faults.On().Where(record.Not(record.Op(op.BlobMount))).Do(faults.RefuseMount()), "refuse-mount never acts on a request that the filters match: it acts on [blob.mount] only"},
		"HEAD":                   {faults.On(op.BlobHead, op.ManifestHead).Do(faults.Corrupt(0)), "corrupt never acts on a request"},
	} {
		t.Run(name, func(t *testing.T) { assert.ErrorContains(t, test.rule.Check(), test.want) })
	}
	assert.NoError(t, faults.On().Do(delay, status).Check())
	assert.NoError(t, faults.OnConnect().Do(faults.Refuse(), delay).Check(), "a delay comes first")

	e := engine.New(nil)
	e.Bind(effect.Site{Connections: true})
	assert.ErrorContains(t, e.Add(faults.OnConnect().Do(faults.ExpiredCertificate())),
		"tls is about the TLS handshake, and the registry speaks plain HTTP: use registrytest.WithTLS or ocifake serve --tls")
}

// Header fields that the server cannot send as they are, are refused.
func TestAddRefusesWhatCannotBeSent(t *testing.T) {
	for name, test := range map[string]struct {
		effect faults.Effect
		want   string
	}{
		"negative length":     {faults.SetHeader("content-length", "-1"), `set-header: Content-Length: "-1" is no number of bytes`},
		"length with sign":    {faults.SetHeader("Content-Length", "+1"), `"+1" is no number of bytes`},
		"length as text":      {faults.SetHeader("Content-Length", "many"), `"many" is no number of bytes`},
		"huge length":         {faults.SetHeader("Content-Length", "9223372036854775808"), "is no number of bytes"},
		"length from a place": {faults.SetHeader("Content-Length", "{tag}"), "is no number of bytes"},
		"two lengths":         {faults.SetHeader("Content-Length", "1", "2"), "there is one Content-Length"},
		"another length":      {faults.AddHeader("Content-Length", "1"), "there is one Content-Length"},
		"coding":              {faults.SetHeader("transfer-encoding", "gzip"), "Transfer-Encoding is the server's"},
		"line":                {faults.SetHeader("X-A", "b\r\nX-C: d"), "has a control character"},
		"NUL":                 {faults.AddHeader("X-A", "\x00"), "has a control character"},
		"length of an answer": {faults.Status(204).Header("Content-Length", "5"), "status: header: Content-Length is that of the body"},
		"field of an answer":  {faults.Status(400).Header("a b", "c"), `status: header: "a b" is no name of a header field`},
		"line of an answer":   {faults.Status(400).Header("A", "c\nd"), "has a control character"},
		"type of an answer":   {faults.Status(400).Type("a\nb"), "has a control character"},
		"body without body":   {faults.Status(204).Body("text/plain", "x"), "status: an answer with 204 has no body"},
		"page without body":   {faults.Status(304).HTML(), "status: an answer with 304 has no body"},
		"redirect":            {faults.Redirect(307, "/a\r\nb"), "has a control character"},
		"no redirect":         {faults.Redirect(304, "/a"), "304 is no redirect"},
		"location":            {faults.Location{Path: "/a\nb"}, "has a control character"},
		"shift by nothing":    {faults.ShiftRange(0), "shift-range: by: want a number of bytes other than 0"},
	} {
		t.Run(name, func(t *testing.T) { assert.ErrorContains(t, faults.On().Do(test.effect).Check(), test.want) })
	}
}

func durationOf(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }

func TestRetryAfter(t *testing.T) {
	e := engine.New(nil)
	for seconds, want := range map[float64]string{-5: "-5", -1.5: "-1", 0: "0", 0.2: "1", 1: "1", 1.5: "2", 86400: "86400"} {
		e.Clear()
		require.NoError(t, e.Add(faults.On().Do(faults.Status(429).RetryAfter(durationOf(seconds)))))
		w, _ := send(e.Wrap(found), ping)
		assert.Equal(t, want, w.Header().Get("Retry-After"), "%v s", seconds)
	}
}

// idleConn is a connection that nothing happens to.
type idleConn struct{ effect.Conn }

// Of a connection that ends before its next request, nothing is kept.
func TestCloseIdleForgets(t *testing.T) {
	e := engine.New(nil)
	e.Bind(effect.Site{Connections: true})
	injected, err := e.Inject(faults.On().Do(faults.CloseIdle()))
	require.NoError(t, err)
	c := &idleConn{}
	ended := make(chan struct{})
	runtime.AddCleanup(c, func(ended chan struct{}) { close(ended) }, ended)
	r := httptest.NewRequest(http.MethodGet, "/v2/", nil)
	e.Wrap(found).ServeHTTP(httptest.NewRecorder(), r.WithContext(effect.WithConn(r.Context(), c)))
	assert.Equal(t, 1, injected[0].Hits())
	assert.Equal(t, "fired, but close-idle never acted", injected[0].State().Unfired)
	e.Closed(c)
	r, c = nil, nil
	runtime.GC()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the engine holds a connection that has ended")
	}
}
