package spec

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/ocifake/ocifake/internal/near"
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

	// Flat is for registries without nested repositories: the names are Repository, a
	// hyphen and a random part, with a hyphen in place of the slash. Statements about
	// names with slashes fail there.
	Flat bool

	// Features tells what the registry has. What it is said to have must work; what
	// it is said not to have is not tried. For all others the registry is asked.
	Features map[Feature]bool
}

// prefix returns what the names of the statements' repositories begin with.
func (t Target) prefix() string {
	if t.Flat {
		return t.Repository + "-"
	}
	return t.Repository + "/"
}

func featureNames() (names []string) {
	for f := range probes {
		names = append(names, string(f))
	}
	slices.Sort(names)
	return names
}

// repositoryName is the grammar of repository names in the specification.
var repositoryName = lazy(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)

// maxRepository is the length of a repository name in bytes that leaves room for
// the names below it.
const maxRepository = 100

// Validate returns an error if the target is invalid. The error has no credentials.
func (t Target) Validate() error {
	_, err := t.parse()
	return err
}

// parse validates the target, and returns its URL.
func (t Target) parse() (*url.URL, error) {
	u, err := url.Parse(t.URL)
	switch {
	case strings.Contains(t.URL, "@"): // do not repeat it
		return nil, errors.New("spec: URL of the registry: want one without credentials, such as http://127.0.0.1:5000")
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("spec: registry %q: want a URL such as http://127.0.0.1:5000", t.URL)
	}
	switch t.Version {
	case "", V10, V11, Draft:
	default:
		return nil, fmt.Errorf("spec: version %q: want %s, %s, %s or none", t.Version, V10, V11, Draft)
	}
	for feature := range t.Features {
		if _, known := probes[feature]; !known {
			return nil, fmt.Errorf("spec: there is no feature %q: %s", feature, near.Hint(string(feature), featureNames()))
		}
	}
	if valid := repositoryName().MatchString(t.Repository); t.Repository != "" && (!valid || len(t.Repository) > maxRepository) {
		return nil, fmt.Errorf("spec: repository %q: want a name such as team/conformance, of at most %d characters", t.Repository, maxRepository)
	}
	return u, nil
}
