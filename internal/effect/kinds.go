package effect

import (
	"reflect"
	"sync"

	"github.com/ocifake/ocifake/internal/strict"
)

// kind is a row of the table of effects: its name in text, what it does, and how
// its arguments are read and written.
type kind struct {
	name    string
	doc     string
	args    reflect.Type                              // the struct of its arguments; nil: there are none
	without []string                                  // arguments of the struct that it does not take
	main    string                                    // the argument that a bare value is; empty: there is none
	decode  func(arguments []byte) (Behaviour, error) // in JSON; nil: there are none
	encode  func(Behaviour) any                       // nil: no arguments
}

// kinds returns all effects. Callers do not change the table. A variable with an initializer would
// depend on itself: effects contain effects.
func kinds() []kind {
	kindTable.made.Do(func() { kindTable.kinds = newKinds() })
	return kindTable.kinds
}

var kindTable struct {
	made  sync.Once
	kinds []kind
}

// newKinds makes the table. Names and arguments are never changed: files bear them.
func newKinds() []kind {
	return []kind{
		row("status", "code", "answers in the registry's place", Answer{}),
		redirectRow(),
		row("delay", "for", "waits before the registry handles the request or the connection", Delay{}),
		row("delay-reply", "for", "handles the request and waits before it answers", DelayReply{}),
		row("stall", "after", "sends the header and some bytes of the body, and waits", Stall{}),
		row("trickle", "", "transfers a few bytes at a time", Pace{}),
		cutRow(ByClose, "closes the connection after some bytes"),
		cutRow(ByReset, "resets the connection after some bytes"),
		cutRow(ByStream, "resets the stream of HTTP/2 after some bytes"),
		cutRow(ByGoAway, "sends GOAWAY after some bytes"),
		bare("goaway-graceful", "answers, and closes the connection to new requests", GoAwayGracefully{}),
		bare("lose-reply", "handles the request and closes the connection without an answer", LoseReply{}),
		row("truncate", "after", "ends the body early, with a Content-Length to match", Truncate{}),
		row("raw", "bytes", "writes bytes that need not be HTTP, and closes the connection", Raw{}),
		bare("close-idle", "answers, and closes the connection at its next request", CloseIdle{}),
		row("corrupt", "offset", "flips one byte of the content", Corrupt{}),
		bare("zeros", "sends zeros in place of the content", Zeros{}),
		row("content-of", "digest", "sends other content of the repository", ContentOf{}),
		row("compress", "coding", "sends the content in a content coding", Compress{}),
		bare("ignore-range", "answers a range request with the whole content", IgnoreRange{}),
		row("multipart", "", "answers a request for several ranges with multipart/byteranges", Multipart{}),
		row("shift-range", "by", "answers a range request with another range", ShiftRange{}),
		headerRow(Setting, "sets a header field of the answer"),
		headerRow(Adding, "adds a header field to the answer"),
		headerRow(Dropping, "removes a header field from the answer"),
		row("trailer", "", "adds a field to the trailer of the answer", Trailer{}),
		wireRow(IgnorePings, "answers no PING of HTTP/2 on the connection from now on"),
		wireRow(WithholdWindows, "sends no WINDOW_UPDATE of HTTP/2 on the connection from now on"),
		wireRow(WithholdContinue, "reads the body without sending 100 Continue"),
		wireRow(BareLF, "ends the lines of the header with LF"),
		row("set-status", "code", "sends the registry's answer with another status", SetStatus{}),
		editRow(SettingField, "", "sets fields of a JSON body, and adds one that an object does not have", "to", "old", "new"),
		editRow(DroppingField, "path", "removes fields of a JSON body, or elements of a list", "value", "to", "old", "new"),
		editRow(RenamingField, "", "renames fields of a JSON body", "value", "old", "new"),
		editRow(ReplacingText, "", "replaces text in a body", "path", "value", "to"),
		row("location", "", "changes the Location of the answer", Location{}),
		requestHeaderRow(SettingRequest, "sets a header field of the request on its way, as a proxy does"),
		requestHeaderRow(DroppingRequest, "removes a header field of the request on its way"),
		bare("drop-query", "removes the query of the request on its way", DropQuery{}),
		row("set-host", "host", "changes the host that the request is for, and with it the URLs in the answer", SetHost{}),
		row("shift-progress", "by", "changes the Range of an upload's answer", ShiftProgress{}),
		bare("stuck-progress", "repeats the Range of before the chunk", StuckProgress{}),
		bare("refuse-stale", "refuses an upload location that is not the latest one", RefuseStale{}),
		bare("lose-upload", "discards the upload session", LoseUpload{}),
		bare("revoke-tokens", "revokes all tokens", RevokeTokens{}),
		bare("drop-chunk", "accepts a chunk and forgets it", DropChunk{}),
		bare("refuse-mount", "answers a mount with an upload session", RefuseMount{}),
		bare("digest-tags", "takes a tag such as sha256-<hex> for a digest", DigestTags{}),
		bare("vanish", "deletes what was pushed", Vanish{}),
		lagRow(Hiding, "keeps what is pushed unknown for a while"),
		lagRow(Stale, "keeps a pushed tag on its previous manifest for a while"),
		lagRow(Lagging, "leaves a pushed tag out of lists for a while"),
		rowOf("late-delete", "requests", "keeps deleted content visible for a while", LateDelete{}, "LagArgs"),
		rowOf("immutable", "code", "answers a push to an existing tag", Immutable{}, "Answer"),
		limitRow(RateLimit, "", "refuses requests above a number of requests or bytes in a time"),
		limitRow(Concurrency, "requests", "refuses requests above a number at a time"),
		limitRow(Ceiling, "bytes", "refuses request bodies above a size"),
		bare("refuse", "resets a connection as it is opened", Refuse{}),
		bare("silence", "never answers on a connection", Silence{}),
		row("tls", "", "fails the TLS handshake, or presents a wrong certificate", TLS{}),
		rowOf("func", "name", "calls a function of a Go program, which text can only list by its name", Func{}, "FuncArgs"),
		bare("pass", "does nothing", Pass{}),
		{name: "all", doc: "has several effects at once", decode: decodeAll, encode: func(b Behaviour) any { return Texts(b.(All)) }},
	}
}

