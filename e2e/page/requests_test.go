package page

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/images"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// rows are how many requests the journal shows.
const rows = `document.querySelectorAll("#requests .rows .row").length`

// row is the row of a request.
func row(seq int) string { return fmt.Sprintf(`.rows .row[data-seq="%d"]`, seq) }

func TestJournalLive(t *testing.T) {
	r := serve(t, "", "")
	p := open(t, r.page(""))
	p.waitText("#connection", "live")
	p.waitText(".note", "No requests yet.")
	assert.Contains(t, p.text(".note"), "docker pull "+r.host+"/app:v1")

	r.push(t, "app:v1", images.Random(images.Layers(2)))
	log := r.recorder.Log()
	p.wait(fmt.Sprintf("%s === %d", rows, len(log)))
	for i := range log {
		p.waitRow(int(log[i].Seq), log[i].Op.String())
		what := eval[string](p, fmt.Sprintf("document.querySelector('%s .c-what').textContent", row(int(log[i].Seq))))
		assert.Contains(t, log[i:i+1].Journal(), what, "as in the journal")
	}
	last := log[len(log)-1]
	assert.Equal(t, "manifest.put", last.Op.String())
	cells := eval[[]string](p, fmt.Sprintf(`[...document.querySelectorAll('%s > *')].map(cell => cell.innerText.trim())`, row(int(last.Seq))))
	assert.Equal(t, []string{fmt.Sprint(last.Seq), "manifest.put", "app:v1", "201", fmt.Sprintf("%d B", last.RequestBytes)},
		[]string{cells[0], cells[2], cells[3], cells[4], cells[5]})
	assert.Equal(t, fmt.Sprint(last.Conn), cells[8])
	p.wait(`document.querySelector(".note").hidden`)
}

// A request in flight is shown as such, and has an end in the same row.
func TestJournalInFlight(t *testing.T) {
	r := serve(t, "", "")
	entered, leave := make(chan struct{}), make(chan struct{})
	handler := r.recorder.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		w.WriteHeader(http.StatusTeapot)
	}))
	p := open(t, r.page(""))
	p.waitText("#connection", "live")
	done := make(chan struct{})
	go func() {
		defer close(done)
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v2/app/blobs/sha256:"+strings.Repeat("a", 64), nil))
	}()
	<-entered
	p.waitRow(1, "in flight")
	p.click(row(1))
	p.waitText(".pane", "The response is not complete yet.")
	close(leave)
	<-done
	p.waitRow(1, "418")
	p.waitText(".pane .bar", "418")
	assert.NotContains(t, eval[string](p, "document.querySelector('"+row(1)+"').textContent"), "in flight")
	assert.Equal(t, 1, eval[int](p, rows))
}

// A request in flight that a filter means, and does not mean once it has ended, goes.
func TestJournalFilterOfOpen(t *testing.T) {
	r := serve(t, "", "")
	entered, leave := make(chan struct{}), make(chan struct{})
	handler := r.recorder.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(entered)
		<-leave
	}))
	p := open(t, r.page("#/requests?filter=open"))
	p.waitText("#connection", "live")
	done := make(chan struct{})
	go func() {
		defer close(done)
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v2/", nil))
	}()
	<-entered
	p.waitRow(1, "in flight")
	close(leave)
	<-done
	p.wait(rows + " === 0")
}

func TestJournalFilter(t *testing.T) {
	r := serve(t, "", "")
	r.push(t, "app:v1", images.Random())
	require.NoError(t, r.pull(t, "app:v1"))
	r.send(t, http.MethodGet, "/v2/app/manifests/nope", "")
	p := open(t, r.page(""))
	all := len(r.recorder.Log())
	p.wait(fmt.Sprintf("%s === %d", rows, all))

	p.write(".filter", "op=manifest.get status=404")
	p.wait(rows + " === 1")
	p.waitText(".rows", "MANIFEST_UNKNOWN")
	p.wait(`location.hash === "#/requests?filter=op%3Dmanifest.get+status%3D404"`)

	r.send(t, http.MethodGet, "/v2/app/manifests/other", "")
	p.wait(rows + " === 2")
	r.send(t, http.MethodGet, "/v2/app/manifests/v1", "")

	p.write(".filter", "nonsense=1")
	p.waitText("#filter-wrong", `there is nothing called "nonsense" to filter by`)
	assert.Equal(t, "true", eval[string](p, `document.querySelector(".filter").getAttribute("aria-invalid")`))
	assert.Equal(t, 2, eval[int](p, rows), "the last good list stays")
	r.send(t, http.MethodGet, "/v2/app/manifests/third", "")
	p.wait(rows + " === 3")

	p.write(".filter", "")
	p.keys("\b")
	p.wait(fmt.Sprintf("%s === %d", rows, len(r.recorder.Log())))
	p.wait(`document.querySelector("#filter-wrong").hidden`)

	p.click(`[data-filter="status=4xx,5xx,0"]`)
	p.wait(`document.querySelector(".filter").value === "status=4xx,5xx,0"`)
	p.wait(`[...document.querySelectorAll(".rows .c-status")].every(cell => cell.innerText[0] === "4")`)
	p.click(`[data-filter="status=4xx,5xx,0"]`)
	p.wait(fmt.Sprintf("%s === %d", rows, len(r.recorder.Log())))
}

