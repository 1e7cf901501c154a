package engine_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

func TestNames(t *testing.T) {
	e := engineWith(t, on(""), on("mine"), on("fault-2"), on(""), on("fault-4"))
	assert.Equal(t, []string{"fault-1", "mine", "fault-2", "fault-3", "fault-4"}, names(e))
	require.NoError(t, e.Add(on("")))
	assert.Equal(t, "fault-5", names(e)[5], "a name that is free")
	assert.EqualError(t, e.Add(on("mine")), `faults: rule "mine": there is a rule with this name already`)
	assert.EqualError(t, e.Add(on("twice"), on("twice")), `faults: rule "twice": there is a rule with this name already`)
	assert.Len(t, names(e), 6)
	require.True(t, e.Remove("mine"))
	assert.NoError(t, e.Add(on("mine")), "it is free again")
}

func TestAddIsAllOrNothing(t *testing.T) {
	e := engineWith(t, on("a"))
	err := e.Add(on("b"), faults.On().Named("c"), on("d"), on("a"))
	assert.EqualError(t, err, `faults: rule "c": it does nothing: give it effects with Do or Seq`+"\n"+
		`faults: rule "a": there is a rule with this name already`)
	assert.Equal(t, []string{"a"}, names(e))
	injected, err := e.Inject(on("b"), faults.On())
	assert.Error(t, err)
	assert.Nil(t, injected)
	assert.Equal(t, []string{"a"}, names(e))
}

func TestRulesAreListedInOrder(t *testing.T) {
	e := engine.New(nil)
	e.Bind(effect.Site{Connections: true})
	require.NoError(t, e.Add(
		on("b"), faults.OnConnect().Named("connect").Do(faults.Refuse()), on("a")))
	require.NoError(t, e.Add(on("c")))
	assert.Equal(t, []string{"b", "a", "c", "connect"}, names(e))
}

func TestRemove(t *testing.T) {
	e := engine.New(nil)
	e.Bind(effect.Site{Connections: true})
	injected, err := e.Inject(on("a"), on("b"), faults.OnConnect().Named("c").Do(faults.Refuse()))
	require.NoError(t, err)
	handler := e.Wrap(found)
	assert.Equal(t, []string{"a"}, touch(handler, getV1))
	assert.True(t, e.Remove("a"))
	assert.False(t, e.Remove("a"))
	assert.Equal(t, []string{"b"}, touch(handler, getV1))
	assert.Equal(t, 1, injected[0].Hits(), "a removed rule keeps its counts")
	injected[1].Remove()
	injected[1].Remove()
	assert.Equal(t, []string{"-"}, touch(handler, getV1))
	assert.False(t, e.Open(overTLS).None())
	assert.True(t, e.Remove("c"))
	assert.True(t, e.Open(overTLS).None())
	assert.Empty(t, e.Rules())
	assert.False(t, e.Remove("c"), "nothing is there")
}

// A handle removes its own rule, not a later one with the same name.
func TestHandleRemovesItsOwnRule(t *testing.T) {
	e := engine.New(nil)
	injected, err := e.Inject(on("a"))
	require.NoError(t, err)
	injected[0].Remove()
	require.NoError(t, e.Add(on("a")))
	injected[0].Remove()
	assert.Equal(t, []string{"a"}, names(e))
}

func TestEnable(t *testing.T) {
	rule := on("a").Times(2)
	rule.Flags.Disabled = true
	e := engineWith(t, rule)
	handler := e.Wrap(found)
	assert.Equal(t, []string{"-"}, touch(handler, getV1))
	assert.True(t, e.Rules()[0].Rule.Flags.Disabled)
	assert.Zero(t, e.Rules()[0].Seen)
	assert.True(t, e.Enable("a", true))
	assert.Equal(t, []string{"a"}, touch(handler, getV1))
	assert.True(t, e.Enable("a", false))
	assert.Equal(t, []string{"-", "-"}, touch(handler, getV1, getV1))
	assert.True(t, e.Enable("a", true))
	assert.Equal(t, []string{"a", "-"}, touch(handler, getV1, getV1), "counts go on where they were")
	assert.False(t, e.Enable("b", true))
}

