package engine_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// show prints the answers to requests for a path of a registry.
func show(client *http.Client, n int, url string) {
	for range n {
		response, err := client.Get(url)
		if err != nil {
			fmt.Println(err)
			continue
		}
		response.Body.Close()
		fmt.Println(strings.TrimSpace(response.Status + " " + response.Header.Get("Retry-After")))
	}
}

// An engine stands around any registry that is mounted anywhere. Give it the Store,
// and the registry the engine's, for the effects on content.
func ExampleEngine() {
	store := memstore.New(memstore.Options{})
	engine := engine.New(store)
	server := httptest.NewServer(engine.Wrap(registry.New(engine.Store(), registry.Options{})))
	defer server.Close()
	if err := engine.Add(faults.On(op.ManifestPut).Do(faults.Hide(2, 0))); err != nil {
		fmt.Println(err)
		return
	}
	put, err := http.NewRequest(http.MethodPut, server.URL+"/v2/app/manifests/v1",
		strings.NewReader(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	put.Header.Set("Content-Type", "application/vnd.oci.image.index.v1+json")
	response, err := server.Client().Do(put)
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	show(server.Client(), 3, server.URL+"/v2/app/manifests/v1")

	fmt.Println(engine.Add(faults.On().Named("cut").Do(faults.Reset(0))))
	// Output:
	// 404 Not Found
	// 404 Not Found
	// 200 OK
	// faults: rule "cut": reset acts on the connection, which a handler in another server's mux does not have: use registrytest.New or ocifake serve
}

func ExampleEngine_Intercept() {
	engine := engine.New(nil)
	registry := registry.New(memstore.New(memstore.Options{}), registry.Options{})
	server := httptest.NewServer(engine.Wrap(registry))
	defer server.Close()
	remove := engine.Intercept(func(w http.ResponseWriter, _ *http.Request, info *op.Info) (handled bool) {
		if info.Op != op.ManifestGet {
			return false
		}
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintln(w, "no", info.Tag, "of", info.Repo)
		return true
	})
	response, err := server.Client().Get(server.URL + "/v2/app/manifests/v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Print(string(body), err, "\n")
	show(server.Client(), 1, server.URL+"/v2/")
	remove()
	show(server.Client(), 1, server.URL+"/v2/app/manifests/v1")
	// Output:
	// no v1 of app
	// <nil>
	// 200 OK
	// 404 Not Found
}

// What a file says now takes the place of what it said before.
func ExampleEngine_Replace() {
	engine := engine.New(nil)
	err := errors.Join(
		engine.Add(faults.On(op.BlobGet).Named("file-1").Do(faults.Status(503)), faults.On(op.TagList).Named("mine").Do(faults.Status(500))),
		engine.Replace([]string{"file-1"}, faults.On(op.BlobGet).Named("file-1").Do(faults.Status(429))),
	)
	for _, state := range engine.Rules() {
		fmt.Println(state.Rule)
	}
	fmt.Println(err)
	// Output:
	// "file-1" on op=blob.get
	// "mine" on op=tag.list
	// <nil>
}
