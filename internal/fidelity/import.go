package fidelity

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/strict"
	"github.com/ocifake/ocifake/op"
)

// raw is an exchange as a report of the suite shows it. Bodies are JSON, or text, which is masked
// if it was not printable.
type raw struct {
	Request struct {
		Method  string            `json:"method"`
		Target  string            `json:"target"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"request"`
	Response struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	} `json:"response"`

	info op.Info
	url  *url.URL
}

// importer makes a Recording of raw exchanges.
type importer struct {
	*Recording
	exchanges []*raw
	authors   []string // of the configs
	steps     []step
	contents  contents
	blobs     map[digest.Digest]string // of contents that do not depend on authors
	digests   map[digest.Digest]string // of contents
	names     *names
}

// Import reads a report of the official conformance suite as JSON Lines: the first has the name of
// the registry, the version of the suite, the date and the source, and the others have a request
// and its response each. Tokens, hosts and identifiers are masked.
//
// The report has a part of the suite's requests. Import finds the step of the suite of each, and
// rebuilds the contents.
func Import(r io.Reader) (*Recording, error) {
	im := &importer{Recording: &Recording{Authors: map[string]string{}, Digests: map[string]digest.Digest{}}}
	if err := eachLine(r, im.line); err != nil {
		return nil, err
	}
	for _, build := range []func() error{im.findNames, im.findAuthors, im.findSeed, im.align, im.findGiven, im.findDigests, im.build} {
		if err := build(); err != nil {
			return nil, err
		}
	}
	return im.Recording, im.check()
}

func (im *importer) line(number int, line []byte) error {
	if number > 1 {
		return im.exchange(line)
	}
	var head struct {
		Registry string `json:"registry"`
		Suite    string `json:"suite"`
		Date     string `json:"date"`
		Source   string `json:"source"`
	}
	if err := strict.Decode(line, &head); err != nil {
		return err
	}
	im.Registry, im.Date, im.Source = head.Registry, head.Date, head.Source
	im.Suite = head.Suite[strings.LastIndex(head.Suite, " ")+1:]
	var err error
	im.steps, err = im.Recording.steps()
	return err
}

func (im *importer) exchange(line []byte) error {
	x := new(raw)
	if err := strict.Decode(line, x); err != nil {
		return err
	}
	u, err := url.Parse(strings.NewReplacer("<uuid>", "uuid", "<state>", "state").Replace(x.Request.Target))
	if err != nil {
		return fmt.Errorf("target %q is not a URL", x.Request.Target)
	}
	if !slices.Contains(methods, x.Request.Method) {
		return fmt.Errorf("method %q: want one of the distribution API", x.Request.Method)
	}
	x.url, x.info = u, op.Parse(x.Request.Method, u)
	if x.info.Op == op.Unknown || x.info.Op == op.External {
		x.info = op.Info{Op: op.Token} // the only other requests of the suite
	}
	im.exchanges = append(im.exchanges, x)
	return nil
}

// findNames finds the repositories: the first, and the one into which blobs are mounted.
func (im *importer) findNames() error {
	for _, x := range im.exchanges {
		switch repo := x.info.Repo; {
		case repo == "" || repo == im.Repo || repo == im.Other:
		case im.Repo == "":
			im.Repo = repo
		case im.Other == "":
			im.Other = repo
		default:
			return fmt.Errorf("repositories %s, %s and %s: want at most two", im.Repo, im.Other, repo)
		}
	}
	for _, x := range im.exchanges {
		if read := x.info.Op == op.ManifestGet || x.info.Op == op.ManifestHead; read && op.ValidTag(x.info.Tag) {
			im.Tag = x.info.Tag
			break
		}
	}
	if im.Repo == "" {
		return errors.New("no request to a repository")
	}
	return nil
}

// findAuthors finds the authors of the configs in the bodies that are not masked.
func (im *importer) findAuthors() error {
	for _, x := range im.exchanges {
		im.findAuthor(unmask(x.Request.Body))
		im.findAuthor(unmask(x.Response.Body))
	}
	return nil
}

