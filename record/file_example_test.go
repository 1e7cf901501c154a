package record_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// head is a recorded request. registrytest records such.
func head() record.Exchange {
	return record.Exchange{
		Info:     op.Info{Op: op.ManifestHead, Method: "HEAD", Repo: "app", Tag: "v1"},
		Host:     "127.0.0.1:5000",
		Target:   "/v2/app/manifests/v1",
		Proto:    "HTTP/1.1",
		Header:   http.Header{"User-Agent": {"crane/1"}},
		Seq:      1,
		Start:    time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		Duration: 2 * time.Millisecond,
		Status:   http.StatusNotFound,
	}
}

// One exchange a line, for jq and the like.
func ExampleLog_WriteJSONL() {
	log := record.Log{head()}
	if err := log.WriteJSONL(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"seq":1,"start":"2026-03-01T12:00:00Z","op":"manifest.head","method":"HEAD","target":"/v2/app/manifests/v1","status":404,"durationNanos":2000000,"repo":"app","tag":"v1","host":"127.0.0.1:5000","proto":"HTTP/1.1","header":{"User-Agent":["crane/1"]}}
}

// Lines can be written one by one, while a recording goes on.
func ExampleLog_WriteJSONL_lines() {
	for seq := range uint64(2) {
		x := record.Exchange{Seq: seq + 1, Info: op.Info{Op: op.Ping, Method: "GET"}, Status: 200}
		if err := (record.Log{x}).WriteJSONL(os.Stdout); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// {"seq":1,"start":"0001-01-01T00:00:00Z","op":"ping","method":"GET","status":200}
	// {"seq":2,"start":"0001-01-01T00:00:00Z","op":"ping","method":"GET","status":200}
}

// A file answers the same questions as the log that was written.
func ExampleReadJSONL() {
	file := strings.NewReader(`
		{"seq":1,"start":"2026-03-01T12:00:00Z","op":"manifest.get","method":"GET","repo":"app","tag":"v1","status":200}
		{"seq":2,"start":"2026-03-01T12:00:01Z","op":"blob.get","method":"GET","repo":"app","status":404}
	`)
	log, err := record.ReadJSONL(file)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, x := range log {
		if record.Op(op.BlobGet).Match(&x) {
			fmt.Println(x.Op, x.Repo, x.Status)
		}
	}
	_, err = record.ReadJSONL(strings.NewReader(`{"seq":"one"}`))
	fmt.Println(err)
	// Output:
	// blob.get app 404
	// record: read JSON Lines: line 1: field "seq": a JSON string does not fit uint64
}

// A browser's network panel opens the file.
func ExampleLog_WriteHAR() {
	var file bytes.Buffer
	log := record.Log{head()}
	if err := log.WriteHAR(&file); err != nil {
		fmt.Println(err)
		return
	}
	var archive struct {
		Log struct {
			Version string
			Entries []struct{ Request struct{ Method, URL string } }
		}
	}
	if err := json.Unmarshal(file.Bytes(), &archive); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(archive.Log.Version, archive.Log.Entries)
	// Output:
	// 1.2 [{{HEAD http://127.0.0.1:5000/v2/app/manifests/v1}}]
}

// Nothing is lost in a HAR, and those that browsers wrote can be read as well.
func ExampleReadHAR() {
	var file bytes.Buffer
	log := record.Log{head()}
	if err := log.WriteHAR(&file); err != nil {
		fmt.Println(err)
		return
	}
	back, err := record.ReadHAR(&file)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(back[0].Op, back[0].Info.Tag, back[0].Status, back[0].Duration)

	browser := `{"log":{"entries":[{"startedDateTime":"2026-03-01T12:00:00Z","time":3.5,
		"request":{"method":"GET","url":"https://registry.example/v2/lib/app/tags/list?n=10"},
		"response":{"status":200}}]}}`
	if back, err = record.ReadHAR(strings.NewReader(browser)); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(back[0].Op, back[0].Repo, back[0].Host, back[0].Duration)
	// Output:
	// manifest.head v1 404 2ms
	// tag.list lib/app registry.example 3.5ms
}

// An exchange is one JSON object wherever it is marshalled.
func ExampleExchange_MarshalJSON() {
	data, err := json.Marshal(record.Exchange{
		Seq:  3,
		Info: op.Info{Op: op.Ping, Method: "GET"}, Secure: true,
		TLS:      &record.TLS{Version: "TLS 1.3"},
		Status:   200,
		Duration: time.Millisecond,
	})
	fmt.Println(string(data), err)
	// Output:
	// {"seq":3,"start":"0001-01-01T00:00:00Z","op":"ping","method":"GET","status":200,"durationNanos":1000000,"tls":{"version":"TLS 1.3"},"secure":true} <nil>
}
