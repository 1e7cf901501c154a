package faults

import "net/http"

// GoAwayGracefully serves the request and ends its connection, as a proxy does when it
// is replaced: a first GOAWAY frame announces the end, a second one names the last
// stream that is answered, and the connection ends when all streams up to it have ended
// (RFC 9113, 6.8). Requests fail only if the client sends more of them on this
// connection. In HTTP/1.1 the answer has "Connection: close", and the connection ends
// after it.
func GoAwayGracefully() Effect { return goAwayGracefully{} }

type goAwayGracefully struct{}

func (goAwayGracefully) kind() string { return "goaway-graceful" }

func (goAwayGracefully) needs() need { return needConn }

func (goAwayGracefully) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	out := &rewriter{ResponseWriter: w}
	if x.http2 {
		x.conn.GoAwayGracefully()
	} else {
		out.header = func(status int) int {
			w.Header().Set("Connection", "close")
			return status
		}
	}
	out.serve(r, next)
}
