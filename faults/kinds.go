package faults

import (
	"reflect"

	"github.com/ocifake/ocifake/internal/strict"
)

// kind is a row of the table of effects: its name in text, what it does, and how
// its arguments are read and written.
type kind struct {
	name    string
	doc     string
	args    reflect.Type                           // the struct of its arguments; nil: there are none
	without string                                 // an argument of the struct that it does not take
	main    string                                 // the argument that a bare value is; empty: there is none
	decode  func(arguments []byte) (Effect, error) // in JSON; nil: there are none
	encode  func(Effect) any                       // nil: no arguments
}

// kinds are all effects. Names and arguments are never changed: files bear them.
func kinds() []kind {
	return []kind{
		row("status", "code", "answers in the registry's place", func(a answer) Effect { return Answer{a} }, func(e Answer) answer { return e.a }),
		row("redirect", "to", "answers with a redirect", newRedirect, same[redirect]),
		row("delay", "for", "waits before the registry handles the request or the connection", effect[delay], same[delay]),
		row("delay-reply", "for", "handles the request and waits before it answers", effect[delayReply], same[delayReply]),
		row("stall", "after", "sends the header and some bytes of the body, and waits", effect[stall], same[stall]),
		row("trickle", "", "transfers a few bytes at a time", func(a paceArgs) Effect { return Pace{a} }, func(e Pace) paceArgs { return e.args }),
		cutRow(closing, "closes the connection after some bytes"),
		cutRow(reset, "resets the connection after some bytes"),
		cutRow(resetOne, "resets the stream of HTTP/2 after some bytes"),
		cutRow(goAway, "sends GOAWAY after some bytes"),
		bare("goaway-graceful", "answers, and closes the connection to new requests", GoAwayGracefully()),
		bare("lose-reply", "handles the request and closes the connection without an answer", LoseReply()),
		row("truncate", "after", "ends the body early, with a Content-Length to match", effect[truncate], same[truncate]),
		row("raw", "bytes", "writes bytes that need not be HTTP, and closes the connection", effect[raw], same[raw]),
		bare("close-idle", "answers, and closes the connection at its next request", CloseIdle()),
		row("corrupt", "offset", "flips one byte of the content", effect[corrupt], same[corrupt]),
		bare("zeros", "sends zeros in place of the content", Zeros()),
		row("content-of", "digest", "sends other content of the repository", effect[contentOf], same[contentOf]),
		bare("gzip", "compresses the content, with Content-Encoding", Gzip()),
		bare("ignore-range", "answers a range request with the whole content", IgnoreRange()),
		row("shift-range", "by", "answers a range request with another range", func(a shiftRange) Effect { return ShiftedRange{a} }, func(e ShiftedRange) shiftRange { return e.shiftRange }),
		headerRow(setting, "sets a header field of the answer"),
		headerRow(adding, "adds a header field to the answer"),
		headerRow(dropping, "removes a header field from the answer"),
		row("set-status", "code", "sends the registry's answer with another status", effect[setStatus], same[setStatus]),
		row("location", "", "changes the Location of the answer", effect[Location], same[Location]),
		bare("lose-upload", "discards the upload session", LoseUpload()),
		bare("revoke-tokens", "revokes all tokens", RevokeTokens()),
		bare("drop-chunk", "accepts a chunk and forgets it", DropChunk()),
		bare("refuse-mount", "answers a mount with an upload session", RefuseMount()),
		bare("digest-tags", "takes a tag such as sha256-<hex> for a digest", DigestTags()),
		bare("vanish", "deletes what was pushed", Vanish()),
		lagRow(hiding, "keeps what is pushed unknown for a while"),
		lagRow(stale, "keeps a pushed tag on its previous manifest for a while"),
		lagRow(lagging, "leaves a pushed tag out of lists for a while"),
		row("immutable", "code", "answers a push to an existing tag", func(a answer) Effect { return immutable{Answer{a}} }, func(e immutable) answer { return e.answer.a }),
		bare("refuse", "resets a connection as it is opened", Refuse()),
		bare("silence", "never answers on a connection", Silence()),
		row("tls", "", "fails the TLS handshake, or presents a wrong certificate", func(a tlsArgs) Effect { return TLS{a} }, func(e TLS) tlsArgs { return e.args }),
		bare("pass", "does nothing", Pass()),
		{name: "all", doc: "has several effects at once", decode: decodeAll, encode: func(e Effect) any { return textsOf(e.(all).effects) }},
	}
}

// row is a kind whose arguments are those of a struct.
func row[A any, E Effect](name, main, doc string, make func(A) Effect, args func(E) A) kind {
	return kind{
		name: name, doc: doc, main: main, args: reflect.TypeFor[A](),
		decode: func(arguments []byte) (Effect, error) {
			var a A
			if arguments == nil {
				return make(a), nil
			}
			err := strict.DecodeArguments(arguments, main, &a)
			return make(a), err
		},
		encode: func(e Effect) any { return args(e.(E)) },
	}
}

// effect and same are for effects that are their own arguments.
func effect[E Effect](e E) Effect { return e }
func same[E Effect](e E) E        { return e }

func bare(name, doc string, e Effect) kind {
	return kind{name: name, doc: doc, decode: func(arguments []byte) (Effect, error) { return e, noArguments(arguments) }}
}

func newRedirect(e redirect) Effect {
	if e.Status == 0 {
		e.Status = 307
	}
	return e
}

func cutRow(how cutKind, doc string) kind {
	k := row(how.name, "after", doc, func(a cutArgs) Effect { return Cut{how, a} }, func(e Cut) cutArgs { return e.args })
	if !how.hasCode() {
		k.without = "code"
	}
	return k
}

func headerRow(how, doc string) kind {
	k := row(how, "name", doc, func(a headerArgs) Effect { return Header{how, a} }, func(e Header) headerArgs { return e.args })
	if how == dropping {
		k.without = "values"
	}
	return k
}

func lagRow(how lagKind, doc string) kind {
	return row(how.name, "requests", doc, func(a lagArgs) Effect { return Lag{how, a} }, func(e Lag) lagArgs { return e.args })
}
