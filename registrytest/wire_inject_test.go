package registrytest_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// Skipped tells [registrytest.Registry.Inject] what the fake test was told.
func (t *skippedTest) Skipped() bool { return t.skipped }

// skippedTest is a test that may be skipped.
type skippedTest struct {
	*fakeTest
	skipped bool
}

// injecting runs a test with a registry that outlives it.
func injecting(t *testing.T, test func(t *skippedTest, reg *registrytest.Registry)) *fakeTest {
	t.Helper()
	reg := registrytest.New(t)
	return runTest(func(fake testing.TB) { test(&skippedTest{fakeTest: fake.(*fakeTest)}, reg) })
}

func TestInjectUnfired(t *testing.T) {
	rule := faults.On(op.Ping).Named("slow").Do(faults.Status(503))
	for name, test := range map[string]struct {
		rule     faults.Rule
		requests int
		want     string // empty: nothing is wrong
	}{
		"fired":                     {rule, 1, ""},
		"fired more than once":      {rule, 3, ""},
		"never":                     {rule, 0, `fault rule "slow" on op=ping never fired: no request matched its filters`},
		"fired too little":          {rule.Times(3), 1, `fault rule "slow" on op=ping fired 1 of 3 times`},
		"fired enough":              {rule.Times(3), 3, ""},
		"never, as its counts say":  {rule.After(2), 2, "never fired: its filters matched 2 requests, and its counts chose none of them"},
		"a step too little":         {faults.On(op.Ping).Seq(faults.Pass(), faults.Status(503)), 1, "fired 1 of 2 times"},
		"optional, never":           {rule.Optional(), 0, ""},
		"optional, too little":      {rule.Times(3).Optional(), 1, ""},
		"no connection":             {faults.OnConnect().Do(faults.Refuse()), 0, "on connections never fired: no connection was opened"},
		"optional on a connection":  {faults.OnConnect().Do(faults.Refuse()).Optional(), 0, ""},
		"counts of connections":     {faults.OnConnect().After(5).Do(faults.Refuse()), 1, "never fired: its counts chose none of 1 connections"},
		"for another operation":     {faults.On(op.BlobGet).Do(faults.Status(503)), 2, `on op=blob.get never fired: no request matched its filters`},
		"for ever, until something": {rule.Until(record.Op(op.TagList)), 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			fake := injecting(t, func(fake *skippedTest, reg *registrytest.Registry) {
				reg.Inject(fake, test.rule)
				for range test.requests {
					fetch(reg, "/v2/")
				}
			})
			if test.want == "" {
				assert.Empty(t, fake.failures)
				assert.Empty(t, fake.logs)
				return
			}
			require.Len(t, fake.failures, 1)
			assert.Contains(t, fake.failures[0], "registrytest: fault rule ")
			assert.Contains(t, fake.failures[0], test.want)
			assert.Contains(t, fake.failures[0], "; if that is expected, add Optional() to the rule\njournal:\n")
		})
	}
}

// TestInjectUnauthenticated names the request that authentication refused.
func TestInjectUnauthenticated(t *testing.T) {
	for name, rule := range map[string]faults.Rule{
		"#1 matches them, but authentication refused it: let the rule apply before authentication": faults.On(op.TagList).Do(faults.Status(503)),
		"no request matched its filters; if": faults.On(op.BlobGet).Do(faults.Status(503)),
	} {
		reg := registrytest.New(t, registrytest.WithAuth(auth.Options{Users: map[string]string{"ci": "secret"}}))
		fake := runTest(func(fake testing.TB) {
			reg.Inject(fake, rule)
			fetch(reg, "/v2/app/tags/list")
		})
		require.Len(t, fake.failures, 1)
		assert.Contains(t, fake.failures[0], name)
	}
}

// TestInjectManyUnfired fails the test for one of them, and logs the others.
func TestInjectManyUnfired(t *testing.T) {
	fake := injecting(t, func(fake *skippedTest, reg *registrytest.Registry) {
		reg.Inject(fake, faults.On().Named("a").Do(faults.Pass()), faults.On().Named("b").Do(faults.Pass()))
	})
	require.Len(t, fake.failures, 1)
	assert.Contains(t, fake.failures[0], `fault rule "a" never fired`)
	assert.Equal(t, []string{`registrytest: fault rule "b" never fired: no request matched its filters`}, fake.logs)
}

func TestInjectAfterSkipOrFailure(t *testing.T) {
	rule := faults.On(op.Ping).Named("slow").Times(3).Do(faults.Status(503))
	skipped := injecting(t, func(fake *skippedTest, reg *registrytest.Registry) {
		reg.Inject(fake, rule)
		fake.skipped = true
	})
	assert.Empty(t, skipped.failures)
	assert.Empty(t, skipped.logs)

	failed := injecting(t, func(fake *skippedTest, reg *registrytest.Registry) {
		reg.Inject(fake, rule)
		fetch(reg, "/v2/")
		fake.Errorf("something else")
	})
	assert.Equal(t, []string{"something else"}, failed.failures)
	assert.Equal(t, []string{`registrytest: fault rule "slow" on op=ping fired 1 of 3 times`}, failed.logs)
}

