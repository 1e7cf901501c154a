package page

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// scorecard returns the URL of a scorecard, which is the golden file of package exam.
func scorecard(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../exam/testdata/scorecard.html")
	require.NoError(t, err)
	return "file://" + filepath.ToSlash(path)
}

// TestScorecardLook checks that a scorecard can be read, light and dark, wide and narrow.
func TestScorecardLook(t *testing.T) {
	for _, scheme := range []string{"light", "dark"} {
		for name, width := range map[string]int64{"wide": 1280, "phone": 390} {
			for place, ready := range map[string]string{"": `document.querySelector("#cell-0")`, "#trial-5": `document.querySelector("#trial-5").checkVisibility()`} {
				t.Run(fmt.Sprintf("%s-%s%s", scheme, name, place), func(t *testing.T) {
					p := open(t, "about:blank")
					p.viewport(width, 800)
					p.prefers("color-scheme", scheme)
					p.goTo(scorecard(t) + place)
					p.wait(ready)
					p.shot("scorecard-" + scheme + "-" + name)
					assert.LessOrEqual(t, eval[int64](p, "document.documentElement.scrollWidth"), width, "no scrolling to the side")
					assert.Equal(t, scheme == "dark", eval[bool](p, dark), "the ground is dark")
					assert.Empty(t, eval[[]string](p, faint), "text with too little contrast (WCAG 2.2, 1.4.3)")
				})
			}
		}
	}
}

// TestScorecardKeyboard opens and closes a trial with the keyboard alone.
func TestScorecardKeyboard(t *testing.T) {
	p := open(t, scorecard(t))
	shown := `[...document.querySelectorAll(".trial")].filter(e => e.checkVisibility()).map(e => e.id).join()`
	assert.Empty(t, eval[string](p, shown))
	eval[bool](p, `document.querySelector("#cell-4").focus() === undefined`)
	p.keys(kb.Enter)
	p.wait(shown + ` === "trial-4"`)
	for _, heading := range []string{"To repeat it", "Requests", "Output of the client"} {
		p.waitText("#trial-4", heading)
	}
	p.keys(kb.Tab) // to the link that closes it
	p.keys(kb.Enter)
	p.wait(shown + ` === ""`)
	assert.Equal(t, "#cell-4", eval[string](p, "location.hash"))

	rows := `[...document.querySelectorAll(".rows tr")].filter(e => e.checkVisibility()).length`
	all := eval[int64](p, rows)
	p.click("#only")
	p.wait(rows + " === 2")
	assert.Greater(t, all, int64(2))
	assert.Empty(t, eval[[]string](p, `[...document.querySelectorAll("script, img, link, iframe")].map(e => e.tagName)`), "nothing from elsewhere")
}
