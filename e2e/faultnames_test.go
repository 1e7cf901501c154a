package e2e

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/faultnames"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// byName chooses a known fault by its name in the reference.
func byName(_ *testing.T, f known.Fault, _ *registrytest.Registry) string {
	return "fault/" + f.Name + "/"
}

// TestFaultNames has every known fault that can be chosen by its name suffered so by the
// clients of TestKnown: they end in the same way.
func TestFaultNames(t *testing.T) {
	for _, row := range sufferings() {
		f, err := known.Find(row.fault)
		require.NoError(t, err)
		if faultnames.Check(f) != nil {
			continue
		}
		row.options = append(slices.Clone(row.options), registrytest.WithFaultNames())
		for name, end := range row.ends {
			t.Run(row.fault+"/"+row.deed.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { sufferers()[name].suffer(t, f, row, end, byName) })
			})
		}
	}
}

// TestFaultNamesAuth has clients push and pull under names with faults where they are asked who
// they are. Each suffers once, and gets through when it is run again.
func TestFaultNamesAuth(t *testing.T) {
	for _, g := range guests {
		for _, scheme := range g.schemes {
			t.Run(g.name+"/"+scheme.name, func(t *testing.T) {
				t.Parallel()
				r := guarded(t, registrytest.WithAuth(scheme.options()), append(slices.Clone(g.place), registrytest.WithFaultNames())...)
				t.Run("push", func(t *testing.T) {
					const under = "fault/status-403/on-manifest.put/times-1/"
					c, s := g.newContent(t, authTag), g.asUser(t, r)
					require.Error(t, g.push(s, c, s.ref(under+ownRepo, authTag)))
					requireHit(t, r, under+ownRepo, op.ManifestPut)
					require.NoError(t, g.push(s, c, s.ref(under+ownRepo, authTag)))
					s.holds(t, ownRepo, authTag, c)
				})
				t.Run("pull", func(t *testing.T) {
					const under = "fault/status-403/on-blob.get/times-1/"
					c, s := g.stocked(t, r, ownRepo), g.asUser(t, r)
					require.Error(t, g.pull(s, s.ref(under+ownRepo, authTag), t.TempDir()))
					requireHit(t, r, under+ownRepo, op.BlobGet)
					s.pulls(t, g.client, s.ref(under+ownRepo, authTag), c)
				})
				t.Run("pull of a secret", func(t *testing.T) {
					const under = "fault/delay-1ms/"
					g.stocked(t, r, secretRepo)
					s := g.asUser(t, r)
					require.Error(t, g.pull(s, s.ref(under+secretRepo, authTag), t.TempDir()))
					assert.Empty(t, r.registry.Requests(record.Repo(secretRepo), record.Status("2xx")), "a name with faults is no way around")
					assert.NotEmpty(t, r.registry.Requests(record.Repo(secretRepo), record.Status("4xx")))
				})
				for _, x := range r.registry.Requests(record.Op(op.Token)) {
					assert.NotContains(t, strings.Join(x.Scopes, " "), "fault/", "tokens are for the repositories")
				}
			})
		}
	}
}

// requireHit checks that a request under a name with faults suffered, once, and that it
// is on record as one for the repository.
func requireHit(t *testing.T, r *target, name string, o op.Op) {
	t.Helper()
	log := r.registry.Requests(record.Alias(name), record.Faulted())
	require.Len(t, log, 1)
	assert.Equal(t, o, log[0].Op)
	assert.Equal(t, ownRepo, log[0].Repo)
	assert.Equal(t, []string{name}, log[0].Faults)
}

// TestFaultNamesConformance runs the official conformance program under two names with faults,
// whose faults only take time: there, too, a registry is one.
func TestFaultNamesConformance(t *testing.T) {
	const under, repo1, repo2 = "fault/delay-1ns/", "conformance/repo1", "conformance/repo2"
	settings := everything(t)
	for _, scheme := range []authScheme{basicAuth, bearerAuth} {
		t.Run(scheme.name, func(t *testing.T) {
			t.Parallel()
			options := scheme.options()
			options.Rules = append(options.Rules, auth.Rule{Users: []string{userName}, Repos: []string{repo1, repo2}})
			reg := registrytest.New(t, registrytest.WithFaultNames(), registrytest.WithAuth(options), registrytest.WithOptions(registry.Options{AllowSparse: true}))
			r, err := conformance(t, "OCI_CONFIGURATION="+settings, "OCI_VERSION=dev", "OCI_TLS=disabled", "OCI_REGISTRY="+reg.Host(),
				"OCI_REPO1="+under+repo1, "OCI_REPO2="+under+repo2, "OCI_USERNAME="+userName, "OCI_PASSWORD="+userPassword)
			assert.NoError(t, err)
			checkReport(t, r, nil, nil)
			for _, repo := range []string{repo1, repo2} {
				assert.NotEmpty(t, reg.Requests(record.Repo(repo), record.Alias(under+repo), record.Faulted()))
			}
			assert.Empty(t, reg.Requests(record.Repo("fault/*")))
		})
	}
}
