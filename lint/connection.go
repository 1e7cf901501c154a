package lint

import (
	"slices"
	"time"

	"github.com/ocifake/ocifake/internal/pattern"
	"github.com/ocifake/ocifake/op"
)

func connectionRules() []Rule {
	return []Rule{{
		ID: "requests-in-flight", Severity: Waste,
		Title: "a client has more than 32 requests in flight",
		Why:   "Registries and proxies limit connections and requests of an address, and answer 429 or close connections.",
		Fix:   "Bound the number of transfers at a time, to five for example.",
		Wrong: "GET …/blobs/… (40 at a time)",
		Right: "GET …/blobs/… (5 at a time)",
		judge: judgeFlight,
	}, {
		ID: "connection-each-request", Severity: Waste,
		Title:   "each request has a connection of its own",
		Why:     "Each connection costs handshakes, several round trips with TLS.",
		Fix:     "Use one HTTP client for all requests, read each body to its end, and close it.",
		Wrong:   "POST … (connection 1), PATCH … (connection 2), PUT … (connection 3), …",
		Right:   "POST …, PATCH …, PUT … (connection 1)",
		history: true, finish: finishConnections,
	}, {
		ID: "http-1.0", Severity: Should,
		Title:    "requests are HTTP/1.0",
		Why:      "There are no chunked bodies, no kept connections and no required Host.",
		Source:   "RFC 9110, section 6.2",
		Sentence: "A client SHOULD send a request version equal to the highest version to which the client is conformant and whose major version is no higher than the highest version supported by the server, if this is known.",
		Fix:      "Send HTTP/1.1.",
		Wrong:    "GET /v2/ HTTP/1.0",
		Right:    "GET /v2/ HTTP/1.1",
		judge: func(_ *Linter, x *exchange) *found {
			if x.Proto == "HTTP/1.0" {
				return in(x, nil, "%s %s is HTTP/1.0", x.Method, x.Target)
			}
			return nil
		},
	}, {
		ID: "user-agent-missing", Severity: Should,
		Title:    "requests have no User-Agent",
		Why:      "The operator of a registry cannot tell which client causes trouble, and some registries refuse it.",
		Source:   "RFC 9110, section 10.1.5",
		Sentence: "A user agent SHOULD send a User-Agent header field in each request unless specifically configured not to do so.",
		Fix:      "Send the name and version of the client.",
		Wrong:    "GET /v2/",
		Right:    "GET /v2/, User-Agent: mytool/1.2",
		judge: func(_ *Linter, x *exchange) *found {
			if x.agent() == "" {
				return in(x, nil, "%s %s has no User-Agent", x.Method, x.Target)
			}
			return nil
		},
	}, {
		ID: "user-agent-default", Severity: Waste,
		Title: "the User-Agent is that of a library",
		Why:   "The operator of a registry cannot tell which client causes trouble: a limit affects everyone who uses the library.",
		Fix:   "Send the name and version of the client.",
		Wrong: "GET /v2/, User-Agent: Go-http-client/1.1",
		Right: "GET /v2/, User-Agent: mytool/1.2",
		judge: func(_ *Linter, x *exchange) *found {
			if x.client.library {
				return in(x, nil, "%s %s has User-Agent %q", x.Method, x.Target, x.agent())
			}
			return nil
		},
	}}
}

// library matches the User-Agent of HTTP libraries.
var library = pattern.Regexp(`(?i)^(go-http-client|python-requests|python-urllib|python-httpx|aiohttp|httpx|java|java-http-client|okhttp|apache-httpclient|axios|node|node-fetch|undici|got|reqwest|hyper|ureq|ruby|faraday|guzzlehttp|libcurl|libwww-perl|dart)(/|\s|$)`)

// mostInFlight is the largest number of requests of a client at a time.
const mostInFlight = 32

func judgeFlight(l *Linter, x *exchange) *found {
	n := x.client.inFlight(x)
	if len(l.order) == 1 {
		n = max(n, x.InFlight)
	}
	if n <= mostInFlight {
		return nil
	}
	return in(x, nil, "%s %s is one of %d requests in flight", x.Method, x.Target, n)
}

// inFlight returns how many requests of the client were in flight when one began.
func (c *client) inFlight(x *exchange) int {
	n := 1
	for _, end := range c.flying {
		if end.After(x.Start) {
			n++
		}
	}
	return n
}

// maxFlying bounds how many requests in flight are remembered.
const maxFlying = 4 * mostInFlight

// learnFlight remembers when an exchange ends.
func (c *client) learnFlight(x *exchange) {
	c.flying = slices.DeleteFunc(c.flying, func(end time.Time) bool { return !end.After(x.Start) })
	if len(c.flying) < maxFlying && x.end.After(x.Start) {
		c.flying = append(c.flying, x.end)
	}
	c.conns.learn(x)
}

// connections counts the connections of a client, to see whether it uses them again.
type connections struct {
	first  *exchange
	again  bool // a request came on a connection that had carried another
	single int  // requests on connections of their own
	joined int  // of them, those that follow from an earlier one: the same process sent both
}

func (c *connections) learn(x *exchange) {
	switch {
	case x.Conn == 0:
	case x.ConnSeq > 1:
		c.again = true
	case x.answered():
		if c.first == nil {
			c.first = x
		}
		c.single++
		if x.session != nil && x.session.opener.Conn != x.Conn || x.kind == op.BlobGet && x.client.manifestLists(x) {
			c.joined++
		}
	}
}

// manifestLists reports whether a blob is fetched that a manifest lists, which the client has fetched.
func (c *client) manifestLists(x *exchange) bool {
	return c.listed.Get(x.repo() + "@" + string(x.Info.Digest))
}

// leastConnections is the number of connections that show a habit.
const leastConnections = 4

func finishConnections(l *Linter) []found {
	var all []found
	for _, c := range l.order {
		if k := c.conns; !k.again && k.single >= leastConnections && k.joined > 0 {
			all = append(all, *in(k.first, nil, "%d requests have %d connections", k.single, k.single))
		}
	}
	return all
}
