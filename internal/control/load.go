package control

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/worldstore"
)

func loadRoutes() []route {
	optional := repoParam
	optional.required = false
	load, snapshot := optional, optional
	load.doc = "The repository to load into. Default: the repositories in the names of the images."
	snapshot.doc = "The repository. Default: all."
	return []route{
		{method: http.MethodPost, path: "load", summary: "Load images into the registry", params: []param{load},
			body:    &body{[]string{"application/x-tar", "application/gzip"}, "", "an OCI image layout, or the output of docker save, as a tar archive, optionally compressed with gzip"},
			answers: []answer{ok("Loaded", "the loaded images"), tooMuch}, handle: (*API).load},
		{method: http.MethodPost, path: "generate", summary: "Generate images",
			body:    &body{[]string{jsonType}, "Generate", "the images to generate"},
			answers: []answer{ok("Loaded", "the generated images"), tooMuch}, handle: (*API).generate},
		{method: http.MethodGet, path: "snapshot", summary: "Download the content as an OCI image layout, which can be loaded again", params: []param{snapshot},
			answers: []answer{{http.StatusOK, "the archive", "application/x-tar", ""}, missing}, handle: (*API).snapshot},
	}
}

type loaded struct {
	Repository string             `json:"repository"`
	Tags       []string           `json:"tags"`
	Descriptor ocispec.Descriptor `json:"descriptor"`
}

func replyLoaded(w http.ResponseWriter, list []content.Loaded) {
	all := make([]loaded, len(list))
	for i, l := range list {
		all[i] = loaded{l.Repository, append([]string{}, l.Tags...), l.Descriptor}
	}
	reply(w, http.StatusOK, map[string][]loaded{"loaded": all})
}

func (a *API) load(w http.ResponseWriter, r *request) error {
	path, err := spool(r, a.config.MaxLoad)
	if err != nil {
		return err
	}
	list, err := content.Load(r.Context(), a.config.Store, path, content.LoadOptions{
		Repository: value[string](r, "repo"), AllowSparse: a.use.Load().AllowSparse, MaxUnpacked: a.config.MaxLoad,
	})
	if removeErr := os.Remove(path); removeErr != nil {
		a.config.Log.Error("cannot remove temporary file", "file", path, "error", removeErr)
	}
	if err != nil {
		return a.unusable(r, errors.Unwrap(err)) // without the name of the temporary file
	}
	replyLoaded(w, list)
	return nil
}

// unusable converts an error about loaded content to a failure.
func (a *API) unusable(r *request, err error) error {
	if r.Context().Err() != nil {
		return err
	}
	return wrong("body", "%v", err)
}

// spool writes the body to a file, because reading a tar needs random access.
func spool(r *request, limit int64) (path string, err error) {
	f, err := os.CreateTemp("", "ocifake-load-*")
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	b := &bodyReader{Reader: r.Body}
	n, err := io.Copy(f, io.LimitReader(b, limit+1))
	switch {
	case b.err != nil:
		return "", failf(http.StatusBadRequest, "read the request body: %v", b.err)
	case err != nil:
		return "", fmt.Errorf("write the request body to a file: %w", err)
	case n > limit:
		return "", failf(http.StatusRequestEntityTooLarge, "the request body exceeds %d bytes", limit)
	}
	return f.Name(), nil
}

// bodyReader keeps read errors, to distinguish them from write errors.
type bodyReader struct {
	io.Reader
	err error
}

func (b *bodyReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.err = err
	}
	return n, err
}

// maxGenerate is the maximum number of texts in a request.
const maxGenerate = 100

func (a *API) generate(w http.ResponseWriter, r *request) error {
	var texts []string
	if _, err := readObject(r, map[string]any{"generate": &texts}); err != nil {
		return err
	}
	if len(texts) == 0 || len(texts) > maxGenerate {
		return wrong("generate", "want a list of 1 to %d texts", maxGenerate)
	}
	all := make([]content.Generate, len(texts))
	for i, text := range texts {
		var err error
		if all[i], err = content.ParseGenerate(text); err != nil {
			return wrong(fmt.Sprintf("generate[%d]", i), "%v", err)
		}
	}
	var list []content.Loaded
	for i, g := range all {
		made, err := g.Into(r.Context(), a.config.Store)
		if err != nil {
			if r.Context().Err() != nil {
				return err
			}
			return wrong(fmt.Sprintf("generate[%d]", i), "%v", err)
		}
		list = append(list, made...)
	}
	replyLoaded(w, list)
	return nil
}

// snapshot sends the content of the store: of a clone, if possible, for a consistent view.
func (a *API) snapshot(w http.ResponseWriter, r *request) error {
	clone := a.config.Store
	if own, ok := clone.(*worldstore.Store); ok {
		clone = own.Clone()
	}
	var repos []string
	if repo := value[string](r, "repo"); repo != "" {
		for _, err := range clone.Tags(r.Context(), repo, "") {
			if err != nil {
				return err
			}
			break
		}
		repos = []string{repo}
	}
	begun := &lazyHeader{ResponseWriter: w}
	err := content.Snapshot(r.Context(), clone, begun, repos...)
	switch {
	case err == nil:
		return nil
	case !begun.written:
		return err
	}
	a.config.Log.Debug("snapshot download failed", "error", err)
	panic(http.ErrAbortHandler)
}

// lazyHeader sets the header on the first write.
type lazyHeader struct {
	http.ResponseWriter
	written bool
}

func (w *lazyHeader) Write(p []byte) (int, error) {
	if !w.written {
		w.written = true
		w.Header().Set("Content-Type", "application/x-tar")
		w.Header().Set("Content-Disposition", `attachment; filename="ocifake.tar"`)
	}
	return w.ResponseWriter.Write(p)
}
