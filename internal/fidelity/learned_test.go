package fidelity_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/fidelity"
	"github.com/ocifake/ocifake/internal/learn"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registrytest"
)

var wrong = flag.Bool("wrong", false, "log what a learned profile has wrong")

const splits = 5

// split returns the test cases of one half of a recording. The five splits are fixed.
func split(r *fidelity.Recording, number int) map[string]bool {
	cases := r.Cases()
	slices.Sort(cases)
	cases = slices.Compact(cases)
	key := func(title string) string {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d %s", number, title))
		return string(sum[:])
	}
	slices.SortFunc(cases, func(a, b string) int { return strings.Compare(key(a), key(b)) })
	half := map[string]bool{}
	for _, title := range cases[:(len(cases)+1)/2] {
		half[title] = true
	}
	return half
}

// score is what a profile that is learned from one half has right in the other. An exchange counts
// if strict has it wrong, it is not a 401, and the learned half shows all traits that the exchange
// shows. An answer to HEAD does not show an error code.
type score struct {
	counted, right int
	worse          int // exchanges that strict has right, and the profile wrong
	others         int // exchanges that strict has wrong, and of which the learned half lacks a trait
}

func (s score) plus(o score) score {
	return score{s.counted + o.counted, s.right + o.right, s.worse + o.worse, s.others + o.others}
}

// TestLearned learns a profile from one half of the test cases of each recording, and replays the
// other half. By default it does so for one split; with the flag -thorough, for all, and then it
// compares the scores.
func TestLearned(t *testing.T) {
	recordings, err := fidelity.Recordings()
	require.NoError(t, err)
	want := map[string]score{ // docs/registries.md has the numbers, too
		"acr":         {35, 33, 0, 42},
		"artifactory": {38, 38, 0, 51},
		"cloudsmith":  {68, 62, 0, 62},
		"gitea":       {31, 28, 0, 41},
		"gitlab":      {23, 23, 0, 34},
		"keygen":      {13, 12, 0, 12},
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "registry\tcounted\tright\t%\tworse\tnot learned")
	print := func(name string, s score) {
		fmt.Fprintf(table, "%s\t%d\t%d\t%.0f\t%d\t%d\n", name, s.counted, s.right, 100*float64(s.right)/float64(max(s.counted, 1)), s.worse, s.others)
	}
	measured := 1
	if thorough.Enabled() {
		measured = splits
	}
	var sum score
	for _, r := range recordings {
		target, ok := strict(t).Start(r)
		require.True(t, ok)
		baseline, err := r.Replay(t.Context(), target)
		require.NoError(t, err)
		var all score
		for n := range measured {
			all = all.plus(learned(t, r, split(r, n), baseline))
		}
		print(r.Registry, all)
		if thorough.Enabled() {
			assert.Equal(t, want[r.Registry], all, r.Registry)
		}
		sum = sum.plus(all)
	}
	print("all", sum)
	require.NoError(t, table.Flush())
	t.Logf("the sum of %d splits:\n%s", measured, text.String())
	assert.GreaterOrEqual(t, sum.right*100, sum.counted*80)
	assert.Zero(t, sum.worse)
}

// learned scores a profile that is learned from a half of a recording.
func learned(t *testing.T, r *fidelity.Recording, half map[string]bool, baseline []fidelity.Outcome) score {
	t.Helper()
	log, err := r.Log(func(title string) bool { return half[title] })
	require.NoError(t, err)
	result, err := learn.From("", learn.Recording{Name: r.Registry, Log: log})
	require.NoError(t, err)
	whole, err := r.Log(func(string) bool { return true })
	require.NoError(t, err)
	shown := map[string]bool{}
	of := learn.Shown(learn.Recording{Name: r.Registry, Log: whole})
	for i, e := range r.Exchanges {
		for _, trait := range of[i] {
			shown[trait] = shown[trait] || half[e.Case]
		}
	}
	covered := func(i int) bool {
		return len(of[i]) > 0 && !slices.ContainsFunc(of[i], func(trait string) bool { return !shown[trait] })
	}
	p := &profiles.Profile{Name: "learned", Facts: result.Facts}
	if *wrong {
		for _, c := range result.Conflicts {
			t.Logf("conflict %s: %s", c.Trait, c.Why)
		}
	}
	access := auth.Options{Users: map[string]string{"user": "secret"}}
	if settings, err := p.Settings(); err != nil || settings.Auth == nil {
		access = users(r)
	}
	outcomes, err := r.Replay(t.Context(), start(t, registrytest.WithCustomProfile(p), registrytest.WithAuth(access)))
	require.NoError(t, err)
	var s score
	for i, o := range outcomes {
		right, before := len(o.Differences) == 0, len(baseline[i].Differences) == 0
		switch {
		case half[o.Case] || o.Answer.Status == 401:
		case before && !right:
			s.worse++
		case before:
		case !covered(i):
			s.others++
		default:
			s.counted++
			if right {
				s.right++
			}
		}
		if *wrong && !half[o.Case] && o.Answer.Status != 401 && !right && (before || covered(i)) {
			t.Logf("%s: %s, step %d, %s, %s (before %v): %v", r.Registry, of[i], o.Step, o.Op, o.Request, before, o.Differences)
		}
	}
	return s
}
