package registrytest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// talk1 is a conversation in HTTP/1.1.
type talk1 struct {
	watched
	in   *bufio.Reader
	head bool // the last request was HEAD
}

func newTalk1(c net.Conn) *talk1 {
	k := &talk1{watched: watched{Conn: c}}
	k.in = bufio.NewReader(&k.watched)
	return k
}

func (k *talk1) say(_ testing.TB, q rawAsk) {
	if q.method == "" {
		q.method = http.MethodGet
	}
	k.head = q.method == http.MethodHead
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: use-registry-transport.test\r\n", q.method, q.target)
	for _, field := range q.fields() {
		text += field[0] + ": " + field[1] + "\r\n"
	}
	if q.body != nil {
		text += fmt.Sprintf("Content-Length: %d\r\n", len(q.body))
	}
	k.begun = time.Now()
	_, _ = k.Write(append([]byte(text+"\r\n"), q.body...)) // what matters of an error is noted
}

func (k *talk1) open(t testing.TB, q rawAsk) { k.say(t, q.with("Transfer-Encoding: chunked")) }

func (k *talk1) send(p []byte) { _, _ = fmt.Fprintf(k, "%x\r\n%s\r\n", len(p), p) }

func (k *talk1) endBody() { _, _ = k.Write([]byte("0\r\n\r\n")) }

func (k *talk1) hear(t testing.TB) *rawAnswer {
	t.Helper()
	a := &rawAnswer{}
	defer func() { a.took = time.Since(k.begun) }()
	for {
		line, err := k.in.ReadString('\n')
		a.head += line
		if err != nil || !strings.HasPrefix(a.head, "HTTP/1.1 ") {
			rest, _ := io.ReadAll(k.in) // the error is noted
			a.head, a.raw, a.end = "", append([]byte(a.head), rest...), endOf(k.err)
			return a
		}
		if line == "\r\n" {
			break
		}
	}
	k.parseHead(t, a)
	a.end = k.body(t, a)
	return a
}

func (k *talk1) parseHead(t testing.TB, a *rawAnswer) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(a.head, "\r\n\r\n"), "\r\n")
	a.fields = map[string][]string{}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ": ")
		require.True(t, ok, "header line %q", line)
		require.NotContains(t, line, "\n")
		name = http.CanonicalHeaderKey(name)
		a.fields[name] = append(a.fields[name], value)
	}
	_, err := fmt.Sscanf(lines[0], "HTTP/1.1 %d", &a.status)
	require.NoError(t, err)
}

// body reads the body, and returns how it ended.
func (k *talk1) body(t testing.TB, a *rawAnswer) string {
	t.Helper()
	var from io.Reader = k.in
	length := -1
	chunked := a.fields["Transfer-Encoding"] != nil
	switch {
	case k.head || a.status == http.StatusNoContent || a.status == http.StatusNotModified:
		return whole
	case chunked:
		require.Equal(t, []string{"chunked"}, a.fields["Transfer-Encoding"])
		from = httputil.NewChunkedReader(k.in)
	case a.fields["Content-Length"] != nil:
		var err error
		length, err = strconv.Atoi(a.fields["Content-Length"][0])
		require.NoError(t, err)
		from = io.LimitReader(k.in, int64(length))
	}
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		a.arrived(buffer[:n], k.begun)
		switch {
		case err == nil:
		case chunked && err == io.EOF:
			rest, err := k.in.ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "\r\n", rest)
			return whole
		case len(a.body) == length:
			return whole
		default:
			return endOf(k.err)
		}
	}
}
