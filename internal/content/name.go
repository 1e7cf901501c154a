package content

import (
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// imageName is the name of an image in an archive.
type imageName struct {
	repository, tag string
	digest          digest.Digest
}

// parseName parses a name as described at [Load]. It does not validate the parts.
func parseName(s string) imageName {
	rest, d, pinned := strings.Cut(s, "@")
	if !pinned && !strings.ContainsAny(s, "/:") {
		return imageName{tag: s}
	}
	if host, path, ok := strings.Cut(rest, "/"); ok && isHost(host) {
		rest = path
	}
	repository, tag, tagged := strings.Cut(rest, ":")
	if !tagged && !pinned {
		tag = "latest"
	}
	return imageName{repository, tag, digest.Digest(d)}
}

// isHost reports whether the first component of a name is a host, as in Docker.
func isHost(s string) bool {
	return s == "localhost" || strings.ContainsAny(s, ".:") && !strings.HasPrefix(s, ".")
}

// localName returns a name that parseName parses to the repository, whose first component may look
// like a host.
func localName(repository string) string {
	if host, _, ok := strings.Cut(repository, "/"); ok && isHost(host) {
		return "localhost/" + repository
	}
	return repository
}

// EntryName returns the repository and the tag that the name of an entry of a layout's index.json
// stands for, either of which can be empty.
func EntryName(desc ocispec.Descriptor) (repository, tag string) {
	n := nameOf(desc)
	if n == "" {
		return "", ""
	}
	parsed := parseName(n)
	return parsed.repository, parsed.tag
}

// LayoutName returns the name of a tag, or of a digest if the tag is empty, in a layout's index.json.
func LayoutName(repository, tag string, d digest.Digest) string {
	if tag != "" {
		return localName(repository) + ":" + tag
	}
	return localName(repository) + "@" + d.String()
}
