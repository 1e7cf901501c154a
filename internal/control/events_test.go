package control_test

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// event is one, or a comment.
type event struct{ kind, id, data, comment string }

// exchange is the one in the data of an event.
func (e event) exchange(t testing.TB) record.Exchange {
	t.Helper()
	return decode[record.Exchange](t, e.data)
}

// events is a stream of events, read strictly.
type events struct {
	t     testing.TB
	lines *bufio.Reader
	body  io.Closer
}

func (f *fixture) follow(t testing.TB, query string, edits ...func(*http.Request)) *events {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", f.URL()+"/_ocifake/v1/events"+query, nil)
	require.NoError(t, err)
	for _, edit := range edits {
		edit(r)
	}
	response, err := f.Transport().RoundTrip(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	assert.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	assert.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	s := &events{t, bufio.NewReader(response.Body), response.Body}
	t.Cleanup(func() { s.body.Close() })
	require.Equal(t, event{comment: "events"}, s.next())
	return s
}

// next reads an event, or a comment.
func (s *events) next() event {
	s.t.Helper()
	e, err := s.read()
	require.NoError(s.t, err)
	return e
}

func (s *events) read() (e event, err error) {
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return e, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "":
			if value == "" {
				return e, nil
			}
			e.comment = value
		case "event":
			e.kind = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		default:
			return e, fmt.Errorf("line %q", line)
		}
	}
}

// short is an event without what differs from run to run.
func (e event) short(t testing.TB) string {
	switch e.kind {
	case "open", "request":
		x := e.exchange(t)
		return e.kind + " " + x.Repo
	}
	return strings.TrimSpace(e.kind + " " + e.data + e.comment)
}

// want reads events, and wants them to be these.
func (s *events) want(want ...string) (last event) {
	s.t.Helper()
	for _, w := range want {
		last = s.next()
		require.Equal(s.t, w, last.short(s.t))
	}
	return last
}

// request reads to the next event of this kind.
func (s *events) request() event {
	s.t.Helper()
	for {
		if e := s.next(); e.kind == "request" {
			return e
		}
	}
}

// held is a rule that holds a request until it is let go.
func (f *fixture) hold(repo string) (release func()) {
	gate := make(chan struct{})
	f.faults.Intercept(func(_ http.ResponseWriter, r *http.Request, info *op.Info) bool {
		if info.Repo == repo {
			<-gate
		}
		return false
	})
	return func() { close(gate) }
}

var eventWays = []struct {
	name   string
	server server.Options
	memory bool
	proto  string
}{
	{"HTTP/1.1", server.Options{}, false, "HTTP/1.1"},
	{"TLS", server.Options{TLS: true}, false, "HTTP/1.1"},
	{"HTTP/2", server.Options{HTTP2: true}, false, "HTTP/2.0"},
	{"h2c", server.Options{H2C: true}, false, "HTTP/2.0"},
	{"in memory", server.Options{}, true, "HTTP/1.1"},
	{"HTTP/2 in memory", server.Options{HTTP2: true}, true, "HTTP/2.0"},
}

// TestEvents: what happens is told as it does, whatever the protocol, until the
// server closes.
func TestEvents(t *testing.T) {
	for _, way := range eventWays {
		t.Run(way.name, func(t *testing.T) {
			o := setup{server: way.server}
			if way.memory {
				o.network = new(server.Network)
			}
			f := start(t, o)
			release := f.hold("slow")
			f.pull(t, "before")
			s := f.follow(t, "")
			s.want("request before")
			var slow sync.WaitGroup
			slow.Go(func() { f.pull(t, "slow") })
			s.want("open slow")
			f.pull(t, "fast")
			got := s.request().exchange(t)
			assert.Equal(t, "fast", got.Repo)
			assert.Equal(t, way.proto, got.Proto)
			assert.False(t, got.Open)
			release()
			slow.Wait()
			s.want("request slow")
			require.NoError(t, f.faults.Add(faults.On().Repo("x").Do(faults.Status(503)).Named("x")))
			s.want("faults {}")
			f.v1(t, http.StatusNoContent, "DELETE", "requests", "")
			s.want(`cleared {"last":3}`)
			require.NoError(t, f.Close())
			_, err := s.read()
			assert.Error(t, err)
		})
	}
}

