package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRun(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run([]string{"-quick", "-run", "^pull 1 KiB$"}, &out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 5, out.String())
	assert.Regexp(t, `^go\S+, \w+/\w+, \d+ CPUs$`, lines[0])
	assert.Regexp(t, `^\| workload \| base \| ocifake \| target \|`, lines[2])
	assert.Regexp(t, `^\| pull 1 KiB \| \S+s \| [\d.]+ \([\d.]+–[\d.]+\) \| ≥ 0.85 \| (PASS|MISS) \|( [\d.]+ \([\d.]+–[\d.]+\) \|){3}$`, lines[4])
}

func TestRunRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"malformed expression": {[]string{"-run", "("}, "-run: "},
		"no such workload":     {[]string{"-run", "no such"}, `no workload's name matches "no such"`},
		"argument":             {[]string{"pull"}, `unexpected argument "pull"`},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			assert.ErrorContains(t, run(test.args, &out), test.want)
		})
	}
}

// BenchmarkRows measures one pair of each comparison in an iteration. "ratio" is
// that of the table.
func BenchmarkRows(b *testing.B) {
	for _, r := range rows(10_000) {
		for _, s := range r.subjects {
			b.Run(r.name+"/"+s.name, func(b *testing.B) {
				found := result{}
				going := true
				more := func() bool {
					going = b.Loop()
					return going
				}
				found.pairs, found.err = r.compare(s, more)
				for going && found.err == nil { // one pair is enough for some comparisons
					more()
				}
				if err := found.failure(r, s); err != nil {
					b.Fatal(err)
				}
				if found.err != nil {
					b.Skip(found.err)
				}
				b.ReportMetric(ratioOf(found.pairs, r.target.ratio).median, "ratio")
			})
		}
	}
}
