package control

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
)

//go:embed page
var pageFiles embed.FS

// policy restricts the page to its own files, and forbids framing.
const policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"

// mediaTypes are the media types of the files. The type tables of the machine may differ.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

// newPage returns a handler for the files of the page.
func newPage() http.Handler {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(fmt.Errorf("control: the page is not embedded: %w", err))
	}
	server := http.FileServerFS(files)
	return http.StripPrefix(root, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Path
		if name == "/" {
			name = "/index.html"
		}
		if mediaType := mediaTypes[path.Ext(name)]; mediaType != "" {
			w.Header().Set("Content-Type", mediaType)
		}
		server.ServeHTTP(w, r)
	}))
}

// servePage serves the page. Requests outside of it, for / and for the root path without a final
// slash, are redirected to the page.
func (a *API) servePage(w http.ResponseWriter, r *http.Request, inside bool) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-cache")
	if f := a.guard.see(r); f != nil {
		fail(w, r, f)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		fail(w, r, failf(http.StatusMethodNotAllowed, "want GET or HEAD for the page: the API is below %s", prefix))
		return
	}
	if !inside {
		header.Set("Location", root[1:]+"/") // relative, whatever the path was before
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	a.page.ServeHTTP(w, r)
}
