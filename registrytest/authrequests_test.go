package registrytest_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// TestCredentialsOnTheWay: auth sees the credentials that a rule sets, and they are redacted like
// those of a client.
func TestCredentialsOnTheWay(t *testing.T) {
	reg := registrytest.New(t, registrytest.WithInMemory(), registrytest.WithAuth(auth.Options{Users: map[string]string{"alice": "s3cret-password"}}))
	reg.Push(t, "app:v1", images.Random())
	credentials := base64.StdEncoding.EncodeToString([]byte("alice:s3cret-password"))
	reg.Inject(t, faults.On(op.TagList).Named("proxy").Times(1).Do(faults.SetRequestHeader("Authorization", "Basic "+credentials)))
	response, err := reg.Client().Get(reg.URL() + tagsList)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)

	x := reg.Requests()[0]
	require.Len(t, x.Served, 1)
	assert.Regexp(t, `^with Authorization: Basic \[redacted:password:[0-9a-f]{16}\]$`, x.Served[0])
	assert.Empty(t, x.Header.Get("Authorization"), "the client sent none")
	assert.Empty(t, x.Scheme)
	assert.Equal(t, "alice", x.Subject, "that auth has accepted")
	var lines, archive bytes.Buffer
	require.NoError(t, reg.Requests().WriteJSONL(&lines))
	require.NoError(t, reg.Requests().WriteHAR(&archive))
	for text, want := range map[string]string{
		lines.String(): x.Served[0], archive.String(): x.Served[0], reg.Requests().Journal(): "with Authorization: Basic [redacted]",
	} {
		assert.Contains(t, text, want)
		assert.NotContains(t, text, credentials)
	}
	again, err := record.ReadHAR(&archive)
	require.NoError(t, err)
	assert.Equal(t, x.Served, again[0].Served)
}

// TestHostOnTheWay: the realm of a challenge is a URL at the host that a rule sets, and the request
// is served here.
func TestHostOnTheWay(t *testing.T) {
	reg := guarded(t, registrytest.WithInMemory())
	reg.Inject(t, faults.On(op.TagList).Named("proxy").Do(faults.SetHost("registry.internal:5000")))
	response, err := reg.Client().Get(reg.URL() + tagsList)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)
	assert.Contains(t, response.Header.Get("WWW-Authenticate"), `realm="http://registry.internal:5000/`)
	x := reg.Requests()[0]
	assert.Equal(t, reg.Host(), x.Host)
	assert.Equal(t, []string{"for host registry.internal:5000"}, x.Served)
}

// TestEditedTokensAreRedacted: the record has no token, whatever the edited body calls it.
func TestEditedTokensAreRedacted(t *testing.T) {
	for name, edit := range map[string]faults.Effect{
		"a field of another name": faults.RenameField("token", "value"),
		"not JSON any more":       faults.ReplaceText(`"token"`, `token`),
		"in another field":        faults.ReplaceText(`"token"`, `"a":{"b":1},"c"`),
	} {
		t.Run(name, func(t *testing.T) {
			for _, opaque := range []bool{false, true} {
				reg := registrytest.New(t, registrytest.WithInMemory(), registrytest.WithAuth(auth.Options{
					Users: map[string]string{"alice": "secret"}, Token: &auth.TokenOptions{Opaque: opaque},
				}))
				reg.Inject(t, faults.On(op.Token).Do(edit))
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, reg.URL()+op.TokenPath, nil)
				require.NoError(t, err)
				request.SetBasicAuth("alice", "secret")
				response, err := reg.Client().Do(request)
				require.NoError(t, err)
				body, err := io.ReadAll(response.Body)
				require.NoError(t, err)
				require.NoError(t, response.Body.Close())
				token := regexp.MustCompile(`[\w.-]{40,}`).FindString(string(body))
				require.NotEmpty(t, token)
				kept := string(reg.Requests(record.Faulted())[0].ResponseBody)
				assert.NotContains(t, kept, token)
				assert.Contains(t, kept, "issued_at")
				assert.Equal(t, name == "not JSON any more", strings.Contains(kept, `"issued_at":"[redacted:`))
			}
		})
	}
}
