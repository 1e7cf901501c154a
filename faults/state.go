package faults

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/opset"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// LoseUpload discards the upload session of the request, as a registry does whose
// replicas do not share sessions: 404 BLOB_UPLOAD_UNKNOWN.
func LoseUpload() Effect { return loseUpload{} }

type loseUpload struct{}

func (loseUpload) kind() string { return "lose-upload" }

func (loseUpload) needs() need { return needStore }

func (loseUpload) actsOn() opset.Set {
	return opset.Of(op.UploadChunk, op.UploadCommit, op.UploadStatus, op.UploadCancel)
}

func (loseUpload) prospect(*op.Info, *http.Request) prospect { return perhaps }

func (loseUpload) finds(ctx context.Context, store registry.Store, info *op.Info) bool {
	_, err := store.OpenUpload(ctx, info.Repo, info.Session)
	return !errors.Is(err, registry.UploadUnknown)
}

func (loseUpload) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	upload, err := x.engine.store.OpenUpload(r.Context(), x.info.Repo, x.info.Session)
	if err == nil && x.act() {
		err = upload.Cancel(r.Context())
	}
	if err != nil && !errors.Is(err, registry.UploadUnknown) {
		x.fail(w, r, err)
		return
	}
	next.ServeHTTP(w, r)
}

// fail answers with an error of the Store's that no fault asked for.
func (x *exchange) fail(w http.ResponseWriter, r *http.Request, err error) {
	abortIfLeft(r)
	http.Error(w, fmt.Sprintf("500 fault rule %s: %v", x.rule(), err), http.StatusInternalServerError)
}

// abortIfLeft ends a request whose client has left, in which case the Store fails.
func abortIfLeft(r *http.Request) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		panic(http.ErrAbortHandler)
	}
}

// RevokeTokens invalidates all tokens issued so far, before the request is
// authenticated. The request, and all others with these tokens, get 401. The rule must
// apply before authentication, see [Rule.BeforeAuth].
func RevokeTokens() Effect { return revokeTokens{} }

type revokeTokens struct{}

func (revokeTokens) kind() string { return "revoke-tokens" }

func (revokeTokens) needs() need { return needTokens }

func (revokeTokens) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.engine.boundTo().Tokens.RevokeAll()
	next.ServeHTTP(w, r)
}

// DropChunk accepts the bytes of a chunk, or of the PUT that closes an upload, and
// discards them. The answer reports success, with an unchanged Range. A commit fails
// with a wrong digest while bytes are missing.
func DropChunk() Effect { return dropChunk{} }

type dropChunk struct{}

func (dropChunk) kind() string { return "drop-chunk" }

func (dropChunk) needs() need { return needStore }

func (dropChunk) actsOn() opset.Set { return opset.Of(op.UploadChunk, op.UploadCommit) }

func (dropChunk) prospect(_ *op.Info, r *http.Request) prospect {
	if r.ContentLength == 0 {
		return never
	}
	return perhaps
}

func (dropChunk) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.askStore(r, func(f *storeFaults) { f.dropChunk = x.act })
	next.ServeHTTP(w, r)
}

// RefuseMount answers a mount as if the source did not have the blob: 202 and an upload
// session. For other answers use [Status].
func RefuseMount() Effect { return refuseMount{} }

type refuseMount struct{}

func (refuseMount) kind() string { return "refuse-mount" }

func (refuseMount) needs() need { return needStore }

func (refuseMount) actsOn() opset.Set { return opset.Of(op.BlobMount) }

func (refuseMount) prospect(*op.Info, *http.Request) prospect { return perhaps }

func (refuseMount) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.askStore(r, func(f *storeFaults) { f.refuseMount = x.act })
	next.ServeHTTP(w, r)
}

// Vanish serves a push, and deletes the blob, manifest or tag before the client receives
// the answer.
func Vanish() Effect { return vanish{} }

type vanish struct{}

func (vanish) kind() string { return "vanish" }

func (vanish) needs() need { return needStore }

func (vanish) actsOn() opset.Set { return pushes() }

func (vanish) prospect(*op.Info, *http.Request) prospect { return perhaps }

func (vanish) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.afterPush(w, r, next, func(ctx context.Context, pushed pushed) error {
		if !x.act() {
			return nil
		}
		if pushed.manifest {
			return x.engine.store.DeleteManifest(ctx, x.info.Repo, string(pushed.digest), registry.Precondition{})
		}
		return x.engine.store.DeleteBlob(ctx, x.info.Repo, pushed.digest)
	})
}

// pushed is what a request has put into the Store.
type pushed struct {
	manifest bool
	digest   digest.Digest
}

