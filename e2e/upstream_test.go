package e2e

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/e2e/internal/far"
	"github.com/ocifake/ocifake/e2e/internal/zot"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/ocifake/ocifake/spec"
)

// origin is a registry with TLS that asks for a login.
type origin struct {
	url string
	cas *x509.CertPool

	// What only some have.
	service bool         // tokens
	blobs   func() int64 // how many were read from another host
}

// origins are registries to be in front of, by name.
var origins = []struct {
	name  string
	start func(*testing.T) origin
}{
	{"distribution", func(t *testing.T) origin {
		f := far.New(t)
		return origin{url: f.URL, cas: f.CAs, service: true, blobs: f.Blobs.Load}
	}},
	{"zot", func(t *testing.T) origin {
		z := zot.Start(t, zot.Options{TLS: true, Users: map[string]string{userName: userPassword}, HTTP: map[string]any{"compat": []string{"docker2s2"}}})
		return origin{url: z.URL, cas: z.CAs, blobs: func() int64 { return 0 }}
	}},
}

// front is a registry in front of another, for clients.
func front(t *testing.T, o origin, options ...registrytest.Option) *target {
	t.Helper()
	reg := registrytest.New(t, append([]registrytest.Option{
		registrytest.WithUpstream(o.url), registrytest.WithUpstreamOptions(registrytest.UpstreamOptions{CAs: o.cas}),
	}, options...)...)
	base, err := url.Parse(reg.URL())
	require.NoError(t, err)
	return &target{base: base, transport: reg.Transport(), direct: reg.Client(), registry: reg, requests: func(*testing.T) record.Log { return reg.Requests() }}
}

// TestUpstreamClients pushes and pulls with clients, unmodified, through a registry in front of CNCF
// distribution, with tokens and with blobs at another host, and of zot, with Basic authentication. All
// of it passes here.
func TestUpstreamClients(t *testing.T) {
	for _, of := range origins {
		t.Run(of.name, func(t *testing.T) {
			o := of.start(t)
			for _, g := range guests {
				if slices.Contains([]string{"crane", "oras", "regctl"}, g.name) {
					t.Run(g.name, func(t *testing.T) { passesThrough(t, g, o) })
				}
			}
		})
	}
}

func passesThrough(t *testing.T, g guest, o origin) {
	r := front(t, o)
	before := o.blobs()
	s := g.asUser(t, r)
	c := g.newContent(t, "v1")
	repo := "team/" + g.name
	ref := r.ref(repo, "v1")
	require.NoError(t, g.push(s, c, ref))
	dir := filepath.Join(t.TempDir(), "pulled")
	require.NoError(t, g.pull(s, ref, dir))
	log := r.registry.Requests()
	read := log.Count(record.Op(op.External), record.Repo(repo), record.Status("2xx"))
	assert.EqualValues(t, o.blobs()-before, read, "every blob passes here")
	if o.service {
		assert.Positive(t, read)
		assert.Positive(t, log.Count(record.Op(op.Token), record.Status("200")))
	} else {
		assert.Positive(t, log.Count(record.Op(op.BlobGet), record.Repo(repo), record.Status("200")))
		assert.Positive(t, log.Count(record.Status("401")), "it asks for a login")
	}
	assert.Zero(t, log.Count(record.Status("5xx")), "%s", log)
	for i := range log {
		assert.Empty(t, log[i].UpstreamError)
	}
	host := strings.TrimPrefix(o.url, "https://")
	assert.NotContains(t, strings.ToLower(headers(log)), host, "an address of the registry has passed")
}

func headers(log record.Log) string {
	var b strings.Builder
	for i := range log {
		_ = log[i].ResponseHeader.Write(&b) // never fails
	}
	return b.String()
}

// A fault acts in the middle of a blob that comes from a third origin: the client resumes or begins
// again, and gets the right bytes.
func TestUpstreamFault(t *testing.T) {
	r := front(t, origins[0].start(t))
	i := slices.IndexFunc(guests, func(g guest) bool { return g.name == "crane" })
	g := guests[i]
	s := g.asUser(t, r)
	ref := r.ref("team/app", "v1")
	require.NoError(t, g.push(s, g.newContent(t, "v1"), ref))
	r.registry.Inject(t, faults.On(op.External).Do(faults.Status(http.StatusServiceUnavailable)))
	require.Error(t, g.pull(s, ref, filepath.Join(t.TempDir(), "pulled")))
	r.registry.Assert(t, record.Op(op.External), record.Status("503")).AtLeast(1)
}

// behind are the peers that ocifake is in front of.
var behind = []string{"distribution", "olareg", "zot"}

// TestUpstreamSpec holds the specification against registries, and against ocifake in front of them:
// both come to the same.
func TestUpstreamSpec(t *testing.T) {
	judged := readVerdicts(t)
	for _, p := range peers {
		if !slices.Contains(behind, p.name) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			outcomes := func(target spec.Target) map[string]spec.Outcome {
				results, err := spec.Run(t.Context(), target)
				require.NoError(t, err)
				all := map[string]spec.Outcome{}
				for _, r := range results {
					all[r.Statement.ID] = judged.settled(p.name, r)
				}
				// A client that has left a proxy can ask for the status before the registry sees that the chunk broke off.
				all["upload-interrupted"] = races
				return all
			}
			reg := registrytest.New(t, registrytest.WithUpstream(p.start(t).URL))
			want := outcomes(p.start(t))
			if p.name == "olareg" { // gives no answer to n=0 and n=-1, which is a 502 here
				want["server-errors"] = spec.Failed
			}
			assert.Equal(t, want, outcomes(spec.Target{URL: reg.URL(), Client: reg.Client()}))
		})
	}
}

// TestUpstreamConformance runs the official conformance program against registries, and against an
// ocifake in front of them: the same tests pass.
func TestUpstreamConformance(t *testing.T) {
	for _, p := range peers {
		if !slices.Contains(behind, p.name) {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			outcomes := func(target string) report {
				at, err := url.Parse(target)
				require.NoError(t, err)
				r, _ := conformance(t, "OCI_VERSION=1.1", "OCI_TLS=disabled", "OCI_REGISTRY="+at.Host) // it fails if a test does
				return r
			}
			want := outcomes(p.start(t).URL)
			got := outcomes(registrytest.New(t, registrytest.WithUpstream(p.start(t).URL)).URL())
			t.Logf("%v", want.counts)
			assert.NotZero(t, want.counts["Pass"])
			assert.Equal(t, want.counts, got.counts)
			assert.Equal(t, want.statuses, got.statuses)
			assert.Equal(t, want.skipped, got.skipped)
			assert.Len(t, got.problems, len(want.problems))
		})
	}
}
