package exam

import (
	"bytes"
	"net/http"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
)

// Effect is one way in which a registry fails.
type Effect struct {
	Name string // in the table and in the names of subtests

	// Effect is the fault at every point. It is ignored if At is set.
	Effect faults.Effect

	// At returns the fault at a point, or nil if none applies there: a change of the
	// answer's body does not apply to an answer without one. Such a cell is
	// [NotApplicable] and has no subtest.
	At func(Point) faults.Effect

	// Then, if set, returns a second fault, which acts on the next request of the same
	// kind, such as the client's next try.
	Then func(Point) faults.Effect

	// Lie marks an effect by which the registry says something that is not true. It
	// decides between the verdicts "accepted a lie" and "hid a failure".
	Lie bool

	// pass marks an effect from which MustRecover demands recovery by default.
	pass bool
}

func (e *Effect) at(p Point) faults.Effect {
	if e.At == nil {
		return e.Effect
	}
	return e.At(p)
}

// rules returns the rules that act once at a point, or from the point on, or nil if the
// effect does not apply there.
func (e *Effect) rules(p Point, forever bool) []faults.Rule {
	first := e.at(p)
	switch {
	case first == nil:
		return nil
	case e.Then == nil:
		return []faults.Rule{p.rule(e.Name, first, forever)}
	}
	then := p.rule(e.Name+", then", e.Then(p), forever)
	return []faults.Rule{p.rule(e.Name, first, false), then.Optional()}
}

// mountRefused is the default effect that acts on the Store.
const mountRefused = "mount-refused"

