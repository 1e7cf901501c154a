package record

import (
	"encoding"
	"encoding/json"
	"errors"
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
	required bool
	get      func(*Exchange) (value any, zero bool)
	set      func(*Exchange, json.RawMessage) error
}

// fields are all there are, in the order in which they are written. Names are
// never changed: files bear them.
var fields = [...]field{
	required(plain("seq", func(x *Exchange) *uint64 { return &x.Seq })),
	required(moment("start", func(x *Exchange) *time.Time { return &x.Start })),
	required(plain("op", func(x *Exchange) *op.Op { return &x.Op })),
	required(text("method", func(x *Exchange) *string { return &x.Method })),
	text("target", func(x *Exchange) *string { return &x.Target }),
	required(plain("status", func(x *Exchange) *int { return &x.Status })),
	texts("codes", func(x *Exchange) *[]string { return &x.Codes }),
	plain("open", func(x *Exchange) *bool { return &x.Open }),
	plain("left", func(x *Exchange) *bool { return &x.Left }),
	plain("cut", func(x *Exchange) *bool { return &x.Cut }),
	texts("faults", func(x *Exchange) *[]string { return &x.Faults }),
	plain("delayed", func(x *Exchange) *bool { return &x.Delayed }),
	texts("traits", func(x *Exchange) *[]string { return &x.Traits }),
	texts("served", func(x *Exchange) *[]string { return &x.Served }),

	text("upstreamError", func(x *Exchange) *string { return &x.UpstreamError }),

	plain("firstNanos", func(x *Exchange) *time.Duration { return &x.First }),
	plain("durationNanos", func(x *Exchange) *time.Duration { return &x.Duration }),
	plain("inFlight", func(x *Exchange) *int { return &x.InFlight }),
	plain("requestBytes", func(x *Exchange) *int64 { return &x.RequestBytes }),
	plain("responseBytes", func(x *Exchange) *int64 { return &x.ResponseBytes }),

	text("repo", func(x *Exchange) *string { return &x.Repo }),
	text("alias", func(x *Exchange) *string { return &x.Alias }),
	text("tag", func(x *Exchange) *string { return &x.Tag }),
	texts("tags", func(x *Exchange) *[]string { return &x.Tags }),
	text("digest", func(x *Exchange) *digest.Digest { return &x.Digest }),
	text("algorithm", func(x *Exchange) *digest.Algorithm { return &x.Algorithm }),
	text("session", func(x *Exchange) *string { return &x.Session }),
	text("from", func(x *Exchange) *string { return &x.From }),
	text("namespace", func(x *Exchange) *string { return &x.Namespace }),
	texts("allow", func(x *Exchange) *[]string { return &x.Allow }),
	text("prefix", func(x *Exchange) *string { return &x.Prefix }),
	text("verified", func(x *Exchange) *digest.Digest { return &x.Verified }),
	plain("staleState", func(x *Exchange) *bool { return &x.StaleState }),

	plain("attempt", func(x *Exchange) *int { return &x.Attempt }),
	plain("elapsedNanos", func(x *Exchange) *time.Duration { return &x.Elapsed }),
	plain("conn", func(x *Exchange) *uint64 { return &x.Conn }),
	plain("connSeq", func(x *Exchange) *int { return &x.ConnSeq }),
	plain("connAgeNanos", func(x *Exchange) *time.Duration { return &x.ConnAge }),
	text("remote", func(x *Exchange) *string { return &x.Remote }),
	{name: "tls", get: getTLS, set: setTLS},
	text("host", func(x *Exchange) *string { return &x.Host }),
	text("proto", func(x *Exchange) *string { return &x.Proto }),
	plain("secure", func(x *Exchange) *bool { return &x.Secure }),
	text("scheme", func(x *Exchange) *string { return &x.Scheme }),
	text("subject", func(x *Exchange) *string { return &x.Subject }),
	texts("scopes", func(x *Exchange) *[]string { return &x.Scopes }),

	header("header", func(x *Exchange) *http.Header { return &x.Header }),
	body("requestBody", func(x *Exchange) *[]byte { return &x.RequestBody }),
	plain("requestBodyCut", func(x *Exchange) *bool { return &x.RequestBodyCut }),
	header("responseHeader", func(x *Exchange) *http.Header { return &x.ResponseHeader }),
	body("responseBody", func(x *Exchange) *[]byte { return &x.ResponseBody }),
	plain("responseBodyCut", func(x *Exchange) *bool { return &x.ResponseBodyCut }),
}

// required is a field that every exchange has.
// It is not inlined, because a copy of it for each row of the table takes long to compile.
//
//go:noinline
func required(f field) field {
	f.required = true
	return f
}

// plain is a field whose Go type has a JSON form that loses nothing.
// It is not inlined, because a copy of it for each row of the table takes long to compile.
//
//go:noinline
func plain[T comparable](name string, at func(*Exchange) *T) field {
	return field{
		name: name,
		get: func(x *Exchange) (any, bool) {
			var zero T
			return *at(x), *at(x) == zero
		},
		set: func(x *Exchange, raw json.RawMessage) error {
			if setPlain(any(at(x)), raw) {
				return nil
			}
			return unmarshal(raw, at(x))
		},
	}
}

