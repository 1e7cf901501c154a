package registrytest_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

const tagsList = "/v2/app/tags/list"

// TestTokenFaults: what is wrong with the token endpoint alone.
func TestTokenFaults(t *testing.T) {
	for name, test := range map[string]struct {
		effect faults.Effect
		status int    // of the client's last answer
		err    string // or of its error, a part
		header string // Retry-After
	}{
		"down":            {faults.Status(http.StatusServiceUnavailable), 503, "", ""},
		"500":             {faults.Status(http.StatusInternalServerError), 500, "", ""},
		"429":             {faults.Status(http.StatusTooManyRequests).RetryAfter(time.Minute), 429, "", "60"},
		"HTML":            {faults.Status(http.StatusOK).HTML(), 0, "token: invalid character '<'", ""},
		"wrong JSON":      {faults.Status(http.StatusOK).Body("application/json", "{"), 0, "token: unexpected EOF", ""},
		"missing field":   {faults.Status(http.StatusOK).Body("application/json", `{"expires_in":300}`), 0, "token: there is none", ""},
		"a made up token": {faults.Status(http.StatusOK).Body("application/json", `{"token":"x"}`), 401, "", ""},
		"cut":             {faults.Close(20), 0, "unexpected EOF", ""},
		"elsewhere":       {faults.Redirect(http.StatusTemporaryRedirect, "http://{dead}/"), 0, "refused", ""},
	} {
		t.Run(name, func(t *testing.T) {
			reg := guarded(t, registrytest.WithInMemory())
			reg.Push(t, "app:v1", images.Random())
			reg.Inject(t, faults.On(op.Token).Named("rule").Times(1).Do(test.effect))
			c := client{t, reg.Client(), reg.URL(), "alice", "secret"}
			response, err := c.pull(t.Context(), tagsList)
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
			} else {
				require.NoError(t, err)
				assert.Equal(t, test.status, response.StatusCode)
				assert.Equal(t, test.header, response.Header.Get("Retry-After"))
			}
			reg.Assert(t, record.Op(op.Token)).Count(1)
			reg.Assert(t, record.Faulted()).All(record.Op(op.Token))
			reg.Assert(t, record.Op(op.TagList), record.Status("200")).Count(0)
			assert.Equal(t, 200, c.get(tagsList).StatusCode, "the next one is good")
		})
	}
}

func TestSlowTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := guarded(t, registrytest.WithInMemory())
		reg.Push(t, "app:v1", images.Random())
		reg.Inject(t, faults.On(op.Token).Do(faults.Delay(time.Minute)))
		c := client{t, reg.Client(), reg.URL(), "alice", "secret"}
		impatient, cancel := context.WithTimeout(t.Context(), time.Minute-1)
		defer cancel()
		_, err := c.pull(impatient, tagsList)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		begin := time.Now()
		assert.Equal(t, 200, c.get(tagsList).StatusCode)
		assert.Equal(t, time.Minute, time.Since(begin))
		c.http.CloseIdleConnections()
	})
}

// TestTokenLives: what is wrong with tokens, as clients find out.
func TestTokenLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := guarded(t, registrytest.WithInMemory())
		reg.Push(t, "app:v1", images.Random())
		c := client{t, reg.Client(), reg.URL(), "alice", "secret"}
		const problem = `Bearer realm="http://use-registry-transport.test/v2/token",service="ocifake",scope="repository:app:pull",error="invalid_token"`
		for _, life := range []auth.Life{{NotBefore: time.Hour}, {TTL: -1}} { // from the future; dead on arrival
			reg.AuthService().Next(life)
			response := c.get(tagsList)
			assert.Equal(t, 401, response.StatusCode)
			assert.Equal(t, problem, response.Header.Get("WWW-Authenticate"))
		}
		assert.Equal(t, 200, c.get(tagsList).StatusCode)
		c.http.CloseIdleConnections()
	})
}

