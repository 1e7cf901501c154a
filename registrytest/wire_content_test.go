package registrytest_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
)

func TestWireContent(t *testing.T) { runWire(t, contentCases) }

var contentCases = []wireCase{
	blob("corrupt", faults.Corrupt(10), small, flip(10)),
	blob("corrupt the first", faults.Corrupt(0), small, flip(0)),
	blob("corrupt the last", faults.Corrupt(-1), small, flip(999)),
	blob("corrupt behind the end", faults.Corrupt(1000), small, same),
	blob("corrupt before the beginning", faults.Corrupt(-1001), small, same),
	blob("corrupt far behind", faults.Corrupt(1<<20), big, flip(1<<20)),
	onHead(blob("corrupt HEAD", faults.Corrupt(0), small, same)),
	blob("zeros", faults.Zeros(), small, func(b []byte) []byte { return make([]byte, len(b)) }),
	blob("many zeros", faults.Zeros(), big, func(b []byte) []byte { return make([]byte, len(b)) }),
	blob("truncate", faults.Truncate(10), small, first(10), "Content-Length: 10"),
	blob("truncate to nothing", faults.Truncate(0), small, first(0), "Content-Length: 0"),
	blob("truncate much", faults.Truncate(1<<20), big, first(1<<20), "Content-Length: 1048576"),
	blob("truncate nothing", faults.Truncate(1000), small, same),
	onHead(blob("truncate HEAD", faults.Truncate(10), small, same, "Content-Length: 10")),
	onHead(blob("compress HEAD", faults.Compress("gzip"), small, same)),
	{
		name: "content of another blob", do: []faults.Effect{faults.ContentOf(digest.FromString("given later"))},
		talk: func(t *testing.T, w *wire) {
			contentOfAnother(t, w, "blobs/"+string(w.small.Digest), w.other.Digest, w.bytes[string(w.other.Digest)])
		},
	},
	{
		name: "content of another manifest", do: []faults.Effect{faults.ContentOf(digest.FromString("given later"))},
		talk: func(t *testing.T, w *wire) {
			v2 := ask(t, w.talk(t), inApp("manifests/v2")).body
			contentOfAnother(t, w, "manifests/v1", w.v2.Digest, v2)
			contentOfAnother(t, w, "manifests/"+string(w.v1.Digest), w.v2.Digest, v2)
		},
	},
	{
		name: "content of what is not there", do: []faults.Effect{faults.ContentOf(digest.FromString("nothing"))},
		want: func(w *wire) seen { return seen{status: 200, body: w.bytes[string(w.small.Digest)]} },
	},
	compressed("compress gzip", faults.Compress("gzip"), decodeGzip, small, noLength),
	compressed("compress gzip, much", faults.Compress("gzip"), decodeGzip, big, noLength),
	compressed("compress gzip, with length", faults.Compress("gzip").WithLength(), decodeGzip, big, codedLength),
	compressed("compress gzip, plain length", faults.Compress("gzip").WithPlainLength(), decodeGzip, big, plainLength),
	{name: "compress twice", do: []faults.Effect{faults.Compress("zstd"), faults.Compress("gzip")}, talk: func(t *testing.T, w *wire) {
		w.inject(t, faults.On(op.BlobGet).Times(1).Do(faults.Compress("zstd"), faults.Compress("gzip")))
		got := ask(t, w.talk(t), w.blob(w.small))
		require.Equal(t, []string{"gzip, zstd"}, got.fields["Content-Encoding"], "in the order in which they were applied")
		outer, err := decodeZstd(bytes.NewReader(got.body))
		require.NoError(t, err)
		inner, err := decodeGzip(outer)
		require.NoError(t, err)
		content, err := io.ReadAll(inner)
		require.NoError(t, err)
		requireBytes(t, w.bytes[string(w.small.Digest)], content)
	}},
	compressed("compress deflate", faults.Compress("deflate"), decodeDeflate, small, noLength),
	compressed("compress deflate, with length", faults.Compress("deflate").WithLength(), decodeDeflate, big, codedLength),
	compressed("compress zstd", faults.Compress("zstd"), decodeZstd, small, noLength),
	compressed("compress zstd, with length", faults.Compress("zstd").WithLength(), decodeZstd, big, codedLength),
	compressed("compress zstd, plain length", faults.Compress("zstd").WithPlainLength(), decodeZstd, big, plainLength),
}

// contentOfAnother asks for something and gets the content of another under its
// digest.
func contentOfAnother(t *testing.T, w *wire, target string, other digest.Digest, content []byte) {
	t.Helper()
	w.reg.Faults().Clear()
	clean := ask(t, w.talk(t), inApp(target))
	w.inject(t, faults.On().Times(1).Optional().Do(faults.ContentOf(other)))
	talk := w.talk(t)
	got := ask(t, talk, inApp(target))
	want := seen{status: 200, header: fmt.Sprintf("Content-Length: %d", len(content)), body: content}
	want.check(t, w, got, w.expected(want, clean), inApp(target))
	requireSame(t, clean, ask(t, talk, inApp(target)))
	w.checkRecord(t, got)
}

