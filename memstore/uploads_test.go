package memstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// Content of any size comes out as it went in, whatever the chunks, the reads
// and the algorithms.
func TestUploadAnyChunks(t *testing.T) {
	content := long(9<<20 + 12345)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 16 {
		opened, committed := digest.SHA256, digest.SHA256
		if i%4 >= 2 {
			opened = digest.SHA512
		}
		if i%2 == 1 {
			committed = digest.SHA512
		}
		largest := []int{1 << 10, 300 << 10, 5 << 20, 20 << 20}[i/4%4]
		size := min(len(content), largest*8)
		t.Run(fmt.Sprint(i, opened, committed, largest), func(t *testing.T) {
			s := memstore.New(memstore.Options{})
			u := newUpload(t, s, opened)
			left := content[:size]
			next := func() registry.Chunk {
				n := min(random.IntN(largest)+1, len(left))
				c := whole(left[:n])
				if left = left[n:]; random.IntN(2) == 0 {
					c.Length = registry.Unknown
				}
				if random.IntN(3) == 0 {
					c.Offset = u.Size()
				}
				if random.IntN(4) == 0 {
					c.Body = iotest.HalfReader(iotest.DataErrReader(c.Body))
				}
				return c
			}
			for u.Size() == 0 || random.IntN(20) > 0 && left != "" {
				require.NoError(t, u.Append(t.Context(), next()))
			}
			last := next()
			if left != "" {
				require.NoError(t, u.Append(t.Context(), last))
				last = whole(left)
			}
			d := committed.FromString(content[:size])
			require.NoError(t, u.Commit(t.Context(), last, d))
			assert.True(t, content[:size] == read(t, s, "app", d))
			assert.EqualValues(t, size, s.Bytes(), "what was taken too much is given back")
		})
	}
}

// A refused chunk leaves the session as it was, wherever it stands.
func TestUploadRefuses(t *testing.T) {
	const limit = 3 << 20
	tests := []struct {
		name   string
		chunk  func() registry.Chunk
		digest digest.Digest
		want   error
	}{
		{"wrong digest", func() registry.Chunk { return whole("more") }, digest.FromString("other"), registry.DigestInvalid},
		{"wrong digest, no chunk", func() registry.Chunk { return registry.Chunk{} }, digest.FromString("other"), registry.DigestInvalid},
		{"wrong sha512", func() registry.Chunk { return whole("more") }, digest.SHA512.FromString("other"), registry.DigestInvalid},
		{"no digest", func() registry.Chunk { return registry.Chunk{Body: untouched{t}} }, "other", registry.DigestInvalid},
		{"unknown algorithm", func() registry.Chunk { return registry.Chunk{Body: untouched{t}} }, "md5:0", registry.DigestInvalid},
		{"too short", func() registry.Chunk { c := whole("more"); c.Length++; return c }, "", registry.SizeInvalid},
		{"too short, in the commit", func() registry.Chunk { c := whole("more"); c.Length++; return c }, digest.FromString("x"), registry.SizeInvalid},
		{"too long", func() registry.Chunk { c := whole(long(100_000)); c.Length--; return c }, "", registry.SizeInvalid},
		{"endless", func() registry.Chunk { c := stream(endless{}); c.Length = 0; return c }, "", registry.SizeInvalid},
		{"too much", func() registry.Chunk { return stream(endless{}) }, "", registry.Full},
		{"too much, announced", func() registry.Chunk { c := stream(endless{}); c.Length = 10 << 30; return c }, "", registry.Full},
		{"offset", func() registry.Chunk { return registry.Chunk{Body: untouched{t}, Offset: 1, Length: 4} }, "", registry.UploadRange},
		{"negative offset", func() registry.Chunk { return registry.Chunk{Body: untouched{t}, Offset: -2, Length: 4} }, "", registry.UploadRange},
	}
	starts := map[string][]registry.Chunk{
		"empty":   nil,
		"exact":   {whole("start")},
		"padded":  {whole("start"), whole("ed")},
		"unknown": {stream(strings.NewReader("started"))},
		"extents": {whole(long(1<<20 + 7))},
	}
	for name, start := range starts {
		s := memstore.New(memstore.Options{MaxBytes: limit})
		u := newUpload(t, s, digest.SHA256)
		for _, c := range start {
			require.NoError(t, u.Append(t.Context(), c))
		}
		size, taken := u.Size(), s.Bytes()
		for _, tt := range tests {
			t.Run(name+"/"+tt.name, func(t *testing.T) {
				var err error
				if tt.digest == "" {
					err = u.Append(t.Context(), tt.chunk())
				} else {
					err = u.Commit(t.Context(), tt.chunk(), tt.digest)
				}
				assert.ErrorIs(t, err, tt.want)
				assert.ErrorContains(t, err, "repository app")
				assert.Equal(t, size, u.Size())
				assert.Equal(t, taken, s.Bytes())
			})
		}
		content := map[string]string{"empty": "", "exact": "start", "extents": long(1<<20 + 7)}
		want, ok := content[name]
		if !ok {
			want = "started"
		}
		want += " and ended"
		require.NoError(t, u.Commit(t.Context(), whole(" and ended"), digest.FromString(want)))
		assert.True(t, want == read(t, s, "app", digest.FromString(want)), name)
	}
}

