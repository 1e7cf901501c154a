package memstore

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A tree does what a map does, and its snapshots stay what they were.
func TestTreeAgainstMap(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	tr, model := newTree(), map[key]any{}
	var snapshots []tree
	var models []map[key]any
	for i := range 30_000 {
		k := key{fmt.Sprint(random.IntN(3)), fmt.Sprint(random.IntN(500)), fmt.Sprint(random.IntN(3))}
		if random.IntN(100) < 45 {
			tr.delete(k)
			delete(model, k)
		} else {
			tr.set(k, i)
			model[k] = i
		}
		if i%1000 == 0 {
			snapshots = append(snapshots, tr.snapshot())
			models = append(models, maps.Clone(model))
		}
	}
	for i, snapshot := range append(snapshots, tr) {
		want := append(models, model)[i]
		require.Equal(t, len(want), snapshot.len())
		require.Equal(t, want, maps.Collect(snapshot.after(key{}, 0)))
	}
}

func TestTreeAfter(t *testing.T) {
	tr := newTree()
	for _, k := range []key{{"a", "1", "x"}, {"a", "1", "y"}, {"a", "2", "x"}, {"aa", "1", "x"}, {"b"}} {
		tr.set(k, struct{}{})
	}
	tests := []struct {
		after key
		parts int
		want  string
	}{
		{key{}, 0, "a1x a1y a2x aa1x b"},
		{key{"a"}, 1, "a1x a1y a2x"},
		{key{"a", "1"}, 1, "a1x a1y a2x"},
		{key{"a", "1", "x"}, 1, "a1y a2x"},
		{key{"a", "1"}, 2, "a1x a1y"},
		{key{"a", "1", "x"}, 2, "a1y"},
		{key{"a", "1", "y"}, 2, ""},
		{key{"a", "3"}, 1, ""},
		{key{"a", "3"}, 0, "aa1x b"},
		{key{"b"}, 1, ""},
		{key{"c"}, 0, ""},
	}
	for _, tt := range tests {
		var got []string
		for k := range tr.after(tt.after, tt.parts) {
			got = append(got, strings.Join(k[:], ""))
		}
		assert.Equal(t, tt.want, strings.Join(got, " "), "after %q, %d parts", tt.after, tt.parts)
		assert.Equal(t, tt.want != "", tr.first(tt.after, tt.parts) != nil)
	}
}

// Snapshots are read without a lock while the tree that they were taken of, and
// other snapshots of it, are changed: for the race detector.
func TestTreeSnapshotsConcurrently(t *testing.T) {
	tr := newTree()
	for i := range 500 {
		tr.set(key{fmt.Sprintf("%05d", i)}, i)
	}
	var mu sync.RWMutex
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range 200 {
				mu.Lock()
				s := tr.snapshot()
				mu.Unlock()
				values := slices.Collect(maps.Values(maps.Collect(s.after(key{}, 0))))
				assert.Len(t, values, s.len())

				mu.Lock()
				k := key{fmt.Sprintf("%05d", (i*4+worker)*7%625)}
				if i%2 == 0 {
					tr.delete(k)
				} else {
					tr.set(k, i)
				}
				mu.Unlock()
				s.set(k, -1) // what a clone does
				s.delete(key{"00001"})

				mu.RLock()
				_ = tr.get(k)
				mu.RUnlock()
			}
		})
	}
	wg.Wait()
}
