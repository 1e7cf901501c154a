package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// fetchMain is what the scripts use for curl: it makes one request and prints
// protocol and status, the header and the body.
//
//	fetch [-X METHOD] [-H 'Name: value'] [-d BODY|@FILE] [--user NAME:PASSWORD]
//	    [--cacert FILE] [--cert FILE --key FILE] [--h2c] [--proxy URL] URL
func fetchMain() {
	var (
		fs     = pflag.NewFlagSet("fetch", pflag.ExitOnError)
		method = fs.StringP("method", "X", "GET", "")
		header = fs.StringArrayP("header", "H", nil, "")
		body   = fs.StringP("data", "d", "", "")
		cacert = fs.String("cacert", "", "")
		cert   = fs.String("cert", "", "")
		key    = fs.String("key", "", "")
		user   = fs.String("user", "", "")
		h2c    = fs.Bool("h2c", false, "")
		proxy  = fs.String("proxy", "", "")
	)
	exitIf(fs.Parse(os.Args[1:]))
	if name, ok := strings.CutPrefix(*body, "@"); ok {
		content, err := os.ReadFile(name)
		exitIf(err)
		*body = string(content)
	}
	request, err := http.NewRequest(*method, fs.Arg(0), strings.NewReader(*body))
	exitIf(err)
	for _, line := range *header {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Add(name, value)
	}
	if name, password, ok := strings.Cut(*user, ":"); ok {
		request.SetBasicAuth(name, password)
	}
	transport, err := fetchTransport(*cacert, *h2c)
	exitIf(err)
	if *proxy != "" {
		u, err := url.Parse(*proxy)
		exitIf(err)
		transport.Proxy = http.ProxyURL(u)
	}
	if *cert != "" {
		pair, err := tls.LoadX509KeyPair(*cert, *key)
		exitIf(err)
		transport.TLSClientConfig.Certificates = []tls.Certificate{pair}
	}
	response, err := transport.RoundTrip(request)
	exitIf(err)
	defer response.Body.Close()
	fmt.Println(response.Proto, response.Status)
	exitIf(response.Header.Write(os.Stdout))
	fmt.Println()
	_, err = io.Copy(os.Stdout, response.Body)
	exitIf(err)
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
