package faults_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
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
	fmt.Println(injected[0].State().Unfired)
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
	_, err = reg.Faults().Inject(faults.OnConnect().Times(1).Do(faults.ExpiredCertificate()))
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
	reg, err := registrytest.Start(registrytest.WithInMemory())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reg.Close()
	_, err = reg.Faults().Inject(faults.On(op.Ping).Seq(
		faults.Status(http.StatusTooManyRequests).RetryAfter(2*time.Second),
		faults.Pass(),
		faults.All(faults.Delay(time.Millisecond), faults.Status(http.StatusServiceUnavailable)),
	))
	if err != nil {
		fmt.Println(err)
		return
	}
	show(reg.Client(), 4, reg.URL()+"/v2/")
	// Output:
	// 429 Too Many Requests 2
	// 200 OK
	// 503 Service Unavailable
	// 200 OK
}

func ExampleSetField() {
	rule := faults.On(op.ReferrerList).Do(
		faults.DropField("manifests.*.artifactType"),
		faults.SetField(`annotations.org\.example\.page`, 2).WithDigest())
	text, err := json.Marshal(rule)
	fmt.Println(string(text), err)
	// Output: {"where":"op=referrer.list","do":[{"drop-field":{"path":"manifests.*.artifactType"}},{"set-field":{"path":"annotations.org\\.example\\.page","value":2,"digest":true}}]} <nil>
}

func ExampleFunc() {
	reg, err := registrytest.Start(registrytest.WithInMemory())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reg.Close()
	_, err = reg.Faults().Inject(faults.On(op.Ping).After(1).Times(1).Do(
		faults.Func("teapot", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool {
			w.WriteHeader(http.StatusTeapot)
			return true
		})))
	if err != nil {
		fmt.Println(err)
		return
	}
	show(reg.Client(), 3, reg.URL()+"/v2/")
	// Output:
	// 200 OK
	// 418 I'm a teapot
	// 200 OK
}
