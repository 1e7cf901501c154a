package registrytest_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// TestOptionsTwice: of two options that say different things, neither is lost
// silently.
func TestOptionsTwice(t *testing.T) {
	network := registrytest.NewNetwork()
	service, err := auth.New(auth.Options{})
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	for want, options := range map[string][]registrytest.Option{
		"WithOptions is given twice":       {registrytest.WithOptions(registry.Options{NoCatalog: true}), registrytest.WithOptions(registry.Options{AllowSparse: true})},
		"WithStore is given twice":         {registrytest.WithStore(memstore.New(memstore.Options{})), registrytest.WithStore(memstore.New(memstore.Options{}))},
		"WithAddr is given twice":          {registrytest.WithAddr("127.0.0.1:0"), registrytest.WithAddr("[::1]:0")},
		"WithNetwork is given twice":       {registrytest.WithNetwork(network, "a"), registrytest.WithNetwork(network, "b")},
		"choose one of WithInMemory":       {registrytest.WithInMemory(), registrytest.WithNetwork(network, "b")},
		"choose one of WithInMemory and":   {registrytest.WithNetwork(network, "b"), registrytest.WithInMemory()},
		"WithLogger is given twice":        {registrytest.WithLogger(log), registrytest.WithLogger(log)},
		"WithRecording is given twice":     {registrytest.WithRecording(registrytest.Recording{}), registrytest.WithRecording(registrytest.Recording{})},
		"WithAuth is given twice":          {registrytest.WithAuth(auth.Options{}), registrytest.WithAuth(auth.Options{})},
		"WithAuthenticator is given twice": {registrytest.WithAuthenticator(service), registrytest.WithAuthenticator(service)},
		"choose one of WithAuth and":       {registrytest.WithAuthenticator(service), registrytest.WithAuth(auth.Options{})},
		"PageSize is -1":                   {registrytest.WithOptions(registry.Options{PageSize: -1})},
		"HTTP/2 without TLS":               {registrytest.WithTLS(), registrytest.WithH2C()},
		"it excludes tls and http2":        {registrytest.WithHTTP2(), registrytest.WithH2C()},
		"WithClientCerts is given twice":   {registrytest.WithRequiredClientCerts(), registrytest.WithClientCerts()},
	} {
		_, err := registrytest.Start(options...)
		assert.ErrorContains(t, err, want)
		ran := runTest(func(t testing.TB) { registrytest.New(t, options...) })
		require.Len(t, ran.failures, 1)
		assert.Contains(t, ran.failures[0], want)
		if !strings.Contains(want, "InMemory") {
			_, err = registrytest.NewHandler(options...)
			assert.ErrorContains(t, err, want)
		}
	}
	flags := []registrytest.Option{registrytest.WithInMemory(), registrytest.WithTLS(), registrytest.WithHTTP2(), registrytest.WithFaultNames()}
	registrytest.New(t, append(flags, flags...)...)
	registrytest.New(t, registrytest.WithLogger(log))
}

// TestNilOptions: nil is no value for an option.
func TestNilOptions(t *testing.T) {
	for want, option := range map[string]registrytest.Option{
		"option 1 of 1 is nil":     nil,
		"WithStore of nil":         registrytest.WithStore((*memstore.Store)(nil)),
		"WithAuthenticator of nil": registrytest.WithAuthenticator((*auth.Service)(nil)),
		"WithLogger of nil":        registrytest.WithLogger(nil),
		"WithNetwork of nil":       registrytest.WithNetwork(nil, "a"),
	} {
		_, err := registrytest.Start(option)
		assert.ErrorContains(t, err, want)
	}
}

func TestRecordingJSON(t *testing.T) {
	text, err := json.Marshal(registrytest.Recording{MaxBytes: 1, MaxBody: 2, KeepSecrets: true})
	require.NoError(t, err)
	assert.JSONEq(t, `{"maxBytes":1,"maxBody":2,"keepSecrets":true}`, string(text))
	text, err = json.Marshal(registrytest.Recording{})
	require.NoError(t, err)
	assert.JSONEq(t, `{}`, string(text))
}
