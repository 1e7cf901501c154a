package control

import (
	"net/http"
	"time"

	"github.com/ocifake/ocifake/auth"
)

func stateRoutes() []route {
	return []route{
		{method: http.MethodGet, path: "health", summary: "Tells that the process is alive", open: true,
			answers: []answer{ok("Status", "it is")}, handle: (*API).health},
		{method: http.MethodGet, path: "ready", summary: "Tells whether the registry can be used", open: true,
			answers: []answer{ok("Status", "it can"), {http.StatusServiceUnavailable, "it cannot yet", jsonType, "Error"}}, handle: (*API).ready},
		{method: http.MethodGet, path: "info", summary: "What registry this is, and what has happened so far",
			answers: []answer{ok("Info", "the registry")}, handle: (*API).info},
		{method: http.MethodGet, path: "openapi.json", summary: "This document",
			answers: []answer{ok("", "OpenAPI 3.1")}, handle: (*API).document},
	}
}

type status struct {
	Status string `json:"status"`
}

func (a *API) health(w http.ResponseWriter, _ *request) error {
	reply(w, http.StatusOK, status{"ok"})
	return nil
}

func (a *API) ready(w http.ResponseWriter, _ *request) error {
	if a.open.Load() == nil {
		return failf(http.StatusServiceUnavailable, "the registry is not ready yet")
	}
	reply(w, http.StatusOK, status{"ready"})
	return nil
}

// info is what registry this is. The URL is empty as long as it is not ready.
type info struct {
	Version    string    `json:"version"`
	URL        string    `json:"url"`
	Host       string    `json:"host"`
	StartedAt  time.Time `json:"startedAt"`
	Auth       string    `json:"auth"`
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
	i := info{
		Version: a.config.Version, Host: a.host(), StartedAt: a.started.UTC(),
		Auth: scheme(a.config.Auth), FaultNames: a.config.FaultNames,
		Counts: counts{Dropped: a.config.Recorder.Dropped(), Bytes: a.config.Store.Bytes()},
	}
	if o := a.open.Load(); o != nil {
		i.URL = o.url
	}
	i.Counts.Requests, i.Counts.Connections = a.config.Recorder.Counts()
	for _, err := range a.config.Store.Repositories(r.Context(), "") {
		if err != nil {
			return err
		}
		i.Counts.Repositories++
	}
	reply(w, http.StatusOK, i)
	return nil
}

// scheme is that of the credentials that a registry asks for.
func scheme(s *auth.Service) string {
	switch {
	case s == nil:
		return "none"
	case s.ServiceName() == "":
		return "basic"
	}
	return "bearer"
}
