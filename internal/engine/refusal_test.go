package engine_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
)

// refused is what an answer with an error consists of, but for what differs from one to
// the next: the date, the length, and what the message says beyond the code's words.
type refused struct {
	status int
	code   string
	header http.Header
}

// refusal returns the answer without what differs, and its message.
func (a answer) refusal(t *testing.T) (refused, string) {
	t.Helper()
	var body struct {
		Errors []struct{ Code, Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &body), a.body)
	require.Len(t, body.Errors, 1)
	header := a.header.Clone()
	header.Del("Date")
	header.Del("Content-Length")
	if location := header.Get("Location"); location != "" {
		location, _, _ = strings.Cut(location, "?_state=") // changes with every answer
		header.Set("Location", location)
	}
	return refused{a.status, body.Errors[0].Code, header}, body.Errors[0].Message
}

// What the registry refuses by itself, and what [faults.Status] refuses, are refused with
// the same code, words and fields.
func TestStatusIsTheRegistrysOwn(t *testing.T) {
	const absent = "sha256:0000000000000000000000000000000000000000000000000000000000000001"
	for name, test := range map[string]struct {
		status  int
		request string // {blob} and {upload} are URLs of what is there
		body    string
		header  []string
		says    string // begins the message
	}{
		"416 to a chunk": {416, "PATCH {upload}", "xyz", []string{"Content-Range", "7-9", "Content-Type", "application/octet-stream"}, "blob upload invalid"},
		"416 to a commit": {416, "PUT {upload}&digest=" + absent, "xyz", []string{"Content-Range", "7-9", "Content-Type", "application/octet-stream"},
			"blob upload invalid"},
		"416 to a blob":     {416, "GET {blob}", "", []string{"Range", "bytes=100-"}, "the operation is unsupported: the range lies outside the blob"},
		"405":               {405, "POST {blob}", "", nil, "the operation is unsupported"},
		"404 of a blob":     {404, "GET /v2/app/blobs/" + absent, "", nil, "blob unknown to registry"},
		"404 of a manifest": {404, "GET /v2/app/manifests/v1", "", nil, "manifest unknown to registry"},
		"404 of an upload":  {404, "GET /v2/app/blobs/uploads/none", "", nil, "blob upload unknown to registry"},
		"404 of a list":     {404, "GET /v2/none/tags/list", "", nil, "repository name not known to registry"},
		"400 to a manifest": {400, "PUT /v2/app/manifests/v1", "{", nil, "manifest invalid"},
		"400 to a commit":   {400, "PUT {upload}&digest=" + absent, "xyz", nil, "provided digest did not match uploaded content"},
		"400 to a chunk":    {400, "PATCH {upload}", "xyz", []string{"Content-Type", "text/plain"}, "blob upload invalid"},
		"415 to a manifest": {415, "PUT /v2/app/manifests/v1", "{}", []string{"Content-Encoding", "gzip"}, "the operation is unsupported"},
		"412 of a manifest": {412, "PUT /v2/app/manifests/v9", index("a"), []string{"If-Match", `"x"`, "Content-Type", "application/vnd.oci.image.index.v1+json"}, "requested access to the resource is denied"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.push("/v2/app/manifests/v0", index("v0"))
			blob := h.pushBlob("app", "content")
			upload := h.do("POST /v2/app/blobs/uploads/", "").header.Get("Location")
			upload = h.do("PATCH "+upload, "five!", "Content-Type", "application/octet-stream").header.Get("Location")
			request := strings.NewReplacer("{blob}", blob, "{upload}", upload).Replace(test.request)

			own, message := h.do(request, test.body, test.header...).refusal(t)
			require.Equal(t, test.status, own.status)
			assert.True(t, strings.HasPrefix(message, test.says), message)

			require.NoError(t, h.engine.Add(faults.On().Do(faults.Status(test.status))))
			injected, message := h.do(request, test.body, test.header...).refusal(t)
			assert.Equal(t, own, injected)
			assert.True(t, strings.HasPrefix(message, test.says), message)
		})
	}
}

func TestStatusMessages(t *testing.T) {
	for want, effect := range map[string]faults.Effect{
		`{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`:  faults.Status(403),
		`{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`:               faults.Status(401),
		`{"errors":[{"code":"TOOMANYREQUESTS","message":"too many requests"}]}`:                  faults.Status(429),
		`{"errors":[{"code":"UNSUPPORTED","message":"the operation is unsupported: Conflict"}]}`: faults.Status(409),
		`{"errors":[{"code":"NAME_INVALID","message":"invalid repository name: Bad Request"}]}`:  faults.Status(400).Error("NAME_INVALID", ""),
		`{"errors":[{"code":"OTHER","message":"Bad Request"}]}`:                                  faults.Status(400).Error("OTHER", ""),
		`{"errors":[{"code":"DENIED","message":"no"}]}`:                                          faults.Status(403).Error("DENIED", "no"),
	} {
		h := newHost(t, faults.On().Do(effect))
		assert.Equal(t, want, h.do("GET /v2/app/blobs/x", "").body)
	}
}
