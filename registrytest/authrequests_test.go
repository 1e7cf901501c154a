package registrytest_test

import (
	"bytes"
	"encoding/base64"
	"net/http"
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
	assert.Equal(t, []string{"with Authorization: Basic [redacted]"}, x.Served)
	assert.Empty(t, x.Header.Get("Authorization"), "the client sent none")
	assert.Empty(t, x.Scheme)
	assert.Equal(t, "alice", x.Subject, "that auth has accepted")
	var lines, archive bytes.Buffer
	require.NoError(t, reg.Requests().WriteJSONL(&lines))
	require.NoError(t, reg.Requests().WriteHAR(&archive))
	for _, text := range []string{lines.String(), archive.String(), reg.Requests().Journal()} {
		assert.Contains(t, text, "with Authorization: Basic [redacted]")
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
			reg := guarded(t, registrytest.WithInMemory())
			reg.Push(t, "app:v1", images.Random())
			c := client{t, reg.Client(), reg.URL(), "alice", "secret"}
			reg.Inject(t, faults.On(op.Token).Do(edit))
			_, _ = c.pull(t.Context(), tagsList) // the client does not find the token
			x := reg.Requests(record.Op(op.Token), record.Faulted())[0]
			assert.NotContains(t, string(x.ResponseBody), "eyJ")
		})
	}
}
