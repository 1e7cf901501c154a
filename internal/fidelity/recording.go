package fidelity

import (
	"bufio"
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/strict"
	"github.com/ocifake/ocifake/op"
)

// Recording is what a registry answered to the official conformance suite. It has what is
// compared, and what the requests need to be sent again.
type Recording struct {
	Registry string `json:"registry"`
	Suite    string `json:"suite"`  // version of the suite: "v1.0" or "v1.1"
	Date     string `json:"date"`   // of the recording
	Source   string `json:"source"` // where the report of the suite is published

	Repo  string `json:"repo"`            // <repo>
	Other string `json:"other,omitempty"` // <other>, the target of mounts
	Tag   string `json:"tag,omitempty"`   // <tag>, the tag that the suite pulls
	Order string `json:"order,omitempty"` // what the suite deletes first: "manifests" or "blobs"

	// The rest is what the contents are rebuilt from. Contents without it are stand-ins.

	Authors map[string]string `json:"authors,omitempty"` // random author of <config0> and so on
	Seed    int64             `json:"seed,omitempty"`    // seed of the suite's random blobs
	Chunked int               `json:"chunked,omitempty"` // size of <blobB> in bytes, if not the default
	Given   map[string]string `json:"given,omitempty"`   // contents that were there before the suite ran
	Before  map[string]string `json:"before,omitempty"`  // tags that were there before, with their content

	// Digests are those of all contents in the recording. Each content that is not a stand-in
	// has this digest.
	Digests map[string]digest.Digest `json:"digests,omitempty"`

	Exchanges []Exchange `json:"-"`
}

// Exchange is a request of the suite and the answer of the registry.
type Exchange struct {
	// Step is the number of the request among those of the suite, and Case the title of its
	// test case. Several exchanges can belong to a step: a refusal for want of credentials, the
	// request for a token, and the same request with the token.
	Step int    `json:"step"`
	Case string `json:"case"`

	Op      op.Op             `json:"op"`
	Request string            `json:"request"`        // method and target, such as "PUT {post}?digest=<config0>"
	Auth    string            `json:"auth,omitempty"` // scheme of the request's credentials
	Header  map[string]string `json:"header,omitempty"`
	Body    string            `json:"body,omitempty"` // the content that is sent

	Answer Answer `json:"answer"`
}

// Method returns the method of the request.
func (e *Exchange) Method() string {
	method, _, _ := strings.Cut(e.Request, " ")
	return method
}

// target returns the target of the request.
func (e *Exchange) target() string {
	_, target, _ := strings.Cut(e.Request, " ")
	return target
}

// Limits of a recording.
const (
	maxLine      = 1 << 20
	maxExchanges = 10_000
)

// Read reads a recording: JSON Lines, of which the first is the Recording and the others are its
// Exchanges.
func Read(r io.Reader) (*Recording, error) {
	recording := new(Recording)
	err := eachLine(r, func(number int, line []byte) error {
		if number == 1 {
			return strict.Decode(line, recording)
		}
		var e Exchange
		if err := strict.Decode(line, &e); err != nil {
			return err
		}
		recording.Exchanges = append(recording.Exchanges, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return recording, recording.check()
}

// eachLine calls a function for each line, counted from 1.
func eachLine(r io.Reader, do func(number int, line []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	number := 0
	for lines.Scan() {
		number++
		if number > maxExchanges {
			return fmt.Errorf("more than %d lines", maxExchanges)
		}
		if err := do(number, lines.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("line %d: longer than %d bytes", number+1, maxLine)
	case err != nil:
		return err
	case number == 0:
		return errors.New("an empty recording")
	}
	return nil
}

// methods are those of the distribution API.
var methods = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func (e *Exchange) check() error {
	switch {
	case !slices.Contains(methods, e.Method()):
		return fmt.Errorf("request %q: unknown method", e.Request)
	case e.target() == "":
		return fmt.Errorf("request %q: want a method and a target", e.Request)
	case e.Answer.Status < 100 || e.Answer.Status > 599:
		return fmt.Errorf("status %d: want a number from 100 to 599", e.Answer.Status)
	}
	return nil
}

// check reports what is missing or out of range in a recording.
func (r *Recording) check() error {
	if !op.ValidRepository(r.Repo) || r.Other != "" && !op.ValidRepository(r.Other) {
		return fmt.Errorf("repositories %q and %q: want names", r.Repo, r.Other)
	}
	if r.Tag != "" && !op.ValidTag(r.Tag) {
		return fmt.Errorf("tag %q is not a tag", r.Tag)
	}
	if r.Chunked < 0 || r.Chunked > maxChunked {
		return fmt.Errorf("chunked is %d: want at most %d bytes", r.Chunked, maxChunked)
	}
	for name, d := range r.Digests {
		if !op.ValidDigest(d) {
			return fmt.Errorf("digest %q of %s is not a digest", d, name)
		}
	}
	steps, err := r.steps()
	if err != nil {
		return err
	}
	last := 0
	for i, e := range r.Exchanges {
		if err := e.check(); err != nil {
			return fmt.Errorf("exchange %d: %w", i+1, err)
		}
		if e.Step < 1 || e.Step > len(steps) || e.Step < last {
			return fmt.Errorf("exchange %d: step %d: want a number from %d to %d", i+1, e.Step, max(last, 1), len(steps))
		}
		if title := steps[e.Step-1].title; e.Case != title {
			return fmt.Errorf("exchange %d: step %d is in the test case %q, not %q", i+1, e.Step, title, e.Case)
		}
		last = e.Step
	}
	return nil
}

// WriteTo writes the recording in the form that Read reads.
func (r *Recording) WriteTo(w io.Writer) (int64, error) {
	var text bytes.Buffer
	lines := json.NewEncoder(&text)
	lines.SetEscapeHTML(false)
	if err := lines.Encode(r); err != nil {
		return 0, err
	}
	for i := range r.Exchanges {
		if err := lines.Encode(&r.Exchanges[i]); err != nil {
			return 0, err
		}
	}
	return text.WriteTo(w)
}

// The recordings. TestImport writes them from the reports that their first lines name.
//
//go:embed testdata/recorded
var recorded embed.FS

// Recordings returns the recordings that the project keeps, by the name of their registry.
func Recordings() ([]*Recording, error) {
	return readAll(recorded, "testdata/recorded/*.jsonl", Read)
}

// readAll reads the files whose names match a pattern, sorted by name.
func readAll[T any](files fs.FS, pattern string, read func(io.Reader) (T, error)) ([]T, error) {
	names, err := fs.Glob(files, pattern)
	if err != nil {
		return nil, err
	}
	var all []T
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		one, err := read(bytes.NewReader(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(name), err)
		}
		all = append(all, one)
	}
	return all, nil
}