// afterPush calls a function when a push has succeeded, before the answer is
// sent.
func (x *exchange) afterPush(w http.ResponseWriter, r *http.Request, next http.Handler, then func(context.Context, pushed) error) {
	var failure error
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		p := pushed{manifest: x.info.Op == op.ManifestPut, digest: x.info.Digest}
		if verified := x.state.Learned().Verified; verified != "" {
			p.digest = verified
		}
		if status == http.StatusCreated && p.digest != "" {
			failure = then(context.WithoutCancel(r.Context()), p)
		}
		if failure != nil && !errors.Is(failure, registry.BlobUnknown) && !errors.Is(failure, registry.ManifestUnknown) {
			w.Header().Set("Warning", fmt.Sprintf("299 - %q", "fault rule "+x.rule()+": "+failure.Error()))
		}
		return status
	}
	out.serve(r, next)
}

// Lag is an effect that shows pushed content late, as replicas that lag do. It ends
// after a number of requests that it affects, or after a duration, whichever comes
// first; 0 sets no such end.
type Lag struct {
	how  lagKind
	args lagArgs
}

type lagArgs struct {
	Requests int      `json:"requests,omitempty" doc:"ends after this many requests that it affects"`
	For      duration `json:"for,omitempty" doc:"ends after this time"`
}

type lagKind struct {
	name string
	hide func(x *exchange, p pushed, before map[string]*registry.Manifest, l lease)
}

// Hide makes pushed content unknown to the next n requests for it by digest or tag, or
// for a duration; see [Lag].
func Hide(n int, d time.Duration) Lag { return Lag{hiding, lagArgs{n, duration(d)}} }

// StaleTag shows the previous manifest of a pushed tag, or none if the tag is new, to
// the next n requests by tag, or for a duration; see [Lag].
func StaleTag(n int, d time.Duration) Lag { return Lag{stale, lagArgs{n, duration(d)}} }

// LagTags omits pushed tags from the next n lists of tags, or for a duration; see [Lag].
func LagTags(n int, d time.Duration) Lag { return Lag{lagging, lagArgs{n, duration(d)}} }

var (
	hiding = lagKind{"hide", func(x *exchange, p pushed, _ map[string]*registry.Manifest, l lease) {
		kind := hiddenBlob
		if p.manifest {
			kind = hiddenManifest
		}
		x.engine.veil.add(veiled{kind, x.info.Repo, string(p.digest)}, l)
	}}
	stale = lagKind{"stale-tag", func(x *exchange, _ pushed, before map[string]*registry.Manifest, l lease) {
		x.eachTag(func(tag string) {
			l.before = before[tag]
			x.engine.veil.add(veiled{staleTag, x.info.Repo, tag}, l)
		})
	}}
	lagging = lagKind{"lag-tags", func(x *exchange, _ pushed, _ map[string]*registry.Manifest, l lease) {
		x.eachTag(func(tag string) { x.engine.veil.add(veiled{laggingTag, x.info.Repo, tag}, l) })
	}}
)

func (x *exchange) eachTag(do func(tag string)) {
	if x.info.Tag != "" {
		do(x.info.Tag)
	}
	for _, tag := range x.info.Tags {
		do(tag)
	}
}

func (e Lag) kind() string { return e.how.name }

func (e Lag) needs() need { return needStore }

func (e Lag) check() error {
	if e.args.Requests < 0 || e.args.For < 0 || e.args == (lagArgs{}) {
		return errors.New("want a number of requests, or a duration, more than 0")
	}
	return nil
}

func (e Lag) actsOn() opset.Set {
	if e.how.name == hiding.name {
		return pushes()
	}
	return opset.Of(op.ManifestPut)
}

// prospect is not surely: it acts on the requests that do not see what was pushed.
func (e Lag) prospect(info *op.Info, _ *http.Request) prospect {
	if e.how.name != hiding.name && info.Tag == "" && len(info.Tags) == 0 {
		return never
	}
	return perhaps
}

func (e Lag) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	before := map[string]*registry.Manifest{}
	x.eachTag(func(tag string) {
		if m, err := x.engine.store.Manifest(r.Context(), x.info.Repo, tag); err == nil {
			before[tag] = &m
		}
	})
	x.afterPush(w, r, next, func(_ context.Context, p pushed) error {
		if x.start() {
			l := newLease(e.args)
			l.acted = x.acted()
			e.how.hide(x, p, before, l)
		}
		return nil
	})
}

// Immutable sends this answer to a push to an existing tag, whatever its digest. It does
// not act on other pushes.
func Immutable(answer Answer) Effect { return immutable{answer} }

type immutable struct{ answer Answer }

func (immutable) kind() string { return "immutable" }

func (immutable) needs() need { return needStore }

func (e immutable) check() error { return e.answer.check() }

func (immutable) actsOn() opset.Set { return opset.Of(op.ManifestPut) }

func (immutable) prospect(info *op.Info, _ *http.Request) prospect {
	if info.Tag == "" {
		return never
	}
	return perhaps
}

func (immutable) finds(ctx context.Context, store registry.Store, info *op.Info) bool {
	_, err := store.Manifest(ctx, info.Repo, info.Tag)
	return err == nil
}

func (e immutable) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if _, err := x.engine.store.Manifest(r.Context(), x.info.Repo, x.info.Tag); err == nil && x.act() {
		e.answer.serve(x, w, r, next)
		return
	}
	next.ServeHTTP(w, r)
}
