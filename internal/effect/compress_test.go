package effect

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCodings reads each coding with the standard library, or with the decoder that registry
// clients use.
func TestCodings(t *testing.T) {
	decode := map[string]func(io.Reader) (io.Reader, error){
		"gzip":    func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"deflate": func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) },
		"zstd":    func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	}
	for _, c := range codings() {
		for _, n := range []int{0, 1, 65534, 65535, 65536, 65537, 200_000} {
			content := make([]byte, n)
			random := rand.NewChaCha8([32]byte{})
			_, _ = random.Read(content)
			var coded bytes.Buffer
			coder := &coder{coding: c, w: &coded, left: c.length(int64(n))}
			for rest := content; len(rest) > 0; {
				part := min(len(rest), 1+int(random.Uint64()%70_000))
				written, err := coder.Write(rest[:part])
				require.NoError(t, err)
				require.Equal(t, part, written)
				rest = rest[part:]
			}
			coder.close()
			assert.EqualValues(t, c.length(int64(n)), coded.Len(), "%s of %d", c.name, n)
			r, err := decode[c.name](&coded)
			require.NoError(t, err, c.name)
			got, err := io.ReadAll(r)
			require.NoError(t, err, "%s of %d", c.name, n)
			assert.True(t, bytes.Equal(content, got), "%s of %d", c.name, n)
		}
	}
}