// What arrived before a read error is kept, hashed or not.
func TestUploadKeepsWhatArrived(t *testing.T) {
	broken := errors.New("connection reset")
	content := long(6 << 20)
	for _, size := range []int{0, 1, 1000, 1<<20 + 1, 5 << 20} {
		for name, failure := range map[string]error{"broken": broken, "cut": io.ErrUnexpectedEOF, "wrapped": fmt.Errorf("client: %w", io.EOF)} {
			for _, commit := range []digest.Digest{"", digest.FromString("never"), digest.SHA512.FromString("never")} {
				t.Run(fmt.Sprint(size, name, commit), func(t *testing.T) {
					s := memstore.New(memstore.Options{})
					u := newUpload(t, s, digest.SHA256)
					require.NoError(t, u.Append(t.Context(), whole("start")))
					c := registry.Chunk{
						Body:   io.MultiReader(strings.NewReader(content[:size]), iotest.ErrReader(failure)),
						Offset: 5, Length: int64(len(content)),
					}
					var err error
					if commit == "" {
						err = u.Append(t.Context(), c)
					} else {
						err = u.Commit(t.Context(), c, commit)
					}
					assert.ErrorIs(t, err, failure)
					assert.EqualValues(t, 5+size, u.Size())
					want := "start" + content[:size] + "end"
					require.NoError(t, u.Commit(t.Context(), whole("end"), digest.FromString(want)))
					assert.True(t, want == read(t, s, "app", digest.FromString(want)))
				})
			}
		}
	}
}

func TestUploadContextEnds(t *testing.T) {
	s := memstore.New(memstore.Options{})
	u := newUpload(t, s, digest.SHA256)
	ctx, cancel := context.WithCancel(t.Context())
	b := newBody()
	failed := make(chan error)
	go func() { failed <- u.Append(ctx, stream(b)) }()
	b.send("hello")
	cancel()
	b.answer <- answer{} // no error, so that only the context tells
	err := <-failed
	assert.ErrorIs(t, err, context.Canceled)
	assert.EqualValues(t, 5, u.Size())

	assert.ErrorIs(t, u.Append(ctx, stream(untouched{t})), context.Canceled)
	assert.ErrorIs(t, u.Commit(ctx, stream(untouched{t}), digest.FromString("x")), context.Canceled)
	assert.ErrorIs(t, u.Cancel(ctx), context.Canceled)
	require.NoError(t, u.Commit(t.Context(), registry.Chunk{}, digest.FromString("hello")))
}

// A context that ends after the last byte is no reason to fail.
func TestUploadContextEndsWithBody(t *testing.T) {
	s := memstore.New(memstore.Options{})
	u := newUpload(t, s, digest.SHA256)
	ctx, cancel := context.WithCancel(t.Context())
	b := newBody()
	failed := make(chan error)
	go func() { failed <- u.Commit(ctx, stream(b), digest.FromString("hello")) }()
	b.send("hello")
	cancel()
	b.end(io.EOF)
	require.NoError(t, <-failed)
}

