package recorder_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/record"
)

// gated is a handler whose requests end when they are told to.
type gated struct {
	*recorder.Recorder
	handler http.Handler
	mu      sync.Mutex
	gates   map[string]chan struct{}
	running sync.WaitGroup
}

func newGated(o recorder.Options) *gated {
	g := &gated{Recorder: recorder.New(o), gates: map[string]chan struct{}{}}
	g.handler = g.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if gate := g.gate(r.URL.Path); gate != nil {
			<-gate
		}
	}))
	return g
}

func (g *gated) gate(path string) chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.gates[path]
}

// begin begins a request, in a bubble.
func (g *gated) begin(repo string) {
	path := "/v2/" + repo + "/tags/list"
	g.mu.Lock()
	g.gates[path] = make(chan struct{})
	g.mu.Unlock()
	g.running.Go(func() { g.serve(path) })
	synctest.Wait()
}

func (g *gated) end(repo string) {
	close(g.gate("/v2/" + repo + "/tags/list"))
	synctest.Wait()
}

func (g *gated) serve(path string) {
	g.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
}

func (g *gated) do(repos ...string) {
	for _, repo := range repos {
		g.serve("/v2/" + repo + "/tags/list")
	}
}

// repos are those of a log, in its order.
func repos(log record.Log) string {
	var all []string
	for _, x := range log {
		all = append(all, x.Repo)
	}
	return strings.Join(all, " ")
}

// news is what a follower says, in short.
func news(n recorder.News) string {
	text := fmt.Sprintf("%s|%s|%d", repos(n.Begun), repos(n.Ended), n.Position)
	if n.Cleared > 0 {
		text = fmt.Sprintf("cleared %d|%s", n.Cleared, text)
	}
	if n.More {
		text += "|more"
	}
	return text
}

func TestFollower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGated(recorder.Options{})
		f, tags := g.Follow(0), g.Follow(0, record.Repo("b", "d"))
		assert.Equal(t, "||0", news(f.Next(9)), "nothing")
		g.begin("a")
		g.begin("b")
		assert.Equal(t, "a b||0", news(f.Next(9)), "both are in flight")
		assert.Equal(t, "||0", news(f.Next(9)), "and told of once")
		g.end("b")
		g.do("c")
		g.begin("d")
		assert.Equal(t, "d|b c|2", news(f.Next(9)), "in the order of their end")
		g.end("a")
		g.end("d")
		assert.Equal(t, "|a|3|more", news(f.Next(1)))
		assert.Equal(t, "|d|4", news(f.Next(1)))
		assert.Equal(t, "||4", news(f.Next(1)))
		assert.Equal(t, "|b|3|more", news(tags.Next(3)), "what the filters do not mean counts too")
		last := tags.Next(3)
		assert.Equal(t, "|d|4", news(last))
		assert.Equal(t, []recorder.Position{4}, last.At)
		assert.Equal(t, []recorder.Position{1, 2, 4}, g.Follow(0, record.Repo("b", "c", "d")).Next(9).At)
		assert.Equal(t, recorder.Position(4), g.Position())
		for from, want := range []string{"|b c a d|4", "|c a d|4", "|a d|4", "|d|4", "||4", "||4"} {
			assert.Equal(t, want, news(g.Follow(recorder.Position(from)).Next(9)), "from %d", from)
		}
		g.running.Wait()
	})
}

// TestFollowerClear: those in flight are forgotten too.
func TestFollowerClear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGated(recorder.Options{})
		f := g.Follow(0)
		g.begin("a")
		g.do("b", "c")
		assert.Equal(t, "a|b c|2", news(f.Next(9)))
		g.do("d")
		g.begin("e")
		g.Clear()
		g.do("f")
		g.begin("g")
		assert.Equal(t, "cleared 5|g|f|5", news(f.Next(9)), "d was never read")
		for _, repo := range []string{"a", "e", "g"} {
			g.end(repo)
		}
		assert.Equal(t, "|g|6", news(f.Next(9)))
		cleared := "cleared 5||f g|6"
		for from, want := range []string{cleared, cleared, cleared, cleared, "|f g|6", "|g|6"} {
			assert.Equal(t, want, news(g.Follow(recorder.Position(from)).Next(9)), "who comes back from %d", from)
		}
		f = g.Follow(g.Position())
		g.Clear()
		at := g.Position()
		assert.Equal(t, fmt.Sprintf("cleared 7|||%d", at), news(f.Next(9)), "clearing alone has a place")
		assert.Equal(t, fmt.Sprintf("||%d", at), news(g.Follow(at).Next(9)), "who was told of it is told once")
		g.running.Wait()
	})
}

