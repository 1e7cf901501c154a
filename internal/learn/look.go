package learn

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/evidence"
	"github.com/ocifake/ocifake/internal/jsonedit"
	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

// kind is how the values of a header field are learned.
type kind int

const (
	constant kind = iota // the value, with placeholders
	changing             // one of the values: they depend on the time or on the load
	computed             // whether there is one, where the strict registry computes it
	entity               // the form of an entity tag
)

// fields are the header fields that are learned. Clients act upon them, and no others: a recording
// has cookies, traces and the like, too. Fields with a trait of their own are not among them.
var fields = map[string]kind{
	"Accept-Ranges": constant, "Allow": constant, "Cache-Control": constant, "Content-Range": computed, "Content-Type": constant,
	"Docker-Content-Digest": computed, "Docker-Distribution-Api-Version": constant, "Docker-Upload-Uuid": computed, "Etag": entity,
	"Expires": changing, "Last-Modified": changing, "Location": computed, "Oci-Chunk-Min-Length": constant, "Pragma": constant, "Range": computed,
}

// isLimit reports whether a header field says how many requests are left.
func isLimit(name string) bool { return strings.Contains(strings.ToLower(name), "ratelimit") }

// present stands for a value that the strict registry computes.
const present = "\x00"

// usual returns the header fields that the strict registry sends in an answer like this one.
func usual(trait string, x *exchange) map[string]string {
	all := map[string]string{"Docker-Distribution-Api-Version": "registry/2.0"}
	switch {
	case trait == "manifest.bad-reference" && plain(x):
		return map[string]string{"Content-Type": "text/plain; charset=utf-8"}
	case x.failed():
		all["Content-Type"] = "application/json"
		if x.Status == http.StatusMethodNotAllowed {
			all["Allow"] = present
		}
		if trait == "upload.out-of-order" || trait == "upload.repeated-chunk" {
			all["Docker-Upload-Uuid"], all["Location"], all["Range"] = present, present, present
		}
		if trait == "blob.range-outside" {
			all["Content-Range"] = present
		}
		return all
	}
	maps.Copy(all, usualFields[x.Op])
	if inState(x) {
		maps.Copy(all, sessionFields)
	}
	if x.Status == http.StatusCreated {
		all["Location"], all["Docker-Content-Digest"] = present, present
		if !inState(x) { // of the upload, see upload.commit-state
			delete(all, "Range")
			delete(all, "Docker-Upload-Uuid")
		}
	}
	return all
}

// inState reports whether the answer to a closing PUT has the state of the upload.
func inState(x *exchange) bool { return x.Op == op.UploadCommit && x.Header.Get("Range") != "" }

func plain(x *exchange) bool { return strings.HasPrefix(x.Header.Get("Content-Type"), "text/plain") }

var (
	sessionFields = map[string]string{"Docker-Upload-Uuid": present, "Location": present, "Range": present}
	usualFields   = map[op.Op]map[string]string{
		op.BlobGet:      {"Accept-Ranges": "bytes", "Content-Type": octets, "Docker-Content-Digest": present, "Etag": `"{content}"`},
		op.BlobHead:     {"Accept-Ranges": "bytes", "Content-Type": octets, "Docker-Content-Digest": present, "Etag": `"{content}"`},
		op.ManifestGet:  {"Docker-Content-Digest": present, "Etag": `"{content}"`},
		op.ManifestHead: {"Docker-Content-Digest": present, "Etag": `"{content}"`},
		op.Ping:         {"Content-Type": "application/json"},
		op.ReferrerList: {"Content-Type": "application/vnd.oci.image.index.v1+json"},
		op.UploadStart:  sessionFields, op.BlobMount: sessionFields, op.BlobPost: sessionFields, op.UploadChunk: sessionFields, op.UploadStatus: sessionFields,
	}
)

