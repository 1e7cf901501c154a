package fidelity_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/fidelity"
)

// server is a registry that answers with the first answer whose key begins the method, path and
// Authorization of a request, and notes the requests.
type server struct {
	answers  [][2]string // request; status and header fields, separated by "|"
	requests []string
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	size := 0
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		size = len(body)
	}
	line := strings.TrimSpace(fmt.Sprint(r.Method, " ", r.URL.RequestURI(), " ", strings.Fields(r.Header.Get("Authorization") + " -")[0]))
	s.requests = append(s.requests, fmt.Sprint(line, " ", size))
	resp := &http.Response{StatusCode: http.StatusNotFound, Header: http.Header{}, Body: http.NoBody, Request: r}
	for _, a := range s.answers {
		if !strings.HasPrefix(line, a[0]) {
			continue
		}
		parts := strings.Split(a[1], "|")
		if _, err := fmt.Sscan(parts[0], &resp.StatusCode); err != nil {
			return nil, err
		}
		for _, part := range parts[1:] {
			if text, ok := strings.CutPrefix(part, "{"); ok {
				resp.Body = io.NopCloser(strings.NewReader("{" + text))
				continue
			}
			name, value, _ := strings.Cut(part, ": ")
			resp.Header.Set(name, value)
		}
		break
	}
	return resp, nil
}

func recording(t *testing.T, exchanges ...string) *fidelity.Recording {
	t.Helper()
	head := `{"registry":"r","suite":"v1.0","date":"2025-01-01","source":"s","repo":"a/b","other":"a/c","order":"blobs","digests":{}}`
	r, err := fidelity.Read(strings.NewReader(head + "\n" + strings.Join(exchanges, "\n")))
	require.NoError(t, err)
	return r
}

func TestReplaySendsWhatTheRecordingLacks(t *testing.T) {
	s := &server{answers: [][2]string{
		{"POST /v2/a/b/blobs/uploads/ -", `401|WWW-Authenticate: Bearer realm="http://r.example/token",service="s",scope="repository:a/b:pull,push"`},
		{"POST /v2/a/b/blobs/uploads/ Bearer", "202|Location: /v2/a/b/blobs/uploads/1?_state=x"},
		{"GET /token?scope=repository%3Aa%2Fb%3Apull%2Cpush&service=s Basic", `200|{"access_token":"t"}`},
		{"PUT ", "201"}, {"DELETE ", "202"}, {"PATCH ", "416"},
	}}
	r := recording(t,
		`{"step":4,"case":"Pull: Setup: Populate registry with test layer","op":"upload.commit","request":"PUT {post}?digest=<layer>","auth":"Bearer","body":"<layer>","answer":{"status":201}}`)
	outcomes, err := r.Replay(t.Context(), fidelity.Target{URL: "http://r.example", Transport: s, Username: "u", Password: "p"})
	require.NoError(t, err)
	require.Len(t, outcomes, 1)
	assert.Empty(t, outcomes[0].Differences)
	layer := "sha256%3A48acff1d91752e957527c1b5416e7376d910bcacf01b9441175f8c270e35c183"
	layerPut := "PUT /v2/a/b/blobs/uploads/1?_state=x&digest=" + strings.Replace(layer, "%3A", ":", 1) + " - 168"
	at := slices.Index(s.requests, layerPut)
	require.GreaterOrEqual(t, at, 3, s.requests)
	assert.Equal(t, []string{
		"POST /v2/a/b/blobs/uploads/ - 0",
		"GET /token?scope=repository%3Aa%2Fb%3Apull%2Cpush&service=s Basic 0",
		"POST /v2/a/b/blobs/uploads/ Bearer 0",
	}, s.requests[:3], "the config is pushed before, with a token")
	assert.Contains(t, s.requests, "PUT /v2/a/b/manifests/tagtest0 - 391", "the manifests are pushed after")
	assert.NotContains(t, strings.Join(s.requests, "\n"), "HEAD", "requests that change nothing are left out")
}