// row is a kind of effects that are their own arguments.
func row(name, main, doc string, e Behaviour) kind {
	return kind{
		name: name, doc: doc, main: main, args: reflect.TypeOf(e),
		decode: func(arguments []byte) (Behaviour, error) { return decoded(e, "", main, arguments) },
		encode: func(e Behaviour) any { return e },
	}
}

// rowOf is a kind of effects whose arguments are a field.
func rowOf(name, main, doc string, e Behaviour, field string) kind {
	return kind{
		name: name, doc: doc, main: main, args: reflect.ValueOf(e).FieldByName(field).Type(),
		decode: func(arguments []byte) (Behaviour, error) { return decoded(e, field, main, arguments) },
		encode: func(e Behaviour) any { return reflect.ValueOf(e).FieldByName(field).Interface() },
	}
}

// decoded returns a copy of an effect with arguments in JSON, if there are any: those of a field, or
// of the effect itself.
func decoded(e Behaviour, field, main string, arguments []byte) (Behaviour, error) {
	if arguments == nil {
		return e, nil
	}
	v := reflect.New(reflect.TypeOf(e)).Elem()
	v.Set(reflect.ValueOf(e))
	args := v
	if field != "" {
		args = v.FieldByName(field)
	}
	err := strict.DecodeArguments(arguments, main, args.Addr().Interface())
	return v.Interface().(Behaviour), err
}

func bare(name, doc string, e Behaviour) kind {
	return kind{name: name, doc: doc, decode: func(arguments []byte) (Behaviour, error) { return e, noArguments(arguments) }}
}

func redirectRow() kind {
	k := row("redirect", "to", "answers with a redirect", Redirect{})
	decode := k.decode
	k.decode = func(arguments []byte) (Behaviour, error) {
		b, err := decode(arguments)
		e := b.(Redirect)
		if e.Status == 0 {
			e.Status = 307
		}
		return e, err
	}
	return k
}

func cutRow(how CutKind, doc string) kind {
	k := rowOf(how.name, "after", doc, Cut{How: how}, "CutArgs")
	if !how.hasCode() {
		k.without = []string{"code"}
	}
	return k
}

func headerRow(how, doc string) kind {
	k := rowOf(how, "name", doc, Header{How: how}, "HeaderArgs")
	if how == Dropping {
		k.without = []string{"values"}
	}
	return k
}

func requestHeaderRow(how, doc string) kind {
	k := rowOf(how, "name", doc, RequestHeader{How: how}, "HeaderArgs")
	if how == DroppingRequest {
		k.without = []string{"values"}
	}
	return k
}

func editRow(how, main, doc string, without ...string) kind {
	k := rowOf(how, main, doc, Edit{How: how}, "EditArgs")
	k.without = without
	return k
}

func wireRow(what Change, doc string) kind {
	e := NewOnWire(what)
	return bare(e.name, doc, e)
}

func lagRow(how LagKind, doc string) kind {
	return rowOf(how.name, "requests", doc, Lag{How: how}, "LagArgs")
}

func limitRow(how LimitKind, main, doc string) kind {
	k := rowOf(string(how), main, doc, Limit{How: how}, "LimitArgs")
	k.without = how.without()
	return k
}
