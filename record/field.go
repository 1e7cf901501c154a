package record

import (
	"encoding"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/ocifake/ocifake/internal/jsonedit"
	"github.com/ocifake/ocifake/op"
	"github.com/opencontainers/go-digest"
)

// field is a field of an exchange in JSON.
type field struct {
	name     string
	required bool                // every exchange has it
	at       func(*Exchange) any // a pointer to it
}

// fields are all there are, in the order in which they are written. Names are
// never changed: files bear them.
var fields = [...]field{
	{name: "seq", required: true, at: func(x *Exchange) any { return &x.Seq }},
	{name: "start", required: true, at: func(x *Exchange) any { return &x.Start }},
	{name: "op", required: true, at: func(x *Exchange) any { return &x.Op }},
	{name: "method", required: true, at: func(x *Exchange) any { return &x.Method }},
	{name: "target", at: func(x *Exchange) any { return &x.Target }},
	{name: "status", required: true, at: func(x *Exchange) any { return &x.Status }},
	{name: "codes", at: func(x *Exchange) any { return &x.Codes }},
	{name: "open", at: func(x *Exchange) any { return &x.Open }},
	{name: "left", at: func(x *Exchange) any { return &x.Left }},
	{name: "cut", at: func(x *Exchange) any { return &x.Cut }},
	{name: "faults", at: func(x *Exchange) any { return &x.Faults }},
	{name: "delayed", at: func(x *Exchange) any { return &x.Delayed }},
	{name: "traits", at: func(x *Exchange) any { return &x.Traits }},
	{name: "served", at: func(x *Exchange) any { return &x.Served }},

	{name: "upstreamError", at: func(x *Exchange) any { return &x.UpstreamError }},

	{name: "firstNanos", at: func(x *Exchange) any { return &x.First }},
	{name: "durationNanos", at: func(x *Exchange) any { return &x.Duration }},
	{name: "inFlight", at: func(x *Exchange) any { return &x.InFlight }},
	{name: "requestBytes", at: func(x *Exchange) any { return &x.RequestBytes }},
	{name: "responseBytes", at: func(x *Exchange) any { return &x.ResponseBytes }},

	{name: "repo", at: func(x *Exchange) any { return &x.Repo }},
	{name: "alias", at: func(x *Exchange) any { return &x.Alias }},
	{name: "tag", at: func(x *Exchange) any { return &x.Tag }},
	{name: "tags", at: func(x *Exchange) any { return &x.Tags }},
	{name: "digest", at: func(x *Exchange) any { return &x.Digest }},
	{name: "algorithm", at: func(x *Exchange) any { return &x.Algorithm }},
	{name: "session", at: func(x *Exchange) any { return &x.Session }},
	{name: "from", at: func(x *Exchange) any { return &x.From }},
	{name: "namespace", at: func(x *Exchange) any { return &x.Namespace }},
	{name: "allow", at: func(x *Exchange) any { return &x.Allow }},
	{name: "prefix", at: func(x *Exchange) any { return &x.Prefix }},
	{name: "verified", at: func(x *Exchange) any { return &x.Verified }},
	{name: "staleState", at: func(x *Exchange) any { return &x.StaleState }},

	{name: "attempt", at: func(x *Exchange) any { return &x.Attempt }},
	{name: "elapsedNanos", at: func(x *Exchange) any { return &x.Elapsed }},
	{name: "conn", at: func(x *Exchange) any { return &x.Conn }},
	{name: "connSeq", at: func(x *Exchange) any { return &x.ConnSeq }},
	{name: "connAgeNanos", at: func(x *Exchange) any { return &x.ConnAge }},
	{name: "remote", at: func(x *Exchange) any { return &x.Remote }},
	{name: "tls", at: func(x *Exchange) any { return &x.TLS }},
	{name: "host", at: func(x *Exchange) any { return &x.Host }},
	{name: "proto", at: func(x *Exchange) any { return &x.Proto }},
	{name: "secure", at: func(x *Exchange) any { return &x.Secure }},
	{name: "scheme", at: func(x *Exchange) any { return &x.Scheme }},
	{name: "subject", at: func(x *Exchange) any { return &x.Subject }},
	{name: "scopes", at: func(x *Exchange) any { return &x.Scopes }},

	{name: "header", at: func(x *Exchange) any { return &x.Header }},
	{name: "requestBody", at: func(x *Exchange) any { return &x.RequestBody }},
	{name: "requestBodyCut", at: func(x *Exchange) any { return &x.RequestBodyCut }},
	{name: "responseHeader", at: func(x *Exchange) any { return &x.ResponseHeader }},
	{name: "responseBody", at: func(x *Exchange) any { return &x.ResponseBody }},
	{name: "responseBodyCut", at: func(x *Exchange) any { return &x.ResponseBodyCut }},
}

