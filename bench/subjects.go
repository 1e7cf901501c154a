package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"cuelabs.dev/go/oci/ociregistry/ocimem"
	"cuelabs.dev/go/oci/ociregistry/ociserver"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	"github.com/olareg/olareg"
	olaregconfig "github.com/olareg/olareg/config"

	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// A subject is a server for workloads.
type subject struct {
	name  string
	start func() (*server, error)
}

// server is a running subject.
type server struct {
	url       string
	transport http.RoundTripper // that reaches it; nil: any does
	handler   http.Handler      // the same without a network
	store     registry.Store    // nil if the subject has another kind
	login     string            // Authorization of all requests; empty: none
	launch    *launch           // of a program
	close     func() error
}

// limit does only the unavoidable work.
var limit = subject{"limit", onLoopback(func() (http.Handler, func() error) {
	return new(minimal), nil
})}

// registries are the subjects of most workloads. The first one is judged.
var registries = []subject{
	{"ocifake", func() (*server, error) {
		s, _, err := fixture()
		return s, err
	}},
	{"go-containerregistry", onLoopback(func() (http.Handler, func() error) {
		quiet := ggcr.Logger(log.New(io.Discard, "", 0))
		return ggcr.New(quiet, ggcr.WithReferrersSupport(true)), nil
	})},
	{"ocimem", onLoopback(func() (http.Handler, func() error) {
		return ociserver.New(ocimem.New(), nil), nil
	})},
	{"olareg", onLoopback(func() (http.Handler, func() error) {
		yes := true
		s := olareg.New(olaregconfig.Config{
			Storage: olaregconfig.ConfigStorage{StoreType: olaregconfig.StoreMem},
			API: olaregconfig.ConfigAPI{
				DeleteEnabled: &yes,
				Blob:          olaregconfig.ConfigAPIBlob{DeleteEnabled: &yes},
			},
		})
		return s, s.Close
	})},
}

// inMemory is ocifake without a socket.
var inMemory = []subject{{"ocifake", func() (*server, error) {
	s, reg, err := fixture(registrytest.WithInMemory())
	if err == nil {
		s.transport = reg.Transport()
	}
	return s, err
}}}

// fixture starts ocifake with registrytest.
func fixture(opts ...registrytest.Option) (*server, *registrytest.Registry, error) {
	reg, err := registrytest.Start(opts...)
	if err != nil {
		return nil, nil, err
	}
	return &server{url: reg.URL(), handler: reg.Handler(), store: reg.Store(), close: reg.Close}, reg, nil
}

// onLoopback starts handlers with httptest.
func onLoopback(newHandler func() (handler http.Handler, close func() error)) func() (*server, error) {
	return func() (*server, error) {
		handler, closeHandler := newHandler()
		s := httptest.NewServer(handler)
		return &server{
			url:     s.URL,
			handler: handler,
			close: func() error {
				s.CloseClientConnections()
				s.Close()
				if closeHandler == nil {
					return nil
				}
				return closeHandler()
			},
		}, nil
	}
}
