package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// writeText is what writes a text into a target.
func writeText(text string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
}

func readText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestTargetIsReplaced(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "url")
	require.NoError(t, os.WriteFile(name, []byte("what was there before"), 0o600))
	before, err := os.Stat(name)
	require.NoError(t, err)

	target, err := findTarget("--har", name)
	require.NoError(t, err)
	assert.Equal(t, "what was there before", readText(t, name), "finding a target changes nothing")
	require.NoError(t, target.write(t.Context(), writeText("new")))

	assert.Equal(t, "new", readText(t, name))
	after, err := os.Stat(name)
	require.NoError(t, err)
	assert.False(t, os.SameFile(before, after), "a reader of the old file would see parts of the new one")
	assert.Equal(t, []string{"url"}, namesIn(t, dir))
}

func TestTargetThatCannotBeWrittenStays(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(name, []byte("old"), 0o600))
	target, err := findTarget("--har", name)
	require.NoError(t, err)
	for _, way := range []way{wayReplace, wayInPlace} {
		target.way = way
		err = target.write(t.Context(), func(w io.Writer) error {
			require.NoError(t, writeText("part")(w))
			return assert.AnError
		})
		require.ErrorIs(t, err, assert.AnError)
		assert.ErrorContains(t, err, "--har: write "+name+": ")
		assert.Equal(t, "old", readText(t, name))
		assert.Equal(t, []string{"file"}, namesIn(t, dir))
	}
}

func TestTargetIsCleared(t *testing.T) {
	name := filepath.Join(t.TempDir(), "url")
	target, err := findTarget("--ready-file", name)
	require.NoError(t, err)
	require.NoError(t, target.clear(), "nothing is there")

	require.NoError(t, os.WriteFile(name, nil, 0o600))
	target, err = findTarget("--ready-file", name)
	require.NoError(t, err)
	require.NoError(t, target.clear())
	assert.NoFileExists(t, name)
	require.NoError(t, target.clear(), "somebody else was faster")
}

func TestWrongTargets(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("file", nil, 0o600))
	for name, want := range map[string]string{
		"-":              "use /dev/stdout for standard output, or ./- for a file named -",
		"new/":           "the name is that of a directory",
		".":              "it is a directory: want a file",
		"missing/file":   "missing",
		"file/below":     "file",
		dir:              "it is a directory: want a file",
		"missing/../new": "missing",
	} {
		_, err := findTarget("--har", name)
		assert.ErrorContains(t, err, "--har: write "+name+": ", name)
		assert.ErrorContains(t, err, want, name)
	}
}

// Files that flags name, and which of them may not be.
func TestTargetsAreNothingElse(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("file", []byte("mine"), 0o600))
	require.NoError(t, os.Link("file", "hard"))
	require.NoError(t, os.Mkdir("dir", 0o700))
	require.NoError(t, os.MkdirAll("layout/blobs/sha256", 0o700))
	require.NoError(t, os.WriteFile("layout/index.json", []byte("{}"), 0o600))
	wd, err := os.Getwd()
	require.NoError(t, err)
	har := func(name string) namedFile { return namedFile{"--har", name} }
	load := func(name string) namedFile { return namedFile{"--load", name} }
	for _, test := range []struct {
		written, read []namedFile
		want          string // "": none
	}{
		{[]namedFile{har("new"), {"--snapshot", "other"}}, []namedFile{load("file")}, ""},
		{[]namedFile{har("")}, []namedFile{load("")}, ""},
		{[]namedFile{har("file"), {"--snapshot", "file"}}, nil, "--har file and --snapshot file are the same file: use different files"},
		{[]namedFile{har("file"), {"--snapshot", "hard"}}, nil, "are the same file"},
		{[]namedFile{har("new"), {"--junit", "./dir/../new"}}, nil, "are the same file"},
		{[]namedFile{har("new"), {"--junit", filepath.Join(wd, "new")}}, nil, "are the same file"},
		{[]namedFile{har(os.DevNull), {"--junit", os.DevNull}}, []namedFile{load(os.DevNull)}, ""},
		{[]namedFile{har("file")}, []namedFile{{"--faults", "file"}}, "--har file is also the input of --faults: use another file"},
		{[]namedFile{har("./hard")}, []namedFile{{"--config", "file"}}, "--har ./hard is also the input of --config"},
		{[]namedFile{har("layout/index.json")}, []namedFile{load("layout")}, "--har layout/index.json is inside the input of --load layout"},
		{[]namedFile{har("layout/blobs/sha256/abc")}, []namedFile{load("layout")}, "is inside the input of --load layout"},
		{[]namedFile{har("layout/requests.har")}, []namedFile{load("layout")}, ""},
		{[]namedFile{har("new")}, []namedFile{load("missing")}, ""},
	} {
		_, err := findTargets(test.written, test.read)
		if test.want == "" {
			assert.NoError(t, err, test.written)
		} else {
			assert.ErrorContains(t, err, test.want, test.written)
		}
	}
	assert.Equal(t, "mine", readText(t, "file"))
}

func TestShellWord(t *testing.T) {
	for word, want := range map[string]string{
		"ca.pem":    "ca.pem",
		"a b":       "'a b'",
		"it's":      `'it'\''s'`,
		"$(reboot)": "'$(reboot)'",
	} {
		assert.Equal(t, want, shellWord(word))
	}
}
