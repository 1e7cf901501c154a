package lint_test

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

var sevenTags = []string{"v1", "v2", "v3", "v4", "v5", "v6", "v7"}

func putTags(w *world) {
	for _, tag := range sevenTags {
		w.put("app", tag, other)
	}
}

// tokens are options for a registry with a token service, passwords for one with Basic.
var (
	users     = map[string]string{"ci": "secret"}
	tokens    = auth.Options{Users: users, Token: &auth.TokenOptions{}}
	passwords = auth.Options{Users: users}
)

// cut cuts the answers with blobs after a few bytes.
func cut(times int) []faults.Rule {
	var rules []faults.Rule
	for _, o := range []op.Op{op.BlobGet, op.External} {
		rules = append(rules, faults.On(o).Where(record.Status("200", "206")).Do(faults.Close(300)).Times(times))
	}
	return rules
}

// redirected sends clients to another host for blobs.
func redirected(w *world) { w.change(faults.On(op.BlobGet).Do(faults.Redirect(307, "{cdn}"))) }

// The scenarios that read.
var (
	pull      = scenario{name: "pull", setup: puts("app", "v1", app), run: pulls("v1"), check: pulled(app)}
	pullIndex = scenario{name: "pull an index", setup: puts("app", "v1", both), run: pulls("v1"), check: pulled(both)}

	pullRedirected = scenario{
		name: "pull from another host", strict: true, setup: func(w *world) { w.put("app", "v1", app); redirected(w) },
		run: pulls("v1"), check: pulled(app),
	}

	listTags = scenario{
		name: "list tags", options: registry.Options{PageSize: 3}, setup: putTags,
		run:   func(c *client, w *world) (err error) { w.names, err = c.tags("app"); return err },
		check: named(sevenTags...),
	}

	listCatalog = scenario{
		name: "list repositories", options: registry.Options{PageSize: 3},
		setup: func(w *world) {
			for _, name := range sevenTags {
				w.put("lib/"+name, "v1", other)
			}
		},
		run:   func(c *client, w *world) (err error) { w.names, err = c.catalog(); return err },
		check: named("lib/v1", "lib/v2", "lib/v3", "lib/v4", "lib/v5", "lib/v6", "lib/v7"),
	}

	listReferrers = scenario{
		name: "list referrers", options: registry.Options{PageSize: 1},
		setup: func(w *world) {
			w.put("app", "v1", app)
			for _, o := range []*object{sbom, mark, sbom2} {
				w.put("app", "", o)
			}
			w.put("app", referrersTag(app.Digest), listOf(sbom, mark, sbom2))
		},
		run: func(c *client, w *world) (err error) {
			w.got, err = c.artifacts("app", "v1", sbom.ArtifactType)
			slices.SortFunc(w.got, func(a, b *object) int { return bytes.Compare(b.data, a.data) })
			return err
		},
		check: pulled(sorted(sbom, sbom2)...),
	}

	listReferrersTag = scenario{
		name: "list referrers without the API", strict: true, options: registry.Options{NoReferrers: true},
		setup: listReferrers.setup, run: listReferrers.run, check: listReferrers.check,
	}

	pollTag = scenario{
		name: "poll a tag", setup: puts("app", "v1", app),
		run: func(c *client, w *world) error {
			moving(c, w)
			d, err := c.poll("app", "v1", 5)
			w.names = []string{string(d)}
			return err
		},
		check: named(string(next.Digest)),
	}

	resume = scenario{
		name: "resume a download that is cut", failing: true,
		setup: func(w *world) { w.put("app", "v1", archive); w.inject(cut(2)...) },
		run:   pulls("v1"), check: pulled(archive),
	}

	resumeRedirected = scenario{
		name: "resume a download from another host", strict: true, failing: true,
		setup: func(w *world) { w.put("app", "v1", archive); redirected(w); w.inject(cut(2)[1]) },
		run:   pulls("v1"), check: pulled(archive),
	}

	readPieces = scenario{
		name: "read a blob in pieces", setup: puts("app", "v1", archive),
		run: func(c *client, w *world) (err error) {
			w.data, err = c.pieces("app", file.Descriptor, 400)
			return err
		},
		check: func(w *world) error {
			if !bytes.Equal(w.data, file.data) {
				return errors.New("the content is wrong")
			}
			return nil
		},
	}

	readIgnored = scenario{
		name: "read a blob in pieces from a registry that ignores Range", strict: true,
		setup: func(w *world) { w.put("app", "v1", archive); w.change(faults.On(op.BlobGet).Do(faults.IgnoreRange())) },
		run:   readPieces.run, check: readPieces.check,
	}
)

// sorted returns objects in an order that does not depend on a registry.
func sorted(objects ...*object) []*object {
	slices.SortFunc(objects, func(a, b *object) int { return bytes.Compare(b.data, a.data) })
	return objects
}

// moving makes the tag v1 move while the client waits for the third time.
func moving(c *client, w *world) {
	pause, waits := c.pause, 0
	c.pause = func(d time.Duration) {
		pause(d)
		if waits++; waits == 3 {
			w.put("app", "v1", next)
		}
	}
}
