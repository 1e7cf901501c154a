package faults

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/plainjson"
	"github.com/ocifake/ocifake/internal/unread"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// Answer is an effect that answers in place of the registry, which does not see the
// request. The methods return changed copies. Texts can contain the placeholders of
// [SetHeader].
type Answer struct{ a answer }

type answer struct {
	Status      int                 `json:"code" doc:"status code"`
	Code        string              `json:"error,omitempty" doc:"error code in the body, as DENIED"`
	Message     string              `json:"message,omitempty" doc:"message in the body"`
	Detail      any                 `json:"detail,omitempty" doc:"detail in the body, any JSON"`
	Body        *string             `json:"body,omitempty" doc:"body in place of the error of the specification; empty: no body"`
	HTML        bool                `json:"html,omitempty" doc:"sends an HTML page, as a proxy does"`
	ContentType string              `json:"type,omitempty" doc:"Content-Type of body"`
	RetryAfter  *retryAfter         `json:"retryAfter,omitempty" doc:"sends Retry-After: a duration in whole seconds, or date:DURATION for an HTTP date"`
	Header      map[string][]string `json:"header,omitempty" doc:"further header fields, each with a list of values"`
}

// Status answers with a status. For 400 to 499, the code, the message and the header are
// those that the registry itself sends with this status for the operation: 405 has
// Allow, 401 has the challenge of the registry's authentication, 416 to a chunk has the
// offset of the upload. A status that the registry never sends for the operation has the
// code UNSUPPORTED. For 500 and above the body is plain text. The answer to HEAD has no
// body.
func Status(code int) Answer { return Answer{answer{Status: code}} }

// Error sets the error code and the message of the body. An empty message is replaced by
// that of the specification for the code. The answer has only those header fields that
// are set.
func (a Answer) Error(code, message string) Answer {
	a.a.Code, a.a.Message = code, message
	return a
}

// Detail sets the detail of the error in the body. It must marshal to JSON.
func (a Answer) Detail(detail any) Answer {
	a.a.Detail = detail
	return a
}

// HTML answers with the HTML error page of a proxy.
func (a Answer) HTML() Answer {
	a.a.HTML = true
	return a
}

// Body sets the body and its media type. With an empty media type the answer has no
// Content-Type, and with an empty body it has no body.
func (a Answer) Body(contentType, body string) Answer {
	a.a.ContentType, a.a.Body = contentType, &body
	return a
}

// Type sets the Content-Type. It does not change the body.
func (a Answer) Type(contentType string) Answer {
	a.a.ContentType = contentType
	return a
}

// RetryAfter adds a Retry-After field in whole seconds, rounded up. A negative duration
// is sent as a negative number, which is malformed.
func (a Answer) RetryAfter(d time.Duration) Answer {
	a.a.RetryAfter = &retryAfter{after: d}
	return a
}

// RetryAt adds a Retry-After field with an HTTP date, d from the time of the answer.
func (a Answer) RetryAt(d time.Duration) Answer {
	a.a.RetryAfter = &retryAfter{after: d, date: true}
	return a
}

// Header adds a field to the header of the answer. It replaces a field that the registry
// would send.
func (a Answer) Header(name string, values ...string) Answer {
	header := http.Header(a.a.Header).Clone()
	if header == nil {
		header = http.Header{}
	}
	for _, value := range values {
		header.Add(name, value)
	}
	a.a.Header = header
	return a
}

func (Answer) kind() string { return "status" }

func (Answer) ends() bool { return true }

func (a Answer) check() error {
	if err := validStatus(a.a.Status); err != nil {
		return err
	}
	if a.a.HTML && a.a.Body != nil {
		return errors.New("choose html or a body")
	}
	if bodyless(a.a.Status) && (a.a.HTML || a.a.Code != "" || a.a.Body != nil && *a.a.Body != "") {
		return fmt.Errorf("an answer with %d has no body", a.a.Status)
	}
	if err := checkField(typeHeader, []string{a.a.ContentType}, setting); err != nil {
		return err
	}
	for name, values := range a.a.Header {
		if http.CanonicalHeaderKey(name) == lengthHeader {
			return errors.New("header: Content-Length is that of the body: use truncate, or set-header before status")
		}
		if err := checkField(name, values, setting); err != nil {
			return fmt.Errorf("header: %w", err)
		}
	}
	if err := checkPlaceholders(a.a.Message); err != nil {
		return fmt.Errorf("message: %w", err)
	}
	if _, err := json.Marshal(a.a.Detail); err != nil {
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
	texts := []string{a.a.Message}
	if a.a.Body != nil {
		texts = append(texts, *a.a.Body)
	}
	for _, values := range a.a.Header {
		texts = append(texts, values...)
	}
	return needsOfTexts(texts...)
}

func (a Answer) serve(x *exchange, w http.ResponseWriter, r *http.Request, _ http.Handler) {
	unread.Answer(w, r, func() { a.send(x, w, r) })
}

func (a Answer) send(x *exchange, w http.ResponseWriter, r *http.Request) {
	contentType, body := a.a.content(x.info, http.StatusText(a.a.Status))
	header := w.Header()
	if a.a.isOwn() {
		x.setHeader(a.a.Status, header, r)
	}
	for name, values := range a.a.Header {
		if isConnectionField(x, name) {
			continue
		}
		header.Del(name)
		for _, value := range values {
			header.Add(name, x.expand(value, r))
		}
	}
	if a.a.RetryAfter != nil {
		header.Set("Retry-After", a.a.RetryAfter.field())
	}
	if contentType == "" {
		header["Content-Type"] = nil // net/http would find one
	} else {
		header.Set("Content-Type", contentType)
	}
	body = x.expand(body, r)
	if a.a.Status != http.StatusNoContent && a.a.Status != http.StatusNotModified {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(a.a.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(body)) // the client has left, or the status has no body
	}
}

// content returns the body and its media type.
func (a *answer) content(info *op.Info, text string) (contentType, body string) {
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
func (a *answer) isOwn() bool {
	return a.Status >= 400 && a.Status < 500 && a.Code == "" && a.Body == nil && !a.HTML
}

// setHeader sets the fields that the registry, or its auth, sends with the status.
func (x *exchange) setHeader(status int, h http.Header, r *http.Request) {
	if cause, ok := registry.CauseOf(status, x.info.Op); ok {
		cause.SetHeader(h, r, x.engine.store)
	}
	if tokens := x.engine.boundTo().Tokens; tokens != nil && status == http.StatusUnauthorized {
		h[http.CanonicalHeaderKey(challengeHeader)] = tokens.ChallengeTo(r)
	}
}

// errorBody is the specification's body ("Error Codes").
func (a *answer) errorBody(info *op.Info, text string) string {
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
	body, err := plainjson.Marshal(struct {
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

// retryAfter is the field of that name (RFC 9110, 10.2.3). In text a date is
// "date:2s".
type retryAfter struct {
	after time.Duration
	date  bool
}

func (a *retryAfter) field() string {
	if a.date {
		return time.Now().Add(a.after).UTC().Format(http.TimeFormat)
	}
	seconds := a.after / time.Second
	if a.after%time.Second > 0 {
		seconds++
	}
	return strconv.FormatInt(int64(seconds), 10)
}
