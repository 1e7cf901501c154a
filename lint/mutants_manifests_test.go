package lint_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// withType changes the Content-Type of manifests.
func withType(change func(old string) string) func(*http.Request, op.Op) {
	return func(r *http.Request, o op.Op) {
		if o != op.ManifestPut {
			return
		}
		r.Header.Set("Content-Type", change(r.Header.Get("Content-Type")))
		if r.Header.Get("Content-Type") == "" {
			r.Header.Del("Content-Type")
		}
	}
}

func always(value string) func(string) string { return func(string) string { return value } }

// accepting changes the Accept of requests for manifests.
func accepting(values ...string) func(*http.Request, op.Op) {
	return func(r *http.Request, o op.Op) {
		if o == op.ManifestGet || o == op.ManifestHead {
			if r.Header.Del("Accept"); len(values) > 0 {
				r.Header.Set("Accept", strings.Join(values, ", "))
			}
		}
	}
}

const (
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerSigned   = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	dockerUnsigned = "application/vnd.docker.distribution.manifest.v1+json"
)

var sparse = registry.Options{AllowSparse: true}

var manifestMutants = []mutant{
	{id: "manifest-type-mismatch", variant: "Docker type for an OCI image", in: &push, edit: withType(always(dockerManifest))},
	{id: "manifest-type-mismatch", variant: "type of an image for an index", in: &pushIndex, edit: withType(always(ocispec.MediaTypeImageManifest))},
	{id: "manifest-type-mismatch", variant: "JSON", in: &push, edit: withType(always("application/json"))},

	{id: "manifest-type-parameters", variant: "charset", in: &push, edit: withType(func(old string) string { return old + "; charset=utf-8" })},
	{id: "manifest-type-parameters", variant: "only on the index", in: &pushIndex, edit: withType(func(old string) string {
		return strings.Replace(old, "index.v1+json", `index.v1+json;v="1"`, 1)
	})},

	{id: "manifest-type-missing", variant: "never", in: &push, edit: withType(always(""))},
	{id: "manifest-type-missing", variant: "not for the images of an index", in: &pushIndex, edit: withType(func(old string) string {
		if old == ocispec.MediaTypeImageManifest {
			return ""
		}
		return old
	})},

	{id: "manifest-media-type-missing", variant: "of an image", in: pushOf(changed(app, `"mediaType":"`+ocispec.MediaTypeImageManifest+`",`, ""))},
	{id: "manifest-media-type-missing", variant: "of an index", in: pushOf(changed(both, `"mediaType":"`+ocispec.MediaTypeImageIndex+`",`, ""))},

	{id: "manifest-before-content", variant: "manifest first", in: with(push, sparse), run: func(c *client, w *world) error {
		if err := c.putManifest("app", "v1", app); err != nil {
			return err
		}
		return parallel(c, app.blobs, func(b blob) error { return c.pushBlob("app", b) })
	}},
	{id: "manifest-before-content", variant: "config last", in: with(push, sparse), run: func(c *client, w *world) error {
		if err := parallel(c, app.blobs[1:], func(b blob) error { return c.pushBlob("app", b) }); err != nil {
			return err
		}
		if err := c.putManifest("app", "v1", app); err != nil {
			return err
		}
		return c.pushBlob("app", app.blobs[0])
	}},
	{id: "manifest-before-content", variant: "index before its manifests", in: with(pushIndex, sparse), run: func(c *client, w *world) error {
		if err := c.putManifest("app", "v1", both); err != nil {
			return err
		}
		return errors.Join(c.push("app", "", app), c.push("app", "", next))
	}},
	{id: "manifest-before-content", variant: "manifest and blobs at the same time", in: slowly(with(push, sparse)), run: func(c *client, w *world) error {
		return parallel(c, []int{0, 1, 2, 3}, func(i int) error {
			if i == 0 {
				return c.putManifest("app", "v1", app)
			}
			return c.pushBlob("app", app.blobs[i-1])
		})
	}},

	{id: "manifest-too-large", variant: "annotations", in: pushOf(manyNotes(5 << 20))},
	{id: "manifest-too-large", variant: "inline data", in: pushOf(inlined(4 << 20))},

	{id: "descriptor-wrong", variant: "size of a layer", in: pushOf(changed(app, `"size":600`, `"size":601`))},
	{id: "descriptor-wrong", variant: "size of a config left at zero", in: pushOf(changed(app, fmt.Sprintf(`"size":%d`, app.blobs[0].Size), `"size":0`))},
	{id: "descriptor-wrong", variant: "media type of an image in an index", in: pushOf(changed(both, ocispec.MediaTypeImageManifest, dockerManifest))},
	{id: "descriptor-wrong", variant: "artifact type of the config in a referrers list", in: &attachTag},
	{id: "descriptor-wrong", variant: "no artifact type in a referrers list", in: &attachTag},

	{id: "manifest-schema1", variant: "signed", in: pushOf(schema1(dockerSigned))},
	{id: "manifest-schema1", variant: "unsigned", in: pushOf(schema1(dockerUnsigned))},

	{id: "accept-missing", variant: "never", in: &pull, edit: accepting()},
	{id: "accept-missing", variant: "not on HEAD", in: &pull, edit: func(r *http.Request, o op.Op) {
		if o == op.ManifestHead {
			r.Header.Del("Accept")
		}
	}},
	{id: "accept-missing", variant: "not by digest", in: &pullIndex, edit: func(r *http.Request, o op.Op) {
		if o == op.ManifestGet {
			r.Header.Del("Accept")
		}
	}},

	{id: "accept-incomplete", variant: "Docker types only", in: &pull, edit: accepting(dockerManifest, dockerList)},
	{id: "accept-incomplete", variant: "no index", in: &pullIndex, edit: accepting(ocispec.MediaTypeImageManifest, dockerManifest)},
	{id: "accept-incomplete", variant: "type of an image config", in: &pull, edit: accepting(ocispec.MediaTypeImageConfig)},

	{id: "manifest-refetched", variant: "GET by tag after HEAD", in: &pull},
	{id: "manifest-refetched", variant: "tag resolved again for each platform", in: &pullIndex, run: func(c *client, w *world) error {
		for range 2 {
			o, err := c.pull("app", "v1")
			if err != nil {
				return err
			}
			c.places = map[digest.Digest][]string{}
			w.got = []*object{o}
		}
		return nil
	}, implied: "blob-refetched"}, // it reads all of the index each time
	{id: "manifest-refetched", variant: "tag read once for the config and once for the layers", in: &pull, run: func(c *client, w *world) error {
		o, err := c.fetch("app", "v1", "")
		if err != nil {
			return err
		}
		if err := c.fillBlob("app", &o.blobs[0]); err != nil {
			return err
		}
		o2, err := c.fetch("app", "v1", "")
		if err != nil {
			return err
		}
		o2.blobs[0].data = o.blobs[0].data
		w.got = []*object{o2}
		return parallel(c, []int{1, 2}, func(i int) error { return c.fillBlob("app", &o2.blobs[i]) })
	}},

	{id: "manifest-get-for-digest", variant: "GET by tag, then by digest", in: &pull, run: func(c *client, w *world) error {
		o, err := c.fetch("app", "v1", "")
		if err != nil {
			return err
		}
		if o, err = c.tree("app", "", o.Digest); err != nil {
			return err
		}
		w.got = []*object{o}
		return c.fill("app", o)
	}},
	{id: "manifest-get-for-digest", variant: "GET to see whether the tag has moved", in: &pull, run: func(c *client, w *world) error {
		if err := pulls("v1")(c, w); err != nil {
			return err
		}
		c.pause(time.Hour)
		_, err := c.fetch("app", "v1", "")
		return err
	}},

	{id: "poll-unconditional", variant: "GET", in: &pollTag, run: polling(nil), implied: "manifest-refetched"},
	{id: "poll-unconditional", variant: "date", in: &pollTag, run: polling(func(header map[string]string) {
		header["If-Modified-Since"] = time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat)
	}), implied: "manifest-refetched"},
}

