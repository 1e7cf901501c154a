package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/profiles"
)

const registriesHead = `# Real registries

How real registries differ from the specification and from one another. Each fact has its
evidence: S is the source of the registry, R a recorded answer, D its documentation, W a
workaround in a client, I a report, and P a measurement by ` + "`ocifake probe`" + `. A trait that a registry has no fact of is unknown, and its
profile is strict in it.

A test chooses a registry by its profile: ` + "`registrytest.WithProfile(\"ecr\")`" + `, or
` + "`ocifake serve --profile ecr`" + `. The command ` + "`ocifake profiles --traits`" + ` lists all traits.

## How true the profiles are

- Of go-containerregistry's registry, ocimem, olareg, CNCF distribution 3.1 and 2.8.3, and zot, a probe measures the real
  registry and its profile, and the values of all measured traits are equal:
  ` + "`cd e2e && go test . -run 'TestProbedProfiles|TestDistributionProfiles' -v`" + `. The environment variable
  OCIFAKE_ZOT has the path of zot's binary; without it, zot is left out.
- With the same registries, the statements of the specification (` + "`ocifake conformance`" + `) are checked, and each request
  is sent to the strict registry and to the profile, too; the answers are compared by status, error code, header fields
  and the form of the body. ` + "`cd e2e && go test . -run TestExchanges -v`" + ` prints the table, and
  ` + "`-exchange-differences FILE`" + ` writes each difference. The profiles are of the registries without options.

| registry | exchanges | equal on the strict registry | equal on the profile, at least |
| :-- | :-- | :-- | :-- |
| CNCF distribution 2.8.3 | 5700 | 7 % | 98.5 % |
| CNCF distribution 3.1 | 5900 | 12 % | 98.9 % |
| go-containerregistry pkg/registry | 5400 | 0 % | 98.4 % |
| ocimem | 5800 | 1 % | 98.0 % |
| olareg | 5400 | 47 % | 98.6 % |
| zot 2.1.20 | 5500 | 0 % | 98.6 % |

  The same command also sends the requests of the official conformance program, version 1.1:

| registry | exchanges | equal on the strict registry | equal on the profile |
| :-- | :-- | :-- | :-- |
| CNCF distribution 2.8.3 | 1036 | 15 % | 98.2 % |
| CNCF distribution 3.1 | 1079 | 16 % | 99.9 % |
| go-containerregistry pkg/registry | 1688 | 0 % | 98.5 % |
| ocimem | 1198 | 0 % | 98.6 % |
| olareg | 1197 | 27 % | 99.2 % |
| zot 2.1.20 | 1199 | 0 % | 99.7 % |

  CNCF distribution 3.1 has its content in a directory here, as in its image.
- What zot answered to these requests, and what all six registries answered to the official conformance suite of the
  specification 1.1.1, is on record in internal/fidelity/testdata/taped. ` + "`go test ./internal/fidelity -run TestTapes -v`" + `
  sends the requests again, and prints this table, and ` + "`-differences`" + ` each difference. OCIFAKE_ZOT has the path of zot's
  binary, and OCIFAKE_CONFORMANCE that of the suite, built as a test binary: with them,
  ` + "`cd e2e && OCIFAKE_UPDATE=1 go test . -run TestExchanges`" + ` makes the records anew. Of the statements, those with
  contents of more than 128 KiB are not on record.

| registry | requests of | exchanges | equal on the strict registry | equal on the profile |
| :-- | :-- | :-- | :-- | :-- |
| CNCF distribution 2.8.3 | suite 1.1.1 | 114 | 6.1 % | 100 % |
| CNCF distribution 3.1 | suite 1.1.1 | 114 | 7.0 % | 100 % |
| go-containerregistry pkg/registry | suite 1.1.1 | 107 | 0 % | 100 % |
| ocimem | suite 1.1.1 | 127 | 0.8 % | 100 % |
| olareg | suite 1.1.1 | 127 | 49.6 % | 99.2 % |
| zot 2.1.20 | suite 1.1.1 | 127 | 0 % | 100 % |
| zot 2.1.20 | official program 1.1 | 1199 | 0 % | 99.7 % |
| zot 2.1.20 | statements of the specification | 5514 | 0 % | 98.7 % |

- Of all profiles, a probe measures each fact that it can on the profile, and gets the value of the fact:
  ` + "`go test ./profiles/probe`" + `. This does not show that the real registry is like that: the evidence of the
  fact does.
- A registry with some thirty odd traits is probed, and the profile that the probe writes is served. A client
  that has no part in it, oras-go, has the same exchanges with both:
  ` + "`cd e2e && go test . -run TestRoundTrip`" + `. With OCIFAKE_ZOT, the same is done with zot over TLS, with a user,
  anonymous reads and other settings that change its answers.
- An olareg and, with OCIFAKE_ZOT, a zot with settings of their own are measured with ` + "`ocifake probe`" + `, and what it
  has written is served with ` + "`ocifake serve --profile`" + `. crane and regctl log in, push, list, copy, pull and delete, and have
  the same exchanges with both: ` + "`cd e2e && go test . -run TestServeProbed`" + `.
- Tests of other projects that use one of these registries as a fixture run with ocifake in its place, and pass:
  those of go-containerregistry, ko, regclient, CUE, helm, stereoscope and syft, 1996 tests of these packages, in
  e2e/suites/testdata/suites.md: ` + "`cd e2e && OCIFAKE_SUITES=all go test -timeout 60m ./suites`" + `.
- Of six registries, the answers to the official conformance suite are on record. The requests are sent
  again to the strict registry and to the profile, and the answers compared by status, error code, header
  fields and the form of the body. Exchanges that are answered with 401 do not count.
  ` + "`go test ./internal/fidelity -run TestRecorded -v`" + ` prints the table, and
  ` + "`-differences`" + ` each difference.

| registry | exchanges | equal on the strict registry | equal on the profile |
| :-- | :-- | :-- | :-- |
| Azure Container Registry | 47 | 12 (26 %) | 47 (100 %) |
| JFrog Artifactory | 40 | 4 (10 %) | 40 (100 %) |
| Cloudsmith | 51 | 0 (0 %) | 46 (90 %) |
| Gitea | 39 | 11 (28 %) | 39 (100 %) |
| GitLab | 33 | 10 (30 %) | 33 (100 %) |
| Keygen | 11 | 0 (0 %) | 11 (100 %) |

Of the five other exchanges with Cloudsmith, three are lists of tags that do not have what was pushed a
short time before, which a profile does not imitate, and two are blobs whose type and second origin the
recording does not explain.

A profile can also be learned from a recording: ` + "`ocifake profiles learn`" + `. To measure that, the test
cases of each recording are split in halves in five fixed ways. A profile is learned from one half,
and the requests of the other half are sent to it. An exchange counts if the strict registry has it
wrong, and the learned half shows all traits that the exchange shows; the sums of the five splits are
below. No exchange that the strict registry has right becomes wrong.
` + "`go test ./internal/fidelity -run TestLearned -v -thorough`" + ` prints the table.

| registry | counted exchanges | equal on the learned profile | wrong, and not shown by the learned half |
| :-- | :-- | :-- | :-- |
| Azure Container Registry | 35 | 33 (94 %) | 42 |
| JFrog Artifactory | 38 | 38 (100 %) | 51 |
| Cloudsmith | 68 | 62 (91 %) | 62 |
| Gitea | 31 | 28 (90 %) | 41 |
| GitLab | 23 | 23 (100 %) | 34 |
| Keygen | 13 | 12 (92 %) | 12 |
| all | 208 | 196 (94 %) | 242 |

`

