package page

import (
	"net/http"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/record"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// busy is a registry in which a few things have gone right, and wrong.
func busy(t *testing.T) (r *served, faulted int) {
	t.Helper()
	r = serve(t, "", "")
	image := images.Random(images.Layers(3), images.LayerSize(200_000))
	r.push(t, "app:v1", image)
	r.push(t, "team-a/frontend/a-rather-long-name:2026-03-01-build.4711", image)
	require.NoError(t, remote.WriteIndex(r.ref(t, "library/multi:latest"), images.RandomIndex(images.Platforms("linux/amd64", "linux/arm64/v8"))))
	r.inject(t, `
- {name: flaky-blobs, where: op=blob.get repo=app, times: 1, do: [{status: {code: 503, retryAfter: 1s}}]}
- {name: slow-manifests, where: "op=manifest.get repo=library/*", do: [{delay: 30ms}]}
- {name: no-tags, where: op=tag.list, disabled: true, do: [{status: 404}]}`)
	require.Error(t, r.pull(t, "app:v1"))
	require.NoError(t, r.pull(t, "app:v1"))
	require.NoError(t, r.pull(t, "library/multi:latest"))
	r.send(t, http.MethodGet, "/v2/app/manifests/v2", "", "User-Agent: curl/8.14.1")
	for _, x := range r.recorder.Log() {
		if x.Status == http.StatusServiceUnavailable {
			return r, int(x.Seq)
		}
	}
	require.Fail(t, "nothing has gone wrong")
	return nil, 0
}

// In each view, light and dark, wide and narrow: what is there can be read, and nothing
// sticks out of the window.
func TestLook(t *testing.T) {
	r, faulted := busy(t)
	require.Equal(t, http.StatusOK, r.send(t, http.MethodPost, "/_ocifake/v1/profiles/ecr", ""))
	require.Equal(t, http.StatusMethodNotAllowed, r.send(t, http.MethodGet, "/v2/app/tags/list?n=2000", ""))
	decided := int(r.recorder.Log(record.Status("405"))[0].Seq)
	places := map[string]struct{ place, ready string }{
		"journal":      {"#/requests", rows + " > 20"},
		"request":      {"#/requests/" + itoa(faulted), `document.querySelector(".pane .fired")`},
		"repositories": {"#/repositories", `document.querySelectorAll("#repositories .names a").length === 3`},
		"repository":   {"#/repositories/app", `document.querySelector("#repositories .main td")`},
		"manifest":     {"#/repositories/app:v1", `document.querySelector("#repositories .main .source")`},
		"index":        {"#/repositories/library/multi:latest", `document.querySelector("#repositories .main .source")`},
		"trait":        {"#/requests/" + itoa(decided), `document.querySelector(".pane .decided")`},
		"profile":      {"#/profile?trait=blob.mount", `document.querySelector("#profile .fact") && document.querySelector("#profile .other .chip")`},
		"clients":      {"#/lint", `document.querySelector("#lint .fact")`},
		"faults":       {"#/faults", `document.querySelectorAll("#faults .rule").length === 3 && document.querySelector("#faults .known-fault")`},
	}
	for _, look := range []struct {
		name, scheme  string
		width, height int64
	}{
		{"light", "light", 1280, 800},
		{"dark", "dark", 1280, 800},
		{"phone", "light", 390, 844},
		{"phone-dark", "dark", 360, 740},
		{"tablet", "light", 820, 1180},
	} {
		for name, at := range places {
			t.Run(name+"-"+look.name, func(t *testing.T) {
				p := open(t, "about:blank")
				p.viewport(look.width, look.height)
				p.prefers("color-scheme", look.scheme)
				p.goTo(r.page(at.place))
				p.wait(at.ready)
				p.waitText("#connection", "live")
				p.shot(name + "-" + look.name)
				assert.LessOrEqual(t, eval[int64](p, "document.documentElement.scrollWidth"), look.width, "no scrolling to the side")
				assert.Equal(t, look.scheme == "dark", eval[bool](p, dark), "the ground is dark")
				assert.Empty(t, eval[[]string](p, faint), "text with too little contrast (WCAG 2.2, 1.4.3)")
			})
		}
	}
}

// dark reports whether the ground of the page is.
const dark = `getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).every(c => c < 64)`

// faint lists elements whose text has less than 4.5:1 of contrast to its ground.
const faint = `(() => {
	const numbers = color => color.match(/[\d.]+/g).map(Number);
	const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
	const ground = e => {
		for (; e; e = e.parentElement) {
			const c = numbers(getComputedStyle(e).backgroundColor);
			if (c.length < 4 || c[3] > .99) return c;
		}
		return [255, 255, 255];
	};
	return [...document.querySelectorAll("body *")].filter(e => e.checkVisibility({ opacityProperty: true }) && !e.closest("#said")
		&& [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).flatMap(e => {
		const a = light(numbers(getComputedStyle(e).color)), b = light(ground(e));
		const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		return contrast < 4.5 ? [contrast.toFixed(2) + " " + e.className + ": " + e.innerText.slice(0, 40)] : [];
	});
})()`

// Whoever wants no motion gets none.
func TestReducedMotion(t *testing.T) {
	r, _ := busy(t)
	p := open(t, "about:blank")
	const moving = `[...document.querySelectorAll("*")].some(e => getComputedStyle(e).transitionDuration.split(", ").some(d => d !== "0s") || getComputedStyle(e).animationName !== "none")`
	p.goTo(r.page("#/faults"))
	p.wait(`document.querySelector(".switch")`)
	assert.True(t, eval[bool](p, moving), "there is motion to be reduced")
	p.prefers("reduced-motion", "reduce")
	p.wait("!" + moving)
}
