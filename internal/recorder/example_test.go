package recorder_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

// recordedRegistry is an empty registry that is recorded.
func recordedRegistry(options recorder.Options) (*recorder.Recorder, http.Handler) {
	rec := recorder.New(options)
	return rec, rec.Wrap(registry.New(memstore.New(memstore.Options{}), registry.Options{}))
}

func get(handler http.Handler, target string) {
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", target, nil))
}

// Any handler can be recorded, in any server.
func ExampleRecorder() {
	rec := recorder.New(recorder.Options{})
	handler := rec.Wrap(registry.New(memstore.New(memstore.Options{}), registry.Options{}))
	server := httptest.NewServer(handler)
	response, err := http.Get(server.URL + "/v2/app/manifests/v1")
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	server.Close()

	for _, x := range rec.Log() {
		fmt.Println(x.Op, x.Repo, x.Info.Tag, x.Status, x.Codes, x.Header.Get("User-Agent"))
	}
	// Output:
	// manifest.get app v1 404 [NAME_UNKNOWN] Go-http-client/1.1
}

func ExampleRecorder_Log() {
	rec, handler := recordedRegistry(recorder.Options{})
	get(handler, "/v2/")
	get(handler, "/v2/app/manifests/v1")
	get(handler, "/v2/app/tags/list")
	for _, x := range rec.Log(record.Repo("app"), record.Status("4xx")) {
		fmt.Println(x.Seq, x.Target)
	}
	// Output:
	// 2 /v2/app/manifests/v1
	// 3 /v2/app/tags/list
}

func ExampleRecorder_Follow() {
	rec, handler := recordedRegistry(recorder.Options{})
	manifests := rec.Follow(0, record.Op(op.ManifestGet))
	get(handler, "/v2/app/manifests/v1")
	get(handler, "/v2/app/tags/list")
	fmt.Println(manifests.Next(100).Ended.Ops())
	get(handler, "/v2/app/manifests/v2")
	for _, x := range manifests.Next(100).Ended {
		fmt.Println(x.Target)
	}
	// Output:
	// [manifest.get]
	// /v2/app/manifests/v2
}

// Who writes a log file wants what is cleared, too.
func ExampleFollower_Keep() {
	rec, handler := recordedRegistry(recorder.Options{})
	follower := rec.Follow(0)
	defer follower.Keep()()
	get(handler, "/v2/app/tags/list")
	rec.Clear()
	get(handler, "/v2/")
	for more := true; more; {
		news := follower.Next(100)
		fmt.Println(news.Ended.Ops())
		more = news.More
	}
	// Output:
	// [tag.list]
	// [ping]
}

func ExampleRecorder_Mark() {
	rec, handler := recordedRegistry(recorder.Options{})
	get(handler, "/v2/")
	mark := rec.Mark()
	get(handler, "/v2/app/tags/list")
	fmt.Println(rec.Log(record.Since(mark)).Ops())
	// Output: [tag.list]
}

func ExampleRecorder_Clear() {
	rec, handler := recordedRegistry(recorder.Options{})
	get(handler, "/v2/")
	rec.Clear()
	get(handler, "/v2/app/tags/list")
	fmt.Println(rec.Log().Ops())
	// Output: [tag.list]
}

// What there is no room for is dropped, the oldest first, and counted.
func ExampleRecorder_Dropped() {
	rec, handler := recordedRegistry(recorder.Options{MaxBytes: 64 << 10})
	for range 10_000 {
		get(handler, "/v2/")
	}
	fmt.Println(rec.Dropped() > 0, len(rec.Log())+rec.Dropped())
	// Output: true 10000
}

func ExampleRecorder_Wait() {
	rec, handler := recordedRegistry(recorder.Options{})
	go get(handler, "/v2/")
	err := rec.Wait(context.Background(), func(log record.Log) bool {
		return log.Count(record.Op(op.Ping), record.Status("200")) > 0
	})
	fmt.Println(err)
	// Output: <nil>
}

// To follow a recording, ask for the channel before looking.
func ExampleRecorder_Changed() {
	rec, handler := recordedRegistry(recorder.Options{})
	go get(handler, "/v2/")
	for {
		changed := rec.Changed()
		if log := rec.Log(record.Not(record.Open())); len(log) > 0 {
			fmt.Println(log.Ops())
			return
		}
		<-changed
	}
	// Output: [ping]
}

// A server that tells of its connections has those on record that never carried a
// request, too.
func ExampleRecorder_Accept() {
	rec, handler := recordedRegistry(recorder.Options{})
	server := httptest.NewUnstartedServer(handler)
	server.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return recorder.WithConn(ctx, c.(*tracked).record)
	}
	server.Listener = tracker{server.Listener, rec}
	server.Start()
	response, err := http.Get(server.URL + "/v2/")
	if err != nil {
		fmt.Println(err)
		return
	}
	response.Body.Close()
	server.Close()

	for _, c := range rec.Connections() {
		fmt.Println(c.ID, c.Requests, !c.Closed.IsZero(), c.In > 0, c.Out > 0)
	}
	// Output: 1 1 true true true
}

type tracker struct {
	net.Listener
	rec *recorder.Recorder
}

func (l tracker) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	t := &tracked{Conn: c}
	t.record = l.rec.Accept(c.RemoteAddr().String(), func() (in, out int64) { return t.in.Load(), t.out.Load() })
	return t, nil
}

type tracked struct {
	net.Conn
	record  *recorder.Accepted
	in, out atomic.Int64
}

func (t *tracked) Read(p []byte) (int, error) {
	n, err := t.Conn.Read(p)
	t.in.Add(int64(n))
	return n, err
}

func (t *tracked) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	t.out.Add(int64(n))
	return n, err
}

func (t *tracked) Close() error {
	defer t.record.Closed()
	return t.Conn.Close()
}
