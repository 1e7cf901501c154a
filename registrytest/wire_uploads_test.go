package registrytest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

func TestWireUploads(t *testing.T) { runWire(t, uploadCases) }

var uploadCases = []wireCase{
	{name: "lose-upload", do: []faults.Effect{faults.LoseUpload()}, talk: loseUpload},
	{name: "drop-chunk", do: []faults.Effect{faults.DropChunk()}, talk: dropChunk},
	{name: "drop-chunk at the commit", do: []faults.Effect{faults.DropChunk()}, talk: dropLastChunk},
	{name: "shift-progress", do: []faults.Effect{faults.ShiftProgress(1)}, talk: func(t *testing.T, w *wire) {
		progress(t, w, faults.ShiftProgress(1), rangeOf(401))
	}},
	{name: "shift-progress back", do: []faults.Effect{faults.ShiftProgress(-1)}, talk: func(t *testing.T, w *wire) {
		progress(t, w, faults.ShiftProgress(-1), rangeOf(399))
	}},
	{name: "stuck-progress", do: []faults.Effect{faults.StuckProgress()}, talk: func(t *testing.T, w *wire) {
		progress(t, w, faults.StuckProgress(), rangeOf(100))
	}},
	{name: "refuse-stale", do: []faults.Effect{faults.RefuseStale()}, talk: refuseStale},
	{name: "session on another host", do: []faults.Effect{faults.Location{Host: "{cdnhost}"}}, talk: movedSession},
	{name: "lose-reply of a chunk", do: []faults.Effect{faults.LoseReply()}, talk: loseChunkReply},
	{name: "lose-reply of a commit", do: []faults.Effect{faults.LoseReply()}, talk: loseCommitReply},
	{name: "lose-reply of a manifest", do: []faults.Effect{faults.LoseReply()}, talk: loseManifestReply},
	{name: "trickle of a chunk", only: inMemory, do: []faults.Effect{faults.Trickle(100, time.Second).OfRequest()}, talk: trickleOfChunk},
}

// session is an upload that has begun.
type session struct {
	*wire
	talk     rawTalk
	location string
}

func (w *wire) begin(t testing.TB) *session {
	t.Helper()
	s := &session{wire: w, talk: w.talk(t)}
	require.Equal(t, 202, s.do(t, startUpload()).status)
	return s
}

// do asks, and goes on at the Location that it is told.
func (s *session) do(t testing.TB, q rawAsk) *rawAnswer {
	t.Helper()
	a := ask(t, s.talk, q)
	if a.status == 202 || a.status == 204 {
		require.Len(t, a.fields["Location"], 1)
		s.location = a.fields["Location"][0]
	}
	return a
}

func (s *session) patch(t testing.TB, chunk []byte) *rawAnswer {
	t.Helper()
	return s.do(t, rawAsk{method: "PATCH", target: s.location, body: chunk}.with("Content-Type: application/octet-stream"))
}

func (s *session) commit(t testing.TB, last []byte, d digest.Digest) *rawAnswer {
	t.Helper()
	return s.do(t, rawAsk{method: "PUT", target: s.location + "&digest=" + string(d), body: last})
}

// requireAt asks on a new connection how much has arrived, and goes on there.
func (s *session) requireAt(t testing.TB, n int) {
	t.Helper()
	s.talk = s.wire.talk(t)
	a := s.do(t, rawAsk{target: s.location})
	require.Equal(t, 204, a.status)
	require.Equal(t, []string{rangeOf(n)}, a.fields["Range"])
}

func rangeOf(n int) string { return fmt.Sprintf("0-%d", max(n-1, 0)) }

func (s *session) requireBlob(t *testing.T, content []byte) {
	t.Helper()
	a := ask(t, s.wire.talk(t), inApp("blobs/"+string(digest.FromBytes(content))))
	require.Equal(t, 200, a.status)
	requireBytes(t, content, a.body)
}

// finish uploads the rest of a content in order.
func (s *session) finish(t *testing.T, rest, content []byte) {
	t.Helper()
	require.Equal(t, 202, s.patch(t, rest).status)
	a := s.commit(t, nil, digest.FromBytes(content))
	require.Equal(t, 201, a.status)
	require.Equal(t, []string{string(digest.FromBytes(content))}, a.fields["Docker-Content-Digest"])
	s.requireBlob(t, content)
}

var content = []byte(strings.Repeat("0123456789", 100)) // of uploads