func TestUploadOneWriter(t *testing.T) {
	s := memstore.New(memstore.Options{})
	u := newUpload(t, s, digest.SHA256)
	b := newBody()
	done := make(chan error)
	go func() { done <- u.Append(t.Context(), stream(b)) }()
	b.send("hello")
	assert.EqualValues(t, 5, u.Size(), "bytes of a chunk that is still arriving")

	other, err := s.OpenUpload(t.Context(), "app", u.ID())
	require.NoError(t, err)
	assert.EqualValues(t, 5, other.Size())
	for _, c := range []registry.Chunk{{Body: untouched{t}, Offset: 5}, {Body: untouched{t}}, stream(untouched{t}), {}} {
		assert.ErrorIs(t, other.Append(t.Context(), c), registry.UploadRange)
		assert.ErrorIs(t, other.Commit(t.Context(), c, digest.FromString("hello")), registry.UploadRange)
	}
	b.end(io.EOF)
	require.NoError(t, <-done)
	require.NoError(t, other.Commit(t.Context(), registry.Chunk{}, digest.FromString("hello")))
	assert.ErrorIs(t, u.Append(t.Context(), stream(untouched{t})), registry.UploadUnknown)
	assert.ErrorIs(t, u.Cancel(t.Context()), registry.UploadUnknown)
}

// A session that is cancelled while a chunk arrives fails it with its next byte,
// and has given back all memory then.
func TestUploadCancelWhileWriting(t *testing.T) {
	for name, end := range map[string]answer{
		"more": {n: 1}, "end": {err: io.EOF}, "broken": {err: io.ErrUnexpectedEOF}, "nothing": {},
	} {
		for _, size := range []int{0, 10, 5 << 20} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				s := memstore.New(memstore.Options{})
				u := newUpload(t, s, digest.SHA256)
				b := newBody()
				done := make(chan error)
				go func() { done <- u.Commit(t.Context(), stream(b), digest.FromString("")) }()
				b.send(long(size))
				require.NoError(t, u.Cancel(t.Context()))
				assert.ErrorIs(t, u.Cancel(t.Context()), registry.UploadUnknown)
				assert.Empty(t, collect(t, s.Uploads(t.Context(), "app")))
				b.answer <- end
				assert.ErrorIs(t, <-done, registry.UploadUnknown)
				assert.Zero(t, s.Bytes())
				assert.Empty(t, collect(t, s.Repositories(t.Context(), "")))
			})
		}
	}
}

// A body that panics does not leave the session locked, nor a goroutine.
func TestUploadBodyPanics(t *testing.T) {
	for _, size := range []int{0, 100, 5 << 20} {
		s := memstore.New(memstore.Options{})
		u := newUpload(t, s, digest.SHA256)
		require.NoError(t, u.Append(t.Context(), whole("hello")))
		c := stream(io.MultiReader(strings.NewReader(long(size)), panicking{}))
		assert.PanicsWithValue(t, "handler aborted", func() { _ = u.Append(t.Context(), c) })
		assert.EqualValues(t, 5, u.Size())
		assert.EqualValues(t, 5, s.Bytes())
		require.NoError(t, u.Commit(t.Context(), registry.Chunk{}, digest.FromString("hello")))
	}
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("handler aborted") }

