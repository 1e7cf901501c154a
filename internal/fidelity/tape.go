package fidelity

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/strict"
)

// Tape is what a client and a registry that ran said to one another, with all that a [Mirror] needs to
// send the requests to other registries. It is stored as JSON Lines, compressed with gzip: the first
// line is the Tape, and each other one an exchange.
type Tape struct {
	Registry string `json:"registry"` // name of the profile
	Version  string `json:"version"`  // of the registry
	Client   string `json:"client"`   // that sent the requests
	Date     string `json:"date"`
	Command  string `json:"command"` // that makes the tape

	exchanges []taped
}

// taped is an exchange of a tape. Bodies are numbers of contents, from 1.
type taped struct {
	Request string      `json:"request"` // method and target
	Host    string      `json:"host"`
	Header  http.Header `json:"header,omitempty"`
	Length  int64       `json:"length,omitempty"` // Content-Length of the request: -1 if it had none
	Body    int         `json:"body,omitempty"`

	Status   int         `json:"status,omitempty"` // 0 if the registry broke the connection before the header
	Answer   http.Header `json:"answer,omitempty"`
	Broken   bool        `json:"broken,omitempty"` // the registry broke the connection
	Response int         `json:"response,omitempty"`

	Contents []content `json:"contents,omitempty"` // that no exchange before has
}

// content is a text, or other bytes in base64.
type content struct {
	Text   string `json:"text,omitempty"`
	Base64 string `json:"base64,omitempty"`
}

// Taped makes a tape of exchanges. What registries say only of themselves is not on it: the header
// fields that are not compared.
func (t Tape) Taped(exchanges []Mirrored) *Tape {
	numbers := map[digest.Digest]int{}
	for i := range exchanges {
		x := &exchanges[i]
		to := taped{
			Request: x.request.Method + " " + x.request.URL.RequestURI(), Host: x.request.Host, Header: x.request.Header.Clone(),
			Length: x.request.ContentLength, Status: x.real.status, Broken: x.real.broken, Answer: http.Header{},
		}
		to.Header.Del("User-Agent")
		for name, values := range x.real.header {
			if _, compare, _ := ruleOf(name); compare {
				to.Answer[name] = values
			}
		}
		number := func(body []byte) int {
			d := digest.FromBytes(body)
			if len(body) > 0 && numbers[d] == 0 {
				numbers[d] = len(numbers) + 1
				to.Contents = append(to.Contents, newContent(body))
			}
			return numbers[d]
		}
		to.Body, to.Response = number(x.body), number(x.real.body)
		t.exchanges = append(t.exchanges, to)
	}
	return &t
}

func newContent(body []byte) content {
	if utf8.Valid(body) {
		return content{Text: string(body)}
	}
	return content{Base64: base64.StdEncoding.EncodeToString(body)}
}

// body returns the bytes of the content.
func (c content) body() ([]byte, error) {
	if c.Base64 != "" {
		return base64.StdEncoding.DecodeString(c.Base64)
	}
	return []byte(c.Text), nil
}

// WriteTo writes the tape in the form that ReadTape reads.
func (t *Tape) WriteTo(w io.Writer) (int64, error) {
	var out bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return 0, err
	}
	lines := json.NewEncoder(compressed)
	lines.SetEscapeHTML(false)
	if err := lines.Encode(t); err != nil {
		return 0, err
	}
	for i := range t.exchanges {
		if err := lines.Encode(&t.exchanges[i]); err != nil {
			return 0, err
		}
	}
	if err := compressed.Close(); err != nil {
		return 0, err
	}
	return out.WriteTo(w)
}

// Limits of a tape.
const (
	maxTapeLine = 4 << 20
	maxTape     = 64 << 20
)

