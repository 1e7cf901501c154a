package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// started is a subject that runs until the test ends.
func started(t *testing.T, s subject) (*server, *client) {
	t.Helper()
	running, c, err := open(s)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, closeBoth(running, c)) })
	return running, c
}

// body fetches a path.
func body(t *testing.T, c *client, path string) []byte {
	t.Helper()
	res, err := c.http.Get(c.base + path)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode)
	content, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return content
}

// TestSubjects proves that all subjects do what is measured: a push is one of
// content that is not there, and a pull gets it.
func TestSubjects(t *testing.T) {
	memory := inMemory[0]
	memory.name += ", in memory"
	for _, s := range append([]subject{limit, memory}, registries...) {
		t.Run(s.name, func(t *testing.T) {
			_, c := started(t, s)
			require.NoError(t, c.ping(t.Context()))
			b := newBlob(100_000, 1)
			for range 2 {
				_, err := c.get(t.Context(), b.path())
				require.ErrorIs(t, err, statusError(http.StatusNotFound), "deleted, or not pushed yet")
				require.NoError(t, c.push(t.Context(), b))
				assert.Equal(t, b.digest, digest.FromBytes(body(t, c, b.path())))
				require.NoError(t, c.delete(t.Context(), b))
			}
			b.content[0]++
			assert.ErrorIs(t, c.push(t.Context(), b), statusError(http.StatusBadRequest), "digests are checked")
		})
	}
}

func TestPages(t *testing.T) {
	const entries = 300
	_, c := filled(t, tags, entries)
	var tagList struct{ Tags []string }
	require.NoError(t, json.Unmarshal(body(t, c, tags.path(entries)), &tagList))
	assert.Equal(t, names(100, 200), tagList.Tags)
	require.NoError(t, json.Unmarshal(body(t, c, tags.path(pageSize)), &tagList))
	assert.Equal(t, names(0, 100), tagList.Tags, "of a list of one page")

	_, c = filled(t, repositories, entries)
	var catalog struct{ Repositories []string }
	require.NoError(t, json.Unmarshal(body(t, c, repositories.path(entries)), &catalog))
	assert.Equal(t, names(100, 200), catalog.Repositories)

	_, c = filled(t, referrers, entries)
	for _, n := range []int{entries, perSubject} {
		var index ocispec.Index
		require.NoError(t, json.Unmarshal(body(t, c, referrers.path(n)), &index))
		assert.Len(t, index.Manifests, perSubject)
	}
}

func filled(t *testing.T, l list, entries int) (*server, *client) {
	t.Helper()
	running, c := started(t, registries[0])
	for i := range entries {
		require.NoError(t, put(running, l.entry(i)))
	}
	return running, c
}

func names(from, to int) []string {
	var all []string
	for i := range to - from {
		all = append(all, name(from+i))
	}
	return all
}

func TestPutThroughAPI(t *testing.T) {
	running, c := started(t, registries[0])
	running.store = nil
	for _, l := range []list{tags, repositories, referrers} {
		for i := range perSubject {
			require.NoError(t, put(running, l.entry(i)))
		}
	}
	var tagList struct{ Tags []string }
	require.NoError(t, json.Unmarshal(body(t, c, tags.path(perSubject)), &tagList))
	assert.Equal(t, names(0, perSubject), tagList.Tags)
	var index ocispec.Index
	require.NoError(t, json.Unmarshal(body(t, c, referrers.path(perSubject)), &index))
	assert.Len(t, index.Manifests, perSubject)
	assert.ErrorContains(t, put(running, entry{repository: "NOT-VALID"}), "status 400")
}

func TestStalledUpload(t *testing.T) {
	ours, theirs := registries[0], registries[1]
	pairs, err := between(crowd(false), crowd(true))(ours, times(1))
	require.NoError(t, err)
	assert.Len(t, pairs, 1)

	_, err = crowd(true)(theirs)
	assert.ErrorIs(t, err, errStops, "%s holds a lock while it reads", theirs.name)
}

// TestStallLasts proves that the upload is neither refused nor complete.
func TestStallLasts(t *testing.T) {
	running, c := started(t, registries[0])
	release, err := stall(c)
	require.NoError(t, err)
	open := slices.Collect(func(yield func(string) bool) {
		for id, err := range running.store.Uploads(t.Context(), repository) {
			require.NoError(t, err)
			yield(id)
		}
	})
	assert.Len(t, open, 1)
	require.NoError(t, release())
}

func TestMemoryIsThatOfTheContent(t *testing.T) {
	const size, blobs = 1 << 20, 4
	for name, test := range map[string]struct {
		compare comparison
		stored  float64
	}{
		"allocated": {allocated(size), size},
		"held":      {held(size, blobs), size * blobs},
	} {
		t.Run(name, func(t *testing.T) {
			pairs, err := test.compare(registries[0], times(2))
			require.NoError(t, err)
			require.Len(t, pairs, 2)
			for _, p := range pairs {
				assert.Equal(t, test.stored, p.base)
				assert.GreaterOrEqual(t, p.subject, 0.99*test.stored)
				assert.Less(t, p.subject, 2*test.stored)
			}
		})
	}
}

func TestStartFails(t *testing.T) {
	fails := subject{name: "none", start: func() (*server, error) { return nil, context.Canceled }}
	for _, w := range []workload{start, pull(1)} {
		_, err := w(fails)
		assert.EqualError(t, err, "start none: context canceled")
	}
}