// unmask returns a body, or nil if it is masked. A body that is not JSON is a string, and one in
// base64 if it is a manifest.
func unmask(body json.RawMessage) []byte {
	var text string
	if json.Unmarshal(body, &text) != nil {
		return body
	}
	text = strings.Trim(text, `"`)
	if decoded, err := base64.StdEncoding.DecodeString(text); err == nil {
		return decoded
	}
	if _, rest, ok := strings.Cut(text, "Log Body as-is:"); ok {
		return []byte(strings.TrimSpace(rest))
	}
	if strings.HasPrefix(text, "*****") {
		return nil
	}
	return []byte(text)
}

// findAuthor finds the author of a config, or of the config in a manifest.
func (im *importer) findAuthor(text []byte) {
	var d struct {
		Author string `json:"author"`
		Config struct {
			Data []byte `json:"data"`
		} `json:"config"`
	}
	if json.Unmarshal(text, &d) != nil {
		return
	}
	if d.Author == "" && len(d.Config.Data) > 0 {
		im.findAuthor(d.Config.Data)
		return
	}
	if d.Author != "" && !slices.Contains(im.authors, d.Author) && len(im.authors) < workflows {
		im.authors = append(im.authors, d.Author)
	}
}

// findSeed finds the seed of the random blobs of suite v1.1, from the digest of the blob that is
// mounted and from the day on which the suite ran: the seed is the time in seconds.
func (im *importer) findSeed() error {
	if im.Suite == "v1.0" {
		return nil
	}
	var want digest.Digest
	for _, x := range im.exchanges {
		if x.info.Op == op.BlobMount && x.info.From != "" {
			want = x.info.Digest
		}
		if start, end, ok := chunkRange(x); ok && start > 0 {
			im.Chunked = end + 1
		}
	}
	if im.Chunked == randomSize {
		im.Chunked = 0
	}
	if want == "" {
		return nil
	}
	day, err := time.Parse(time.DateOnly, im.Date)
	if err != nil {
		return fmt.Errorf("date %q: want a day such as 2006-01-02", im.Date)
	}
	for seed := day.Add(-24 * time.Hour).Unix(); seed < day.Add(48*time.Hour).Unix(); seed++ {
		if digest.FromBytes(randomBlob(randomSize, seed+1)) == want {
			im.Seed = seed
			return nil
		}
	}
	return fmt.Errorf("no seed of %s gives the blob %s", im.Date, want)
}

func chunkRange(x *raw) (start, end int, ok bool) {
	n, err := fmt.Sscanf(x.Request.Headers["Content-Range"], "%d-%d", &start, &end)
	return start, end, n == 2 && err == nil && start >= 0 && end < maxChunked
}

// findDigests keeps the digests of the contents in the recording.
func (im *importer) findDigests() error {
	for d, name := range im.digests {
		if slices.ContainsFunc(im.exchanges, func(x *raw) bool { return x.info.Digest == d || mentions(x, d) }) {
			im.Digests[name] = d
		}
	}
	return nil
}

// mentions reports whether an answer or a body names a digest.
func mentions(x *raw, d digest.Digest) bool {
	for _, value := range x.Response.Headers {
		if strings.Contains(value, d.String()) {
			return true
		}
	}
	return bytes.Contains(unmask(x.Request.Body), []byte(d)) || bytes.Contains(unmask(x.Response.Body), []byte(d))
}

// build makes the exchanges of the recording.
func (im *importer) build() error {
	host := "HOST"
	im.names = newNames(im.Recording, im.digests, host, "https://"+host, "http://"+host)
	for i := range im.exchanges {
		x := im.exchanges[i]
		e := &im.Exchanges[i]
		s := im.steps[e.Step-1]
		e.Case, e.Op = s.title, x.info.Op
		e.Auth, _, _ = strings.Cut(x.Request.Headers["Authorization"], " ")
		e.Header = maps.Clone(x.Request.Headers)
		delete(e.Header, "Authorization")
		delete(e.Header, "Content-Length") // that of the body
		if len(e.Header) == 0 {
			e.Header = nil
		}
		e.Request = x.Request.Method + " " + im.target(x, s)
		if s.body != "" && e.Op != op.Token {
			e.Body = "<" + s.body + ">"
		}
		e.Answer = im.answer(x, s)
	}
	im.findBefore()
	return nil
}

