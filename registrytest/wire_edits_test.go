package registrytest_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
)

func TestWireEdits(t *testing.T) { runWire(t, editCases) }

var editCases = []wireCase{
	edited("set a field", faults.SetField("artifactType", []any{1, "<"}), replace(`"a/v1"`, `[1,"<"]`)),
	edited("add a field", faults.SetField(`org\.example\.key`, "x"), replace(`"data":"e30="}]}`, `"data":"e30="}],"org.example.key":"x"}`)),
	edited("add a field to no object", faults.SetField("annotations.key", "x"), same),
	edited("change children", faults.SetField("layers.*.size", nil), replace(`"size":2,"data":"e30="}]`, `"size":null,"data":"e30="}]`)),
	edited("drop a field", faults.DropField("artifactType"), replace(`"artifactType":"a/v1",`, "")),
	edited("drop what is not there", faults.DropField("subject"), same),
	edited("rename a field", faults.RenameField("artifactType", "type"), replace(`"artifactType"`, `"type"`)),
	edited("replace text", faults.ReplaceText("sha256:", "md5:"), replace("sha256:", "md5:")),
	edited("replace no text", faults.ReplaceText("no such text", ""), same),
	edited("with a digest", faults.RenameField("config", "Config").WithDigest(), replace(`"config"`, `"Config"`), "Docker-Content-Digest", "Etag"),
	onHeadOf(edited("HEAD", faults.SetField("artifactType", "x"), same)),
	blob("set a field of what is not JSON", faults.SetField("a", 1), small, same),
	{
		name: "replace text in bytes", do: []faults.Effect{faults.ReplaceText("\x00", "00")},
		want: func(w *wire) seen {
			body := replace("\x00", "00")(w.bytes[string(w.small.Digest)])
			return seen{status: 200, header: fmt.Sprintf("Content-Length: %d", len(body)), body: body}
		},
	},
	part("replace text", faults.ReplaceText("\x00", "00"), "20-999", 206, 20, 1000, same),
	{
		name: "a wrong length of an edited body", do: []faults.Effect{faults.SetHeader("Content-Length", "5"), faults.DropField("config")},
		ask: func(*wire) rawAsk { return inApp("manifests/v1") },
		want: func(w *wire) seen {
			return seen{status: 200, header: "Content-Length: 5", body: w.manifest("v1")[:5]}
		},
	},
	{
		name: "an edit behind a cut", do: []faults.Effect{faults.Close(40), faults.RenameField("schemaVersion", "v")},
		ask: func(*wire) rawAsk { return inApp("manifests/v1") },
		want: func(w *wire) seen {
			body := replace(`"schemaVersion"`, `"v"`)(w.manifest("v1"))
			return seen{status: 200, header: fmt.Sprintf("Content-Length: %d", len(body)), body: body[:40], end: fin, end2: "RST_STREAM INTERNAL_ERROR"}
		},
	},
	{
		name: "an edit of an answer in the registry's place", do: []faults.Effect{faults.SetField("errors.0.code", 7), faults.Status(404)},
		want: func(*wire) seen {
			return seen{status: 404, alone: true, body: []byte(`{"errors":[{"code":7,"message":"blob unknown to registry"}]}`),
				header: "Content-Type: application/json\nContent-Length: 60\nDocker-Distribution-Api-Version: registry/2.0"}
		},
	},
	{name: "an edit of too much", do: []faults.Effect{faults.ReplaceText("a", "b")}, talk: func(t *testing.T, w *wire) {
		huge := w.reg.PushBlob(t, "app", images.RandomContent(9, 4<<20+1))
		clean := ask(t, w.talk(t), w.blob(huge))
		w.inject(t, faults.On().Optional().Do(faults.ReplaceText("a", "b")))
		requireSame(t, clean, ask(t, w.talk(t), w.blob(huge)))
		assert.Zero(t, w.reg.Faults().Rules()[0].Hits)
	}},
	// The edit needs the end of the body, so that what came before is sent as it is.
	{name: "an edit outside of a cut", do: []faults.Effect{faults.SetField("a", 1), faults.Close(10)}, talk: func(t *testing.T, w *wire) {
		clean := ask(t, w.talk(t), inApp("manifests/v1"))
		w.inject(t, faults.On(op.ManifestGet).Times(1).Optional().Do(faults.SetField("a", 1), faults.Close(10)))
		got := ask(t, w.talk(t), inApp("manifests/v1"))
		assert.Equal(t, 200, got.status)
		requireBytes(t, clean.body[:10], got.body)
		assert.NotEqual(t, whole, got.end)
		w.checkRecord(t, got)
	}},
	// Answers of lists are not sent with a length by every handler.
	{name: "edits of lists", do: []faults.Effect{faults.SetField("tags", nil)}, talk: func(t *testing.T, w *wire) {
		w.reg.Inject(t, faults.On(op.TagList).Named(wireRule).Seq(
			faults.SetField("tags", nil), faults.SetField("tags.1", "v1"), faults.DropField("tags.*"),
			faults.All(faults.DropHeader("Content-Length"), faults.SetField("name", "other"))))
		for _, want := range []string{
			`{"name":"app","tags":null}`, `{"name":"app","tags":["v1","v1"]}`, `{"name":"app","tags":[]}`, `{"name":"other","tags":["v1","v2"]}`,
		} {
			got := ask(t, w.talk(t), inApp("tags/list"))
			assert.Equal(t, whole, got.end)
			assert.Equal(t, want, string(got.body))
			w.checkRecord(t, got)
		}
	}},
}

// edited is a case in which the body of a manifest changes, and fields of the header that are its
// digest.
func edited(name string, e faults.Edit, change func([]byte) []byte, digests ...string) wireCase {
	return wireCase{
		name: "edit, " + name, do: []faults.Effect{e},
		ask: func(*wire) rawAsk { return inApp("manifests/v1") },
		want: func(w *wire) seen {
			before := w.manifest("v1")
			body := change(bytes.Clone(before))
			want := seen{status: 200, body: body}
			if !bytes.Equal(before, body) {
				want.header = fmt.Sprintf("Content-Length: %d", len(body))
			}
			for _, field := range digests {
				format := map[bool]string{false: "\n%s: %s", true: "\n%s: %q"}[field == "Etag"]
				want.header += fmt.Sprintf(format, field, digest.FromBytes(body))
			}
			return want
		},
	}
}

// manifest returns the content of a manifest of the shelf.
func (s *shelf) manifest(tag string) []byte {
	m, err := s.store.Manifest(context.Background(), "app", tag)
	if err != nil {
		panic(err)
	}
	return m.Content
}

func replace(old, new string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(old), []byte(new)) }
}

func onHeadOf(c wireCase) wireCase {
	ask := c.ask
	c.ask = func(w *wire) rawAsk { return ask(w).by(http.MethodHead) }
	return c
}
