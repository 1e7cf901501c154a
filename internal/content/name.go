package content

import (
	"strings"

	"github.com/opencontainers/go-digest"
)

// imageName is how an archive calls an image.
type imageName struct {
	repository, tag string
	digest          digest.Digest
}

// parseName reads a name as [Load] describes. Whether its parts are valid is not
// its business.
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

// isHost tells a host from the first word of a repository, as Docker does.
func isHost(s string) bool {
	return s == "localhost" || strings.ContainsAny(s, ".:") && !strings.HasPrefix(s, ".")
}

// localName is a repository as parseName reads it: the first word of some would be
// taken for a host.
func localName(repository string) string {
	if host, _, ok := strings.Cut(repository, "/"); ok && isHost(host) {
		return "localhost/" + repository
	}
	return repository
}
