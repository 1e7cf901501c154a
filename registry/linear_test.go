package registry_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

// judging is a Store that counts what it is asked to look up.
type judging struct {
	registry.Store
	references int
}

func (s *judging) PutManifest(ctx context.Context, repo string, m registry.PutManifest) error {
	s.references += len(m.Require)
	return s.Store.PutManifest(ctx, repo, m)
}

// answeredPerByte is the length of an answer to a manifest, for each byte of it, at
// most, beside what each answer has.
const answeredPerByte = 32

// judge puts a manifest and returns the bytes that were allocated meanwhile. It holds
// that the references that the Store looks up, and the answer, are in proportion to
// the length of the manifest.
func judge(t *testing.T, mediaType, content string) (answer []byte, allocated uint64) {
	t.Helper()
	store := &judging{Store: memstore.New(memstore.Options{})}
	g := registry.New(store, registry.Options{})
	r := httptest.NewRequest(http.MethodPut, "/v2/app/manifests/v1", strings.NewReader(content))
	r.Header.Set("Content-Type", mediaType)
	w := httptest.NewRecorder()
	limit := answeredPerByte*len(content) + 4096
	w.Body = bytes.NewBuffer(make([]byte, 0, limit)) // so that its growth is not counted

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	g.ServeHTTP(w, r)
	runtime.ReadMemStats(&after)
	answer, err := io.ReadAll(w.Result().Body)
	require.NoError(t, err)
	require.Less(t, w.Code, 500)
	require.LessOrEqual(t, store.references, len(content)/len(`{"digest":""}`), "references to look up")
	require.LessOrEqual(t, len(answer), limit, "bytes answered")
	return answer, after.TotalAlloc - before.TotalAlloc
}

// missingLayer is a layer that does not exist, a different one for each number.
const missingLayer = `{"mediaType":"a/b","digest":"sha256:$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$$","size":1}`

// TestManifestOfMissingReferences has as many references as there may be.
func TestManifestOfMissingReferences(t *testing.T) {
	const n = 36_000
	var b strings.Builder
	fmt.Fprintf(&b, `{"schemaVersion":2,"config":{"mediaType":"a/b","digest":%q,"size":1},"layers":[`, textDigest)
	for i := range n - 1 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(numbered(missingLayer, i))
	}
	b.WriteString(`]}`)
	answer, _ := judge(t, ocispec.MediaTypeImageManifest, b.String())
	errors := errorsIn(t, answer)
	require.Len(t, errors, n)
	for _, e := range errors {
		require.Equal(t, "MANIFEST_BLOB_UNKNOWN", e.Code)
	}
}

// FuzzManifestIsLinear repeats a part of a manifest: the memory that it takes to
// judge grows as its length does, no faster, as do the look-ups and the answer.
func FuzzManifestIsLinear(f *testing.F) {
	const image, index = ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex
	config := fmt.Sprintf(`{"mediaType":"a/b","digest":%q,"size":1}`, textDigest)
	start := `{"schemaVersion":2,"config":` + config + `,"layers":[` + config
	for _, seed := range []struct{ mediaType, head, part, tail string }{
		{image, start, "," + missingLayer, `]}`},
		{image, start, "," + strings.Replace(missingLayer, "a/b", "a/b$", 1), `]}`},
		{image, start, "," + config, `]}`},
		{image, start, `,{"digest":"x"}`, `]}`},
		{image, start, `,null`, `]}`},
		{index, `{"schemaVersion":2,"manifests":[` + config, "," + missingLayer, `]}`},
		{index, `{"schemaVersion":2,"manifests":[` + config, "," + strings.Replace(missingLayer, "a/b", image, 1), `]}`},
		{image, `{`, `"layers":[],`, `"schemaVersion":2}`},
		{image, `{`, `"x$":{},`, start[1:] + `]}`},
		{image, `{`, `"X$":1,`, start[1:] + `]}`},
		{image, `{"annotations":{`, `"$":"$",`, `"a":"b"},` + start[1:] + `]}`},
		{image, `{"annotations":{"a":"`, `\ud83d\ude00`, `"},` + start[1:] + `]}`},
		{image, `{"`, `\u00ff`, `":1}`},
		{image, `{"x":`, `[`, ``},
		{image, `{"x":`, `{"a":`, ``},
		{image, `{"x":"`, "\xff", `"}`},
		{image, ``, ` `, start + `]}`},
		{image, `{"artifactType":"`, `a b`, `",` + start[1:] + `]}`},
		{image, `{"schemaVersion":2,"config":{"mediaType":"a/b","size":1,"digest":"`, "\\u0000<", `"},"layers":[]}`},
		{image, `{"schemaVersion":2,"config":{"mediaType":"a/b","size":3,"digest":"md5:x","data":"`, `AAAA`, `"},"layers":[]}`},
	} {
		f.Add(seed.mediaType, seed.head, seed.part, seed.tail)
	}
	f.Fuzz(func(t *testing.T, mediaType, head, part, tail string) {
		const length, factor = 16 << 10, 8
		if len(head)+len(tail) > length || len(part) == 0 || len(part) > length {
			t.Skip("nothing to repeat")
		}
		repeated := func(length int) string {
			var b strings.Builder
			b.WriteString(head)
			for i := 0; b.Len() < length; i++ {
				b.WriteString(numbered(part, i))
			}
			b.WriteString(tail)
			return b.String()
		}
		_, once := judge(t, mediaType, repeated(length))
		_, more := judge(t, mediaType, repeated(factor*length))
		// Slices and maps grow in steps, so that twice as much may be allocated.
		require.LessOrEqual(t, more, 2*factor*once+1<<20, "bytes allocated, for %d times what took %d", factor, once)
	})
}

// numbered replaces the first run of dollar signs by hexadecimal digits that differ
// from number to number, as many as there are signs, and a single sign by all of
// them.
func numbered(part string, i int) string {
	start := strings.IndexByte(part, '$')
	if start < 0 {
		return part
	}
	n := len(part[start:]) - len(strings.TrimLeft(part[start:], "$"))
	digits := digest.FromString(fmt.Sprint(i)).Encoded()
	if n > 1 {
		digits = digits[:min(n, len(digits))]
	}
	return part[:start] + digits + part[start+n:]
}
