package faults

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocifake/ocifake/op"
)

// word is a row of the table of what may stand in a magic name, beside presets.
type word struct {
	name  string
	value valueKind
	doc   string

	// Of an effect.

	on        []op.Op // the operations that it acts on if nothing else is said; none: all
	arguments string  // of the effect in JSON, with %s for the value; empty: the value alone

	// Of what is said about the effect before it.

	change func(f *namedFault, value string) error
}

// namedFault is an effect in a name, and what is said about it.
type namedFault struct {
	word word
	on   []op.Op
	rule Rule // with the one effect
}

// valueKind is what stands behind the name of a word.
type valueKind struct {
	form   string // for people; empty: there is no value
	hint   string
	begins func(string) bool
	valid  func(string) bool
}

const maxNumber = 15 // digits

var (
	statusValue  = valueKind{"CODE", "a status of HTTP", beginsWithDigit, isNumber}
	bytesValue   = valueKind{"BYTES", "a whole number", beginsWithDigit, isNumber}
	secondsValue = valueKind{"SECONDS", "a whole number", beginsWithDigit, isNumber}
	countValue   = valueKind{"N", "a whole number from 1 on", beginsWithDigit, func(s string) bool { return isNumber(s) && s != "0" }}
	timeValue    = valueKind{"TIME", "as 500ms, 2s, 1h", beginsWithDigit, isSpan}
	opValue      = valueKind{"OPERATION", "as blob.get, manifest.put", func(s string) bool { return strings.Contains(s, ".") }, isOp}
	fieldValue   = valueKind{"NAME", "of a header field", func(s string) bool { return s != "" }, func(string) bool { return true }}
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
	onTags    = []op.Op{op.ManifestPut}
	onMounts  = []op.Op{op.BlobMount}
	onReads   = []op.Op{op.ManifestGet, op.ManifestHead}
	onContent = []op.Op{op.ManifestGet, op.BlobGet}
)

// wordTable has the effects first. Those that take text, that act on connections,
// on all tokens, or on nothing, are no words. Names are never changed: references
// bear them.
func wordTable() []word {
	table := []word{
		{name: "status", value: statusValue},
		{name: "redirect", value: statusValue, on: onBlobs, doc: "answers with a redirect to the second origin", arguments: `{"status": %s, "to": "{cdn}"}`},
		{name: "delay", value: timeValue, doc: "waits before the request is served"},
		{name: "delay-reply", value: timeValue},
		{name: "stall", value: bytesValue, on: onBlobs},
		{name: "trickle", value: bytesValue, on: onBlobs, doc: "transfers so many bytes in a second", arguments: `{"bytes": %s, "every": "1s"}`},
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
		{name: "gzip", on: onContent},
		{name: "ignore-range", on: onBlobs},
		{name: "shift-range", value: bytesValue, on: onBlobs},
		{name: "drop-header", value: fieldValue},
		{name: "set-status", value: statusValue},
		{name: "lose-upload", on: onUploads},
		{name: "drop-chunk", on: onUploads},
		{name: "refuse-mount", on: onMounts},
		{name: "digest-tags", on: onReads},
		{name: "vanish", on: onPushes},
		{name: "hide", value: countValue, on: onPushes},
		{name: "stale-tag", value: countValue, on: onTags},
		{name: "lag-tags", value: countValue, on: onTags},
		{name: "immutable", value: statusValue, on: onTags},
	}
	all := kinds()
	for i, w := range table {
		k := slices.IndexFunc(all, func(k kind) bool { return k.name == w.name })
		table[i].doc = cmp.Or(w.doc, all[k].doc)
	}
	return append(table,
		word{name: "on", value: opValue, doc: "at this operation only; may be repeated", change: changeOn},
		word{name: "after", value: countValue, doc: "lets the first so many requests pass", change: counted(func(w *When) *int { return &w.After })},
		word{name: "every", value: countValue, doc: "at every so many'th request only", change: counted(func(w *When) *int { return &w.Every })},
		word{name: "times", value: countValue, doc: "is over once it has happened so often", change: counted(func(w *When) *int { return &w.Times })},
		word{name: "for", value: timeValue, doc: "is over so long after it first happened", change: changeFor},
		word{name: "of-request", doc: "counts the bytes of the request's body", change: changeOfRequest},
		word{name: "retry-after", value: secondsValue, doc: "has the status say when to come again", change: changeRetryAfter},
		word{name: "html", doc: "sends a proxy's page with the status", change: func(f *namedFault, _ string) error {
			return f.changeAnswer(Answer.HTML)
		}},
	)
}

// form is how a word is written, "status-N".
func (w word) form() string {
	if w.value.form == "" {
		return w.name
	}
	return w.name + "-" + w.value.form
}

// cut returns the value in a segment of a name, if it is this word.
func (w word) cut(segment string) (value string, ok bool) {
	if w.value.form == "" {
		return "", segment == w.name
	}
	value, ok = strings.CutPrefix(segment, w.name+"-")
	return value, ok && w.value.begins(value)
}

// effect makes the effect of a word.
func (w word) effect(value string) (Effect, error) {
	if w.value.form == "" {
		return decodeEffect(w.name, nil)
	}
	quoted, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	if isNumber(value) && w.value.form != fieldValue.form {
		quoted = []byte(value)
	}
	return decodeEffect(w.name, fmt.Appendf(nil, cmp.Or(w.arguments, "%s"), quoted))
}

func changeOn(f *namedFault, value string) error {
	var o op.Op
	err := o.UnmarshalText([]byte(value))
	f.on = append(f.on, o)
	return err
}

func counted(field func(*When) *int) func(*namedFault, string) error {
	return func(f *namedFault, value string) error {
		n, err := strconv.Atoi(value)
		*field(&f.rule.When) = n
		return err
	}
}

func changeFor(f *namedFault, value string) (err error) {
	f.rule.When.For, err = time.ParseDuration(value)
	return err
}

func changeOfRequest(f *namedFault, _ string) error {
	switch effect := f.rule.Effects[0].(type) {
	case Cut:
		f.rule = f.rule.Do(effect.OfRequest())
	case Pace:
		f.rule = f.rule.Do(effect.OfRequest())
	default:
		return fmt.Errorf("%s does not count bytes that a client may send: want it behind close, reset, reset-stream, goaway or trickle", f.word.name)
	}
	f.word.on = onBodies
	return nil
}

func changeRetryAfter(f *namedFault, value string) error {
	seconds, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return fmt.Errorf("want fewer seconds than %s", value)
	}
	return f.changeAnswer(func(a Answer) Answer { return a.RetryAfter(time.Duration(seconds) * time.Second) })
}

func (f *namedFault) changeAnswer(change func(Answer) Answer) error {
	answer, ok := f.rule.Effects[0].(Answer)
	if !ok {
		return fmt.Errorf("%s is no status: want it behind one, as in status-503", f.word.name)
	}
	f.rule = f.rule.Do(change(answer))
	return nil
}

// Word describes what may stand in a magic name beside the names of presets; see
// [Engine.Magic].
type Word struct {
	Form  string  `json:"form"` // "status-N"
	Doc   string  `json:"doc"`
	On    []op.Op `json:"on,omitempty"` // of a fault: the operations that it acts on unless told otherwise; none: all
	Fault bool    `json:"fault"`        // it is a fault; otherwise it says something about the fault before it
}

// Words returns the words that faults are written with in magic names.
func Words() []Word {
	var list []Word
	for _, w := range wordTable() {
		list = append(list, Word{w.form(), w.doc, w.on, w.change == nil})
	}
	return list
}
