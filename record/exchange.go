package record

import (
	"net/http"
	"time"

	"github.com/ocifake/ocifake/op"
)

// Exchange is a request and its answer, exactly as the client saw them. In a [Log] it is a
// copy: changing it changes nothing else. Secrets in headers and in the target are
// replaced by "[redacted]", unless the recorder keeps them.
type Exchange struct {
	op.Info    // the facts of the request
	op.Learned // what the registry has found out about it

	Host   string      // that the client asked for, with its port if it named one
	Target string      // the request target: path and query as they were sent
	Proto  string      // "HTTP/1.1", "HTTP/2.0"
	Secure bool        // the request came over TLS
	Header http.Header // of the request, with names in canonical form

	Seq      uint64        // numbers the requests in the order in which they began, from 1
	Conn     uint64        // number of the connection, from 1; 0 if the server is not the recorder's own
	Reused   bool          // the connection had carried a request before
	Remote   string        // address of the client
	TLS      *TLS          // nil in the clear
	Start    time.Time     // when the handler got the request
	InFlight int           // requests that were being answered then, this one included
	First    time.Duration // from Start to the header of the answer
	Duration time.Duration // from Start to the end of the answer

	Scheme string // of the credentials: "Basic", "Bearer"; empty if there were none

	RequestBytes   int64  // that were read of the body
	RequestBody    []byte // of manifests and token requests, up to the recorder's limit
	RequestBodyCut bool   // RequestBody lacks its end

	Status          int         // 0 if there was no answer
	ResponseHeader  http.Header // as the handler set it; secrets are replaced
	ResponseBytes   int64       // of the body that were sent
	ResponseBody    []byte      // of manifests, lists, tokens and errors, up to the recorder's limit
	ResponseBodyCut bool        // ResponseBody lacks its end
	Codes           []string    // error codes in the body: "BLOB_UNKNOWN"

	Open bool // not yet answered to the end when the log was taken; bodies are not there yet
	Left bool // the client went away before the end
	Cut  bool // the answer ended before it was complete
}

// TLS is what is on record of the TLS of a connection.
type TLS struct {
	Version    string // "TLS 1.3"
	ServerName string // that the client asked for
	Client     string // subject of the client's certificate, if it sent one
}

// Connection is an accepted connection, also one that never carried a request.
type Connection struct {
	ID       uint64
	Remote   string
	TLS      *TLS      // nil in the clear, and if the handshake failed
	Opened   time.Time // when it was accepted
	Closed   time.Time // zero while it is open
	Requests int       // that it carried
	In, Out  int64     // bytes, those of TLS included
	Error    string    // why it was refused: a failed handshake, garbage
}

// Log is a list of exchanges in the order in which they began.
type Log []Exchange

// Mark is a moment in a recording; see [Since].
type Mark uint64
