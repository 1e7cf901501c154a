package inflight_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
)

// What layers learn is read by others at the same time, for the race detector.
func TestLearned(t *testing.T) {
	r, state := inflight.Begin(httptest.NewRequest(http.MethodGet, "/v2/app/tags/list", nil))
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			state.SetIdentity("ann", []string{"repository:app:pull"})
			state.SetVerified(digest.FromString("x"))
			state.SetStaleState(true)
			state.AddFault(fmt.Sprint("rule", i))
			inflight.Keep(state, i)
		})
		all.Go(func() {
			for range 100 {
				learned := state.Learned()
				assert.LessOrEqual(t, len(learned.Faults), 4)
				assert.Equal(t, "app", state.Info().Repo)
				_, _ = inflight.Value[int](r.Context())
			}
		})
	}
	all.Wait()
	learned := state.Learned()
	assert.ElementsMatch(t, []string{"rule0", "rule1", "rule2", "rule3"}, learned.Faults)
	learned.Faults = nil
	assert.Equal(t, op.Learned{
		Subject: "ann", Scopes: []string{"repository:app:pull"}, Verified: digest.FromString("x"), StaleState: true,
	}, learned)
}

// A snapshot stays as it was.
func TestLearnedIsASnapshot(t *testing.T) {
	_, state := inflight.Begin(httptest.NewRequest(http.MethodGet, "/v2/", nil))
	var before []op.Learned
	for i := range 9 {
		before = append(before, state.Learned())
		state.AddFault(fmt.Sprint(i))
	}
	for i, learned := range before {
		require.Len(t, learned.Faults, i)
		for k, name := range learned.Faults {
			require.Equal(t, fmt.Sprint(k), name)
		}
	}
}

type (
	numbered int
	named    string
	speaker  interface{ Speak() string }
)

func (n named) Speak() string { return string(n) }

// Values are found by their types, before a request begins and after.
func TestValues(t *testing.T) {
	ctx := inflight.With(inflight.With(t.Context(), named("a")), numbered(1))
	other := inflight.With(ctx, "a text")
	look := func(ctx context.Context) (values [3]any) {
		values[0], _ = inflight.Value[named](ctx)
		values[1], _ = inflight.Value[numbered](ctx)
		values[2], _ = inflight.Value[speaker](ctx)
		return values
	}
	assert.Equal(t, [3]any{named("a"), numbered(1), named("a")}, look(ctx))
	assert.Nil(t, inflight.Of(ctx), "it has not begun")

	r, state := inflight.Begin(httptest.NewRequest(http.MethodGet, "/v2/", nil).WithContext(ctx))
	assert.Same(t, state, inflight.Of(r.Context()))
	assert.Equal(t, [3]any{named("a"), numbered(1), named("a")}, look(r.Context()))
	inflight.Keep(state, numbered(2))
	inflight.Keep(state, "kept")
	for i := range 10 { // more than there is room for
		inflight.Keep(state, [1]int{i})
		inflight.Keep(state, int8(i))
		inflight.Keep(state, int16(i))
	}
	assert.Equal(t, [3]any{named("a"), numbered(2), named("a")}, look(r.Context()))
	text, ok := inflight.Value[string](r.Context())
	assert.Equal(t, "kept", text)
	assert.True(t, ok)
	assert.Equal(t, [3]any{named("a"), numbered(1), named("a")}, look(ctx), "other requests of the connection begin as before")
	text, _ = inflight.Value[string](other)
	assert.Equal(t, "a text", text)

	_, ok = inflight.Value[numbered](t.Context())
	assert.False(t, ok)
}

// Names are resolved where a request begins, and never again.
func TestBeginWith(t *testing.T) {
	rename := func(info *op.Info) { info.Alias, info.Repo = info.Repo, info.Repo+"/real" }
	r, state := inflight.BeginWith(httptest.NewRequest(http.MethodGet, "/v2/app/tags/list", nil), rename)
	assert.Equal(t, []string{"app/real", "app", "app"}, []string{state.Info().Repo, state.Info().Alias, state.Info().Name()})
	same, again := inflight.BeginWith(r, rename)
	assert.Same(t, r, same)
	assert.Same(t, state, again)
	assert.Equal(t, "app/real", again.Info().Repo)
}

func ExampleKeep() {
	type started struct{ by string }
	r, state := inflight.Begin(httptest.NewRequest(http.MethodGet, "/v2/app/tags/list", nil))
	inflight.Keep(state, started{"me"})
	value, ok := inflight.Value[started](r.Context())
	fmt.Println(value.by, ok)
	// Output: me true
}