// slowly returns a scenario in which the search for a blob takes time.
func slowly(s *scenario) *scenario {
	s.setup = func(w *world) { w.change(faults.On(op.BlobHead).Do(faults.Delay(time.Second))) }
	return s
}

// pushOf is a push of an object that no right client would push.
func pushOf(o *object) *scenario {
	return &scenario{name: "push", run: pushes("app", "v1", o), check: stored("app", "v1", o)}
}

// polling reads a tag again and again.
func polling(edit func(map[string]string)) func(*client, *world) error {
	return func(c *client, w *world) error {
		moving(c, w)
		for range 5 {
			q := call{method: http.MethodGet, url: "/v2/app/manifests/v1", header: accept(), scope: c.readScope("app")}
			if edit != nil {
				edit(q.header)
			}
			a, err := c.do(q, 200)
			if err != nil {
				return err
			}
			w.names = []string{string(digest.FromBytes(a.body))}
			c.pause(time.Minute)
		}
		return nil
	}
}

// changed returns an object with another manifest.
func changed(o *object, old, new string) *object {
	other := newObject(o.MediaType, []byte(strings.Replace(string(o.data), old, new, 1)))
	other.blobs, other.children = o.blobs, o.children
	return other
}

func manyNotes(n int) *object {
	m := ocispec.Manifest{Annotations: map[string]string{"com.example.notes": strings.Repeat("a", n)}}
	return manifest(m, app.blobs[0], app.blobs[1:])
}

// inlined has the content of its layer in the manifest.
func inlined(n int) *object {
	layer := newBlob(ocispec.MediaTypeImageLayer, make([]byte, n))
	layer.Data = layer.data
	return manifest(ocispec.Manifest{}, app.blobs[0], []blob{layer})
}

func schema1(mediaType string) *object {
	o := newObject(mediaType, encode(map[string]any{
		"schemaVersion": 1, "name": "app", "tag": "v1", "architecture": "amd64",
		"fsLayers": []any{map[string]any{"blobSum": base.Digest}}, "history": []any{map[string]any{"v1Compatibility": "{}"}},
	}))
	o.blobs = []blob{base}
	return o
}
