package effect

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// LoseUpload discards the upload session.
type LoseUpload struct{}

func (LoseUpload) Kind() string { return "lose-upload" }

func (LoseUpload) early() string { return actsOnRequest }

func (LoseUpload) needs() need { return needStore }

func (LoseUpload) actsOn() filter.Ops {
	return filter.OpsOf(op.UploadChunk, op.UploadCommit, op.UploadStatus, op.UploadCancel)
}

func (LoseUpload) prospect(*op.Info, *http.Request) Prospect { return Perhaps }

func (LoseUpload) finds(ctx context.Context, store registry.Store, info *op.Info) bool {
	_, err := store.OpenUpload(ctx, info.Repo, info.Session)
	return !errors.Is(err, registry.UploadUnknown)
}

func (LoseUpload) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	upload, err := x.env.store.OpenUpload(r.Context(), x.info.Repo, x.info.Session)
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
func (x *Exchange) fail(w http.ResponseWriter, r *http.Request, err error) {
	abortIfLeft(r)
	http.Error(w, fmt.Sprintf("500 fault rule %s: %v", x.shot.Rule(), err), http.StatusInternalServerError)
}

// abortIfLeft ends a request whose client has left, in which case the Store fails.
func abortIfLeft(r *http.Request) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		panic(http.ErrAbortHandler)
	}
}

// RevokeTokens invalidates all tokens.
type RevokeTokens struct{}

func (RevokeTokens) Kind() string { return "revoke-tokens" }

func (RevokeTokens) early() string { return actsOnRequest }

func (RevokeTokens) needs() need { return needTokens }

func (RevokeTokens) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.env.tokens().RevokeAll()
	next.ServeHTTP(w, r)
}

// DropChunk accepts a chunk and discards it.
type DropChunk struct{}

func (DropChunk) Kind() string { return "drop-chunk" }

func (DropChunk) early() string { return actsOnRequest }

func (DropChunk) needs() need { return needStore }

func (DropChunk) actsOn() filter.Ops { return filter.OpsOf(op.UploadChunk, op.UploadCommit) }

func (DropChunk) prospect(_ *op.Info, r *http.Request) Prospect {
	if r.ContentLength == 0 {
		return Never
	}
	return Perhaps
}

func (DropChunk) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.askStore(r, func(f *storeFaults) { f.dropChunk = x.act })
	next.ServeHTTP(w, r)
}

// RefuseMount answers a mount with an upload session.
type RefuseMount struct{}

func (RefuseMount) Kind() string { return "refuse-mount" }

func (RefuseMount) early() string { return actsOnRequest }

func (RefuseMount) needs() need { return needStore }

func (RefuseMount) actsOn() filter.Ops { return filter.OpsOf(op.BlobMount) }

func (RefuseMount) prospect(*op.Info, *http.Request) Prospect { return Perhaps }

func (RefuseMount) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.askStore(r, func(f *storeFaults) { f.refuseMount = x.act })
	next.ServeHTTP(w, r)
}

// Vanish deletes what was pushed.
type Vanish struct{}

func (Vanish) Kind() string { return "vanish" }

func (Vanish) early() string { return actsOnPush }

func (Vanish) needs() need { return needStore }

func (Vanish) actsOn() filter.Ops { return pushes() }

func (Vanish) prospect(*op.Info, *http.Request) Prospect { return Perhaps }

func (Vanish) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.afterPush(w, r, next, func(ctx context.Context, pushed pushed) error {
		if !x.act() {
			return nil
		}
		if pushed.manifest {
			return x.env.store.DeleteManifest(ctx, x.info.Repo, string(pushed.digest), registry.Precondition{})
		}
		return x.env.store.DeleteBlob(ctx, x.info.Repo, pushed.digest)
	})
}

// pushed is what a request has put into the Store.
type pushed struct {
	manifest bool
	digest   digest.Digest
}

// afterPush calls a function when a push has succeeded, before the answer is
// sent.
func (x *Exchange) afterPush(w http.ResponseWriter, r *http.Request, next http.Handler, then func(context.Context, pushed) error) {
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
			w.Header().Set("Warning", fmt.Sprintf("299 - %q", "fault rule "+x.shot.Rule()+": "+failure.Error()))
		}
		return status
	}
	out.serve(r, next)
}

