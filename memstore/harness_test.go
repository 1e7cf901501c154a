package memstore_test

import (
	"bytes"
	"io"
	"iter"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/registry"
)

// newUpload opens a session in the repository app.
func newUpload(tb testing.TB, s registry.Store, algorithm digest.Algorithm) registry.Upload {
	tb.Helper()
	u, err := s.NewUpload(tb.Context(), "app", algorithm)
	require.NoError(tb, err)
	return u
}

// push pushes a blob in one chunk of known length.
func push(tb testing.TB, s registry.Store, repo, content string) digest.Digest {
	tb.Helper()
	d := digest.FromString(content)
	u, err := s.NewUpload(tb.Context(), repo, digest.SHA256)
	require.NoError(tb, err)
	require.NoError(tb, u.Commit(tb.Context(), whole(content), d))
	return d
}

// whole is a chunk of known length at the end of the session.
func whole(content string) registry.Chunk {
	return registry.Chunk{Body: bytes.NewReader([]byte(content)), Offset: registry.Unknown, Length: int64(len(content))}
}

// stream is a chunk of unknown length at the end of the session.
func stream(r io.Reader) registry.Chunk {
	return registry.Chunk{Body: r, Offset: registry.Unknown, Length: registry.Unknown}
}

// read reads a whole blob.
func read(tb testing.TB, s registry.Store, repo string, d digest.Digest) string {
	tb.Helper()
	b, err := s.OpenBlob(tb.Context(), repo, d)
	require.NoError(tb, err)
	var content bytes.Buffer
	_, err = b.WriteRange(&content, 0, b.Size())
	require.NoError(tb, err)
	require.NoError(tb, b.Close())
	return content.String()
}

// collect returns what a list lists.
func collect[T any](tb testing.TB, list iter.Seq2[T, error]) []T {
	tb.Helper()
	var all []T
	for item, err := range list {
		require.NoError(tb, err)
		all = append(all, item)
	}
	return all
}

// putManifest is a manifest of any content without references.
func putManifest(content string, tags ...string) registry.PutManifest {
	return registry.PutManifest{
		Manifest: registry.Manifest{
			Descriptor: ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(content), Size: int64(len(content))},
			Content:    []byte(content),
		},
		Tags: tags,
	}
}

// body is a Body whose every Read the test answers.
type body struct {
	asked   chan []byte // what Read was given
	answer  chan answer
	waiting []byte // what the Read that is not answered yet was given
}

type answer struct {
	n   int
	err error
}

func newBody() *body { return &body{asked: make(chan []byte), answer: make(chan answer)} }

func (b *body) Read(p []byte) (int, error) {
	b.asked <- p
	a := <-b.answer
	return a.n, a.err
}

// send answers Reads until all the content was taken and the next one waits.
func (b *body) send(content string) {
	if b.waiting == nil {
		b.waiting = <-b.asked
	}
	for content != "" {
		n := copy(b.waiting, content)
		content = content[n:]
		b.answer <- answer{n: n}
		b.waiting = <-b.asked
	}
}

// end answers the Read that is waiting.
func (b *body) end(err error) { b.answer <- answer{err: err} }

// answerAll answers the Read that is waiting, and all that follow until asked is
// closed, with bytes.
func (b *body) answerAll() {
	for ok := true; ok; b.waiting, ok = <-b.asked {
		b.answer <- answer{n: len(b.waiting)}
	}
}

// untouched fails the test when it is read.
type untouched struct{ testing.TB }

func (u untouched) Read([]byte) (int, error) {
	u.Error("the body was read")
	return 0, io.EOF
}

// endless has zeros for ever.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
