package control_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// TestReadWhileServed reads the record in every way while every operation is served,
// for the race detector.
func TestReadWhileServed(t *testing.T) {
	access := &auth.Options{Users: map[string]string{"ci": "secret"}, Token: &auth.TokenOptions{}}
	touching := []faults.Rule{
		faults.On(op.BlobMount, op.UploadChunk, op.ManifestPut, op.UploadCommit).Named("refused").Every(3).Continue().Do(faults.RefuseMount(), faults.DropChunk()),
		faults.On().Named("early").Every(2).BeforeAuth().Continue().Do(faults.AddHeader("X-Early", "{repo}")),
		faults.On(op.TagList, op.BlobHead).Named("status").Every(2).Do(faults.Status(http.StatusServiceUnavailable)),
		faults.On(op.ManifestPut).Named("late").Every(2).Continue().Do(faults.StaleTag(1, 0)),
	}
	type setting struct {
		name  string
		auth  *auth.Options
		rules []faults.Rule
	}
	// By default, the one with everything.
	for _, c := range thorough.Sample([]setting{
		{name: "plain"},
		{name: "auth", auth: access},
		{name: "faults", rules: touching},
		{name: "auth and faults", auth: access, rules: touching},
	}, 4, 3) {
		t.Run(c.name, func(t *testing.T) {
			f := start(t, setup{network: new(server.Network), auth: c.auth, server: server.Options{FaultNames: true}})
			require.NoError(t, f.faults.Add(faults.On(op.BlobGet).Where(record.Repo("cdn")).Do(faults.Redirect(http.StatusTemporaryRedirect, "{cdn}"))))
			require.NoError(t, f.faults.Add(c.rules...))
			ctx, cancel := context.WithCancel(t.Context())
			var readers, clients sync.WaitGroup
			for _, read := range readings(f) {
				readers.Go(func() {
					for ctx.Err() == nil {
						if err := read(ctx); err != nil {
							assert.ErrorIs(t, err, context.Canceled)
							return
						}
					}
				})
			}
			together, rounds := 2, 1
			if thorough.Enabled() {
				together, rounds = 3, 3
			}
			for range together {
				clients.Go(func() {
					for range rounds {
						everyOperation(t, f, c.auth != nil)
					}
				})
			}
			clients.Wait()
			cancel()
			readers.Wait()
			seen := f.recorder.Log().Ops()
			for _, o := range op.All() {
				if (o == op.Token || o == op.TokenKeys) && c.auth == nil {
					continue // an unknown path then
				}
				assert.Contains(t, seen, o)
			}
		})
	}
}

// readings are the ways in which a record is read.
func readings(f *fixture) []func(context.Context) error {
	written := func(write func(record.Log, io.Writer) error) func(context.Context) error {
		return func(context.Context) error { return write(f.recorder.Log(), io.Discard) }
	}
	text := func(of func(record.Log) string) func(context.Context) error {
		return func(context.Context) error {
			_ = of(f.recorder.Log())
			return nil
		}
	}
	asked := func(target string) func(context.Context) error {
		return func(ctx context.Context) error {
			a, err := f.try(ctx, "GET", "/_ocifake/v1/"+target, nil)
			if err == nil && a.StatusCode != http.StatusOK {
				err = fmt.Errorf("%s: %d %s", target, a.StatusCode, a.body)
			}
			return err
		}
	}
	all := []func(context.Context) error{
		written(record.Log.WriteHAR), written(record.Log.WriteJSONL), text(record.Log.Journal), text(record.Log.Transcript),
		func(context.Context) error {
			for x := range f.recorder.Exchanges(0, record.Repo("app"), record.Not(record.Alias("x")), record.Faulted()) {
				_, _ = f.recorder.Exchange(x.Seq)
			}
			f.recorder.Connections()
			return nil
		},
		func(ctx context.Context) error {
			return f.recorder.Wait(ctx, func(log record.Log) bool { return log.Count(record.Subject("ci")) >= 0 })
		},
	}
	follower := f.recorder.Follow(0)
	all = append(all, func(context.Context) error {
		follower.Next(10)
		return nil
	})
	for _, target := range []string{
		"requests", "requests?tail=20", "requests/count", "requests.har", "requests.jsonl", "journal.txt", "transcript.txt", "info", "faults",
	} {
		all = append(all, asked(target))
	}
	return append(all, func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, "GET", f.URL()+"/_ocifake/v1/events", nil)
		if err != nil {
			return err
		}
		response, err := f.Transport().RoundTrip(r)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return err
	})
}