// Lag shows pushed content late.
type Lag struct {
	How LagKind
	LagArgs
}

// LagArgs are the arguments of [Lag] and [LateDelete].
type LagArgs struct {
	Requests int      `json:"requests,omitempty" doc:"ends after this number of requests that it affects"`
	For      Duration `json:"for,omitempty" doc:"ends after this time"`
}

// LagKind is what a [Lag] does not show.
type LagKind struct {
	name string
	hide func(x *Exchange, p pushed, before map[string]*registry.Manifest, l lease)
}

// The kinds of [Lag].
var (
	Hiding = LagKind{"hide", func(x *Exchange, p pushed, _ map[string]*registry.Manifest, l lease) {
		kind := hiddenBlob
		if p.manifest {
			kind = hiddenManifest
		}
		x.env.veil.add(veiled{kind, x.info.Repo, string(p.digest)}, l)
	}}
	Stale = LagKind{"stale-tag", func(x *Exchange, _ pushed, before map[string]*registry.Manifest, l lease) {
		x.eachTag(func(tag string) {
			l.before = before[tag]
			x.env.veil.add(veiled{staleTag, x.info.Repo, tag}, l)
		})
	}}
	Lagging = LagKind{"lag-tags", func(x *Exchange, _ pushed, _ map[string]*registry.Manifest, l lease) {
		x.eachTag(func(tag string) { x.env.veil.add(veiled{laggingTag, x.info.Repo, tag}, l) })
	}}
)

func (x *Exchange) eachTag(do func(tag string)) {
	if x.info.Tag != "" {
		do(x.info.Tag)
	}
	for _, tag := range x.info.Tags {
		do(tag)
	}
}

func (e Lag) Kind() string { return e.How.name }

func (Lag) early() string { return actsOnPush }

func (e Lag) needs() need { return needStore }

func (e Lag) check() error { return e.LagArgs.check() }

func (e LagArgs) check() error {
	if e.Requests < 0 || e.For < 0 || e == (LagArgs{}) {
		return errors.New("want a number of requests, or a duration, more than 0")
	}
	return nil
}

func (e Lag) actsOn() filter.Ops {
	if e.How.name == Hiding.name {
		return pushes()
	}
	return filter.OpsOf(op.ManifestPut)
}

// prospect is not surely: it acts on the requests that do not see what was pushed.
func (e Lag) prospect(info *op.Info, _ *http.Request) Prospect {
	if e.How.name != Hiding.name && info.Tag == "" && len(info.Tags) == 0 {
		return Never
	}
	return Perhaps
}

func (e Lag) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	before := map[string]*registry.Manifest{}
	x.eachTag(func(tag string) {
		if m, err := x.env.store.Manifest(r.Context(), x.info.Repo, tag); err == nil {
			before[tag] = &m
		}
	})
	x.afterPush(w, r, next, func(_ context.Context, p pushed) error {
		if x.start() {
			l := newLease(e.LagArgs)
			l.acted = x.acted()
			e.How.hide(x, p, before, l)
		}
		return nil
	})
}

// Immutable answers a push to an existing tag.
type Immutable struct{ Answer Answer }

func (Immutable) Kind() string { return "immutable" }

func (Immutable) early() string { return actsBefore + "use status" }

func (Immutable) needs() need { return needStore }

func (e Immutable) check() error { return e.Answer.check() }

func (Immutable) actsOn() filter.Ops { return filter.OpsOf(op.ManifestPut) }

func (Immutable) prospect(info *op.Info, _ *http.Request) Prospect {
	if info.Tag == "" {
		return Never
	}
	return Perhaps
}

func (Immutable) finds(ctx context.Context, store registry.Store, info *op.Info) bool {
	_, err := store.Manifest(ctx, info.Repo, info.Tag)
	return err == nil
}

func (e Immutable) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if _, err := x.env.store.Manifest(r.Context(), x.info.Repo, x.info.Tag); err == nil && x.act() {
		e.Answer.serve(x, w, r, next)
		return
	}
	next.ServeHTTP(w, r)
}
