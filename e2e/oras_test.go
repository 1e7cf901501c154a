package e2e

import (
	"encoding/json"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

var oras = client{
	name:    "oras",
	indexes: true,
	sha512:  true,
	push: func(s *session, c content, ref string) error {
		return s.orasCopy("--from-oci-layout", c.dir+":"+c.tag, ref)
	},
	pull: func(s *session, ref, dir string) error {
		return s.orasCopy("--to-oci-layout", ref, dir+":pulled")
	},
	resolve: func(s *session, ref string) (digest.Digest, error) {
		return parsed(s.oras("resolve", ref))
	},
	tag: func(s *session, ref, tag string) error {
		_, err := s.oras("tag", ref, tag)
		return err
	},
	tags: func(s *session, repo string) ([]string, error) {
		return fields(s.oras("repo", "tags", s.base.Host+"/"+repo))
	},
	copy: func(s *session, from, to string) error {
		return s.orasCopy(from, to)
	},
	delete: func(s *session, ref string) error {
		_, err := s.oras("manifest", "delete", "--force", ref)
		return err
	},
	attach: func(s *session, subject, artifactType string) error {
		file := s.file("artifact.txt", artifactType)
		_, err := s.oras("attach", "--disable-path-validation", "--artifact-type", artifactType, subject, file)
		return err
	},
	referrers: func(s *session, subject, artifactType string) ([]digest.Digest, error) {
		out, err := s.oras("discover", "--format", "json", "--artifact-type", artifactType, subject)
		if err != nil {
			return nil, err
		}
		var found struct{ Referrers []ocispec.Descriptor }
		err = json.Unmarshal([]byte(out), &found)
		return digests(found.Referrers), err
	},
	catalog: func(s *session) ([]string, error) {
		return fields(s.oras("repo", "ls", s.base.Host))
	},
	cannot: map[string]string{"chunks": "uploads every blob in one PUT"},
}

func (s *session) oras(args ...string) (string, error) {
	if !s.tls() {
		args = append(args, "--plain-http")
	}
	return s.run("oras", args...)
}

// orasCopy copies between any two of registries and layouts.
func (s *session) orasCopy(args ...string) error {
	args = append([]string{"cp"}, args...)
	if !s.tls() {
		args = append(args, "--from-plain-http", "--to-plain-http")
	}
	return s.do("oras", args...)
}
