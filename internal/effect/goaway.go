package effect

import "net/http"

// GoAwayGracefully answers, and closes the connection to new requests.
type GoAwayGracefully struct{}

func (GoAwayGracefully) Kind() string { return "goaway-graceful" }

func (GoAwayGracefully) needs() need { return needConn }

func (GoAwayGracefully) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
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
