package lint_test

import (
	"io"
	"net/http"
	"strings"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// tripper is a function as a RoundTripper.
type tripper func(*http.Request) (*http.Response, error)

func (t tripper) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// chunked are the operations that send a part of a blob.
func chunked(o op.Op) bool { return o == op.UploadChunk || o == op.UploadCommit }

// uploadType changes the Content-Type of what is uploaded.
func uploadType(value string) func(*http.Request, op.Op) {
	return func(r *http.Request, o op.Op) {
		if chunked(o) && r.ContentLength > 0 {
			r.Header.Set("Content-Type", value)
		}
	}
}

// with returns a scenario with other options of the strict registry.
func with(s scenario, options registry.Options) *scenario {
	s.options = options
	return &s
}

// ofChunk sets the size of chunks.
func ofChunk(n int) func(*client) { return func(c *client) { c.chunk = n } }

var absolute = registry.Options{AbsoluteURLs: true}

var uploadMutants = []mutant{
	{id: "upload-location", variant: "query dropped", in: &push},
	{id: "upload-location", variant: "path rebuilt", in: with(push, absolute)},
	{id: "upload-location", variant: "path ends in a slash", in: &push},
	{id: "upload-location", variant: "host of the command line", in: with(push, absolute)},
	{id: "upload-location", variant: "port dropped", in: with(push, absolute)},
	{id: "upload-location", variant: "scheme https", in: with(push, absolute)},
	{id: "upload-location", variant: "query dropped", in: &pushChunks},

	{id: "upload-location-reordered", variant: "digest first", in: &push},
	{id: "upload-location-reordered", variant: "sorted", in: with(push, registry.Options{Dialect: &registry.Dialect{UploadQuery: "zone=b"}})},

	{id: "upload-location-stale", variant: "first location for every chunk", in: &pushChunks},
	{id: "upload-location-stale", variant: "first location for the PUT", in: &pushChunks},
	{id: "upload-location-stale", variant: "one answer behind", in: &pushChunks},

	{id: "chunk-range-missing", variant: "on every chunk", in: &pushChunks},
	{id: "chunk-range-missing", variant: "on later chunks", in: &pushChunks},
	{id: "chunk-range-missing", variant: "on the last chunk", in: &pushChunks},

	{id: "chunk-range-wrong", variant: "end not included", in: &pushChunks},
	{id: "chunk-range-wrong", variant: "begins at zero", in: &pushChunks},
	{id: "chunk-range-wrong", variant: "offset and length", in: &pushChunks},
	{id: "chunk-range-wrong", variant: "overlaps by one", in: &pushChunks},
	{id: "chunk-range-wrong", variant: "form of HTTP", in: &pushChunks},

	{id: "chunk-below-minimum", variant: "minimum not read", in: &pushMinimum},
	{id: "chunk-below-minimum", variant: "small chunk in the middle", in: with(pushMinimum, registry.Options{ChunkMinLength: 2 << 20})},

	{id: "chunk-needless", variant: "size of a buffer", in: &push, set: ofChunk(256)},
	{id: "chunk-needless", variant: "two halves", in: &push, run: func(c *client, w *world) error {
		location, _, err := c.begin("app", base, nil)
		if err != nil {
			return err
		}
		return c.sendChunks("app", base, location, len(base.data)/2)
	}, check: hasBase},

	{id: "upload-content-type", variant: "type of the layer", in: &push, edit: uploadType("application/vnd.oci.image.layer.v1.tar")},
	{id: "upload-content-type", variant: "type of a form", in: &push, edit: uploadType("application/x-www-form-urlencoded")},
	{id: "upload-content-type", variant: "JSON for the config", in: &push, edit: func(r *http.Request, o op.Op) {
		if o == op.UploadCommit && r.ContentLength < 300 {
			r.Header.Set("Content-Type", "application/json")
		}
	}},
	{id: "upload-content-type", variant: "none on chunks", in: &pushChunks, edit: func(r *http.Request, o op.Op) {
		if o == op.UploadChunk {
			r.Header.Del("Content-Type")
		}
	}},

	{id: "upload-start-length", variant: "body of unknown length", in: &pushChunks, edit: func(r *http.Request, o op.Op) {
		if o == op.UploadStart {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader("")), -1
		}
	}},
	{id: "upload-start-length", variant: "no field", in: &pushChunks, set: func(c *client) {
		transport := c.trip().(*http.Transport)
		raw := &rawTransport{proto: "HTTP/1.1", dial: transport.DialContext}
		c.trip = func() http.RoundTripper {
			return tripper(func(r *http.Request) (*http.Response, error) {
				if r.Method == http.MethodPost {
					return raw.RoundTrip(r)
				}
				return transport.RoundTrip(r)
			})
		}
	}},

	{id: "upload-left-open", variant: "not closed after the last chunk", in: &pushChunks, run: func(c *client, w *world) error {
		c.chunk = w.chunk
		return c.pushBlob("app", w.big.blobs[1])
	}, check: func(w *world) error { return nil }},
	{id: "upload-left-open", variant: "opened before the blob is looked for", in: &pushPresent, run: func(c *client, w *world) error {
		if _, _, err := c.begin("app", base, nil); err != nil {
			return err
		}
		return c.push("app", "v2", app)
	}},
	{id: "upload-left-open", variant: "opened to see whether a push is allowed", in: &push, run: func(c *client, w *world) error {
		if _, _, err := c.begin("app", blob{}, nil); err != nil {
			return err
		}
		return c.push("app", "v1", app)
	}},

	{id: "upload-known-blob", variant: "answer not used", in: &pushPresent},
	{id: "upload-known-blob", variant: "own push forgotten", in: &pushTwice},

	{id: "mount-not-tried", variant: "push on a base that was pulled", in: &pushOnBase},
	{id: "mount-not-tried", variant: "copy by download and upload", in: &copyImage},

	{id: "mount-restarted", variant: "new session", in: with(copyImage, registry.Options{NoMount: true}), implied: "upload-left-open"},
	{id: "mount-restarted", variant: "session cancelled", in: with(copyImage, registry.Options{NoMount: true})},

	{id: "retry-not-idempotent", variant: "after 503", in: streamed(faults.Status(503))},
	{id: "retry-not-idempotent", variant: "after the connection broke", in: streamed(faults.LoseReply())},
}

// streamed is a push of a blob in one PATCH without Content-Range, which fails once.
func streamed(effect faults.Effect) *scenario {
	return &scenario{
		name: "push a stream that fails", failing: true,
		setup: func(w *world) { w.inject(faults.On(op.UploadChunk).Do(effect).Times(1)) },
		run: func(c *client, w *world) error {
			location, _, err := c.begin("app", base, nil)
			if err != nil {
				return err
			}
			if err = c.sendChunks("app", base, location, len(base.data)); err != nil {
				c.cancel("app", location)
			}
			return err
		},
		check: hasBase,
	}
}

// hasBase checks that the registry has the base layer.
func hasBase(w *world) error {
	opened, err := w.reg.Store().OpenBlob(w.t.Context(), "app", base.Digest)
	if err != nil {
		return err
	}
	return opened.Close()
}