// Tokens are revoked in the middle of a push, before its first blob is committed.
func TestRevokedInMidPush(t *testing.T) {
	for name, options := range map[string]auth.Options{"JWT": ways()["JWT"], "opaque": ways()["opaque"]} {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.New(t, registrytest.WithAuth(options))
			reg.Inject(t, faults.On(op.UploadCommit).Named("revoked").BeforeAuth().Times(1).Do(faults.RevokeTokens()))
			ref, transport := remoteRef(t, reg, "app:v1")
			login := as(registrytest.Credentials{Username: "alice", Password: "secret"})
			require.NoError(t, remote.Write(ref, images.Random(images.Layers(1)), transport, login, remote.WithJobs(1)))
			refused := reg.Requests(record.Faulted("revoked"))
			require.Len(t, refused, 1)
			assert.Equal(t, 401, refused[0].Status)
			assert.Contains(t, refused[0].ResponseHeader.Get("WWW-Authenticate"), `scope="repository:app:pull,push",error="invalid_token"`)
			reg.Assert(t, record.Op(op.Token)).AtLeast(2)
			reg.Assert(t, record.Op(op.ManifestPut), record.Status("201")).Count(1)
			reg.Check(t)
		})
	}
}

// A rule for the first of what is asked for is not spent on the challenge.
func TestRuleIsNotSpentOnChallenge(t *testing.T) {
	for name, options := range ways() {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.New(t, registrytest.WithAuth(options))
			reg.Push(t, "app:v1", images.Random())
			reg.Inject(t, faults.On(op.ManifestGet).Named("first").Times(1).Do(faults.Status(http.StatusTeapot)))
			c := client{t, reg.Client(), reg.URL(), "alice", "secret"}
			assert.Equal(t, 401, c.ask("GET", "/v2/app/manifests/v1").StatusCode)
			assert.Equal(t, 418, c.get("/v2/app/manifests/v1").StatusCode)
			assert.Equal(t, 200, c.get("/v2/app/manifests/v1").StatusCode)
			reg.Assert(t, record.Faulted("first")).All(record.Authenticated(), record.Subject("alice"))
		})
	}
}

// A 401 of a rule has the challenge and the code of the registry's own.
func TestStatusUnauthorized(t *testing.T) {
	for name, options := range ways() {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.New(t, registrytest.WithAuth(options))
			c := client{t, reg.Client(), reg.URL(), "alice", "secret"}
			own := c.ask("GET", tagsList)
			reg.Inject(t, faults.On(op.TagList).BeforeAuth().Do(faults.Status(http.StatusUnauthorized)))
			injected := c.ask("GET", tagsList)
			for _, header := range []http.Header{own.Header, injected.Header} {
				header.Del("Date")
				header.Del("Content-Length") // of the messages
			}
			require.NotEmpty(t, own.Header["Www-Authenticate"])
			assert.Equal(t, own.StatusCode, injected.StatusCode)
			assert.Equal(t, own.Header, injected.Header)
		})
	}
}

// TestChallengeFaults: what is wrong with WWW-Authenticate, to the letter.
func TestChallengeFaults(t *testing.T) {
	reg := guarded(t, registrytest.WithInMemory())
	reg.Push(t, "app:v1", images.Random())
	const honest = `Bearer realm="http://use-registry-transport.test/v2/token",service="ocifake",scope="repository:app:pull"`
	const field = "WWW-Authenticate"
	for name, test := range map[string]struct {
		effect faults.Effect
		want   []string
		status int // that the client gets in the end; 0: it gives up
	}{
		"none":            {faults.Pass(), []string{honest}, 200},
		"missing":         {faults.DropHeader(field), nil, 0},
		"doubled":         {faults.AddHeader(field, `Basic realm="x"`), []string{honest, `Basic realm="x"`}, 200},
		"twice the same":  {faults.AddHeader(field, `Bearer realm="{realm}",service="{service}",scope="{scope}"`), []string{honest, honest}, 200},
		"capitals":        {faults.SetHeader(field, `BEARER REALM="{realm}",SERVICE="{service}",SCOPE="{scope}"`), []string{`BEARER REALM="http://use-registry-transport.test/v2/token",SERVICE="ocifake",SCOPE="repository:app:pull"`}, 200},
		"unknown scheme":  {faults.SetHeader(field, "Negotiate"), []string{"Negotiate"}, 0},
		"unknown first":   {faults.SetHeader(field, "Negotiate", honest), []string{"Negotiate", honest}, 0},
		"no scope":        {faults.SetHeader(field, `Bearer realm="{realm}",service="{service}"`), []string{`Bearer realm="http://use-registry-transport.test/v2/token",service="ocifake"`}, 401},
		"other service":   {faults.SetHeader(field, `Bearer realm="{realm}",service="other",scope="{scope}"`), []string{`Bearer realm="http://use-registry-transport.test/v2/token",service="other",scope="repository:app:pull"`}, 400},
		"nothing in it":   {faults.SetHeader(field, ""), []string{""}, 0},
		"a dead realm":    {faults.SetHeader(field, `Bearer realm="http://{dead}/v2/token"`), []string{`Bearer realm="http://dead.test/v2/token"`}, 0},
		"a fresh one, no": {faults.Status(http.StatusUnauthorized).Header(field, `Bearer realm="{realm}",service="{service}",scope="{scope}",error="invalid_token"`), []string{honest + `,error="invalid_token"`}, 401},
	} {
		t.Run(name, func(t *testing.T) {
			reg.Forget()
			reg.Inject(t, faults.On(op.TagList).BeforeAuth().Do(test.effect))
			c := client{t, reg.Client(), reg.URL(), "alice", "secret"}
			assert.Equal(t, test.want, c.ask("GET", tagsList).Header["Www-Authenticate"])
			response, err := c.pull(t.Context(), tagsList)
			if test.status == 0 {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, test.status, response.StatusCode)
		})
	}
}

