package registrytest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// askWith pings a host through a network, with a header field.
func askWith(t testing.TB, n *registrytest.Network, host, name, value string) {
	t.Helper()
	r, err := http.NewRequest("GET", "http://"+host+"/v2/", nil)
	require.NoError(t, err)
	if name != "" {
		r.Header.Set(name, value)
	}
	response, err := n.Transport().RoundTrip(r)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
}

// TestCredentialsAcrossANetwork: a client that shows what is for one host to another
// one of the network fails the assertion of either, and of the network.
func TestCredentialsAcrossANetwork(t *testing.T) {
	for _, test := range []struct {
		name, field, value string
		leaks              bool
	}{
		{"nothing", "", "", false},
		{"Basic", "Authorization", "Basic eDp5", true},
		{"another field", "X-Vault-Token", "x", true},
		{"URL", "Referer", "http://x:y@hub.example/", true},
		{"harmless", "X-Request-Id", "x", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := registrytest.NewNetwork()
				hub := registrytest.New(t, registrytest.WithNetwork(network, "hub.example"))
				mirror := registrytest.New(t, registrytest.WithNetwork(network, "mirror.example"))
				askWith(t, network, "hub.example", "Authorization", "Basic eDp5")
				askWith(t, network, "mirror.example", test.field, test.value)
				for name, choose := range map[string]func(testing.TB, ...record.Filter) *registrytest.Assertions{
					"hub": hub.Assert, "mirror": mirror.Assert, "network": network.Assert, "network.Require": network.Require,
				} {
					ran := runTest(func(t testing.TB) { choose(t).CredentialsOnlyTo("hub.example") })
					if !test.leaks {
						assert.Empty(t, ran.failures, name)
						continue
					}
					require.Len(t, ran.failures, 1, name)
					assert.Contains(t, ran.failures[0], "got 1: #2\n", name)
					assert.Regexp(t, `(?m)^> 2 .* mirror\.example `, ran.failures[0], name)
				}
				ran := runTest(func(t testing.TB) { hub.Assert(t).CredentialsOnlyTo() })
				assert.Len(t, ran.failures, map[bool]int{true: 1}[test.leaks], "its own host is the default")
				ran = runTest(func(t testing.TB) { network.Assert(t, record.Host("hub.example")).CredentialsOnlyTo("other.example") })
				assert.Len(t, ran.failures, 1, "filters choose the requests")
				ran = runTest(func(t testing.TB) { network.Assert(t).CredentialsOnlyTo() })
				require.Len(t, ran.failures, 1)
				assert.Contains(t, ran.failures[0], "say which hosts may get credentials")
			})
		})
	}
}

// TestNetworkAssertions: what holds of one registry can be asked of all.
func TestNetworkAssertions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := registrytest.NewNetwork()
		for _, host := range []string{"a.example", "b.example"} {
			registrytest.New(t, registrytest.WithNetwork(network, host))
		}
		for _, host := range []string{"b.example", "a.example", "b.example"} {
			askWith(t, network, host, "", "")
			time.Sleep(time.Millisecond)
		}
		network.Assert(t).Count(3)
		network.Assert(t, record.Host("b.example")).Count(2)
		network.Assert(t).Sequence(registrytest.Step{record.Host("b.example")}, registrytest.Step{record.Host("a.example")}, registrytest.Step{record.Host("b.example")})
		network.Assert(t).Eventually(3, time.Second)
		go func() {
			time.Sleep(time.Second)
			askWith(t, network, "a.example", "", "")
		}()
		network.Assert(t).Eventually(4, time.Minute)

		ran := runTest(func(t testing.TB) { network.Assert(t, record.Host("a.example")).Count(0) })
		require.Len(t, ran.failures, 1)
		assert.Regexp(t, `(?m)^ +# +at +op +host +status +out +time +conn$`, ran.failures[0])
		assert.Regexp(t, `(?m)^> 2 +1ms +ping +a\.example +200 +2 +0 +2$`, ran.failures[0])
		assert.Contains(t, ran.failures[0], "got 2: #2 #4\n")
		ran = runTest(func(t testing.TB) { network.Assert(t).Eventually(5, time.Second) })
		assert.Len(t, ran.failures, 1)

		again := registrytest.New(t, registrytest.WithNetwork(network, "c.example"))
		require.NoError(t, again.Close())
		registrytest.New(t, registrytest.WithNetwork(network, "c.example"))
		network.Assert(t).Count(4)
	})
}

// TestJournalOnce: two assertions that fail show the journal once, and then which
// requests are meant.
func TestJournalOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ran := runTest(func(fake testing.TB) {
			reg := registrytest.New(fake, registrytest.WithInMemory())
			requirePing(t, reg.Client(), reg.URL())
			reg.Assert(fake).Count(2)
			reg.Assert(fake).Count(0)
			reg.Assert(fake, record.Op(op.TagList)).Count(1)
			other := runTest(func(other testing.TB) { reg.Assert(other).Count(0) })
			assert.Contains(t, other.failures[0], "#  at  op", "another test has another output")
		})
		require.Len(t, ran.failures, 3)
		assert.Contains(t, ran.failures[0], "#  at  op")
		assert.True(t, strings.HasSuffix(ran.failures[1], "\njournal: see above; #1: is one of them"), ran.failures[1])
		assert.True(t, strings.HasSuffix(ran.failures[2], "\njournal: see above"), ran.failures[2])
		assert.Empty(t, ran.logs)
	})
}

// TestNames: registries on ports have names in journals.
func TestNames(t *testing.T) {
	for _, name := range []string{"", "hub"} {
		var url string
		ran := runTest(func(fake testing.TB) {
			reg := registrytest.New(fake, registrytest.WithName(name))
			url = reg.URL()
			app := reg.Push(fake, "app:v1", images.Random())
			reg.Inject(fake, faults.On(op.BlobGet).Do(faults.Redirect(http.StatusTemporaryRedirect, "{cdn}")))
			response, err := reg.Client().Get(url + "/v2/app/blobs/" + app.Layers[0].Digest.String())
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			require.Equal(t, http.StatusOK, response.StatusCode)
			fake.Errorf("for some reason")
		})
		require.Len(t, ran.logs, 1)
		assert.Contains(t, ran.logs[0], " external  cdn ")
		if name == "" {
			assert.True(t, strings.HasPrefix(ran.logs[0], "journal of "+url+":\n"), ran.logs[0])
			assert.Contains(t, ran.logs[0], " blob.get  registry ")
		} else {
			assert.True(t, strings.HasPrefix(ran.logs[0], "journal of hub ("+url+"):\n"), ran.logs[0])
			assert.Contains(t, ran.logs[0], " blob.get  hub ")
		}
	}
}