// registriesPage has the traits by registry, and the facts of each registry.
func registriesPage(t *testing.T) string {
	var page strings.Builder
	page.WriteString(registriesHead)
	var all []*profiles.Profile
	facts := map[string]map[string]profiles.Fact{}
	for _, name := range profiles.Names() {
		p, err := profiles.Find(name)
		require.NoError(t, err)
		list, err := p.AllFacts()
		require.NoError(t, err)
		all, facts[name] = append(all, p), map[string]profiles.Fact{}
		for _, f := range list {
			facts[name][f.Trait] = f
		}
	}
	page.WriteString("## By trait\n")
	for _, trait := range profiles.Traits() {
		fmt.Fprintf(&page, "\n### %s\n\n%s. Strict: `%s`.\n", trait.Name, strings.ToUpper(trait.About[:1])+trait.About[1:], trait.Strict)
		first := true
		for _, p := range all {
			f, ok := facts[p.Name][trait.Name]
			if !ok {
				continue
			}
			if first {
				page.WriteString("\n" + markdownHead("registry", "value", "seen", "evidence"))
				first = false
			}
			page.WriteString(markdownRow(p.Title, "`"+string(f.Value)+"`", seenOf(f), strings.TrimSpace(fmt.Sprintf("%s: %s %s", f.Grade, f.Source, f.Date))))
		}
	}
	page.WriteString("\n## By registry\n\n" + markdownHead("profile", "registry", "facts", "other names"))
	for _, p := range all {
		page.WriteString(markdownRow("`"+p.Name+"`", p.Title, fmt.Sprint(len(facts[p.Name])), strings.Join(p.Aliases, ", ")))
	}
	return page.String()
}

func seenOf(f profiles.Fact) string {
	if f.Off != "" {
		return f.Seen + " (not applied: " + f.Off + ")"
	}
	return f.Seen
}
