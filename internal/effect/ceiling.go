package effect

import (
	"errors"
	"net/http"

	"github.com/ocifake/ocifake/registry"
)

// serveBelow refuses a request whose body is above the limit. If Content-Length does not
// say, it reads up to the limit first, so that the registry never sees the begin of a body
// that is refused.
func (e Limit) serveBelow(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	room, err := e.room(x, r)
	if err != nil {
		x.fail(w, r, err)
		return
	}
	refuse := func() { e.refuse(x, quota{limit: int64(e.Bytes), used: int64(e.Bytes) - room}, w, r) }
	if r.ContentLength >= 0 {
		if r.ContentLength > room && x.act() {
			refuse()
			return
		}
		next.ServeHTTP(w, r)
		return
	}
	again, goesOn := readAhead(r, room)
	if goesOn && x.act() {
		refuse()
		return
	}
	next.ServeHTTP(w, again)
}

// room returns how many bytes a body may have.
func (e Limit) room(x *Exchange, r *http.Request) (int64, error) {
	if !e.Upload || x.info.Session == "" {
		return int64(e.Bytes), nil
	}
	upload, err := x.env.store.OpenUpload(r.Context(), x.info.Repo, x.info.Session)
	if errors.Is(err, registry.UploadUnknown) {
		return int64(e.Bytes), nil // the registry says so
	}
	if err != nil {
		return 0, err
	}
	return max(int64(e.Bytes)-upload.Size(), 0), nil
}
