package memstore_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// long is content of several extents, no two of them equal.
func long(n int) string {
	content := make([]byte, n)
	for i := range content {
		content[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return string(content)
}

func TestBlobRanges(t *testing.T) {
	content := long(3<<20 + 17)
	s := memstore.New(memstore.Options{})
	b, err := s.OpenBlob(t.Context(), "app", push(t, s, "app", content))
	require.NoError(t, err)
	size := int64(len(content))
	require.Equal(t, size, b.Size())

	for _, r := range [][2]int64{
		{0, 0}, {0, 1}, {0, size}, {size, 0}, {size - 1, 1}, {1<<20 - 1, 2}, {1 << 20, 1 << 20}, {1<<20 + 5, 2 << 20},
	} {
		var w bytes.Buffer
		n, err := b.WriteRange(&w, r[0], r[1])
		require.NoError(t, err)
		assert.Equal(t, r[1], n)
		assert.Truef(t, content[r[0]:r[0]+r[1]] == w.String(), "WriteRange(%d, %d)", r[0], r[1])

		p := make([]byte, r[1])
		_, err = b.ReadAt(p, r[0])
		require.NoError(t, err)
		assert.Truef(t, content[r[0]:r[0]+r[1]] == string(p), "ReadAt(%d, %d)", r[0], r[1])
	}
	for _, r := range [][2]int64{
		{-1, 1}, {0, -1}, {0, size + 1}, {size, 1}, {size + 1, 0}, {1, math.MaxInt64}, {math.MaxInt64, math.MaxInt64},
	} {
		n, err := b.WriteRange(io.Discard, r[0], r[1])
		assert.Errorf(t, err, "WriteRange(%d, %d)", r[0], r[1])
		assert.Zero(t, n)
	}
	require.NoError(t, iotest.TestReader(io.NewSectionReader(b, 0, size), []byte(content)))
	n, err := b.ReadAt(make([]byte, 9), size-5)
	assert.Equal(t, 5, n)
	assert.Equal(t, io.EOF, err)
	n, err = b.ReadAt(make([]byte, 9), math.MaxInt64)
	assert.Zero(t, n)
	assert.Equal(t, io.EOF, err)
	_, err = b.ReadAt(make([]byte, 1), -1)
	assert.ErrorContains(t, err, "negative offset")
	require.NoError(t, b.Close())
}

// A blob is written from where it lies: two writes get the same memory.
func TestBlobIsWrittenFromWhereItLies(t *testing.T) {
	s := memstore.New(memstore.Options{})
	d := push(t, s, "app", long(1<<20+1))
	b, err := s.OpenBlob(t.Context(), "app", d)
	require.NoError(t, err)
	var first, second pieces
	_, err = b.WriteRange(&first, 0, b.Size())
	require.NoError(t, err)
	_, err = b.WriteRange(&second, 0, b.Size())
	require.NoError(t, err)
	require.Len(t, second, len(first))
	require.Len(t, slices.Concat(first...), 1<<20+1)
	for i := range first {
		assert.Same(t, &first[i][0], &second[i][0])
		assert.Equal(t, len(first[i]), cap(first[i]), "appending to it does not change the blob")
	}
}

// pieces keeps what it is given.
type pieces [][]byte

func (p *pieces) Write(b []byte) (int, error) {
	*p = append(*p, b)
	return len(b), nil
}

func TestBlobWriterFails(t *testing.T) {
	s := memstore.New(memstore.Options{})
	b, err := s.OpenBlob(t.Context(), "app", push(t, s, "app", long(2<<20)))
	require.NoError(t, err)
	broken := errors.New("broken pipe")
	var whole pieces
	_, err = b.WriteRange(&whole, 0, b.Size())
	require.NoError(t, err)
	n, err := b.WriteRange(&failing{after: 1, n: 3, err: broken}, 0, b.Size())
	assert.EqualValues(t, len(whole[0])+3, n)
	assert.Equal(t, broken, err)
	n, err = b.WriteRange(&failing{n: 7}, 0, b.Size())
	assert.EqualValues(t, 7, n)
	assert.Equal(t, io.ErrShortWrite, err)
}

// failing is a writer that takes all of some writes, and n bytes of the next.
type failing struct {
	after, n int
	err      error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.after--; f.after >= 0 {
		return len(p), nil
	}
	return f.n, f.err
}

func TestEqualBlobsShareMemory(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(memstore.Options{})
	d := push(t, s, "one", "hello")
	push(t, s, "two", "hello")
	require.NoError(t, s.MountBlob(ctx, "three", d, "two"))
	memory := map[*byte]bool{}
	for _, repo := range []string{"one", "two", "three"} {
		b, err := s.OpenBlob(ctx, repo, d)
		require.NoError(t, err)
		var w pieces
		_, err = b.WriteRange(&w, 0, b.Size())
		require.NoError(t, err)
		memory[&w[0][0]] = true
	}
	assert.Len(t, memory, 1)
	assert.Equal(t, []string{"one", "three", "two"}, collect(t, s.BlobRepositories(ctx, d)))
}

func TestAddBlob(t *testing.T) {
	ctx := t.Context()
	s := memstore.New(memstore.Options{MaxBytes: 10})
	content := strings.Repeat("external ", 100)
	d := digest.FromString(content)
	opened := 0
	open := func() (registry.Blob, error) {
		opened++
		return registry.NewBlob(strings.NewReader(content), int64(len(content))), nil
	}
	desc := ocispec.Descriptor{Digest: d, Size: int64(len(content))}
	require.NoError(t, s.AddBlob(ctx, "app", desc, open))
	require.NoError(t, s.AddBlob(ctx, "app", desc, open), "again")
	require.NoError(t, s.MountBlob(ctx, "other", d, "app"))
	assert.Zero(t, opened)
	assert.Equal(t, content, read(t, s.Clone(), "other", d))
	assert.Equal(t, 1, opened)
	assert.Equal(t, []ocispec.Descriptor{desc}, collect(t, s.Blobs(ctx, "app", "")))
	assert.Zero(t, s.Bytes())

	small := push(t, s, "app", "held")
	never := func() (registry.Blob, error) { panic("opened although the store has the blob") }
	require.NoError(t, s.AddBlob(ctx, "other", ocispec.Descriptor{Digest: small, Size: 4}, never))
	assert.Equal(t, "held", read(t, s, "other", small))

	for _, repo := range []string{"app", "other"} {
		require.NoError(t, s.DeleteBlob(ctx, repo, d))
	}
	_, err := s.OpenBlob(ctx, "app", d)
	assert.ErrorIs(t, err, registry.BlobUnknown)
	assert.EqualValues(t, 4, s.Bytes())
}

// A push of content that was added shares it, and its memory is given back.
func TestPushOfAddedBlob(t *testing.T) {
	s := memstore.New(memstore.Options{})
	open := func() (registry.Blob, error) { return registry.NewBlob(strings.NewReader("hello"), 5), nil }
	d := digest.FromString("hello")
	require.NoError(t, s.AddBlob(t.Context(), "app", ocispec.Descriptor{Digest: d, Size: 5}, open))
	push(t, s, "other", "hello")
	assert.Zero(t, s.Bytes())
	assert.Equal(t, "hello", read(t, s, "other", d))
}

// A manifest that was added is read each time. Content that is in memory is preferred.
func TestAddManifest(t *testing.T) {
	ctx, s := t.Context(), memstore.New(memstore.Options{MaxBytes: 1})
	p := putManifest("content", "v1")
	content, err := []byte(nil), error(nil)
	add := func(repo string) error {
		return s.AddManifest(ctx, repo, p, func() ([]byte, error) { return content, err })
	}
	require.NoError(t, add("app"))
	require.Zero(t, s.Bytes())
	assert.Equal(t, p.Descriptor, collect(t, s.Manifests(ctx, "app", ""))[0])
	_, failed := s.Manifest(ctx, "app", "v1")
	require.ErrorContains(t, failed, "it has 0 bytes and was added with 7")
	err = io.ErrClosedPipe
	_, failed = s.Manifest(ctx, "app", "v1")
	require.ErrorIs(t, failed, io.ErrClosedPipe)
	content, err = p.Content, nil
	require.NoError(t, s.PutManifest(ctx, "lib", p), "it needs no space: the content is known")
	for _, repo := range []string{"app", "lib"} {
		m, err := s.Manifest(ctx, repo, "v1")
		require.NoError(t, err)
		assert.Equal(t, "content", string(m.Content))
	}
	require.NoError(t, s.DeleteManifest(ctx, "app", "v1", registry.Precondition{}))

	never := func() ([]byte, error) { panic("it is not read") }
	small := putManifest("x", "v1")
	require.NoError(t, s.PutManifest(ctx, "app", small))
	require.NoError(t, s.AddManifest(ctx, "other", small, never))
	m, err := s.Manifest(ctx, "other", "v1")
	require.NoError(t, err)
	assert.Equal(t, "x", string(m.Content))

	small.Precondition = registry.Precondition{IfMatch: []string{"*"}}
	require.ErrorIs(t, s.AddManifest(ctx, "new", small, never), registry.PreconditionFailed)
	require.ErrorIs(t, s.AddManifest(ctx, "A", small, never), registry.NameInvalid)
	small.Descriptor.Size = -1
	require.ErrorIs(t, s.AddManifest(ctx, "app", small, never), registry.SizeInvalid)
	small.Descriptor.Digest = "sha256:"
	require.ErrorIs(t, s.AddManifest(ctx, "app", small, never), registry.DigestInvalid)
}

func TestAddBlobRefuses(t *testing.T) {
	s := memstore.New(memstore.Options{})
	held := push(t, s, "app", "held")
	d := digest.FromString("x")
	open := func() (registry.Blob, error) { return registry.NewBlob(strings.NewReader("x"), 1), nil }
	tests := []struct {
		name string
		repo string
		desc ocispec.Descriptor
		open func() (registry.Blob, error)
		want string
		is   error
	}{
		{"no function", "app", ocispec.Descriptor{Digest: d, Size: 1}, nil, "open is nil", nil},
		{"name", "../app", ocispec.Descriptor{Digest: d, Size: 1}, open, `"../app"`, registry.NameInvalid},
		{"digest", "app", ocispec.Descriptor{Digest: "sha256:x", Size: 1}, open, `"sha256:x"`, registry.DigestInvalid},
		{"size", "app", ocispec.Descriptor{Digest: d, Size: -1}, open, "negative size -1", registry.SizeInvalid},
		{"other size", "new", ocispec.Descriptor{Digest: held, Size: 5}, open, "has 4 bytes", registry.SizeInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := s.AddBlob(t.Context(), tt.repo, tt.desc, tt.open)
			assert.ErrorContains(t, err, tt.want)
			if tt.is != nil {
				assert.ErrorIs(t, err, tt.is)
			}
		})
	}
	assert.Equal(t, []string{"app"}, collect(t, s.Repositories(t.Context(), "")))
}

func TestAddedBlobCannotBeOpened(t *testing.T) {
	s := memstore.New(memstore.Options{})
	desc := ocispec.Descriptor{Digest: digest.FromString("x"), Size: 1}
	gone := errors.New("file is gone")
	require.NoError(t, s.AddBlob(t.Context(), "gone", desc, func() (registry.Blob, error) { return nil, gone }))
	_, err := s.OpenBlob(t.Context(), "gone", desc.Digest)
	assert.ErrorIs(t, err, gone)
	assert.ErrorContains(t, err, "repository gone")

	s = memstore.New(memstore.Options{})
	file := &file{Reader: strings.NewReader("changed")}
	require.NoError(t, s.AddBlob(t.Context(), "app", desc, func() (registry.Blob, error) { return registry.NewBlob(file, 7), nil }))
	_, err = s.OpenBlob(t.Context(), "app", desc.Digest)
	assert.ErrorContains(t, err, "it has 7 bytes and was added with 1")
	assert.True(t, file.closed)
}

type file struct {
	*strings.Reader
	closed bool
}

func (f *file) Close() error {
	f.closed = true
	return nil
}
