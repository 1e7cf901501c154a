package page

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/internal/server"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// One request shows all that is on record of it, the fault included.
func TestRequest(t *testing.T) {
	r := serve(t, "", "")
	r.push(t, "app:v1", images.Random(images.Layers(1)))
	r.inject(t, "{name: flaky, where: 'op=blob.get', times: 1, do: [{status: {code: 503, retryAfter: 1s}}]}")
	require.Error(t, r.pull(t, "app:v1"))
	p := open(t, r.page("#/requests?filter=fault%3Dflaky"))
	p.wait(rows + " === 1")
	p.waitText(".rows .chip.fault", "fault flaky")
	x := r.recorder.Log(record.Faulted())[0]
	p.click(".rows .row")
	p.waitText(".pane h2", "blob.get")
	for _, want := range []string{
		"GET " + x.Target, "503", "fault flaky", "times: 1", "- status: {code: 503, retryAfter: 1s}",
		x.Remote, x.Host, "HTTP/1.1", "TLS\nnone", "credentials\nnone", fmt.Sprintf("number\n%d, request %d", x.Conn, x.ConnSeq),
		"User-Agent", x.Header.Get("User-Agent"), "Retry-After", "header after", "end after",
	} {
		assert.Contains(t, strings.ReplaceAll(p.text(".pane"), "\u00a0", " "), want)
	}
	p.click(".pane .fired a")
	p.wait(`document.activeElement.matches("#faults .rule") && document.activeElement.innerText.includes("flaky")`)
}

// A body that is kept is shown, JSON in many lines or as it was sent.
func TestRequestBody(t *testing.T) {
	r := serve(t, "", "")
	r.push(t, "app:v1", images.Random())
	seq := r.recorder.Log(record.Op(op.ManifestPut))[0].Seq
	p := open(t, r.page("#/requests?filter=op%3Dmanifest.put"))
	p.click(row(int(seq)))
	p.waitText(".pane .source", "\n  \"schemaVersion\": 2,\n")
	p.click(".pane .source .tools button")
	p.waitText(".pane .source", string(r.recorder.Log(record.Op(op.ManifestPut))[0].RequestBody))
	p.goTo(r.page("#/requests?filter=op%3Dupload.chunk"))
	p.waitText(".rows", "upload.chunk")
	p.click(".rows .row")
	p.waitText(".pane", "not recorded: the record contains no blobs.")
}

// The command that is copied makes the same request once more, for a shell that
// takes it as it stands.
func TestRequestAsCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed: apt-get install -y curl")
	}
	t.Logf("with %s", curl)
	r := serve(t, "", "")
	r.push(t, "app:v1", images.Random(images.Layers(1)))
	manifest := r.recorder.Log(record.Op(op.ManifestPut))[0].RequestBody
	const mediaType = "Content-Type: application/vnd.oci.image.manifest.v1+json"
	for _, c := range []struct {
		name string
		send func(t *testing.T)
	}{
		{"get", func(t *testing.T) { r.send(t, http.MethodGet, "/v2/app/manifests/v1", "", "Accept: a/b, c/d") }},
		{"head", func(t *testing.T) { r.send(t, http.MethodHead, "/v2/app/manifests/v1", "") }},
		{"put", func(t *testing.T) {
			require.Equal(t, http.StatusCreated, r.send(t, http.MethodPut, "/v2/app/manifests/v2", string(manifest), mediaType))
		}},
		{"put of no text", func(t *testing.T) {
			r.send(t, http.MethodPut, "/v2/app/manifests/v3", "\x00\xff'\x1b[2J", mediaType)
		}},
		{"post without a body", func(t *testing.T) {
			require.Equal(t, http.StatusAccepted, r.send(t, http.MethodPost, "/v2/app/blobs/uploads/", ""))
		}},
		{"delete", func(t *testing.T) { r.send(t, http.MethodDelete, "/v2/app/manifests/none", "") }},
		{"quotes and dollars", func(t *testing.T) {
			r.send(t, http.MethodGet, "/v2/app/tags/list?n=1&last=$(id)`id`'%22[a-c]{d,e}", "", `User-Agent: it's "me" $HOME \ `+"`id`; @x")
		}},
		{"bytes in a field", func(t *testing.T) { r.send(t, http.MethodGet, "/v2/", "", "X-Odd: \xff'\xe9", "X-Empty: ") }},
		{"a name that a shell would run", func(t *testing.T) { r.send(t, http.MethodGet, "/v2/", "", "X-`id`-$HOME'!: \xff") }},
		{"dots", func(t *testing.T) { r.send(t, http.MethodGet, "/v2/a/../b/%2e/manifests/v1", "") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.recorder.Clear()
			c.send(t)
			p := open(t, r.page("#/requests"))
			p.click(".rows .row")
			p.waitText(".pane .copy", "Copy as curl")
			p.click(".pane .bar .copy")
			p.waitText("#said", "Copied")
			command := p.clipboard()
			t.Log(command)
			out, err := exec.CommandContext(t.Context(), "sh", "-c", command+" --silent --show-error").CombinedOutput()
			require.NoError(t, err, "%s", out)
			log := r.recorder.Log()
			require.Len(t, log, 2)
			assert.Equal(t, essence(log[0]), essence(log[1]))
		})
	}
}

// Secrets are shown by a short fingerprint, and the command takes them from the shell.
func TestRequestSecrets(t *testing.T) {
	r := serve(t, "", "")
	r.send(t, http.MethodGet, "/v2/app/tags/list?token=hush", "", "Authorization: Bearer hush", "Referer: http://me:hush@other.test/")
	fingerprint := r.recorder.Log()[0].RequestSecrets()[0].Fingerprint
	p := open(t, r.page("#/requests/1"))
	p.waitText(".pane h2", "tag.list")
	for _, shown := range []string{
		"?token=[token " + fingerprint[:6] + "…]", "Bearer [token " + fingerprint[:6] + "…]", "http://[password " + fingerprint[:6] + "…]@other.test/",
	} {
		assert.Contains(t, p.text(".pane"), shown)
	}
	p.click(".pane .bar .copy")
	p.waitText("#said", "Copied")
	assert.Contains(t, p.clipboard(), `"Authorization: Bearer $TOKEN"`)
	assert.Contains(t, p.clipboard(), "?token=[redacted:token:"+fingerprint+"]")
}

// Over TLS and HTTP/2 it is the same, and the request tells of it.
func TestRequestOverTLS(t *testing.T) {
	r := serveWith(t, server.Options{HTTP2: true}, "", nil)
	r.send(t, http.MethodGet, "/v2/app/manifests/v1", "")
	p := open(t, r.page("#/requests/1"))
	p.waitText(".pane h2", "manifest.get")
	assert.Contains(t, p.text(".pane"), "TLS\nTLS 1.3")
	assert.Contains(t, p.text(".pane"), "protocol\nHTTP/2.0")
	p.waitText("#connection", "live")
	p.click(".pane .bar .copy")
	p.waitText("#said", "Copied")
	assert.Contains(t, p.clipboard(), "--insecure")
	assert.Contains(t, p.clipboard(), " https://"+r.host+"/v2/app/manifests/v1")
	r.send(t, http.MethodGet, "/v2/", "")
	p.wait(rows + " === 2")
}

// essence is what a request has in common with the one that it repeats.
func essence(x record.Exchange) map[string]any {
	x.Header.Del("Accept-Encoding") // Go's, on curl it would only change the output
	return map[string]any{
		"method": x.Method, "target": x.Target, "host": x.Host, "header": x.Header, "body": string(x.RequestBody), "status": x.Status,
	}
}
