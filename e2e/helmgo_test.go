package e2e

import (
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"helm.sh/helm/v3/pkg/registry"
)

// helmGo is the registry client of Helm. It knows charts only.
var helmGo = client{
	name:    "helm library",
	content: newChart,
	push:    helmGoPush,
	pull:    helmGoPull,
	resolve: helmGoResolve,
	tags:    helmGoTags,
	cannot:  helmCannot(nil),
}

// helmCannot is what no client of Helm's does, and more.
func helmCannot(more map[string]string) map[string]string {
	all := map[string]string{
		"index":     "a chart is no index",
		"sha512":    "makes its manifest itself, in sha256",
		"chunks":    "uploads every blob in one PUT",
		"tag":       "a chart's tag is its version",
		"copy":      "does not copy",
		"delete":    "does not delete",
		"attach":    "does not attach",
		"referrers": "does not list",
		"catalog":   "does not list",
	}
	maps.Copy(all, more)
	return all
}

func (s *session) helmClient() (*registry.Client, error) {
	home := s.home
	if home == "" {
		home = s.newHome()
	}
	options := []registry.ClientOption{
		registry.ClientOptHTTPClient(&http.Client{Transport: s.transport}),
		registry.ClientOptWriter(io.Discard),
		registry.ClientOptEnableCache(true), // as helm does
		registry.ClientOptCredentialsFile(filepath.Join(home, dockerConfig)),
	}
	if !s.tls() {
		options = append(options, registry.ClientOptPlainHTTP())
	}
	return registry.NewClient(options...)
}

func helmGoPush(s *session, c content, ref string) error {
	client, err := s.helmClient()
	if err != nil {
		return err
	}
	for _, archive := range c.blobs {
		if _, err := client.Push(archive, ref); err != nil {
			return err
		}
	}
	return nil
}

func helmGoPull(s *session, ref, dir string) error {
	client, err := s.helmClient()
	if err != nil {
		return err
	}
	result, err := client.Pull(ref)
	if err != nil {
		return err
	}
	return writeBlob(dir, result.Chart.Data)
}

// writeBlob puts a blob where it belongs in an image layout.
func writeBlob(dir string, data []byte) error {
	d := digest.FromBytes(data)
	path := filepath.Join(dir, ocispec.ImageBlobsDir, d.Algorithm().String(), d.Encoded())
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func helmGoResolve(s *session, ref string) (digest.Digest, error) {
	client, err := s.helmClient()
	if err != nil {
		return "", err
	}
	desc, err := client.Resolve(ref)
	return desc.Digest, err
}

func helmGoTags(s *session, repo string) ([]string, error) {
	client, err := s.helmClient()
	if err != nil {
		return nil, err
	}
	return client.Tags(s.base.Host + "/" + repo)
}
