package fidelity_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/fidelity"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/registrytest"
)

// least is the part of the exchanges of each tape, in percent, that the profile has equal at least.
var least = map[string]float64{
	"distribution2/official suite 1.1.1": 100,
	"distribution3/official suite 1.1.1": 99,
	"ggcr/official suite 1.1.1":          100,
	"ocimem/official suite 1.1.1":        100,
	"olareg/official suite 1.1.1":        98,
	"zot/official suite 1.1.1":           100,
	"zot/official program 1.1":           99,
	"zot/spec":                           98,
}

// TestTapes sends the requests of the tapes to the strict registry and to the profile.
func TestTapes(t *testing.T) {
	tapes, err := fidelity.Tapes()
	require.NoError(t, err)
	require.NotEmpty(t, tapes)
	var table strings.Builder
	rows := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(rows, "registry\tversion\trequests of\texchanges\tstrict\t%\tprofile\t%")
	for _, tape := range tapes {
		name := tape.Registry + "/" + tape.Client
		t.Run(name, func(t *testing.T) {
			p, err := profiles.Find(tape.Registry)
			require.NoError(t, err)
			facts, err := p.AllFacts()
			require.NoError(t, err)
			unsorted := slices.ContainsFunc(facts, func(f profiles.Fact) bool { return f.Trait == "tags.order" && f.Value == "none" })
			whole := registrytest.WithRecording(registrytest.Recording{MaxBytes: -1})
			exchanges, err := tape.Replay(t.Context(), fidelity.Unordered(unsorted),
				start(t, whole), start(t, whole, registrytest.WithProfile(tape.Registry)))
			require.NoError(t, err)
			var equal [2]int
			for _, x := range exchanges {
				for i, list := range x.Differences {
					if len(list) == 0 {
						equal[i]++
					}
					if *differences && i == *column {
						for _, d := range list {
							t.Logf("%s\t%s\t%d -> %d\t%s", x.Op, x.Request, x.Answer.Status, x.Got[i].Status, d)
						}
					}
				}
			}
			percent := func(n int) float64 { return 100 * float64(n) / float64(len(exchanges)) }
			fmt.Fprintf(rows, "%s\t%s\t%s\t%d\t%d\t%.1f\t%d\t%.1f\n", tape.Registry, tape.Version, tape.Client, len(exchanges),
				equal[0], percent(equal[0]), equal[1], percent(equal[1]))
			require.Contains(t, least, name)
			assert.GreaterOrEqual(t, percent(equal[1]), least[name])
		})
	}
	require.NoError(t, rows.Flush())
	t.Logf("exchanges that are equal:\n%s", table.String())
}

// A tape that is written is the one that was read.
func TestTapeWritten(t *testing.T) {
	tapes, err := fidelity.Tapes()
	require.NoError(t, err)
	for _, tape := range thorough.Sample(tapes, len(tapes), 0) {
		var out bytes.Buffer
		_, err := tape.WriteTo(&out)
		require.NoError(t, err)
		again, err := fidelity.ReadTape(&out)
		require.NoError(t, err)
		assert.Equal(t, tape, again)
	}
}
