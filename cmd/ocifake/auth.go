package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/server"
)

// authFiles are the files that say who may do what.
type authFiles struct {
	htpasswd string
	token    string
	clientCA string
}

// asks tells whether clients must say who they are.
func (f *authFiles) asks() bool { return f.htpasswd != "" || f.token != "" }

// into reads the files, and sets what the server needs to know of them.
func (f *authFiles) into(c *server.Config, trustForwarded bool) error {
	if f.clientCA != "" {
		text, err := os.ReadFile(f.clientCA)
		if err != nil {
			return fmt.Errorf("--client-ca: %w", err)
		}
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("--client-ca: %s has no certificate in PEM form", f.clientCA)
		}
		c.ClientCerts = server.RequireClientCerts
		if f.asks() {
			c.ClientCerts = server.OptionalClientCerts
		}
	}
	if !f.asks() {
		return nil
	}
	options, err := f.options()
	if err != nil {
		return err
	}
	options.TrustForwarded = options.TrustForwarded || trustForwarded
	service, err := auth.New(options)
	if err != nil { // in the htpasswd text: the rest is checked
		if f.htpasswd != "" {
			return fmt.Errorf("--htpasswd %s: %w", f.htpasswd, err)
		}
		return fmt.Errorf("--token-auth %s: %w", f.token, err)
	}
	c.Auth = service
	return nil
}

func (f *authFiles) options() (options auth.Options, err error) {
	if f.token != "" {
		text, err := os.ReadFile(f.token)
		if err != nil {
			return options, fmt.Errorf("--token-auth: %w", err)
		}
		if options, err = auth.ParseOptions(text); err != nil {
			return options, fmt.Errorf("--token-auth %s: %w", f.token, err)
		}
		if options.Token == nil {
			options.Token = new(auth.TokenOptions)
		}
	}
	if f.htpasswd != "" {
		text, err := os.ReadFile(f.htpasswd)
		if err != nil {
			return options, fmt.Errorf("--htpasswd: %w", err)
		}
		if options.Htpasswd != "" {
			return options, errors.New("--htpasswd: the file of --token-auth has htpasswd too: leave out one")
		}
		options.Htpasswd = string(text)
	}
	return options, nil
}