// A registry whose realm is on another host gets the client to send its password
// there, which shows.
func TestRealmElsewhere(t *testing.T) {
	for name, options := range map[string][]registrytest.Option{"TCP": nil, "in memory": {registrytest.WithInMemory()}} {
		t.Run(name, func(t *testing.T) {
			ran := runTest(func(ft testing.TB) {
				reg := registrytest.New(ft, append(options, registrytest.WithAuth(ways()["JWT"]))...)
				reg.Inject(ft, faults.On(op.TagList).BeforeAuth().Times(1).Do(
					faults.SetHeader("WWW-Authenticate", `Bearer realm="http://{cdnhost}/v2/token",service="{service}"`)))
				c := client{t, reg.Client(), reg.URL(), "alice", "secret"}
				c.get(tagsList)
				leak := reg.Requests(record.Op(op.External), record.Authenticated())
				require.Len(t, leak, 1)
				assert.Equal(t, []string{"Basic", "alice"}, []string{leak[0].Scheme, leak[0].Subject})
				assert.NotEqual(t, reg.Host(), leak[0].Host)
				reg.Assert(ft).CredentialsOnlyTo()
			})
			require.Len(t, ran.failures, 1)
			assert.Contains(t, ran.failures[0], "with credentials for a host other than")
			assert.NotContains(t, ran.failures[0], basicOf("alice", "secret"))
		})
	}
}

// Only with auth is there something to revoke or to name.
func TestAuthFaultsNeedAuth(t *testing.T) {
	open := registrytest.New(t)
	for _, effect := range []faults.Effect{faults.RevokeTokens(), faults.SetHeader("X", "{realm}"), faults.SetHeader("X", "{scope}")} {
		assert.ErrorContains(t, add(open, faults.On(op.BlobGet).BeforeAuth().Do(effect)), "the registry has no auth")
	}
}

// A push that is refused, and one whose token expires while its body is read: the
// request that has begun goes on.
func TestExpiryWhileUploading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := guarded(t, registrytest.WithInMemory())
		c := client{t, reg.Client(), reg.URL(), "alice", "secret"}
		reg.AuthService().Next(auth.Life{TTL: time.Minute})
		answer := c.ask("GET", "/v2/token?service=ocifake&scope=repository:app:push", "Authorization", "Basic "+basicOf("alice", "secret"))
		token := tokenIn(t, answer)
		body, writer := io.Pipe()
		request, err := http.NewRequestWithContext(t.Context(), "POST", reg.URL()+"/v2/app/blobs/uploads/?digest=sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", body)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+token)
		go func() {
			io.WriteString(writer, "hel")
			time.Sleep(time.Hour)
			io.WriteString(writer, "lo")
			writer.Close()
		}()
		response, err := c.http.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, 201, response.StatusCode)
		assert.Equal(t, 401, c.ask("GET", "/v2/", "Authorization", "Bearer "+token).StatusCode)
		c.http.CloseIdleConnections()
	})
}
