package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// configured reads a file, beside flags.
func configured(t *testing.T, text string, args ...string) (*serveConfig, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ocifake.yaml")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	c := &serveConfig{logFormat: "text"}
	cmd := new(cobra.Command)
	bind(cmd, c.flags())
	require.NoError(t, cmd.ParseFlags(append([]string{"--addr", ":0", "--config", name}, args...)))
	return c, c.complete(t.Context(), cmd.Flags())
}

func TestConfigFile(t *testing.T) {
	c, err := configured(t, `
tls: true           # a flag without its dashes
page-size: 5
max-manifest: 1MiB
upload-ttl: 90s
warning: [one, "two: 2"]
load: app=./layout
generate:
- app:v1
- app:v2 layers=2
log-level: debug
`, "--page-size", "7")
	require.NoError(t, err)
	assert.True(t, c.server.TLS)
	assert.Equal(t, 7, c.registry.PageSize, "the command line wins")
	assert.EqualValues(t, 1<<20, c.registry.MaxManifest)
	assert.Equal(t, 90*time.Second, c.store.UploadTTL)
	assert.Equal(t, []string{"one", "two: 2"}, c.registry.Warnings)
	assert.Equal(t, loads{{"app", "./layout"}}, c.content.load)
	assert.Len(t, c.content.generate, 2)
	assert.Equal(t, "127.0.0.1:0", c.server.Addr)

	_, err = configured(t, "")
	assert.NoError(t, err)
	_, err = configured(t, "# nothing")
	assert.NoError(t, err)
}

func TestWrongConfigFile(t *testing.T) {
	for text, want := range map[string]string{
		"page-siez: 5":            "ocifake.yaml: line 1, column 1: page-siez: unknown flag: did you mean page-size?",
		"tls: true\npage-size: x": `line 2, column 1: page-size: invalid argument "x" for "--page-size" flag: want a number from 0 to 2147483647`,
		"tls: maybe":              "tls: invalid argument",
		"page-size: [1, 2]":       "page-size: want one value, not a list of 2",
		"warning: {a: b}":         "warning: want text, a number, true or false",
		"warning: [[a]]":          "warning: want text, a number, true or false",
		"ca-file:":                "ca-file: want text, a number, true or false",
		"config: other.yaml":      "config: this flag is not allowed in a file",
		"- tls":                   "want names and values",
		"tls: true\ntls: false":   "tls: it is there twice",
		"tls: [":                  "ocifake.yaml",
		"h2c: true\ntls: true":    "h2c is HTTP/2 without TLS",
	} {
		_, err := configured(t, text)
		assert.ErrorContains(t, err, want, text)
	}
	c := serveConfig{config: filepath.Join(t.TempDir(), "missing")}
	assert.ErrorContains(t, c.complete(t.Context(), nil), "--config: open ")
}
