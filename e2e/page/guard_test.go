package page

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
)

// Without the token the page asks for it, and with it everything is there.
func TestToken(t *testing.T) {
	r := serve(t, "", "s3cret/+ü")
	r.send(t, http.MethodGet, "/v2/", "")
	p := open(t, r.page("#/requests"))
	p.waitText("#token", "This registry requires a token")
	assert.Equal(t, 0, eval[int](p, rows))
	p.write("#token-value", "wrong")
	p.keys("\r")
	p.waitText("#token-wrong", "Wrong token.")
	p.shot("token")
	p.write("#token-value", "s3cret/+ü")
	p.click("#token [value=yes]")
	p.wait(rows + " === 1")
	p.waitText("#connection", "live")
	r.send(t, http.MethodGet, "/v2/", "")
	p.wait(rows + " === 2")
	p.do(chromedp.Reload())
	p.wait(rows + " === 2")
	assert.False(t, eval[bool](p, `document.querySelector("#token").open`), "it is asked for once")
}

func TestTokenInFragment(t *testing.T) {
	r := serve(t, "", "s3cret")
	r.send(t, http.MethodGet, "/v2/", "")
	p := open(t, r.page("#token=s3cret"))
	p.wait(rows + " === 1")
	assert.Equal(t, r.page("#/requests"), eval[string](p, "location.href"), "the token does not stay in the address")
	assert.Empty(t, eval[string](p, "document.cookie"))
	assert.Equal(t, 0, eval[int](p, "localStorage.length"))
	p.click("#to-faults")
	p.waitText("#faults .rules", "No faults.")
	p.download("har")
}
