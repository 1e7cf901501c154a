package lint_test

import (
	"errors"
	"time"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

// scenario is something that a client does with a registry.
type scenario struct {
	name    string
	options registry.Options // of the strict registry; a profile gets only the size of pages
	setup   func(w *world)
	run     func(c *client, w *world) error
	check   func(w *world) error // returns an error if the outcome is not as it should be

	// refused reports that a right client fails, because the registry does not do what it needs.
	refused bool

	// failing reports that the scenario makes the registry fail, or be slow: what becomes of a mutant
	// says nothing about a profile.
	failing bool

	// strict keeps the right client to the strict registry: on a profile, the scenario is the same as
	// another one, or takes long.
	strict bool
}

var scenarios = []*scenario{
	&push, &pushIndex, &pushTwice, &pushPresent, &pushOnBase, &pushChunks, &pushMinimum, &pushInterrupted,
	&pull, &pullIndex, &pullRedirected, &copyImage, &copyIndex, &listTags, &listCatalog,
	&attach, &attachTag, &attachNoted, &attachAgain, &detach, &detachTag, &listReferrers, &listReferrersTag, &pollTag, &resume, &resumeRedirected,
	&readPieces, &readIgnored, &busy, &hiccups, &flaky, &unavailable, &expired, &pullWide, &pushWide,
}

// The scenarios that write.
var (
	push      = scenario{name: "push", run: pushes("app", "v1", app), check: stored("app", "v1", app)}
	pushIndex = scenario{name: "push an index", run: pushes("app", "v1", both), check: stored("app", "v1", both)}

	pushTwice = scenario{
		name: "push two images with a common layer",
		run: func(c *client, w *world) error {
			return errors.Join(c.push("app", "v1", app), c.push("app", "v2", next))
		},
		check: stored("app", "v2", next),
	}

	pushPresent = scenario{
		name: "push an image of which the registry has a layer", setup: puts("app", "v1", next),
		run: pushes("app", "v2", app), check: stored("app", "v2", app),
	}

	pushOnBase = scenario{
		name: "push an image on a base that was pulled", setup: puts("base", "v1", other),
		run: func(c *client, w *world) error {
			if _, err := c.pull("base", "v1"); err != nil {
				return err
			}
			return c.push("app", "v1", other)
		},
		check: stored("app", "v1", other),
	}

	// The chunks of some registries have a minimum of 5 MiB.
	pushChunks = scenario{name: "push a large layer in chunks", run: pushBig, check: storedBig}

	pushMinimum = scenario{
		name: "push in chunks of a minimum", strict: true, options: registry.Options{ChunkMinLength: 3 << 20},
		run: pushBig, check: storedBig,
	}

	pushInterrupted = scenario{
		name: "push in chunks that fail", failing: true, strict: true,
		setup: func(w *world) {
			w.inject(faults.On(op.UploadChunk).After(1).Do(faults.Status(503)).Times(1))
		},
		run: pushBig, check: storedBig,
	}

	copyImage = scenario{
		name: "copy", setup: puts("base", "v1", app),
		run:   func(c *client, w *world) error { return c.copy("base", "v1", "app") },
		check: stored("app", "v1", app),
	}

	copyIndex = scenario{
		name: "copy an index", setup: puts("base", "v1", both),
		run:   func(c *client, w *world) error { return c.copy("base", "v1", "app") },
		check: stored("app", "v1", both),
	}

	attach = scenario{
		name: "attach",
		setup: func(w *world) {
			w.put("app", "v1", app)
			w.put("app", "", mark)
			w.put("app", referrersTag(app.Digest), listOf(mark))
		},
		run: pushes("app", "", sbom), check: attached,
	}

	attachTag = scenario{
		name: "attach without the referrers API", strict: true, options: registry.Options{NoReferrers: true},
		setup: attach.setup, run: attach.run, check: attach.check,
	}

	attachNoted = scenario{
		name: "attach an artifact with annotations without the referrers API", strict: true, options: registry.Options{NoReferrers: true},
		setup: puts("app", "v1", app), run: pushes("app", "", noted), check: stored("app", "", noted),
	}

	attachAgain = scenario{
		name: "attach again without the referrers API", strict: true, options: registry.Options{NoReferrers: true},
		setup: func(w *world) {
			attach.setup(w)
			w.put("app", "", sbom)
			w.put("app", referrersTag(app.Digest), listOf(mark, sbom))
		},
		run: attach.run, check: attach.check,
	}

	detach = scenario{
		name: "delete a referrer", strict: true, setup: attach.setup,
		run: func(c *client, w *world) error {
			if err := c.push("app", "", sbom); err != nil {
				return err
			}
			return c.remove("app", sbom.Digest)
		},
		check: func(w *world) error {
			all, err := w.another().artifacts("app", "v1", sbom.ArtifactType)
			if err == nil && len(all) > 0 {
				return errors.New("the referrer is still listed")
			}
			return err
		},
	}

	detachTag = scenario{
		name: "delete a referrer without the referrers API", strict: true, options: registry.Options{NoReferrers: true},
		setup: detach.setup, run: detach.run, check: detach.check,
	}
)

// The scenarios in which a registry is busy, slow or down.
var (
	busy = scenario{
		name: "meet a busy registry", failing: true,
		setup: func(w *world) {
			w.put("app", "v1", app)
			w.inject(
				faults.On(op.ManifestHead).Do(faults.Status(429).RetryAfter(20*time.Second)).Times(1),
				faults.On(op.ManifestGet).Do(faults.Status(503).RetryAt(30*time.Second)).Times(1),
				faults.On(op.BlobGet).Do(faults.Status(503)).Times(3),
				faults.On(op.Token).Do(faults.Status(503).RetryAfter(5*time.Second)).Times(1),
				faults.On(op.BlobHead).Do(faults.Status(500)).Times(1),
				faults.On(op.UploadStart).Do(faults.Status(429)).Times(1),
				faults.On(op.UploadCommit).Do(faults.Status(503)).Times(1),
				faults.On(op.ManifestPut).Do(faults.Status(502)).Times(1),
			)
		},
		run: func(c *client, w *world) error {
			if err := pulls("v1")(c, w); err != nil {
				return err
			}
			return c.push("app", "v2", next)
		},
		check: func(w *world) error { return errors.Join(pulled(app)(w), w.has("app", "v2", next)) },
	}

	// hiccups are failures that the first repetition finds gone, flaky lasts longer.
	hiccups = scenario{name: "meet a registry that fails once", strict: true, failing: true, setup: failures(1), run: pulls("v1"), check: pulled(app)}
	flaky   = scenario{name: "meet a registry that fails twice", strict: true, failing: true, setup: failures(2), run: pulls("v1"), check: pulled(app)}

	unavailable = scenario{
		name: "meet a registry that is down", failing: true,
		setup: func(w *world) {
			w.put("app", "v1", app)
			w.inject(faults.On(op.ManifestHead).Do(faults.Status(503)))
		},
		run: pulls("v1"), check: pulled(), refused: true,
	}

	expired = scenario{
		name: "go on after a token has expired", setup: func(w *world) { w.put("app", "v1", app); w.put("app", "v2", next) },
		run: func(c *client, w *world) error {
			if err := pulls("v1")(c, w); err != nil {
				return err
			}
			c.pause(3 * time.Hour)
			return pulls("v2")(c, w)
		},
		check: pulled(app, next),
	}

	pullWide = scenario{
		name: "pull an image with many layers", failing: true, strict: true,
		setup: func(w *world) {
			w.put("app", "v1", wide)
			w.change(faults.On(op.BlobGet).Do(faults.Delay(time.Second)))
		},
		run: pulls("v1"), check: pulled(wide),
	}

	pushWide = scenario{
		name: "push an image with many layers", failing: true, strict: true,
		setup: func(w *world) { w.change(faults.On(op.BlobHead, op.UploadCommit).Do(faults.Delay(time.Second))) },
		run:   pushes("app", "v1", wide), check: stored("app", "v1", wide),
	}
)

// failures makes requests fail, without Retry-After.
func failures(times int) func(*world) {
	return func(w *world) {
		w.put("app", "v1", app)
		for _, o := range []op.Op{op.ManifestHead, op.ManifestGet} {
			w.inject(faults.On(o).Do(faults.Status(503)).Times(times))
		}
	}
}
