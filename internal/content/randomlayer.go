package content

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
)

const (
	tarBlock = 512
	tarEnd   = 2 * tarBlock
	tarLeast = tarBlock + tarEnd // a tar with one empty file

	// minLayer is the minimum size of a layer in bytes.
	minLayer = gzipHeader + blockHeader + tarLeast + gzipTrailer
)

// randomLayer is a layer that is generated on demand: a tar compressed with gzip, with one file of
// random bytes.
type randomLayer struct {
	stored
	mediaType types.MediaType
	sums      func() layerSums
}

type layerSums struct {
	digest, diffID digest.Digest
	crc            uint32
}

// newRandomLayer returns a layer of max(size, minLayer) bytes. The digests are computed on first
// use.
func newRandomLayer(seed uint64, size int64, mediaType types.MediaType) *randomLayer {
	size = max(size, minLayer)
	body := tarSize(size)
	l := &randomLayer{mediaType: mediaType}
	l.stored = stored{
		header: gzipHead(int(size - storedSize(body))),
		body:   randomTar(seed, body),
		crc:    func() uint32 { return l.sums().crc },
	}
	l.sums = sync.OnceValue(func() layerSums {
		sums, err := l.computeSums(context.Background())
		if err != nil {
			panic(err) // reading generated content does not fail
		}
		return sums
	})
	return l
}

// sumNow computes the digests, unless ctx ends first. There must be no concurrent use of the layer.
func (l *randomLayer) sumNow(ctx context.Context) error {
	sums, err := l.computeSums(ctx)
	l.sums = func() layerSums { return sums }
	return err
}

// tarSize returns the size of the largest tar that fits into a layer.
func tarSize(layer int64) int64 {
	n := layer - gzipHeader - gzipTrailer
	n -= (n + blockHeader + blockBody - 1) / (blockHeader + blockBody) * blockHeader
	return n / tarBlock * tarBlock
}

// randomTar returns a tar of size bytes, a multiple of 512. The name of the file contains the seed,
// so that even layers without content differ.
func randomTar(seed uint64, size int64) Content {
	file := NewRandom(seed, size-tarLeast)
	var header bytes.Buffer
	err := tar.NewWriter(&header).WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg,
		Name:     fmt.Sprintf("random/%016x", seed),
		Mode:     0o644,
		Size:     file.Size(),
		ModTime:  time.Unix(0, 0),
		Format:   tar.FormatGNU, // one block for any size
	})
	if err != nil {
		panic(err) // this header is valid
	}
	return concat{bytes.NewReader(header.Bytes()), file, bytes.NewReader(make([]byte, tarEnd))}
}

func (l *randomLayer) computeSums(ctx context.Context) (layerSums, error) {
	diffID, whole := digest.SHA256.Digester(), digest.SHA256.Digester()
	bounded := stored{header: l.header, body: contextContent{ctx, l.body}}
	crc, err := bounded.sum(diffID.Hash(), whole.Hash())
	return layerSums{digest: whole.Digest(), diffID: diffID.Digest(), crc: crc}, err
}

// blob returns the layer as content with a known digest.
func (l *randomLayer) blob() Content { return randomBlob{&l.stored, l} }

type randomBlob struct {
	*stored
	layer *randomLayer
}

func (b randomBlob) Digest() digest.Digest { return b.layer.sums().digest }

// The methods of [v1.Layer].

func (l *randomLayer) Digest() (v1.Hash, error)            { return toHash(l.sums().digest), nil }
func (l *randomLayer) DiffID() (v1.Hash, error)            { return toHash(l.sums().diffID), nil }
func (l *randomLayer) Size() (int64, error)                { return l.stored.Size(), nil }
func (l *randomLayer) MediaType() (types.MediaType, error) { return l.mediaType, nil }

func (l *randomLayer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(l, 0, l.stored.Size())), nil
}

func (l *randomLayer) Uncompressed() (io.ReadCloser, error) {
	return io.NopCloser(io.NewSectionReader(l.body, 0, l.body.Size())), nil
}

func toHash(d digest.Digest) v1.Hash {
	return v1.Hash{Algorithm: d.Algorithm().String(), Hex: d.Encoded()}
}

// Layer is a layer that is generated when it is read: a tar compressed with gzip, with one file of
// random bytes.
type Layer struct {
	Content
	Digest digest.Digest
	DiffID digest.Digest // digest of the tar
}

// GenerateLayer returns the layer for a seed. It has max(size, 1559) bytes. Computing the digests
// reads it once, unless ctx ends.
func GenerateLayer(ctx context.Context, seed uint64, size int64) (Layer, error) {
	l := newRandomLayer(seed, size, types.OCILayer)
	if err := l.sumNow(ctx); err != nil {
		return Layer{}, err
	}
	sums := l.sums()
	return Layer{&l.stored, sums.digest, sums.diffID}, nil
}
