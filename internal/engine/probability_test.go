package engine_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/op"
)

// decisions are how often requests for each target were touched, in the order in
// which each target's came.
type decisions map[string]string

// decide sends requests and notes which are touched: "a" or "-".
func decide(e *engine.Engine, requests []string) decisions {
	handler, made := e.Wrap(found), decisions{}
	for _, request := range requests {
		_, touched := send(handler, request)
		made[request] += touched
	}
	return made
}

// manyRequests are some for each of many blobs, and for one tag and one list.
func manyRequests() []string {
	var requests []string
	for i := range 50 {
		requests = append(requests, times(4, fmt.Sprintf("GET /v2/app/blobs/sha256:%064d", i))...)
	}
	return append(append(requests, times(20, getV1)...), times(20, listTags)...)
}

func TestProbabilityIgnoresOrder(t *testing.T) {
	rule := on("a").WithProbability(0.4, 7)
	requests := manyRequests()
	want := decide(engineWith(t, rule), requests)
	for seed := range uint64(5) {
		shuffled := append([]string(nil), requests...)
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		require.NotEqual(t, requests, shuffled)
		require.Equal(t, want, decide(engineWith(t, rule), shuffled))
	}
}

func TestProbabilityIgnoresParallelism(t *testing.T) {
	rule := on("a").WithProbability(0.4, 7)
	want := decide(engineWith(t, rule), manyRequests())
	e := engineWith(t, rule)
	var mu sync.Mutex
	var running sync.WaitGroup
	got := decisions{}
	for request, decided := range want {
		running.Go(func() {
			made := decide(e, times(len(decided), request))
			mu.Lock()
			defer mu.Unlock()
			got[request] = made[request]
		})
	}
	running.Wait()
	assert.Equal(t, want, got)
}

func TestProbabilityOfSeed(t *testing.T) {
	for seed, want := range map[uint64]string{
		0:          "aa-aaaa--a-aa-a--a-a",
		1:          "----aa-aaaa---a-aa-a",
		1 << 63:    "a-a-a-a--aa-aa--a-a-",
		1<<64 - 1:  "-a---aa-aaaaa-aaaaaa",
		0xdeadbeef: "-aaa-aaaaaaaaa-aaa--",
	} {
		e := engineWith(t, on("a", op.ManifestGet).WithProbability(0.5, seed))
		got := strings.Join(touch(e.Wrap(found), times(20, getV1)...), "")
		assert.Equal(t, want, got, "seed %d", seed)
	}
}

// What a seed decides depends on the operation, the repository, and the tag or digest.
func TestProbabilityTellsPointsApart(t *testing.T) {
	requests := []string{getV1, headV1, "GET /v2/lib/manifests/v1", "GET /v2/app/manifests/v2", "GET /v2/app/manifests/" + layer, listTags}
	var all []string
	for _, request := range requests {
		all = append(all, times(40, request)...)
	}
	seen := map[string]string{}
	for request, decided := range decide(engineWith(t, on("a").WithProbability(0.5, 1)), all) {
		assert.Empty(t, seen[decided], "%s is decided as the other", request)
		seen[decided] = request
	}
}

func TestProbabilityIsFrequency(t *testing.T) {
	for _, p := range []float64{0.01, 0.1, 0.5, 0.9} {
		e := engineWith(t,
			on("one", op.TagList).WithProbability(p, 3).Continue(),
			on("many", op.ManifestGet).WithProbability(p, 3).Continue())
		handler := e.Wrap(found)
		const n = 5000
		for i := range n {
			touch(handler, listTags, fmt.Sprintf("GET /v2/app/manifests/v%d", i))
		}
		for _, s := range e.Rules() {
			assert.Equal(t, n, s.Seen)
			assert.InDelta(t, p*n, s.Hits, 0.02*n, "%s, p = %v", s.Rule.Name, p)
		}
	}
}

func TestProbabilityBounds(t *testing.T) {
	for p, want := range map[float64]int{1e-300: 0, 1: 100} {
		e := engineWith(t, on("a").WithProbability(p, 5))
		touch(e.Wrap(found), times(100, getV1)...)
		assert.Equal(t, want, e.Rules()[0].Hits, "p = %v", p)
	}
}