// stressClient sends requests as a user who may do everything.
type stressClient struct {
	*testing.T
	f     *fixture
	token string
}

// send sends a request and returns the answer, which may be any that is no error of
// the server.
func (c *stressClient) send(method, target, body string) answer {
	a, err := c.f.try(c.Context(), method, target, strings.NewReader(body), func(r *http.Request) {
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		if method == http.MethodPut {
			r.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			if strings.Contains(target, "/uploads/") {
				r.Header.Set("Content-Type", "application/octet-stream")
			}
		}
	})
	if assert.NoError(c, err) {
		assert.NotEqual(c, http.StatusInternalServerError, a.StatusCode, "%s %s: %s", method, target, a.body)
		return a
	}
	return answer{Response: new(http.Response)}
}

func everyOperation(t *testing.T, f *fixture, withAuth bool) {
	const content = "content"
	d, long := string(digest.FromString(content)), string(digest.SHA512.FromString(content))
	c := &stressClient{T: t, f: f}
	if withAuth {
		c.token = fetchToken(t, f)
		c.send("GET", "/v2/token/keys", "")
	}
	c.send("GET", "/v2/", "")
	c.send("BREW", "/v2/app/tags/list", "")
	for _, repo := range []string{"app", "other", "cdn", "fault/delay-1ms/app"} {
		c.send("POST", "/v2/"+repo+"/blobs/uploads/?digest="+d, content)
	}
	// The mount needs an algorithm that is not the usual one.
	c.send("POST", "/v2/app/blobs/uploads/?mount="+long+"&from=other", "")
	c.send("POST", "/v2/app/blobs/uploads/?mount="+d+"&from=other", "")
	c.send("POST", "/v2/app/blobs/uploads/?mount="+d+"&from=fault/status-503/other", "")
	if session := c.send("POST", "/v2/app/blobs/uploads/", "").Header.Get("Location"); session != "" {
		c.send("PATCH", session, content[:3])
		c.send("PATCH", session, content[3:]) // a location that is not the latest
		next := c.send("GET", session, "").Header.Get("Location")
		c.send("PUT", next+"&digest="+url.QueryEscape(d), content[3:])
		c.send("DELETE", session, "")
	}
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",`+
		`"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":7},"layers":[]}`, d)
	c.send("PUT", "/v2/app/manifests/v1?tag=v2", manifest)
	c.send("GET", "/v2/app/manifests/v1", "")
	c.send("HEAD", "/v2/app/manifests/v1", "")
	c.send("GET", "/v2/app/blobs/"+d, "")
	c.send("HEAD", "/v2/app/blobs/"+d, "")
	c.send("GET", "/v2/app/tags/list", "")
	c.send("GET", "/v2/app/referrers/"+d, "")
	c.send("GET", "/v2/_catalog", "")
	if there := c.send("GET", "/v2/cdn/blobs/"+d, "").Header.Get("Location"); there != "" {
		r, err := http.NewRequestWithContext(t.Context(), "GET", there, nil)
		if assert.NoError(t, err) {
			response, err := f.Transport().RoundTrip(r)
			if assert.NoError(t, err) {
				assert.NoError(t, response.Body.Close())
			}
		}
	}
	c.send("DELETE", "/v2/app/manifests/v1", "")
	c.send("DELETE", "/v2/app/manifests/"+string(digest.FromString(manifest)), "")
	c.send("DELETE", "/v2/other/blobs/"+d, "")
}

// fetchToken returns a token for everything.
func fetchToken(t *testing.T, f *fixture) string {
	var all []string
	for _, repo := range []string{"app", "other", "cdn", "fault/delay-1ms/app", "fault/status-503/other"} {
		all = append(all, "repository:"+repo+":pull,push,delete")
	}
	query := url.Values{"scope": append(all, "registry:catalog:*"), "service": {"ocifake"}}
	a, err := f.try(t.Context(), "GET", "/v2/token?"+query.Encode(), nil, func(r *http.Request) { r.SetBasicAuth("ci", "secret") })
	var answered struct{ Token string }
	if assert.NoError(t, err) {
		assert.NoError(t, json.Unmarshal([]byte(a.body), &answered), a.body)
	}
	return answered.Token
}