func TestReplayWithoutALocation(t *testing.T) {
	s := &server{}
	r := recording(t,
		`{"step":4,"case":"Pull: Setup: Populate registry with test layer","op":"upload.commit","request":"PUT {post}?digest=<layer>","auth":"Bearer","body":"<layer>","answer":{"status":201}}`,
		`{"step":6,"case":"Pull: Setup: Get the name of a tag","op":"token","request":"GET {realm}","auth":"Basic","answer":{"status":200}}`,
		`{"step":7,"case":"Pull: Setup: Get the name of a tag","op":"manifest.put","request":"PUT /v2/<repo>/manifests/x","body":"<nothing>","answer":{"status":404}}`)
	outcomes, err := r.Replay(t.Context(), fidelity.Target{URL: "http://r.example", Transport: s})
	require.NoError(t, err)
	var got []string
	for _, o := range outcomes {
		for _, d := range o.Differences {
			got = append(got, d.String())
		}
	}
	assert.Equal(t, []string{
		"no Location in the answer to the request that opens the upload",
		"no challenge of the scheme Bearer precedes the request for a token",
		"the content <nothing> cannot be rebuilt",
	}, got)
	assert.Equal(t, fidelity.Summary{Exchanges: 3, Answered: 3}, fidelity.Summarize(outcomes))
}

// The client of the suite follows redirects, so that what is recorded is the answer of the
// storage.
func TestReplayFollowsRedirects(t *testing.T) {
	s := &server{answers: [][2]string{
		{"GET /v2/a/b/blobs/", "307|Location: http://storage.example/blob"},
		{"GET /blob -", "200|ETag: \"1\""},
	}}
	r := recording(t,
		`{"step":11,"case":"Pull: Pull blobs: GET request to existing blob URL should yield 200","op":"blob.get","request":"GET /v2/<repo>/blobs/<config0>","auth":"Bearer","answer":{"status":200,"header":{"Etag":"\"<tag>\""}}}`)
	outcomes, err := r.Replay(t.Context(), fidelity.Target{URL: "http://r.example", Transport: s})
	require.NoError(t, err)
	assert.Empty(t, outcomes[0].Differences)
}

func TestReplayOfARegistryThatCannotBeReached(t *testing.T) {
	r := recording(t, `{"step":11,"case":"Pull: Pull blobs: GET request to existing blob URL should yield 200","op":"blob.get","request":"GET /v2/<repo>/blobs/<config0>","answer":{"status":200}}`)
	_, err := r.Replay(t.Context(), fidelity.Target{URL: "http://r.example", Transport: unreachable{}})
	require.ErrorIs(t, err, errUnreachable)
}

var errUnreachable = &url.Error{Op: "Get", URL: "x", Err: io.ErrClosedPipe}

type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) { return nil, errUnreachable }

func TestWriteTable(t *testing.T) {
	r := recording(t, `{"step":11,"case":"Pull: Pull blobs: GET request to existing blob URL should yield 200","op":"blob.get","request":"GET /v2/<repo>/blobs/<config0>","answer":{"status":404}}`)
	serve := func(answers ...[2]string) func(*fidelity.Recording) (fidelity.Target, bool) {
		return func(*fidelity.Recording) (fidelity.Target, bool) {
			return fidelity.Target{URL: "http://r.example", Transport: &server{answers: answers}}, true
		}
	}
	columns := []fidelity.Column{
		{Name: "none", Start: func(*fidelity.Recording) (fidelity.Target, bool) { return fidelity.Target{}, false }},
		{Name: "same", Start: serve()},
		{Name: "other", Start: serve([2]string{"GET ", "400|ETag: x"})},
	}
	rows, err := fidelity.Run(t.Context(), []*fidelity.Recording{r}, columns...)
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, fidelity.WriteTable(&text, rows, columns...))
	assert.Equal(t, ""+
		"registry  exchanges  not 401  not replayed  none  %  same  %      other  %\n"+
		"r         1          1        0             -     -  1     100.0  0      0.0\n", text.String())

	text.Reset()
	require.NoError(t, fidelity.WriteDifferences(&text, r, "other", rows[0].Outcomes[2]))
	assert.Contains(t, text.String(), "- other says `400 | Etag: <tag>`, r says `404`: blob.get 404 (GET /v2/<repo>/blobs/<config0>) (1 exchange)\n")
}
