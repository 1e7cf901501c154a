package e2e

import "github.com/opencontainers/go-digest"

var crane = client{
	name:        "crane",
	indexes:     true,
	push:        cranePush,
	pushChunked: cranePush,
	chunks:      1, // every blob goes in one PATCH
	pull: func(s *session, ref, dir string) error {
		return s.do("crane", "pull", "--format", "oci", ref, dir)
	},
	resolve: func(s *session, ref string) (digest.Digest, error) {
		return parsed(s.run("crane", "digest", ref))
	},
	tag: func(s *session, ref, tag string) error {
		return s.do("crane", "tag", ref, tag)
	},
	tags: func(s *session, repo string) ([]string, error) {
		return fields(s.run("crane", "ls", s.base.Host+"/"+repo))
	},
	copy: func(s *session, from, to string) error {
		return s.do("crane", "copy", from, to)
	},
	delete: func(s *session, ref string) error {
		return s.do("crane", "delete", ref)
	},
	catalog: func(s *session) ([]string, error) {
		return fields(s.run("crane", "catalog", s.base.Host))
	},
	cannot: map[string]string{
		"sha512":    "v1.Hash knows no algorithm but sha256",
		"attach":    "has no command for it",
		"referrers": "has no command for it",
	},
}

func cranePush(s *session, c content, ref string) error {
	return s.do("crane", "push", c.dir, ref)
}
