// Package evidence tells which value of a trait an answer of a registry shows. A probe sends the
// request for it, and learning from a recording finds the request of a client; both judge the
// answer here.
package evidence

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/op"
)

// Exchange is a request, and what a registry answered.
type Exchange struct {
	op.Info
	Host    string // of the registry, with its port
	Query   url.Values
	Request http.Header

	Status int
	Header http.Header
	Body   []byte
}

// Value is a value of a trait, and what was seen on the wire.
type Value struct{ Value, Seen string }

// Shows returns the value of a trait that the exchange shows, and false if it shows none. The
// value of a trait without a row in the table is the outcome.
func (x *Exchange) Shows(trait string) (Value, bool) {
	show, ok := table[trait]
	if !ok {
		show, ok = access[trait]
	}
	if ok {
		v := show(x)
		return v, v.Value != ""
	}
	return Value{x.Outcome(), x.Method + " is answered with " + x.Outcome()}, true
}

// Succeeded reports whether the status is 2xx.
func (x *Exchange) Succeeded() bool { return x.Status/100 == 2 }

// Outcome returns the status and the first error code: "404 NAME_UNKNOWN".
func (x *Exchange) Outcome() string {
	text := strconv.Itoa(x.Status)
	if code := x.Code(); code != "" && x.Status >= http.StatusBadRequest {
		text += " " + code
	}
	return text
}

const maxCode = 100 // bytes of an error code

// Code returns the first error code in the body, or "".
func (x *Exchange) Code() string {
	var list struct {
		Errors []struct{ Code string }
		Code   string
	}
	_ = json.Unmarshal(x.Body, &list) // other bodies have no code
	code := list.Code
	if len(list.Errors) > 0 {
		code = list.Errors[0].Code
	}
	if len(code) > maxCode || strings.ContainsFunc(code, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return code
}

// Tags returns the tags in a list.
func (x *Exchange) Tags() []string {
	var list struct{ Tags []string }
	_ = json.Unmarshal(x.Body, &list) // other bodies have no tags
	return list.Tags
}

// Location returns the Location: a path, a URL, or "".
func (x *Exchange) Location() string { return x.Header.Get("Location") }

// Parameters returns the parameters in the query of the Location or, of a list, of the Link, in the
// form name=value: those that can be the same in all answers.
func (x *Exchange) Parameters() []string {
	target := x.Location()
	if link := x.Header.Get("Link"); link != "" {
		target, _, _ = strings.Cut(strings.TrimPrefix(link, "<"), ">")
		target, _, _ = strings.Cut(target, ";")
	}
	_, query, _ := strings.Cut(target, "?")
	return slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool {
		name, value, ok := strings.Cut(pair, "=")
		return !ok || slices.Contains(varying, name) || len(value) > maxParameter
	})
}

// varying are the parameters of pages, and those with the state of an upload.
var varying = []string{"n", "last", "state", "_state"}

const maxParameter = 20 // bytes of a value; longer ones are identifiers

// IsAbsolute reports whether a Location or a Link has a scheme and a host.
func IsAbsolute(location string) bool { return strings.Contains(location, "://") }
