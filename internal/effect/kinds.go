package effect

import (
	"reflect"

	"github.com/ocifake/ocifake/internal/strict"
)

// kind is a row of the table of effects: what an effect does, and how its arguments are read and
// written. Its name in text is that of the effect.
type kind struct {
	effect  Behaviour // with the arguments that it has by default
	doc     string
	args    string   // the field with its arguments, or itself; empty: there are none
	without []string // arguments of that struct that it does not take
	main    string   // the argument that a bare value is; empty: there is none
}

// itself stands for effects that are their own arguments.
const itself = "."

// Arguments that some kinds of an effect do not take.
var (
	noCode   = []string{"code"}
	noValues = []string{"values"}
)

// kinds are all effects. Names and arguments are never changed: files bear them.
var kinds = [...]kind{
	{effect: Answer{}, args: itself, main: "code", doc: "answers in the registry's place"},
	{effect: Redirect{Status: 307}, args: itself, main: "to", doc: "answers with a redirect"},
	{effect: Delay{}, args: itself, main: "for", doc: "waits before the registry handles the request or the connection"},
	{effect: DelayReply{}, args: itself, main: "for", doc: "handles the request and waits before it answers"},
	{effect: Stall{}, args: itself, main: "after", doc: "sends the header and some bytes of the body, and waits"},
	{effect: Pace{}, args: itself, doc: "transfers a few bytes at a time"},
	{effect: Cut{How: ByClose}, args: "CutArgs", main: "after", without: noCode, doc: "closes the connection after some bytes"},
	{effect: Cut{How: ByReset}, args: "CutArgs", main: "after", without: noCode, doc: "resets the connection after some bytes"},
	{effect: Cut{How: ByStream}, args: "CutArgs", main: "after", doc: "resets the stream of HTTP/2 after some bytes"},
	{effect: Cut{How: ByGoAway}, args: "CutArgs", main: "after", doc: "sends GOAWAY after some bytes"},
	{effect: GoAwayGracefully{}, doc: "answers, and closes the connection to new requests"},
	{effect: LoseReply{}, doc: "handles the request and closes the connection without an answer"},
	{effect: Truncate{}, args: itself, main: "after", doc: "ends the body early, with a Content-Length to match"},
	{effect: Raw{}, args: itself, main: "bytes", doc: "writes bytes that need not be HTTP, and closes the connection"},
	{effect: CloseIdle{}, doc: "answers, and closes the connection at its next request"},
	{effect: Corrupt{}, args: itself, main: "offset", doc: "flips one byte of the content"},
	{effect: Zeros{}, doc: "sends zeros in place of the content"},
	{effect: ContentOf{}, args: itself, main: "digest", doc: "sends other content of the repository"},
	{effect: Compress{}, args: itself, main: "coding", doc: "sends the content in a content coding"},
	{effect: IgnoreRange{}, doc: "answers a range request with the whole content"},
	{effect: Multipart{}, args: itself, doc: "answers a request for several ranges with multipart/byteranges"},
	{effect: ShiftRange{}, args: itself, main: "by", doc: "answers a range request with another range"},
	{effect: Header{How: Setting}, args: "HeaderArgs", main: "name", doc: "sets a header field of the answer"},
	{effect: Header{How: Adding}, args: "HeaderArgs", main: "name", doc: "adds a header field to the answer"},
	{effect: Header{How: Dropping}, args: "HeaderArgs", main: "name", without: noValues, doc: "removes a header field from the answer"},
	{effect: Trailer{}, args: itself, doc: "adds a field to the trailer of the answer"},
	{effect: ignorePings, doc: "answers no PING of HTTP/2 on the connection from now on"},
	{effect: withholdWindows, doc: "sends no WINDOW_UPDATE of HTTP/2 on the connection from now on"},
	{effect: withholdContinue, doc: "reads the body without sending 100 Continue"},
	{effect: bareLF, doc: "ends the lines of the header with LF"},
	{effect: SetStatus{}, args: itself, main: "code", doc: "sends the registry's answer with another status"},
	{effect: Edit{How: SettingField}, args: "EditArgs", without: []string{"to", "old", "new"}, doc: "sets fields of a JSON body, and adds one that an object does not have"},
	{effect: Edit{How: DroppingField}, args: "EditArgs", main: "path", without: []string{"value", "to", "old", "new"}, doc: "removes fields of a JSON body, or elements of a list"},
	{effect: Edit{How: RenamingField}, args: "EditArgs", without: []string{"value", "old", "new"}, doc: "renames fields of a JSON body"},
	{effect: Edit{How: ReplacingText}, args: "EditArgs", without: []string{"path", "value", "to"}, doc: "replaces text in a body"},
	{effect: Location{}, args: itself, doc: "changes the Location of the answer"},
	{effect: RequestHeader{How: SettingRequest}, args: "HeaderArgs", main: "name", doc: "sets a header field of the request on its way, as a proxy does"},
	{effect: RequestHeader{How: DroppingRequest}, args: "HeaderArgs", main: "name", without: noValues, doc: "removes a header field of the request on its way"},
	{effect: DropQuery{}, doc: "removes the query of the request on its way"},
	{effect: SetHost{}, args: itself, main: "host", doc: "changes the host that the request is for, and with it the URLs in the answer"},
	{effect: ShiftProgress{}, args: itself, main: "by", doc: "changes the Range of an upload's answer"},
	{effect: StuckProgress{}, doc: "repeats the Range of before the chunk"},
	{effect: RefuseStale{}, doc: "refuses an upload location that is not the latest one"},
	{effect: LoseUpload{}, doc: "discards the upload session"},
	{effect: RevokeTokens{}, doc: "revokes all tokens"},
	{effect: DropChunk{}, doc: "accepts a chunk and forgets it"},
	{effect: RefuseMount{}, doc: "answers a mount with an upload session"},
	{effect: DigestTags{}, doc: "takes a tag such as sha256-<hex> for a digest"},
	{effect: Vanish{}, doc: "deletes what was pushed"},
	{effect: Lag{How: Hiding}, args: "LagArgs", main: "requests", doc: "keeps what is pushed unknown for a while"},
	{effect: Lag{How: Stale}, args: "LagArgs", main: "requests", doc: "keeps a pushed tag on its previous manifest for a while"},
	{effect: Lag{How: Lagging}, args: "LagArgs", main: "requests", doc: "leaves a pushed tag out of lists for a while"},
	{effect: LateDelete{}, args: "LagArgs", main: "requests", doc: "keeps deleted content visible for a while"},
	{effect: Immutable{}, args: "Answer", main: "code", doc: "answers a push to an existing tag"},
	{effect: Limit{How: RateLimit}, args: "LimitArgs", without: notRateLimit, doc: "refuses requests above a number of requests or bytes in a time"},
	{effect: Limit{How: Concurrency}, args: "LimitArgs", main: "requests", without: notConcurrency, doc: "refuses requests above a number at a time"},
	{effect: Limit{How: Ceiling}, args: "LimitArgs", main: "bytes", without: notCeiling, doc: "refuses request bodies above a size"},
	{effect: Refuse{}, doc: "resets a connection as it is opened"},
	{effect: Silence{}, doc: "never answers on a connection"},
	{effect: TLS{}, args: itself, doc: "fails the TLS handshake, or presents a wrong certificate"},
	{effect: Func{}, args: "FuncArgs", main: "name", doc: "calls a function of a Go program, which text can only list by its name"},
	{effect: Pass{}, doc: "does nothing"},
	{effect: All(nil), doc: "has several effects at once"},
}

