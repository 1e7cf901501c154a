package memnet_test

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/memnet"
)

// bufferSize exceeds the buffer of a connection in one direction.
const bufferSize = 1 << 20

// connect returns both ends of a new connection. They are closed when the test ends.
func connect(t testing.TB) (client, server *memnet.Conn) {
	t.Helper()
	var n memnet.Network
	l, err := n.Listen(memnet.Any)
	require.NoError(t, err)
	c, err := n.DialContext(t.Context(), "tcp", "example.com:443")
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	t.Cleanup(func() {
		c.Close()
		s.Close()
	})
	return c.(*memnet.Conn), s.(*memnet.Conn)
}

// TestConn checks each property for both ends, in a bubble: a wait that does not block durably is a
// deadlock there.
func TestConn(t *testing.T) {
	for _, test := range []struct {
		name  string
		check func(t *testing.T, a, b *memnet.Conn)
	}{
		{"carries bytes in both directions at once", bothDirections},
		{"buffers what fits and blocks for the rest", waitsWhenFull},
		{"does not mix concurrent writes", concurrentWrites},
		{"shares bytes among concurrent reads", concurrentReads},
		{"returns at once from empty reads and writes", nothing},
		{"returns EOF after the data of a peer that closes", closeByPeer},
		{"unblocks its own calls when closed", closeUnblocks},
		{"fails after close", afterClose},
		{"closes in one direction", halfClose},
		{"resets after the written data", reset},
		{"unblocks the peer's calls when reset", resetUnblocks},
		{"unblocks its own calls when reset", resetUnblocksOwn},
		{"keeps EOF after a later reset", resetHalfClosed},
		{"obeys deadlines after a reset", resetDeadline},
		{"fails after a deadline even if data is available", pastDeadline},
		{"fails when deadlines pass", futureDeadline},
		{"keeps data written before a deadline", partialWrite},
		{"obeys deadlines that change during a call", movedDeadline},
		{"keeps both deadlines separate", separateDeadlines},
		{"allows concurrent calls of all methods", allMethods},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Run("dialed", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, server := connect(t)
					test.check(t, client, server)
				})
			})
			t.Run("accepted", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, server := connect(t)
					test.check(t, server, client)
				})
			})
		})
	}
}

// result is the result of a Read or Write in another goroutine.
type result struct {
	n   int
	err error
}

func start(call func() (int, error)) <-chan result {
	done := make(chan result, 1)
	go func() {
		n, err := call()
		done <- result{n, err}
	}()
	synctest.Wait()
	return done
}

func read(c net.Conn) <-chan result {
	return start(func() (int, error) { return c.Read(make([]byte, 1)) })
}

func write(c net.Conn) <-chan result {
	return start(func() (int, error) { return c.Write(make([]byte, bufferSize)) })
}

// requireError checks that an error has the form of package net, and wraps want.
func requireError(t *testing.T, err error, op string, want error) {
	t.Helper()
	var opError *net.OpError
	require.ErrorAs(t, err, &opError)
	assert.Equal(t, op, opError.Op)
	assert.Equal(t, "mem", opError.Net)
	assert.NotNil(t, opError.Source)
	assert.NotNil(t, opError.Addr)
	require.ErrorIs(t, err, want)
	assert.Equal(t, want == os.ErrDeadlineExceeded, opError.Timeout())
}

func random(seed uint64, size int) []byte {
	b := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(seed)})
	source.Read(b)
	return b
}

func bothDirections(t *testing.T, a, b *memnet.Conn) {
	var wg sync.WaitGroup
	send := func(c *memnet.Conn, data []byte) {
		for len(data) > 0 {
			n := min(len(data), 1+rand.IntN(200_000))
			written, err := c.Write(data[:n])
			assert.NoError(t, err)
			assert.Equal(t, n, written)
			data = data[n:]
		}
		assert.NoError(t, c.CloseWrite())
	}
	receive := func(c *memnet.Conn, want []byte) {
		var got bytes.Buffer
		_, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{c}, make([]byte, 10_007))
		assert.NoError(t, err)
		assert.True(t, bytes.Equal(want, got.Bytes()))
	}
	there, back := random(1, 3<<20), random(2, 2<<20)
	wg.Go(func() { send(a, there) })
	wg.Go(func() { send(b, back) })
	wg.Go(func() { receive(b, there) })
	wg.Go(func() { receive(a, back) })
	wg.Wait()
}

