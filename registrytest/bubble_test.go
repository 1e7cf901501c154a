package registrytest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// A registry that is started in a bubble is in memory: waiting takes virtual time.
func TestNewInBubble(t *testing.T) {
	for name, start := range map[string]func(testing.TB) *registrytest.Registry{
		"New":   func(t testing.TB) *registrytest.Registry { return registrytest.New(t) },
		"TLS":   func(t testing.TB) *registrytest.Registry { return registrytest.New(t, registrytest.WithTLS()) },
		"Start": func(testing.TB) *registrytest.Registry { return must(registrytest.Start()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg := start(t)
				defer reg.Close()
				assert.Equal(t, "use-registry-transport.test", reg.Host())
				reg.Inject(t, faults.On(op.Ping).Do(faults.Delay(time.Hour)))
				begin := time.Now()
				response, err := reg.Client().Get(reg.URL() + "/v2/")
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				assert.Equal(t, time.Hour, time.Since(begin))
				reg.Assert(t, record.Status("200")).Count(1)
			})
		})
	}
}

// An address is heeded in a bubble, too.
func TestNewInBubbleWithAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := registrytest.New(t, registrytest.WithAddr("127.0.0.1:0"))
		assert.Regexp(t, `^127\.0\.0\.1:\d+$`, reg.Host())
	})
}

// A registry from outside of a bubble is refused in it, in every way in which it would
// end the program otherwise.
func TestOutsideInBubble(t *testing.T) {
	const problem = "the registry was started outside of the testing/synctest bubble that uses it: " +
		"start it in the function passed to synctest.Test"
	for name, options := range map[string][]registrytest.Option{
		"loopback": nil, "in memory": {registrytest.WithInMemory()}, "HTTP/2": {registrytest.WithHTTP2()},
	} {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.New(t, options...)
			before := reg.Client()
			ask := func(t *testing.T) error {
				response, err := before.Get(reg.URL() + "/v2/")
				if err == nil {
					require.NoError(t, response.Body.Close())
				}
				return err
			}
			require.NoError(t, ask(t), "and the connection is idle")
			synctest.Test(t, func(t *testing.T) {
				assert.ErrorContains(t, ask(t), problem)
				_, err := reg.Client().Get(reg.URL() + "/v2/")
				assert.ErrorContains(t, err, problem)
				want := "registrytest: " + problem
				assert.PanicsWithValue(t, want, func() { reg.Requests() })
				assert.PanicsWithValue(t, want, func() { reg.Forget() })
				for _, a := range []func(a *registrytest.Assertions){
					func(a *registrytest.Assertions) { a.Count(1) },
					func(a *registrytest.Assertions) { a.Eventually(1, time.Hour) },
				} {
					ran := runTest(func(t testing.TB) { a(reg.Assert(t)) })
					assert.Equal(t, []string{want}, ran.failures)
				}
			})
			require.NoError(t, ask(t), "it works on outside")
			reg.Assert(t, record.Op(op.Ping)).Count(2)
		})
	}
	t.Run("network", func(t *testing.T) {
		network := registrytest.NewNetwork()
		reg := registrytest.New(t, registrytest.WithNetwork(network, "a.example"))
		synctest.Test(t, func(t *testing.T) {
			_, err := network.Transport().DialContext(t.Context(), "tcp", "a.example:80")
			assert.ErrorContains(t, err, problem)
		})
		_, err := network.Transport().DialContext(t.Context(), "tcp", "a.example:80")
		require.NoError(t, err)
		reg.Assert(t).Count(0)
	})
}

// Outside of its bubble a registry from inside cannot be reached; its record can be read.
func TestInsideOutOfBubble(t *testing.T) {
	var reg *registrytest.Registry
	var requests record.Log
	synctest.Test(t, func(t *testing.T) {
		reg = registrytest.New(t)
		response, err := reg.Client().Get(reg.URL() + "/v2/")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		requests = reg.Requests()
	})
	_, err := reg.Client().Get(reg.URL() + "/v2/")
	require.ErrorContains(t, err, "the registry was started in a testing/synctest bubble and is used outside of it")
	assert.Equal(t, requests, reg.Requests())
	reg.Assert(t, record.Op(op.Ping)).Count(1)
}
