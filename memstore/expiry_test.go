package memstore_test

import (
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// A session expires when nothing addressed it for its time, whichever call is
// the first to notice.
func TestUploadExpires(t *testing.T) {
	notices := map[string]func(*testing.T, *memstore.Store, registry.Upload){
		"OpenUpload": func(t *testing.T, s *memstore.Store, u registry.Upload) {
			_, err := s.OpenUpload(t.Context(), "app", u.ID())
			assert.ErrorIs(t, err, registry.UploadUnknown)
		},
		"Append": func(t *testing.T, _ *memstore.Store, u registry.Upload) {
			assert.ErrorIs(t, u.Append(t.Context(), stream(untouched{t})), registry.UploadUnknown)
		},
		"Commit": func(t *testing.T, _ *memstore.Store, u registry.Upload) {
			assert.ErrorIs(t, u.Commit(t.Context(), registry.Chunk{}, digest.FromString("hello")), registry.UploadUnknown)
		},
		"Cancel": func(t *testing.T, _ *memstore.Store, u registry.Upload) {
			assert.ErrorIs(t, u.Cancel(t.Context()), registry.UploadUnknown)
		},
		"Uploads": func(t *testing.T, s *memstore.Store, _ registry.Upload) {
			assert.Empty(t, collect(t, s.Uploads(t.Context(), "app")))
		},
		"Bytes": func(t *testing.T, s *memstore.Store, _ registry.Upload) {
			assert.Zero(t, s.Bytes())
		},
		"NewUpload": func(t *testing.T, s *memstore.Store, _ registry.Upload) {
			newUpload(t, s, digest.SHA256)
		},
		"a manifest that needs the space": func(t *testing.T, s *memstore.Store, _ registry.Upload) {
			require.NoError(t, s.PutManifest(t.Context(), "app", putManifest("123456")))
		},
	}
	for name, notice := range notices {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := memstore.New(memstore.Options{MaxBytes: 6, MaxUploads: 1})
				u := newUpload(t, s, digest.SHA256)
				require.NoError(t, u.Append(t.Context(), whole("hello")))
				time.Sleep(time.Hour)
				notice(t, s, u)
				assert.EqualValues(t, 5, u.Size(), "of a session that is gone")
				_, err := s.OpenUpload(t.Context(), "app", u.ID())
				assert.ErrorIs(t, err, registry.UploadUnknown)
			})
		})
	}
}

// An upload that is under way takes the space of one that has expired.
func TestUploadTakesExpiredSpace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New(memstore.Options{MaxBytes: 6})
		old := newUpload(t, s, digest.SHA256)
		require.NoError(t, old.Append(t.Context(), whole("hello")))
		u := newUpload(t, s, digest.SHA256)
		b := newBody()
		done := make(chan error)
		go func() {
			done <- u.Commit(t.Context(), registry.Chunk{Body: b, Length: 6}, digest.FromString("123456"))
		}()
		b.send("1")
		time.Sleep(time.Hour)
		b.send("23456")
		b.end(io.EOF)
		require.NoError(t, <-done)
		assert.EqualValues(t, 6, s.Bytes())
		assert.ErrorIs(t, old.Cancel(t.Context()), registry.UploadUnknown)
	})
}

func TestUploadIsKeptAlive(t *testing.T) {
	touches := map[string]func(*testing.T, *memstore.Store, registry.Upload){
		"OpenUpload": func(t *testing.T, s *memstore.Store, u registry.Upload) {
			_, err := s.OpenUpload(t.Context(), "app", u.ID())
			require.NoError(t, err)
		},
		"Append": func(t *testing.T, _ *memstore.Store, u registry.Upload) {
			require.NoError(t, u.Append(t.Context(), whole("x")))
		},
		"an Append that is refused": func(t *testing.T, _ *memstore.Store, u registry.Upload) {
			require.ErrorIs(t, u.Append(t.Context(), registry.Chunk{Body: untouched{t}, Offset: 1000}), registry.UploadRange)
		},
		"a Commit that is refused": func(t *testing.T, _ *memstore.Store, u registry.Upload) {
			require.ErrorIs(t, u.Commit(t.Context(), whole("x"), digest.FromString("")), registry.DigestInvalid)
		},
	}
	for name, touch := range touches {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := memstore.New(memstore.Options{UploadTTL: 10 * time.Minute})
				other := newUpload(t, s, digest.SHA256)
				u := newUpload(t, s, digest.SHA256)
				for range 5 {
					time.Sleep(10*time.Minute - 1)
					touch(t, s, u)
				}
				assert.Equal(t, []string{u.ID()}, collect(t, s.Uploads(t.Context(), "app")))
				assert.ErrorIs(t, other.Cancel(t.Context()), registry.UploadUnknown)
			})
		})
	}
}

// A chunk that takes longer than the time to live keeps its session alive, and
// the time counts from its end.
func TestUploadWriterKeepsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New(memstore.Options{UploadTTL: time.Minute})
		u := newUpload(t, s, digest.SHA256)
		b := newBody()
		done := make(chan error)
		go func() { done <- u.Append(t.Context(), stream(b)) }()
		b.send("hello")
		idle := newUpload(t, s, digest.SHA256)
		for range 3 {
			time.Sleep(time.Hour)
			assert.Equal(t, []string{u.ID()}, collect(t, s.Uploads(t.Context(), "app")))
		}
		assert.ErrorIs(t, idle.Cancel(t.Context()), registry.UploadUnknown)
		b.end(io.EOF)
		require.NoError(t, <-done)
		time.Sleep(time.Minute - 1)
		assert.Len(t, collect(t, s.Uploads(t.Context(), "app")), 1)
		time.Sleep(time.Nanosecond)
		assert.Empty(t, collect(t, s.Uploads(t.Context(), "app")))
	})
}

func TestManyUploadsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memstore.New(memstore.Options{MaxUploads: 100})
		for i := range 1000 {
			u := newUpload(t, s, digest.SHA256)
			require.NoError(t, u.Append(t.Context(), whole(fmt.Sprint(i))))
			time.Sleep(time.Hour / 100)
		}
		assert.Len(t, collect(t, s.Uploads(t.Context(), "app")), 99)
		assert.EqualValues(t, 3*99, s.Bytes())
	})
}