// ReadTape reads a tape.
func ReadTape(r io.Reader) (*Tape, error) {
	plain, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(io.LimitReader(plain, maxTape))
	lines.Buffer(nil, maxTapeLine)
	t := new(Tape)
	contents := 0
	for n := 1; lines.Scan(); n++ {
		if n == 1 {
			err = strict.Decode(lines.Bytes(), t)
		} else {
			err = t.read(lines.Bytes(), &contents)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if t.Registry == "" || len(t.exchanges) == 0 {
		return nil, errors.New("a tape without exchanges")
	}
	return t, nil
}

// read reads an exchange. contents counts the contents before.
func (t *Tape) read(line []byte, contents *int) error {
	var x taped
	if err := strict.Decode(line, &x); err != nil {
		return err
	}
	*contents += len(x.Contents)
	for _, n := range []int{x.Body, x.Response} {
		if n < 0 || n > *contents {
			return fmt.Errorf("content %d: want one of the %d before", n, *contents)
		}
	}
	if _, _, err := x.target(); err != nil {
		return err
	}
	t.exchanges = append(t.exchanges, x)
	return nil
}

// target returns the method and the URL of the request.
func (x *taped) target() (method string, u *url.URL, err error) {
	method, target, _ := strings.Cut(x.Request, " ")
	u, err = url.ParseRequestURI(target)
	return method, u, err
}

// Replay sends the requests of the tape to other registries, and compares the answers with those on
// the tape. All registries must be empty. clean is that of [NewMirror].
func (t *Tape) Replay(ctx context.Context, clean func(Answer) Answer, others ...Target) ([]Mirrored, error) {
	player := &player{}
	m := NewMirror(Target{URL: "http://tape.invalid", Transport: player}, clean, others...)
	contents := [][]byte{nil}
	for i := range t.exchanges {
		x := &t.exchanges[i]
		for _, c := range x.Contents {
			body, err := c.body()
			if err != nil {
				return nil, err
			}
			contents = append(contents, body)
		}
		method, u, err := x.target()
		if err != nil {
			return nil, err
		}
		r := &http.Request{Method: method, URL: u, Host: x.Host, Header: x.Header.Clone(), ContentLength: x.Length}
		if r.Header == nil {
			r.Header = http.Header{}
		}
		player.next, player.body = x, contents[x.Response]
		if _, err := m.exchange(r.WithContext(ctx), contents[x.Body]); err != nil {
			return nil, fmt.Errorf("%s: %w", x.Request, err)
		}
	}
	return m.Exchanges(), nil
}

// player answers with what is on a tape.
type player struct {
	next *taped
	body []byte
}

var errBroken = errors.New("the registry broke the connection")

// RoundTrip implements [http.RoundTripper].
func (p *player) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.next.Status == 0 {
		return nil, errBroken
	}
	var body io.Reader = bytes.NewReader(p.body)
	if p.next.Broken {
		body = io.MultiReader(body, brokenReader{})
	}
	header := p.next.Answer.Clone()
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: p.next.Status, Header: header, Body: io.NopCloser(body), Request: r}, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

// The tapes. TestExchanges in e2e writes them.
//
//go:embed testdata/taped
var tapes embed.FS

// Tapes returns the tapes that the project keeps, by registry and client.
func Tapes() ([]*Tape, error) { return readAll(tapes, "testdata/taped/*.jsonl.gz", ReadTape) }

// Unordered returns a function for [NewMirror] that sorts what the specification gives no order: lists
// of repositories and of referrers, and, with tags, also lists of tags. It removes spaces and quotes
// from the parameters of Link, where they have no meaning (RFC 8288).
func Unordered(tags bool) func(Answer) Answer {
	return func(a Answer) Answer {
		if target, parameters, ok := strings.Cut(a.Header["Link"], ">;"); ok {
			a.Header["Link"] = target + ">;" + strings.NewReplacer(" ", "", `"`, "").Replace(parameters)
		}
		sortList(a.Body, "manifests", "digest")
		sortList(a.Body, "repositories", "")
		if tags {
			sortList(a.Body, "tags", "")
		}
		return a
	}
}

// sortList sorts a list in a body by a field of its entries, or by the entries themselves.
func sortList(body any, name, by string) {
	object, _ := body.(map[string]any)
	list, _ := object[name].([]any)
	key := func(entry any) string {
		if fields, ok := entry.(map[string]any); ok {
			entry = fields[by]
		}
		return fmt.Sprint(entry)
	}
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(key(a), key(b)) })
}