// target returns the target with placeholders. The wildcards of the step are filled in.
func (im *importer) target(x *raw, s step) string {
	switch {
	case x.info.Op == op.Token:
		return "{realm}"
	case strings.Contains(s.target, "*"):
		return im.names.text(x.Request.Target)
	}
	return s.target
}

// answer returns what is compared of a recorded answer.
func (im *importer) answer(x *raw, s step) Answer {
	header := http.Header{}
	for name, value := range x.Response.Headers {
		header.Set(name, value)
	}
	body := im.body(x)
	if x.Request.Method == http.MethodHead {
		body = nil
	}
	return im.names.answer(x.info.Op, x.Response.Status, header, body)
}

// body returns the body of an answer. The report shows JSON in a form of its own, and damages
// blobs that are not text: the content stands for them.
func (im *importer) body(x *raw) []byte {
	if x.info.Op == op.BlobGet && x.Response.Status == http.StatusOK {
		return im.contents[im.digests[x.info.Digest]]
	}
	body := unmask(x.Response.Body)
	var value, other any
	if json.Unmarshal(body, &value) != nil {
		return body
	}
	for _, name := range slices.Sorted(maps.Keys(im.contents)) {
		if json.Unmarshal(im.contents[name], &other) == nil && reflect.DeepEqual(value, other) {
			return im.contents[name]
		}
	}
	return body
}

// findGiven finds contents that were there before the suite ran, in the answers that have them.
func (im *importer) findGiven() error {
	for d, name := range im.digests {
		if digest.FromBytes(im.contents[name]) == d {
			continue
		}
		for _, x := range im.exchanges {
			if content := contentOf(x, d); content != nil {
				im.Given = setKey(im.Given, name, string(content))
				im.contents[name] = content
			}
		}
	}
	return nil
}

// contentOf returns the body of an answer in the form that has a digest, or nil.
func contentOf(x *raw, d digest.Digest) []byte {
	body := unmask(x.Response.Body)
	forms := [][]byte{body}
	for _, indent := range []string{"  ", "    ", "\t"} {
		var text bytes.Buffer
		if json.Indent(&text, body, "", indent) == nil {
			forms = append(forms, text.Bytes())
		}
	}
	for _, form := range forms {
		for _, end := range []string{"", "\n"} {
			if content := append(bytes.Clone(form), end...); digest.FromBytes(content) == d {
				return content
			}
		}
	}
	return nil
}

func setKey(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

// findBefore finds the tags that were there before the suite ran: that of a given manifest, and
// those that are listed although the suite has not pushed them.
func (im *importer) findBefore() {
	if im.Given["manifest0"] != "" {
		im.Before = setKey(im.Before, im.Tag, "manifest0")
	}
	pushed := map[string]bool{}
	var last *Exchange
	for i := range im.Exchanges {
		e := &im.Exchanges[i]
		if e.Op != op.TagList || e.Answer.Status != http.StatusOK {
			continue
		}
		from := 0
		if last != nil {
			from = last.Step
		}
		for _, s := range im.steps[from : e.Step-1] {
			if reference, ok := strings.CutPrefix(s.target, "/v2/<repo>/manifests/"); ok && s.method == http.MethodPut {
				pushed[strings.Replace(reference, "<tag>", "tagtest0", 1)] = true
			}
		}
		body, _ := e.Answer.Body.(map[string]any)
		tags, _ := body["tags"].([]any)
		for _, tag := range tags {
			if tag, ok := tag.(string); ok && !pushed[tag] {
				im.Before = setKey(im.Before, tag, "before")
				pushed[tag] = true
			}
		}
		last = e
	}
}
