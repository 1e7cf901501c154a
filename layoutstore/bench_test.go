package layoutstore_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/layoutstore"
)

// BenchmarkTags sets many tags one after another: "x" is the time of the last tenth relative to the first.
func BenchmarkTags(b *testing.B) {
	for b.Loop() {
		s, err := layoutstore.OpenUnsynced(b.TempDir(), layoutstore.Options{}, nil)
		require.NoError(b, err)
		p := image(b, "image")
		p.Require = nil
		const tags = 10_000
		start := b.Elapsed()
		var first, before, last float64
		for i := range tags {
			p.Tags = []string{fmt.Sprint("v", i)}
			require.NoError(b, s.PutManifest(context.Background(), "app", p))
			switch i + 1 {
			case tags / 10:
				first = float64(b.Elapsed() - start)
			case tags - tags/10:
				before = float64(b.Elapsed())
			}
		}
		last = float64(b.Elapsed()) - before
		b.ReportMetric(last/first, "x")
		require.NoError(b, s.Close())
	}
}

// BenchmarkOpen opens a directory of many blobs, with and without the first call of a method.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{0, 10_000} {
		dir := b.TempDir()
		s, err := layoutstore.OpenUnsynced(dir, layoutstore.Options{}, nil)
		require.NoError(b, err)
		for i := range n {
			push(b, s, "app", fmt.Sprint(i))
		}
		require.NoError(b, s.Close())
		for _, use := range []bool{false, true} {
			b.Run(fmt.Sprint(n, " blobs, used ", use), func(b *testing.B) {
				for b.Loop() {
					s, err := layoutstore.OpenUnsynced(dir, layoutstore.Options{}, nil)
					require.NoError(b, err)
					if use {
						collect(b, s.BlobRepositories(b.Context(), digest.FromString("1")))
					}
					require.NoError(b, s.Close())
				}
			})
		}
	}
}
