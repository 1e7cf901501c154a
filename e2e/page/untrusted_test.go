package page

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/ocifake/ocifake/images"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// markup would do something, if it were taken for markup.
const markup = `<img src=x onerror="window.pwned=1"><script>window.pwned=1</script><svg onload=pwned=1>"'` + "`${pwned=1}"

// basic is the credentials of a user, without a password.
func basic(user string) string { return base64.StdEncoding.EncodeToString([]byte(user + ":")) }

// harmless asserts that there is nothing on the page but what it has itself.
func (p *tab) harmless() {
	p.t.Helper()
	assert.True(p.t, eval[bool](p, "window.pwned === undefined"))
	assert.Equal(p.t, []string{"icon.svg"}, eval[[]string](p, `[...document.querySelectorAll("img")].map(e => e.getAttribute("src"))`))
	assert.Equal(p.t, []string{"app.js"}, eval[[]string](p, `[...document.querySelectorAll("script")].map(e => e.getAttribute("src"))`))
	assert.Equal(p.t, 0, eval[int](p, `document.querySelectorAll("svg, iframe, object, embed, [onerror], [onload], [style*=url]").length`))
	assert.Empty(p.t, eval[[]string](p, `[...document.querySelectorAll("a")].map(a => a.getAttribute("href")).filter(href => !/^(#|https:\/\/)/.test(href))`))
}

// What clients send and the registry keeps is text, and nothing else.
func TestUntrustedRequests(t *testing.T) {
	r := serve(t, "", "")
	r.send(t, http.MethodGet, "/v2/app/manifests/"+url.PathEscape(markup)+"?x="+url.QueryEscape(markup), "",
		"User-Agent: "+markup, "Accept: "+markup, "X-Turn: \u202etxt.exe", "Range: "+markup, "Authorization: Basic "+basic(markup))
	r.send(t, http.MethodPut, "/v2/app/manifests/v1", markup, "Content-Type: "+markup)
	p := open(t, r.page("#/requests/1"))
	p.waitText(".pane", markup)
	p.wait(rows + " === 2")
	assert.NotContains(t, p.text(".pane"), "\u202e", "what turns the text around is not let through")
	p.harmless()
	p.goTo(r.page("#/requests/2"))
	p.waitText(".pane h2", "#2 manifest.put")
	p.waitText(".pane .source", markup)
	p.harmless()
	p.goTo(r.page("#/requests?filter=" + url.QueryEscape(markup)))
	p.waitText("#filter-wrong", "<img src=x")
	p.harmless()
	p.goTo(r.page("#/requests?filter=" + url.QueryEscape("ua="+`"<img src=x*"`)))
	p.wait(rows + " === 1")
	p.harmless()
}

func TestUntrustedContent(t *testing.T) {
	r := serve(t, "", "")
	image := images.Random(images.Annotations(map[string]string{markup: markup, "link": "javascript:pwned=1"}))
	config, err := image.ConfigFile()
	require.NoError(t, err)
	config.Config.Labels = map[string]string{markup: markup}
	config.OS = markup
	image, err = mutate.ConfigFile(image, config)
	require.NoError(t, err)
	r.push(t, "app:v1", mutate.Annotations(image, map[string]string{markup: markup, "link": "javascript:pwned=1"}).(v1.Image))
	odd := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":` + quoted(markup) +
		`,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[],"annotations":{"a":` + quoted(markup) + `}}`
	r.send(t, http.MethodPost, "/v2/app/blobs/uploads/?digest=sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "{}")
	r.send(t, http.MethodPut, "/v2/app/manifests/odd", odd, "Content-Type: application/vnd.oci.image.manifest.v1+json")

	p := open(t, r.page("#/repositories/app:v1"))
	p.waitText("#repositories .main", markup)
	p.harmless()
	p.goTo(r.page("#/repositories/app"))
	p.waitText("#repositories .main", "Manifests")
	p.harmless()
	p.goTo(r.page("#/repositories/app:odd"))
	p.wait(`document.querySelector("#repositories .main .facts, #repositories .main .failed")`)
	p.harmless()
	p.goTo(r.page("#/repositories/" + url.PathEscape(markup)))
	p.wait(`document.querySelector("#repositories .main .failed")`)
	p.harmless()
}

func TestUntrustedFaults(t *testing.T) {
	r := serve(t, "", "")
	r.inject(t, "{name: "+quoted(markup)+", where: 'op=ping', do: [{status: {code: 503, message: "+quoted(markup)+"}}]}")
	r.send(t, http.MethodGet, "/v2/", "")
	r.send(t, http.MethodGet, "/v2/app/tags/list", "")
	p := open(t, r.page("#/faults"))
	p.waitText("#faults .rule h3", markup)
	p.harmless()
	p.goTo(r.page("#/requests/1"))
	p.waitText(".pane .fired", markup)
	p.harmless()
	p.click(".pane .fired a")
	p.wait(`document.activeElement.matches("#faults .rule")`)
	p.click("#faults .switch")
	p.wait(`document.querySelector("#faults .switch").getAttribute("aria-checked") === "false"`)
	p.harmless()
	p.click("#faults .rule header a")
	p.wait(rows + " === 1")
	p.waitText(".rows .chip.fault", markup)
	p.harmless()
}

// The page lets nothing in that is not its own.
func TestPolicy(t *testing.T) {
	r := serve(t, "", "")
	p := open(t, r.page(""))
	p.waitText("#connection", "live")
	response, err := http.Get(r.page(""))
	require.NoError(t, err)
	defer response.Body.Close()
	assert.Contains(t, response.Header.Get("Content-Security-Policy"), "default-src 'self'")
	assert.NotContains(t, response.Header.Get("Content-Security-Policy"), "unsafe")
	assert.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
	assert.Empty(t, eval[[]string](p, `performance.getEntriesByType("resource").map(e => e.name).filter(name => !name.startsWith(location.origin + "/_ocifake/"))`), "everything comes from the registry itself")
}
