package registrytest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// TestRulesOnAnswers holds rules on answers against a real listener, over each protocol.
func TestRulesOnAnswers(t *testing.T) {
	for name, options := range map[string][]registrytest.Option{
		"HTTP/1.1": nil,
		"TLS":      {registrytest.WithTLS()},
		"HTTP/2":   {registrytest.WithHTTP2()},
	} {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.New(t, options...)
			rules, err := config.Rules([]byte(`
- name: head
  where: op=manifest.head status=404
  do: [status: {code: 500}]
- name: commit
  where: op=blob.post status=201
  do: [set-status: 200]
- name: reset
  where: op=blob.get status=200
  do: [reset: {after: 100000}]
- name: code
  where: code=MANIFEST_UNKNOWN
  do: [set-header: {name: X-Missing, values: [it is]}]
`))
			require.NoError(t, err)
			reg.Inject(t, rules...)

			content := strings.Repeat("0123456789", 300_000)
			blob := "/v2/app/blobs/" + digest.FromString(content).String()
			begin, rest := exchange(t, reg, "POST", "/v2/app/blobs/uploads/?digest="+digest.FromString(content).String(), content)
			assert.Equal(t, http.StatusOK, begin.StatusCode)
			assert.Equal(t, blob, begin.Header.Get("Location")[strings.Index(begin.Header.Get("Location"), "/v2/"):])
			assert.Empty(t, rest)

			missing, _ := exchange(t, reg, "HEAD", "/v2/app/manifests/v1", "")
			assert.Equal(t, http.StatusInternalServerError, missing.StatusCode)
			assert.Empty(t, missing.Header.Get("X-Missing"), "one rule wins")

			marked, body := exchange(t, reg, "GET", "/v2/app/manifests/v1", "")
			assert.Equal(t, http.StatusNotFound, marked.StatusCode)
			assert.Equal(t, "it is", marked.Header.Get("X-Missing"))
			assert.Contains(t, body, "MANIFEST_UNKNOWN")

			response, err := reg.Client().Get(reg.URL() + blob)
			require.NoError(t, err)
			got, err := io.ReadAll(response.Body)
			require.Error(t, err)
			assert.Len(t, got, 100000)
			require.NoError(t, response.Body.Close())

			reg.Assert(t, record.Op(op.ManifestHead), record.Status("500"), record.Faulted("head")).Count(1)
			reg.Assert(t, record.Op(op.BlobGet), record.Cut(), record.Faulted("reset")).Count(1)
		})
	}
}

// In virtual time a rule on answers can wait.
func TestRulesOnAnswersInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := registrytest.New(t)
		reg.Inject(t, faults.On(op.ManifestGet).Where(record.Status("404")).Do(faults.DelayReply(time.Hour)))
		began := time.Now()
		missing, body := exchange(t, reg, "GET", "/v2/app/manifests/v1", "")
		assert.Equal(t, http.StatusNotFound, missing.StatusCode)
		assert.Contains(t, body, "NAME_UNKNOWN")
		assert.Equal(t, time.Hour, time.Since(began))
	})
}

// exchange sends a request and reads the answer.
func exchange(t *testing.T, reg *registrytest.Registry, method, target, body string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, reg.URL()+target, strings.NewReader(body))
	require.NoError(t, err)
	response, err := reg.Client().Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(text)
}
