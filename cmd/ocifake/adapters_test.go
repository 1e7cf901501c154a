package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/exam"
)

// TestAdapters checks the scripts of the clients that an exam knows. e2e/clients runs them.
func TestAdapters(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no shell")
	}
	all := ""
	for _, a := range adapters {
		assert.NotEmpty(t, a.name)
		assert.NotEmpty(t, a.program, a.name)
		assert.NotEmpty(t, a.version, a.name)
		assert.NotEmpty(t, a.push+a.pull+a.list+a.copy+a.referrers+a.run, a.name)
		for _, action := range []string{a.push, a.pull, a.list, a.copy, a.referrers, a.run, a.check, a.version} {
			if script := a.script(action); script != "" {
				all += "(\n" + script + "\n)\n"
			}
		}
		found, err := findAdapter(a.name)
		require.NoError(t, err)
		assert.Equal(t, a, found)
	}
	out, err := exec.CommandContext(t.Context(), sh, "-n", "-c", all).CombinedOutput()
	require.NoError(t, err, "%s", out)
	_, err = findAdapter("cranes")
	require.EqualError(t, err, `there is no client "cranes": did you mean crane?`)
	assert.Empty(t, (&adapter{setup: "x"}).script(""))
}

// TestExamJUnit checks that faults of the baseline are no failures.
func TestExamJUnit(t *testing.T) {
	trial := func(name string, verdict exam.Verdict) exam.TrialResult {
		return exam.TrialResult{Group: "faults", Name: name, Action: "pull", Verdict: verdict, Reason: "\x1b because", Journal: "GET ]]> <x>"}
	}
	card := &exam.Scorecard{Trials: []exam.TrialResult{trial("known", "gave up"), trial("mended", "passed"), trial("worse", "hung"), trial("absent", "not applicable")}}
	before := &exam.Scorecard{Trials: []exam.TrialResult{trial("known", "gave up"), trial("mended", "gave up"), trial("worse", "passed")}}
	all, compared := newExamJUnit(card, nil), newExamJUnit(card, before)
	assert.Equal(t, [3]int{4, 2, 1}, [3]int{all.Tests, all.Failures, all.Skipped})
	assert.Equal(t, [3]int{4, 1, 2}, [3]int{compared.Tests, compared.Failures, compared.Skipped})
	assert.Equal(t, `hung: \x1b because`, compared.Cases[2].Failure.Message)
	var text strings.Builder
	require.NoError(t, compared.writeTo(&text))
	assert.NotContains(t, text.String(), "\x1b")
}
