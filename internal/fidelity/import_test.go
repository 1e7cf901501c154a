package fidelity_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/fidelity"
)

// The recordings in testdata are made of reports of the conformance suite, which vendors publish
// in github.com/opencontainers/oci-conformance. Each report is a file with an exchange a line (see
// fidelity.Import):
//
//	go test ./internal/fidelity -run TestImport -reports DIRECTORY
var reports = flag.String("reports", "", "directory with the reports from which the recordings in testdata are made anew")

func TestImport(t *testing.T) {
	if *reports == "" {
		t.Skip("no -reports")
	}
	files, err := filepath.Glob(filepath.Join(*reports, "*.jsonl"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		requireKnownHeaders(t, text)
		r, err := fidelity.Import(bytes.NewReader(text))
		require.NoError(t, err, file)
		var out bytes.Buffer
		_, err = r.WriteTo(&out)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join("testdata", "recorded", filepath.Base(file)), out.Bytes(), 0o600))
	}
}

// requireKnownHeaders checks that a table says of each header field whether it is compared.
func requireKnownHeaders(t *testing.T, report []byte) {
	t.Helper()
	for _, line := range bytes.Split(report, []byte("\n")) {
		var x struct {
			Response struct{ Headers map[string]string }
		}
		if len(line) > 0 {
			require.NoError(t, json.Unmarshal(line, &x))
		}
		for name := range x.Response.Headers {
			require.True(t, fidelity.Known(name), "no table has the header field %s", name)
		}
	}
}

const reportHead = `{"registry":"example","suite":"distribution-spec conformance v1.0","date":"2024-05-06","source":"here"}`

// exchange is a line of a report.
func exchange(method, target, request string, status int, response string) string {
	parts := fmt.Sprintf(`"method":%q,"target":%q,"headers":{"Authorization":"Bearer *****"}`, method, target)
	if request != "" {
		parts += `,"body":` + request
	}
	answer := fmt.Sprintf(`"status":%d,"headers":{"Location":"https://HOST/v2/a/b/blobs/uploads/<uuid>","Server":"x"}`, status)
	if response != "" {
		answer += `,"body":` + response
	}
	return "\n{\"request\":{" + parts + "},\"response\":{" + answer + "}}"
}

// exampleReport is one of suite v1.0, whose config belongs to the workflow that pushes it.
func exampleReport() string {
	all := fidelity.Contents(&fidelity.Recording{Suite: "v1.0", Authors: map[string]string{"config0": "somebody"}})
	config := fmt.Sprintf("%q", base64.StdEncoding.EncodeToString(all["config0"]))
	manifest := digest.FromBytes(all["manifest0"]).String()
	unknown := digest.FromString("not shown").String()
	return oneLine(reportHead +
		exchange("POST", "/v2/a/b/blobs/uploads/", "", 401, `{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}`) +
		exchange("GET", "/token?scope=x", "", 200, `{"token":"*****"}`) +
		exchange("POST", "/v2/a/b/blobs/uploads/", "", 202, "") +
		exchange("PUT", "/v2/a/b/blobs/uploads/<uuid>?digest="+digest.FromBytes(all["config0"]).String(), config, 201, "") +
		exchange("GET", "/v2/a/b/tags/list", "", 200, `{"name":"a/b","tags":["old","tagtest0"]}`) +
		exchange("GET", "/v2/a/b/manifests/tagtest0", "", 200, string(all["manifest0"])) +
		exchange("DELETE", "/v2/a/b/blobs/"+digest.FromBytes(all["config0"]).String(), "", 202, "") +
		exchange("DELETE", "/v2/a/b/manifests/"+manifest, "", 202, "") +
		exchange("PATCH", "/v2/a/b/blobs/uploads/<uuid>", `"***** BODY *****"`, 202, "") +
		exchange("DELETE", "/v2/a/b/manifests/"+unknown, "", 404, `"404 page not found"`))
}

