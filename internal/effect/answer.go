package effect

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/jsonedit"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Answer answers in the registry's place. Texts can contain placeholders.
type Answer struct {
	Status      int                 `json:"code" doc:"status code"`
	Code        string              `json:"error,omitempty" doc:"error code in the body, as DENIED"`
	Message     string              `json:"message,omitempty" doc:"message in the body"`
	Detail      any                 `json:"detail,omitempty" doc:"detail in the body, any JSON"`
	Body        *string             `json:"body,omitempty" doc:"body in place of the error of the specification; empty: no body"`
	HTML        bool                `json:"html,omitempty" doc:"sends an HTML page, as a proxy does"`
	ContentType string              `json:"type,omitempty" doc:"Content-Type of body"`
	RetryAfter  *RetryAfter         `json:"retryAfter,omitempty" doc:"sends Retry-After: a duration in whole seconds, or date:DURATION for an HTTP date"`
	Header      map[string][]string `json:"header,omitempty" doc:"further header fields, each with a list of values"`
}

// Kind implements [Behaviour].
func (Answer) Kind() string { return "status" }

func (Answer) ends() bool { return true }

func (a Answer) check() error {
	if err := validStatus(a.Status); err != nil {
		return err
	}
	if a.HTML && a.Body != nil {
		return errors.New("choose html or a body")
	}
	if bodyless(a.Status) && (a.HTML || a.Code != "" || a.Body != nil && *a.Body != "") {
		return fmt.Errorf("an answer with %d has no body", a.Status)
	}
	if err := checkField(typeHeader, []string{a.ContentType}, Setting); err != nil {
		return err
	}
	for name, values := range a.Header {
		if http.CanonicalHeaderKey(name) == lengthHeader {
			return errors.New("header: Content-Length is that of the body: use truncate, or set-header before status")
		}
		if err := checkField(name, values, Setting); err != nil {
			return fmt.Errorf("header: %w", err)
		}
	}
	if err := checkPlaceholders(a.Message); err != nil {
		return fmt.Errorf("message: %w", err)
	}
	if _, err := json.Marshal(a.Detail); err != nil {
		return fmt.Errorf("detail: %w", err)
	}
	return nil
}

func validStatus(code int) error {
	if code < 200 || code > 599 {
		return fmt.Errorf("%d is no status to answer with: want 200 to 599", code)
	}
	return nil
}

func (a Answer) needs() need {
	texts := []string{a.Message}
	if a.Body != nil {
		texts = append(texts, *a.Body)
	}
	for _, values := range a.Header {
		texts = append(texts, values...)
	}
	return needsOfTexts(texts...)
}

func (a Answer) serve(x *Exchange, w http.ResponseWriter, r *http.Request, _ http.Handler) {
	inflight.Answer(w, r, func() { a.send(x, w, r) })
}

// Answer sends an answer in the registry's place.
func (x *Exchange) Answer(a Answer, w http.ResponseWriter, r *http.Request) {
	a.serve(x, w, r, nil)
}

func (a Answer) send(x *Exchange, w http.ResponseWriter, r *http.Request) {
	contentType, body := a.content(x.info, http.StatusText(a.Status))
	header := w.Header()
	if a.isOwn() {
		x.setHeader(a.Status, header, r)
		if spoken, text, ok := a.spoken(x, r); ok {
			maps.Copy(header, spoken)
			contentType, body = cmp.Or(a.ContentType, spoken.Get("Content-Type")), string(text)
		}
	}
	for name, values := range a.Header {
		if isConnectionField(x, name) {
			continue
		}
		x.setField(header, name, values, r)
	}
	if a.RetryAfter != nil {
		header.Set("Retry-After", a.RetryAfter.field())
	}
	if contentType == "" {
		header["Content-Type"] = nil // net/http would find one
	} else {
		header.Set("Content-Type", contentType)
	}
	body = x.expand(body, r)
	if !bodyless(a.Status) {
		setContentLength(header, int64(len(body)))
	}
	w.WriteHeader(a.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(body)) // the client has left, or the status has no body
	}
}

// content returns the body and its media type.
func (a Answer) content(info *op.Info, text string) (contentType, body string) {
	switch {
	case a.Body != nil:
		return a.ContentType, *a.Body
	case a.HTML:
		contentType = "text/html"
		body = fmt.Sprintf("<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center><h1>%[1]d %[2]s</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n", a.Status, text)
	case a.Code != "" || a.Status >= 400 && a.Status < 500:
		contentType, body = "application/json", a.errorBody(info, text)
	case a.Status >= 500:
		contentType, body = "text/plain; charset=utf-8", text+"\n"
	}
	if a.ContentType != "" {
		contentType = a.ContentType
	}
	return contentType, body
}

// isOwn reports whether the registry would answer with the same code, unless it answers
// with another status.
func (a Answer) isOwn() bool {
	return a.Status >= 400 && a.Status < 500 && a.Code == "" && a.Body == nil && !a.HTML
}

// spoken returns the header and the body with which a registry with a dialect answers with the same
// status, unless the answer says more than the status.
func (a Answer) spoken(x *Exchange, r *http.Request) (header http.Header, body []byte, ok bool) {
	cause, known := registry.CauseOf(a.Status, x.info.Op)
	if !known || a.Message != "" || a.Detail != nil {
		return nil, nil, false
	}
	return cause.Spoken(r)
}

// setHeader sets the fields that the registry, or its auth, sends with the status.
func (x *Exchange) setHeader(status int, h http.Header, r *http.Request) {
	if cause, ok := registry.CauseOf(status, x.info.Op); ok {
		cause.SetHeader(h, r, x.env.store)
	}
	if tokens := x.env.Site().Tokens; tokens != nil && status == http.StatusUnauthorized {
		h[http.CanonicalHeaderKey(challengeHeader)] = tokens.ChallengeTo(r)
	}
}

// errorBody is the specification's body ("Error Codes").
func (a Answer) errorBody(info *op.Info, text string) string {
	type entry struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Detail  any    `json:"detail,omitempty"`
	}
	e := entry{a.Code, a.Message, a.Detail}
	if e.Code == "" {
		e.Code = "UNSUPPORTED"
		if cause, ok := registry.CauseOf(a.Status, info.Op); ok {
			e.Code, text = cause.Code(), cause.Error()
		}
	}
	if e.Message == "" {
		e.Message = inWordsOf(e.Code, text)
	}
	body, err := jsonedit.Marshal(struct {
		Errors []entry `json:"errors"`
	}{[]entry{e}})
	if err != nil {
		panic(fmt.Errorf("faults: a detail that was checked: %w", err))
	}
	return string(body)
}

// inWordsOf returns a message that begins with the specification's words for the code.
func inWordsOf(code, text string) string {
	words := registry.CodeText(code)
	if words == "" || strings.HasPrefix(text, words) {
		return text
	}
	return words + ": " + text
}

// RetryAfter is the header field Retry-After (RFC 9110, 10.2.3): a number of seconds, or
// a date. In text a date is "date:2s".
type RetryAfter struct {
	After time.Duration
	Date  bool
}

func (a *RetryAfter) field() string {
	if a.Date {
		return time.Now().Add(a.After).UTC().Format(http.TimeFormat)
	}
	return strconv.FormatInt(seconds(a.After), 10)
}

// seconds returns a number of whole seconds, rounded up.
func seconds(d time.Duration) int64 {
	n := int64(d / time.Second)
	if d%time.Second > 0 {
		n++
	}
	return n
}