// compressed is a case in which a blob is sent in a content coding that the client has not
// accepted.
func compressed(name string, e faults.Compression, decode decoder, which func(*wire) ocispec.Descriptor, length func(coded, plain int) string) wireCase {
	return wireCase{name: name, do: []faults.Effect{e}, talk: func(t *testing.T, w *wire) {
		q := w.blob(which(w))
		clean := ask(t, w.talk(t), q)
		w.inject(t, faults.On(op.BlobGet).Times(1).Do(e))
		talk := w.talk(t)
		got := ask(t, talk, q)
		require.Equal(t, whole, got.end)
		coding, _, _ := strings.Cut(strings.TrimPrefix(name, "compress "), ",")
		want := seen{status: 200, header: "Content-Encoding: " + coding + "\n" + length(len(got.body), len(clean.body))}
		sameFields(t, w.expected(want, clean), got.fields)
		from, err := decode(bytes.NewReader(got.body))
		require.NoError(t, err)
		content, err := io.ReadAll(from)
		if strings.HasSuffix(name, "plain length") {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			requireBytes(t, clean.body[:len(content)], content)
		} else {
			require.NoError(t, err)
			requireBytes(t, clean.body, content)
		}
		w.checkRecord(t, got)
		requireSame(t, clean, ask(t, talk, q))
	}}
}

type decoder func(io.Reader) (io.Reader, error)

func decodeGzip(r io.Reader) (io.Reader, error)    { return gzip.NewReader(r) }
func decodeDeflate(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }
func decodeZstd(r io.Reader) (io.Reader, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
}

func noLength(int, int) string        { return "-Content-Length\nTransfer-Encoding: chunked" }
func codedLength(coded, _ int) string { return fmt.Sprintf("Content-Length: %d", coded) }
func plainLength(_, plain int) string { return fmt.Sprintf("Content-Length: %d", plain) }

func TestWireRanges(t *testing.T) { runWire(t, rangeCases) }

var rangeCases = []wireCase{
	part("corrupt", faults.Corrupt(25), "20-29", 206, 20, 30, flip(5)),
	part("corrupt outside", faults.Corrupt(19), "20-29", 206, 20, 30, same),
	part("corrupt from the end", faults.Corrupt(-1), "-5", 206, 995, 1000, flip(4)),
	part("corrupt the rest", faults.Corrupt(999), "500-", 206, 500, 1000, flip(499)),
	part("zeros", faults.Zeros(), "20-29", 206, 20, 30, func(b []byte) []byte { return make([]byte, 10) }),
	part("ignore", faults.IgnoreRange(), "20-29", 200, 0, 1000, same, "-Content-Range", "Content-Length: 1000"),
	part("ignore one that is none", faults.IgnoreRange(), "2000-", 200, 0, 1000, same, "-Content-Range", "Content-Length: 1000",
		"Content-Type: application/octet-stream", "Accept-Ranges: bytes", "Docker-Content-Digest: {digest}", "Etag: \"{digest}\""),
	part("shift", faults.ShiftRange(5), "20-29", 206, 25, 35, same, "Content-Range: bytes 25-34/1000"),
	part("shift back", faults.ShiftRange(-5), "20-29", 206, 15, 25, same, "Content-Range: bytes 15-24/1000"),
	part("shift and claim", faults.ShiftRange(5).Claimed(), "20-29", 206, 25, 35, same, "Content-Range: bytes 20-29/1000"),
	part("shift an open one", faults.ShiftRange(5), "990-", 206, 995, 1000, same, "Content-Range: bytes 995-999/1000", "Content-Length: 5"),
	part("shift an open one and claim", faults.ShiftRange(5).Claimed(), "990-", 206, 995, 1000, same, "Content-Range: bytes 990-999/1000", "Content-Length: 5"),
	part("shift before the beginning", faults.ShiftRange(-21), "20-29", 206, 20, 30, same),
	part("shift a suffix", faults.ShiftRange(5), "-5", 206, 995, 1000, same),
	part("truncate", faults.Truncate(4), "20-29", 206, 20, 24, same, "Content-Length: 4", "Content-Range: bytes 20-23/1000"),
	part("multipart for one", faults.Multipart(), "20-29", 206, 20, 30, same),
	multipartCase("multipart", faults.Multipart(), "20-29,500-", [][2]int{{20, 30}, {500, 1000}}, true),
	multipartCase("multipart, any order and overlap", faults.Multipart(), "-5, 0-9,5-20", [][2]int{{995, 1000}, {0, 10}, {5, 21}}, true),
	multipartCase("multipart, some outside", faults.Multipart(), "2000-,7-7", [][2]int{{7, 8}}, true),
	multipartCase("multipart, wrong boundary", faults.Multipart().WithWrongBoundary(), "0-0,2-2", [][2]int{{0, 1}, {2, 3}}, false),
	part("multipart outside", faults.Multipart(), "2000-,3000-", 200, 0, 1000, same),
	part("multipart for too many", faults.Multipart(), strings.Repeat("0-0,", 16)+"0-0", 200, 0, 1000, same),
}