// DefaultEffects returns the effects that [Sweep] uses by default. Those that cut or
// change a body do so in its middle. A correct client recovers from the effects with a
// star if they act once, or returns an error; see [MustRecover]:
//
//	500              500, as plain text *
//	503              503 with Retry-After: 1 *
//	429              429 with Retry-After: 1 *
//	401              401 with a Basic challenge
//	404              404
//	close            the connection is closed before the answer *
//	close-body       the connection is closed in the middle of the answer *
//	reset-body       the connection is reset in the middle of the answer *
//	reset-stream     the stream is reset before the answer; HTTP/2 only *
//	close-upload     the connection is closed after the first byte of the request's body *
//	lost-reply       the connection is closed after the registry acted and before the answer; writes only *
//	stall            the answer stops in the middle, and the connection stays open
//	truncate         the body is shorter, and Content-Length agrees; part of the range if a range was asked for
//	corrupt          one byte differs, in content that the client can verify
//	zeros            the body is all zeros
//	omit             a manifest, asked for by digest, lacks its first layer, or an index its first manifest
//	wrong-digest     Docker-Content-Digest is that of other content
//	redirect         a blob is at another host, which refuses credentials *
//	redirect-loop    content is redirected to itself
//	202              202 in place of 201, and nothing is stored; a manifest is
//	200              200 in place of 206, with the part
//	ignore-range     200 with the whole blob in place of 206 *
//	mount-refused    a mount is answered with an upload session *
//	mount-lost       a mount is answered with 201, and the blob is not there
//	stale-location   the Location of an upload is that of a session that has ended
//	absolute         the Location of an upload is a whole URL *
//	close-body+200   the connection is closed in the middle of the answer, then Range is ignored *
//	close-body+part  the same, then the answer has only a part of the range
//	close-body+416   the same, then the range is refused with 416
//	401+429          401 with the challenge, then 429 with Retry-After: 1
func DefaultEffects() []Effect {
	return []Effect{
		{Name: "500", Effect: faults.Status(http.StatusInternalServerError), pass: true},
		{Name: "503", Effect: faults.Status(http.StatusServiceUnavailable).RetryAfter(time.Second), pass: true},
		{Name: "429", Effect: tooMany(), pass: true},
		{Name: "401", Effect: unauthorized(`Basic realm="sweep"`)},
		{Name: "404", Effect: faults.Status(http.StatusNotFound)},
		{Name: "close", Effect: faults.Close(0), pass: true},
		{Name: "close-body", At: closeBody, pass: true},
		{Name: "reset-body", At: where(hasBody, halfway(func(n int64) faults.Effect { return faults.Reset(n) })), pass: true},
		{Name: "reset-stream", At: where(isHTTP2, always(faults.ResetStream(0).Code(internalError))), pass: true},
		{Name: "close-upload", At: closeUpload, pass: true},
		{Name: "lost-reply", At: where(func(p Point) bool { return p.Op.Write() }, always(faults.LoseReply())), pass: true},
		{Name: "stall", At: stall},
		{Name: "truncate", At: where(detectable, halfway(faults.Truncate)), Lie: true},
		{Name: "corrupt", At: where(verifiable, halfway(faults.Corrupt)), Lie: true},
		{Name: "zeros", At: where(detectable, always(faults.Zeros())), Lie: true},
		{Name: "omit", At: omit, Lie: true},
		{Name: "wrong-digest", At: where(hasCheckedDigest, always(faults.SetHeader("Docker-Content-Digest", string(digest.FromString("something else"))))), Lie: true},
		{Name: "redirect", At: where(is(op.BlobGet), always(faults.Redirect(http.StatusTemporaryRedirect, "{cdn}"))), pass: true},
		{Name: "redirect-loop", At: where(is(op.BlobGet, op.ManifestGet, op.TagList), always(faults.Redirect(http.StatusTemporaryRedirect, "{target}")))},
		{Name: "202", At: accepted, Lie: true},
		{Name: "200", At: where(isPart, always(faults.SetStatus(http.StatusOK))), Lie: true},
		{Name: "ignore-range", At: where(isPart, always(faults.IgnoreRange())), pass: true},
		{Name: mountRefused, At: where(is(op.BlobMount), always(faults.RefuseMount())), pass: true},
		{Name: "mount-lost", At: where(isMounted, always(faults.Status(http.StatusCreated).
			Header("Location", "{prefix}/v2/{repo}/blobs/{digest}").Header("Docker-Content-Digest", "{digest}"))), Lie: true},
		{Name: "stale-location", At: where(hasSession, always(faults.Location{Path: "{prefix}/v2/{repo}/blobs/uploads/stale", DropQuery: true}))},
		{Name: "absolute", At: where(hasSession, always(faults.Location{Absolute: true})), pass: true},
		{Name: "close-body+200", At: where(isFirstRead, closeBody), Then: always(faults.IgnoreRange()), pass: true},
		{Name: "close-body+part", At: where(isFirstRead, closeBody), Then: part, Lie: true},
		{Name: "close-body+416", At: where(isFirstRead, closeBody), Then: always(faults.Status(http.StatusRequestedRangeNotSatisfiable))},
		{Name: "401+429", At: where(isAuthenticated, challenge), Then: always(tooMany())},
	}
}

// internalError is the HTTP/2 error code INTERNAL_ERROR (RFC 9113, section 7).
const internalError = 2

func tooMany() faults.Effect {
	return faults.Status(http.StatusTooManyRequests).RetryAfter(time.Second)
}

func unauthorized(challenge string) faults.Effect {
	return faults.Status(http.StatusUnauthorized).Header("WWW-Authenticate", challenge)
}

func always(effect faults.Effect) func(Point) faults.Effect {
	return func(Point) faults.Effect { return effect }
}

// where returns the effect at the points that a function selects.
func where(applies func(Point) bool, effect func(Point) faults.Effect) func(Point) faults.Effect {
	return func(p Point) faults.Effect {
		if applies(p) {
			return effect(p)
		}
		return nil
	}
}

func is(ops ...op.Op) func(Point) bool {
	return func(p Point) bool { return slices.Contains(ops, p.Op) }
}

func hasBody(p Point) bool         { return p.ResponseBytes > 0 }
func isHTTP2(p Point) bool         { return p.Proto == "HTTP/2.0" }
func isPart(p Point) bool          { return p.Status == http.StatusPartialContent }
func isMounted(p Point) bool       { return p.Op == op.BlobMount && p.Status == http.StatusCreated }
func isAuthenticated(p Point) bool { return p.Scheme != "" && p.Op != op.Token && p.Occurrence == 1 }
func isFirstRead(p Point) bool     { return p.Op == op.BlobGet && p.Occurrence == 1 }