func waitsWhenFull(t *testing.T, a, b *memnet.Conn) {
	data := random(3, bufferSize)
	written := start(func() (int, error) { return a.Write(data) })
	assert.Empty(t, written, "the write did not wait for the reader")
	got := make([]byte, len(data))
	_, err := io.ReadFull(b, got)
	require.NoError(t, err)
	assert.Equal(t, result{n: len(data)}, <-written)
	assert.True(t, bytes.Equal(data, got))

	n, err := a.Write([]byte("fits"))
	require.NoError(t, err)
	assert.Equal(t, 4, n)
}

func concurrentWrites(t *testing.T, a, b *memnet.Conn) {
	const writers = 8
	for i := range writers {
		write := bytes.Repeat([]byte{byte(i)}, bufferSize/writers)
		go a.Write(write)
	}
	got := make([]byte, bufferSize)
	_, err := io.ReadFull(b, got)
	require.NoError(t, err)
	changes := 0
	for i := range got[1:] {
		if got[i] != got[i+1] {
			changes++
		}
	}
	assert.Equal(t, writers-1, changes)
}

func concurrentReads(t *testing.T, a, b *memnet.Conn) {
	var reads []<-chan result
	for range 4 {
		reads = append(reads, read(b))
	}
	_, err := a.Write([]byte("four"))
	require.NoError(t, err)
	for _, r := range reads {
		assert.Equal(t, result{n: 1}, <-r)
	}
}

func nothing(t *testing.T, a, b *memnet.Conn) {
	n, err := a.Read(nil)
	assert.NoError(t, err)
	assert.Zero(t, n)
	n, err = a.Write(nil)
	assert.NoError(t, err)
	assert.Zero(t, n)
}

func closeByPeer(t *testing.T, a, b *memnet.Conn) {
	_, err := a.Write([]byte("last words"))
	require.NoError(t, err)
	blocked := write(b)
	require.NoError(t, a.Close())

	r := <-blocked
	requireError(t, r.err, "write", syscall.EPIPE)
	assert.Positive(t, r.n)
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	assert.Equal(t, "last words", string(got))
	_, err = b.Read(make([]byte, 1))
	assert.Equal(t, io.EOF, err)
	_, err = b.Write([]byte("x"))
	requireError(t, err, "write", syscall.EPIPE)
}

func closeUnblocks(t *testing.T, a, b *memnet.Conn) {
	reading, writing, waiting := read(a), write(a), write(a)
	require.NoError(t, a.Close())
	requireError(t, (<-reading).err, "read", net.ErrClosed)
	requireError(t, (<-writing).err, "write", net.ErrClosed)
	requireError(t, (<-waiting).err, "write", net.ErrClosed)
}

func afterClose(t *testing.T, a, b *memnet.Conn) {
	require.NoError(t, a.Close())
	_, err := a.Read(make([]byte, 1))
	requireError(t, err, "read", net.ErrClosed)
	_, err = a.Write(make([]byte, 1))
	requireError(t, err, "write", net.ErrClosed)
	for _, err := range []error{a.Close(), a.CloseWrite(), a.Reset()} {
		requireError(t, err, "close", net.ErrClosed)
	}
	for _, set := range []func(time.Time) error{a.SetReadDeadline, a.SetWriteDeadline} {
		requireError(t, set(time.Now()), "set", net.ErrClosed)
	}
	require.ErrorIs(t, a.SetDeadline(time.Now()), net.ErrClosed)
}

func halfClose(t *testing.T, a, b *memnet.Conn) {
	_, err := a.Write([]byte("question"))
	require.NoError(t, err)
	require.NoError(t, a.CloseWrite())
	require.NoError(t, a.CloseWrite())
	_, err = a.Write([]byte("x"))
	requireError(t, err, "write", syscall.EPIPE)
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	assert.Equal(t, "question", string(got))

	_, err = b.Write([]byte("answer"))
	require.NoError(t, err)
	require.NoError(t, b.Close())
	got, err = io.ReadAll(a)
	require.NoError(t, err)
	assert.Equal(t, "answer", string(got))
}