func TestImportOfExample(t *testing.T) {
	r, err := fidelity.Import(strings.NewReader(exampleReport()))
	require.NoError(t, err)
	assert.Equal(t, "a/b", r.Repo)
	assert.Equal(t, "tagtest0", r.Tag)
	assert.Equal(t, "blobs", r.Order)
	assert.Equal(t, map[string]string{"config0": "somebody"}, r.Authors)
	assert.Equal(t, map[string]string{"old": "before"}, r.Before)
	assert.Equal(t, []string{"manifest3"}, r.StandIns())

	var got []string
	for _, e := range r.Exchanges {
		got = append(got, fmt.Sprintf("%d %s %d %v", e.Step, e.Request, e.Answer.Status, e.Answer.Body))
		assert.NotContains(t, e.Answer.Header, "Server")
		assert.Equal(t, "<origin>/v2/<repo>/blobs/uploads/<session>", e.Answer.Header["Location"])
	}
	assert.Equal(t, []string{
		"1 POST /v2/<repo>/blobs/uploads/ 401 map[errors:[map[code:UNAUTHORIZED message:<string>]]]",
		"1 GET {realm} 200 map[token:<string>]",
		"1 POST /v2/<repo>/blobs/uploads/ 202 <nil>",
		"2 PUT {post}?digest=<config0> 201 <nil>",
		"6 GET /v2/<repo>/tags/list 200 map[name:<repo> tags:[old tagtest0]]",
		"14 GET /v2/<repo>/manifests/<tag> 200 <manifest0>",
		"20 DELETE /v2/<repo>/blobs/<config0> 202 <nil>",
		"22 DELETE /v2/<repo>/manifests/<manifest0> 202 <nil>",
		"24 PATCH {post} 202 <nil>",
		"77 DELETE /v2/<repo>/manifests/<manifest3> 404 <text>",
	}, got)
	assert.Equal(t, "Push: Blob Upload Streamed: PATCH request with blob in body should yield 202 response", r.Exchanges[8].Case)
}

// oneLine joins the lines of JSON values in a report.
func oneLine(report string) string {
	var lines []string
	for _, line := range strings.Split(report, "\n{\"request\"") {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n{\"request\"")
}

func TestImportRefuses(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "an empty recording"},
		{"suite", strings.Replace(reportHead, "v1.0", "v9", 1), `line 1: suite "v9"`},
		{"no exchange", reportHead, "no request to a repository"},
		{"method", reportHead + exchange("BREW", "/v2/a/b/tags/list", "", 200, ""), `line 2: method "BREW"`},
		{"target", reportHead + exchange("GET", "%zz", "", 200, ""), `line 2: target "%zz" is not a URL`},
		{"repositories", reportHead + exchange("GET", "/v2/a/tags/list", "", 200, "") + exchange("GET", "/v2/b/tags/list", "", 200, "") + exchange("GET", "/v2/c/tags/list", "", 200, ""),
			"repositories a, b and c: want at most two"},
		{"request", reportHead + exchange("GET", "/v2/a/b/tags/list", "", 200, "") + exchange("GET", "/v2/a/b/blobs/sha256:0", "", 200, ""),
			"GET /v2/a/b/blobs/sha256:0 is not a request of the conformance suite v1.0 at this place"},
		{"many", reportHead + strings.Repeat(exchange("GET", "/v2/a/b/tags/list", "", 401, ""), 1001), "1001 exchanges: want at most 1000"},
		{"date", strings.Replace(strings.Replace(reportHead, "v1.0", "v1.1", 1), "2024-05-06", "May", 1) +
			exchange("POST", "/v2/c/blobs/uploads/?from=a&mount="+digest.FromString("").String(), "", 201, ""), `date "May"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := fidelity.Import(strings.NewReader(tc.text))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(exampleReport()))
	f.Add([]byte(reportHead + exchange("GET", "/v2/a/b/manifests/latest", "", 200, `"***** BODY *****"`)))
	f.Add([]byte(strings.Replace(reportHead, "v1.0", "v1.1", 1) + exchange("GET", "/v2/a/b/referrers/sha256:0", "", 200, `{"manifests":[]}`)))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := fidelity.Import(bytes.NewReader(text))
		if err != nil {
			return
		}
		var written bytes.Buffer
		_, err = r.WriteTo(&written)
		require.NoError(t, err)
		_, err = fidelity.Read(&written)
		require.NoError(t, err)
	})
}
