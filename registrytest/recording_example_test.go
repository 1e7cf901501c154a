package registrytest_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// fetch gets a path of a registry.
func fetch(reg *registrytest.Registry, path string) int {
	response, err := reg.Client().Get(reg.URL() + path)
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		panic(err)
	}
	return response.StatusCode
}

// verdicts prints how a test of a registry ends; the tests of these examples are in
// a test file func TestPull(t *testing.T).
func verdicts(test func(t testing.TB, reg *registrytest.Registry)) {
	ran := runTest(func(t testing.TB) {
		test(t, registrytest.New(t, registrytest.WithInMemory()))
	})
	for _, failure := range ran.failures {
		wanted, _, _ := strings.Cut(failure, "\njournal")
		fmt.Println(wanted)
	}
	if len(ran.failures) == 0 {
		fmt.Println("passed")
	}
}

// pullImage pulls an image as crane does.
func pullImage(t testing.TB, reg *registrytest.Registry, ref string) {
	image, err := crane.Pull(reg.Ref(ref), crane.WithTransport(reg.Transport()), crane.WithJobs(1))
	require.NoError(t, err)
	require.NoError(t, crane.Save(image, ref, os.DevNull))
}

func ExampleRegistry_Requests() {
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	fetch(reg, "/v2/")
	fetch(reg, "/v2/app/manifests/v1")
	for _, x := range reg.Requests(record.Repo("app")) {
		fmt.Println(x.Op, x.Repo, x.Info.Tag, x.Status, x.Codes)
	}
	fmt.Println(reg.Requests().Count(record.Status("2xx")), "of", len(reg.Requests()))
	// Output:
	// manifest.get app v1 404 [NAME_UNKNOWN]
	// 1 of 2
}

// A HAR file is opened by the network panel of a browser.
func ExampleRegistry_Requests_har() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	fetch(reg, "/v2/app/manifests/v1")

	file, err := os.Create(filepath.Join(dir, "requests.har"))
	if err != nil {
		panic(err)
	}
	defer file.Close()
	if err := reg.Requests().WriteHAR(file); err != nil {
		panic(err)
	}

	if _, err := file.Seek(0, io.SeekStart); err != nil {
		panic(err)
	}
	log, err := record.ReadHAR(file) // and questions work on the file
	fmt.Println(log.Ops(), err)
	// Output: [manifest.get] <nil>
}

// In a shared registry, each client's requests are told apart.
func ExampleRegistry_Requests_labels() {
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	fetch(reg, "/v2/team-a/app/tags/list")
	fetch(reg, "/v2/team-b/app/tags/list")
	fetch(reg, "/v2/team-b/web/tags/list")
	teams := reg.Requests().By(record.ByRepoPrefix())
	for _, team := range slices.Sorted(maps.Keys(teams)) {
		fmt.Println(team, len(teams[team]))
	}
	// Output:
	// team-a 1
	// team-b 2
}

func ExampleRegistry_Connections() {
	reg := must(registrytest.Start(registrytest.WithTLS()))
	defer reg.Close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}}
	_, err := client.Get(reg.URL())
	fmt.Println(err != nil)
	fetch(reg, "/v2/")
	fetch(reg, "/v2/")
	for _, c := range reg.Connections() {
		fmt.Println(c.ID, c.Requests)
	}
	// Output:
	// true
	// 1 0
	// 2 2
}

func ExampleRegistry_Mark() {
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	fetch(reg, "/v2/")
	mark := reg.Mark()
	fetch(reg, "/v2/_catalog")
	fmt.Println(reg.Requests(record.Since(mark)).Ops())
	// Output: [repository.list]
}

func ExampleRegistry_Forget() {
	reg := must(registrytest.Start(registrytest.WithInMemory()))
	defer reg.Close()
	fetch(reg, "/v2/")
	reg.Forget()
	fetch(reg, "/v2/_catalog")
	fmt.Println(reg.Requests().Ops())
	// Output: [repository.list]
}

func ExampleRegistry_Assert() {
	verdicts(func(t testing.TB, reg *registrytest.Registry) {
		app := reg.Push(t, "app:v1", images.Random())
		pullImage(t, reg, "app:v1")
		layer := app.Layers[0].Digest
		reg.Assert(t, record.Op(op.BlobGet), record.Digest(layer)).Count(1)
		reg.Assert(t, record.UserAgent("crane/*")).AtLeast(1)
	})
	// Output:
	// registrytest: want at least 1 request with ua=crane/*
	// got none
}

