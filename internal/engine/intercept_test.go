package engine_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/op"
)

func TestInterceptOrder(t *testing.T) {
	e := engineWith(t, on("rule"))
	handler := e.Wrap(found)
	var called []string
	note := func(name string, handled bool) func(http.ResponseWriter, *http.Request, *op.Info) bool {
		return func(w http.ResponseWriter, _ *http.Request, info *op.Info) bool {
			called = append(called, name+" "+info.Op.String())
			if handled {
				w.WriteHeader(http.StatusTeapot)
			}
			return handled
		}
	}
	removeFirst := e.Intercept(note("first", false))
	removeSecond := e.Intercept(note("second", false))
	for _, step := range []struct {
		change func()
		status int
		rule   string
		called []string
	}{
		{func() {}, 200, "rule", []string{"second manifest.get", "first manifest.get"}},
		{func() { e.Intercept(note("third", true)) }, 418, "-", []string{"third manifest.get"}},
		{removeSecond, 418, "-", []string{"third manifest.get"}},
		{func() { e.Clear(); e.Intercept(note("fourth", false)) }, 200, "-", []string{"fourth manifest.get"}},
		{removeFirst, 200, "-", []string{"fourth manifest.get"}},
	} {
		called = nil
		step.change()
		w, touched := send(handler, getV1)
		assert.Equal(t, step.status, w.Code)
		assert.Equal(t, step.rule, touched)
		assert.Equal(t, step.called, called)
	}
}

// Interceptors get each request once: what auth lets in, and pings and requests for
// tokens before that, whatever rules do to it.
func TestInterceptAroundAuth(t *testing.T) {
	e := engineWith(t, on("early", op.ManifestGet).BeforeAuth())
	handler := e.BeforeAuth(challenged(e.AfterAuth(found)))
	var called []op.Op
	e.Intercept(func(_ http.ResponseWriter, _ *http.Request, info *op.Info) bool {
		called = append(called, info.Op)
		return false
	})
	for _, request := range []string{ping, getV1, getLayer} {
		send(handler, request)
		send(handler, request, "Authorization", "Bearer x")
	}
	assert.Equal(t, []op.Op{op.Ping, op.Ping, op.ManifestGet, op.BlobGet}, called)
}

func TestInterceptHandles(t *testing.T) {
	e := engineWith(t, on("rule"))
	remove := e.Intercept(func(w http.ResponseWriter, _ *http.Request, info *op.Info) bool {
		w.Header().Set("X-Tag", info.Tag)
		w.WriteHeader(http.StatusTeapot)
		return info.Tag != ""
	})
	handler := e.Wrap(found)
	w, touched := send(handler, getV1)
	assert.Equal(t, http.StatusTeapot, w.Code)
	assert.Equal(t, "v1", w.Header().Get("X-Tag"))
	assert.Equal(t, "-", touched)
	assert.Zero(t, e.Rules()[0].Seen, "rules do not see it")
	remove()
	remove()
	w, touched = send(handler, getV1)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "rule", touched)
}
