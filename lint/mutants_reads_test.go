package lint_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/registry"
)

var readMutants = []mutant{
	{id: "blob-refetched", variant: "for each image of an index", in: &pullIndex},
	{id: "blob-refetched", variant: "config read first", in: &pull},
	{id: "blob-refetched", variant: "once to verify and once to unpack", in: &pull, run: func(c *client, w *world) error {
		o, err := c.pull("app", "v1")
		if err != nil {
			return err
		}
		w.got = []*object{o}
		return c.fillBlob("app", &o.blobs[2])
	}},

	{id: "range-without-if-range", variant: "ETag is not kept", in: &resumeRedirected},
	{id: "range-without-if-range", variant: "redirect is kept", in: &resumeRedirected, run: func(c *client, w *world) error {
		a, err := c.do(call{method: http.MethodGet, url: "/v2/app/blobs/" + string(file.Digest), scope: c.readScope("app")}, 200)
		if err != nil {
			return err
		}
		data := a.body
		for a.cut != nil {
			q := call{method: http.MethodGet, url: a.url, header: map[string]string{"Range": fmt.Sprintf("bytes=%d-", len(data))}}
			if a, err = c.do(q, 206); err != nil {
				return err
			}
			data = append(data, a.body...)
		}
		return nil
	}},

	{id: "range-multiple", variant: "begin and end", in: &readPieces, run: ranges("bytes=0-99,-100")},
	{id: "range-multiple", variant: "several pieces", in: &readPieces, run: ranges("bytes=0-99, 200-299, 400-499")},

	{id: "range-ignored-appended", variant: "in pieces", in: &readIgnored, implied: "blob-refetched"}, // the registry sends all of it each time
	{id: "range-ignored-appended", variant: "resumed", in: &scenario{
		name: "resume a download from a registry that ignores Range", failing: true,
		setup: func(w *world) { readIgnored.setup(w); w.inject(cut(2)...) },
		run:   pulls("v1"), check: pulled(archive),
	}},

	{id: "list-cursor-rebuilt", variant: "last entry of the page", in: with(listTags, opaque), run: cursor(func(next *url.URL, last string) {
		next.RawQuery = url.Values{"n": {"3"}, "last": {last}}.Encode()
	})},
	{id: "list-cursor-rebuilt", variant: "larger pages", in: &listTags, run: cursor(func(next *url.URL, last string) {
		query := next.Query()
		query.Set("n", "100")
		next.RawQuery = query.Encode()
	})},
	{id: "list-cursor-rebuilt", variant: "last without n", in: &listTags, run: cursor(func(next *url.URL, last string) {
		next.RawQuery = "last=" + last
	})},

	{id: "list-until-short", variant: "until a page is short", in: with(listTags, registry.Options{}), run: until(7, func(n int) bool { return n < 7 })},
	{id: "list-until-short", variant: "until a page is empty", in: with(listTags, registry.Options{}), run: until(100, func(n int) bool { return n == 0 })},

	{id: "list-link-ignored", variant: "first page only", in: &listTags},
	{id: "list-link-ignored", variant: "first page only", in: &listCatalog},
	{id: "list-link-ignored", variant: "first page only", in: &listReferrers},

	{id: "catalog-for-one", variant: "to find a repository", in: &listCatalog, run: func(c *client, w *world) error {
		all, err := c.catalog()
		if err != nil {
			return err
		}
		w.names = all
		for _, name := range all {
			if strings.HasSuffix(name, "/v5") {
				_, err = c.tags(name)
			}
		}
		return err
	}},
	{id: "catalog-for-one", variant: "before a push", in: &listCatalog, run: func(c *client, w *world) (err error) {
		if w.names, err = c.catalog(); err != nil {
			return err
		}
		return c.push("lib/v3", "v2", app)
	}},

	{id: "referrers-unfiltered", variant: "filtered here", in: &listReferrers},
	{id: "referrers-unfiltered", variant: "name of the parameter in lower case", in: &listReferrers, edit: func(r *http.Request, o op.Op) {
		r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "artifactType=", "artifacttype=", 1)
	}},

	{id: "referrers-no-fallback", variant: "404 is an error", in: &listReferrersTag},
	{id: "referrers-no-fallback", variant: "another tag", in: &listReferrersTag},

	{id: "fallback-overwritten", variant: "not read", in: &attachTag},
	{id: "fallback-overwritten", variant: "only looked whether it is there", in: &attachTag},

	{id: "referrers-tag-wrong", variant: "added again", in: &attachAgain},
	{id: "referrers-tag-wrong", variant: "annotations not copied", in: &attachNoted},

	{id: "referrers-tag-not-updated", variant: "own referrer deleted", in: &detachTag},
	{id: "referrers-tag-not-updated", variant: "listed referrer deleted", in: &detachTag, run: func(c *client, w *world) error {
		if err := c.push("app", "", sbom); err != nil {
			return err
		}
		if _, err := c.artifacts("app", "v1", sbom.ArtifactType); err != nil {
			return err
		}
		_, err := c.do(call{method: http.MethodDelete, url: "/v2/app/manifests/" + string(sbom.Digest), scope: "repository:app:delete"}, 202)
		return err
	}},

	{id: "subject-not-processed", variant: "answer not looked at", in: &attachTag},
	{id: "subject-not-processed", variant: "tag of its own", in: &attachTag, run: func(c *client, w *world) error {
		return c.push("app", referrersTag(app.Digest)+".sbom", sbom)
	}},
}

// opaque has cursors that are not entries.
var opaque = registry.Options{PageSize: 3, Dialect: &registry.Dialect{OpaqueCursor: true}}

// ranges reads several ranges of a blob at once.
func ranges(value string) func(*client, *world) error {
	return func(c *client, w *world) error {
		a, err := c.do(call{
			method: http.MethodGet, url: "/v2/app/blobs/" + string(file.Digest), scope: c.readScope("app"),
			header: map[string]string{"Range": value},
		}, 200, 206)
		if err == nil && a.status == http.StatusOK {
			w.data = a.body
		}
		return err
	}
}

// cursor lists tags and changes each Link.
func cursor(change func(next *url.URL, last string)) func(*client, *world) error {
	return func(c *client, w *world) error {
		path := "/v2/app/tags/list"
		for range 20 {
			page, a, err := c.tagPage(path)
			if err != nil {
				return err
			}
			w.names = append(w.names, page...)
			next := link(a.header.Values("Link"))
			if next == "" || len(page) == 0 {
				return nil
			}
			u, err := url.Parse(next)
			if err != nil {
				return err
			}
			change(u, page[len(page)-1])
			path = u.RequestURI()
		}
		return nil
	}
}

// until lists tags in pages of n, or less where the registry has less, until a page is the last one.
// It follows Link where there is one.
func until(n int, last func(n int) bool) func(*client, *world) error {
	return func(c *client, w *world) error {
		path := fmt.Sprintf("/v2/app/tags/list?n=%d", n)
		for range 20 {
			page, a, err := c.tagPage(path)
			if err != nil {
				return err
			}
			w.names = append(w.names, page...)
			if next := link(a.header.Values("Link")); next != "" {
				path = next
				continue
			}
			if last(len(page)) {
				return nil
			}
			path = fmt.Sprintf("/v2/app/tags/list?n=%d&last=%s", n, page[len(page)-1])
		}
		return nil
	}
}
