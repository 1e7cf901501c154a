package e2e

import (
	"os"
	"path/filepath"
	"strings"
)

var helm = client{
	name:    "helm",
	content: newChart,
	push: func(s *session, c content, ref string) error {
		namespace, _, _ := strings.Cut(ref, "/"+chartName+":")
		for _, archive := range c.blobs {
			file := s.file(chartName+"-"+c.tag+".tgz", string(archive))
			if err := s.helm("push", file, "oci://"+namespace); err != nil {
				return err
			}
		}
		return nil
	},
	pull: func(s *session, ref, dir string) error {
		i := strings.LastIndex(ref, ":")
		repo, version := ref[:i], ref[i+1:]
		tmp := s.t.TempDir()
		if err := s.helm("pull", "oci://"+repo, "--version", version, "--destination", tmp); err != nil {
			return err
		}
		archive, err := os.ReadFile(filepath.Join(tmp, chartName+"-"+version+".tgz"))
		if err != nil {
			return err
		}
		return writeBlob(dir, archive)
	},
	cannot: helmCannot(map[string]string{
		"resolve": "has no command for it",
		"tags":    "has no command for it",
	}),
}

func (s *session) helm(args ...string) error {
	if !s.tls() {
		args = append(args, "--plain-http")
	}
	return s.do("helm", args...)
}
