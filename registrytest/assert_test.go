package registrytest_test

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// talk is a client in virtual time, of which assertions are made.
type talk struct {
	t     testing.TB
	reg   *registrytest.Registry
	app   registrytest.Pushed
	layer digest.Digest
}

// ask makes a request, for the registry's host or that of the URL.
func (c *talk) ask(method, target string, header ...string) {
	c.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = c.reg.URL() + target
	}
	request, err := http.NewRequestWithContext(c.t.Context(), method, target, nil)
	require.NoError(c.t, err)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	if request.Header.Get("User-Agent") == "" {
		request.Header.Set("User-Agent", "myclient/1.2")
	}
	c.do(request)
}

func (c *talk) do(request *http.Request) {
	c.t.Helper()
	response, err := c.reg.Client().Do(request)
	require.NoError(c.t, err)
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(c.t, err)
}

// push sends a blob, of which the end comes with the returned function.
func (c *talk) push(content string) (end func()) {
	body, writer := io.Pipe()
	request, err := http.NewRequestWithContext(c.t.Context(), "POST", c.reg.URL()+"/v2/app/blobs/uploads/?digest="+digest.FromString(content).String(), body)
	require.NoError(c.t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.do(request)
	}()
	synctest.Wait() // the registry reads the body
	return func() {
		_, err := io.WriteString(writer, content)
		require.NoError(c.t, err)
		require.NoError(c.t, writer.Close())
		<-done
	}
}

// pull fetches the image app:v1, and its first layer once more half a second later,
// with another client.
func pull(c *talk) {
	c.ask("HEAD", "/v2/app/manifests/v1")
	c.ask("GET", "/v2/app/manifests/"+c.app.Digest.String())
	c.ask("GET", "/v2/app/blobs/"+c.app.Config.Digest.String())
	for _, layer := range c.app.Layers {
		c.ask("GET", "/v2/app/blobs/"+layer.Digest.String())
	}
	time.Sleep(500 * time.Millisecond)
	c.ask("GET", "/v2/app/blobs/"+c.layer.String(), "User-Agent", "other/0.1")
}

// retry asks three times for what is not there, one second and then two apart, and
// for something else between.
func retry(c *talk) {
	c.ask("GET", "/v2/app/manifests/v2")
	time.Sleep(time.Second)
	c.ask("GET", "/v2/app/manifests/v2")
	c.ask("GET", "/v2/app/tags/list")
	time.Sleep(2 * time.Second)
	c.ask("GET", "/v2/app/manifests/v2")
}

// leak sends credentials to two hosts, one of which may have them, over TLS and
// without.
func leak(c *talk) {
	c.ask("GET", "https://hub.example/v2/", "Authorization", "Basic dXNlcjpwYXNz")
	c.ask("GET", "http://cdn.example:8080/v2/", "Authorization", "Basic dXNlcjpwYXNz")
	c.ask("GET", "http://cdn.example/v2/")
}

func silence(*talk) {}

// distrust does not take the registry's certificate for a good one.
func distrust(c *talk) {
	transport := &http.Transport{DialContext: c.reg.Transport().DialContext, TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}
	_, err := (&http.Client{Transport: transport}).Get("https://hub.example/v2/")
	require.Error(c.t, err)
	synctest.Wait()
}

