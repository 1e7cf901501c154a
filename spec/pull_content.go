package spec

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Content is kept to the byte, whatever it looks like.

var contentStatements = []Statement{
	{
		ID: "blob-bytes", Text: "A GET request to an existing blob URL MUST provide the expected blob, with a response code that MUST be `200 OK`.",
		Section: "Pulling blobs", Endpoint: "end-2 end-6", Level: Must, Area: Pull, Source: Distribution, Versions: since10,
		check: keepsBlobs,
	}, {
		ID: "manifest-bytes", Text: "The registry MUST store the manifest in the exact byte representation provided by the client.",
		Section: "Pushing Manifests", Endpoint: "end-3 end-7", Level: Must, Area: Push, Source: Distribution, Versions: since11,
		check: keepsManifests,
	},
}

// random returns n random bytes.
func random(n int) []byte {
	body := make([]byte, n)
	_, _ = rand.Read(body) // never fails
	return body
}

// compressed returns text as gzip.
func compressed(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(text) // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}

func keepsBlobs(t *tester) {
	r := t.newRepo()
	text := string(r.bytes(64))
	for _, body := range [][]byte{
		{}, {'x'}, {0}, []byte(text + "\r\nlines\r\n\r\n"), []byte("\x00" + text + "\x00\x00"), []byte(text + "\xff\xfe\xc3\x28"),
		[]byte("{\n  \"a\": \"<b> & c\", \"n\": 12345678901234567890,\t\"x\": \"" + text[:8] + "\" }\n"), []byte("  " + text + " \n\t\n"),
		compressed([]byte(text + strings.Repeat("compressed ", 1000))), random(1000), random(1<<16 + 1), random(1<<17 + 1), random(1<<20 + 1<<17),
	} {
		d := r.put(body)
		r.findsBlob(body, d)
		if len(body) > 1<<20 {
			part := r.get(r.blob(d), "Range", "bytes=1048570-1048599").wants(http.StatusOK, http.StatusPartialContent)
			if part.status == http.StatusPartialContent {
				part.is(body[1048570:1048600])
			}
		}
	}
}

// odd are members of a JSON object that a registry might write otherwise.
const odd = "\r\n\t \"org.example.numbers\" : [ 1.50, 1e3, 12345678901234567890, 0.10000000000000000055, -0, 1E+2 ],\r\n" +
	"\"org.example.text\":\"<a href='x'>&amp;</a> \\u003c \\u00e4 ä \\/ / \\u2028 \\ud83d\\ude00\",\n\"org.example.empty\":{},\"org.example.none\":[ ],\"org.example.null\":null,"

func keepsManifests(t *tester) {
	r := t.newRepo()
	child := r.newImage()
	r.push(child, child.digest().String())
	subject := child.descriptor()
	plain := r.newImage(func(m *ocispec.Manifest) { m.MediaType = "" })
	for i, m := range []manifest{
		r.newImage(), plain, r.newImage(about(subject)),
		r.newArtifact("application/vnd.example", func(m *ocispec.Manifest) { m.Annotations["org.example.large"] = strings.Repeat("large & ", 1<<14) }),
		r.newIndex([]ocispec.Descriptor{subject}), r.newIndex([]ocispec.Descriptor{subject}, aboutIndex(subject)),
	} {
		m.body = append(bytes.Replace(m.body, []byte("{"), []byte(" \n{"+odd), 1), "\r\n \n"...)
		tag := fmt.Sprint("v", i)
		r.push(m, tag)
		for range 2 {
			r.finds(m, tag)
			r.finds(m, m.digest().String())
		}
		if a := r.get(r.manifest(tag)); a.header.Get("Content-Encoding") != "" {
			t.failf("want a manifest without Content-Encoding, got %s", a.header.Get("Content-Encoding"))
		}
		r.get(r.manifest(digest.FromBytes(m.body).String()), "Accept", m.mediaType).wants(http.StatusOK).is(m.body)
	}
}