// TestEventsOrder: an event comes once, in the order in which requests ended, and
// who comes back with its id misses nothing and gets nothing twice.
func TestEventsOrder(t *testing.T) {
	f := start(t, setup{})
	release := f.hold("a")
	var held sync.WaitGroup
	held.Go(func() { f.pull(t, "a") })
	s := f.follow(t, "")
	s.want("open a")
	f.pull(t, "b", "c")
	first := s.request()
	assert.Equal(t, "b", first.exchange(t).Repo)
	second := s.request()
	assert.Equal(t, "c", second.exchange(t).Repo)
	release()
	held.Wait()
	f.pull(t, "d")
	for id, want := range map[string][]string{
		"":        {"b", "c", "a", "d"},
		first.id:  {"c", "a", "d"},
		second.id: {"a", "d"},
	} {
		back := f.follow(t, "", header("Last-Event-ID", id))
		asked := f.follow(t, "?after="+cmp.Or(id, "0"))
		for _, repo := range want {
			back.want("request " + repo)
			asked.want("request " + repo)
		}
	}
	both := f.follow(t, "?after=0", header("Last-Event-ID", second.id))
	both.want("request a")
}

// TestEventsAfterList: a list of requests and the events after it are all there is.
func TestEventsAfterList(t *testing.T) {
	f := start(t, setup{})
	f.pull(t, "a", "b")
	list := get[list](t, f, "requests?tail=1")
	f.pull(t, "c", "d")
	f.follow(t, "?after="+strconv.FormatUint(list.Last, 10)).want("request c", "request d")
}

// TestEventsFiltered: with those that are not meant the ids go on.
func TestEventsFiltered(t *testing.T) {
	f := start(t, setup{})
	f.pull(t, "a", "b", "a", "b", "c")
	s := f.follow(t, "?filter=repo%3Db")
	id := s.want("request b").id
	s.want("request b")
	f.follow(t, "?filter=repo%3Db,c", header("Last-Event-ID", id)).want("request b", "request c")
}

// TestEventsCleared: who was away is told; who has seen it is not told again.
func TestEventsCleared(t *testing.T) {
	f := start(t, setup{})
	f.pull(t, "a", "b")
	s := f.follow(t, "")
	id := s.want("request a", "request b").id
	f.v1(t, http.StatusNoContent, "DELETE", "requests", "")
	s.want(`cleared {"last":2}`)
	f.pull(t, "c")
	assert.Equal(t, "c", s.request().exchange(t).Repo)
	back := f.follow(t, "", header("Last-Event-ID", id))
	back.want(`cleared {"last":2}`, "request c")
	list := get[list](t, f, "requests")
	f.pull(t, "d")
	f.follow(t, "?after="+strconv.FormatUint(list.Last, 10)).want("request d")
}

// TestEventsOfEarlierProcess: what its client knows is no longer so.
func TestEventsOfEarlierProcess(t *testing.T) {
	earlier := start(t, setup{})
	earlier.pull(t, "x", "x", "x")
	s := earlier.follow(t, "")
	id := s.want("request x", "request x", "request x").id
	f := start(t, setup{})
	f.pull(t, "a")
	for _, from := range []string{id, "1", "18446744073709551615"} {
		f.follow(t, "", header("Last-Event-ID", from)).want(`cleared {"last":0}`, "request a")
	}
	assert.Equal(t, "Last-Event-ID", decode[refusal](t, f.v1(t, http.StatusBadRequest, "GET", "events", "", header("Last-Event-ID", "x")).body).Error.Field)
}

