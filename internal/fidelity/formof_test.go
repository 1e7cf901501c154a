package fidelity_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/internal/fidelity"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// Two runs of one request have the same form.
func TestFormOf(t *testing.T) {
	run := func(origin, repo, session string, header http.Header) record.Exchange {
		var x record.Exchange
		x.Method, x.Target, x.Scheme = http.MethodPatch, "/v2/"+repo+"/blobs/uploads/"+session+"?_state="+session, "Bearer"
		x.Op, x.Repo, x.Session = op.UploadChunk, repo, session
		x.Status, x.Header = http.StatusAccepted, header
		x.ResponseHeader = http.Header{"Location": {origin + x.Target}, "Range": {"0-4"}, "Date": {"today"}}
		return x
	}
	first := run("http://127.0.0.1:1", "one/app", "1-2-3", http.Header{"Content-Range": {"0-4"}, "User-Agent": {"one"}})
	second := run("http://127.0.0.1:2", "two/app", "4-5-6", http.Header{"Content-Range": {"0-4"}})
	form := fidelity.FormOf(first, strings.NewReplacer("http://127.0.0.1:1", "<origin>", "one/app", "<repo>"))
	assert.Equal(t, form, fidelity.FormOf(second, strings.NewReplacer("http://127.0.0.1:2", "<origin>", "two/app", "<repo>")))
	assert.Equal(t, fidelity.Exchange{
		Op: op.UploadChunk, Request: "PATCH /v2/<repo>/blobs/uploads/<session>?_state=<value>", Auth: "Bearer",
		Header: map[string]string{"Content-Range": "0-4"},
		Answer: fidelity.Answer{Status: http.StatusAccepted, Header: map[string]string{
			"Location": "<origin>/v2/<repo>/blobs/uploads/<session>?_state=<value>", "Range": "0-4",
		}},
	}, form)
}
