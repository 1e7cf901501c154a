package engine_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// on returns a rule that does nothing.
func on(name string, ops ...op.Op) faults.Rule {
	return faults.On(ops...).Named(name).Do(faults.Pass())
}

func TestRulesChooseRequests(t *testing.T) {
	for name, test := range map[string]struct {
		rules    []faults.Rule
		requests []string
		want     string // names of the rules that touched each request
	}{
		"no rules":             {nil, []string{getLayer, ping}, "- -"},
		"any operation":        {[]faults.Rule{on("a")}, []string{getLayer, ping, listTags, "GET /elsewhere"}, "a a a a"},
		"an operation":         {[]faults.Rule{on("a", op.ManifestGet)}, []string{getLayer, getV1, headV1, putV1}, "- a - -"},
		"two operations":       {[]faults.Rule{on("a", op.ManifestGet, op.ManifestPut)}, []string{getLayer, getV1, headV1, putV1}, "- a - a"},
		"repository":           {[]faults.Rule{on("a", op.BlobGet).Repo("lib/*")}, []string{getLayer, getLibLayer, listTags}, "- a -"},
		"a repository by name": {[]faults.Rule{on("a").Repo("app")}, []string{getLayer, getLibLayer, "GET /v2/app2/tags/list", ping}, "a - - -"},
		"repository twice":     {[]faults.Rule{on("a").Repo("app").Repo("lib/go")}, []string{getLayer, getLibLayer}, "- -"},
		"other repositories":   {[]faults.Rule{on("a").Where(record.Not(record.Repo("app")))}, []string{getLayer, getLibLayer}, "- a"},
		"no repository":        {[]faults.Rule{on("a").Repo("")}, []string{getLayer, ping}, "- a"},
		"repositories":         {[]faults.Rule{on("a").Repo("lib/*", "app")}, []string{getLayer, getLibLayer, ping}, "a a -"},
		"tag":                  {[]faults.Rule{on("a").Tag("v*")}, []string{getV1, listTags, putV1}, "a - a"},
		"digest":               {[]faults.Rule{on("a").Digest(layer)}, []string{getConfig, getLayer, getLibLayer}, "- a a"},
		"filters are all":      {[]faults.Rule{on("a").Repo("app").Digest(layer)}, []string{getConfig, getLayer, getLibLayer}, "- a -"},
		"negated operations":   {[]faults.Rule{on("a").Where(record.Not(record.Op(op.BlobGet)))}, []string{getLayer, getV1}, "- a"},
		"no credentials":       {[]faults.Rule{on("a").Where(record.Not(record.Authenticated()))}, []string{getLayer}, "a"},

		"after":               {[]faults.Rule{on("a").After(2)}, times(4, getLayer), "- - a a"},
		"times":               {[]faults.Rule{on("a").Times(2)}, times(4, getLayer), "a a - -"},
		"every":               {[]faults.Rule{on("a").Every(3)}, times(7, getLayer), "a - - a - - a"},
		"every one":           {[]faults.Rule{on("a").Every(1)}, times(3, getLayer), "a a a"},
		"after, every, times": {[]faults.Rule{on("a").After(1).Every(2).Times(2)}, times(7, getLayer), "- a - a - - -"},
		"others are not counted": {
			[]faults.Rule{on("a", op.BlobGet).After(1).Times(1)},
			[]string{getV1, getLayer, getV1, getConfig, getLayer}, "- - - a -",
		},
		"until": {
			[]faults.Rule{on("a", op.ManifestGet).Until(record.Op(op.ManifestPut), record.Tag("v1"))},
			[]string{getV1, "PUT /v2/app/manifests/v2", getV1, putV1, getV1}, "a - a - -",
		},
		"until itself":  {[]faults.Rule{on("a").Until(record.Op(op.ManifestPut))}, []string{getV1, putV1, getV1}, "a - -"},
		"until a ping":  {[]faults.Rule{on("a").Until(record.Op(op.Ping))}, []string{getV1, ping, getV1}, "a - -"},
		"until at once": {[]faults.Rule{on("a").Until(record.Op(op.Ping)).After(1)}, []string{getV1, ping, getV1}, "- - -"},

		"sequence": {
			[]faults.Rule{faults.On().Named("a").Seq(faults.Pass(), faults.All(faults.Pass(), faults.Pass()))},
			times(4, getLayer), "a a - -",
		},
		"sequence after, every": {
			[]faults.Rule{faults.On().Named("a").Seq(faults.Pass(), faults.Pass()).After(1).Every(2)},
			times(6, getLayer), "- a - a - -",
		},

		"the first wins":         {[]faults.Rule{on("a"), on("b")}, []string{getLayer, ping}, "a a"},
		"in the order of adding": {[]faults.Rule{on("b", op.BlobGet), on("a")}, []string{getLayer, getV1}, "b a"},
		"once it is over":        {[]faults.Rule{on("a").Times(1), on("b").Times(1)}, times(3, getLayer), "a b -"},
		"what loses is not counted": {
			[]faults.Rule{on("a").Times(1), on("b").After(1)}, times(3, getLayer), "a - b",
		},
		"what does not fire lets others": {[]faults.Rule{on("a").After(1), on("b")}, times(2, getLayer), "b a"},
		"continue": {
			[]faults.Rule{on("a").Continue(), on("b").Continue(), on("c"), on("d")}, times(1, getLayer), "a+b+c",
		},
		"continue counts": {[]faults.Rule{on("a").Continue(), on("b").After(1)}, times(2, getLayer), "a a+b"},

		"an earlier rule wins over one before auth": {
			[]faults.Rule{on("a", op.BlobGet), on("b", op.BlobGet).BeforeAuth()}, times(1, getLayer), "a",
		},
		"before auth, and first":     {[]faults.Rule{on("a", op.BlobGet).BeforeAuth(), on("b", op.BlobGet)}, times(1, getLayer), "a"},
		"an earlier one over":        {[]faults.Rule{on("a").Times(1), on("b").BeforeAuth()}, times(2, getLayer), "a b"},
		"an earlier one that waits":  {[]faults.Rule{on("a").After(1), on("b").BeforeAuth()}, times(2, getLayer), "b a"},
		"an earlier one for another": {[]faults.Rule{on("a", op.TagList), on("b").BeforeAuth()}, times(1, getLayer), "b"},
		"an earlier one continues":   {[]faults.Rule{on("a").Continue(), on("b").BeforeAuth()}, times(1, getLayer), "b+a"},
		"before auth, and on":        {[]faults.Rule{on("b").BeforeAuth().Continue(), on("a")}, times(1, getLayer), "b+a"},
		"before auth is no second":   {[]faults.Rule{on("a").BeforeAuth().Continue()}, []string{getLayer, ping}, "a a"},
		"order for a ping":           {[]faults.Rule{on("a"), on("b").BeforeAuth()}, []string{ping, getLayer}, "a a"},
		"order for a token":          {[]faults.Rule{on("a", op.Ping), on("b", op.Ping).BeforeAuth()}, times(1, ping), "a"},
	} {
		t.Run(name, func(t *testing.T) {
			e := engineWith(t, test.rules...)
			got := touch(e.Wrap(found), test.requests...)
			assert.Equal(t, test.want, strings.Join(got, " "))
		})
	}
}

func TestRuleFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := engineWith(t, on("a").For(time.Minute).After(1))
		handler := e.Wrap(found)
		time.Sleep(time.Hour) // it counts from when it first fires
		var got []string
		for _, pause := range []time.Duration{0, time.Hour, time.Minute - 1, 1, 0} {
			time.Sleep(pause)
			got = append(got, touch(handler, getLayer)...)
		}
		assert.Equal(t, []string{"-", "a", "a", "-", "-"}, got)
		state := e.Rules()[0]
		assert.True(t, state.Over)
		assert.Equal(t, 2, state.Hits)
	})
}

// A sequence does at each time what its step says.
func TestSequenceSteps(t *testing.T) {
	e := engineWith(t, faults.On().Seq(
		faults.Status(503), faults.Pass(),
		faults.All(faults.SetHeader("X-Step", "third"), faults.Status(429)),
	))
	handler := e.Wrap(found)
	for i, want := range []struct {
		status int
		step   string
	}{{503, ""}, {200, ""}, {429, "third"}, {200, ""}} {
		w, _ := send(handler, getLayer)
		assert.Equal(t, want.status, w.Code, "request %d", i)
		assert.Equal(t, want.step, w.Header().Get("X-Step"), "request %d", i)
	}
}

// The effects of a rule, and those of rules that continue, lie around each other in
// their order.
func TestEffectsAreInOrder(t *testing.T) {
	e := engineWith(t,
		on("outer").Do(faults.SetHeader("X-Last", "outer"), faults.SetHeader("X-Last", "next")).Continue(),
		on("inner").Do(faults.SetHeader("X-Last", "inner")))
	w, _ := send(e.Wrap(found), getLayer)
	assert.Equal(t, "outer", w.Header().Get("X-Last"), "the outermost writes last")
}

func TestRulesAreValues(t *testing.T) {
	base := faults.On(op.BlobGet)
	one, other := base.Repo("one"), base.Repo("other")
	steps := []faults.Effect{faults.Pass()}
	sequence := one.Seq(steps...)
	steps[0] = nil
	assert.Equal(t, `"" on op=blob.get`, base.String())
	assert.Equal(t, `"" on op=blob.get repo=one`, one.String())
	assert.Equal(t, `"" on op=blob.get repo=other`, other.String())
	assert.Equal(t, `"c" on connections`, faults.OnConnect().Named("c").String())
	assert.NoError(t, sequence.Check())

	e := engineWith(t, on("a").Times(1))
	require.Equal(t, []string{"a"}, touch(e.Wrap(found), getLayer))
	again := engineWith(t, e.Rules()[0].Rule)
	assert.Equal(t, []string{"a", "-"}, touch(again.Wrap(found), getLayer, getLayer), "counts are the engine's")
}

func TestCounts(t *testing.T) {
	e := engineWith(t,
		on("all").Continue(),
		on("blobs", op.BlobGet).After(1).Times(1).Continue(),
		on("none", op.BlobDelete))
	touch(e.Wrap(found), getLayer, getV1, getLayer, getLayer)
	var got []faults.State
	for _, s := range e.Rules() {
		got = append(got, faults.State{Rule: faults.Rule{Name: s.Rule.Name}, Seen: s.Seen, Hits: s.Hits, Over: s.Over})
	}
	assert.Equal(t, []faults.State{
		{Rule: faults.Rule{Name: "all"}, Seen: 4, Hits: 4},
		{Rule: faults.Rule{Name: "blobs"}, Seen: 2, Hits: 1, Over: true},
		{Rule: faults.Rule{Name: "none"}},
	}, got)
}
