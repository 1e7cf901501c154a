package memstore_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
)

// A push allocates what is stored and little else, and no more stays. The bytes
// beside the content are a constant: 1 KiB cannot be found again within 10 % of
// it.
func TestPushMemory(t *testing.T) {
	tests := []struct {
		size, pushes    int
		length          int64 // of the chunk
		allocated, live float64
		overhead        float64 // bytes for each push
	}{
		{size: 16 << 20, pushes: 2, length: 16 << 20, allocated: 1.01, live: 1.001, overhead: 16 << 10},
		{size: 16<<20 + 1, pushes: 2, length: registry.Unknown, allocated: 1.1, live: 1.001, overhead: 16 << 10},
		{size: 1 << 20, pushes: 16, length: 1 << 20, allocated: 1.001, live: 1.001, overhead: 2 << 10},
		{size: 1 << 10, pushes: 4096, length: 1 << 10, allocated: 1, live: 1, overhead: 3 << 10},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.size, tt.length), func(t *testing.T) {
			s := memstore.New(memstore.Options{})
			content := []byte(long(tt.size))
			before := memory()
			for i := range tt.pushes {
				content[0], content[1] = byte(i), byte(i>>8)
				u, err := s.NewUpload(t.Context(), "app", digest.SHA256)
				if err != nil {
					t.Fatal(err)
				}
				c := registry.Chunk{Body: onlyReader{bytes.NewReader(content)}, Length: tt.length}
				if err := u.Commit(t.Context(), c, digest.FromBytes(content)); err != nil {
					t.Fatal(err)
				}
			}
			after := memory()
			stored := float64(tt.size * tt.pushes)
			require.EqualValues(t, stored, s.Bytes())
			const others = 16 << 10 // what the rest of the process may allocate
			overhead := tt.overhead*float64(tt.pushes) + others
			assert.LessOrEqual(t, float64(after.TotalAlloc-before.TotalAlloc), stored*tt.allocated+overhead, "allocated")
			assert.LessOrEqual(t, float64(after.HeapAlloc)-float64(before.HeapAlloc), stored*tt.live+overhead/2, "live")
			runtime.KeepAlive(s)
			runtime.KeepAlive(content)
		})
	}
}

// onlyReader hides what else a reader can do.
type onlyReader struct{ io.Reader }

func memory() runtime.MemStats {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m
}

// Sessions that announce 10 GiB and send nothing cost next to nothing.
func TestStalledUploadMemory(t *testing.T) {
	s := memstore.New(memstore.Options{})
	const sessions = 1000
	reading := make(chan struct{})
	hang := make(chan struct{})
	done := make(chan error)
	before := memory()
	for range sessions {
		u := newUpload(t, s, digest.SHA256)
		go func() {
			done <- u.Append(t.Context(), registry.Chunk{Body: hanging{reading, hang}, Length: 10 << 30})
		}()
	}
	for range sessions {
		<-reading
	}
	after := memory()
	assert.Zero(t, s.Bytes())
	assert.Less(t, after.HeapAlloc-before.HeapAlloc, uint64(sessions*4<<10))
	close(hang)
	for range sessions {
		assert.ErrorIs(t, <-done, io.ErrUnexpectedEOF)
	}
}

// Memory is taken for what has come, not for what was announced: the room for more is
// at most three times what the session has, or one small extent.
func TestAnnouncedMemory(t *testing.T) {
	const sessions, announced = 64, 1 << 20
	for _, sent := range []int{1, 5 << 10, 100 << 10} {
		t.Run(fmt.Sprint(sent), func(t *testing.T) {
			s := memstore.New(memstore.Options{})
			reading, hang := make(chan struct{}), make(chan struct{})
			done := make(chan error)
			before := memory()
			for range sessions {
				u := newUpload(t, s, digest.SHA256)
				go func() {
					body := io.MultiReader(bytes.NewReader(make([]byte, sent)), hanging{reading, hang})
					done <- u.Append(t.Context(), registry.Chunk{Body: body, Length: announced})
				}()
			}
			for range sessions {
				<-reading
			}
			room := sessions * max(4*sent, 4<<10)
			assert.LessOrEqual(t, s.Bytes(), int64(room))
			assert.Less(t, memory().HeapAlloc-before.HeapAlloc, uint64(room+sessions*4<<10))
			close(hang)
			for range sessions {
				assert.ErrorIs(t, <-done, io.ErrUnexpectedEOF)
			}
		})
	}
}

type hanging struct{ reading, hang chan struct{} }

func (h hanging) Read([]byte) (int, error) {
	h.reading <- struct{}{}
	<-h.hang
	return 0, io.ErrUnexpectedEOF
}

func TestDeletedBlobIsCollected(t *testing.T) {
	s := memstore.New(memstore.Options{})
	before := memory()
	d := push(t, s, "app", long(16<<20))
	require.NoError(t, s.MountBlob(t.Context(), "other", d, "app"))
	require.NoError(t, s.DeleteBlob(t.Context(), "app", d))
	assert.Greater(t, memory().HeapAlloc, before.HeapAlloc+(15<<20))
	require.NoError(t, s.DeleteBlob(t.Context(), "other", d))
	assert.Less(t, memory().HeapAlloc, before.HeapAlloc+(1<<20))
	runtime.KeepAlive(s)
}