// argsOf are the arguments in an effect of the kind; they are not valid if the kind has none.
func (k *kind) argsOf(effect reflect.Value) reflect.Value {
	switch k.args {
	case "":
		return reflect.Value{}
	case itself:
		return effect
	}
	return effect.FieldByName(k.args)
}

// decode returns an effect with arguments in JSON, if there are any.
func (k *kind) decode(arguments []byte) (Behaviour, error) {
	if _, ok := k.effect.(All); ok {
		return decodeAll(arguments)
	}
	if k.args == "" {
		return k.effect, noArguments(arguments)
	}
	if arguments == nil {
		return k.effect, nil
	}
	v := reflect.New(reflect.TypeOf(k.effect)).Elem()
	v.Set(reflect.ValueOf(k.effect))
	err := strict.DecodeArguments(arguments, k.main, k.argsOf(v).Addr().Interface())
	return v.Interface().(Behaviour), err
}

// encode returns an effect of the kind as a value for [json.Marshal].
func (k *kind) encode(b Behaviour) any {
	if group, ok := b.(All); ok {
		return map[string]any{k.effect.Kind(): Texts(group)}
	}
	if k.args == "" {
		return k.effect.Kind()
	}
	return map[string]any{k.effect.Kind(): k.argsOf(reflect.ValueOf(b)).Interface()}
}
