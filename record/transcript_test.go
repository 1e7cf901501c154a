package record_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

const imageType = "application/vnd.oci.image.manifest.v1+json"

// conversation makes the exchanges of a client that works in parallel: threads are
// the requests for one content, one after the other.
type conversation struct {
	*tape
	threads [][]func()
}

// thread adds exchanges that happen in this order.
func (c *conversation) thread(steps ...func()) { c.threads = append(c.threads, steps) }

// play mixes the threads.
func (c *conversation) play(random *rand.Rand) {
	for len(c.threads) > 0 {
		i := random.IntN(len(c.threads))
		c.threads[i][0]()
		if c.threads[i] = c.threads[i][1:]; len(c.threads[i]) == 0 {
			c.threads = append(c.threads[:i], c.threads[i+1:]...)
		}
	}
}

// recording is a conversation of its own port, sessions and tokens.
func recording(random *rand.Rand) *conversation {
	c := &conversation{tape: newTape()}
	c.host = fmt.Sprintf("127.0.0.1:%d", 10000+random.IntN(50000))
	return c
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, seed)) }

func newID(random *rand.Rand) string {
	var id uuid.UUID
	for i := range id {
		id[i] = byte(random.Uint32())
	}
	return id.String()
}

// fetch is a GET of a blob.
func (c *conversation) fetch(content string) func() {
	return func() {
		c.add("GET "+blobURL(content), 200, "User-Agent: client/1.2.3", "< Docker-Content-Digest: "+string(digestOf(content)), "< Content-Length: "+fmt.Sprint(len(content)))
	}
}

// fetchManifest is a GET of a manifest by digest.
func (c *conversation) fetchManifest(body string) func() {
	return func() {
		x := c.add("GET /v2/app/manifests/"+string(digestOf(body)), 200, "Accept: "+imageType+", */*", "< Content-Type: "+imageType)
		x.ResponseBody = []byte(body)
	}
}

// upload pushes a blob in a session.
func (c *conversation) upload(random *rand.Rand, content string) []func() {
	session := "/v2/app/blobs/uploads/" + newID(random)
	state := func() string { return fmt.Sprintf("?_state=%x", random.Uint64()) }
	first, second := state(), state()
	return []func(){
		func() { c.add("HEAD "+blobURL(content), 404) },
		func() {
			c.add("POST /v2/app/blobs/uploads/", 202, "Content-Length: 0", "< Location: "+session+first, "< Range: 0-0", "< Docker-Upload-Uuid: "+newID(random))
		},
		func() {
			c.add("PATCH "+session+first, 202, "Content-Type: application/octet-stream", "< Location: http://"+c.host+session+second).RequestBytes = int64(len(content))
		},
		func() {
			c.add("PUT "+session+second+"&digest="+strings.ReplaceAll(string(digestOf(content)), ":", "%3A"), 201, "Content-Length: 0", "< Location: "+blobURL(content))
		},
	}
}

// pushManifest is a PUT of a manifest.
func (c *conversation) pushManifest(reference, body string) func() {
	return func() {
		d := string(digestOf(body))
		x := c.add("PUT /v2/app/manifests/"+reference, 201, "Content-Type: "+imageType, "Content-Length: "+fmt.Sprint(len(body)), "< Docker-Content-Digest: "+d, "< Location: /v2/app/manifests/"+d)
		x.RequestBody, x.Verified = []byte(body), digest.Digest(d)
	}
}

// challenge is an anonymous request by tag, and the token that it needs.
func (c *conversation) challenge() {
	x := c.add("GET /v2/app/manifests/v1", 401, "User-Agent: client/1.2.3 go/1.26 (linux; amd64)",
		fmt.Sprintf(`< Www-Authenticate: Bearer realm="http://%s/token",service="%[1]s",scope="repository:app:pull"`, c.host), "< Content-Length: 99")
	x.Codes = []string{"UNAUTHORIZED"}
	x = c.add("GET /token?scope=repository%3Aapp%3Apull&service="+strings.Replace(c.host, ":", "%3A", 1), 200, "Authorization: [redacted]", "< Content-Length: 1234")
	x.Op, x.Scheme, x.Subject = op.Token, "Basic", "alice"
}

