package spec

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
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
	// Bearer challenges. They are sent to the registry and to the token service that
	// it names, and are in no result.
	Username, Password string

	// Version is the version of the specification that the registry is measured by.
	// Statements of others are not applicable. Default: all of them.
	Version Version

	// Repository is the name of the repository below which the statements make
	// theirs, with random names. It must not have tags. Default: a random name.
	Repository string

	// Features tells what the registry has. What it is said to have must work; what
	// it is said not to have is not tried. For all others the registry is asked.
	Features map[Feature]bool
}

// repositoryName is the grammar of repository names in the specification.
var repositoryName = `^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`

// maxRepository is the length of a repository name in bytes that leaves room for
// the names below it.
const maxRepository = 100

// parse checks the target, and returns its URL.
func (t *Target) parse() (*url.URL, error) {
	u, err := url.Parse(t.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "":
		if err == nil && u.User != nil {
			return nil, errors.New("spec: invalid URL of the registry: want one such as http://127.0.0.1:5000")
		}
		return nil, fmt.Errorf("spec: registry %q: want a URL such as http://127.0.0.1:5000", t.URL)
	case u.User != nil:
		return nil, fmt.Errorf("spec: registry %s: want a URL without credentials", u.Host)
	}
	switch t.Version {
	case "", V10, V11, Draft:
	default:
		return nil, fmt.Errorf("spec: version %q: want %s, %s, %s or none", t.Version, V10, V11, Draft)
	}
	for feature := range t.Features {
		if _, known := probes[feature]; !known {
			return nil, fmt.Errorf("spec: there is no feature %q", feature)
		}
	}
	if valid := regexp.MustCompile(repositoryName).MatchString(t.Repository); t.Repository != "" && (!valid || len(t.Repository) > maxRepository) {
		return nil, fmt.Errorf("spec: repository %q: want a name such as team/conformance, of at most %d characters", t.Repository, maxRepository)
	}
	return u, nil
}
