package lint_test

import (
	"bytes"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registrytest"
)

// FuzzCheck reads logs that anybody may have written.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		`{"seq":1,"op":"upload.start","method":"POST","target":"/v2/app/blobs/uploads/","status":202,"repo":"app","host":"a","responseHeader":{"Location":["/x?a=b"]}}` + "\n" +
			`{"seq":2,"op":"unknown","method":"PATCH","target":"/x?b=a","status":202,"host":"a","header":{"Content-Range":["0--1"]},"requestBytes":1}`,
		`{"seq":9,"op":"referrer.list","method":"GET","target":"%zz","status":404,"repo":"app","digest":"sha256","host":"a"}`,
		`{"seq":3,"op":"tag.list","method":"GET","target":"//[/v2/","status":200,"responseHeader":{"Link":["x; rel=next"]},"host":"["}`,
		`{"seq":4,"op":"token","method":"POST","target":"/v2/token?scope=a:b","status":200,"requestBody":"c2NvcGU9YTpiOmM="}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		log, _ := record.ReadJSONL(bytes.NewReader(text)) // what was read before an error is judged
		report := lint.Check(log)
		assert.Equal(t, len(log), report.Requests)
		var b bytes.Buffer
		require.NoError(t, report.WriteText(&b))
		require.NoError(t, report.WriteSARIF(&b, "fuzz.jsonl"))
	})
}

// TestMissing judges a log that lacks exchanges: rules on what a client did not do cannot judge.
func TestMissing(t *testing.T) {
	s := newSender(t)
	s.reg.Push(t, "app:v1", images.Random())
	for range 3 {
		s.send(http.MethodPost, "/v2/app/blobs/uploads/", "", "Content-Type: application/octet-stream")
	}
	log := s.reg.Requests()
	require.Len(t, lint.Check(log).Findings, 1)
	report := lint.Check(append(log[:1:1], log[2:]...))
	assert.Empty(t, report.Findings)
	require.Len(t, report.Unjudged, 1)
	assert.Equal(t, "upload-left-open", report.Unjudged[0].Rule)
}

// TestReportAgain: a report is that of all exchanges so far, however often it is taken.
func TestReportAgain(t *testing.T) {
	s := newSender(t)
	s.send(http.MethodPost, "/v2/app/blobs/uploads/", "")
	l := lint.New()
	log := s.reg.Requests()
	l.Add(&log[0])
	first := l.Report()
	assert.Equal(t, first, l.Report())
	assert.Len(t, first.Findings, 1)
}

// BenchmarkCheck judges a push and a pull; its unit is an exchange.
func BenchmarkCheck(b *testing.B) {
	log := recorded(b)
	for i := 0; i < b.N; i += len(log) {
		lint.Check(log)
	}
}

// BenchmarkLinter judges one log without end.
func BenchmarkLinter(b *testing.B) {
	log := recorded(b)
	l := lint.New()
	for i := range b.N {
		l.Add(&log[i%len(log)])
	}
	l.Report()
}

// BenchmarkJSONL reads JSON Lines and judges them; its unit is an exchange.
func BenchmarkJSONL(b *testing.B) {
	log := recorded(b)
	var text bytes.Buffer
	for copies := uint64(0); copies*uint64(len(log)) < uint64(b.N); copies++ {
		later := slices.Clone(log)
		for i := range later {
			later[i].Seq += copies * uint64(len(log))
			later[i].Conn += 1000 * copies
			later[i].Start = later[i].Start.Add(time.Duration(copies) * time.Minute)
		}
		require.NoError(b, later.WriteJSONL(&text))
	}
	b.SetBytes(int64(text.Len() / b.N))
	b.ReportAllocs()
	b.ResetTimer()
	l := lint.New()
	for x, err := range record.ScanJSONL(&text) {
		require.NoError(b, err)
		l.Add(x)
	}
	l.Report()
}

func recorded(b *testing.B) record.Log {
	b.Helper()
	reg, err := registrytest.Start(registrytest.WithInMemory())
	require.NoError(b, err)
	defer reg.Close()
	reg.Push(b, "app:v1", images.Random())
	for range 50 {
		for _, path := range []string{"/v2/", "/v2/app/manifests/v1", "/v2/app/tags/list?n=1", "/v2/app/blobs/sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"} {
			answer, err := reg.Client().Get(reg.URL() + path)
			require.NoError(b, err)
			answer.Body.Close()
		}
	}
	return reg.Requests()
}