// Links are shared, and one can go back.
func TestJournalPlaces(t *testing.T) {
	r := serve(t, "", "")
	r.send(t, http.MethodGet, "/v2/", "")
	r.send(t, http.MethodGet, "/v2/app/manifests/v1", "")
	p := open(t, r.page("#/requests/2?filter="+url.QueryEscape("status=404")))
	p.waitText(".pane h2", "#2 manifest.get")
	assert.Equal(t, 1, eval[int](p, rows))
	p.click("#to-repositories")
	p.wait(`!document.querySelector("#repositories").hidden && document.querySelector("#requests").hidden`)
	eval[any](p, "history.back()")
	p.wait(`!document.querySelector("#requests").hidden`)
	p.waitText(".pane h2", "#2 manifest.get")
	p.wait(rows + " === 1")
	p.click(".pane .close")
	p.wait(`document.querySelector(".pane").hidden`)
	eval[any](p, "history.back()")
	p.waitText(".pane h2", "#2 manifest.get")
	p.goTo(r.page("#/requests/99"))
	p.waitText(".pane", "Request 99 not found")
}

func TestJournalPauseAndClear(t *testing.T) {
	r := serve(t, "", "")
	r.send(t, http.MethodGet, "/v2/", "")
	p := open(t, r.page(""))
	p.wait(rows + " === 1")
	p.click(".pause")
	p.waitText(".pause", "Resume")
	for range 3 {
		r.send(t, http.MethodGet, "/v2/", "")
	}
	p.waitText(".newer", "3 newer")
	assert.Equal(t, 1, eval[int](p, rows))
	p.click(".pause")
	p.wait(rows + " === 4")
	p.wait(`document.querySelector(".newer").hidden`)
	r.send(t, http.MethodGet, "/v2/", "")
	p.wait(rows + " === 5")

	p.click(".clear")
	p.waitText("#confirm", "Delete all requests?")
	p.click("#confirm [value=no]")
	p.wait(`!document.querySelector("#confirm").open`)
	assert.Equal(t, 5, eval[int](p, rows))
	p.click(".clear")
	p.click("#confirm-yes")
	p.wait(rows + " === 0")
	assert.Empty(t, r.recorder.Log())
	r.send(t, http.MethodGet, "/v2/", "")
	p.wait(rows + " === 1")
	p.waitRow(6, "ping")
}

// However many requests there are, the page has only so many rows, and its frames
// go on. Older ones are to be had.
func TestJournalMany(t *testing.T) {
	r := serve(t, "", "")
	p := open(t, r.page(""))
	p.waitText("#connection", "live")
	eval[any](p, `(() => {
		window.most = 0; window.frames = 0; window.longest = 0; let last = performance.now();
		const look = now => { frames++; longest = Math.max(longest, now - last); last = now; most = Math.max(most, `+rows+`); requestAnimationFrame(look) };
		look(last);
	})()`)
	handler := r.recorder.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	const many = 20000
	for range many {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v2/app/manifests/v1", nil))
	}
	p.waitRow(many, "manifest.get")
	p.wait(rows + " === 1000")
	t.Logf("%d requests: %v frames, the longest took %.0f ms", many, eval[int](p, "frames"), eval[float64](p, "longest"))
	assert.LessOrEqual(t, eval[int](p, "most"), 2000)
	assert.Contains(t, p.text("#shown"), "1,000 shown")
	assert.True(t, eval[bool](p, `(() => { const s = document.querySelector(".scroller"); return s.scrollHeight - s.scrollTop - s.clientHeight < 3 })()`), "the tail is in view")

	eval[any](p, `document.querySelector(".scroller").scrollTop = 0`)
	p.wait(`document.querySelector(".follow").getAttribute("aria-pressed") === "false"`)
	p.click(".older")
	p.waitRow(many-1999, "manifest.get")
	p.wait(rows + " === 2000")
	p.click(".older")
	p.wait(fmt.Sprintf(`document.querySelector('%s')`, row(many-2999)))
	assert.Equal(t, 2000, eval[int](p, rows))
	p.waitText(".newer", "1,000 newer")
	p.click(".newer")
	p.waitRow(many, "manifest.get")
	p.wait(rows + " === 1000")
}

// A registry that goes away is said to be gone, and one that comes in its place is
// shown from its beginning.
func TestJournalDisconnected(t *testing.T) {
	r := serve(t, "", "")
	for range 3 {
		r.send(t, http.MethodGet, "/v2/", "")
	}
	p := open(t, r.page(""))
	p.wait(rows + " === 3")
	r.close()
	p.waitText("#connection", "disconnected")
	p.shot("disconnected")
	again := serve(t, r.host, "")
	again.send(t, http.MethodGet, "/v2/other/manifests/v1", "")
	p.waitText("#connection", "live")
	p.waitRow(1, "other:v1")
	assert.Equal(t, 1, eval[int](p, rows))
}

// The stream comes back where it was when a connection is lost, without a row twice.
func TestJournalReconnects(t *testing.T) {
	r := serve(t, "", "")
	line := newLine(t, r.host)
	p := open(t, "http://"+line.host+"/_ocifake/")
	p.waitText("#connection", "live")
	r.send(t, http.MethodGet, "/v2/", "")
	p.wait(rows + " === 1")
	line.cut()
	p.waitText("#connection", "disconnected")
	r.send(t, http.MethodGet, "/v2/", "")
	r.send(t, http.MethodGet, "/v2/", "")
	assert.Equal(t, 1, eval[int](p, rows))
	line.mend()
	p.waitText("#connection", "live")
	p.wait(rows + " === 3")
	r.send(t, http.MethodGet, "/v2/", "")
	p.wait(rows + " === 4")
	line.cut()
	p.waitText("#connection", "disconnected")
	r.recorder.Clear()
	r.send(t, http.MethodGet, "/v2/", "")
	line.mend()
	p.wait(rows + " === 1")
	p.waitRow(5, "ping")
}
