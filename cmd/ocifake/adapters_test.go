package main

import (
	"os"
	"os/exec"
	"path/filepath"
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

// TestBlobsOfTrial checks that a client of containers/image, which root runs, leaves nothing in the
// directory in which it keeps what it knows about blobs, and finds it again in the same trial.
func TestBlobsOfTrial(t *testing.T) {
	const blobs = "/var/lib/containers/cache"
	if os.Geteuid() != 0 || os.MkdirAll(blobs, 0o700) != nil {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	if exec.CommandContext(t.Context(), "unshare", "--mount", "mount", "--bind", dir, blobs).Run() != nil {
		t.Skip("needs to mount")
	}
	mark := filepath.Join(blobs, "ocifake-"+filepath.Base(filepath.Dir(dir)))
	client := filepath.Join(dir, "skopeo")
	require.NoError(t, os.WriteFile(client, []byte("#!/bin/sh\ncat \"$1\" 2>/dev/null || echo known >\"$1\"\n"), 0o700))
	skopeo, err := findAdapter("skopeo")
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", skopeo.script(`skopeo "$MARK"; skopeo "$MARK"`))
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "TMPDIR="+dir, "MARK="+mark, "OCIFAKE_HOST=127.0.0.1:1", "OCIFAKE_URL=http://127.0.0.1:1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, "known\n", string(out))
	assert.NoFileExists(t, mark)
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