// assertions are what holds and, with a name, what fails with the text in
// testdata/assert.
var assertions = []struct {
	fails   string // empty: it holds
	client  func(*talk)
	filters []record.Filter
	assert  func(*registrytest.Assertions) bool
}{
	{"", pull, []record.Filter{record.Op(op.BlobGet)}, func(a *registrytest.Assertions) bool { return a.Count(5) }},
	{"", pull, nil, func(a *registrytest.Assertions) bool { return a.Count(7) }},
	{"", silence, nil, func(a *registrytest.Assertions) bool { return a.Count(0) }},
	{"count too few", pull, []record.Filter{record.Op(op.BlobGet), record.UserAgent("other/*")}, func(a *registrytest.Assertions) bool { return a.Count(2) }},
	{"count too many", pull, []record.Filter{record.Op(op.BlobGet)}, func(a *registrytest.Assertions) bool { return a.Count(4) }},
	{"count of nothing", silence, []record.Filter{record.Op(op.BlobGet)}, func(a *registrytest.Assertions) bool { return a.Count(1) }},
	{"", pull, []record.Filter{record.Op(op.BlobGet)}, func(a *registrytest.Assertions) bool { return a.AtLeast(5) && a.AtLeast(4) }},
	{"at least", pull, []record.Filter{record.Op(op.BlobGet)}, func(a *registrytest.Assertions) bool { return a.AtLeast(6) }},
	{"", pull, []record.Filter{record.Op(op.BlobGet)}, func(a *registrytest.Assertions) bool { return a.AtMost(5) && a.AtMost(6) }},
	{"at most", pull, []record.Filter{record.Op(op.BlobGet)}, func(a *registrytest.Assertions) bool { return a.AtMost(4) }},
	{"", pull, []record.Filter{record.Op(op.ManifestPut)}, func(a *registrytest.Assertions) bool { return a.Count(0) }},
	{"never", retry, []record.Filter{record.Not(record.Status("2xx"))}, func(a *registrytest.Assertions) bool { return a.Count(0) }},
	{"", pull, []record.Filter{record.Repo("app")}, func(a *registrytest.Assertions) bool {
		return a.All(record.UserAgent("myclient/*", "other/*"), record.Not(record.Secure()))
	}},
	{"all of a user agent", pull, nil, func(a *registrytest.Assertions) bool { return a.All(record.UserAgent("myclient/*")) }},
	{"all over TLS", leak, nil, func(a *registrytest.Assertions) bool { return a.All(record.Secure()) }},
	{"all of none", pull, []record.Filter{record.Repo("ap"), record.Op(op.BlobGet)}, func(a *registrytest.Assertions) bool { return a.All(record.UserAgent("*")) }},
	{"", retry, []record.Filter{record.Repo("app")}, func(a *registrytest.Assertions) bool {
		return a.Sequence() && a.Sequence(
			registrytest.Step{record.Op(op.ManifestGet), record.Status("404")},
			registrytest.Step{record.Op(op.TagList)},
			registrytest.Step{record.Op(op.ManifestGet)})
	}},
	{"sequence", retry, []record.Filter{record.Repo("app")}, func(a *registrytest.Assertions) bool {
		return a.Sequence(
			registrytest.Step{record.Op(op.ManifestGet)},
			registrytest.Step{record.Op(op.ManifestGet), record.Status("200")},
			registrytest.Step{record.Op(op.TagList)})
	}},
	{"sequence without a beginning", pull, nil, func(a *registrytest.Assertions) bool {
		return a.Sequence(registrytest.Step{record.Op(op.Ping)}, registrytest.Step{record.Op(op.ManifestHead)})
	}},
	{"", pull, []record.Filter{record.Op(op.ManifestGet)}, func(a *registrytest.Assertions) bool { return a.Eventually(1, time.Minute) }},
	{"eventually", retry, []record.Filter{record.Op(op.ManifestGet), record.Tag("v3")}, func(a *registrytest.Assertions) bool { return a.Eventually(1, time.Minute) }},
	{"", retry, []record.Filter{record.Tag("v2")}, func(a *registrytest.Assertions) bool {
		return a.BackoffAtLeast(time.Second)
	}},
	{"backoff at least", retry, []record.Filter{record.Tag("v2")}, func(a *registrytest.Assertions) bool { return a.BackoffAtLeast(1500 * time.Millisecond) }},
	{"backoff without a second request", pull, []record.Filter{record.Op(op.BlobGet), record.UserAgent("other/*")}, func(a *registrytest.Assertions) bool { return a.BackoffAtLeast(time.Second) }},
	{"", leak, nil, func(a *registrytest.Assertions) bool { return a.CredentialsOnlyTo("*.example") }},
	{"", leak, nil, func(a *registrytest.Assertions) bool { return a.CredentialsOnlyTo("hub.example", "cdn.example:8080") }},
	{"", pull, nil, func(a *registrytest.Assertions) bool { return a.CredentialsOnlyTo() }},
	{"credentials for another host", leak, nil, func(a *registrytest.Assertions) bool { return a.CredentialsOnlyTo("hub.example") }},
	{"credentials for hosts not the own", leak, []record.Filter{record.Op(op.Ping)}, func(a *registrytest.Assertions) bool { return a.CredentialsOnlyTo() }},
	{"", retry, nil, func(a *registrytest.Assertions) bool { return a.Transcript("testdata/retry.golden") }},
	{"transcript", pull, []record.Filter{record.Not(record.Op(op.BlobGet))}, func(a *registrytest.Assertions) bool { return a.Transcript("testdata/otherpull.txt") }},
	{"transcript without a file", retry, []record.Filter{record.Op(op.TagList)}, func(a *registrytest.Assertions) bool { return a.Transcript("testdata/missing.golden") }},
}