// pullOf fetches an index of two images that share a layer, all in parallel after
// the index.
func pullOf(seed uint64) record.Log {
	random := random(seed)
	c := recording(random)
	images := []string{manifest("config-1", "base", "layer-1"), manifest("config-2", "base", "layer-2")}
	index := manifest(images...)
	c.challenge()
	x := c.add("GET /v2/app/manifests/v1", 200, "Authorization: [redacted]", "Accept: "+imageType, "Accept: application/vnd.oci.image.index.v1+json", "< Docker-Content-Digest: "+string(digestOf(index)))
	x.ResponseBody, x.Scheme, x.Scopes = []byte(index), "Bearer", []string{"repository:lib:pull", "repository:app:pull"}
	c.thread(c.fetchManifest(images[0]))
	c.thread(c.fetchManifest(images[1]))
	for _, blob := range []string{"config-1", "layer-1", "config-2", "base"} {
		c.thread(c.fetch(blob))
	}
	c.thread( // from another origin
		func() {
			c.add("GET "+blobURL("layer-2"), 307, "< Location: https://cdn.test/blob?sig=1", "< Content-Length: 10")
		},
		func() {
			x := c.add("GET /blob?sig=1", 200)
			x.Op, x.Host, x.Secure = op.External, "cdn.test", true
		},
	)
	c.play(random)
	c.add("GET /v2/app/tags/list?n=1", 200, `< Link: </v2/app/tags/list?last=v1&n=1>; rel="next"`)
	return c.log
}

// pushOf is the opposite: all in parallel before the index.
func pushOf(seed uint64) record.Log {
	random := random(seed)
	c := recording(random)
	images := []string{manifest("config-1", "base", "layer-1"), manifest("config-2", "base", "layer-2")}
	c.add("HEAD /v2/app/manifests/v1", 404)
	for _, blob := range []string{"config-1", "layer-1", "config-2", "layer-2"} {
		c.thread(c.upload(random, blob)...)
	}
	c.thread(func() {
		c.add("POST /v2/app/blobs/uploads/?from=lib&mount="+string(digestOf("base")), 201, "< Location: "+blobURL("base"))
	})
	c.thread(func() { c.add("HEAD /v2/app/manifests/"+string(digestOf(images[0])), 404) }, c.pushManifest(string(digestOf(images[0])), images[0]))
	c.thread(c.pushManifest(string(digestOf(images[1])), images[1]))
	c.play(random)
	c.pushManifest("v1", manifest(images...))()
	return c.log
}

func TestTranscriptOfParallelClients(t *testing.T) {
	for name, scenario := range map[string]func(uint64) record.Log{"pull": pullOf, "push": pushOf} {
		t.Run(name, func(t *testing.T) {
			golden(t, "transcript-"+name, scenario(0).Transcript())
			for seed := range uint64(100) {
				require.Equal(t, scenario(0).Transcript(), scenario(seed).Transcript())
			}
		})
	}
}

// requestLines are those of a transcript, without what most have in common.
func requestLines(transcript string) []string {
	var lines []string
	for line := range strings.Lines(transcript) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '>' && line[0] != '<' {
			lines = append(lines, strings.Replace(line, "http://<host-1>/v2/app/", "", 1))
		}
	}
	return lines
}

