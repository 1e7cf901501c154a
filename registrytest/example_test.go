package registrytest_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// ping prints how a registry answers to the first request of the API.
func ping(client *http.Client, url string) {
	response, err := client.Get(url + "/v2/")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.Proto, response.Status)
}

func Example() {
	// In a test file this is func TestPing(t *testing.T).
	test := func(t testing.TB) {
		reg := registrytest.New(t)
		ping(reg.Client(), reg.URL())
	}
	runTest(test)
	// Output: HTTP/1.1 200 OK
}

func ExampleNew() {
	// In a test file this is func TestPing(t *testing.T).
	test := func(t testing.TB) {
		reg := registrytest.New(t, registrytest.WithOptions(registry.Options{ReadOnly: true}))
		response, err := reg.Client().Post(reg.URL()+"/v2/app/blobs/uploads/", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		fmt.Println(response.Status)
	}
	runTest(test)
	// Output: 403 Forbidden
}

func ExampleStart() {
	reg, err := registrytest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer reg.Close()
	ping(reg.Client(), reg.URL())
	// Output: HTTP/1.1 200 OK
}

// must is registrytest.Start for examples.
func must(reg *registrytest.Registry, err error) *registrytest.Registry {
	if err != nil {
		panic(err)
	}
	return reg
}

func ExampleRegistry_Close() {
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	fmt.Println(reg.Close())
	_, err := reg.Client().Get(reg.URL())
	fmt.Println(err)
	// Output:
	// <nil>
	// Get "http://use-registry-transport.test": dial tcp use-registry-transport.test:80: connect: connection refused
}

func ExampleRegistry_URL() {
	reg := must(registrytest.Start(registrytest.WithInMemory(), registrytest.WithTLS()))
	defer reg.Close()
	fmt.Println(reg.URL())
	// Output: https://use-registry-transport.test
}

func ExampleRegistry_Host() {
	reg := must(registrytest.Start(registrytest.WithAddr("127.0.0.1:0")))
	defer reg.Close()
	fmt.Println("http://"+reg.Host() == reg.URL())
	// Output: true
}

func ExampleRegistry_Ref() {
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	fmt.Println(reg.Ref("team/app:v1"))
	// Output: use-registry-transport.test/team/app:v1
}

func ExampleRegistry_Client() {
	reg := must(registrytest.Start(registrytest.WithHTTP2()))
	defer reg.Close()
	ping(reg.Client(), reg.URL())
	// Output: HTTP/2.0 200 OK
}

func ExampleRegistry_Transport() {
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	client := &http.Client{Transport: reg.Transport(), Timeout: time.Minute}
	ping(client, "https://mirror.example")
	// Output: HTTP/1.1 200 OK
}

func ExampleRegistry_CertPool() {
	reg := must(registrytest.Start(registrytest.WithTLS()))
	defer reg.Close()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig.RootCAs = reg.CertPool()
	defer transport.CloseIdleConnections()
	ping(&http.Client{Transport: transport}, reg.URL())
	// Output: HTTP/1.1 200 OK
}

func ExampleRegistry_Handler() {
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	mux := http.NewServeMux()
	mux.Handle("/registry/", http.StripPrefix("/registry", reg.Handler()))
	other := httptest.NewServer(mux)
	defer other.Close()
	ping(other.Client(), other.URL+"/registry")
	// Output: HTTP/1.1 200 OK
}

func ExampleRegistry_Store() {
	reg := must(registrytest.Start())
	defer reg.Close()
	_, err := reg.Store().Manifest(context.Background(), "app", "v1")
	fmt.Println(errors.Is(err, registry.ManifestUnknown))
	// Output: true
}

func ExampleRegistry_SetOptions() {
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	options := reg.Options()
	options.NoCatalog = true
	reg.SetOptions(options)
	response, err := reg.Client().Get(reg.URL() + "/v2/_catalog")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	// Output: 404 Not Found
}

func ExampleRegistry_Options() {
	reg := must(registrytest.Start(registrytest.WithOptions(registry.Options{PageSize: 10})))
	defer reg.Close()
	fmt.Println(reg.Options().PageSize)
	// Output: 10
}

func ExampleWithOptions() {
	reg := must(registrytest.Start(registrytest.WithOptions(registry.Options{Warnings: []string{"be careful"}})))
	defer reg.Close()
	response, err := reg.Client().Get(reg.URL() + "/v2/")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.Header.Get("Warning"))
	// Output: 299 - "be careful"
}

func ExampleWithStore() {
	store := memstore.New(memstore.Options{MaxBytes: 1 << 20})
	reg := must(registrytest.Start(registrytest.WithStore(store)))
	defer reg.Close()
	fmt.Println(reg.Store() == registry.Store(store))
	// Output: true
}

func ExampleWithTLS() {
	reg := must(registrytest.Start(registrytest.WithTLS()))
	defer reg.Close()
	fmt.Println(strings.HasPrefix(reg.URL(), "https://127.0.0.1:"))
	ping(reg.Client(), reg.URL())
	// Output:
	// true
	// HTTP/1.1 200 OK
}

func ExampleWithHTTP2() {
	reg := must(registrytest.Start(registrytest.WithHTTP2()))
	defer reg.Close()
	ping(reg.Client(), reg.URL())
	// Output: HTTP/2.0 200 OK
}

func ExampleWithH2C() {
	reg := must(registrytest.Start(registrytest.WithH2C()))
	defer reg.Close()
	fmt.Println(strings.HasPrefix(reg.URL(), "http://"))
	ping(reg.Client(), reg.URL())
	// Output:
	// true
	// HTTP/2.0 200 OK
}

func ExampleWithAddr() {
	reg := must(registrytest.Start(registrytest.WithAddr("127.0.0.1:0")))
	defer reg.Close()
	_, err := registrytest.Start(registrytest.WithAddr(reg.Host()))
	fmt.Println(err != nil)
	// Output: true
}

func ExampleWithInMemory() {
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	for _, url := range []string{reg.URL(), "https://any.example", "http://localhost:5000"} {
		ping(reg.Client(), url)
	}
	// Output:
	// HTTP/1.1 200 OK
	// HTTP/1.1 200 OK
	// HTTP/1.1 200 OK
}

func ExampleNewNetwork() {
	network := registrytest.NewNetwork()
	upstream := must(registrytest.Start(registrytest.WithNetwork(network, "upstream.example")))
	defer upstream.Close()
	mirror := must(registrytest.Start(registrytest.WithNetwork(network, "mirror.example"), registrytest.WithHTTP2()))
	defer mirror.Close()
	client := &http.Client{Transport: network.Transport()}
	ping(client, upstream.URL())
	ping(client, mirror.URL())
	// Output:
	// HTTP/1.1 200 OK
	// HTTP/2.0 200 OK
}

func ExampleWithNetwork() {
	network := registrytest.NewNetwork()
	reg := must(registrytest.Start(registrytest.WithNetwork(network, "a.example")))
	defer reg.Close()
	fmt.Println(reg.Ref("app:v1"))
	// Output: a.example/app:v1
}

func ExampleWithLogger() {
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "duration" {
				return slog.Attr{}
			}
			return a
		},
	}))
	reg := must(registrytest.Start(registrytest.WithInMemory(), registrytest.WithLogger(log)))
	_, err := reg.Client().Head(reg.URL() + "/v2/app/manifests/v1")
	fmt.Println(err)
	reg.Close()
	// Output:
	// level=DEBUG msg=request op=manifest.head method=HEAD target=/v2/app/manifests/v1 proto=HTTP/1.1 status=404 bytes=0
	// <nil>
}