func TestUploadBodyMakesNoProgress(t *testing.T) {
	u := newUpload(t, memstore.New(memstore.Options{}), digest.SHA256)
	c := stream(io.MultiReader(strings.NewReader("hello"), stuck{}))
	assert.ErrorIs(t, u.Append(t.Context(), c), io.ErrNoProgress)
	assert.EqualValues(t, 5, u.Size())
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// An announced length costs nothing; the first byte takes a small extent.
func TestUploadLengthIsNotBelieved(t *testing.T) {
	s := memstore.New(memstore.Options{})
	u := newUpload(t, s, digest.SHA256)
	b := newBody()
	done := make(chan error)
	go func() {
		done <- u.Append(t.Context(), registry.Chunk{Body: b, Offset: registry.Unknown, Length: 10 << 30})
	}()
	b.send("")
	assert.Zero(t, s.Bytes())
	b.send("x")
	assert.EqualValues(t, 4<<10, s.Bytes())
	b.end(io.ErrUnexpectedEOF)
	assert.ErrorIs(t, <-done, io.ErrUnexpectedEOF)
	assert.EqualValues(t, 1, u.Size())
	require.NoError(t, u.Cancel(t.Context()))
	assert.Zero(t, s.Bytes())
}

func TestUploadFillsStoreToTheLastByte(t *testing.T) {
	const limit = 1<<20 + 4321
	for name, chunk := range map[string]func(string) registry.Chunk{
		"known": whole,
		"negative": func(content string) registry.Chunk {
			return registry.Chunk{Body: strings.NewReader(content), Offset: registry.Unknown, Length: -2}
		},
		"unknown": func(content string) registry.Chunk { return stream(strings.NewReader(content)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := memstore.New(memstore.Options{MaxBytes: limit})
			content := long(limit)
			u := newUpload(t, s, digest.SHA256)
			require.NoError(t, u.Commit(t.Context(), chunk(content), digest.FromString(content)))
			assert.EqualValues(t, limit, s.Bytes())
			u = newUpload(t, s, digest.SHA256)
			assert.ErrorIs(t, u.Append(t.Context(), chunk("x")), registry.Full)
			require.NoError(t, u.Commit(t.Context(), chunk(""), digest.FromString("")))
			require.NoError(t, s.DeleteBlob(t.Context(), "app", digest.FromString(content)))
			push(t, s, "app", "x")
		})
	}
}

func TestUploadWithoutLimits(t *testing.T) {
	s := memstore.New(memstore.Options{MaxBytes: memstore.NoLimit, MaxUploads: memstore.NoLimit, UploadTTL: memstore.NoLimit})
	for range 20_000 {
		newUpload(t, s, digest.SHA256)
	}
	assert.Len(t, collect(t, s.Uploads(t.Context(), "app")), 20_000)
	assert.Equal(t, "x", read(t, s, "app", push(t, s, "app", "x")))
}

// A hundred thousand attempts leave no more than the limit.
func TestUploadsAreBounded(t *testing.T) {
	s := memstore.New(memstore.Options{})
	refused := 0
	for range 100_000 {
		if _, err := s.NewUpload(t.Context(), "app", digest.SHA256); err != nil {
			if !errors.Is(err, registry.TooManyUploads) {
				t.Fatal(err)
			}
			refused++
		}
	}
	assert.Equal(t, 90_000, refused)
	open := collect(t, s.Uploads(t.Context(), "app"))
	require.Len(t, open, 10_000)
	u, err := s.OpenUpload(t.Context(), "app", open[0])
	require.NoError(t, err)
	require.NoError(t, u.Cancel(t.Context()))
	newUpload(t, s, digest.SHA256)
}

func TestNewUploadRefusesAlgorithm(t *testing.T) {
	for _, a := range []digest.Algorithm{"", "md5"} {
		_, err := memstore.New(memstore.Options{}).NewUpload(t.Context(), "app", a)
		assert.ErrorIs(t, err, registry.DigestInvalid)
	}
}

// Many clients push the same few blobs at the same time into one small store.
func TestUploadConcurrently(t *testing.T) {
	const repos, blobs = 4, 4
	s := memstore.New(memstore.Options{})
	var wg sync.WaitGroup
	for r := range repos {
		for b := range blobs {
			wg.Go(func() {
				content := long(b<<20 + b)
				u, err := s.NewUpload(t.Context(), fmt.Sprint("app", r%2), digest.SHA256)
				if !assert.NoError(t, err) {
					return
				}
				half := len(content) / 2
				assert.NoError(t, u.Append(t.Context(), stream(bytes.NewReader([]byte(content[:half])))))
				s.Clone()
				assert.NoError(t, u.Commit(t.Context(), whole(content[half:]), digest.FromString(content)))
			})
		}
	}
	wg.Wait()
	var size int64
	for b := range blobs {
		content := long(b<<20 + b)
		size += int64(len(content))
		for _, repo := range []string{"app0", "app1"} {
			assert.True(t, content == read(t, s, repo, digest.FromString(content)))
			require.NoError(t, s.DeleteBlob(t.Context(), repo, digest.FromString(content)))
		}
	}
	assert.Zero(t, s.Bytes(), "of %d", size)
}
