package faults

import (
	"net/http"
	"time"

	"github.com/ocifake/ocifake/internal/effect"
)

// Answer is an effect that answers in place of the registry, which does not see the
// request. The methods return changed copies. Texts can contain the placeholders of
// [SetHeader].
type Answer struct{ does effect.Answer }

// Status answers with a status. For 400 to 499, the code, the message and the header are
// those that the registry itself sends with this status for the operation: 405 has
// Allow, 401 has the challenge of the registry's authentication, 416 to a chunk has the
// offset of the upload. A status that the registry never sends for the operation has the
// code UNSUPPORTED. For 500 and above the body is plain text. The answer to HEAD has no
// body.
func Status(code int) Answer { return Answer{effect.Answer{Status: code}} }

// Error sets the error code and the message of the body. An empty message is replaced by
// that of the specification for the code. The answer has only those header fields that
// are set.
func (a Answer) Error(code, message string) Answer {
	a.does.Code, a.does.Message = code, message
	return a
}

// Detail sets the detail of the error in the body. It must marshal to JSON.
func (a Answer) Detail(detail any) Answer {
	a.does.Detail = detail
	return a
}

// HTML answers with the HTML error page of a proxy.
func (a Answer) HTML() Answer {
	a.does.HTML = true
	return a
}

// Body sets the body and its media type. With an empty media type the answer has no
// Content-Type, and with an empty body it has no body.
func (a Answer) Body(contentType, body string) Answer {
	a.does.ContentType, a.does.Body = contentType, &body
	return a
}

// Type sets the Content-Type. It does not change the body.
func (a Answer) Type(contentType string) Answer {
	a.does.ContentType = contentType
	return a
}

// RetryAfter adds a Retry-After field in whole seconds, rounded up. A negative duration
// is sent as a negative number, which is malformed.
func (a Answer) RetryAfter(d time.Duration) Answer {
	a.does.RetryAfter = &effect.RetryAfter{After: d}
	return a
}

// RetryAt adds a Retry-After field with an HTTP date, d from the time of the answer.
func (a Answer) RetryAt(d time.Duration) Answer {
	a.does.RetryAfter = &effect.RetryAfter{After: d, Date: true}
	return a
}

// Header adds a field to the header of the answer. It replaces a field that the registry
// would send.
func (a Answer) Header(name string, values ...string) Answer {
	header := http.Header(a.does.Header).Clone()
	if header == nil {
		header = http.Header{}
	}
	for _, value := range values {
		header.Add(name, value)
	}
	a.does.Header = header
	return a
}

func (a Answer) behaviour() effect.Behaviour { return a.does }

// Redirect answers with a redirect. The location can contain the placeholders of
// [SetHeader]: "{cdn}" is the blob or manifest at a second origin, on another host name;
// "{expired}" is the same with an expired signature; "{target}" is a relative redirect
// loop, "{origin}{target}" an absolute one; "http://{dead}/" is a host that refuses
// connections; "http://{host}{target}" is a redirect from https to http.
func Redirect(status int, location string) Effect {
	return of(effect.Redirect{Status: status, To: location})
}
