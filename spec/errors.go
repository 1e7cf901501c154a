package spec

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
)

// Errors and warnings.

var errorStatements = []Statement{
	{
		ID: "error-any-format", Text: "A `4XX` response code from the registry MAY return a body in any format.",
		Section: "Error Codes", Level: May, Area: Pull, Source: Distribution, Versions: since10,
		check: eachError(func(*answer, errorBody) {}),
	}, {
		ID: "error-json", Text: "If the response body is in JSON format, it MUST have the following format:",
		Section: "Error Codes", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: eachError(hasErrors),
	}, {
		ID: "error-code-form", Text: "The `code` field MUST be a unique identifier, containing only uppercase alphabetic characters and underscores.",
		Section: "Error Codes", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: eachError(codesAreUpperCase),
	}, {
		ID: "error-code-known", Text: "The `code` field MUST be one of the following:",
		Section: "Error Codes", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: eachError(codesAreKnown),
	}, {
		ID: "error-message", Text: "The `message` field is OPTIONAL, and if present, it SHOULD be a human readable string or MAY be empty.",
		Section: "Error Codes", Level: Should, Area: Pull, Source: Distribution, Versions: since10,
		check: eachError(messagesAreStrings),
	}, {
		ID: "error-detail", Text: "The `detail` field is OPTIONAL and MAY contain arbitrary JSON data providing information the client can use to resolve the issue.",
		Section: "Error Codes", Level: May, Area: Pull, Source: Distribution, Versions: since10,
		check: eachError(func(*answer, errorBody) {}), // all JSON is decoded
	},
	code("code-1", "`BLOB_UNKNOWN` | blob unknown to registry", "end-2", Pull, func(t *tester) *answer {
		r := t.newRepo()
		r.newBlob(32)
		return r.get(r.blob(digest.FromString(unique())))
	}),
	code("code-3", "`BLOB_UPLOAD_UNKNOWN` | blob upload unknown to registry", "end-13", Push, func(t *tester) *answer {
		r := t.newRepo()
		return r.get(r.ended())
	}),
	code("code-4", "`DIGEST_INVALID` | provided digest did not match uploaded content", "end-6", Push, func(t *tester) *answer {
		r := t.newRepo()
		return r.commit(r.start(), r.bytes(32), digest.FromString(unique()))
	}),
	code("code-6", "`MANIFEST_INVALID` | manifest invalid", "end-7", Push, func(t *tester) *answer {
		r := t.newRepo()
		return r.try(manifest{r.newImage().mediaType, []byte("no manifest")}, "v1")
	}),
	code("code-7", "`MANIFEST_UNKNOWN` | manifest unknown…", "end-3", Pull, func(t *tester) *answer {
		r := t.newRepo()
		r.pushImage("v1")
		return r.get(r.manifest("v2"))
	}),
	code("code-8", "`NAME_INVALID` | invalid repository name", "end-4a", Push, func(t *tester) *answer {
		r := repo{t, t.suite.target.Repository + "/UPPER"}
		return r.do(http.MethodPost, r.uploads(), nil)
	}),
	code("code-9", "`NAME_UNKNOWN` | repository name not known to registry", "end-8a", Discovery, func(t *tester) *answer {
		r := t.newRepo()
		return r.get(r.tags())
	}), {
		ID: "warning", Text: "Registry implementations MAY include informational warnings in `Warning` headers, as described in RFC 7234.",
		Section: "Warnings", Level: May, Area: Pull, Source: Distribution, Versions: since11,
		check: eachWarning(func(t *tester, warning string) {
			if !warningValue().MatchString(warning) {
				t.failf(`want Warning: <code> <agent> "<text>", perhaps with a date, got %s`, warning)
			}
		}),
	}, {
		ID: "warning-form", Text: "If included, `Warning` headers MUST specify a `warn-code` of `299` and a `warn-agent` of `-`, and MUST NOT specify a `warn-date` value.",
		Section: "Warnings", Level: Must, Area: Pull, Source: Distribution, Versions: since11,
		check: eachWarning(warningIsFormed),
	}, {
		ID: "warning-length", Text: "A registry MUST NOT send more than 4096 bytes of warning data from all headers combined.",
		Section: "Warnings", Level: Must, Area: Pull, Source: Distribution, Versions: since11,
		check: warningsAreShort,
	},
}

// code is a row for one error code: if the error is in JSON, it has that code.
func code(id, text, endpoint string, area Area, provoke func(*tester) *answer) Statement {
	name, _, _ := strings.Cut(strings.TrimPrefix(text, "`"), "`")
	return Statement{
		ID: id, Text: id + " | " + text,
		Section: "Error Codes", Endpoint: endpoint, Level: Should, Area: area, Source: Distribution, Versions: since10,
		check: func(t *tester) {
			a := provoke(t)
			switch {
			case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
				t.notApplicable("the registry's access control answered first")
			case a.status < 400 || a.status > 499:
				t.notApplicable("the registry does not refuse it")
			}
			a.hasCode(name)
		},
	}
}

type errorBody struct {
	Errors []map[string]json.RawMessage `json:"errors"`
}

