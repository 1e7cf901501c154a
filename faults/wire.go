package faults

import "github.com/ocifake/ocifake/internal/effect"

// IgnorePings serves the request, and from then on answers no PING frame of the client on its
// connection (RFC 9113, 6.7), as a peer behind a dead link. It does not act on HTTP/1.1.
func IgnorePings() Effect { return of(effect.NewOnWire(effect.IgnorePings)) }

// WithholdWindows serves the request, and from then on sends no WINDOW_UPDATE frame on its
// connection (RFC 9113, 6.9): uploads stop when the windows that the client knows are full.
// It does not act on HTTP/1.1.
func WithholdWindows() Effect { return of(effect.NewOnWire(effect.WithholdWindows)) }

// WithholdContinue reads the body of a request with "Expect: 100-continue" without sending
// 100 Continue (RFC 9110, 10.1.1). A client must not wait for it forever. For one that is
// late, use [Delay]; to refuse the request, use [Status]. It does not act on HTTP/2.
func WithholdContinue() Effect { return of(effect.NewOnWire(effect.WithholdContinue)) }

// BareLF ends the lines of the header of the answer with LF, without CR. It does not act on
// HTTP/2.
func BareLF() Effect { return of(effect.NewOnWire(effect.BareLF)) }

// Trailer adds a field to the trailer of the answer (RFC 9110, 6.5). The answer has no
// Content-Length. The value can contain the placeholders of [SetHeader].
func Trailer(name, value string) Effect { return of(effect.Trailer{Name: name, Value: value}) }
