package e2e

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/e2e/internal/zot"
	"github.com/ocifake/ocifake/profiles"
	"github.com/ocifake/ocifake/profiles/probe"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/ocifake/ocifake/spec"
)

var updateProfiles = flag.Bool("update-profiles", false, "write the profiles of the registries that run here")

// measured are the registries whose profiles are what a probe measures on them.
var measured = map[string]struct {
	profile, title, source string
	breaks                 []string // traits at which the registry breaks the connection
}{
	"go-containerregistry": {"ggcr", "go-containerregistry pkg/registry", "github.com/google/go-containerregistry@v0.22.1, measured", []string{"tags.bad-n"}},
	"ocimem":               {"ocimem", "ocimem", "cuelabs.dev/go/oci/ociregistry@v0.0.0-20251212221603-3adeb8663819, measured", nil},
	"zot":                  {"zot", "zot", "project-zot/zot@" + zot.Version + ", measured 2026-11-30", nil},
	"olareg":               {"olareg", "olareg", "github.com/olareg/olareg@v0.2.2, measured", []string{"tags.bad-n"}},
}

func probed(t *testing.T, target spec.Target) map[string]profiles.Fact {
	t.Helper()
	client := *target.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	facts, _, err := probe.Run(t.Context(), probe.Target{URL: target.URL, Client: &client})
	require.NoError(t, err)
	byTrait := map[string]profiles.Fact{}
	for _, f := range facts {
		byTrait[f.Trait] = f
	}
	return byTrait
}

// TestProbedProfiles measures registries that run here, and their profiles: the values of all traits
// are equal.
func TestProbedProfiles(t *testing.T) {
	for _, peer := range peers {
		if peer.name == "zot" {
			peer.start = plainZot // the profile is of zot without options
		}
		m, ok := measured[peer.name]
		if !ok {
			continue
		}
		t.Run(peer.name, func(t *testing.T) {
			if raceDetector && peer.raced != "" {
				t.Skip(peer.raced)
			}
			reality := probed(t, peer.start(t))
			reg := registrytest.New(t, registrytest.WithProfile(m.profile), registrytest.WithRecording(registrytest.Recording{MaxBytes: -1}))
			profile := probed(t, spec.Target{URL: reg.URL(), Client: reg.Client()})
			want, have := valuesOf(reality), valuesOf(profile)
			t.Logf("%d traits measured", len(want))
			for _, trait := range profiles.Traits() { // "" cannot be measured
				if m.profile == "ocimem" && trait.Name == "upload.unknown" { // a session that was closed goes on at its end, which no trait says
					continue
				}
				if slices.Contains(m.breaks, trait.Name) {
					assert.Empty(t, want[trait.Name], trait.Name)
					continue
				}
				assert.Equal(t, want[trait.Name], have[trait.Name], trait.Name)
			}
			if *updateProfiles {
				writeProfile(t, m.profile, m.title, m.source, reality)
			}
		})
	}
}

func valuesOf(facts map[string]profiles.Fact) map[string]string {
	values := map[string]string{}
	for trait, f := range facts {
		values[trait] = string(f.Value)
	}
	return values
}

// writeProfile writes what was measured into a profile of the package of profiles, in which all
// facts stay that have another grade. It is embedded by go generate there.
func writeProfile(t *testing.T, name, title, source string, facts map[string]profiles.Fact) {
	t.Helper()
	path := "../profiles/" + name + ".yaml"
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	var kept string
	for line := range strings.Lines(string(before)) {
		if trait, ok := strings.CutPrefix(line, "- {trait: "); ok && !strings.Contains(line, "grade: P}") {
			trait, _, _ = strings.Cut(trait, ",")
			delete(facts, trait)
			kept += line
		}
	}
	text := fmt.Sprintf("name: %s\ntitle: %s\nfacts:\n", name, title)
	for _, trait := range profiles.Traits() {
		if f, ok := facts[trait.Name]; ok {
			answer := ""
			if f.Answer != nil {
				encoded, err := json.Marshal(f.Answer) // JSON is YAML
				require.NoError(t, err)
				answer = fmt.Sprintf("answer: %s, ", encoded)
			}
			text += fmt.Sprintf("- {trait: %s, value: %q, %sseen: %q, source: %q, grade: P}\n", trait.Name, f.Value, answer, shown(f.Seen), source)
		}
	}
	require.NoError(t, os.WriteFile(path, []byte(text+kept), 0o644))
}

// varying are the random and the local parts of what a probe has seen.
var varying = regexp.MustCompile(`127\.0\.0\.1:\d+|[0-9a-f]{16,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// shown leaves out what differs between runs.
func shown(seen string) string { return varying.ReplaceAllString(seen, "…") }

// TestDistributionProfiles compares CNCF distribution, as its images configure it, with its profiles.
func TestDistributionProfiles(t *testing.T) {
	for name, start := range map[string]func(*testing.T) spec.Target{
		"distribution2": func(t *testing.T) spec.Target { return distribution2(t, shipped2) },
		"distribution3": distributionImage,
	} {
		t.Run(name, func(t *testing.T) {
			want := valuesOf(probed(t, start(t)))
			reg := registrytest.New(t, registrytest.WithProfile(name), registrytest.WithRecording(registrytest.Recording{MaxBytes: -1}))
			have := valuesOf(probed(t, spec.Target{URL: reg.URL(), Client: reg.Client()}))
			for _, trait := range profiles.Traits() { // "" cannot be measured
				assert.Equal(t, want[trait.Name], have[trait.Name], trait.Name)
			}
		})
	}
}
