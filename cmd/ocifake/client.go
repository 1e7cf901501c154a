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

// remote says which ocifake a command is about.
type remote struct{ url, token, caFile string }

// flags are those of every command that talks to an ocifake.
func (r *remote) flags() flagGroup {
	return flagGroup{"Which ocifake", []flagRow{
		{"url", "`URL` of its control API (default $OCIFAKE_CONTROL_URL, or else $OCIFAKE_URL, or else " + defaultURL + ")", &r.url},
		{"token", "`token` that it asks for (default $OCIFAKE_CONTROL_TOKEN)", &r.token},
		{"ca-file", "PEM `file` of authorities to trust, beside the system's and those in $SSL_CERT_FILE", &r.caFile},
	}}
}

const defaultURL = "http://127.0.0.1:5000"

// unreachable is the exit status if there is no ocifake to talk to.
const unreachable = 3

// action makes the function of a command of one that talks to an ocifake.
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
			err = errors.New("stopped before it was done")
		}
		return &failure{err}
	}
}

// client talks to the control API of an ocifake.
type client struct {
	base  string // scheme and host
	token string
	http  *http.Client
}

// client returns a client of the ocifake that the flags and the environment name.
func (r *remote) client() (*client, error) {
	base := cmp.Or(r.url, os.Getenv("OCIFAKE_CONTROL_URL"), os.Getenv("OCIFAKE_URL"), defaultURL)
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" ||
		strings.Trim(u.Path, "/") != "" && strings.Trim(u.Path, "/") != "_ocifake" {
		return nil, fmt.Errorf("%q is no URL of an ocifake: want http://HOST:PORT or https://HOST:PORT", base)
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

// trust trusts the system's authorities and those of files; not every system reads
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
			return nil, fmt.Errorf("--ca-file: %s has no certificate in PEM form", r.caFile)
		}
	}
	return &tls.Config{RootCAs: roots}, nil
}

// body is what a request brings along.
type body struct {
	io.Reader
	mediaType string
	size      int64 // -1: unknown
}

// send makes a request, and returns the body of the answer if that is a good one.
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
		request.Header.Set("Expect", "100-continue") // not to send much to who refuses it
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

// call makes a request with a body in JSON, if there is one, and decodes the answer
// into a value.
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

// decode reads an answer into a value, nil if it is of no interest.
func decode(answer io.ReadCloser, out any) (err error) {
	defer func() { err = errors.Join(err, answer.Close()) }()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(answer).Decode(out); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	return nil
}

// copy writes the answer to a request to w.
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

// explain says why there was no answer.
func (c *client) explain(ctx context.Context, err error) error {
	var local *fs.PathError // of what was to be sent
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
	what, todo := "no ocifake at "+c.base, "start one with `ocifake serve`, or say where it is with --url"
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		what, todo = "the certificate of "+c.base+" is not trusted", "give its authority with --ca-file; `ocifake serve --ca-file` writes it"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF):
		what, todo = c.base+" closed the connection", "faults on connections act on it too, unless the control API has a --control-addr of its own"
	case errors.Is(err, http.ErrSchemeMismatch):
		what, todo = c.base+" does not speak TLS", "want http:// in the URL"
	}
	return &exit{unreachable, fmt.Errorf("%s: %s (%w)", what, todo, err)}
}

// refusal is the error of an answer: the API's own, or that of another server.
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
			return fmt.Errorf("%s: give its --control-token with --token or $OCIFAKE_CONTROL_TOKEN", answer.Error.Message)
		}
		if answer.Error.Field == "body" { // there is no other input
			return errors.New(strings.TrimPrefix(answer.Error.Message, "body: "))
		}
		return errors.New(answer.Error.Message)
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return &exit{unreachable, fmt.Errorf("%s has no control API: it is no ocifake, or one with --no-control or --control-addr (%s %s: %s: %.100q)",
		c.base, request.Method, request.URL.Path, response.Status, line)}
}
