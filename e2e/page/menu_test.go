package page

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/record"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// menu opens the menu and clicks on an entry.
func (p *tab) menu(entry string) {
	p.t.Helper()
	p.click("#menu summary")
	p.click("#menu " + entry)
}

// download clicks on an entry of the menu, and returns the file that comes of it.
func (p *tab) download(name string) *os.File {
	p.t.Helper()
	events := true
	_, err := chromedp.CallBrowser(p.ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, BrowserContextID: p.session(), DownloadPath: p.downloads, EventsEnabled: &events})
	require.NoError(p.t, err)
	progress := chromedp.BrowserEvents(p.ctx, browser.DownloadProgress)
	p.menu("[data-name=" + name + "]")
	for e, err := range progress {
		require.NoError(p.t, err)
		require.NotEqual(p.t, browser.DownloadProgressStateCanceled, e.State)
		if e.State == browser.DownloadProgressStateCompleted {
			break
		}
	}
	files, err := filepath.Glob(filepath.Join(p.downloads, "ocifake*"))
	require.NoError(p.t, err)
	require.Len(p.t, files, 1)
	file, err := os.Open(files[0])
	require.NoError(p.t, err)
	p.t.Cleanup(func() { file.Close() })
	return file
}

func TestDownloads(t *testing.T) {
	r := serve(t, "", "")
	r.push(t, "app:v1", images.Random())
	want := r.recorder.Log()
	t.Run("HAR", func(t *testing.T) {
		got, err := record.ReadHAR(open(t, r.page("")).download("har"))
		require.NoError(t, err)
		require.Len(t, got, len(want))
		assert.Equal(t, want.Ops(), got.Ops())
	})
	t.Run("HAR of what a filter means", func(t *testing.T) {
		p := open(t, r.page("#/requests?filter=op%3Dmanifest.put"))
		p.wait(rows + " === 1")
		got, err := record.ReadHAR(p.download("har"))
		require.NoError(t, err)
		require.Len(t, got, 1)
		assert.Equal(t, "v1", got[0].Tag)
	})
	t.Run("JSON Lines", func(t *testing.T) {
		got, err := record.ReadJSONL(open(t, r.page("")).download("jsonl"))
		require.NoError(t, err)
		assert.Equal(t, want.Ops(), got.Ops())
	})
	t.Run("journal", func(t *testing.T) {
		got, err := io.ReadAll(open(t, r.page("")).download("journal"))
		require.NoError(t, err)
		assert.Equal(t, want.Journal(), string(got))
	})
	t.Run("content", func(t *testing.T) {
		names := map[string]bool{}
		for archive := tar.NewReader(open(t, r.page("")).download("snapshot")); ; {
			entry, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			names[entry.Name] = true
		}
		assert.True(t, names["oci-layout"] && names["index.json"], "%v", names)
	})
	t.Run("API", func(t *testing.T) {
		var document struct{ OpenAPI string }
		require.NoError(t, json.NewDecoder(open(t, r.page("")).download("openapi")).Decode(&document))
		assert.Regexp(t, `^3\.1`, document.OpenAPI)
	})
}

func TestReset(t *testing.T) {
	r := serve(t, "", "")
	r.push(t, "app:v1", images.Random())
	r.inject(t, "{name: broken, where: 'op=manifest.get', do: [{status: 503}]}")
	p := open(t, r.page(""))
	p.wait(rows + " > 1")
	reset := func() {
		p.menu("[data-action=reset]")
		p.waitText("#reset", "Reset the registry?")
	}
	reset()
	p.keys(escape)
	p.wait(`!document.querySelector("#reset").open`)
	assert.Len(t, r.faults.Rules(), 1)

	reset()
	for _, kept := range []string{"content", "tokens"} {
		p.click("#reset [value=" + kept + "]")
	}
	p.click("#reset [value=yes]")
	p.wait(rows + " === 0")
	assert.Empty(t, r.faults.Rules())
	assert.Empty(t, r.recorder.Log())
	assert.Equal(t, http.StatusOK, r.send(t, http.MethodGet, "/v2/app/manifests/v1", ""))

	p.wait(rows + " === 1")
	reset()
	p.click("#reset [value=tokens]")
	p.click("#reset [value=yes]")
	p.wait(rows + " === 0")
	assert.Equal(t, http.StatusNotFound, r.send(t, http.MethodGet, "/v2/app/manifests/v1", ""))
}

// A token that was good is none any more once all are revoked.
func TestRevoke(t *testing.T) {
	access, err := auth.New(auth.Options{Users: map[string]string{"ann": "secret"}, Token: &auth.TokenOptions{}})
	require.NoError(t, err)
	r := serveWith(t, server.Options{}, "", access)
	token := r.token(t, "ann", "secret")
	ping := func() int { return r.send(t, http.MethodGet, "/v2/", "", "Authorization: Bearer "+token) }
	require.Equal(t, http.StatusOK, ping())

	p := open(t, r.page(""))
	revoke := func() {
		p.menu("[data-action=revoke]")
		p.waitText("#confirm", "Revoke all tokens?")
	}
	revoke()
	p.keys(escape)
	p.wait(`!document.querySelector("#confirm").open`)
	assert.Equal(t, http.StatusOK, ping())

	revoke()
	p.click("#confirm-yes")
	p.waitText("#said", "Revoked")
	assert.Equal(t, http.StatusUnauthorized, ping())
}
