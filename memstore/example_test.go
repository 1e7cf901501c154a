package memstore_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

func ExampleNew() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{MaxBytes: 64 << 20, UploadTTL: 10 * time.Minute})

	upload, err := store.NewUpload(ctx, "app", digest.SHA256)
	if err != nil {
		log.Fatal(err)
	}
	content := "hello"
	chunk := registry.Chunk{Body: strings.NewReader(content), Offset: registry.Unknown, Length: registry.Unknown}
	if err := upload.Commit(ctx, chunk, digest.FromString(content)); err != nil {
		log.Fatal(err)
	}
	for blob, err := range store.Blobs(ctx, "app", "") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(blob.Digest.Encoded()[:12], blob.Size)
	}
	// Output: 2cf24dba5fb0 5
}

// One store is filled once; each test works on a clone, and changes what it
// likes.
func ExampleStore_Clone() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	content := []byte(`{"schemaVersion":2}`)
	err := store.PutManifest(ctx, "app", registry.PutManifest{
		Manifest: registry.Manifest{
			Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: digest.FromBytes(content)},
			Content:    content,
		},
		Tags: []string{"v1"},
	})
	if err != nil {
		log.Fatal(err)
	}

	clone := store.Clone()
	if err := clone.DeleteManifest(ctx, "app", "v1", registry.Precondition{}); err != nil {
		log.Fatal(err)
	}
	_, err = store.Manifest(ctx, "app", "v1")
	fmt.Println("store:", err)
	_, err = clone.Manifest(ctx, "app", "v1")
	fmt.Println("clone:", err)
	// Output:
	// store: <nil>
	// clone: repository app has no manifest v1: push it first
}

// A long-lived registry goes back to how it started between two tests.
func ExampleStore_Restore() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	start := store.Clone()

	content := "left behind by a test"
	upload, err := store.NewUpload(ctx, "app", digest.SHA256)
	if err != nil {
		log.Fatal(err)
	}
	chunk := registry.Chunk{Body: strings.NewReader(content), Length: int64(len(content))}
	if err := upload.Commit(ctx, chunk, digest.FromString(content)); err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.Bytes())

	store.Restore(start)
	fmt.Println(store.Bytes())
	// Output:
	// 21
	// 0
}

// zeros is content that would fill no memory, however long it is.
type zeros struct{}

func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

func ExampleStore_AddBlob() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	layer := ocispec.Descriptor{Digest: digest.FromString("not checked"), Size: 100 << 30}
	err := store.AddBlob(ctx, "app", layer, func() (registry.Blob, error) {
		return registry.NewBlob(zeros{}, layer.Size), nil
	})
	if err != nil {
		log.Fatal(err)
	}

	blob, err := store.OpenBlob(ctx, "app", layer.Digest)
	if err != nil {
		log.Fatal(err)
	}
	defer blob.Close()
	n, err := blob.WriteRange(io.Discard, 99<<30, 1<<20)
	fmt.Println(n, err, blob.Size(), store.Bytes())
	// Output: 1048576 <nil> 107374182400 0
}

func ExampleStore_AddManifest() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	content := []byte("{}") // in a file, for example
	m := registry.PutManifest{Tags: []string{"v1"}}
	m.Descriptor = ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromBytes(content), Size: 2}
	if err := store.AddManifest(ctx, "app", m, func() ([]byte, error) { return content, nil }); err != nil {
		log.Fatal(err)
	}
	read, err := store.Manifest(ctx, "app", "v1")
	fmt.Println(string(read.Content), err, store.Bytes())
	// Output: {} <nil> 0
}

func ExampleStore_Bytes() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	for _, repo := range []string{"app", "other"} {
		upload, err := store.NewUpload(ctx, repo, digest.SHA256)
		if err != nil {
			log.Fatal(err)
		}
		chunk := registry.Chunk{Body: strings.NewReader("hello"), Length: 5}
		if err := upload.Commit(ctx, chunk, digest.FromString("hello")); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(store.Bytes())
	// Output: 5
}