// isContent reports whether the answer has the content of a blob or a manifest.
func isContent(p Point) bool {
	return (p.Op == op.BlobGet || p.Op == op.ManifestGet) && hasBody(p) && p.Status < 300
}

// verifiable reports whether the client can verify the answer: it is content with a
// known digest, and the client reads all of it. The digest of a tag's manifest is only
// in the optional Docker-Content-Digest.
func verifiable(p Point) bool {
	return isContent(p) && p.whole && (p.Info.Digest != "" || hasDigest(p))
}

// detectable reports whether the client can detect that the answer ends early: by its
// digest, or because it is no JSON.
func detectable(p Point) bool { return hasBody(p) && (!isContent(p) || verifiable(p)) }

func hasDigest(p Point) bool { return p.ResponseHeader.Get("Docker-Content-Digest") != "" }

// hasCheckedDigest excludes the one answer whose digest the client cannot compare with
// anything: that to HEAD of a tag.
func hasCheckedDigest(p Point) bool {
	return hasDigest(p) && !(p.Op == op.ManifestHead && p.Info.Tag != "")
}

// hasSession reports whether the answer has the Location of an upload session.
func hasSession(p Point) bool {
	return p.Status == http.StatusAccepted && p.ResponseHeader.Get("Location") != ""
}

// halfway returns an effect in the middle of the answer's body.
func halfway(effect func(n int64) faults.Effect) func(Point) faults.Effect {
	return func(p Point) faults.Effect { return effect(p.ResponseBytes / 2) }
}

func closeBody(p Point) faults.Effect {
	if !hasBody(p) {
		return nil
	}
	return faults.Close(p.ResponseBytes / 2)
}

// part returns the beginning of an answer to a client that resumes after half the body.
func part(p Point) faults.Effect { return faults.Truncate(max(p.ResponseBytes/8, 1)) }

func stall(p Point) faults.Effect {
	if !hasBody(p) {
		return faults.Delay(0)
	}
	return faults.Stall(p.ResponseBytes/2, 0)
}

// omit returns an edit after which a manifest is one of other content. It does not act on
// tags, because some clients do not trust the optional Docker-Content-Digest.
func omit(p Point) faults.Effect {
	if p.Op != op.ManifestGet || p.Info.Digest == "" || !verifiable(p) {
		return nil
	}
	for _, list := range []string{"layers", "manifests"} {
		if bytes.Contains(p.ResponseBody, []byte(`"`+list+`":[{`)) {
			return faults.DropField(list + ".0")
		}
	}
	return nil
}

// closeUpload acts after one byte. The middle of the body is no fixed point: its
// length depends on which of a client's parallel uploads comes first.
func closeUpload(p Point) faults.Effect {
	if p.RequestBytes < 2 {
		return nil
	}
	return faults.Close(1).OfRequest()
}

// accepted answers 202 to what is answered with 201. Of a manifest the answer is wrong
// only in its status, because some registries answer so.
func accepted(p Point) faults.Effect {
	switch {
	case p.Status != http.StatusCreated:
		return nil
	case p.Op == op.ManifestPut:
		return faults.SetStatus(http.StatusAccepted)
	case p.Op == op.UploadCommit:
		return faults.Status(http.StatusAccepted).Header("Location", "{target}")
	case p.Op == op.BlobPost:
		return faults.Status(http.StatusAccepted).Header("Location", "{prefix}/v2/{repo}/blobs/uploads/stale")
	}
	return nil
}

// challenge answers 401 in the scheme of the request.
func challenge(p Point) faults.Effect {
	if p.Scheme == "Bearer" {
		return unauthorized(`Bearer realm="{realm}",service="{service}",scope="{scope}"`)
	}
	return unauthorized(`Basic realm="sweep"`)
}
