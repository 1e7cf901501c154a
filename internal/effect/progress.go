package effect

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// The answers about an upload have a Range with the bytes received, "0-99".

// uploadRange is the Range of a session that has received n bytes.
func uploadRange(n int64) string { return fmt.Sprintf("0-%d", max(n-1, 0)) }

// ShiftProgress changes the end of the Range in an answer about an upload.
type ShiftProgress struct {
	By int64 `json:"by" doc:"bytes by which Range ends later; negative: earlier"`
}

func (ShiftProgress) Kind() string { return "shift-progress" }

func (e ShiftProgress) check() error {
	if e.By == 0 {
		return errors.New("by: want a number of bytes other than 0")
	}
	return nil
}

func (ShiftProgress) actsOn() filter.Ops {
	return filter.OpsOf(op.UploadStart, op.BlobMount, op.BlobPost, op.UploadChunk, op.UploadCommit, op.UploadStatus)
}

func (ShiftProgress) prospect(*op.Info, *http.Request) Prospect { return Perhaps }

func (e ShiftProgress) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		var end int64
		if n, err := fmt.Sscanf(w.Header().Get("Range"), "0-%d", &end); n != 1 || err != nil || e.By > math.MaxInt64-end {
			return status
		}
		if shifted := max(end+e.By, 0); shifted != end && x.act() {
			w.Header().Set("Range", fmt.Sprintf("0-%d", shifted))
		}
		return status
	}
	out.serve(r, next)
}

// StuckProgress answers a chunk with the Range of before it.
type StuckProgress struct{}

func (StuckProgress) Kind() string { return "stuck-progress" }

func (StuckProgress) early() string { return actsOnRequest }

func (StuckProgress) needs() need { return needStore }

func (StuckProgress) actsOn() filter.Ops { return filter.OpsOf(op.UploadChunk) }

func (StuckProgress) prospect(*op.Info, *http.Request) Prospect { return Perhaps }

func (StuckProgress) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	upload, err := x.env.store.OpenUpload(r.Context(), x.info.Repo, x.info.Session)
	if err != nil {
		next.ServeHTTP(w, r)
		return
	}
	before := uploadRange(upload.Size())
	out := &rewriter{ResponseWriter: w}
	out.header = func(status int) int {
		if now := w.Header().Get("Range"); status == http.StatusAccepted && now != before && x.act() {
			w.Header().Set("Range", before)
		}
		return status
	}
	out.serve(r, next)
}

// RefuseStale refuses a chunk at an upload location that is not the latest one.
type RefuseStale struct{}

func (RefuseStale) Kind() string { return "refuse-stale" }

func (RefuseStale) early() string { return actsOnRequest }

func (RefuseStale) needs() need { return needStore }

func (RefuseStale) actsOn() filter.Ops { return filter.OpsOf(op.UploadChunk, op.UploadCommit) }

func (RefuseStale) prospect(*op.Info, *http.Request) Prospect { return Perhaps }

func (RefuseStale) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.askStore(r, func(f *storeFaults) { f.refuseStale = x.act })
	next.ServeHTTP(w, r)
}

// staleUpload refuses what is sent to an old location. The registry learns that a location
// is old after it has opened the session.
type staleUpload struct {
	registry.Upload
	refuse func() bool
}

func (u staleUpload) refused(ctx context.Context) error {
	if state := inflight.Of(ctx); state == nil || !state.Learned().StaleState || !u.refuse() {
		return nil
	}
	return &registry.Error{Cause: registry.UploadUnknown, Message: "the upload location is not the latest one"}
}

func (u staleUpload) Append(ctx context.Context, c registry.Chunk) error {
	if err := u.refused(ctx); err != nil {
		return err
	}
	return u.Upload.Append(ctx, c)
}

func (u staleUpload) Commit(ctx context.Context, c registry.Chunk, d digest.Digest) error {
	if err := u.refused(ctx); err != nil {
		return err
	}
	return u.Upload.Commit(ctx, c, d)
}
