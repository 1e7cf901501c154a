package engine_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/engine"
)

func TestReplace(t *testing.T) {
	for name, test := range map[string]struct {
		names []string
		rules []faults.Rule
		want  []string
	}{
		"in the middle":   {[]string{"b"}, []faults.Rule{on("x"), on("y")}, []string{"a", "x", "y", "c"}},
		"under its name":  {[]string{"b"}, []faults.Rule{on("b")}, []string{"a", "b", "c"}},
		"at the start":    {[]string{"c", "a"}, []faults.Rule{on("x")}, []string{"x", "b"}},
		"by nothing":      {[]string{"a", "c"}, nil, []string{"b"}},
		"what is missing": {[]string{"z"}, []faults.Rule{on("x")}, []string{"a", "b", "c", "x"}},
		"nothing":         {nil, []faults.Rule{on("x")}, []string{"a", "b", "c", "x"}},
		"everything":      {[]string{"a", "b", "c"}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := engineWith(t, on("a"), on("b"), on("c"))
			require.NoError(t, e.Replace(test.names, test.rules...))
			assert.Equal(t, test.want, names(e))
		})
	}
}

func TestReplaceIsAllOrNothing(t *testing.T) {
	e := engineWith(t, on("a"), on("b"))
	assert.EqualError(t, e.Replace([]string{"a"}, on("x"), on("b")), `faults: rule "b": there is a rule with this name already`)
	assert.Error(t, e.Replace([]string{"a"}, faults.On()))
	assert.Equal(t, []string{"a", "b"}, names(e))
}

// Rules that stay as they are go on; others begin anew.
func TestReplaceKeepsCounts(t *testing.T) {
	e := engineWith(t, on("same").Times(3).Continue(), on("other").Times(3).Continue())
	handler := e.Wrap(found)
	touch(handler, getV1, getV1)
	require.NoError(t, e.Replace([]string{"same", "other"}, on("other").Times(4).Continue(), on("same").Times(3).Continue()))
	hits := map[string]int{}
	for _, s := range e.Rules() {
		hits[s.Rule.Name] = s.Hits
	}
	assert.Equal(t, map[string]int{"same": 2, "other": 0}, hits)
	touch(handler, getV1, getV1)
	assert.Equal(t, 3, e.Rules()[1].Hits, "its limit holds for both times together")
}

func TestReplaceConnectionRules(t *testing.T) {
	e := engine.New(nil)
	e.Bind(effect.Site{Connections: true})
	require.NoError(t, e.Add(on("a"), faults.OnConnect().Named("c").Times(2).Do(faults.Refuse())))
	assert.False(t, e.Open(overTLS).None())
	require.NoError(t, e.Replace([]string{"c"}, faults.OnConnect().Named("c").Times(2).Do(faults.Refuse()), on("b")))
	assert.Equal(t, []string{"a", "b", "c"}, names(e))
	assert.Equal(t, 1, e.Rules()[2].Hits)
	require.NoError(t, e.Replace([]string{"c"}))
	assert.True(t, e.Open(overTLS).None())
}

// No request comes between two rules that replace each other.
func TestReplaceLeavesNoGap(t *testing.T) {
	e := engineWith(t, on("a"))
	handler := e.Wrap(found)
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			for range 200 {
				assert.NotEqual(t, []string{"-"}, touch(handler, getV1))
			}
		})
	}
	for range 100 {
		assert.NoError(t, e.Replace([]string{"a", "b"}, on("b")))
		assert.NoError(t, e.Replace([]string{"a", "b"}, on("a")))
	}
	running.Wait()
}

func TestChanged(t *testing.T) {
	e := engineWith(t)
	for name, change := range map[string]func(){
		"add":     func() { assert.NoError(t, e.Add(on("a"), on("b"))) },
		"enable":  func() { assert.True(t, e.Enable("a", false)) },
		"replace": func() { assert.NoError(t, e.Replace([]string{"c"}, on("c"))) },
		"remove":  func() { e.Remove("a") },
		"clear":   e.Clear,
	} {
		e.Clear()
		if name != "add" {
			require.NoError(t, e.Add(on("a"), on("b")))
		}
		changed := e.Changed()
		select {
		case <-changed:
			t.Errorf("%s: there is no change yet", name)
		default:
		}
		change()
		<-changed
	}
	changed := e.Changed()
	assert.False(t, e.Enable("nothing", true))
	assert.Error(t, e.Add(faults.On()))
	select {
	case <-changed:
		t.Error("nothing has changed")
	default:
	}
}
