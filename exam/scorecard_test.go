package exam_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/exam"
)

func TestVerdicts(t *testing.T) {
	for _, row := range exam.KindRows() {
		kind, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		assert.Contains(t, exam.VerdictNames(), kind, "a kind of violation is a verdict")
		assert.True(t, exam.Verdict(kind).Fault(), kind)
	}
	for _, verdict := range []exam.Verdict{"passed", "recovered", "failed cleanly", "not applicable", "not reached"} {
		assert.False(t, verdict.Fault(), verdict)
	}
	for _, verdict := range []exam.Verdict{"gave up", "breaks a rule", "a new one", ""} {
		assert.True(t, verdict.Fault(), verdict)
	}
}

func TestScorecardSort(t *testing.T) {
	var card exam.Scorecard
	want := []string{
		"none/push", "none/pull", "none/run", "duties/credentials/push", "faults/a/push", "faults/a/copy",
		"faults/b/push", "profiles/ghcr/sign", "traits/a/push", "sweep/blob.get_app/503/pull", "other/a/push",
	}
	for _, id := range want {
		group, rest, _ := strings.Cut(id, "/")
		at := strings.LastIndex(rest, "/")
		name := rest[:max(at, 0)]
		card.Trials = append([]exam.TrialResult{{Group: group, Name: name, Action: rest[at+1:]}}, card.Trials...)
	}
	card.Sort()
	var got []string
	for _, trial := range card.Trials {
		got = append(got, trial.ID())
	}
	assert.Equal(t, want, got)
}
