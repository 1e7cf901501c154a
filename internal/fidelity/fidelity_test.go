package fidelity_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/fidelity"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registrytest"
)

var (
	differences = flag.Bool("differences", false, "log each difference")
	markdown    = flag.String("markdown", "", "file to which the differences are written, grouped by kind")
	column      = flag.Int("column", 0, "of -differences and -markdown: 0 is strict, 1 the profile")
)

// start starts an empty registry with a user.
func start(t *testing.T, options ...registrytest.Option) fidelity.Target {
	t.Helper()
	reg := registrytest.New(t, append(options, registrytest.WithInMemory())...)
	return fidelity.Target{URL: reg.URL(), Transport: reg.Transport(), Store: reg.Store(), Username: "user", Password: "secret"}
}

// users allows the user everything. Keygen is the only registry that takes passwords with each
// request.
func users(r *fidelity.Recording) auth.Options {
	options := auth.Options{Users: map[string]string{"user": "secret"}}
	if r.Registry != "keygen" {
		options.Token = &auth.TokenOptions{}
	}
	return options
}

// strict is the strict registry with authentication.
func strict(t *testing.T) fidelity.Column {
	return fidelity.Column{Name: "strict", Start: func(r *fidelity.Recording) (fidelity.Target, bool) {
		return start(t, registrytest.WithAuth(users(r))), true
	}}
}

// profile is the profile of the recorded registry, if there is one.
func profile(t *testing.T) fidelity.Column {
	return fidelity.Column{Name: "profile", Start: func(r *fidelity.Recording) (fidelity.Target, bool) {
		if _, err := profiles.Find(r.Registry); err != nil {
			return fidelity.Target{}, false
		}
		only := auth.Options{Users: map[string]string{"user": "secret"}}
		return start(t, registrytest.WithProfile(r.Registry), registrytest.WithAuth(only)), true
	}}
}

// The table of figures. What is recorded never changes; how much of it is equal may.
func TestRecorded(t *testing.T) {
	recordings, err := fidelity.Recordings()
	require.NoError(t, err)
	columns := []fidelity.Column{strict(t), profile(t)}
	rows, err := fidelity.Run(t.Context(), recordings, columns...)
	require.NoError(t, err)

	var table strings.Builder
	require.NoError(t, fidelity.WriteTable(&table, rows, columns...))
	t.Logf("exchanges that are equal, of those that are not 401:\n%s", table.String())

	want := map[string]fidelity.Summary{
		"acr":         {Exchanges: 74, Answered: 47},
		"artifactory": {Exchanges: 68, Answered: 40},
		"cloudsmith":  {Exchanges: 92, Answered: 51},
		"gitea":       {Exchanges: 73, Answered: 39},
		"gitlab":      {Exchanges: 54, Answered: 33},
		"keygen":      {Exchanges: 20, Answered: 11},
	}
	equal := map[string][2]int{ // strict, profile
		"acr":         {12, 47},
		"artifactory": {4, 40},
		"cloudsmith":  {0, 46},
		"gitea":       {11, 39},
		"gitlab":      {10, 33},
		"keygen":      {0, 11},
	}
	for _, row := range rows {
		for i, outcomes := range row.Outcomes {
			if outcomes == nil {
				continue
			}
			got := fidelity.Summarize(outcomes)
			assert.Equal(t, got.Exchanges, got.Replayed, "%s on %s: every request can be sent", row.Registry, columns[i].Name)
			assert.Equal(t, equal[row.Registry][i], got.EqualAnswered, "%s on %s: docs/registries.md has the number, too", row.Registry, columns[i].Name)
			got.Replayed, got.Equal, got.EqualAnswered = 0, 0, 0
			assert.Equal(t, want[row.Registry], got, row.Registry)
		}
	}
	report(t, rows, columns)
}

// report writes the differences of a column where the flags say.
func report(t *testing.T, rows []fidelity.Row, columns []fidelity.Column) {
	t.Helper()
	var text strings.Builder
	for _, row := range rows {
		outcomes := row.Outcomes[*column]
		for _, o := range outcomes {
			for _, d := range o.Differences {
				if *differences {
					t.Logf("%s: step %d, %s, %s: %s", row.Registry, o.Step, o.Op, o.Request, d)
				}
			}
		}
		require.NoError(t, fidelity.WriteDifferences(&text, row.Recording, columns[*column].Name, outcomes))
	}
	if *markdown != "" {
		require.NoError(t, os.WriteFile(*markdown, []byte(text.String()), 0o600))
	}
}

// A registry is equal to itself: what differs from run to run is not compared.
func TestReplayOfItself(t *testing.T) {
	recordings, err := fidelity.Recordings()
	require.NoError(t, err)
	for _, r := range recordings {
		t.Run(r.Registry, func(t *testing.T) {
			first, ok := strict(t).Start(r)
			require.True(t, ok)
			outcomes, err := r.Replay(t.Context(), first)
			require.NoError(t, err)
			for i, o := range outcomes {
				r.Exchanges[i].Answer = o.Got
			}
			second, ok := strict(t).Start(r)
			require.True(t, ok)
			again, err := r.Replay(t.Context(), second)
			require.NoError(t, err)
			for _, o := range again {
				assert.Empty(t, o.Differences, "step %d, %s", o.Step, o.Request)
			}
			assert.Equal(t, len(r.Exchanges), fidelity.Summarize(again).Equal)
		})
	}
}
