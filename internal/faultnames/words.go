package faultnames

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/op"
)

// word is a row of the table of words.
type word struct {
	name  string
	value valueKind
	doc   string

	// For a fault.

	on        []op.Op // the operations that it acts on by default; none: all
	arguments string  // of the effect in JSON, with %s for the value; empty: the value alone

	// For a word that describes the fault before it.

	change func(f *namedFault, value string) error
}

// namedFault is a fault in a name, with the words that describe it.
type namedFault struct {
	word word
	on   []op.Op
	rule faults.Rule // with one effect
}

// valueKind is the kind of value behind the name of a word.
type valueKind struct {
	form   string // in help texts; empty: no value
	hint   string
	begins func(string) bool
	valid  func(string) bool
}

const maxNumber = 15 // digits

var (
	statusValue  = valueKind{"CODE", "an HTTP status", beginsWithDigit, isNumber}
	bytesValue   = valueKind{"BYTES", "a whole number", beginsWithDigit, isNumber}
	secondsValue = valueKind{"SECONDS", "a whole number", beginsWithDigit, isNumber}
	countValue   = valueKind{"N", "a whole number of at least 1", beginsWithDigit, func(s string) bool { return isNumber(s) && s != "0" }}
	timeValue    = valueKind{"TIME", "such as 500ms, 2s, 1h", beginsWithDigit, isSpan}
	opValue      = valueKind{"OPERATION", "such as blob.get, manifest.put", func(s string) bool { return strings.Contains(s, ".") }, isOp}
	codingValue  = valueKind{"CODING", "gzip, deflate or zstd", func(s string) bool { return s != "" }, func(string) bool { return true }}
	fieldValue   = valueKind{"NAME", "the name of a header field", func(s string) bool { return s != "" }, func(string) bool { return true }}
)

func beginsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

func isNumber(s string) bool {
	n, err := strconv.ParseInt(s, 10, 64)
	return err == nil && len(s) <= maxNumber && strconv.FormatInt(n, 10) == s
}

func isSpan(s string) bool {
	d, err := time.ParseDuration(s)
	return err == nil && d > 0
}

func isOp(s string) bool {
	var o op.Op
	return o.UnmarshalText([]byte(s)) == nil && o.InRepository()
}

var (
	onBlobs   = []op.Op{op.BlobGet}
	onPushes  = []op.Op{op.BlobPost, op.UploadCommit, op.ManifestPut}
	onBodies  = []op.Op{op.BlobPost, op.UploadChunk, op.UploadCommit}
	onUploads = []op.Op{op.UploadChunk, op.UploadCommit}
	onChunks  = []op.Op{op.UploadChunk}
	onDeletes = []op.Op{op.BlobDelete, op.ManifestDelete, op.TagDelete}
	onTags    = []op.Op{op.ManifestPut}
	onMounts  = []op.Op{op.BlobMount}
	onReads   = []op.Op{op.ManifestGet, op.ManifestHead}
	onContent = []op.Op{op.ManifestGet, op.BlobGet}
)

// words are all words, faults first. Effects that take text or
// several values, or that act on connections, on all tokens or on nothing, have no word. Names do not change:
// references contain them.
var words = [...]word{
	{name: "status", value: statusValue},
	{name: "redirect", value: statusValue, on: onBlobs, doc: "answers with a redirect to the second origin", arguments: `{"status": %s, "to": "{cdn}"}`},
	{name: "delay", value: timeValue, doc: "waits before the request is served"},
	{name: "delay-reply", value: timeValue},
	{name: "stall", value: bytesValue, on: onBlobs},
	{name: "trickle", value: bytesValue, on: onBlobs, doc: "transfers this many bytes per second", arguments: `{"bytes": %s, "every": "1s"}`},
	{name: "close", value: bytesValue, on: onBlobs},
	{name: "reset", value: bytesValue, on: onBlobs},
	{name: "reset-stream", value: bytesValue, on: onBlobs},
	{name: "goaway", value: bytesValue, on: onBlobs},
	{name: "goaway-graceful"},
	{name: "lose-reply"},
	{name: "truncate", value: bytesValue, on: onBlobs},
	{name: "close-idle"},
	{name: "corrupt", value: bytesValue, on: onBlobs},
	{name: "zeros", on: onBlobs},
	{name: "compress", value: codingValue, on: onContent},
	{name: "ignore-range", on: onBlobs},
	{name: "multipart", on: onBlobs},
	{name: "shift-range", value: bytesValue, on: onBlobs},
	{name: "drop-header", value: fieldValue},
	{name: "set-status", value: statusValue},
	{name: "drop-request-header", value: fieldValue},
	{name: "drop-query"},
	{name: "lose-upload", on: onUploads},
	{name: "drop-chunk", on: onUploads},
	{name: "shift-progress", value: bytesValue, on: onChunks},
	{name: "stuck-progress", on: onChunks},
	{name: "refuse-stale", on: onUploads},
	{name: "refuse-mount", on: onMounts},
	{name: "digest-tags", on: onReads},
	{name: "vanish", on: onPushes},
	{name: "hide", value: countValue, on: onPushes},
	{name: "stale-tag", value: countValue, on: onTags},
	{name: "lag-tags", value: countValue, on: onTags},
	{name: "late-delete", value: countValue, on: onDeletes},
	{name: "immutable", value: statusValue, on: onTags},
	{name: "concurrency", value: countValue, doc: "refuses requests above this many at a time"},
	{name: "ceiling", value: countValue, doc: "refuses request bodies of more bytes"},
	{name: "on", value: opValue, doc: "acts on this operation only; can be repeated", change: changeOn},
	{name: "after", value: countValue, doc: "lets this many requests pass first", change: changeAfter},
	{name: "every", value: countValue, doc: "acts on every n-th request only", change: changeEvery},
	{name: "times", value: countValue, doc: "ends after this many times", change: changeTimes},
	{name: "for", value: timeValue, doc: "ends this long after the first time", change: changeFor},
	{name: "of-request", doc: "counts the bytes of the request's body", change: changeOfRequest},
	{name: "retry-after", value: secondsValue, doc: "adds Retry-After to the status", change: changeRetryAfter},
	{name: "html", doc: "sends the HTML page of a proxy with the status", change: changeHTML},
}

