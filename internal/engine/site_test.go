package engine_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/record"
)

func TestOpen(t *testing.T) {
	connect := faults.OnConnect()
	for name, test := range map[string]struct {
		rules []faults.Rule
		want  []effect.Opening // of connections in turn
	}{
		"nothing":     {nil, []effect.Opening{{}, {}}},
		"on requests": {[]faults.Rule{on("a")}, []effect.Opening{{}}},
		"refuse, once": {
			[]faults.Rule{connect.Named("a").Times(1).Do(faults.Refuse())},
			[]effect.Opening{{Rules: []string{"a"}, Reset: true}, {}},
		},
		"the second": {
			[]faults.Rule{connect.Named("a").After(1).Do(faults.Silence())},
			[]effect.Opening{{}, {Rules: []string{"a"}, Silent: true}},
		},
		"sequence": {
			[]faults.Rule{connect.Named("a").Seq(
				faults.FailHandshake(), faults.Pass(), faults.All(faults.Delay(time.Second), faults.ExpiredCertificate()))},
			[]effect.Opening{
				{Rules: []string{"a"}, Alert: true},
				{Rules: []string{"a"}},
				{Rules: []string{"a"}, Delay: time.Second, Expired: true},
				{},
			},
		},
		"the first wins": {
			[]faults.Rule{connect.Named("a").Do(faults.CertificateFor("other.example")), connect.Named("b").Do(faults.Refuse())},
			[]effect.Opening{{Rules: []string{"a"}, Host: "other.example"}},
		},
		"continue": {
			[]faults.Rule{connect.Named("a").Do(faults.Delay(time.Second)).Continue(), connect.Named("b").Do(faults.Raw("SSH-2.0"))},
			[]effect.Opening{{Rules: []string{"a", "b"}, Delay: time.Second, Raw: []byte("SSH-2.0")}},
		},
		"certificates": {
			[]faults.Rule{connect.Named("a").Do(faults.ExpiredCertificate(), faults.CertificateFor("other.example"))},
			[]effect.Opening{{Rules: []string{"a"}, Expired: true, Host: "other.example"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine.New(nil)
			e.Bind(effect.Site{Connections: true, TLS: true})
			assert.NoError(t, e.Add(test.rules...))
			for i, want := range test.want {
				got := e.Open(overTLS)
				assert.Equal(t, want, got, "connection %d", i)
				assert.Equal(t, len(want.Rules) == 0, got.None())
			}
		})
	}
}

func TestOpenWithProbability(t *testing.T) {
	e := engine.New(nil)
	e.Bind(effect.Site{Connections: true, TLS: true})
	assert.NoError(t, e.Add(faults.OnConnect().WithProbability(0.5, 2).Do(faults.Refuse())))
	var got string
	for range 20 {
		got += map[bool]string{true: "-", false: "a"}[e.Open(overTLS).None()]
	}
	assert.Equal(t, "--a-a-a-----a-aa-aa-", got)
}

func TestOpenUntil(t *testing.T) {
	e := engine.New(nil)
	e.Bind(effect.Site{Connections: true, TLS: true})
	assert.NoError(t, e.Add(faults.OnConnect().Do(faults.Refuse()).Until()))
	assert.False(t, e.Open(overTLS).None(), "until nothing is for ever")
	e.Clear()
	rule, err := conf.Rules([]byte("{connect: true, until: op=ping, do: [refuse]}"))
	assert.NoError(t, err)
	assert.NoError(t, e.Add(rule...))
	assert.False(t, e.Open(overTLS).None())
	touch(e.Wrap(found), getV1)
	assert.False(t, e.Open(overTLS).None())
	touch(e.Wrap(found), ping)
	assert.True(t, e.Open(overTLS).None())
}

// The registry's own server has connections, but this request did not come through
// it.
func TestRequestThroughAnotherServer(t *testing.T) {
	e := engine.New(nil)
	e.Bind(effect.Site{Connections: true, TLS: true})
	assert.NoError(t, e.Add(
		on("resets").Times(1).Do(faults.SetHeader("X-A", "b"), faults.Reset(0)),
		on("closes").Times(1).Do(faults.All(faults.Pass(), faults.CloseIdle())),
		on("harmless").Do(faults.Status(http.StatusTeapot))))
	handler := e.Wrap(found)
	for _, want := range []struct {
		status  int
		body    string
		touched string
	}{
		{500, "500 fault rule resets: reset needs a connection of the registry's own server; this request came through another\n", "resets"},
		{500, "500 fault rule closes: all needs a connection of the registry's own server; this request came through another\n", "closes"},
		{418, `{"errors":[{"code":"UNSUPPORTED","message":"the operation is unsupported: I'm a teapot"}]}`, "harmless"},
	} {
		w, touched := send(handler, getV1)
		assert.Equal(t, want.status, w.Code)
		assert.Equal(t, want.body, w.Body.String())
		assert.Equal(t, want.touched, touched)
	}
}

func overTLS() bool { return true }

// TestTLSRuleOnPlainConnection: where both come, a connection in the clear is not one
// that a rule on the handshake counts, and a later rule applies to it.
func TestTLSRuleOnPlainConnection(t *testing.T) {
	e := engine.New(nil)
	e.Bind(effect.Site{Connections: true, TLS: true})
	require.NoError(t, e.Add(
		faults.OnConnect().Named("tls").After(1).Times(1).Do(faults.FailHandshake()),
		faults.OnConnect().Named("any").Times(1).Do(faults.Delay(time.Second))))
	plain := func() bool { return false }
	assert.Equal(t, effect.Opening{Rules: []string{"any"}, Delay: time.Second}, e.Open(plain))
	assert.Contains(t, e.Rules()[0].Unfired, "1 connections had no TLS, and tls can act on none of them")
	assert.True(t, e.Open(plain).None())
	assert.True(t, e.Open(overTLS).None(), "the first that counts is let pass")
	assert.True(t, e.Open(plain).None())
	assert.Equal(t, effect.Opening{Rules: []string{"tls"}, Alert: true}, e.Open(overTLS))
	assert.Empty(t, unfired(e))
}

// A rule with a filter on the connection is refused where a request has none.
func TestFiltersNeedConnections(t *testing.T) {
	for _, rule := range []faults.Rule{
		on("a").Where(record.Conn(1)),
		on("a").Where(record.Not(record.ConnRequestsOver(1))),
		on("a").Until(record.ConnAgeOver(time.Second)),
	} {
		e := engine.New(nil)
		assert.ErrorContains(t, e.Add(rule), "is on the connection, which a handler in another server's mux does not know", "%v", rule)
		e.Bind(effect.Site{Connections: true})
		assert.NoError(t, e.Add(rule))
	}
}