// get returns the value for JSON, and reports whether it is the zero value.
func (f *field) get(x *Exchange) (value any, zero bool) {
	switch at := f.at(x).(type) {
	case *string:
		return portable(*at), *at == ""
	case *digest.Digest:
		return portable(string(*at)), *at == ""
	case *digest.Algorithm:
		return portable(string(*at)), *at == ""
	case *[]string:
		return portables(*at), *at == nil
	case *[]byte:
		return portable(string(*at)), *at == nil
	case *http.Header:
		return headerValues(*at), *at == nil
	case *time.Time:
		return at.UTC(), at.IsZero()
	case **TLS:
		return (*at).values(), *at == nil
	case *op.Op:
		return *at, *at == 0
	case *bool:
		return *at, !*at
	case *int:
		return *at, *at == 0
	case *int64:
		return *at, *at == 0
	case *uint64:
		return *at, *at == 0
	case *time.Duration:
		return *at, *at == 0
	default:
		panic(fmt.Sprintf("record: the field %s has a type without a form in JSON: %T", f.name, at))
	}
}

// set sets the field to a value in JSON.
func (f *field) set(d *decoder, x *Exchange, raw json.RawMessage) (err error) {
	var s string
	switch at := f.at(x).(type) {
	case *string:
		*at, err = d.portable(raw)
	case *digest.Digest:
		s, err = d.portable(raw)
		*at = digest.Digest(s)
	case *digest.Algorithm:
		s, err = d.portable(raw)
		*at = digest.Algorithm(s)
	case *[]string:
		*at, err = d.portables(raw)
	case *[]byte:
		*at, err = d.body(raw)
	case *http.Header:
		*at, err = d.header(raw)
	case *time.Time:
		*at, err = instant(raw)
	case **TLS:
		*at, err = d.tls(raw)
	default: // its form in JSON loses nothing
		if !setPlain(at, raw) {
			err = unmarshal(raw, at)
		}
	}
	return err
}

// setPlain sets a number, a text or a boolean, and reports whether raw is one that fits.
func setPlain(at any, raw json.RawMessage) bool {
	switch at := at.(type) {
	case *bool:
		*at = string(raw) == "true"
		return *at || string(raw) == "false"
	case encoding.TextUnmarshaler:
		s, ok := jsonedit.Unescaped(raw)
		return ok && at.UnmarshalText(s) == nil
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return false
	}
	switch at := at.(type) {
	case *int:
		*at = int(n)
		return int64(*at) == n
	case *int64:
		*at = n
	case *time.Duration:
		*at = time.Duration(n)
	case *uint64:
		*at = uint64(n)
		return n >= 0
	default:
		return false
	}
	return true
}

// headerValues keeps nil lists, by which a handler tells net/http to send no such field.
func headerValues(h http.Header) map[string]any {
	values := make(map[string]any, len(h))
	for name, list := range h {
		values[name] = portables(list)
	}
	return values
}

// strings are the fields of a TLS under their names in JSON.
func (t *TLS) strings() map[string]*string {
	return map[string]*string{"version": &t.Version, "serverName": &t.ServerName, "client": &t.Client}
}

// values are the fields that are not empty; nil has none.
func (t *TLS) values() map[string]any {
	values := map[string]any{}
	if t == nil {
		return values
	}
	for name, at := range t.strings() {
		if *at != "" {
			values[name] = portable(*at)
		}
	}
	return values
}

func (d *decoder) tls(raw json.RawMessage) (*TLS, error) {
	var values map[string]json.RawMessage
	if err := unmarshal(raw, &values); err != nil {
		return nil, err
	}
	t := new(TLS)
	known := t.strings()
	for name, raw := range values {
		at := known[name]
		if at == nil {
			return nil, fmt.Errorf("unknown field %q", name)
		}
		s, err := d.portable(raw)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", name, err)
		}
		*at = s
	}
	return t, nil
}

// binary is the form of a string that JSON cannot hold.
type binary map[string][]byte

func portable(s string) any {
	if utf8.ValidString(s) {
		return s
	}
	return binary{"base64": []byte(s)}
}

// portables is nil, as an interface too, for a list that is nil.
func portables(list []string) any {
	if list == nil {
		return nil
	}
	if !slices.ContainsFunc(list, func(s string) bool { return !utf8.ValidString(s) }) {
		return list
	}
	values := make([]any, len(list))
	for i, s := range list {
		values[i] = portable(s)
	}
	return values
}