// skipped reports whether a field is left to a trait, or depends on the content.
func skipped(name string, x *exchange) bool {
	switch name {
	case "Content-Type":
		return !x.failed() && slices.Contains(ops(op.ManifestGet, op.ManifestHead, op.ManifestPut, op.TagList), x.Op)
	case "Range":
		return slices.Contains(begins, x.Op)
	case "Oci-Chunk-Min-Length":
		return slices.Contains(begins, x.Op)
	case "Content-Range":
		return x.Op == op.BlobGet
	case "Docker-Content-Digest":
		return x.Op == op.ManifestGet
	}
	return false
}

// look is what is learned of an answer beside its outcome: values of header fields, "" for those
// that it lacks.
type look map[string]string

// lookAt returns the fields in which an answer differs from the strict registry's, and those in
// which it does not.
func lookAt(trait string, x *exchange) look {
	strict := usual(trait, x)
	l := look{}
	for name, kind := range fields {
		if !skipped(name, x) {
			l[name] = x.seen(kind, name, strict[name])
		}
	}
	for name := range x.Header {
		if isLimit(name) && len(name) <= 100 {
			l[textproto.CanonicalMIMEHeaderKey(name)] = x.seen(changing, name, "")
		}
	}
	return l
}

// seen returns the value of a field with placeholders: that of the strict registry if it is like
// it.
func (x *exchange) seen(kind kind, name, strict string) string {
	value := strings.Join(x.Header.Values(name), ", ")
	switch {
	case value == "":
		return ""
	case kind == computed && strict == present && (name != "Location" || x.ordinary(value)):
		return present
	case kind == entity:
		return x.entityTag(value)
	}
	if redact.Redacted(value) || secrets.Field(name, value) != value {
		return ""
	}
	if value == x.Header.Get("Range") && name == "Content-Range" {
		return "{range}"
	}
	return x.template(clean(value))
}

// ordinary reports whether a Location is where the specification has it: a trait says whether it
// has a host.
func (x *exchange) ordinary(at string) bool {
	path := strings.TrimPrefix(at, x.origin)
	if evidence.IsAbsolute(path) {
		_, path, _ = strings.Cut(path, "://")
		_, path, _ = strings.Cut(path, "/")
		path = "/" + path
	}
	kind, reference := "/blobs/", x.content()
	switch {
	case x.Op == op.ManifestPut:
		kind = "/manifests/"
		if strings.HasSuffix(path, kind+x.Tag) && x.Tag != "" {
			reference = x.Tag
		}
	case x.Status != http.StatusCreated || inState(x):
		return strings.Contains(path, "/"+x.Name()+"/blobs/upload")
	}
	return strings.HasSuffix(path, "/"+x.Name()+kind+reference)
}

// entityTag returns the form of an entity tag.
func (x *exchange) entityTag(value string) string {
	weak := ""
	if rest, ok := strings.CutPrefix(value, "W/"); ok {
		weak, value = "W/", rest
	}
	quote := ""
	if strings.HasPrefix(value, `"`) {
		quote = `"`
	}
	if d := x.content(); d != "" && strings.Trim(value, `"`) == d {
		return weak + quote + "{content}" + quote
	}
	return weak + quote + "{etag}" + quote
}

// template puts placeholders into a text for what differs between requests.
func (x *exchange) template(text string) string {
	digest, reference := "{digest}", "{reference}"
	if x.Succeeded() {
		digest, reference = "{content}", "{tag}"
	}
	if slices.Contains(ops(op.ManifestGet, op.ManifestHead, op.ManifestPut, op.ManifestDelete, op.TagDelete), x.Op) && x.failed() {
		digest = reference
	}
	for _, pair := range [][2]string{
		{x.content(), digest}, {string(x.Digest), digest}, {x.origin, "{origin}"}, {x.Host, "{host}"}, {x.Name(), "{repo}"},
		{x.Session, "{session}"}, {x.Tag, reference},
	} {
		text = replaceWord(text, pair[0], pair[1])
	}
	return text
}

