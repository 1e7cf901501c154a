package control_test

import (
	"fmt"
	"io"
	"testing"
)

// BenchmarkFollowed is what following costs the requests that are followed.
func BenchmarkFollowed(b *testing.B) {
	for _, followers := range []int{0, 1, 8} {
		b.Run(fmt.Sprint(followers), func(b *testing.B) {
			f := start(b, setup{})
			for range followers {
				s := f.follow(b, "")
				go func() { _, _ = io.Copy(io.Discard, s.lines) }() // to the end of the server
			}
			b.ResetTimer()
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					f.pull(b, "app")
				}
			})
		})
	}
}