func TestEventsHead(t *testing.T) {
	f := start(t, setup{})
	a := f.v1(t, http.StatusOK, "HEAD", "events", "")
	assert.Equal(t, "text/event-stream", a.Header.Get("Content-Type"))
}

// TestEventsKeepAlive: a client knows that the connection is there.
func TestEventsKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := start(t, setup{network: new(server.Network)})
		s, began := f.follow(t, ""), time.Now()
		s.want("alive")
		assert.Equal(t, 15*time.Second, time.Since(began))
		s.want("alive", "alive")
		f.pull(t, "a")
		assert.Equal(t, "a", s.request().exchange(t).Repo)
		require.NoError(t, s.body.Close())
	})
}

// TestCloseEndsEvents, with what has happened until then, where the server goes on.
func TestCloseEndsEvents(t *testing.T) {
	f := start(t, setup{})
	s := f.follow(t, "")
	f.pull(t, "a")
	s.request()
	f.api.Close()
	f.api.Close()
	_, err := s.read()
	assert.ErrorIs(t, err, io.EOF, "the answer is whole")
	f.pull(t, "b")
	f.follow(t, "").want("request a", "request b")
}

// TestHungClient holds up nobody, and is let go.
func TestHungClient(t *testing.T) {
	for _, way := range []struct {
		name   string
		server server.Options
	}{{"HTTP/1.1", server.Options{}}, {"HTTP/2", server.Options{H2C: true}}} {
		t.Run(way.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := start(t, setup{network: new(server.Network), server: way.server})
				s := f.follow(t, "")
				const n = 1000
				for range n { // more than the buffers on the way have room for
					f.ask(t, "GET", "/v2/", "", header("X-Long", strings.Repeat("x", 8<<10)))
				}
				synctest.Wait()
				began := time.Now()
				for range 100 {
					f.pull(t, "app")
				}
				assert.Zero(t, time.Since(began))
				time.Sleep(2 * time.Minute)
				read := 0
				for {
					_, err := s.read()
					if err != nil {
						break
					}
					read++
				}
				assert.Less(t, read, n, "what it did not take was not kept for it")
			})
		})
	}
}

// TestManyFollowers while requests come from all sides: each gets all, in the same
// order. Some leave in the middle.
func TestManyFollowers(t *testing.T) {
	f := start(t, setup{})
	const clients, each, followers = 4, 100, 4
	orders := make([]string, followers)
	var following, requests sync.WaitGroup
	for i := range orders {
		s := f.follow(t, "")
		leaver := f.follow(t, "")
		following.Go(func() {
			var order []string
			for len(order) < clients*each {
				e, err := s.read()
				if !assert.NoError(t, err) {
					return
				}
				if e.kind == "request" {
					order = append(order, strconv.FormatUint(e.exchange(t).Seq, 10))
				}
			}
			orders[i] = strings.Join(order, " ")
		})
		following.Go(func() {
			for range 10 * i {
				_, _ = leaver.read()
			}
			assert.NoError(t, leaver.body.Close())
		})
	}
	for range clients {
		requests.Go(func() {
			for range each {
				f.pull(t, "app")
			}
		})
	}
	requests.Wait()
	following.Wait()
	seen := map[string]bool{}
	for seq := range strings.FieldsSeq(orders[0]) {
		assert.False(t, seen[seq])
		seen[seq] = true
	}
	for _, order := range orders {
		assert.Equal(t, orders[0], order)
	}
}

// TestLeftClient: the stream ends when its client has left, not with the next event.
func TestLeftClient(t *testing.T) {
	f := start(t, setup{})
	s := f.follow(t, "")
	require.NoError(t, s.body.Close())
	open := func() bool {
		return slices.ContainsFunc(f.recorder.Connections(), func(c record.Connection) bool { return c.Closed.IsZero() })
	}
	for changed := f.recorder.Changed(); open(); changed = f.recorder.Changed() {
		<-changed
	}
}
