package control

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/content"
)

func loadRoutes() []route {
	optional := repoParam
	optional.required = false
	load, snapshot := optional, optional
	load.doc = "The repository that takes all of it. Default: those that its names say."
	snapshot.doc = "The repository. Default: all."
	return []route{
		{method: http.MethodPost, path: "load", summary: "Loads images into the registry", params: []param{load},
			body:    &body{[]string{"application/x-tar", "application/gzip"}, "", "an OCI image layout, or what docker save writes, as a tar, which may be compressed with gzip"},
			answers: []answer{ok("Loaded", "what was loaded"), tooMuch}, handle: (*API).load},
		{method: http.MethodPost, path: "generate", summary: "Makes up images",
			body:    &body{[]string{jsonType}, "Generate", "what to make"},
			answers: []answer{ok("Loaded", "what was made"), tooMuch}, handle: (*API).generate},
		{method: http.MethodGet, path: "snapshot", summary: "The content, as an OCI image layout that can be loaded again", params: []param{snapshot},
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
		Repository: value[string](r, "repo"), AllowSparse: a.config.AllowSparse, MaxUnpacked: a.config.MaxLoad,
	})
	if removeErr := os.Remove(path); removeErr != nil {
		a.config.Log.Error("an archive was loaded, and its file stays", "file", path, "error", removeErr)
	}
	if err != nil {
		return a.unusable(r, errors.Unwrap(err)) // without the name of the file
	}
	replyLoaded(w, list)
	return nil
}

// unusable says why content is not taken.
func (a *API) unusable(r *request, err error) error {
	if r.Context().Err() != nil {
		return err
	}
	return wrong("body", "%v", err)
}

// spool writes the body into a file, since a tar is not read in order.
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
		return "", failf(http.StatusBadRequest, "the body cannot be read: %v", b.err)
	case err != nil:
		return "", fmt.Errorf("keep the body in a file: %w", err)
	case n > limit:
		return "", failf(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", limit)
	}
	return f.Name(), nil
}

// bodyReader tells errors of reading from those of writing.
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

// maxGenerate is how many texts one request may have.
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

// snapshot is that of a clone, so that it is of one moment.
func (a *API) snapshot(w http.ResponseWriter, r *request) error {
	clone := a.config.Store.Clone()
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
	a.config.Log.Debug("a snapshot was not finished", "error", err)
	panic(http.ErrAbortHandler)
}

// lazyHeader says what is coming when it comes.
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