// replaceWord replaces a word where it is not a part of a longer one.
func replaceWord(text, word, with string) string {
	if word == "" {
		return text
	}
	var out strings.Builder
	for {
		at := strings.Index(text, word)
		if at < 0 {
			out.WriteString(text)
			return out.String()
		}
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(word):])
		out.WriteString(text[:at])
		if inWord(before) || inWord(after) {
			out.WriteString(word)
		} else {
			out.WriteString(with)
		}
		text = text[at+len(word):]
	}
}

func inWord(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '{' || r == '}'
}

// describe adds to a fact what its answers have beside the outcome.
func (l *learner) describe(f *profiles.Fact, all []sighting) {
	looked := slices.DeleteFunc(slices.Clone(all), func(s sighting) bool { return !s.answer })
	if len(looked) == 0 {
		return
	}
	if f.Trait == "auth.token-fields" {
		f.Rules = tokenRules(looked)
		return
	}
	answer := l.body(looked)
	header, rules := l.header(f.Trait, looked)
	answer.Header, f.Rules = header, rules
	place(f, answer, l.operations(f.Trait, looked))
}

// place puts an answer into a fact where it is not empty, for the operations that the trait does
// not imply.
func place(f *profiles.Fact, answer registry.Answer, operations []op.Op) {
	if len(answer.Header) == 0 && answer.Message == nil && answer.Detail == nil && answer.Shape == "" && answer.Body == nil {
		return
	}
	answer.Ops = operations
	switch {
	case f.Trait == "blob.mount":
		answer.Created = true
	case f.Trait == "manifest.bad-reference":
		var c registry.Cause
		if c.UnmarshalText([]byte("reference-invalid")) == nil {
			answer.Causes = []registry.Cause{c}
		}
	}
	f.Answer = &answer
}

// operations returns the operations of an answer that its trait does not imply.
func (l *learner) operations(trait string, looked []sighting) []op.Op {
	switch trait {
	case "blob.mount", "tags.type", "ping.body":
		return []op.Op{looked[0].Op}
	case "upload.start": // a mount that fails begins an upload, too; one that succeeds must stay as it is
		all := ops(op.UploadStart)
		for _, other := range []struct {
			op    op.Op
			trait string
		}{{op.BlobMount, "blob.mount"}, {op.BlobPost, "upload.single-post"}} {
			if !slices.ContainsFunc(l.seen[other.trait], func(s sighting) bool { return s.Status == http.StatusCreated }) {
				all = append(all, other.op)
			}
		}
		return all
	}
	return nil
}

// header returns the header fields in which answers differ from the strict registry's. Where the
// operations of a trait differ, the answers of one of them are changed by rules.
func (l *learner) header(trait string, looked []sighting) (map[string][]string, []faults.Rule) {
	byOp := map[op.Op]look{}
	strict := map[op.Op]map[string]string{}
	for _, s := range looked {
		seen := lookAt(trait, s.exchange)
		if before, ok := byOp[s.Op]; ok {
			seen = before.merge(seen)
		}
		byOp[s.Op], strict[s.Op] = seen, usual(trait, s.exchange)
		if errors := l.fact("answer.type"); s.failed() && errors != "" && !plain(s.exchange) {
			strict[s.Op]["Content-Type"] = errors
		}
	}
	header := map[string][]string{}
	effects := map[op.Op][]faults.Effect{}
	operations := slices.Sorted(maps.Keys(byOp))
	for _, name := range fieldsOf(byOp) {
		first, known := byOp[operations[0]][name]
		equal, differs := known, false
		for _, o := range operations {
			value, known := byOp[o][name]
			equal = equal && known && same(name, value, first)
			differs = differs || known && value != strict[o][name]
		}
		switch {
		case !differs || first == mixed && equal:
		case equal:
			header[name] = valuesOf(first)
		case !looked[0].failed():
			for _, o := range operations {
				effects[o] = appendEffect(effects[o], name, byOp[o], strict[o])
			}
		}
	}
	var rules []faults.Rule
	for _, o := range operations {
		if len(effects[o]) > 0 {
			rules = append(rules, faults.On(o).Where(record.Status(strconv.Itoa(looked[0].Status))).Do(effects[o]...))
		}
	}
	return header, rules
}