// What a client does one after the other stays in this order, as far as it can.
func TestTranscriptOrderOfSequentialClients(t *testing.T) {
	token := func(c *conversation) func() {
		return func() { c.add("GET /token?scope=x", 200).Op = op.Token }
	}
	add := func(c *conversation, request string, status int, fields ...string) func() {
		return func() { c.add(request, status, fields...) }
	}
	tests := []struct {
		name  string
		steps func(*conversation) []func()
		want  []string
	}{
		{"challenges of a blob", func(c *conversation) []func() {
			return []func(){add(c, "HEAD "+blobURL("a"), 401), token(c), add(c, "HEAD "+blobURL("a"), 200), add(c, "GET "+blobURL("a"), 401), token(c), add(c, "GET "+blobURL("a"), 200)}
		}, []string{"HEAD blobs/<digest-1>", "GET http://<host-1>/token?scope=x", "HEAD blobs/<digest-1>", "GET blobs/<digest-1>", "GET http://<host-1>/token?scope=x", "GET blobs/<digest-1>"}},
		{"token of an earlier challenge", func(c *conversation) []func() {
			return []func(){add(c, "GET /v2/app/tags/list", 401), token(c), add(c, "GET "+blobURL("a"), 200)}
		}, []string{"GET tags/list", "GET http://<host-1>/token?scope=x", "GET blobs/<digest-1>"}},
		{"token without a challenge", func(c *conversation) []func() {
			return []func(){add(c, "GET "+blobURL("a"), 200), token(c), add(c, "GET "+blobURL("a"), 200)}
		}, []string{"GET blobs/<digest-1>", "GET blobs/<digest-1>", "GET http://<host-1>/token?scope=x"}},
		{"upload that fails to start", func(c *conversation) []func() {
			return append([]func(){add(c, "HEAD "+blobURL("a"), 404), add(c, "POST /v2/app/blobs/uploads/", 503)}, c.upload(random(1), "a")[1:]...)
		}, []string{"HEAD blobs/<digest-1>", "POST blobs/uploads/", "POST blobs/uploads/", "PATCH blobs/uploads/<session-1>?_state=<state-1>", "PUT blobs/uploads/<session-1>?_state=<state-2>&digest=<digest-1>"}},
		{"upload that is cancelled, which comes last", func(c *conversation) []func() {
			steps := c.upload(random(1), "a")
			steps[3] = add(c, "DELETE /v2/app/blobs/uploads/"+newID(random(1)), 204)
			return append(steps, c.fetch("b"))
		}, []string{"GET blobs/<digest-1>", "HEAD blobs/<digest-2>", "POST blobs/uploads/", "PATCH blobs/uploads/<session-1>?_state=<state-1>", "DELETE blobs/uploads/<session-1>"}},
		{"pulled twice", func(c *conversation) []func() {
			get := func() {
				c.add("GET /v2/app/manifests/v1", 200, "< Docker-Content-Digest: "+string(digestOf("m"))).ResponseBody = []byte(manifest("a", "b"))
			}
			return []func(){get, c.fetch("b"), c.fetch("a"), get, c.fetch("a"), c.fetch("b")}
		}, []string{"GET manifests/v1", "GET blobs/<digest-2>", "GET blobs/<digest-3>", "GET manifests/v1", "GET blobs/<digest-2>", "GET blobs/<digest-3>"}},
		{"deleted", func(c *conversation) []func() {
			return []func(){add(c, "DELETE "+blobURL("b"), 202), add(c, "DELETE "+blobURL("a"), 202), add(c, "GET /v2/app/referrers/"+string(digestOf("a")), 200)}
		}, []string{"DELETE blobs/<digest-1>", "DELETE blobs/<digest-2>", "GET referrers/<digest-2>"}},
		{"manifests that list each other", func(c *conversation) []func() {
			one := func() {
				c.add("GET /v2/app/manifests/"+string(digestOf("1")), 200).ResponseBody = []byte(manifest("2", "1"))
			}
			other := func() {
				c.add("GET /v2/app/manifests/"+string(digestOf("2")), 200).ResponseBody = []byte(manifest("1"))
			}
			return []func(){one, other}
		}, []string{"GET manifests/<digest-1>", "GET manifests/<digest-2>"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := recording(random(1))
			for _, step := range tt.steps(c) {
				step()
			}
			assert.Equal(t, tt.want, requestLines(c.log.Transcript()))
		})
	}
}

