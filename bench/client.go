package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"

	"github.com/opencontainers/go-digest"
)

const (
	repository = "bench/app"
	pingPath   = "/v2/"
	blobsPath  = "/v2/" + repository + "/blobs/"
)

// client is a minimal client on net/http: it checks the status and counts bytes. It is not safe for
// concurrent use.
type client struct {
	base  string
	login string // Authorization header, or empty
	http  http.Client
	buf   []byte // buffer for bodies
}

func newClient(s *server) *client {
	c := &client{base: s.url, login: s.login, buf: make([]byte, 256<<10)}
	if c.http.Transport = s.transport; s.transport == nil {
		c.http.Transport = &http.Transport{
			DialContext:         dial,
			MaxIdleConnsPerHost: clients,
			DisableCompression:  true,
		}
	}
	return c
}

// dial returns a connection that is reset on Close: ports in TIME_WAIT after thousands of starts
// would slow down later ones.
func dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if tcp, ok := conn.(*net.TCPConn); ok {
		err = tcp.SetLinger(0)
	}
	return conn, err
}

// another returns a client for another goroutine that shares the connections.
func (c *client) another() *client {
	return &client{base: c.base, login: c.login, http: c.http, buf: make([]byte, 4<<10)}
}

// do sends a request and reads the whole response.
func (c *client) do(ctx context.Context, method, target string, body []byte, status int) (*http.Response, int, error) {
	// http.NewRequest detects the length of a *bytes.Reader.
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/octet-stream")
	}
	if c.login != "" {
		r.Header.Set("Authorization", c.login)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != status {
		text, err := io.ReadAll(io.LimitReader(res.Body, 200))
		err = errors.Join(statusError(res.StatusCode), err)
		return nil, 0, fmt.Errorf("%s %s: want %d: %w: %s", method, target, status, err, text)
	}
	total := 0
	for err == nil {
		var n int
		n, err = res.Body.Read(c.buf)
		total += n
	}
	if err != io.EOF {
		return nil, 0, fmt.Errorf("%s %s: %w", method, target, err)
	}
	return res, total, nil
}

// statusError is an unexpected status.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }

// ping requests /v2/, which every registry answers with 200.
func (c *client) ping(ctx context.Context) error {
	_, _, err := c.do(ctx, http.MethodGet, c.base+pingPath, nil, http.StatusOK)
	return err
}

// get fetches a path and returns the length of the body.
func (c *client) get(ctx context.Context, path string) (int, error) {
	_, n, err := c.do(ctx, http.MethodGet, c.base+path, nil, http.StatusOK)
	return n, err
}

// head sends HEAD for a path.
func (c *client) head(ctx context.Context, path string) error {
	_, _, err := c.do(ctx, http.MethodHead, c.base+path, nil, http.StatusOK)
	return err
}

// push is a POST for a session, then a PUT with the whole blob.
func (c *client) push(ctx context.Context, b blob) error {
	location, err := c.begin(ctx, b)
	if err != nil {
		return err
	}
	_, _, err = c.do(ctx, http.MethodPut, location, b.content, http.StatusCreated)
	return err
}

// begin opens an upload session and returns where to PUT the blob.
func (c *client) begin(ctx context.Context, b blob) (string, error) {
	res, _, err := c.do(ctx, http.MethodPost, c.base+blobsPath+"uploads/", nil, http.StatusAccepted)
	if err != nil {
		return "", err
	}
	location, err := res.Location()
	if err != nil {
		return "", fmt.Errorf("answer to POST: %w", err)
	}
	query := location.Query()
	query.Set("digest", string(b.digest))
	location.RawQuery = query.Encode()
	return location.String(), nil
}

func (c *client) delete(ctx context.Context, b blob) error {
	_, _, err := c.do(ctx, http.MethodDelete, c.base+b.path(), nil, http.StatusAccepted)
	return err
}

// blob is the content of pushes and pulls.
type blob struct {
	content []byte
	digest  digest.Digest
}

// newBlob returns a blob of size random bytes.
func newBlob(size int, seed byte) blob {
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(content) // never fails
	return blob{content, digest.FromBytes(content)}
}

// renew changes the content of the blob in place.
func (b *blob) renew() {
	binary.LittleEndian.PutUint64(b.content, binary.LittleEndian.Uint64(b.content)+1)
	b.digest = digest.FromBytes(b.content)
}

func (b *blob) path() string { return blobsPath + string(b.digest) }