// fact returns the value of a trait that has been learned, or "".
func (l *learner) fact(trait string) string {
	for _, f := range l.Facts {
		if f.Trait == trait {
			return string(f.Value)
		}
	}
	return ""
}

// mixed stands for a field of which answers have different values.
const mixed = "\x01"

// merge returns what answers have in common. A field that only one of them was looked at for has
// its value.
func (l look) merge(other look) look {
	both := maps.Clone(l)
	for name, value := range other {
		first, ok := l[name]
		switch {
		case !ok && !isLimit(name):
			both[name] = value
		case !same(name, first, value):
			both[name] = mixed
		}
	}
	for name := range l {
		if _, ok := other[name]; !ok && isLimit(name) {
			both[name] = mixed
		}
	}
	return both
}

// same reports whether values of a field are the same. Of those that change, all are.
func same(name, a, b string) bool {
	changes := fields[name] == changing && (name == "Expires" || name == "Last-Modified") || isLimit(name)
	return a == b || changes && a != "" && b != "" && a != mixed && b != mixed
}

func fieldsOf(byOp map[op.Op]look) []string {
	names := map[string]bool{}
	for _, l := range byOp {
		for name := range l {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func valuesOf(value string) []string {
	if value == "" {
		return []string{}
	}
	return []string{value}
}

// appendEffect appends the effect that gives a field its value, if the strict registry's is
// another. Effects have no placeholders.
func appendEffect(effects []faults.Effect, name string, seen look, strict map[string]string) []faults.Effect {
	switch value, known := seen[name]; {
	case !known, value == mixed, value == strict[name], strings.Contains(value, "{"):
		return effects
	case value == "":
		return append(effects, faults.DropHeader(name))
	default:
		return append(effects, faults.SetHeader(name, value))
	}
}

// tokenRules change the answers of the token service into those that were seen.
func tokenRules(looked []sighting) []faults.Rule {
	var effects []faults.Effect
	named, _, _ := strings.Cut(looked[0].Value.Value, "\n")
	for _, name := range []string{"issued_at", "scope"} {
		if !slices.Contains(strings.Split(named, ", "), name) {
			effects = append(effects, faults.DropField(name))
		}
	}
	strict := map[string]string{"Cache-Control": "no-store", "Pragma": "no-cache", "Content-Type": "application/json"}
	merged := lookAt("", looked[0].exchange)
	for _, s := range looked[1:] {
		merged = merged.merge(lookAt("", s.exchange))
	}
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		value := merged[name]
		if fields[name] == entity && value != "" {
			value = clean(looked[0].Header.Get(name))
		}
		switch {
		case value == strict[name], value == present, value == mixed, fields[name] == computed:
		case value == "" && strict[name] != "":
			effects = append(effects, faults.DropHeader(name))
		case value != "" && !strings.Contains(value, "{"):
			effects = append(effects, faults.SetHeader(name, value))
		}
	}
	if len(effects) == 0 {
		return nil
	}
	return []faults.Rule{faults.On(op.Token).Where(record.Status("200")).Do(effects...)}
}

const maxBody = 2 << 10 // bytes of a body that is learned

// body returns what the bodies of answers have in common.
func (l *learner) body(looked []sighting) registry.Answer {
	var a registry.Answer
	known := slices.DeleteFunc(slices.Clone(looked), func(s sighting) bool { return !s.bodyKnown })
	if len(known) == 0 {
		return a
	}
	if !known[0].failed() {
		a.Body = literal(known)
		return a
	}
	if e, ok := errorsIn(known); ok {
		a.Message, a.Detail = e.message, e.detail
		if e.bare && l.fact("answer.shape") != "no-detail" {
			a.Shape = registry.ShapeNoDetail
		}
		return a
	}
	switch {
	case !slices.ContainsFunc(known, func(s sighting) bool { return len(s.Body) > 0 }):
		a.Shape = registry.ShapeEmpty
	default:
		a.Body = wholeOf(known)
	}
	return a
}

// literal returns a short JSON body that all answers to an operation have to which the strict
// registry answers without a body.
func literal(known []sighting) *string {
	switch known[0].Op {
	case op.BlobGet, op.ManifestGet, op.TagList, op.ReferrerList, op.RepositoryList, op.Ping:
		return nil
	}
	for _, s := range known {
		if len(s.Body) > 100 || !json.Valid(s.Body) || !bytes.Equal(s.Body, known[0].Body) || hasSecrets(s.Body) {
			return nil
		}
	}
	text := string(known[0].Body)
	return &text
}

// said is what errors say.
type said struct {
	message *string
	detail  json.RawMessage
	bare    bool // there is no detail
}

// errorsIn returns what errors in the form of the specification have in common, and false if one is
// of another form.
func errorsIn(known []sighting) (said, bool) {
	var all []said
	for _, s := range known {
		var body struct {
			Errors []map[string]json.RawMessage `json:"errors"`
		}
		var members map[string]json.RawMessage
		if json.Unmarshal(s.Body, &body) != nil || json.Unmarshal(s.Body, &members) != nil || len(members) != 1 || len(body.Errors) != 1 {
			return said{}, false
		}
		first := body.Errors[0]
		var code, message string
		if json.Unmarshal(first["code"], &code) != nil || json.Unmarshal(first["message"], &message) != nil || len(first) > 3 {
			return said{}, false
		}
		message = s.template(clean(message))
		one := said{message: &message}
		if detail, ok := first["detail"]; ok {
			one.detail = s.detail(detail)
		} else if one.bare = true; len(first) > 2 {
			return said{}, false
		}
		all = append(all, one)
	}
	first := all[0]
	for _, other := range all[1:] {
		if *other.message != *all[0].message {
			first.message = nil
		}
		if first.bare != other.bare || !bytes.Equal(outline(other.detail), outline(all[0].detail)) {
			first.detail, first.bare = nil, false // they differ
		}
	}
	return first, true
}

// detail returns the detail of an error with placeholders, or null if it is too long.
func (x *exchange) detail(text json.RawMessage) json.RawMessage {
	var value any
	if len(text) > maxBody || json.Unmarshal(secrets.ErrorBody(text), &value) != nil {
		return json.RawMessage("null")
	}
	encoded, err := jsonedit.Marshal(jsonedit.Strings(value, func(s string) string { return x.template(clean(s)) }))
	if err != nil {
		return json.RawMessage("null")
	}
	return encoded
}

// outline returns a JSON value without its strings and numbers.
func outline(text json.RawMessage) []byte {
	var value any
	if json.Unmarshal(text, &value) != nil {
		return nil
	}
	encoded, _ := jsonedit.Marshal(blank(value)) // it was decoded from JSON
	return encoded
}

func blank(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name := range value {
			value[name] = blank(value[name])
		}
		return value
	case []any:
		for i := range value {
			value[i] = blank(value[i])
		}
		return value
	case string:
		return ""
	case float64:
		return 0
	}
	return value
}

// wholeOf returns the body of errors of another form, if all have the same outline.
func wholeOf(known []sighting) *string {
	first := known[0]
	for _, s := range known[1:] {
		if !bytes.Equal(outline(s.Body), outline(first.Body)) || (outline(first.Body) == nil) != (outline(s.Body) == nil) {
			return nil
		}
	}
	body := first.Body
	if len(body) == 0 || len(body) > maxBody || !utf8.Valid(body) || hasSecrets(body) {
		return nil
	}
	text := first.template(string(body))
	return &text
}
