package faults_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
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

// Rules belong to a registry of package registrytest, by way of its Inject, which
// fails the test if one of them does not fire. Here it is without a test.
func Example() {
	reg, err := registrytest.Start(registrytest.WithInMemory())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reg.Close()
	injected, err := reg.Faults().Inject(
		faults.On(op.TagList).Repo("app").Times(2).Do(faults.Status(http.StatusServiceUnavailable).RetryAfter(time.Second)))
	if err != nil {
		fmt.Println(err)
		return
	}
	show(reg.Client(), 1, reg.URL()+"/v2/app/tags/list")
	fmt.Println(injected[0].Unfired())
	show(reg.Client(), 2, reg.URL()+"/v2/app/tags/list")
	// Output:
	// 503 Service Unavailable 1
	// fired 1 of 2 times
	// 503 Service Unavailable 1
	// 404 Not Found
}

func ExampleOn() {
	rule := faults.On(op.BlobGet, op.ManifestGet).Repo("lib/*").After(1).Times(2).
		Do(faults.Delay(time.Second), faults.Status(http.StatusBadGateway).HTML())
	text, err := json.Marshal(rule)
	fmt.Println(string(text), err)
	// Output: {"where":"op=blob.get,manifest.get repo=lib/*","after":1,"times":2,"do":[{"delay":{"for":"1s"}},{"status":{"code":502,"html":true}}]} <nil>
}

func ExampleOnConnect() {
	reg, err := registrytest.Start(registrytest.WithInMemory(), registrytest.WithTLS())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reg.Close()
	err = reg.Faults().Add(faults.OnConnect().Times(1).Do(faults.ExpiredCertificate()))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = reg.Client().Get(reg.URL() + "/v2/")
	fmt.Println(strings.Contains(err.Error(), "certificate has expired"))
	show(reg.Client(), 1, reg.URL()+"/v2/")
	// Output:
	// true
	// 200 OK
}

func ExampleRule_Seq() {
	engine := faults.New(nil)
	err := engine.Add(faults.On(op.Ping).Seq(
		faults.Status(http.StatusTooManyRequests).RetryAfter(2*time.Second),
		faults.Pass(),
		faults.All(faults.Delay(time.Millisecond), faults.Status(http.StatusServiceUnavailable)),
	))
	if err != nil {
		fmt.Println(err)
		return
	}
	registry := registry.New(memstore.New(memstore.Options{}), registry.Options{})
	server := httptest.NewServer(engine.Wrap(registry))
	defer server.Close()
	show(server.Client(), 4, server.URL+"/v2/")
	// Output:
	// 429 Too Many Requests 2
	// 200 OK
	// 503 Service Unavailable
	// 200 OK
}

// An engine stands around any registry that is mounted anywhere. Give it the Store,
// and the registry the engine's, for the effects on content.
func ExampleEngine() {
	store := memstore.New(memstore.Options{})
	engine := faults.New(store)
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
	engine := faults.New(nil)
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
	engine := faults.New(nil)
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
