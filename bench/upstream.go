package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"

	"github.com/ocifake/ocifake/registrytest"
)

// bareProxy is the reverse proxy of net/http/httputil in front of ocifake, with nothing but that.
var bareProxy = subject{"httputil", func() (*server, error) {
	behind, _, err := fixture()
	if err != nil {
		return nil, err
	}
	to, err := url.Parse(behind.url)
	if err != nil {
		return nil, errors.Join(err, behind.close())
	}
	transport := &http.Transport{DisableCompression: true}
	front := httptest.NewServer(&httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }})
	return &server{url: front.URL, store: behind.store, close: func() error {
		front.CloseClientConnections()
		front.Close()
		transport.CloseIdleConnections()
		return behind.close()
	}}, nil
}}

// upstream is ocifake in front of ocifake.
var upstream = []subject{{"ocifake", func() (*server, error) {
	behind, _, err := fixture()
	if err != nil {
		return nil, err
	}
	front, _, err := fixture(registrytest.WithUpstream(behind.url))
	if err != nil {
		return nil, errors.Join(err, behind.close())
	}
	return &server{url: front.url, store: behind.store, close: func() error { return errors.Join(front.close(), behind.close()) }}, nil
}}}
