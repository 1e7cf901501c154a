package spec

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Target is the registry that is checked.
type Target struct {
	// URL is where the registry is, without /v2/: "http://127.0.0.1:5000". It may
	// have a path.
	URL string

	// Client sends the requests. Default a new one with a transport of its own; give
	// one to trust a certificate authority, or to reach a registry in memory.
	Client *http.Client

	// Username and Password are for registries that ask for them, with Basic or with
	// Bearer challenges.
	Username, Password string

	// Version is the version of the specification that the registry is measured by.
	// Statements of others are not applicable. Default: all of them.
	Version Version

	// Prefix is what the names of repositories begin with, without the final slash.
	// Default "spec".
	Prefix string

	// Features tells what the registry has. What it is said to have must work; what
	// it is said not to have is not tried. For all others the registry is asked.
	Features map[Feature]bool
}

const defaultPrefix = "spec"

// suite is a target being checked: what was learnt of it so far.
type suite struct {
	target   Target
	base     string // the URL without a final slash
	host     string
	client   *http.Client
	auth     *authorizer
	touring  sync.Once // makes toured
	toured   []*exchange
	mu       sync.Mutex
	features map[Feature]func() bool
}

func open(target Target) (*suite, error) {
	u, err := url.Parse(target.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("spec: registry %q: want a URL such as http://127.0.0.1:5000", target.URL)
	}
	switch target.Version {
	case "", V10, V11, Draft:
	default:
		return nil, fmt.Errorf("spec: version %q: want %s, %s, %s or none", target.Version, V10, V11, Draft)
	}
	for feature := range target.Features {
		if _, known := probes[feature]; !known {
			return nil, fmt.Errorf("spec: there is no feature %q", feature)
		}
	}
	if target.Prefix == "" {
		target.Prefix = defaultPrefix
	}
	if target.Client == nil {
		transport, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			return nil, errors.New("spec: http.DefaultTransport was replaced: the target needs a client")
		}
		target.Client = &http.Client{Transport: transport.Clone()}
	}
	base := strings.TrimSuffix(target.URL, "/")
	return &suite{
		target:   target,
		base:     base,
		host:     u.Host,
		client:   target.Client,
		auth:     &authorizer{client: target.Client, base: base, host: u.Host, username: target.Username, password: target.Password},
		features: map[Feature]func() bool{},
	}, nil
}
