package memstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// Content arrives over a loopback socket. The baseline reads it into a buffer
// of its size and then hashes it; "x" is how much longer than that a push takes.
func BenchmarkPush(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20, 64 << 20} {
		b.Run(byteSize(size), func(b *testing.B) {
			content := bytes.Repeat([]byte{1}, size)
			d := digest.FromBytes(content)
			body := newSource(b, content)
			store := memstore.New(memstore.Options{})
			chunk := registry.Chunk{Offset: registry.Unknown, Length: int64(size)}
			var baseline time.Duration
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				start := time.Now()
				readThenHash(b, body.next(), size)
				baseline += time.Since(start)
				chunk.Body = body.next()
				b.StartTimer()
				upload, err := store.NewUpload(b.Context(), "app", digest.SHA256)
				require.NoError(b, err)
				require.NoError(b, upload.Commit(b.Context(), chunk, d))
			}
			b.ReportMetric(float64(b.Elapsed())/float64(baseline), "x")
		})
	}
}

func readThenHash(tb testing.TB, r io.Reader, size int) {
	buffer := make([]byte, size)
	_, err := io.ReadFull(r, buffer)
	require.NoError(tb, err)
	sha256.Sum256(buffer)
}

// source sends the same content over and over through a socket.
type source struct {
	conn net.Conn
	size int64
	more chan struct{}
}

func newSource(tb testing.TB, content []byte) *source {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(tb, err)
	server, err := l.Accept()
	require.NoError(tb, err)
	s := &source{conn: server, size: int64(len(content)), more: make(chan struct{})}
	finished := make(chan error)
	go func() {
		var err error
		for range s.more {
			if err == nil {
				_, err = client.Write(content)
			}
		}
		finished <- err
	}()
	tb.Cleanup(func() {
		close(s.more)
		require.NoError(tb, <-finished)
		require.NoError(tb, client.Close())
		require.NoError(tb, server.Close())
	})
	return s
}

// next sends the content, once that before has been read.
func (s *source) next() io.Reader {
	s.more <- struct{}{}
	return io.LimitReader(s.conn, s.size)
}

func byteSize(n int) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%dMiB", n>>20)
	}
	return fmt.Sprintf("%dKiB", n>>10)
}

func BenchmarkTagPage(b *testing.B) {
	for _, n := range []int{100, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			store := memstore.New(memstore.Options{})
			m := putManifest("{}")
			for i := range n {
				m.Tags = append(m.Tags, fmt.Sprintf("v%07d", i))
			}
			require.NoError(b, store.PutManifest(b.Context(), "app", m))
			after := m.Tags[n/2]
			if n == 100 {
				after = ""
			}
			b.ReportAllocs()
			for b.Loop() {
				taken := 0
				for _, err := range store.Tags(b.Context(), "app", after) {
					if err != nil {
						b.Fatal(err)
					}
					if taken++; taken == 100 {
						break
					}
				}
				require.Equal(b, 100, taken)
			}
		})
	}
}

func BenchmarkReferrers(b *testing.B) {
	for _, n := range []int{100, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			store := memstore.New(memstore.Options{})
			subject := digest.FromString("0")
			for i := range n {
				m := putManifest(fmt.Sprint(i))
				m.Subject = digest.FromString(fmt.Sprint(i / 10))
				require.NoError(b, store.PutManifest(b.Context(), "app", m))
			}
			b.ReportAllocs()
			for b.Loop() {
				taken := 0
				for _, err := range store.Referrers(b.Context(), "app", subject, "") {
					if err != nil {
						b.Fatal(err)
					}
					taken++
				}
				require.Equal(b, 10, taken)
			}
		})
	}
}

func BenchmarkClone(b *testing.B) {
	store := memstore.New(memstore.Options{})
	for i := range 100_000 {
		require.NoError(b, store.PutManifest(context.Background(), "app", putManifest(fmt.Sprint(i))))
	}
	for b.Loop() {
		store.Clone()
	}
}
