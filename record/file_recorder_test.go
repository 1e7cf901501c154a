package record_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

// What a recorder saw of a client comes back from both kinds of file, and can be
// asked the same questions.
func TestFilesOfARecorder(t *testing.T) {
	rec := recorder.New(recorder.Options{})
	server := httptest.NewServer(rec.Wrap(registry.New(memstore.New(memstore.Options{}), registry.Options{})))
	for _, r := range []struct{ method, target, mediaType, body string }{
		{"GET", "/v2/", "", ""},
		{"POST", "/v2/lib/app/blobs/uploads/", "", ""},
		{"POST", "/v2/lib/app/blobs/uploads/?digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "application/octet-stream", "hello"},
		{"PUT", "/v2/lib/app/manifests/v1", "application/vnd.oci.image.manifest.v1+json", "\xff not a manifest"},
		{"HEAD", "/v2/lib/app/manifests/v2", "", ""},
		{"GET", "/v2/lib/%FF/tags/list?n=1&access_token=s3cret", "", ""},
	} {
		request, err := http.NewRequestWithContext(t.Context(), r.method, server.URL+r.target, strings.NewReader(r.body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", r.mediaType)
		request.SetBasicAuth("ann", "s3cret")
		response, err := server.Client().Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	server.Close() // none is in flight any more
	log := rec.Log()
	require.Len(t, log, 6)

	har := record.WriteHARForTest(t, log)
	assert.NoError(t, record.ValidateHAR(t, har.String()))
	var lines bytes.Buffer
	require.NoError(t, log.WriteJSONL(&lines))
	for _, file := range []*bytes.Buffer{har, &lines} {
		assert.NotContains(t, file.String(), "s3cret")
	}
	fromHAR, err := record.ReadHAR(har)
	require.NoError(t, err)
	fromLines, err := record.ReadJSONL(&lines)
	require.NoError(t, err)
	for _, back := range []record.Log{fromHAR, fromLines} {
		record.RequireSame(t, log, back)
		assert.Equal(t, log.Ops(), back.Ops())
		assert.Equal(t, 2, back.Count(record.Repo("lib/app"), record.Status("4xx")))
		assert.Equal(t, 6, back.Count(record.Subject("ann")))
	}
}