func TestTranscriptNames(t *testing.T) {
	d := string(digestOf("x"))
	sha512 := string(digest.SHA512.FromString("x"))
	tests := []struct{ target, want string }{
		{"/v2/", "http://<host-1>/v2/"},
		{"/v2/app/manifests/" + d, "http://<host-1>/v2/app/manifests/<digest-1>"},
		{"/v2/app/manifests/" + sha512 + "?tag=a&tag=b", "http://<host-1>/v2/app/manifests/<digest-1>?tag=a&tag=b"},
		{"/v2/app/manifests/" + strings.Replace(d, ":", "-", 1), "http://<host-1>/v2/app/manifests/sha256-<digest-1>"},
		{"/v2/app/manifests/sha256:123", "http://<host-1>/v2/app/manifests/sha256:123"},
		{"/v2/a/blobs/uploads/id-1?_state=a%20b&digest=" + strings.Replace(d, ":", "%3a", 1), "http://<host-1>/v2/a/blobs/uploads/<session-1>?_state=<state-1>&digest=<digest-1>"},
		{"/v2/a/blobs/uploads/?mount=" + d + "&from=lib/base", "http://<host-1>/v2/a/blobs/uploads/?mount=<digest-1>&from=lib/base"},
		{"/v2/a/tags/list?n=10&last=v1&ns=docker.io", "http://<host-1>/v2/a/tags/list?n=10&last=v1&ns=docker.io"},
		{"/token?service=registry.test:5000&scope=repository:app:1&nonce=77", "http://<host-1>/token?service=<host-1>&scope=repository:app:1&nonce=<nonce-1>"},
		{"/token?service=LOCALHOST%3A1234&account=me&service=other:1234", "http://<host-1>/token?service=<host-2>&account=me&service=other:1234"},
		{"/blob?X-Amz-Signature=%5Bredacted%5D&%20=&b%20=1", "http://<host-1>/blob?X-Amz-Signature=<x-amz-signature-1>&%20=&b%20=<value-1>"},
		{"/upstream/" + strings.Repeat("aB-_", 20) + "?scope=a", "http://<host-1>/upstream/<handle-1>?scope=a"},
		{"/upstream/app", "http://<host-1>/upstream/app"},
		{"http://other.test/v2/", "http://<host-1>/v2/"},
		{"/v2/a\x1b\n", `http://<host-1>/v2/a\x1b\n`},
	}
	for _, tt := range tests {
		t.Run(tt.target, func(t *testing.T) {
			p := newTape()
			p.host = "registry.test:5000"
			p.add("GET /v2/", 200).Target = tt.target
			assert.Equal(t, "GET "+tt.want+"\n< 200\n", p.log.Transcript())
		})
	}
}

func TestTranscriptOutcomes(t *testing.T) {
	tests := []struct {
		want string
		edit func(*record.Exchange)
	}{
		{"< 200", func(*record.Exchange) {}},
		{"< (no answer) (cut)", func(x *record.Exchange) { x.Status, x.Cut = 0, true }},
		{"< (in flight)", func(x *record.Exchange) { x.Status, x.Open = 0, true }},
		{"< 200 (in flight)", func(x *record.Exchange) { x.Open = true }},
		{"< 206 (client left)", func(x *record.Exchange) { x.Status, x.Left = 206, true }},
		{"< 404 BLOB_UNKNOWN (fault gone)", func(x *record.Exchange) {
			x.Status, x.Codes, x.Faults = 404, []string{"BLOB_UNKNOWN", "BLOB_UNKNOWN"}, []string{"gone"}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			p := newTape()
			tt.edit(p.add("GET /v2/", 200))
			assert.Equal(t, "GET http://<host-1>/v2/\n"+tt.want+"\n", p.log.Transcript())
		})
	}
}

