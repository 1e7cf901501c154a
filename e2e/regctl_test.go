package e2e

import (
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
)

var regctl = client{
	name:    "regctl",
	indexes: true,
	sha512:  true,
	push:    regctlPush,
	pull: func(s *session, ref, dir string) error {
		return s.do("regctl", "image", "copy", ref, "ocidir://"+dir+":pulled")
	},
	pushChunked: regctlPush, // as the configuration says
	chunks:      layerSize / chunkSize,
	resolve: func(s *session, ref string) (digest.Digest, error) {
		return parsed(s.run("regctl", "image", "digest", ref))
	},
	tag: func(s *session, ref, tag string) error {
		return s.do("regctl", "image", "copy", ref, retag(ref, tag))
	},
	tags: func(s *session, repo string) ([]string, error) {
		return fields(s.run("regctl", "tag", "ls", s.base.Host+"/"+repo))
	},
	copy: func(s *session, from, to string) error {
		return s.do("regctl", "image", "copy", from, to)
	},
	delete: func(s *session, ref string) error {
		return s.do("regctl", "manifest", "delete", ref)
	},
	attach: func(s *session, subject, artifactType string) error {
		file := s.file("artifact.txt", artifactType)
		return s.do("regctl", "artifact", "put", "--subject", subject, "--artifact-type", artifactType, "--file", file)
	},
	referrers: func(s *session, subject, artifactType string) ([]digest.Digest, error) {
		const format = "{{range .Descriptors}}{{println .Digest}}{{end}}"
		out, err := fields(s.run("regctl", "artifact", "list", "--filter-artifact-type", artifactType, "--format", format, subject))
		var all []digest.Digest
		for _, line := range out {
			all = append(all, digest.Digest(line))
		}
		return all, err
	},
	catalog: func(s *session) ([]string, error) {
		return pages(func(last string) ([]string, error) {
			return fields(s.run("regctl", "repo", "ls", "--last", last, s.base.Host))
		})
	},
}

func regctlPush(s *session, c content, ref string) error {
	return s.do("regctl", "image", "copy", "ocidir://"+c.dir+":"+c.tag, ref)
}

// regctlConfig is a configuration of regctl: chunked uploads can be turned on
// there and nowhere else.
func (s *session) regctlConfig() string {
	tls := "disabled"
	if s.tls() {
		tls = "enabled"
	}
	return fmt.Sprintf(`{"hosts":{%q:{"tls":%q,"blobChunk":%d,"blobMax":%d}}}`, s.base.Host, tls, chunkSize, chunkSize)
}

// retag returns the reference with another tag.
func retag(ref, tag string) string {
	return ref[:strings.LastIndex(ref, ":")+1] + tag
}
