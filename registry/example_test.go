package registry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// A registry mounts in any mux, also below a prefix.
func ExampleNew() {
	g := registry.New(memstore.New(memstore.Options{}), registry.Options{})
	mux := http.NewServeMux()
	mux.Handle("/registry/", http.StripPrefix("/registry", g))
	server := httptest.NewServer(mux)
	defer server.Close()

	d := digest.FromString("hello")
	resp, err := http.Post(server.URL+"/registry/v2/app/blobs/uploads/?digest="+string(d), "application/octet-stream", strings.NewReader("hello"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	fmt.Println(resp.Header.Get("Location"))
	// Output:
	// 201 Created
	// /registry/v2/app/blobs/sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824
}

// Options can be swapped while the registry runs.
func ExampleRegistry_SetOptions() {
	g := registry.New(memstore.New(memstore.Options{}), registry.Options{})
	push := func() {
		w := httptest.NewRecorder()
		g.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v2/app/blobs/uploads/", nil))
		fmt.Println(w.Code)
	}
	push()
	options := g.Options()
	options.ReadOnly = true
	g.SetOptions(options)
	push()
	// Output:
	// 202
	// 403
}

// Allow tells what a caller may see beyond the repository of the request.
func ExampleOptions() {
	g := registry.New(memstore.New(memstore.Options{}), registry.Options{
		Allow: func(_ context.Context, repo string, _ registry.Action) error {
			if strings.HasPrefix(repo, "secret/") {
				return errors.New("not yours")
			}
			return nil
		},
	})
	for _, repo := range []string{"app", "secret/app"} {
		target := "/v2/" + repo + "/blobs/uploads/?digest=" + string(digest.FromString(""))
		g.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, target, nil))
	}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v2/_catalog", nil))
	fmt.Println(w.Body)
	// Output: {"repositories":["app"]}
}

func ExampleParseManifest() {
	content := `{"schemaVersion":2,"layers":[],"artifactType":"text/sbom",
	 "config":{"mediaType":"application/vnd.oci.empty.v1+json","size":2,
	 "digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}}`
	m, err := registry.ParseManifest(ocispec.MediaTypeImageManifest, []byte(content))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Descriptor.ArtifactType)
	for _, r := range m.Require {
		fmt.Println("needs", r.Digest.Encoded()[:12])
	}
	_, err = registry.ParseManifest(ocispec.MediaTypeImageIndex, []byte(content))
	fmt.Println(errors.Is(err, registry.ManifestInvalid), err)
	// Output:
	// text/sbom
	// needs 44136fa355b3
	// true config and layers do not belong into application/vnd.oci.image.index.v1+json
}

// A Store of files, or of content that is made as it is read, opens its blobs
// with NewBlob.
func ExampleNewBlob() {
	blob := registry.NewBlob(bytes.NewReader([]byte("0123456789")), 10)
	defer blob.Close()
	if _, err := blob.WriteRange(os.Stdout, 3, 4); err != nil {
		fmt.Println(err)
	}
	rest, err := io.ReadAll(io.NewSectionReader(blob, 7, blob.Size()-7))
	fmt.Println()
	fmt.Println(string(rest), err)
	// Output:
	// 3456
	// 789 <nil>
}

func ExampleError() {
	err := fmt.Errorf("store: %w", &registry.Error{Cause: registry.BlobUnknown, Detail: map[string]string{"digest": "sha256:…"}})
	fmt.Println(errors.Is(err, registry.BlobUnknown), registry.BlobUnknown.Code())
	// Output: true BLOB_UNKNOWN
}

func ExamplePrecondition() {
	current := digest.FromString("v1")
	fmt.Println(registry.Precondition{}.Holds(""))
	fmt.Println(registry.Precondition{IfMatch: []string{string(current)}}.Holds(current))
	fmt.Println(registry.Precondition{IfNoneMatch: []string{"*"}}.Holds(current))
	// Output:
	// true
	// true
	// false
}