// setPlain sets a number or a text, and reports whether raw is one that fits.
func setPlain(at any, raw json.RawMessage) bool {
	if at, ok := at.(encoding.TextUnmarshaler); ok {
		s, ok := jsonedit.PlainString(raw)
		return ok && at.UnmarshalText([]byte(s)) == nil
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

func moment(name string, at func(*Exchange) *time.Time) field {
	return field{
		name: name,
		get:  func(x *Exchange) (any, bool) { return at(x).UTC(), at(x).IsZero() },
		set: func(x *Exchange, raw json.RawMessage) (err error) {
			*at(x), err = instant(raw)
			return err
		},
	}
}

// text is a field whose Go type is a string.
// It is not inlined, because a copy of it for each row of the table takes long to compile.
//
//go:noinline
func text[S ~string](name string, at func(*Exchange) *S) field {
	return field{
		name: name,
		get:  func(x *Exchange) (any, bool) { return portable(string(*at(x))), *at(x) == "" },
		set: func(x *Exchange, raw json.RawMessage) error {
			s, err := fromPortable(raw)
			*at(x) = S(s)
			return err
		},
	}
}

func texts(name string, at func(*Exchange) *[]string) field {
	return field{
		name: name,
		get:  func(x *Exchange) (any, bool) { return portables(*at(x)), *at(x) == nil },
		set: func(x *Exchange, raw json.RawMessage) (err error) {
			*at(x), err = fromPortables(raw)
			return err
		},
	}
}

// body is a field with the bytes of a body.
// It is not inlined, because a copy of it for each row of the table takes long to compile.
//
//go:noinline
func body(name string, at func(*Exchange) *[]byte) field {
	return field{
		name: name,
		get:  func(x *Exchange) (any, bool) { return portable(string(*at(x))), *at(x) == nil },
		set: func(x *Exchange, raw json.RawMessage) error {
			s, err := fromPortable(raw)
			*at(x) = []byte(s)
			return err
		},
	}
}

// header keeps nil lists, by which a handler tells net/http to send no such field.
// It is not inlined, because a copy of it for each row of the table takes long to compile.
//
//go:noinline
func header(name string, at func(*Exchange) *http.Header) field {
	return field{
		name: name,
		get: func(x *Exchange) (any, bool) {
			values := make(map[string]any, len(*at(x)))
			for name, list := range *at(x) {
				values[name] = portables(list)
			}
			return values, *at(x) == nil
		},
		set: func(x *Exchange, raw json.RawMessage) error {
			if raw[0] != '{' {
				return unmarshal(raw, new(map[string]json.RawMessage))
			}
			h := http.Header{}
			*at(x) = h
			return jsonedit.Members(raw, func(name string, raw json.RawMessage) error {
				list, err := fromPortables(raw)
				if err != nil {
					return fmt.Errorf("%q: %w", name, err)
				}
				h[name] = list
				return nil
			})
		},
	}
}

// strings are the fields of a TLS under their names in JSON.
func (t *TLS) strings() map[string]*string {
	return map[string]*string{"version": &t.Version, "serverName": &t.ServerName, "client": &t.Client}
}

func getTLS(x *Exchange) (value any, zero bool) {
	if x.TLS == nil {
		return nil, true
	}
	values := map[string]any{}
	for name, at := range x.TLS.strings() {
		if *at != "" {
			values[name] = portable(*at)
		}
	}
	return values, false
}

func setTLS(x *Exchange, raw json.RawMessage) error {
	var values map[string]json.RawMessage
	if err := unmarshal(raw, &values); err != nil {
		return err
	}
	x.TLS = new(TLS)
	known := x.TLS.strings()
	for name, raw := range values {
		at := known[name]
		if at == nil {
			return fmt.Errorf("unknown field %q", name)
		}
		s, err := fromPortable(raw)
		if err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		*at = s
	}
	return nil
}

// binary is the form of a string that JSON cannot hold.
type binary map[string][]byte

func portable(s string) any {
	if utf8.ValidString(s) {
		return s
	}
	return binary{"base64": []byte(s)}
}

func fromPortable(raw json.RawMessage) (string, error) {
	if s, ok := jsonedit.PlainString(raw); ok {
		return s, nil
	}
	if raw[0] != '{' {
		var s string
		err := unmarshal(raw, &s)
		return s, err
	}
	var b binary
	if err := unmarshal(raw, &b); err != nil {
		return "", err
	}
	if len(b) != 1 || b["base64"] == nil {
		return "", errors.New(`want a string, or an object with nothing but "base64"`)
	}
	return string(b["base64"]), nil
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

func fromPortables(raw json.RawMessage) ([]string, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	if raw[0] != '[' {
		return nil, unmarshal(raw, new([]json.RawMessage))
	}
	list := []string{}
	err := jsonedit.Members(raw, func(_ string, raw json.RawMessage) error {
		s, err := fromPortable(raw)
		if err != nil {
			return fmt.Errorf("%d: %w", len(list), err)
		}
		list = append(list, s)
		return nil
	})
	return list, err
}