func reset(t *testing.T, a, b *memnet.Conn) {
	_, err := a.Write([]byte("last words"))
	require.NoError(t, err)
	_, err = b.Write([]byte("lost"))
	require.NoError(t, err)
	require.NoError(t, a.Reset())
	_, err = b.Write(make([]byte, 1))
	requireError(t, err, "write", syscall.ECONNRESET)
	got, err := io.ReadAll(b)
	requireError(t, err, "read", syscall.ECONNRESET)
	assert.Equal(t, "last words", string(got))
	_, err = b.Read(make([]byte, 1))
	requireError(t, err, "read", syscall.ECONNRESET)
	_, err = a.Read(make([]byte, 1))
	requireError(t, err, "read", net.ErrClosed)
	_, err = a.Write(make([]byte, 1))
	requireError(t, err, "write", net.ErrClosed)
	require.NoError(t, b.Close())
}

func resetUnblocks(t *testing.T, a, b *memnet.Conn) {
	reading, writing := read(b), write(b)
	require.NoError(t, a.Reset())
	requireError(t, (<-reading).err, "read", syscall.ECONNRESET)
	requireError(t, (<-writing).err, "write", syscall.ECONNRESET)
}

func resetUnblocksOwn(t *testing.T, a, b *memnet.Conn) {
	reading, writing := read(a), write(a)
	require.NoError(t, a.Reset())
	requireError(t, (<-reading).err, "read", net.ErrClosed)
	written := <-writing
	requireError(t, written.err, "write", net.ErrClosed)
	got, err := io.ReadAll(b)
	requireError(t, err, "read", syscall.ECONNRESET)
	assert.Len(t, got, written.n)
}

// resetHalfClosed checks that a peer that has read EOF does not see the reset.
func resetHalfClosed(t *testing.T, a, b *memnet.Conn) {
	_, err := a.Write([]byte("last words"))
	require.NoError(t, err)
	require.NoError(t, a.CloseWrite())
	require.NoError(t, a.Reset())
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	assert.Equal(t, "last words", string(got))
	_, err = b.Write(make([]byte, 1))
	requireError(t, err, "write", syscall.ECONNRESET)
}

func resetDeadline(t *testing.T, a, b *memnet.Conn) {
	_, err := a.Write([]byte("last words"))
	require.NoError(t, err)
	require.NoError(t, a.Reset())
	require.NoError(t, b.SetReadDeadline(time.Now()))
	_, err = b.Read(make([]byte, 1))
	requireError(t, err, "read", os.ErrDeadlineExceeded)
	require.NoError(t, b.SetReadDeadline(time.Time{}))
	_, err = io.ReadAll(b)
	requireError(t, err, "read", syscall.ECONNRESET)
}

func pastDeadline(t *testing.T, a, b *memnet.Conn) {
	_, err := b.Write([]byte("kept"))
	require.NoError(t, err)
	for _, at := range []time.Time{time.Unix(1, 0), time.Now().Add(-time.Second), time.Now()} {
		require.NoError(t, a.SetDeadline(at))
		n, err := a.Read(make([]byte, 4))
		requireError(t, err, "read", os.ErrDeadlineExceeded)
		assert.Zero(t, n)
		n, err = a.Write([]byte("x"))
		requireError(t, err, "write", os.ErrDeadlineExceeded)
		assert.Zero(t, n)
	}
	require.NoError(t, a.SetDeadline(time.Time{}))
	got := make([]byte, 4)
	_, err = a.Read(got)
	require.NoError(t, err)
	assert.Equal(t, "kept", string(got))
	_, err = a.Write([]byte("x"))
	require.NoError(t, err)
}

func futureDeadline(t *testing.T, a, b *memnet.Conn) {
	begin := time.Now()
	require.NoError(t, a.SetReadDeadline(begin.Add(time.Hour)))
	require.NoError(t, a.SetWriteDeadline(begin.Add(2*time.Hour)))
	reading, writing := read(a), write(a)
	requireError(t, (<-reading).err, "read", os.ErrDeadlineExceeded)
	assert.Equal(t, time.Hour, time.Since(begin))
	requireError(t, (<-writing).err, "write", os.ErrDeadlineExceeded)
	assert.Equal(t, 2*time.Hour, time.Since(begin))
}

func partialWrite(t *testing.T, a, b *memnet.Conn) {
	data := random(4, bufferSize)
	require.NoError(t, a.SetWriteDeadline(time.Now().Add(time.Minute)))
	n, err := a.Write(data)
	requireError(t, err, "write", os.ErrDeadlineExceeded)
	assert.Positive(t, n)
	require.NoError(t, a.Close())
	got, err := io.ReadAll(b)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(data[:n], got))
}

