package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

// target is a running registry as a client reaches it.
type target struct {
	base      *url.URL                    // URL without a path
	transport http.RoundTripper           // for libraries
	ca        string                      // for commands, if base is https: file with the certificate authority
	direct    *http.Client                // for the test itself
	registry  *registrytest.Registry      // nil if it is the binary
	requests  func(*testing.T) record.Log // that were made
}

func (r *target) tls() bool { return r.base.Scheme == "https" }

// ref is a reference to what the registry has under a tag or a digest.
func (r *target) ref(repo, reference string) string {
	separator := ":"
	if digest.Digest(reference).Validate() == nil {
		separator = "@"
	}
	return r.base.Host + "/" + repo + separator + reference
}

// get asks the registry for a path of the API.
func (r *target) get(t *testing.T, path string) (int, http.Header, []byte) {
	t.Helper()
	res, err := r.direct.Get(r.base.JoinPath("v2").String() + "/" + path)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, res.Header, body
}

// graph fetches a manifest and all that it refers to, and returns it by digest.
func (r *target) graph(t *testing.T, repo, reference string) map[digest.Digest][]byte {
	t.Helper()
	all := map[digest.Digest][]byte{}
	r.walk(t, all, repo, "manifests", reference)
	return all
}

func (r *target) walk(t *testing.T, all map[digest.Digest][]byte, repo, kind, reference string) {
	t.Helper()
	status, header, body := r.get(t, repo+"/"+kind+"/"+reference)
	require.Equal(t, http.StatusOK, status, "%s of %s in %s: %s", reference, kind, repo, body)
	all[digest.Digest(header.Get("Docker-Content-Digest"))] = body
	if kind == "blobs" {
		return
	}
	var manifest struct {
		Manifests, Layers []ocispec.Descriptor
		Config            *ocispec.Descriptor
	}
	require.NoError(t, json.Unmarshal(body, &manifest))
	for _, desc := range manifest.Manifests {
		r.walk(t, all, repo, "manifests", desc.Digest.String())
	}
	if manifest.Config != nil {
		manifest.Layers = append(manifest.Layers, *manifest.Config)
	}
	for _, desc := range manifest.Layers {
		r.walk(t, all, repo, "blobs", desc.Digest.String())
	}
}

// tags lists the tags of a repository.
func (r *target) tags(t *testing.T, repo string) []string {
	t.Helper()
	status, _, body := r.get(t, repo+"/tags/list")
	require.Equal(t, http.StatusOK, status, "%s", body)
	var list struct{ Tags []string }
	require.NoError(t, json.Unmarshal(body, &list))
	return list.Tags
}

// pageSize makes clients that list three entries follow a link. On loopback with
// TLS lists have one page: go-containerregistry takes loopback for plain HTTP,
// wherever it really connects to, and refuses the https of the link.
const pageSize = 2

var paged = registrytest.WithOptions(registry.Options{PageSize: pageSize})

// inProcess is a registry in this process, for libraries. Whatever they did, its
// content must be consistent when the test ends.
func inProcess(options ...registrytest.Option) func(*testing.T) *target {
	return func(t *testing.T) *target {
		r := unchecked(options...)(t)
		t.Cleanup(func() { r.registry.Check(t) })
		return r
	}
}

// unchecked is inProcess without the check, for clients that are let down.
func unchecked(options ...registrytest.Option) func(*testing.T) *target {
	return func(t *testing.T) *target {
		r := registrytest.New(t, options...)
		base, err := url.Parse(r.URL())
		require.NoError(t, err)
		requests := func(*testing.T) record.Log { return r.Requests() }
		return &target{base: base, transport: r.Transport(), direct: r.Client(), registry: r, requests: requests}
	}
}

// served is the binary on loopback, for commands.
func served(t *testing.T) *target {
	in := serve(t, "--log-level", "debug", "--log-format", "json", "--page-size", strconv.Itoa(pageSize))
	return &target{base: in.url, requests: logged(in.log), direct: http.DefaultClient}
}

// servedTLS is the binary on loopback over TLS, for commands.
func servedTLS(t *testing.T) *target {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	in := serve(t, "--log-level", "debug", "--log-format", "json", "--http2", "--ca-file", ca)
	return &target{base: in.url, ca: ca, requests: logged(in.log), direct: trusting(t, ca)}
}

// trusting returns a client that trusts the authority in a file.
func trusting(t *testing.T, ca string) *http.Client {
	t.Helper()
	pem, err := os.ReadFile(ca)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(pem))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