// wordTable returns the words. Those without a text of their own have that of their effect.
func wordTable() []word {
	table := slices.Clone(words[:])
	docs := map[string]string{}
	for _, k := range effect.Kinds() {
		docs[k.Name] = k.Doc
	}
	for i := range table {
		w := &table[i]
		w.doc = cmp.Or(w.doc, docs[w.name])
	}
	return table
}

// form returns how a word is written, "status-CODE".
func (w word) form() string {
	if w.value.form == "" {
		return w.name
	}
	return w.name + "-" + w.value.form
}

// cut returns the value in a segment, and reports whether the segment is this word.
func (w word) cut(segment string) (value string, ok bool) {
	if w.value.form == "" {
		return "", segment == w.name
	}
	value, ok = strings.CutPrefix(segment, w.name+"-")
	return value, ok && w.value.begins(value)
}

// effect returns the effect of a word.
func (w word) effect(value string) (faults.Effect, error) {
	text := []byte("null")
	if w.value.form != "" {
		quoted, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		if isNumber(value) && w.value.form != fieldValue.form {
			quoted = []byte(value)
		}
		text = fmt.Appendf(nil, cmp.Or(w.arguments, "%s"), quoted)
	}
	var rule faults.Rule
	if err := json.Unmarshal(fmt.Appendf(nil, `{"do": [{%q: %s}]}`, w.name, text), &rule); err != nil {
		return nil, err
	}
	return rule.Effects[0], nil
}

func changeOn(f *namedFault, value string) error {
	var o op.Op
	err := o.UnmarshalText([]byte(value))
	f.on = append(f.on, o)
	return err
}

func changeAfter(f *namedFault, value string) (err error) {
	f.rule.When.After, err = strconv.Atoi(value)
	return err
}

func changeEvery(f *namedFault, value string) (err error) {
	f.rule.When.Every, err = strconv.Atoi(value)
	return err
}

func changeTimes(f *namedFault, value string) (err error) {
	f.rule.When.Times, err = strconv.Atoi(value)
	return err
}

func changeFor(f *namedFault, value string) (err error) {
	f.rule.When.For, err = time.ParseDuration(value)
	return err
}

func changeOfRequest(f *namedFault, _ string) error {
	switch effect := f.rule.Effects[0].(type) {
	case faults.Cut:
		f.rule = f.rule.Do(effect.OfRequest())
	case faults.Pace:
		f.rule = f.rule.Do(effect.OfRequest())
	default:
		return fmt.Errorf("%s does not act on the body of a request: use it behind close, reset, reset-stream, goaway or trickle", f.word.name)
	}
	f.word.on = onBodies
	return nil
}

func changeRetryAfter(f *namedFault, value string) error {
	seconds, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return fmt.Errorf("write fewer seconds than %s", value)
	}
	return f.changeAnswer(func(a faults.Answer) faults.Answer { return a.RetryAfter(time.Duration(seconds) * time.Second) })
}

func changeHTML(f *namedFault, _ string) error { return f.changeAnswer(faults.Answer.HTML) }

func (f *namedFault) changeAnswer(change func(faults.Answer) faults.Answer) error {
	answer, ok := f.rule.Effects[0].(faults.Answer)
	if !ok {
		return fmt.Errorf("%s is not a status: use it behind one such as status-503", f.word.name)
	}
	f.rule = f.rule.Do(change(answer))
	return nil
}

// Word describes a word that names can contain.
type Word struct {
	Form  string  // "status-CODE"
	Doc   string  // what it does
	On    []op.Op // for a fault: the operations that it acts on by default; none: all
	Fault bool    // it is a fault; otherwise it describes the fault before it
}

// Words returns the words that names can contain beside known faults.
func Words() []Word {
	var list []Word
	for _, w := range wordTable() {
		list = append(list, Word{w.form(), w.doc, w.on, w.change == nil})
	}
	return list
}
