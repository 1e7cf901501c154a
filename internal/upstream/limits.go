package upstream

import (
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
)

// maxProvisional is the maximum number of answers with status 1xx before the answer to a request.
const maxProvisional = 8

// withProvisionalLimit makes the request fail after too many provisional answers. A trace that is
// added later, as that of httputil is, runs before this one and does not hide its error.
func withProvisionalLimit(r *http.Request) *http.Request {
	count := 0
	return r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error {
			if count++; count > maxProvisional {
				return fmt.Errorf("more than %d provisional answers (1xx)", maxProvisional)
			}
			return nil
		},
	}))
}

// provisional lets answers with status 1xx pass without the fields that contain addresses or set
// cookies.
type provisional struct{ http.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (w provisional) WriteHeader(status int) {
	if status < http.StatusOK {
		header := w.Header()
		for _, name := range []string{"Location", "Link", "Www-Authenticate", "Set-Cookie", "Alt-Svc"} {
			header.Del(name)
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets [http.ResponseController] reach the writer.
func (w provisional) Unwrap() http.ResponseWriter { return w.ResponseWriter }
