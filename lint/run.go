package lint

import (
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/recent"
)

// run is a part of a client's requests that one process made, as far as the connections tell. A
// process that has an idle connection to a host uses it. So a request on another connection, while
// one is idle, comes from another process.
type run struct {
	busy  time.Time            // end of its requests
	conns map[uint64]*openConn // latest connections
	pings []uint64             // requests to /v2/ that an operation followed
	ping  uint64               // the latest request to /v2/, if no operation followed
}

type openConn struct {
	host     string
	end      time.Time // of its latest request
	closed   bool      // perhaps no further request can come
	declined bool      // the client asked to close it
}

// runs divides a client's requests into runs.
type runs struct {
	current *run
	byConn  *recent.Map[uint64, *run]
}

func newRuns() runs { return runs{byConn: recent.NewMap[uint64, *run](maxKeys)} }

const maxRunConns = 1 << 10

// of returns the run of a request.
func (r *runs) of(x *exchange) *run {
	if known := r.byConn.Get(x.Conn); known != nil && x.Conn != 0 {
		return known
	}
	opened := x.Start.Add(-x.ConnAge)
	if r.current == nil || x.Conn != 0 && r.current.idle(x.Host, opened) || len(r.current.conns) >= maxRunConns {
		r.current = &run{conns: map[uint64]*openConn{}}
	}
	r.byConn.Set(x.Conn, r.current)
	return r.current
}

// newProcess is less than what a process takes to begin. Virtual time does not pass between the
// requests of one process.
const newProcess = time.Millisecond

// unrelated is the pause after which a request counts as that of another process if the client
// keeps no connections, so that they tell nothing.
const unrelated = 10 * time.Millisecond

// maxIdle is less than the time after which clients close idle connections.
const maxIdle = 30 * time.Second

// idle reports whether a new connection to a host at a time shows that another process opened it.
func (r *run) idle(host string, at time.Time) bool {
	if !at.After(r.busy.Add(newProcess)) {
		return false
	}
	declined := len(r.conns) > 0
	for _, c := range r.conns {
		if c.host == host && !c.closed && at.Sub(c.end) < maxIdle {
			return true
		}
		declined = declined && c.declined
	}
	return declined && at.Sub(r.busy) > unrelated
}

// learnRun remembers when the connection of an exchange is free again.
func (r *runs) learnRun(x *exchange) {
	if x.end.After(x.run.busy) {
		x.run.busy = x.end
	}
	c := x.run.conns[x.Conn]
	if c == nil {
		c = &openConn{host: x.Host}
		x.run.conns[x.Conn] = c
	}
	c.end = x.end
	c.declined = strings.EqualFold(value(x.Header, "Connection"), "close")
	// Clients that do not read the body of an error close the connection.
	c.closed = !x.answered() || x.Status >= 300 || x.decided() || x.Proto == "HTTP/1.0" ||
		c.declined || strings.EqualFold(value(x.ResponseHeader, "Connection"), "close")
}
