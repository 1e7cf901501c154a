package memnet_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/memnet"
)

// TestOffer: a listener accepts a connection that came from elsewhere, if its name is the one that
// was asked for.
func TestOffer(t *testing.T) {
	var n memnet.Network
	l, err := n.Listen("a.example", "*.b.example")
	require.NoError(t, err)
	assert.Equal(t, l, n.Route("A.example."))
	assert.Equal(t, l, n.Route("x.b.example"))
	assert.Nil(t, n.Route("c.example"))
	client, server := net.Pipe()
	defer client.Close()
	require.NoError(t, n.Offer(t.Context(), "x.b.example", server))
	got, err := l.Accept()
	require.NoError(t, err)
	assert.Same(t, server, got)
	require.Error(t, n.Offer(t.Context(), "c.example", server))

	require.NoError(t, n.Offer(t.Context(), "a.example", server))
	require.NoError(t, l.Close())
	_, err = client.Read(make([]byte, 1))
	require.Error(t, err, "the listener closed what nobody accepted")
	require.Error(t, n.Offer(t.Context(), "a.example", server))
}