func ExampleRegistry_Require() {
	verdicts(func(t testing.TB, reg *registrytest.Registry) {
		fetch(reg, "/v2/")
		reg.Require(t).Count(2)
		fmt.Println("not reached")
	})
	// Output:
	// registrytest: want exactly 2 requests
	// got 1: #1
}

func ExampleAssertions_Count() {
	verdicts(func(t testing.TB, reg *registrytest.Registry) {
		reg.Push(t, "app:v1", images.Random(images.Layers(3)))
		pullImage(t, reg, "app:v1")
		reg.Assert(t, record.Op(op.BlobGet)).Count(4) // three layers and the config
	})
	// Output: passed
}

func ExampleAssertions_AtLeast() {
	verdicts(func(t testing.TB, reg *registrytest.Registry) {
		reg.Assert(t, record.Op(op.ManifestHead)).AtLeast(1)
	})
	// Output:
	// registrytest: want at least 1 request with op=manifest.head
	// got none
}

func ExampleAssertions_AtMost() {
	verdicts(func(t testing.TB, reg *registrytest.Registry) {
		fetch(reg, "/v2/app/manifests/v1")
		reg.Assert(t, record.Code("NAME_UNKNOWN")).AtMost(1)
	})
	// Output: passed
}

func ExampleAssertions_All() {
	verdicts(func(t testing.TB, reg *registrytest.Registry) {
		fetch(reg, "/v2/")
		reg.Assert(t).All(record.UserAgent("Go-http-client/*"))
		reg.Assert(t).All(record.Secure())
	})
	// Output:
	// registrytest: want all requests to have tls
	// got 1 of 1 without: #1
}

func ExampleAssertions_Sequence() {
	verdicts(func(t testing.TB, reg *registrytest.Registry) {
		reg.Push(t, "app:v1", images.Random())
		pullImage(t, reg, "app:v1")
		reg.Assert(t).Sequence(
			registrytest.Step{record.Op(op.ManifestGet), record.Tag("v1"), record.Status("200")},
			registrytest.Step{record.Op(op.BlobGet)},
		)
	})
	// Output: passed
}

func ExampleAssertions_Eventually() {
	verdicts(func(t testing.TB, reg *registrytest.Registry) {
		var poller sync.WaitGroup
		poller.Go(func() { fetch(reg, "/v2/app/tags/list") })
		reg.Require(t, record.Op(op.TagList)).Eventually(1, time.Minute)
		poller.Wait()
	})
	// Output: passed
}

// The client in this example tries again, twice. With a registry in a bubble of
// testing/synctest the pauses may be as long as they really are.
func ExampleAssertions_BackoffAtLeast() {
	verdicts(func(t testing.TB, reg *registrytest.Registry) {
		for attempt := range 3 {
			time.Sleep(time.Duration(attempt) * time.Millisecond)
			if fetch(reg, "/v2/app/manifests/v1") == http.StatusOK {
				break
			}
		}
		reg.Assert(t, record.Op(op.ManifestGet), record.Tag("v1")).BackoffAtLeast(time.Millisecond)
	})
	// Output: passed
}

func ExampleAssertions_CredentialsOnlyTo() {
	verdicts(func(t testing.TB, reg *registrytest.Registry) {
		for _, host := range []string{"hub.example", "cdn.example"} {
			request, err := http.NewRequest("GET", "https://"+host+"/v2/", nil)
			require.NoError(t, err)
			request.SetBasicAuth("user", "password")
			response, err := reg.Client().Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
		}
		reg.Assert(t).CredentialsOnlyTo("hub.example")
	})
	// Output:
	// registrytest: want no requests with credentials for a host other than hub.example
	// got 1: #2
}

// The file is written by OCIFAKE_UPDATE=1 go test, and committed.
func ExampleAssertions_Transcript() {
	verdicts(func(t testing.TB, reg *registrytest.Registry) {
		reg.Push(t, "app:v1", images.Random(images.Layers(1)))
		pullImage(t, reg, "app:v1")
		reg.Assert(t).Transcript("testdata/crane-pull.golden")
	})
	// Output: passed
}

func ExampleWithRecording() {
	reg := must(registrytest.Start(registrytest.WithInMemory(), registrytest.WithRecording(registrytest.Recording{MaxBody: 12})))
	defer reg.Close()
	fetch(reg, "/v2/app/manifests/v1")
	fmt.Printf("%s\n", reg.Requests()[0].ResponseBody)
	// Output: {"errors":[{
}