func TestClear(t *testing.T) {
	e := engineWith(t, on("a"))
	e.Intercept(func(w http.ResponseWriter, _ *http.Request, _ *op.Info) bool {
		w.WriteHeader(http.StatusTeapot)
		return true
	})
	e.Clear()
	w, touched := send(e.Wrap(found), getV1)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "-", touched)
	assert.Empty(t, e.Rules())
}

func TestNilEngine(t *testing.T) {
	var e *engine.Engine
	e.Bind(effect.Site{Connections: true})
	assert.True(t, e.Open(overTLS).None())
	for _, handler := range []http.Handler{e.Wrap(found), e.BeforeAuth(found), e.AfterAuth(found)} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v2/", nil))
		assert.Equal(t, http.StatusOK, w.Code)
	}
}

// Rules come and go while requests run; those that stay count every one.
func TestChangesWhileRequestsRun(t *testing.T) {
	e := engineWith(t,
		on("every").Continue(),
		on("hundred", op.BlobGet).Times(100).Continue(),
		on("chance").WithProbability(0.5, 1).Continue())
	server := httptest.NewServer(e.Wrap(found))
	defer server.Close()
	const clients, each = 8, 60
	var requests, changes sync.WaitGroup
	for range clients {
		requests.Go(func() {
			for range each {
				resp, err := server.Client().Get(server.URL + "/v2/app/blobs/" + layer)
				if assert.NoError(t, err) {
					resp.Body.Close()
				}
			}
		})
	}
	stop := make(chan struct{})
	for i := range 2 {
		changes.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				change(t, e, fmt.Sprintf("passing-%d-%d", i, n))
			}
		})
	}
	requests.Wait()
	close(stop)
	changes.Wait()
	var counts []int
	for _, s := range e.Rules() {
		counts = append(counts, s.Seen, s.Hits)
	}
	require.Len(t, counts, 6)
	assert.Equal(t, []int{clients * each, clients * each, 100, 100, clients * each}, counts[:5])
	once := engineWith(t, on("chance").WithProbability(0.5, 1))
	touch(once.Wrap(found), times(clients*each, getLayer)...)
	assert.Equal(t, once.Rules()[0].Hits, counts[5], "chance depends on the seed alone")
}

// change adds a rule and an interceptor, looks at them and takes them away again.
func change(t *testing.T, e *engine.Engine, name string) {
	injected, err := e.Inject(on(name).Continue().Until(record.Op(op.Ping)))
	if !assert.NoError(t, err) {
		return
	}
	remove := e.Intercept(func(http.ResponseWriter, *http.Request, *op.Info) bool { return false })
	assert.True(t, e.Enable(name, false))
	assert.Contains(t, names(e), name)
	remove()
	injected[0].Remove()
	assert.False(t, e.Remove(name))
}

// Clear takes all rules away at once: a request meets both rules, or none.
func TestClearWhileRequestsRun(t *testing.T) {
	e := engine.New(nil)
	handler := e.Wrap(found)
	var requests, changes sync.WaitGroup
	met := map[string]int{}
	var mu sync.Mutex
	stop := make(chan struct{})
	for range 4 {
		requests.Go(func() {
			for range 500 {
				_, touched := send(handler, getLayer)
				mu.Lock()
				met[touched]++
				mu.Unlock()
			}
		})
	}
	changes.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				assert.NoError(t, e.Add(on("a").Continue(), on("b").Continue()))
				e.Clear()
			}
		}
	})
	requests.Wait()
	close(stop)
	changes.Wait()
	delete(met, "-")
	delete(met, "a+b")
	assert.Empty(t, met)
}
