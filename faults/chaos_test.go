package faults_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// chaosHits makes a registry of chaos, asks it for many things in parallel and in
// any order, and returns which rule hit what.
func chaosHits(t *testing.T, seed uint64, rate float64) (hits []string, requests int) {
	t.Helper()
	reg := registrytest.New(t, registrytest.WithInMemory())
	_, err := reg.Faults().Inject(faults.Chaos(seed, rate)...)
	require.NoError(t, err)
	var targets []string
	for i := range 60 {
		for range 5 {
			targets = append(targets, fmt.Sprintf("GET /v2/app/manifests/v%d", i), fmt.Sprintf("HEAD /v2/app%d/manifests/v1", i), fmt.Sprintf("POST /v2/app%d/blobs/uploads/", i))
		}
	}
	rand.Shuffle(len(targets), func(i, k int) { targets[i], targets[k] = targets[k], targets[i] })
	// net/http would by itself try again what fails on a connection used before.
	transport := reg.Transport().Clone()
	transport.DisableKeepAlives = true
	client := &http.Client{Transport: transport}
	var running sync.WaitGroup
	for part := range slices.Chunk(targets, len(targets)/8) {
		running.Go(func() {
			for _, target := range part {
				var method, path string
				fmt.Sscan(target, &method, &path)
				request, err := http.NewRequestWithContext(t.Context(), method, reg.URL()+path, nil)
				if !assert.NoError(t, err) {
					return
				}
				if response, err := client.Do(request); err == nil {
					_, _ = io.Copy(io.Discard, response.Body) // that it may fail is the point
					response.Body.Close()
				}
			}
		})
	}
	running.Wait()
	for _, x := range reg.Requests(record.Faulted()) {
		hits = append(hits, engine.Point(&x.Info)+" "+x.Faults[0])
	}
	slices.Sort(hits)
	return hits, len(targets)
}

func TestChaos(t *testing.T) {
	const rate = 0.3
	first, requests := chaosHits(t, 7, rate)
	again, _ := chaosHits(t, 7, rate)
	assert.Equal(t, first, again, "the same seed hits the same")
	other, _ := chaosHits(t, 8, rate)
	assert.NotEqual(t, first, other, "another seed hits something else")

	// The seeds are fixed, and so are the numbers: a binomial distribution of 900
	// requests would have a standard deviation of 14.
	assert.InDelta(t, rate*float64(requests), len(first), 3*14)
	rules := map[string]bool{}
	for _, hit := range first {
		var point, about, rule string
		fmt.Sscan(hit, &point, &about, &rule)
		rules[rule] = true
	}
	assert.Greater(t, len(rules), 20, "most of the rules")
}

func TestChaosRates(t *testing.T) {
	for _, rate := range []float64{0, -1} {
		assert.Empty(t, faults.Chaos(1, rate))
	}
	all, requests := chaosHits(t, 1, 1)
	assert.Len(t, all, requests, "a rate of 1 hits all")
}

func TestChaosRules(t *testing.T) {
	names, meant := map[string]bool{}, map[op.Op]bool{}
	for _, rule := range faults.Chaos(1, 0.5) {
		require.NoError(t, rule.Check(), rule.Name)
		assert.True(t, rule.Flags.Optional, rule.Name)
		assert.False(t, names[rule.Name], "%s is the name of two rules", rule.Name)
		names[rule.Name] = true
		for _, o := range op.All() {
			ops := filter.Allowed(rule.Filters)
			meant[o] = meant[o] || ops.Has(o)
		}
		text, err := rule.MarshalJSON()
		require.NoError(t, err)
		parsed, err := conf.Rules(text)
		require.NoError(t, err)
		assert.Equal(t, rule.When, parsed[0].When)
	}
	for _, o := range op.All() {
		assert.True(t, meant[o], "%s never fails", o)
	}
}

// The client of this example tries each request again until it is answered.
func ExampleChaos() {
	reg, err := registrytest.Start(registrytest.WithInMemory())
	if err != nil {
		panic(err)
	}
	defer reg.Close()
	if _, err := reg.Faults().Inject(faults.Chaos(42, 0.5)...); err != nil {
		panic(err)
	}
	for _, tag := range []string{"v1", "v2", "v3"} {
		for {
			response, err := reg.Client().Get(reg.URL() + "/v2/app/manifests/" + tag)
			if err != nil {
				continue
			}
			_, err = io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if err == nil && response.StatusCode == http.StatusNotFound {
				break
			}
		}
	}
	for _, x := range reg.Requests() {
		fmt.Println(x.Info.Tag, x.Status, x.Faults)
	}
	// Output:
	// v1 504 [chaos-42-read-504]
	// v1 404 [chaos-42-read-reset-body]
	// v1 0 [chaos-42-read-close]
	// v1 500 [chaos-42-read-500]
	// v1 404 []
	// v2 404 []
	// v3 504 [chaos-42-read-504]
	// v3 429 [chaos-42-read-429]
	// v3 404 []
}
