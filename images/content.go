package images

import (
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/must"
)

// Content is the content of a blob: a *[strings.Reader], a *[bytes.Reader], a
// *[io.SectionReader], or [RandomContent]. Its methods are called concurrently.
type Content interface {
	io.ReaderAt
	Size() int64
}

// RandomContent returns size bytes of pseudo-random content, which are the same for the
// same seed. They are computed when they are read.
func RandomContent(seed uint64, size int64) Content { return content.NewRandom(seed, size) }

// KnownDigest returns content whose digest is not computed, which would take minutes for
// 100 GiB. If c has more than 64 MiB, the digest is not verified: with a wrong digest,
// clients receive a corrupt blob, and [registrytest.Registry.Check], which reads all
// content, reports it.
//
// [registrytest.Registry.Check]: https://pkg.go.dev/github.com/ocifake/ocifake/registrytest#Registry.Check
func KnownDigest(c Content, d digest.Digest) Content {
	must.NotNil("images: KnownDigest: c", c)
	return knownDigest{c, d}
}

type knownDigest struct {
	Content
	digest digest.Digest
}

func (k knownDigest) Digest() digest.Digest { return k.digest }
