package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
)

// fetchMain is what the scripts use for curl: it makes one request and prints
// protocol and status, the header and the body.
//
//	fetch [-X METHOD] [-H 'Name: value'] [-d BODY|@FILE] [--user NAME:PASSWORD] [--fail]
//	    [--cacert FILE] [--cert FILE --key FILE] [--h2c] [--proxy URL] URL
//
// With --fail, a status of 400 or above is an error.
func fetchMain() {
	os.Exit(fetch(context.Background(), "", os.Args[1:], os.Stdout, os.Stderr))
}

// fetch is fetchMain with files relative to a directory.
func fetch(ctx context.Context, dir string, args []string, stdout, stderr io.Writer) int {
	if err := tryFetch(ctx, dir, args, stdout); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

func tryFetch(ctx context.Context, dir string, args []string, stdout io.Writer) error {
	var (
		fs     = pflag.NewFlagSet("fetch", pflag.ContinueOnError)
		method = fs.StringP("method", "X", "GET", "")
		header = fs.StringArrayP("header", "H", nil, "")
		body   = fs.StringP("data", "d", "", "")
		fail   = fs.Bool("fail", false, "")
		cacert = fs.String("cacert", "", "")
		cert   = fs.String("cert", "", "")
		key    = fs.String("key", "", "")
		user   = fs.String("user", "", "")
		h2c    = fs.Bool("h2c", false, "")
		proxy  = fs.String("proxy", "", "")
	)
	if err := fs.Parse(args); err != nil {
		return err
	}
	file := func(name string) string {
		if name == "" || filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(dir, name)
	}
	if name, ok := strings.CutPrefix(*body, "@"); ok {
		content, err := os.ReadFile(file(name))
		if err != nil {
			return err
		}
		*body = string(content)
	}
	request, err := http.NewRequestWithContext(ctx, *method, fs.Arg(0), strings.NewReader(*body))
	if err != nil {
		return err
	}
	for _, line := range *header {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Add(name, value)
	}
	if name, password, ok := strings.Cut(*user, ":"); ok {
		request.SetBasicAuth(name, password)
	}
	transport, err := fetchTransport(file(*cacert), *h2c)
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	if *proxy != "" {
		u, err := url.Parse(*proxy)
		if err != nil {
			return err
		}
		transport.Proxy = http.ProxyURL(u)
	}
	if *cert != "" {
		pair, err := tls.LoadX509KeyPair(file(*cert), file(*key))
		if err != nil {
			return err
		}
		transport.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	fmt.Fprintln(stdout, response.Proto, response.Status)
	if err := response.Header.Write(stdout); err != nil {
		return err
	}
	fmt.Fprintln(stdout)
	if _, err := io.Copy(stdout, response.Body); err != nil {
		return err
	}
	if *fail && response.StatusCode >= 400 {
		return fmt.Errorf("%s %s: %s", *method, fs.Arg(0), response.Status)
	}
	return nil
}

func fetchTransport(cacert string, h2c bool) (*http.Transport, error) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!h2c)
	transport.Protocols.SetHTTP2(true)
	transport.Protocols.SetUnencryptedHTTP2(h2c)
	if cacert == "" {
		return transport, nil
	}
	pem, err := os.ReadFile(cacert)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + cacert)
	}
	transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	return transport, nil
}