func TestTranscriptFields(t *testing.T) {
	tests := []struct{ field, want string }{
		{"Accept: a/b,c/d;q=0.5, e/f", "> Accept: a/b,\n>         c/d;q=0.5,\n>         e/f"},
		{"Authorization: Bearer secret", "> Authorization: Bearer <credentials>"},
		{"Authorization: secret", "> Authorization: <credentials>"},
		{"Authorization: secret words", "> Authorization: <credentials>"},
		{"User-Agent: docker/27.0.1 go/go1.22 (linux; amd64) UpstreamClient(x/1)", "> User-Agent: docker go UpstreamClient"},
		{"If-None-Match: \"" + string(digestOf("x")) + `"`, `> If-None-Match: "<digest-1>"`},
		{"Range: bytes=0-", "> Range: bytes=0-"},
		{"Content-Length: 12", "> Content-Length: 12"},
		{"Traceparent: 00-1", ""},
		{"< Date: Mon, 02 Jan 2006 15:04:05 GMT", ""},
		{"< Content-Length: 12", "< Content-Length: 12"},
		{"< Retry-After: 120", "< Retry-After: 120"},
		{"< Retry-After: Mon, 02 Jan 2006 15:04:05 GMT", "< Retry-After: <date>"},
		{`< Warning: 299 - "a` + "\x1b" + `b"`, `< Warning: 299 - "a\x1bb"`},
		{"< Location: http://127.0.0.1:40001/v2/a/blobs/uploads/1?_state=2", "< Location: http://<host-1>/v2/a/blobs/uploads/<session-1>?_state=<state-1>"},
		{`< Www-Authenticate: Bearer realm="https://auth.test/token",service="127.0.0.1:40001"`, `< Www-Authenticate: Bearer realm="https://<host-2>/token",service="<host-1>"`},
	}
	for _, tt := range tests {
		t.Run(tt.field, func(t *testing.T) {
			p := newTape()
			p.add("GET /v2/", 200, tt.field)
			want := []string{"GET http://<host-1>/v2/", "< 200"}
			switch {
			case strings.HasPrefix(tt.want, ">"):
				want = []string{want[0], tt.want, want[1]}
			case tt.want != "":
				want = append(want, tt.want)
			}
			assert.Equal(t, strings.Join(want, "\n")+"\n", p.log.Transcript())
		})
	}
}

// Whatever is on record, a transcript has a line for each field and none more,
// and is the same of what it is made of.
func FuzzTranscript(f *testing.F) {
	f.Add("/v2/a/blobs/uploads/x?_state=y&digest="+string(digestOf("x")), "registry.test:80", "</v2/_catalog?last=a>; rel=next", `{"digest":"sha256:00"}`)
	f.Add("http://[::1]:1/?a=b&=&c", "[::1]:1", "http://u:p@h:1/%zz", "")
	f.Fuzz(func(t *testing.T, target, host, value, body string) {
		p := newTape()
		p.host = host
		x := p.add("GET /v2/app/manifests/v1", 200, "Range: "+value, "< Location: "+value)
		x.Target, x.ResponseBody = target, []byte(body)
		x = p.add("POST /v2/app/blobs/uploads/", 307, "< Location: "+value)
		x.Session = host
		x = p.add("GET "+blobURL("x"), 401)
		x.Info.Digest = digest.Digest(body)
		transcript := p.log.Transcript()
		require.Equal(t, transcript, p.log.Transcript())
		// three of a request line and a status each, three fields, two between them
		require.Equal(t, 3*2+3+2, strings.Count(transcript, "\n"), transcript)
		require.Equal(t, 4, strings.Count(p.log.Journal(), "\n"))
	})
}

func ExampleLog_Transcript() {
	fmt.Print(pulled()[:2].Transcript())
	// Output:
	// GET http://<host-1>/v2/
	// > User-Agent: crane
	// < 401 UNAUTHORIZED
	//
	// GET http://<host-1>/v2/app/manifests/v1
	// > Authorization: Basic <credentials>
	// > User-Agent: crane
	// < 200
	// < Content-Length: 421
	// < Docker-Content-Digest: <digest-1>
}
