package content_test

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/memstore"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ExampleRepository() {
	ctx := context.Background()
	app := content.Repository{Store: memstore.New(memstore.Options{}), Name: "app"}
	img := must(content.RandomImage(content.ImageOptions{Layers: 2, LayerSize: 1 << 20}))
	index := must(content.RandomIndex(content.ImageOptions{Layers: 1}))

	one := must(app.PutImage(ctx, img, "v1", "latest"))
	many := must(app.PutIndex(ctx, index, "multi"))
	blob := must(app.PutBlob(ctx, strings.NewReader("hello")))
	again := must(app.PutManifest(ctx, one.MediaType, must(img.RawManifest()), "v2"))

	fmt.Println(one.MediaType)
	fmt.Println(many.MediaType)
	fmt.Println(blob.MediaType, blob.Size)
	fmt.Println(again.Digest == one.Digest)
	// Output:
	// application/vnd.oci.image.manifest.v1+json
	// application/vnd.oci.image.index.v1+json
	// application/octet-stream 5
	// true
}

func ExampleLoad() {
	dir := must(os.MkdirTemp("", "layout-*"))
	defer os.RemoveAll(dir)
	path := must(layout.Write(dir, empty.Index))
	img := must(content.RandomImage(content.ImageOptions{}))
	if err := path.AppendImage(img, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "ghcr.io/team/app:v1"})); err != nil {
		panic(err)
	}
	store := memstore.New(memstore.Options{})
	for _, loaded := range must(content.Load(context.Background(), store, dir, content.LoadOptions{})) {
		fmt.Println(loaded.Repository, loaded.Tags)
	}
	// Output: team/app [v1]
}

func ExampleCheck() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	app := content.Repository{Store: store, Name: "app"}
	must(app.PutImage(ctx, must(content.RandomImage(content.ImageOptions{Layers: 1})), "v1"))
	fmt.Println(content.Check(ctx, store, content.CheckOptions{}))

	for blob, err := range store.Blobs(ctx, "app", "") {
		if err == nil && blob.Size == 1559 { // the layer
			err = store.DeleteBlob(ctx, "app", blob.Digest)
		}
		if err != nil {
			panic(err)
		}
	}
	err := content.Check(ctx, store, content.CheckOptions{})
	fmt.Println(strings.Contains(err.Error(), "a application/vnd.oci.image.layer.v1.tar+gzip that does not exist"))
	fmt.Println(content.Check(ctx, store, content.CheckOptions{AllowSparse: true}))
	// Output:
	// <nil>
	// true
	// <nil>
}

func ExampleNewRandom() {
	huge := content.NewRandom(1, 100<<30)
	p := make([]byte, 4)
	n, err := huge.ReadAt(p, huge.Size()-4)
	fmt.Println(n, err, huge.Size())
	// Output: 4 <nil> 107374182400
}

func ExampleRandomImage() {
	img := must(content.RandomImage(content.ImageOptions{Seed: 1, Layers: 1, Platforms: []string{"linux/arm64"}}))
	fmt.Println(must(img.ConfigFile()).Platform())
	// Output: linux/arm64
}

func ExampleRandomIndex() {
	index := must(content.RandomIndex(content.ImageOptions{Layers: 1}))
	for _, child := range must(index.IndexManifest()).Manifests {
		fmt.Println(child.Platform)
	}
	// Output:
	// linux/amd64
	// linux/arm64
}

func ExampleParseGenerate() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	g := must(content.ParseGenerate("app:{v1..v2} layers=2 platforms=linux/amd64,linux/arm64"))
	for _, made := range must(g.Into(ctx, store)) {
		fmt.Println(made.Repository, made.Tags, made.Descriptor.MediaType)
	}
	_, err := content.ParseGenerate("app:v1 layers=none")
	fmt.Println(err)
	// Output:
	// app [v1] application/vnd.oci.image.index.v1+json
	// app [v2] application/vnd.oci.image.index.v1+json
	// "layers=none": want layers= with a number from 1 to 1000
}

func ExampleSnapshot() {
	ctx := context.Background()
	store := memstore.New(memstore.Options{})
	app := content.Repository{Store: store, Name: "app"}
	must(app.PutImage(ctx, must(content.RandomImage(content.ImageOptions{Layers: 1})), "v1"))

	f := must(os.CreateTemp("", "snapshot-*.tar"))
	defer os.Remove(f.Name())
	defer f.Close()
	if err := content.Snapshot(ctx, store.Clone(), f); err != nil {
		panic(err)
	}
	restored := memstore.New(memstore.Options{})
	for _, loaded := range must(content.Load(ctx, restored, f.Name(), content.LoadOptions{})) {
		fmt.Println(loaded.Repository, loaded.Tags)
	}
	// Output: app [v1]
}