func loseUpload(t *testing.T, w *wire) {
	for _, lose := range []op.Op{op.UploadChunk, op.UploadCommit, op.UploadStatus} {
		w.reg.Faults().Clear()
		w.inject(t, faults.On(lose).Times(1).Optional().Do(faults.LoseUpload()))
		s := w.begin(t)
		chunk := s.patch(t, content[:100])
		if lose == op.UploadCommit {
			require.Equal(t, 202, chunk.status)
			chunk = s.commit(t, nil, digest.FromBytes(content[:100]))
		} else if lose == op.UploadStatus {
			chunk = s.do(t, rawAsk{target: s.location})
		}
		require.Equal(t, 404, chunk.status)
		assert.Contains(t, string(chunk.body), `"BLOB_UPLOAD_UNKNOWN"`)
		w.checkRecord(t, chunk)
		assert.Equal(t, 404, ask(t, w.talk(t), rawAsk{target: s.location}).status, "it is gone for good")
		assert.Equal(t, 404, ask(t, w.talk(t), inApp("blobs/"+string(digest.FromBytes(content[:100])))).status)
	}
}

// progress uploads in chunks, of which the second is answered with a wrong Range.
func progress(t *testing.T, w *wire, e faults.Effect, want string) {
	t.Helper()
	w.inject(t, faults.On(op.UploadChunk).After(1).Times(1).Do(e))
	s := w.begin(t)
	require.Equal(t, []string{rangeOf(100)}, s.patch(t, content[:100]).fields["Range"])
	wrong := s.patch(t, content[100:400])
	require.Equal(t, 202, wrong.status)
	require.Equal(t, []string{want}, wrong.fields["Range"])
	w.checkRecord(t, wrong)
	s.requireAt(t, 400)
	s.finish(t, content[400:], content)
}

func refuseStale(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.UploadChunk, op.UploadCommit).Times(2).Do(faults.RefuseStale()))
	s := w.begin(t)
	first := s.location
	require.Equal(t, 202, s.patch(t, content[:400]).status)
	latest := s.location
	for _, send := range []func() *rawAnswer{
		func() *rawAnswer { return s.patch(t, content[400:]) },
		func() *rawAnswer { return s.commit(t, content[400:], digest.FromBytes(content)) },
	} {
		s.location = first
		got := send()
		require.Equal(t, 404, got.status)
		assert.Contains(t, string(got.body), `"BLOB_UPLOAD_UNKNOWN"`)
		w.checkRecord(t, got)
	}
	s.location = latest
	s.requireAt(t, 400)
	s.finish(t, content[400:], content)
}

// movedSession uploads to the second origin, which needs no credentials.
func movedSession(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.UploadStart).Times(1).Do(faults.Location{Host: "{cdnhost}"}))
	client := w.reg.Client()
	do := func(method, url string, body []byte) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Content-Type", "application/octet-stream")
		response, err := client.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response
	}
	begun := do(http.MethodPost, w.reg.URL()+"/v2/app/blobs/uploads/", nil)
	require.Equal(t, 202, begun.StatusCode)
	moved, err := begun.Location()
	require.NoError(t, err)
	require.NotEqual(t, w.reg.Host(), moved.Host)
	chunk := do(http.MethodPatch, moved.String(), content[:400])
	require.Equal(t, 202, chunk.StatusCode)
	require.Equal(t, rangeOf(400), chunk.Header.Get("Range"))
	next, err := chunk.Location()
	require.NoError(t, err)
	require.Equal(t, moved.Host, next.Host, "the session stays there")
	require.Equal(t, 201, do(http.MethodPut, next.String()+"&digest="+string(digest.FromBytes(content)), content[400:]).StatusCode)
	w.begin(t).requireBlob(t, content)
	w.reg.Require(t, record.Op(op.UploadChunk), record.Host(moved.Host)).Count(1)
	forged := do(http.MethodPatch, moved.Scheme+"://"+moved.Host+"/v2/app/blobs/uploads/"+"00000000-0000-4000-8000-000000000000", content)
	require.Equal(t, 404, forged.StatusCode)
}

func dropChunk(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.UploadChunk).After(1).Times(1).Do(faults.DropChunk()))
	s := w.begin(t)
	require.Equal(t, []string{"0-399"}, s.patch(t, content[:400]).fields["Range"])
	dropped := s.patch(t, content[400:700])
	require.Equal(t, 202, dropped.status)
	require.Equal(t, []string{"0-399"}, dropped.fields["Range"], "it has not moved on")
	w.checkRecord(t, dropped)
	s.requireAt(t, 400)
	bad := s.commit(t, nil, digest.FromBytes(content[:700]))
	require.Equal(t, 400, bad.status)
	assert.Contains(t, string(bad.body), `"DIGEST_INVALID"`)
	s.requireAt(t, 400)
	s.finish(t, content[400:], content)
}

func dropLastChunk(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.UploadCommit).Times(1).Do(faults.DropChunk()))
	s := w.begin(t)
	require.Equal(t, 202, s.patch(t, content[:400]).status)
	bad := s.commit(t, content[400:], digest.FromBytes(content))
	require.Equal(t, 400, bad.status)
	assert.Contains(t, string(bad.body), `"DIGEST_INVALID"`)
	w.checkRecord(t, bad)
	s.requireAt(t, 400)
	require.Equal(t, 201, s.commit(t, content[400:], digest.FromBytes(content)).status)
	s.requireBlob(t, content)
}

