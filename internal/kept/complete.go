package kept

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// complete reads from the host what passed only in part.
func (h *Host) complete(ctx context.Context) error {
	h.completing.Store(true)
	for {
		h.mu.Lock()
		needs := slices.SortedFunc(maps.Keys(h.needs), comparePlaces)
		h.mu.Unlock()
		progress := false
		for _, p := range needs {
			if err := ctx.Err(); err != nil {
				return err
			}
			progress = h.read(ctx, p) || progress
		}
		if !progress { // what is read may need more
			break
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, p := range slices.SortedFunc(maps.Keys(h.needs), comparePlaces) {
		errs = append(errs, fmt.Errorf("%s/%s is incomplete: %s", p.repo, p.path(), h.needs[p]))
	}
	for _, path := range slices.Sorted(maps.Keys(h.failures)) {
		errs = append(errs, fmt.Errorf("%s: %s", path, h.failures[path]))
	}
	if len(errs) > maxErrors {
		errs = append(errs[:maxErrors], fmt.Errorf("and %d more", len(errs)-maxErrors))
	}
	return errors.Join(errs...)
}

const maxErrors = 20 // in a message

func comparePlaces(a, b place) int {
	return cmp.Or(cmp.Compare(a.repo, b.repo), cmp.Compare(a.path(), b.path()))
}

// read reads content from the host, with the credentials of a client or those of the upstream, and
// reports whether it has come. [Host.Tap] keeps it.
func (h *Host) read(ctx context.Context, p place) bool {
	h.mu.Lock()
	authorization := h.logins[p.repo]
	h.mu.Unlock()
	header := http.Header{}
	if p.manifest {
		header.Set("Accept", strings.Join([]string{
			ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex,
			"application/vnd.docker.distribution.manifest.v2+json", "application/vnd.docker.distribution.manifest.list.v2+json", "*/*"}, ", "))
	}
	status := 0
	if authorization != "" {
		header.Set("Authorization", authorization)
		status = h.get(ctx, h.Upstream, p, header)
		header.Del("Authorization")
	}
	if status != http.StatusOK {
		status = h.get(ctx, h.Upstream.Direct(), p, header)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	why, needed := h.needs[p]
	if needed && status != http.StatusOK {
		if status != 0 && !strings.Contains(string(why), "answered") {
			h.needs[p] = need(fmt.Sprintf("%s; reading it from the host, it answered %d", why, status))
		}
	}
	return !needed
}

const maxRedirects = 5

// get sends a request to a handler, follows redirects, and returns the last status. It is 0 if the
// answer was cut.
func (h *Host) get(ctx context.Context, handler http.Handler, p place, header http.Header) int {
	handler = h.Upstream.Address(handler)
	target := "/v2/" + p.repo + "/" + p.path()
	for range maxRedirects {
		w, err := h.send(ctx, handler, target, header)
		if err != nil {
			return 0
		}
		if w.status/100 != 3 {
			return w.status
		}
		at, err := url.Parse(w.header.Get("Location"))
		if err != nil || at.Path == "" {
			return w.status
		}
		target = at.RequestURI()
	}
	return http.StatusLoopDetected
}

func (h *Host) send(ctx context.Context, handler http.Handler, target string, header http.Header) (w *discarding, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+h.String()+target, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.RequestURI, r.Header = r.URL.RequestURI(), header.Clone()
	r.URL.Scheme, r.URL.Host = "", "" // as a server has it
	w = &discarding{header: http.Header{}}
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			err = errors.New("the answer was cut")
		} else if p != nil {
			panic(p)
		}
	}()
	handler.ServeHTTP(w, r)
	return w, ctx.Err()
}

// discarding is a client that reads everything and keeps nothing.
type discarding struct {
	header http.Header
	status int
}

func (w *discarding) Header() http.Header { return w.header }

func (w *discarding) WriteHeader(status int) {
	if w.status < http.StatusOK {
		w.status = status
	}
}

func (w *discarding) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return len(p), nil
}

// Flush implements [http.Flusher].
func (w *discarding) Flush() {}