// TestFollowerKeep: who keeps is told of all that had ended, and of each Clear where it
// was.
func TestFollowerKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGated(recorder.Options{})
		f := g.Follow(0, record.Repo("a", "b", "d", "e"))
		stop := f.Keep()
		g.do("a")
		assert.Equal(t, "|a|1", news(f.Next(9)))
		g.do("b", "c", "d")
		g.begin("e")
		g.Clear()
		g.Clear()
		g.end("e")
		g.do("a")
		g.Clear()
		g.do("b")
		assert.Equal(t, "b", repos(g.Log()))
		assert.Equal(t, "|b|2|more", news(f.Next(1)))
		assert.Equal(t, "|d|4|more", news(f.Next(9)))
		assert.Equal(t, "cleared 5||a|7|more", news(f.Next(9)), "e was in flight")
		last := f.Next(9)
		assert.Equal(t, "cleared 6||b|9", news(last))
		assert.Zero(t, last.Missed)
		g.do("d")
		g.Clear()
		stop()
		g.do("e")
		assert.Equal(t, "cleared 8||e|12", news(f.Next(9)), "nothing is kept any more")
		g.running.Wait()
	})
}

// TestFollowerMissed counts what was dropped, before a Clear too if that is kept.
func TestFollowerMissed(t *testing.T) {
	g := newGated(recorder.Options{MaxBytes: 16 << 10})
	f, keeps := g.Follow(0), g.Follow(0)
	defer keeps.Keep()()
	do := func() (dropped int) {
		for i := range 2000 {
			g.do(fmt.Sprint("r", i))
		}
		return g.Dropped()
	}
	first := do()
	require.NotZero(t, first)
	g.Clear()
	second := do()
	read := func(f *recorder.Follower) (read, missed int) {
		for {
			news := f.Next(100)
			read += len(news.Ended)
			missed += news.Missed
			if !news.More {
				return read, missed
			}
		}
	}
	n, missed := read(f)
	assert.Equal(t, []int{2000 - second, second}, []int{n, missed}, "what was cleared is not missed")
	n, missed = read(keeps)
	assert.Equal(t, []int{4000 - first - second, first + second}, []int{n, missed})
}

// TestFollowerDropped goes on with what is there.
func TestFollowerDropped(t *testing.T) {
	g := newGated(recorder.Options{MaxBytes: 16 << 10})
	f := g.Follow(0)
	g.do("first")
	assert.Equal(t, "|first|1", news(f.Next(9)))
	const n = 2000
	for i := range n {
		g.do(fmt.Sprint("r", i))
	}
	dropped := g.Dropped()
	require.Greater(t, dropped, n/4)
	var got record.Log
	for more := true; more; {
		next := f.Next(7)
		got, more = append(got, next.Ended...), next.More
	}
	assert.Equal(t, repos(g.Log()), repos(got))
	assert.Len(t, got, n+1-dropped)
	assert.Equal(t, fmt.Sprint("||", n+1), news(f.Next(9)))

	tiny := newGated(recorder.Options{MaxBytes: -1})
	f = tiny.Follow(0)
	tiny.do("a", "b")
	assert.Equal(t, "||0", news(f.Next(9)), "what is not kept does not count")
}

// TestFollowers get all that ends while it does, each once and in the same order.
func TestFollowers(t *testing.T) {
	const clients, each = 8, 300
	g := newGated(recorder.Options{})
	logs := make([]record.Log, 3)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var followers, requests sync.WaitGroup
	for i := range logs {
		followers.Go(func() {
			begun := map[uint64]bool{}
			for f := g.Follow(0); len(logs[i]) < clients*each; {
				changed := g.Changed()
				n := f.Next(10 * (i + 1))
				for _, x := range n.Begun {
					assert.False(t, begun[x.Seq], "%d is told of twice", x.Seq)
					assert.True(t, x.Open)
					begun[x.Seq] = true
				}
				logs[i] = append(logs[i], n.Ended...)
				if n.More || len(logs[i]) == clients*each {
					continue
				}
				select {
				case <-changed:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	for c := range clients {
		requests.Go(func() {
			for i := range each {
				g.do(fmt.Sprintf("c%d/r%d", c, i))
			}
		})
	}
	requests.Wait()
	followers.Wait()
	seen := map[uint64]bool{}
	for i, x := range logs[0] {
		require.False(t, seen[x.Seq])
		seen[x.Seq] = true
		require.Equal(t, x.Seq, logs[1][i].Seq)
		require.Equal(t, x.Seq, logs[2][i].Seq)
	}
	assert.Len(t, seen, clients*each)
}

func TestExchanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGated(recorder.Options{})
		g.begin("a")
		g.do("b", "c")
		g.begin("d")
		g.end("a")
		got := func(after record.Mark, filters ...record.Filter) string {
			var log record.Log
			for x := range g.Exchanges(after, filters...) {
				log = append(log, x)
			}
			return repos(log)
		}
		assert.Equal(t, "b c a d", got(0))
		assert.Equal(t, "b c d", got(1))
		assert.Equal(t, "d", got(3))
		assert.Empty(t, got(4))
		assert.Equal(t, "c d", got(1, record.Repo("c", "d")))
		for range g.Exchanges(0) {
			break // is heeded
		}
		for seq, want := range []string{"", "a", "b", "c", "d", ""} {
			x, ok := g.Exchange(uint64(seq))
			assert.Equal(t, want != "", ok, "%d", seq)
			assert.Equal(t, want, x.Repo)
			assert.Equal(t, want == "d", x.Open)
		}
		g.Clear()
		assert.Empty(t, got(0))
		_, ok := g.Exchange(4)
		assert.False(t, ok)
		g.end("d")
		g.running.Wait()
	})
}