// requireLost is that there is no answer to a request, which was carried out.
func (w *wire) requireLost(t *testing.T, got *rawAnswer) {
	t.Helper()
	assert.Zero(t, got.status)
	assert.Empty(t, got.head)
	assert.Empty(t, got.body)
	assert.Equal(t, map[bool]string{false: fin, true: "RST_STREAM INTERNAL_ERROR"}[w.http2], got.end)
	w.checkRecord(t, got)
}

func loseChunkReply(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.UploadChunk).Times(1).Do(faults.LoseReply()))
	s := w.begin(t)
	w.requireLost(t, s.patch(t, content[:400]))
	s.requireAt(t, 400)
	s.finish(t, content[400:], content)
}

func loseCommitReply(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.UploadCommit).Times(1).Do(faults.LoseReply()))
	s := w.begin(t)
	w.requireLost(t, s.commit(t, content, digest.FromBytes(content)))
	s.requireBlob(t, content)
	assert.Equal(t, 404, ask(t, w.talk(t), rawAsk{target: s.location}).status, "the session has ended with it")
}

func loseManifestReply(t *testing.T, w *wire) {
	v1 := ask(t, w.talk(t), inApp("manifests/v1"))
	w.inject(t, faults.On(op.ManifestPut).Times(1).Do(faults.LoseReply()))
	w.requireLost(t, ask(t, w.talk(t), putManifest("v3", v1.body)))
	requireSame(t, v1, ask(t, w.talk(t), inApp("manifests/v3")))
}

func putManifest(tag string, manifest []byte) rawAsk {
	q := rawAsk{method: "PUT", target: "/v2/app/manifests/" + tag, body: manifest}
	return q.with("Content-Type: application/vnd.oci.image.manifest.v1+json")
}

func trickleOfChunk(t *testing.T, w *wire) {
	w.inject(t, faults.On(op.UploadChunk).Times(1).Do(faults.Trickle(100, time.Second).OfRequest()))
	s := w.begin(t)
	got := s.patch(t, content[:950])
	require.Equal(t, 202, got.status)
	require.Equal(t, []string{"0-949"}, got.fields["Range"])
	assert.Equal(t, 9*time.Second, got.took)
	w.checkRecord(t, got)
	s.finish(t, content[950:], content)
}

func TestWireCutUploads(t *testing.T) { runWire(t, cutUploadCases()) }

// cutUploadCases end the connection or the stream while a chunk comes in: what has
// arrived is kept and told.
func cutUploadCases() (cases []wireCase) {
	big := []byte(strings.Repeat("0123456789", 10_000))
	for _, cut := range cuts {
		for _, n := range []int{0, 1, 40_000, len(big) - 1, len(big)} {
			effect := cut.after(int64(n)).OfRequest()
			cases = append(cases, wireCase{
				name: fmt.Sprintf("%s after %d bytes of the request", cut.name, n), do: []faults.Effect{effect},
				talk: func(t *testing.T, w *wire) {
					rule := faults.On(op.UploadChunk).Times(1).Do(effect)
					if n == len(big) {
						rule = rule.Optional()
					}
					w.inject(t, rule)
					s := w.begin(t)
					got := s.patch(t, big)
					if n == len(big) { // goes through
						require.Equal(t, 202, got.status)
					} else {
						end := cut.end
						if w.http2 {
							end = cut.end2(struck{stream: 3, other: 1})
						}
						require.Equal(t, end, got.end)
						require.Zero(t, got.status)
					}
					if n == len(big) {
						w.reg.Require(t, record.Faulted()).Count(0)
					} else {
						w.checkRecord(t, got)
					}
					kept := n
					if strings.HasPrefix(cut.name, "goaway") && n < len(big) {
						kept = 0 // the registry has seen nothing of it, as GOAWAY says
					}
					s.requireAt(t, kept)
					s.finish(t, big[kept:], big)
				},
			})
		}
		cases = append(cases, wireCase{name: cut.name + " of a push at once", talk: func(t *testing.T, w *wire) {
			w.inject(t, faults.On(op.BlobPost, op.ManifestPut).Times(2).Do(cut.after(100).OfRequest()))
			blob := rawAsk{method: "POST", target: "/v2/app/blobs/uploads/?digest=" + string(digest.FromBytes(big)), body: big}
			manifest := ask(t, w.talk(t), inApp("manifests/v1")).body
			for _, q := range []rawAsk{blob, putManifest("v3", manifest)} {
				got := ask(t, w.talk(t), q)
				assert.Zero(t, got.status)
				assert.NotEqual(t, whole, got.end)
				w.checkRecord(t, got)
			}
			assert.Equal(t, 404, ask(t, w.talk(t), inApp("blobs/"+string(digest.FromBytes(big)))).status)
			assert.Equal(t, 404, ask(t, w.talk(t), inApp("manifests/v3")).status)
			assert.Equal(t, 201, ask(t, w.talk(t), blob).status)
		}})
	}
	return cases
}