func movedDeadline(t *testing.T, a, b *memnet.Conn) {
	begin := time.Now()
	require.NoError(t, a.SetReadDeadline(begin.Add(time.Minute)))
	reading := read(a)
	require.NoError(t, a.SetReadDeadline(begin.Add(time.Hour)))
	requireError(t, (<-reading).err, "read", os.ErrDeadlineExceeded)
	assert.Equal(t, time.Hour, time.Since(begin))

	require.NoError(t, a.SetReadDeadline(time.Time{}))
	reading = read(a)
	require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Minute)))
	requireError(t, (<-reading).err, "read", os.ErrDeadlineExceeded)
	assert.Equal(t, time.Hour+time.Minute, time.Since(begin))

	require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Minute)))
	reading = read(a)
	require.NoError(t, a.SetReadDeadline(time.Time{}))
	time.Sleep(time.Hour)
	_, err := b.Write([]byte("x"))
	require.NoError(t, err)
	assert.Equal(t, result{n: 1}, <-reading)

	reading, writing := read(a), write(a)
	require.NoError(t, a.SetDeadline(time.Unix(1, 0)))
	requireError(t, (<-reading).err, "read", os.ErrDeadlineExceeded)
	requireError(t, (<-writing).err, "write", os.ErrDeadlineExceeded)
}

func separateDeadlines(t *testing.T, a, b *memnet.Conn) {
	require.NoError(t, a.SetReadDeadline(time.Unix(1, 0)))
	_, err := a.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, a.SetReadDeadline(time.Time{}))
	require.NoError(t, a.SetWriteDeadline(time.Unix(1, 0)))
	_, err = b.Write([]byte("x"))
	require.NoError(t, err)
	_, err = a.Read(make([]byte, 1))
	require.NoError(t, err)
	_, err = b.Read(make([]byte, 1))
	require.NoError(t, err)
}

func allMethods(t *testing.T, a, b *memnet.Conn) {
	go io.Copy(b, b)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { a.Read(make([]byte, 1024)) })
		wg.Go(func() { a.Write(make([]byte, 1024)) })
		wg.Go(func() { a.SetDeadline(time.Now().Add(10 * time.Millisecond)) })
		wg.Go(func() { a.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) })
		wg.Go(func() { a.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)) })
		wg.Go(func() { a.LocalAddr() })
		wg.Go(func() { a.RemoteAddr() })
	}
	wg.Wait()
	require.NoError(t, a.Close())
}

// TestConnTime uses the real clock: deadlines must start timers.
func TestConnTime(t *testing.T) {
	a, _ := connect(t)
	require.NoError(t, a.SetReadDeadline(time.Now().Add(time.Millisecond)))
	_, err := a.Read(make([]byte, 1))
	requireError(t, err, "read", os.ErrDeadlineExceeded)
}

func BenchmarkCopy(b *testing.B) {
	tcp := func(b *testing.B) (net.Conn, net.Conn) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(b, err)
		defer l.Close()
		client, err := net.Dial("tcp", l.Addr().String())
		require.NoError(b, err)
		server, err := l.Accept()
		require.NoError(b, err)
		return client, server
	}
	memory := func(b *testing.B) (net.Conn, net.Conn) { return connect(b) }
	for _, network := range []struct {
		name    string
		connect func(*testing.B) (net.Conn, net.Conn)
	}{{"memory", memory}, {"tcp", tcp}} {
		b.Run(network.name, func(b *testing.B) {
			client, server := network.connect(b)
			defer client.Close()
			defer server.Close()
			block := make([]byte, 1<<20)
			b.SetBytes(int64(len(block)))
			b.ReportAllocs()
			go func() {
				for {
					if _, err := server.Write(block); err != nil {
						return
					}
				}
			}()
			buffer := make([]byte, 32<<10)
			for b.Loop() {
				_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(client, 1<<20), buffer)
				require.NoError(b, err)
			}
		})
	}
}

func TestDialContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var n memnet.Network
	l, err := n.Listen("a.test")
	require.NoError(t, err)
	defer l.Close()
	_, err = n.DialContext(ctx, "tcp", "a.test:80")
	require.ErrorIs(t, err, context.Canceled)
}
