package memnet_test

import (
	"context"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/memnet"
)

func TestRouting(t *testing.T) {
	for _, test := range []struct {
		name    string
		hosts   []string
		network string // default "tcp"
		address string
		want    string // the listener that the connection reaches
		err     error
	}{
		{name: "by host", hosts: []string{"a.test", "b.test"}, address: "b.test:443", want: "b.test"},
		{name: "whatever the port", hosts: []string{"a.test"}, address: "a.test:5000", want: "a.test"},
		{name: "whatever the case", hosts: []string{"A.test"}, address: "a.TEST:80", want: "A.test"},
		{name: "with a final dot", hosts: []string{"a.test"}, address: "a.test.:80", want: "a.test"},
		{name: "to an IPv6 address", hosts: []string{"::1"}, address: "[::1]:80", want: "::1"},
		{name: "over tcp6", hosts: []string{"a.test"}, network: "tcp6", address: "a.test:80", want: "a.test"},
		{name: "to the default", hosts: []string{memnet.Any}, address: "x.test:80", want: memnet.Any},
		{name: "to the name before the default", hosts: []string{memnet.Any, "a.test"}, address: "a.test:80", want: "a.test"},
		{name: "to an unknown host", hosts: []string{"a.test"}, address: "b.test:80", err: syscall.ECONNREFUSED},
		{name: "to the dead host", hosts: []string{memnet.Any}, address: "Dead.test.:80", err: syscall.ECONNREFUSED},
		{name: "in an empty network", address: "b.test:80", err: syscall.ECONNREFUSED},
		{name: "over udp", hosts: []string{"a.test"}, network: "udp", address: "a.test:80", err: net.UnknownNetworkError("udp")},
	} {
		t.Run(test.name, func(t *testing.T) {
			var n memnet.Network
			listeners := map[string]net.Listener{}
			for _, host := range test.hosts {
				l, err := n.Listen(host)
				require.NoError(t, err)
				listeners[host] = l
				t.Cleanup(func() { l.Close() })
			}
			network := "tcp"
			if test.network != "" {
				network = test.network
			}
			client, err := n.DialContext(t.Context(), network, test.address)
			if test.err != nil {
				require.ErrorIs(t, err, test.err)
				var opError *net.OpError
				require.ErrorAs(t, err, &opError)
				assert.Equal(t, "dial", opError.Op)
				assert.Equal(t, test.address, opError.Addr.String())
				return
			}
			require.NoError(t, err)
			defer client.Close()
			server, err := listeners[test.want].Accept()
			require.NoError(t, err)
			defer server.Close()
			assert.Equal(t, test.address, server.LocalAddr().String())
			assert.Equal(t, test.address, client.RemoteAddr().String())
			assert.Equal(t, client.LocalAddr(), server.RemoteAddr())
			host, _, err := net.SplitHostPort(server.RemoteAddr().String())
			require.NoError(t, err)
			assert.Equal(t, "127.0.0.1", host)
		})
	}
}

func TestDialNeedsAPort(t *testing.T) {
	var n memnet.Network
	_, err := n.DialContext(t.Context(), "tcp", "a.test")
	require.ErrorContains(t, err, "missing port in address")
}

func TestListen(t *testing.T) {
	var n memnet.Network
	l, err := n.Listen("a.test")
	require.NoError(t, err)
	assert.Equal(t, "a.test:0", l.Addr().String())
	_, err = n.Listen("A.test.")
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	require.ErrorContains(t, err, "listen mem a.test:0")
	for _, host := range []string{"", memnet.Dead, "Dead.test."} {
		_, err = n.Listen(host)
		require.ErrorIs(t, err, syscall.EADDRNOTAVAIL)
	}

	require.NoError(t, l.Close())
	require.ErrorIs(t, l.Close(), net.ErrClosed)
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	_, err = n.DialContext(t.Context(), "tcp", "a.test:80")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	again, err := n.Listen("a.test")
	require.NoError(t, err, "the name is free once its listener is closed")
	require.ErrorIs(t, l.Close(), net.ErrClosed)
	client, err := n.DialContext(t.Context(), "tcp", "a.test:80")
	require.NoError(t, err, "closing the old listener twice left the new one alone")
	require.NoError(t, client.Close())
	require.NoError(t, again.Close())
}

func TestListenerCloseUnblocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n memnet.Network
		l, err := n.Listen("a.test")
		require.NoError(t, err)
		waiting, err := n.DialContext(t.Context(), "tcp", "a.test:80")
		require.NoError(t, err)
		accepted, err := l.Accept()
		require.NoError(t, err)
		reset, err := n.DialContext(t.Context(), "tcp", "a.test:80")
		require.NoError(t, err)
		require.NoError(t, accepted.Close())

		require.NoError(t, l.Close())
		_, err = reset.Read(make([]byte, 1))
		requireError(t, err, "read", syscall.ECONNRESET)
		_, err = waiting.Read(make([]byte, 1))
		require.ErrorContains(t, err, "EOF")

		l, err = n.Listen("a.test")
		require.NoError(t, err)
		done := start(func() (int, error) {
			_, err := l.Accept()
			return 0, err
		})
		require.NoError(t, l.Close())
		require.ErrorIs(t, (<-done).err, net.ErrClosed)
	})
}

func TestBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n memnet.Network
		l, err := n.Listen("a.test")
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		begin := time.Now()
		dialed := 0
		for {
			c, err := n.DialContext(ctx, "tcp", "a.test:80")
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded)
				break
			}
			defer c.Close()
			dialed++
			require.Less(t, dialed, 100_000)
		}
		assert.Equal(t, time.Hour, time.Since(begin))
		assert.Positive(t, dialed)

		blocked := start(func() (int, error) {
			_, err := n.DialContext(t.Context(), "tcp", "a.test:80")
			return 0, err
		})
		require.NoError(t, l.Close())
		// The end of the listener may free a place in the backlog: the dial is refused, or its
		// connection is reset.
		r := <-blocked
		if r.err != nil {
			require.ErrorIs(t, r.err, syscall.ECONNREFUSED)
		}
	})
}

// TestAliases: a listener has further names, unless another listener has the name, or an alias for
// it from before.
func TestAliases(t *testing.T) {
	var n memnet.Network
	listen := func(host string, aliases ...string) net.Listener {
		l, err := n.Listen(host, aliases...)
		require.NoError(t, err)
		t.Cleanup(func() { l.Close() })
		return l
	}
	reaches := func(host string, l net.Listener) {
		t.Helper()
		client, err := n.DialContext(t.Context(), "tcp", host+":443")
		require.NoError(t, err)
		defer client.Close()
		server, err := l.Accept()
		require.NoError(t, err)
		defer server.Close()
		assert.Equal(t, host+":443", server.LocalAddr().String())
	}
	any, first := listen(memnet.Any), listen("first.test", "hub.test", "*.Hub.test.")
	second := listen("second.test", "hub.test", "other.hub.test")
	own := listen("own.hub.test")
	reaches("hub.test", first)
	reaches("a.b.hub.test", first)
	reaches("OTHER.hub.test", first)
	reaches("own.hub.test", own)
	reaches("hub.tests", any)
	require.NoError(t, first.Close())
	reaches("hub.test", second)
	reaches("a.hub.test", any)
}
