package record

import (
	"net/http"
	"time"

	"github.com/ocifake/ocifake/op"
)

// Exchange is a request and its answer, as the client sent and received them. An exchange in
// a [Log] is a copy, which the caller may change. Secrets in headers, in the target, and in the
// bodies of token requests and of errors are replaced by fingerprints, see [Secret], unless the
// recorder keeps them.
type Exchange struct {
	op.Info    // the facts of the request
	op.Learned // what the registry found out about it

	Host   string      // the requested host, with its port if the client sent one
	Target string      // the request target: path and query as they were sent
	Proto  string      // "HTTP/1.1", "HTTP/2.0"
	Secure bool        // the request came over TLS
	Header http.Header // of the request, with names in canonical form

	Seq      uint64        // number of the request, in the order in which requests began, from 1
	Attempt  int           // number of the request among those for the same, from 1, see [Attempt]; 0 if it is not known
	Elapsed  time.Duration // from the start of the registry to Start; 0 if it is not known
	Conn     uint64        // number of the connection, from 1; 0 if the server is not the recorder's own
	ConnSeq  int           // number of the request on its connection, from 1; 0 if it is not known
	ConnAge  time.Duration // from the opening of the connection to Start; 0 if it is not known
	Remote   string        // address of the client
	TLS      *TLS          // nil without TLS
	Start    time.Time     // time at which the handler was called
	InFlight int           // number of requests in flight at that time, including this one
	First    time.Duration // from Start to the header of the answer
	Duration time.Duration // from Start to the end of the answer

	Scheme string // of the credentials: "Basic", "Bearer"; empty if there were none

	RequestBytes   int64  // number of bytes of the body that were read
	RequestBody    []byte // of manifests and token requests, up to the recorder's limit
	RequestBodyCut bool   // RequestBody lacks its end

	Status          int         // 0 if there was no answer
	ResponseHeader  http.Header // as the handler set it; secrets are replaced
	ResponseBytes   int64       // number of bytes of the body that were sent
	ResponseBody    []byte      // of manifests, lists, tokens and errors, up to the recorder's limit
	ResponseBodyCut bool        // ResponseBody lacks its end
	Codes           []string    // error codes in the body: "BLOB_UNKNOWN"

	Open bool // the answer had not ended when the log was taken; the bodies are missing
	Left bool // the client left before the end of the answer
	Cut  bool // the answer ended before it was complete
}

// TLS describes the TLS of a connection.
type TLS struct {
	Version    string // "TLS 1.3"
	ServerName string // requested by the client
	Client     string // subject of the client certificate, or ""
}

// Connection is an accepted connection, including one that carried no request.
type Connection struct {
	ID       uint64
	Remote   string
	Host     string    // host:port that the client asked a forward proxy for, with CONNECT; or ""
	TLS      *TLS      // nil without TLS, and if the handshake failed
	Opened   time.Time // time at which it was accepted
	Closed   time.Time // zero while it is open
	Requests int       // number of requests that it carried
	In, Out  int64     // bytes, including those of TLS
	Error    string    // reason for which it was refused, such as a failed handshake
}

// Log is a list of exchanges in the order in which they began.
type Log []Exchange

// Mark is a moment in a recording; see [Since].
type Mark uint64
