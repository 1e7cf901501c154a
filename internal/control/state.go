package control

import (
	"net/http"
	"time"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/worldstore"
)

func stateRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "health", summary: "Check that the process is alive", open: true,
			answers: []answer{ok("Status", "the process is alive")}, handle: (*API).health},
		{method: http.MethodGet, path: "ready", summary: "Check whether the registry is ready", open: true,
			answers: []answer{ok("Status", "the registry is ready"), {http.StatusServiceUnavailable, "the registry is not ready yet", jsonType, "Error"}}, handle: (*API).ready},
		{method: http.MethodGet, path: "info", summary: "Get the configuration and the counters of the registry",
			answers: []answer{ok("Info", "the registry")}, handle: (*API).info},
		{method: http.MethodGet, path: "openapi.json", summary: "This document",
			answers: []answer{ok("", "OpenAPI 3.1")}, handle: (*API).document},
	}
}

var errNotReady = failf(http.StatusServiceUnavailable, "the registry is not ready yet")

type status struct {
	Status string `json:"status"`
}

func (a *API) health(w http.ResponseWriter, _ *request) error {
	reply(w, http.StatusOK, status{"ok"})
	return nil
}

func (a *API) ready(w http.ResponseWriter, _ *request) error {
	if a.open.Load() == nil {
		return errNotReady
	}
	reply(w, http.StatusOK, status{"ready"})
	return nil
}

// info describes the registry. The URL is empty before it is ready.
type info struct {
	Version    string    `json:"version"`
	URL        string    `json:"url"`
	Host       string    `json:"host"`
	StartedAt  time.Time `json:"startedAt"`
	Auth       string    `json:"auth"`
	Profile    string    `json:"profile"`
	FaultNames bool      `json:"faultNames"`
	Counts     counts    `json:"counts"`
}

type counts struct {
	Requests     uint64 `json:"requests"`
	Dropped      int    `json:"dropped"`
	Connections  uint64 `json:"connections"`
	Repositories int    `json:"repositories"`
	Bytes        int64  `json:"bytes"`
}

func (a *API) info(w http.ResponseWriter, r *request) error {
	use := a.use.Load()
	i := info{
		Version: a.config.Version, Host: a.host(), StartedAt: a.started.UTC(),
		Auth: scheme(use.Auth), Profile: use.name(), FaultNames: a.config.FaultNames,
		Counts: counts{Dropped: a.config.Recorder.Dropped()},
	}
	if o := a.open.Load(); o != nil {
		i.URL = o.url
	}
	i.Counts.Requests, i.Counts.Connections = a.config.Recorder.Counts()
	if own, ok := a.config.Store.(*worldstore.Store); ok { // counting another takes requests
		i.Counts.Bytes = own.Bytes()
		for _, err := range own.Repositories(r.Context(), "") {
			if err != nil {
				return err
			}
			i.Counts.Repositories++
		}
	}
	reply(w, http.StatusOK, i)
	return nil
}

// scheme returns the authentication scheme of a registry.
func scheme(s *auth.Service) string {
	switch {
	case s == nil:
		return "none"
	case s.ServiceName() == "":
		return "basic"
	}
	return "bearer"
}
