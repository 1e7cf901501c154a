package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ocifake/ocifake/internal/control"
	"github.com/ocifake/ocifake/internal/server"
)

func someHosts() control.Hosts {
	return control.Hosts{
		Proxy: "http://127.0.0.1:5000", CA: string(new(server.Authority).CertPEM()),
		Hosts: []control.Host{
			{Name: "docker.io", Aliases: []string{"registry-1.docker.io", "docker.io"}, Profile: "dockerhub"},
			{Name: "registry.example", Port: "5000", Aliases: []string{"*.x.example"}, Profile: "strict"},
		},
	}
}

// TestDaemonFiles: the files have the syntax of the daemon, and name the proxy, each host and the
// authority.
func TestDaemonFiles(t *testing.T) {
	for _, d := range daemons {
		t.Run(d.name, func(t *testing.T) {
			dir := t.TempDir()
			var printed bytes.Buffer
			require.NoError(t, (&hostsConfig{}).configure(d.name, someHosts(), &printed))
			require.NoError(t, (&hostsConfig{dir: dir}).configure(d.name, someHosts(), new(bytes.Buffer)))
			for _, all := range []string{printed.String(), contentOf(t, dir)} {
				assert.Contains(t, all, "http://127.0.0.1:5000")
				assert.Contains(t, all, "BEGIN CERTIFICATE")
				assert.NotContains(t, all, "*.x.example")
				if d.name != "docker" { // for which the environment is all
					assert.Contains(t, all, "docker.io")
					assert.Contains(t, all, "registry.example:5000")
				}
			}
		})
	}
}

// contentOf returns the paths and the texts of the files in a directory, of which each is parsed.
func contentOf(t *testing.T, dir string) (all string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		all += path + "\n" + string(text)
		switch filepath.Ext(path) {
		case ".json":
			assert.True(t, json.Valid(text), path)
		case ".yaml":
			var v map[string]any
			require.NoError(t, yaml.Unmarshal(text, &v), path)
			if registries, ok := v["registries"].(map[string]any); ok { // of k3s, in a text
				require.NoError(t, yaml.Unmarshal([]byte(registries["config"].(string)), &v))
			}
		case ".pem", ".crt":
			block, _ := pem.Decode(text)
			assert.NotNil(t, block, path)
		}
		return nil
	}))
	return all
}

// TestHostileHosts: what a server says does not lead out of the directory.
func TestHostileHosts(t *testing.T) {
	for name, change := range map[string]func(*control.Hosts){
		"name":  func(h *control.Hosts) { h.Hosts[0].Name = "../../etc" },
		"alias": func(h *control.Hosts) { h.Hosts[0].Aliases = []string{"a\"b"} },
		"port":  func(h *control.Hosts) { h.Hosts[0].Port = "../x" },
		"list":  func(h *control.Hosts) { h.Hosts[0].Name = "a.example,b.example" },
		"CA":    func(h *control.Hosts) { h.CA = "no certificate" },
		"more":  func(h *control.Hosts) { h.CA += "\n[plugins]" },
		"proxy": func(h *control.Hosts) { h.Proxy = "http://x:1\nEnvironment=y" },
	} {
		t.Run(name, func(t *testing.T) {
			h, dir := someHosts(), t.TempDir()
			change(&h)
			require.Error(t, (&hostsConfig{dir: filepath.Join(dir, "d")}).configure("containerd", h, new(bytes.Buffer)))
			assert.Empty(t, strings.TrimSpace(contentOf(t, dir)))
		})
	}
}
