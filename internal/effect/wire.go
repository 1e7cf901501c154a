package effect

import (
	"net/http"
	"strings"

	"github.com/ocifake/ocifake/op"
)

// Change is a change of what a server writes to a connection.
type Change uint8

// The changes.
const (
	// IgnorePings answers no PING of the client from now on (RFC 9113, 6.7).
	IgnorePings Change = iota

	// WithholdWindows sends no WINDOW_UPDATE from now on (RFC 9113, 6.9).
	WithholdWindows

	// WithholdContinue does not send the next 100 Continue of HTTP/1.1 (RFC 9110, 10.1.1).
	WithholdContinue

	// BareLF ends the lines of the next header of HTTP/1.1 with LF, without CR.
	BareLF

	Changes // number of changes
)

// OnWire changes what the server writes to the connection of a request.
type OnWire struct {
	name  string
	what  Change
	http2 bool // it needs HTTP/2; otherwise HTTP/1.1
}

// NewOnWire returns the effect of a change.
func NewOnWire(what Change) OnWire {
	return [Changes]OnWire{ignorePings, withholdWindows, withholdContinue, bareLF}[what]
}

// The effects of the changes.
var (
	ignorePings      = OnWire{"ignore-pings", IgnorePings, true}
	withholdWindows  = OnWire{"withhold-windows", WithholdWindows, true}
	withholdContinue = OnWire{"withhold-continue", WithholdContinue, false}
	bareLF           = OnWire{"bare-lf", BareLF, false}
)

// Kind implements [Behaviour].
func (e OnWire) Kind() string { return e.name }

func (e OnWire) early() string { return actsOnRequest }

func (OnWire) needs() need { return needConn }

// prospect is not surely: the client decides whether the server has something to change.
func (e OnWire) prospect(_ *op.Info, r *http.Request) Prospect {
	if e.http2 != (r.ProtoMajor == 2) || e.what == WithholdContinue && !strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		return Never
	}
	return Perhaps
}

func (e OnWire) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if !x.start() {
		next.ServeHTTP(w, r)
		return
	}
	x.conn.Change(e.what, x.acted())
	if e.http2 {
		next.ServeHTTP(w, r)
		return
	}
	defer x.conn.Change(e.what, nil) // it is for this request alone
	out := &rewriter{ResponseWriter: w}
	out.serve(r, next)
	out.flush()
}

// Trailer adds a field to the trailer of the answer (RFC 9110, 6.5).
type Trailer struct {
	Name  string `json:"name" doc:"name of the field"`
	Value string `json:"value" doc:"value of the field, with placeholders"`
}

func (Trailer) Kind() string { return "trailer" }

func (e Trailer) check() error { return checkField(e.Name, []string{e.Value}, Setting) }

func (e Trailer) needs() need { return needsOfTexts(e.Value) }

func (Trailer) prospect(_ *op.Info, r *http.Request) Prospect { return inBody(r) }

func (e Trailer) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	acts := false
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		if acts = !bodyless(status) && x.act(); acts {
			w.Header().Del(lengthHeader) // HTTP/1.1 has a trailer only behind chunks
			w.Header().Add("Trailer", e.Name)
			out.unsized = true
		}
		return status
	}
	out.serve(r, next)
	if acts {
		w.Header().Set(e.Name, x.expand(e.Value, r))
	}
}