func (b errorBody) codes() []string {
	var codes []string
	for _, e := range b.Errors {
		var code string
		_ = json.Unmarshal(e["code"], &code) // what is no string is no code
		codes = append(codes, code)
	}
	return codes
}

func isJSON(a *answer) bool {
	t, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	return t == "application/json" || strings.HasSuffix(t, "+json")
}

// hasCode fails the check if the body is JSON without an error of the code.
func (a *answer) hasCode(code string) *answer {
	if !isRefusal(a) {
		return a
	}
	var body errorBody
	a.json(&body)
	if !slices.Contains(body.codes(), code) {
		a.t.failf("%s %s: want the error code %s, got %q", a.sent.method, a.sent.url, code, body.codes())
	}
	return a
}

// isRefusal reports whether the body of an answer is an error, in JSON.
func isRefusal(a *answer) bool {
	return isJSON(a) && len(a.body) > 0 && a.sent.method != http.MethodHead
}

// eachError looks at each answer of the tour with a status 4xx.
func eachError(look func(*answer, errorBody)) func(*tester) {
	return func(t *tester) {
		t.each(func(a *answer) {
			if a.status < 400 || a.status > 499 {
				return
			}
			look(a, a.errorBody())
		})
	}
}

// errorBody decodes the body if it is an error in JSON.
func (a *answer) errorBody() (body errorBody) {
	if isRefusal(a) {
		a.json(&body)
	}
	return body
}

// followsFormat fails the check if the body is an error in JSON that is not in the format.
func (a *answer) followsFormat() {
	body := a.errorBody()
	for _, look := range []func(*answer, errorBody){hasErrors, codesAreUpperCase, codesAreKnown, messagesAreStrings} {
		look(a, body)
	}
}

func hasErrors(a *answer, body errorBody) {
	if !isRefusal(a) {
		return
	}
	if len(body.Errors) == 0 || slices.Contains(body.codes(), "") {
		a.t.failf("%s %s: want errors, each with a code, got %s", a.sent.method, a.sent.url, a.body)
	}
}

// lazy returns a pattern that is compiled when it is first used.
func lazy(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

var upperCase = lazy(`^[A-Z_]+$`)

func codesAreUpperCase(a *answer, body errorBody) {
	for _, code := range body.codes() {
		if !upperCase().MatchString(code) {
			a.t.failf("%s %s: want a code of upper-case letters and underscores, got %q", a.sent.method, a.sent.url, code)
		}
	}
}

var errorCodes = []string{
	"BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID", "MANIFEST_BLOB_UNKNOWN",
	"MANIFEST_INVALID", "MANIFEST_UNKNOWN", "NAME_INVALID", "NAME_UNKNOWN", "SIZE_INVALID", "UNAUTHORIZED", "DENIED",
	"UNSUPPORTED", "TOOMANYREQUESTS",
}

func codesAreKnown(a *answer, body errorBody) {
	for _, code := range body.codes() {
		if !slices.Contains(errorCodes, code) {
			a.t.failf("%s %s: want one of the specification's codes, got %q", a.sent.method, a.sent.url, code)
		}
	}
}

func messagesAreStrings(a *answer, body errorBody) {
	for _, e := range body.Errors {
		var message string
		if e["message"] != nil && json.Unmarshal(e["message"], &message) != nil {
			a.t.failf("%s %s: want a message that is a string, got %s", a.sent.method, a.sent.url, e["message"])
		}
	}
}

func eachWarning(look func(*tester, string)) func(*tester) {
	return func(t *tester) {
		found := false
		t.each(func(a *answer) {
			for _, field := range a.header.Values("Warning") {
				found = true
				for _, warning := range warnings(field) {
					look(t, warning)
				}
			}
		})
		if !found {
			t.notApplicable("the registry sends no warnings")
		}
	}
}

// warnings returns the values of a field, which can have several, separated by commas.
func warnings(field string) []string {
	var all []string
	begin, inside := 0, false
	for i := 0; i < len(field); i++ {
		switch c := field[i]; {
		case c == '\\' && inside:
			i++
		case c == '"':
			inside = !inside
		case c == ',' && !inside:
			all, begin = append(all, field[begin:i]), i+1
		}
	}
	all = append(all, field[begin:])
	for i := range all {
		all[i] = strings.Trim(all[i], " \t")
	}
	return slices.DeleteFunc(all, func(warning string) bool { return warning == "" && len(all) > 1 })
}

// warningValue is the grammar of RFC 7234, 5.5.
var warningValue = lazy(`^[0-9]{3} \S+ "(?:[^"\\]|\\.)*"(?: "[^"]+")?$`)

var warningForm = lazy(`^299 - "(?:[^"\\]|\\.)*"$`)

func warningIsFormed(t *tester, warning string) {
	if !warningForm().MatchString(warning) {
		t.failf(`want Warning: 299 - "<text>", got %s`, warning)
	}
}

func warningsAreShort(t *tester) {
	t.each(func(a *answer) {
		total := 0
		for _, value := range a.header.Values("Warning") {
			total += len(value)
		}
		if total > 4096 {
			t.failf("want at most 4096 bytes of warnings, got %d", total)
		}
	})
}