// multipartCase is a case in which several ranges of the blob of 1000 bytes are asked for.
func multipartCase(name string, e faults.Effect, asked string, want [][2]int, readable bool) wireCase {
	return wireCase{name: "range, " + name, do: []faults.Effect{e}, talk: func(t *testing.T, w *wire) {
		q := w.blob(w.small).with("Range: bytes=" + asked)
		clean := ask(t, w.talk(t), q)
		w.inject(t, faults.On(op.BlobGet).Times(1).Do(e))
		talk := w.talk(t)
		got := ask(t, talk, q)
		require.Equal(t, whole, got.end)
		require.Equal(t, http.StatusPartialContent, got.status)
		mediaType, parameters, err := mime.ParseMediaType(http.Header(got.fields).Get("Content-Type"))
		require.NoError(t, err)
		require.Equal(t, "multipart/byteranges", mediaType)
		assert.Empty(t, http.Header(got.fields).Get("Content-Range"))
		r := multipart.NewReader(bytes.NewReader(got.body), parameters["boundary"])
		for _, bounds := range want {
			part, err := r.NextPart()
			if !readable {
				require.Error(t, err)
				break
			}
			require.NoError(t, err)
			assert.Equal(t, fmt.Sprintf("bytes %d-%d/1000", bounds[0], bounds[1]-1), part.Header.Get("Content-Range"))
			content, err := io.ReadAll(part)
			require.NoError(t, err)
			requireBytes(t, w.bytes[string(w.small.Digest)][bounds[0]:bounds[1]], content)
		}
		if readable {
			_, err = r.NextPart()
			require.ErrorIs(t, err, io.EOF)
		}
		w.checkRecord(t, got)
		requireSame(t, clean, ask(t, talk, q))
	}}
}

// blob is a case in which the content of a blob changes, and lines of the header.
func blob(name string, e faults.Effect, which func(*wire) ocispec.Descriptor, change func([]byte) []byte, header ...string) wireCase {
	return wireCase{
		name: name, do: []faults.Effect{e},
		ask: func(w *wire) rawAsk { return w.blob(which(w)) },
		want: func(w *wire) seen {
			return seen{status: 200, header: lines(w, header), body: change(slices.Clone(w.bytes[string(which(w).Digest)]))}
		},
	}
}

// part is a case in which a range of the blob of 1000 bytes is asked for.
func part(name string, e faults.Effect, asked string, status, from, to int, change func([]byte) []byte, header ...string) wireCase {
	return wireCase{
		name: "range, " + name, do: []faults.Effect{e},
		ask: func(w *wire) rawAsk { return w.blob(w.small).with("Range: bytes=" + asked) },
		want: func(w *wire) seen {
			return seen{status: status, header: lines(w, header), body: change(slices.Clone(w.bytes[string(w.small.Digest)][from:to]))}
		},
	}
}

// TestWireManyRanges has all that acts on ranges fail in a sequence of them, as in a
// download that is resumed.
func TestWireManyRanges(t *testing.T) {
	eachWire(t, nil, func(t *testing.T, w *wire) {
		w.inject(t, faults.On(op.BlobGet).Seq(faults.Close(100), faults.IgnoreRange(), faults.Pass()))
		content := w.bytes[string(w.small.Digest)]
		rest := w.blob(w.small).with("Range: bytes=100-")
		requireBytes(t, content[:100], ask(t, w.talk(t), w.blob(w.small)).body)
		requireBytes(t, content, ask(t, w.talk(t), rest).body)
		requireBytes(t, content[100:], ask(t, w.talk(t), rest).body)
		assert.Equal(t, http.StatusPartialContent, w.touched(t).Status)
	})
}

func lines(w *wire, header []string) (text string) {
	for _, line := range header {
		text += w.expand(line) + "\n"
	}
	return text
}

func small(w *wire) ocispec.Descriptor { return w.small }
func big(w *wire) ocispec.Descriptor   { return w.big }

func same(b []byte) []byte { return b }

func first(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }

func flip(i int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[i] ^= 0xff
		return b
	}
}
