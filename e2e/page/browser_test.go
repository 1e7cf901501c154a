package page

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience bounds the wait for what the page is to show.
const patience = 30 * time.Second

// shared is the browser of all tests; each has a tab of its own.
var shared struct {
	sync.Mutex
	ctx    context.Context
	cancel func()
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.cancel != nil {
		shared.cancel()
	}
	os.Exit(code)
}

// start returns the context of the browser, which lives until the last test is over.
func start(t *testing.T) context.Context {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.ctx != nil {
		return shared.ctx
	}
	profile, err := os.MkdirTemp("", "ocifake-page-")
	require.NoError(t, err)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeBrowser := chromedp.NewContext(allocator)
	shared.cancel = func() {
		chromedp.Cancel(ctx) // waits for the browser's end
		closeBrowser()
		end()
		os.RemoveAll(profile)
	}
	require.NoError(t, chromedp.Do(ctx), "start of Chromium")
	shared.ctx = ctx
	return ctx
}

// chromium finds the browser, or skips the test.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("Chromium is not installed: apt-get install -y chromium")
	return ""
}

// tab is a page that is open in the browser, in a session of its own.
type tab struct {
	t         *testing.T
	ctx       context.Context
	downloads string

	mu      sync.Mutex
	console []string // what went wrong
}

// open goes to a URL. Whatever the page has to complain of fails the test in the
// end, but for answers that are no success.
func open(t *testing.T, url string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(start(t), chromedp.WithNewBrowserContext())
	p := &tab{t: t, ctx: ctx, downloads: t.TempDir()}
	t.Cleanup(func() {
		p.report()
		cancel()
	})
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.IsException() || m.Source != "network" && m.Type == "error" {
				p.mu.Lock()
				p.console = append(p.console, m.String())
				p.mu.Unlock()
			}
		}
	}()
	_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	require.NoError(t, err)
	p.viewport(1280, 800)
	p.goTo(url)
	return p
}

// report tells of what went wrong in the page, and in a failed test what it showed.
func (p *tab) report() {
	if p.t.Failed() && p.ctx.Err() == nil {
		if text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`)); err == nil {
			p.t.Logf("the page at the end:\n%s", text)
		}
		p.shot("failed-" + strings.ReplaceAll(p.t.Name(), "/", "-"))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	assert.Empty(p.t, p.console, "errors in the page")
}

func (p *tab) goTo(url string) {
	p.t.Helper()
	p.do(chromedp.Navigate(url))
}

func (p *tab) viewport(width, height int64) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(width, height))
}

// prefers sets a preference of the user: "color-scheme", "dark".
func (p *tab) prefers(feature, value string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-" + feature, Value: value}}})
	require.NoError(p.t, err)
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	require.NoError(p.t, chromedp.Do(ctx, actions...))
}

// eval returns the value of an expression, or of what it promises.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(p.t, err, expression)
	return value
}

// wait returns once a condition holds, which it looks at with every frame.
func (p *tab) wait(condition string) {
	p.t.Helper()
	awaited[bool](p, "Boolean("+condition+")")
}

// awaited returns the value of an expression once that is true, or like it.
func awaited[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](fmt.Sprintf(
		`new Promise(done => { const look = () => { let v = false; try { v = (%s) } catch {} v ? done(v) : requestAnimationFrame(look) }; look() })`,
		expression), chromedp.EvalAwaitPromise))
	require.NoError(p.t, err, "wait for %s", expression)
	return value
}

// text is what an element shows.
func (p *tab) text(selector string) string {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector(%q)", selector))
	return eval[string](p, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

// waitText returns once an element shows a text.
func (p *tab) waitText(selector, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector(%q)?.innerText.includes(%q)", selector, text))
}

// waitRow returns once the row of a request has a text, in view or not.
func (p *tab) waitRow(seq int, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector(%q)?.textContent.includes(%q)", row(seq), text))
}

// click clicks with the mouse on an element, once it is there and nothing covers it.
func (p *tab) click(selector string) {
	p.t.Helper()
	at := awaited[[]float64](p, fmt.Sprintf(`(() => {
		const e = document.querySelector(%q), r = (e.scrollIntoView({ block: "nearest" }), e.getBoundingClientRect());
		const x = r.left + r.width / 2, y = r.top + r.height / 2, top = document.elementFromPoint(x, y);
		return r.width > 0 && (e.contains(top) || e.labels?.[0]?.contains(top)) && [x, y];
	})()`, selector))
	p.do(chromedp.MouseClickXY(at[0], at[1]))
}

// keys presses keys one after the other, wherever the focus is. A key that the page
// makes use of itself writes nothing, as with a keyboard.
func (p *tab) keys(keys string, modifiers ...kb.Modifier) {
	p.t.Helper()
	for _, key := range keys {
		events := kb.Encode(key)
		down, up := events[0], events[len(events)-1]
		if len(events) == 3 && len(modifiers) == 0 {
			down.Type, down.Text, down.UnmodifiedText = input.DispatchKeyEventTypeKeyDown, events[1].Text, events[1].UnmodifiedText
		}
		for _, e := range []*input.DispatchKeyEventParams{down, up} {
			for _, m := range modifiers {
				e.Modifiers |= int64(m)
			}
			_, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, *e)
			require.NoError(p.t, err)
		}
	}
}

// write replaces the text of a field.
func (p *tab) write(selector, text string) {
	p.t.Helper()
	p.click(selector)
	eval[any](p, fmt.Sprintf("document.querySelector(%q).select()", selector))
	p.keys("\b" + text)
}

// clipboard returns what was copied.
func (p *tab) clipboard() string {
	p.t.Helper()
	_, err := chromedp.CallBrowser(p.ctx, browser.SetPermission, browser.SetPermissionParams{
		Permission: &browser.PermissionDescriptor{Name: "clipboard-read"}, Setting: browser.PermissionSettingGranted, BrowserContextID: p.session()})
	require.NoError(p.t, err)
	return eval[string](p, "navigator.clipboard.readText()")
}

func (p *tab) session() cdp.BrowserContextID { return chromedp.FromContext(p.ctx).BrowserContextID }

// shot leaves a picture, if somebody wants them.
func (p *tab) shot(name string) {
	p.t.Helper()
	dir := os.Getenv("OCIFAKE_SCREENSHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	require.NoError(p.t, err)
	require.NoError(p.t, os.MkdirAll(dir, 0o755))
	require.NoError(p.t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644))
}
