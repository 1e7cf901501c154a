package spec

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A body with blanks arrives whole, with its length, and is the same to the ledger and in a report as
// the bytes that arrive.
func TestBlankBody(t *testing.T) {
	const blank = 100_000
	var got []byte
	var length int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" { // the client sends the body again
			http.Redirect(w, r, "/there", http.StatusTemporaryRedirect)
			return
		}
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		got, length = body, r.ContentLength
		w.WriteHeader(http.StatusCreated)
	}))
	defer server.Close()
	s, err := Open(t.Context(), Target{URL: server.URL, Client: server.Client()})
	require.NoError(t, err)
	c := content{bytes: []byte("head"), blank: blank}
	a, err := newTester(t.Context(), s).send(http.MethodPut, "/", c)
	require.NoError(t, err)
	assert.Equal(t, http.StatusCreated, a.status)
	want := []byte("head" + strings.Repeat(" ", blank))
	assert.True(t, bytes.Equal(want, got))
	assert.EqualValues(t, len(want), length)
	assert.Equal(t, len(want), c.size())
	assert.Equal(t, digest.FromBytes(want), c.digest())
	assert.Equal(t, summary(want), c.summary())
	assert.Contains(t, a.sent.curl(), "--data-binary @-")
}

// An answer is read whole, whatever length it announces.
func TestReadAll(t *testing.T) {
	for _, length := range []int{0, 1, bytes.MinRead, bytes.MinRead + 1, 1 << 20, 9 << 20} {
		body := bytes.Repeat([]byte("x"), length)
		for _, announced := range []int64{int64(length), -1, int64(length) / 2, 1 << 60} {
			got, err := readAll(&http.Response{ContentLength: announced, Body: io.NopCloser(bytes.NewReader(body))})
			require.NoError(t, err)
			assert.True(t, bytes.Equal(body, got), "%d, announced %d", length, announced)
		}
	}
}
