package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// remote identifies the ocifake that a command uses.
type remote struct{ url, token, caFile string }

// flags returns the flags of all client commands.
func (r *remote) flags() flagGroup {
	return flagGroup{"Connection", []flagRow{
		{"url", "`URL` of the control API (default $OCIFAKE_CONTROL_URL, then $OCIFAKE_URL, then " + defaultURL + ")", &r.url},
		{"token", "`token` for the control API (default $OCIFAKE_CONTROL_TOKEN)", &r.token},
		{"ca-file", "PEM `file` of CA certificates to trust in addition to the system's and those in $SSL_CERT_FILE", (*fileName)(&r.caFile)},
	}}
}

const defaultURL = "http://127.0.0.1:5000"

// unreachable is the exit status if no ocifake responds.
const unreachable = 3

// action returns the Run function of a client command.
func (r *remote) action(f func(*cobra.Command, *client, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := r.client()
		if err != nil {
			return err
		}
		defer c.http.CloseIdleConnections()
		err = f(cmd, c, args)
		var status *exit
		switch {
		case err == nil || errors.As(err, &status):
			return err
		case cmd.Context().Err() != nil:
			err = errors.New("interrupted")
		}
		return &failure{err}
	}
}

// client is a client of a control API.
type client struct {
	base  string // URL without a path
	token string
	http  *http.Client
}

// client returns a client for the flags and the environment.
func (r *remote) client() (*client, error) {
	base := cmp.Or(r.url, os.Getenv("OCIFAKE_CONTROL_URL"), os.Getenv("OCIFAKE_URL"), defaultURL)
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" ||
		strings.Trim(u.Path, "/") != "" && strings.Trim(u.Path, "/") != "_ocifake" {
		return nil, fmt.Errorf("invalid URL %q: want http://HOST:PORT or https://HOST:PORT", base)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if u.Scheme == "https" {
		if transport.TLSClientConfig, err = r.trust(); err != nil {
			return nil, &failure{err}
		}
	}
	return &client{
		base:  u.Scheme + "://" + u.Host,
		token: cmp.Or(r.token, os.Getenv("OCIFAKE_CONTROL_TOKEN")),
		http:  &http.Client{Transport: transport},
	}, nil
}

// trust returns the CA certificates of the system and of files. Not every system supports
// SSL_CERT_FILE.
func (r *remote) trust() (*tls.Config, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if text, err := os.ReadFile(os.Getenv("SSL_CERT_FILE")); err == nil {
		roots.AppendCertsFromPEM(text)
	}
	if r.caFile != "" {
		text, err := os.ReadFile(r.caFile)
		if err != nil {
			return nil, fmt.Errorf("--ca-file: %w", err)
		}
		if !roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--ca-file: %s contains no PEM certificate", r.caFile)
		}
	}
	return &tls.Config{RootCAs: roots}, nil
}

// body is the body of a request.
type body struct {
	io.Reader
	mediaType string
	size      int64 // -1 if unknown
}

// send sends a request, and returns the body of a successful response.
func (c *client) send(ctx context.Context, method, path string, query url.Values, b *body) (io.ReadCloser, error) {
	target := c.base + "/_ocifake/v1/" + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		return nil, err
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if b != nil {
		request.Header.Set("Content-Type", b.mediaType)
		request.Header.Set("Expect", "100-continue") // avoids sending a large body that is refused
		request.Body, request.ContentLength = io.NopCloser(b), b.size
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		defer response.Body.Close()
		return nil, c.refusal(request, response)
	}
	return response.Body, nil
}

// call sends a request with in as the JSON body, if it is not nil, and decodes the response into
// out.
func (c *client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var b *body
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		b = &body{bytes.NewReader(text), "application/json", int64(len(text))}
	}
	answer, err := c.send(ctx, method, path, query, b)
	if err != nil {
		return err
	}
	return decode(answer, out)
}

// decode decodes a response into out, unless out is nil.
func decode(answer io.ReadCloser, out any) (err error) {
	defer func() { err = errors.Join(err, answer.Close()) }()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(answer).Decode(out); err != nil {
		return fmt.Errorf("read response: %w", err)
	}
	return nil
}

// copy writes the response to a request to w.
func (c *client) copy(ctx context.Context, w io.Writer, path string, query url.Values) error {
	answer, err := c.send(ctx, http.MethodGet, path, query, nil)
	if err != nil {
		return err
	}
	if _, err = io.Copy(w, answer); err != nil {
		err = fmt.Errorf("GET %s from %s: %w", path, c.base, err)
	}
	return errors.Join(err, answer.Close())
}

// explain adds the probable cause and advice to a connection error.
func (c *client) explain(ctx context.Context, err error) error {
	var local *fs.PathError // an error of the file to send
	if errors.As(err, &local) {
		return local
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	what, todo := "no ocifake at "+c.base, "start one with `ocifake serve`, or set its URL with --url"
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		what, todo = "the certificate of "+c.base+" is not trusted", "trust its CA certificate with --ca-file; `ocifake serve --ca-file` writes it"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF):
		what, todo = c.base+" closed the connection", "fault rules for connections also apply to the control API, unless it has its own --control-addr"
	case errors.Is(err, http.ErrSchemeMismatch):
		what, todo = c.base+" does not speak TLS", "use http:// in the URL"
	}
	return &exit{unreachable, fmt.Errorf("%s: %s (%w)", what, todo, err)}
}

// refusal returns the error of an error response, of the API or of another server.
func (c *client) refusal(request *http.Request, response *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %s: %w", request.Method, request.URL, response.Status, err)
	}
	var answer struct {
		Error struct{ Message, Field string }
	}
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if mediaType == "application/json" && json.Unmarshal(text, &answer) == nil && answer.Error.Message != "" {
		if response.StatusCode == http.StatusUnauthorized {
			return fmt.Errorf("%s: set the value of --control-token with --token or $OCIFAKE_CONTROL_TOKEN", answer.Error.Message)
		}
		if answer.Error.Field == "body" { // the body is the only input
			return errors.New(strings.TrimPrefix(answer.Error.Message, "body: "))
		}
		return errors.New(answer.Error.Message)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return &exit{unreachable, fmt.Errorf("no control API at %s: the server is not ocifake, or uses --no-control or --control-addr (%s %s: %s: %.100q)",
		c.base, request.Method, request.URL.Path, response.Status, line)}
}
