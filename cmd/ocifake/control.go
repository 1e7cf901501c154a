package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/internal/control"
)

// controls holds the flags of the control API.
type controls struct {
	addr  string // empty for the address of the registry
	token string
	none  bool

	url string // with its own address
}

// api returns the control API, or nil with --no-control.
func (c *controls) api(f *fixture) *control.API {
	if c.none {
		return nil
	}
	config := control.Config{
		Store: f.shown, Recorder: f.recorder, Faults: f.faults,
		Use: f.use, Switch: f.switchProfile, ReadRules: config.Rules, ReadProfile: config.ReadProfile,
		MaxLoad: f.config.store.MaxBytes, FaultNames: f.config.server.FaultNames,
		Token: c.token, Version: versionOf(buildInfo()), Log: f.log,
	}
	if len(f.hosts) > 0 {
		config.World, config.Renew = f.world, f.renewHosts
	}
	return control.New(config)
}

// openControl serves the control API at its own address, if it has one, and opens it.
func (f *fixture) openControl() error {
	if f.control == nil {
		return nil
	}
	if f.config.control.addr != "" {
		if err := f.listenForControl(); err != nil {
			return err
		}
	}
	f.control.Open(f.server.URL())
	f.closers = append(f.closers, func() error { f.control.Close(); return nil })
	return nil
}

func (f *fixture) listenForControl() error {
	c := &f.config.control
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		return explainListen("--control-addr", c.addr, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &http.Server{
		Handler: f.control, ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:    slog.NewLogLogger(f.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	f.closers = append(f.closers, func() error {
		cancel()
		err := s.Close()
		if end := <-served; !errors.Is(end, http.ErrServerClosed) {
			err = errors.Join(err, end)
		}
		return err
	})
	c.url = "http://" + listener.Addr().String()
	f.log.Info("serving the control API", "url", c.url+"/_ocifake/")
	return nil
}
