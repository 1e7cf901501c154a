package page

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/ocifake/ocifake/images"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A switch on the page changes what a client gets.
func TestFaultsSwitch(t *testing.T) {
	r := serve(t, "", "")
	r.push(t, "app:v1", images.Random())
	r.inject(t, "{name: broken, where: 'op=manifest.get', do: [{status: 503}]}")
	get := func() int { return r.send(t, http.MethodGet, "/v2/app/manifests/v1", "") }
	require.Equal(t, http.StatusServiceUnavailable, get())

	p := open(t, r.page("#/faults"))
	p.waitText("#faults .rule .state", "1 of 1 requests")
	p.click("#faults .switch")
	p.wait(`document.querySelector("#faults .switch").getAttribute("aria-checked") === "false"`)
	assert.Equal(t, http.StatusOK, get())
	p.click("#faults .switch")
	p.wait(`document.querySelector("#faults .switch").getAttribute("aria-checked") === "true"`)
	assert.Equal(t, http.StatusServiceUnavailable, get())
	p.waitText("#faults .rule .state", "2 of 2 requests")

	p.click(`#faults .rule [aria-label="Remove broken"]`)
	p.waitText("#faults .rules", "No faults.")
	assert.Equal(t, http.StatusOK, get())

	r.inject(t, "{name: from-elsewhere, where: 'op=ping', do: [{status: 500}]}")
	p.waitText("#faults .rules", "from-elsewhere")
}

// What has changed while the page was cut off is shown once it is back.
func TestFaultsReconnect(t *testing.T) {
	r := serve(t, "", "")
	line := newLine(t, r.host)
	p := open(t, "http://"+line.host+"/_ocifake/#/faults")
	p.waitText("#connection", "live")
	line.cut()
	p.waitText("#connection", "disconnected")
	r.inject(t, "{name: meanwhile, where: 'op=ping', do: [{status: 500}]}")
	line.mend()
	p.waitText("#faults .rules", "meanwhile")
}

func TestFaultsEdit(t *testing.T) {
	r := serve(t, "", "")
	p := open(t, r.page("#/faults"))
	p.click("#faults .add")
	write := func(text string) { eval[any](p, "document.querySelector('textarea').value = "+quoted(text)) }
	write("name: pinged\nwhere: op=ping\ndo:\n- status: {kode: 99}\n")
	p.click("#faults .editor .primary")
	p.waitText("#faults .editor .wrong", `Line 4, column 12, do[0].status.kode unknown field: did you mean code?`)
	assert.Equal(t, "4", p.text("#faults .numbers .at"))
	at := eval[string](p, "document.querySelector('textarea').value.slice(0, document.querySelector('textarea').selectionStart)")
	assert.Contains(t, at, "do:\n", "the cursor is where the error is")
	p.shot("faults-error")

	write("name: pinged\nwhere: op=ping\ndo:\n- status: {code: 502}\n")
	p.keys("\r", kb.ModifierCtrl)
	p.waitText("#faults .rules", "pinged")
	p.wait(`!document.querySelector("#faults .editor")`)
	assert.Equal(t, http.StatusBadGateway, r.send(t, http.MethodGet, "/v2/", ""))

	p.click(`#faults .rule [aria-label="Edit pinged"]`)
	p.wait(`document.querySelector("textarea").value.includes("- status: {code: 502}")`)
	write("{bad json")
	p.click("#faults .editor .primary")
	p.wait(`!document.querySelector("#faults .editor .wrong").hidden`)
	write(`{"name": "pinged", "where": "op=ping", "do": [{"status": {"code": 504}}]}`)
	p.click("#faults .editor .primary")
	p.waitText("#faults .rule .code", "504")
	assert.Equal(t, http.StatusGatewayTimeout, r.send(t, http.MethodGet, "/v2/", ""))

	p.click("#faults .clear-faults")
	p.click("#confirm-yes")
	p.waitText("#faults .rules", "No faults.")
	assert.Empty(t, r.faults.Rules())
}

func TestFaultsKnown(t *testing.T) {
	r := serve(t, "", "")
	r.push(t, "app:v1", images.Random())
	r.push(t, "other:v1", images.Random())
	p := open(t, r.page("#/faults"))
	p.write("#faults .known .search", "ecr 429 backs")
	p.wait(`document.querySelectorAll("#faults .known-fault").length === 1`)
	assert.Contains(t, p.text("#faults .known-fault"), "rate-exceeded-429-ecr")
	assert.Contains(t, p.text("#faults .known-fault"), "A correct client backs off with growing pauses, and retries")

	p.write("#faults .where", "nonsense=1")
	p.click("#faults .known-fault header button")
	p.waitText("#where-wrong", `"nonsense"`)
	assert.Empty(t, r.faults.Rules())
	p.write("#faults .where", "repo=app")
	p.click("#faults .known-fault header button")
	p.waitText("#faults .rules", "rate-exceeded-429-ecr")
	assert.Equal(t, http.StatusOK, r.send(t, http.MethodGet, "/v2/other/manifests/v1", ""))
	assert.Equal(t, http.StatusTooManyRequests, r.send(t, http.MethodGet, "/v2/app/manifests/v1", ""))
	p.waitText("#faults .rule .state", "1 of 1 requests")
}