func TestAssertions(t *testing.T) {
	for _, test := range assertions {
		t.Run(cmp.Or(test.fails, "holds"), func(t *testing.T) {
			if test.fails != "" {
				t.Setenv("OCIFAKE_UPDATE", "") // or a transcript would never be other than its file
			}
			synctest.Test(t, func(t *testing.T) {
				reg := registrytest.New(t, registrytest.WithInMemory())
				app := reg.Push(t, "app:v1", images.Random())
				c := &talk{t, reg, app, app.Layers[0].Digest}
				test.client(c)
				text := ""
				for form, choose := range map[string]func(testing.TB, ...record.Filter) *registrytest.Assertions{
					"Assert": reg.Assert, "Require": reg.Require,
				} {
					text = requireVerdict(t, form, test.fails == "", func(t testing.TB) bool {
						return test.assert(choose(t, test.filters...))
					})
				}
				if test.fails != "" {
					requireGolden(t, "assert/"+strings.ReplaceAll(test.fails, " ", "-")+".txt", text)
				}
			})
		})
	}
}

// requireVerdict makes an assertion in one of the forms, and returns the text of
// its failure.
func requireVerdict(t testing.TB, form string, holds bool, assertion func(testing.TB) bool) string {
	t.Helper()
	held, goesOn := false, false
	failed := runTest(func(t testing.TB) {
		held = assertion(t)
		goesOn = true
	})
	assert.Equal(t, holds, held)
	assert.Equal(t, holds || form == "Assert", goesOn)
	if holds {
		assert.Empty(t, failed.failures)
		return ""
	}
	require.Len(t, failed.failures, 1)
	return failed.failures[0] + "\n"
}

func TestAssertWithoutTest(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	assert.True(t, reg.Require(nil).Count(0))
	assert.PanicsWithValue(t, "registrytest: want exactly 1 request\ngot none\njournal:\nno requests", func() { reg.Assert(nil).Count(1) })
}

// TestAssertDropped wants no assertion to hold on a record that is not complete.
func TestAssertDropped(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory(), registrytest.WithRecording(registrytest.Recording{MaxBytes: -1}))
	requirePing(t, reg.Client(), reg.URL())
	requirePing(t, reg.Client(), reg.URL())
	for _, assertion := range []func(*registrytest.Assertions) bool{
		func(a *registrytest.Assertions) bool { return a.Count(2) },
		func(a *registrytest.Assertions) bool { return a.Count(0) },
		func(a *registrytest.Assertions) bool { return a.Eventually(0, 0) },
	} {
		text := requireVerdict(t, "Assert", false, func(t testing.TB) bool { return assertion(reg.Assert(t)) })
		assert.Contains(t, text, "\ngot a record that is not complete: 2 dropped; give it more MaxBytes by WithRecording, or Forget earlier\n")
	}
	reg.Forget()
	reg.Assert(t).Count(0)
}

// TestAssertShared has subtests that share a registry and know their requests by a
// header.
func TestAssertShared(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory())
	t.Run("group", func(t *testing.T) {
		for n := 1; n < 8; n++ {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				mine := record.Header("X-Test", t.Name())
				c := &talk{t: t, reg: reg}
				for range n {
					c.ask("GET", "/v2/", "X-Test", t.Name())
				}
				reg.Assert(t, mine).Count(n)
				reg.Assert(t, mine).All(record.Op(op.Ping), record.UserAgent("myclient/*"))
			})
		}
	})
	reg.Assert(t).Count(28)
	byTest := reg.Requests().By(record.ByHeader("X-Test"))
	assert.Len(t, byTest, 7)
	assert.Len(t, byTest[t.Name()+"/group/5"], 5)
}

// TestEventually wants waiting to take as long as it must.
func TestEventually(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := registrytest.New(t, registrytest.WithInMemory())
		c := &talk{t: t, reg: reg}
		begin := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 3 {
				time.Sleep(time.Hour)
				c.ask("GET", "/v2/app/manifests/v1")
			}
		}()
		reg.Require(t, record.Op(op.ManifestGet), record.Status("404")).Eventually(2, 3*time.Hour)
		assert.Equal(t, 2*time.Hour, time.Since(begin))
		text := requireVerdict(t, "Assert", false, func(t testing.TB) bool { return reg.Assert(t).Eventually(4, 2*time.Hour) })
		assert.Equal(t, 4*time.Hour, time.Since(begin))
		assert.Contains(t, text, "want at least 4 requests within 2h0m0s\ngot 3: #1 #2 #3\n")
		<-done

		end := c.push("in flight")
		reg.Require(t, record.Op(op.BlobPost)).Eventually(1, time.Minute)
		reg.Require(t, record.Op(op.BlobPost), record.Open()).Count(1)
		reg.Require(t, record.Op(op.BlobPost), record.Status("201")).Count(0)
		end()
		reg.Require(t, record.Op(op.BlobPost), record.Open()).Count(0)
		reg.Require(t, record.Op(op.BlobPost), record.Status("201")).Count(1)
	})
}
