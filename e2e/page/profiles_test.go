package page

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/record"
)

// The page names the profile in use, shows its traits with their evidence, and changes it.
func TestProfiles(t *testing.T) {
	r := serve(t, "", "")
	r.push(t, "app:v1", images.Random())
	p := open(t, r.page("#/profile"))
	p.waitText("#profile-used", "Strict registry")
	p.waitText("#profile .traits", "No traits.")
	p.waitText("#profile .profiles", "in use")

	p.click(`#profile [aria-label="Use ECR"]`)
	p.waitText("#profile .used", "ECR")
	p.waitText("#profile-used", "ECR")
	p.waitText(`#profile [data-trait="blob.mount"]`, "it refuses a mount unless")
	p.waitText(`#profile [data-trait="blob.mount"]`, "recorded response: aws/containers-roadmap#2860")
	p.waitText(`#profile [data-trait="blob.mount"]`, "referenced strict: readable")
	assert.Equal(t, http.StatusMethodNotAllowed, r.send(t, http.MethodGet, "/v2/app/tags/list?n=2000", ""))
	p.write("#profile .search", "mount")
	p.wait(`document.querySelectorAll("#profile .fact").length > 0 && [...document.querySelectorAll("#profile .fact")].every(e => /mount/i.test(e.innerText))`)

	p.click("#profile .add")
	eval[any](p, `document.querySelector("#profile textarea").value = "name: mine\ntitle: Mine\nfacts:\n- {trait: blob.mount, value: often}\n"`)
	p.click("#profile .editor .primary")
	p.waitText("#profile .editor .wrong", `"often" is not a value`)
	eval[any](p, `document.querySelector("#profile textarea").value = "name: mine\nfacts:\n- {trait: blob.get, value: 200, rules: [{do: [revoke-tokens]}]}\n"`)
	p.click("#profile .editor .primary")
	p.waitText("#profile .editor .wrong", "revoke-tokens is about tokens")
	assert.Equal(t, "ECR", p.text("#profile-used"))
	eval[any](p, `document.querySelector("#profile textarea").value = "name: mine\ntitle: Mine\nfacts:\n- {trait: blob.mount, value: any, seen: <b>x</b>, source: me, grade: D}\n"`)
	p.click("#profile .editor .primary")
	p.waitText("#profile-used", "Mine")
	p.waitText(`#profile [data-trait="blob.mount"]`, "<b>x</b>")

	require.Equal(t, http.StatusOK, r.send(t, http.MethodPost, "/_ocifake/v1/profiles/quay", ""))
	p.waitText("#profile-used", "Quay")
	p.waitText("#profile .used", "Quay")
}

// A request that a trait decided says which, and why.
func TestTraits(t *testing.T) {
	r := serve(t, "", "")
	r.push(t, "app:v1", images.Random())
	r.send(t, http.MethodPost, "/_ocifake/v1/profiles/ecr", "")
	require.Equal(t, http.StatusMethodNotAllowed, r.send(t, http.MethodGet, "/v2/app/tags/list?n=2000", ""))
	decided := r.recorder.Log(record.Status("405"))[0]
	require.Equal(t, []string{"tags.over-max"}, decided.Traits)

	p := open(t, r.page("#/requests"))
	p.waitRow(int(decided.Seq), "trait tags.over-max")
	p.goTo(r.page("#/requests/" + itoa(int(decided.Seq))))
	p.waitText(".pane .decided", "ECR: ")
	p.click(".pane .decided a")
	p.wait(`document.activeElement.dataset.trait === "tags.over-max"`)

	p.goTo(r.page("#/requests/" + itoa(int(decided.Seq))))
	r.send(t, http.MethodPost, "/_ocifake/v1/profiles/strict", "")
	p.waitText(".pane .decided", "The profile in use does not have this trait.")
}
