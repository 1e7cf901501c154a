package page

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/ocifake/ocifake/images"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const escape = kb.Escape

func itoa(n int) string { return strconv.Itoa(n) }

// quoted is a text in JavaScript.
func quoted(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// tabTo presses Tab until an element has the focus.
func (p *tab) tabTo(selector string) {
	p.t.Helper()
	for range 60 {
		p.keys(kb.Tab)
		if eval[bool](p, "document.activeElement.matches("+quoted(selector)+")") {
			assert.NotEqual(p.t, "none", eval[string](p, "getComputedStyle(document.activeElement).outlineStyle"), "the focus on %s is seen", selector)
			return
		}
	}
	require.Fail(p.t, "Tab does not get to "+selector)
}

// Everything can be done without a mouse.
func TestKeyboard(t *testing.T) {
	r := serve(t, "", "")
	r.push(t, "app:v1", images.Random())
	r.inject(t, "{name: broken, where: 'op=manifest.get', do: [{status: 503}]}")
	r.send(t, http.MethodGet, "/v2/app/manifests/v1", "")
	p := open(t, r.page(""))
	p.wait(rows + " > 2")

	p.keys("/")
	p.wait(`document.activeElement.matches(".filter")`)
	p.keys("repo=app\r")
	p.wait(`location.hash === "#/requests?filter=repo%3Dapp"`)
	p.wait(`[...document.querySelectorAll(".rows .c-what")].every(cell => cell.innerText.startsWith("app"))`)
	p.tabTo(".rows .row")
	focused := `Number(document.activeElement.dataset.seq)`
	p.keys("G")
	last := int(r.recorder.Mark())
	p.wait(focused + " === " + itoa(last))
	p.keys("k")
	p.wait(focused + " === " + itoa(last-1))
	p.keys(kb.ArrowDown)
	p.wait(focused + " === " + itoa(last))
	p.keys(kb.ArrowUp)
	p.keys("j")
	p.keys("\r")
	p.waitText(".pane h2", "#"+itoa(last)+" manifest.get")
	p.wait(`document.activeElement.matches(".pane h2")`)
	p.tabTo(".pane .bar .copy")
	p.keys("\r")
	p.waitText("#said", "Copied")
	assert.Contains(t, p.clipboard(), r.url+"/v2/app/manifests/v1")
	p.keys("k")
	p.waitText(".pane h2", "#"+itoa(last-1))
	p.keys(escape)
	p.wait(`document.querySelector(".pane").hidden`)
	p.wait(focused + " === " + itoa(last-1))

	p.keys("2")
	p.waitText("#repositories .names", "app")
	p.tabTo("#repositories .names a")
	p.keys("\r")
	p.waitText("#repositories .main", "Tags 1")
	p.tabTo("#repositories .main td a")
	p.keys("\r")
	p.waitText("#repositories .main", "Layers")

	p.keys("3")
	p.waitText("#faults .rules", "broken")
	p.tabTo("#faults .switch")
	p.keys(" ")
	p.wait(`document.activeElement.matches(".switch") && document.activeElement.getAttribute("aria-checked") === "false"`)
	assert.Equal(t, http.StatusOK, r.send(t, http.MethodGet, "/v2/app/manifests/v1", ""))
	p.keys("/")
	p.wait(`document.activeElement.matches("#faults .search")`)
	p.keys("ecr 429")
	p.wait(`document.querySelectorAll("#faults .known-fault").length < 5`)
	p.tabTo("#faults .known-fault header button")
	p.keys("\r")
	p.wait(`document.querySelectorAll("#faults .rule").length === 2`)

	p.keys("?")
	p.wait(`document.querySelector("#keys").open`)
	p.keys(escape)
	p.wait(`!document.querySelector("#keys").open`)
}

// A screen reader has a name for whatever can be used.
func TestNames(t *testing.T) {
	r := serve(t, "", "")
	r.push(t, "app:v1", images.Random())
	r.inject(t, "{name: broken, where: 'op=ping', do: [{status: 503}]}")
	for _, place := range []string{"#/requests/1", "#/repositories/app:v1", "#/faults"} {
		t.Run(place, func(t *testing.T) {
			p := open(t, r.page(place))
			p.wait(`document.querySelector("main .view:not([hidden]) :is(.pane h2, .main h2, .rule)")`)
			assert.Empty(t, eval[[]string](p, `[...document.querySelectorAll("button, a, input, textarea, summary, [role], dialog")]
				.filter(e => e.checkVisibility())
				.filter(e => !(e.getAttribute("aria-label") || e.innerText.trim() || e.labels?.[0]?.textContent.trim() || e.matches("[role=gridcell], [role=status], [role=alert], [role=rowgroup]")))
				.map(e => e.outerHTML.slice(0, 200))`))
			assert.Empty(t, eval[[]string](p, `[...document.querySelectorAll("[id]")].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i)`), "ids are unique")
		})
	}
}
