package faults

import (
	"github.com/ocifake/ocifake/internal/effect"
)

// SetHeader sets a header field of the registry's answer. The values can contain
// placeholders:
//
//	{origin} {host} {prefix} {target}     "http://127.0.0.1:40001", "127.0.0.1:40001", "", "/v2/app/tags/list?n=2"
//	{repo} {tag} {digest} {session}       those of the request, or nothing
//	{cdn} {expired} {cdnhost}             the signed URL of the blob at the second origin, an expired one, and the host of that origin
//	{dead}                                a host that refuses connections
//	{realm} {service} {scope}             those of the challenge that the registry would send
//
// Other placeholders are refused, except in the bodies of answers.
//
// HTTP/2 has no field Connection, and the effect does not act on it there; see
// [GoAwayGracefully].
//
// An answer to HEAD can have any Content-Length. In other answers, a Content-Length
// smaller than the body cuts the body off, and a larger one ends in an unexpected EOF.
func SetHeader(name string, values ...string) Effect {
	return header(effect.Setting, name, values)
}

// AddHeader adds a header field to the registry's answer; see [SetHeader].
func AddHeader(name string, values ...string) Effect {
	return header(effect.Adding, name, values)
}

// DropHeader removes a header field from the registry's answer. Without Content-Length
// the answer is chunked.
func DropHeader(name string) Effect { return header(effect.Dropping, name, nil) }

// SetStatus changes the status of the registry's answer: 201 in place of 202, or an
// error although the request succeeded. With 204 or 304 the answer has no body.
func SetStatus(code int) Effect { return of(effect.SetStatus{Status: code}) }

// Location changes parts of the Location of the registry's answer. Empty parts stay. The
// values can contain the placeholders of [SetHeader].
type Location struct {
	Scheme    string // makes the Location absolute
	Host      string // makes the Location absolute
	Path      string
	DropQuery bool // removes the query, which has the state of an upload
	Absolute  bool // adds scheme and host of the request
}

func header(how, name string, values []string) Effect {
	return of(effect.Header{How: how, HeaderArgs: effect.HeaderArgs{Name: name, Values: values}})
}

func (e Location) behaviour() effect.Behaviour { return effect.Location(e) }
