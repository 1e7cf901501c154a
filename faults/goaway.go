package faults

import "net/http"

// GoAwayGracefully serves the request and ends its connection, as a proxy does that
// is replaced: a GOAWAY frame says that this will happen, a second one names the last
// stream that is answered, and the connection ends when the streams up to it have
// ended (RFC 9113, 6.8). Nothing fails unless the client sends further requests there.
// In HTTP/1.1 the answer has "Connection: close", and the connection ends with it.
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