// TestInjectRefused: what makes no sense, or cannot act here, ends the test at once,
// and nothing is injected of it.
func TestInjectRefused(t *testing.T) {
	for name, test := range map[string]struct {
		rules []faults.Rule
		want  string
	}{
		"nothing":             {[]faults.Rule{faults.On()}, "it does nothing: give it effects with Do or Seq"},
		"no such status":      {[]faults.Rule{faults.On().Do(faults.Status(99))}, "status: 99 is no status"},
		"connection":          {[]faults.Rule{faults.On().Do(faults.Refuse())}, "refuse acts on connections: use it with OnConnect"},
		"request":             {[]faults.Rule{faults.OnConnect().Do(faults.Compress("gzip"))}, "compress acts on requests: use it with On"},
		"tokens without auth": {[]faults.Rule{faults.On().Do(faults.RevokeTokens())}, "the registry has no auth"},
		"one of two":          {[]faults.Rule{faults.On().Do(faults.Pass()), faults.On().Named("bad").Do(faults.Trickle(0, 0))}, `rule "bad": trickle`},
		"the same name":       {[]faults.Rule{faults.On().Named("a").Do(faults.Pass()), faults.On().Named("a").Do(faults.Pass())}, "there is a rule with this name already"},
	} {
		t.Run(name, func(t *testing.T) {
			goneOn := false
			fake := injecting(t, func(fake *skippedTest, reg *registrytest.Registry) {
				fake.Cleanup(func() { assert.Empty(t, reg.Faults().Rules()) })
				reg.Inject(fake, test.rules...)
				goneOn = true
			})
			assert.False(t, goneOn)
			require.Len(t, fake.failures, 1)
			assert.Contains(t, fake.failures[0], "registrytest: inject: ")
			assert.Contains(t, fake.failures[0], test.want)
		})
	}
}

// TestInjectSubtests: rules end with the test that they were injected for.
func TestInjectSubtests(t *testing.T) {
	reg := registrytest.New(t)
	reg.Inject(t, faults.On(op.TagList).Do(faults.Status(500)).Named("parent"))
	for range 2 { // the name is free again
		t.Run("child", func(t *testing.T) {
			injected := reg.Inject(t, faults.On(op.Ping).Named("child").Times(2).Do(faults.Status(503)))
			assert.Equal(t, 503, fetch(reg, "/v2/"))
			assert.Equal(t, 1, injected[0].Hits())
			assert.Equal(t, "fired 1 of 2 times", injected[0].State().Unfired)
			assert.Equal(t, 503, fetch(reg, "/v2/"))
			assert.True(t, injected[0].State().Over)
			assert.Empty(t, injected[0].State().Unfired)
			assert.Len(t, reg.Faults().Rules(), 2)
		})
		assert.Equal(t, 200, fetch(reg, "/v2/"))
		assert.Len(t, reg.Faults().Rules(), 1)
	}
	assert.Equal(t, 500, fetch(reg, "/v2/app/tags/list"))
}

func TestIntercept(t *testing.T) {
	reg := registrytest.New(t)
	reg.Inject(t, faults.On(op.Ping).Named("rule").Times(1).Do(faults.Status(503)))
	t.Run("child", func(t *testing.T) {
		reg.Intercept(t, func(w http.ResponseWriter, _ *http.Request, info *op.Info) bool {
			if info.Op != op.Ping {
				return false
			}
			w.WriteHeader(http.StatusTeapot)
			return true
		})
		assert.Equal(t, 418, fetch(reg, "/v2/"))
		assert.Equal(t, 404, fetch(reg, "/v2/app/tags/list"))
	})
	assert.Equal(t, 503, fetch(reg, "/v2/"), "the rule has not counted what was intercepted")
	assert.Equal(t, 200, fetch(reg, "/v2/"))
	log := reg.Requests()
	assert.Empty(t, log[0].Faults)
	assert.Equal(t, []string{"rule"}, log[2].Faults)
}

// add adds rules that need not fire.
func add(reg *registrytest.Registry, rules ...faults.Rule) error {
	_, err := reg.Faults().Inject(rules...)
	return err
}

// TestFaults adds a rule that does not fire, and the test passes.
func TestFaults(t *testing.T) {
	reg, err := registrytest.Start()
	require.NoError(t, err)
	defer reg.Close()
	require.NoError(t, add(reg,
		faults.On(op.Ping).Named("ping").Times(5).Do(faults.Status(503)),
		faults.On(op.BlobGet).Named("never").Do(faults.Reset(0))))
	assert.Equal(t, 503, fetch(reg, "/v2/"))
	rules := reg.Faults().Rules()
	require.Len(t, rules, 2)
	assert.Equal(t, 1, rules[0].Hits)
	reg.Faults().Clear()
	assert.Empty(t, reg.Faults().Rules())
}
