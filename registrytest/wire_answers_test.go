package registrytest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/ocifake/ocifake/faults"
)

func TestWireAnswers(t *testing.T) { runWire(t, answerCases) }

var answerCases = []wireCase{
	status("5xx", faults.Status(503), seen{status: 503, body: []byte("Service Unavailable\n"),
		header: "Content-Type: text/plain; charset=utf-8\nContent-Length: 20"}),
	status("4xx", faults.Status(404), seen{status: 404, body: []byte(`{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}`),
		header: "Content-Type: application/json\nContent-Length: 73\nDocker-Distribution-Api-Version: registry/2.0"}),
	status("2xx", faults.Status(202), seen{status: 202, header: "Content-Length: 0"}),
	status("no content", faults.Status(204), seen{status: 204}),
	status("not modified", faults.Status(304), seen{status: 304}),
	status("error", faults.Status(403).Error("DENIED", "not {repo}").Detail(map[string]int{"n": 1}), seen{status: 403,
		body:   []byte(`{"errors":[{"code":"DENIED","message":"not app","detail":{"n":1}}]}`),
		header: "Content-Type: application/json\nContent-Length: 67"}),
	status("page", faults.Status(502).HTML(), seen{status: 502, body: []byte(badGateway),
		header: "Content-Type: text/html\nContent-Length: 150"}),
	status("page that claims to be JSON", faults.Status(502).HTML().Type("application/json"), seen{status: 502, body: []byte(badGateway),
		header: "Content-Type: application/json\nContent-Length: 150"}),
	status("malformed", faults.Status(400).Body("application/json", `{"errors":[`), seen{status: 400, body: []byte(`{"errors":[`),
		header: "Content-Type: application/json\nContent-Length: 11"}),
	status("empty", faults.Status(500).Body("", ""), seen{status: 500, header: "Content-Length: 0"}),
	status("without a type", faults.Status(500).Body("", "<html>"), seen{status: 500, body: []byte("<html>"), header: "Content-Length: 6"}),
	status("retry after seconds", faults.Status(429).Body("", "").RetryAfter(1500*time.Millisecond).
		Header("RateLimit-Limit", "100;w=21600").Header("X-Twice", "a", "b"), seen{status: 429,
		header: "Content-Length: 0\nRetry-After: 2\nRatelimit-Limit: 100;w=21600\nX-Twice: a\nX-Twice: b"}),
	{
		name: "retry after a date", only: inMemory, // where every test begins at the same moment
		do: []faults.Effect{faults.Status(503).RetryAt(time.Hour).Body("", "")},
		want: func(*wire) seen {
			return seen{status: 503, alone: true, header: "Content-Length: 0\nRetry-After: Sat, 01 Jan 2000 01:00:00 GMT"}
		},
	},
	{
		name: "to HEAD", do: []faults.Effect{faults.Status(404)},
		ask: func(w *wire) rawAsk { return w.blob(w.small).by(http.MethodHead) },
		want: func(*wire) seen {
			return seen{status: 404, alone: true, header: "Content-Type: application/json\nContent-Length: 73\nDocker-Distribution-Api-Version: registry/2.0"}
		},
	},
	{
		name: "to a request with a body", do: []faults.Effect{faults.Status(500).Body("", "no")},
		talk: func(t *testing.T, w *wire) {
			for _, size := range []int{1, 1000, 200 << 10} {
				w.reg.Faults().Clear()
				w.inject(t, faults.On().Times(1).Optional().Do(faults.Status(500).Body("", "no")))
				talk := w.talk(t)
				q := rawAsk{method: "PUT", target: "/v2/app/manifests/v3", body: make([]byte, size)}
				want := seen{status: 500, body: []byte("no"), alone: true, header: "Content-Length: 2"}
				got := ask(t, talk, q)
				want.check(t, w, got, w.expected(want, got), q)
				w.checkRecord(t, got)
				requireSame(t, ask(t, w.talk(t), w.blob(w.small)), ask(t, talk, w.blob(w.small)))
			}
		},
	},
}

// badGateway is the page of a proxy.
const badGateway = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n" +
	"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

// status is a case of an answer in the registry's place.
func status(name string, answer faults.Answer, want seen) wireCase {
	want.alone = true
	return wireCase{name: "status " + name, do: []faults.Effect{answer}, want: func(*wire) seen { return want }}
}
