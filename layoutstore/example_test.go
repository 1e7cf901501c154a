package layoutstore_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/layoutstore"
	"github.com/ocifake/ocifake/registry"
)

// Content is there when the directory is opened again.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	d := digest.FromString("hello")
	for range 2 {
		store, err := layoutstore.Open(dir, layoutstore.Options{})
		if err != nil {
			log.Fatal(err)
		}
		handler := registry.New(store, registry.Options{})
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/v2/app/blobs/"+d.String(), nil))
		fmt.Println(w.Code)

		push := httptest.NewRequest(http.MethodPost, "/v2/app/blobs/uploads/?digest="+d.String(), strings.NewReader("hello"))
		push.Header.Set("Content-Type", "application/octet-stream")
		handler.ServeHTTP(httptest.NewRecorder(), push)
		if err := store.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// 404
	// 200
}

func ExampleStore_ReadOnly() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for name, content := range map[string]string{
		"oci-layout": `{"imageLayoutVersion": "1.0.0"}`,
		"index.json": `{"schemaVersion": 2, "manifests": []}`,
	} {
		if err := os.WriteFile(dir+"/"+name, []byte(content), 0o666); err != nil {
			log.Fatal(err)
		}
	}
	for _, options := range []layoutstore.Options{{}, {Adopt: true}} {
		store, err := layoutstore.Open(dir, options)
		if err != nil {
			log.Fatal(err)
		}
		_, err = store.NewUpload(context.Background(), "app", digest.SHA256)
		fmt.Println(store.ReadOnly(), err)
		if err := store.Close(); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// true upload to repository app: the content is read-only: it is a layout that ocifake did not make, or was opened read-only
	// false <nil>
}
