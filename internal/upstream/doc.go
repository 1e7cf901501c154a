// Package upstream is a reverse proxy in front of one registry, as a handler behind the recorder,
// the faults and the authentication of a server. It is experimental.
//
//	base, err := upstream.ParseURL("https://registry.example")
//	u := upstream.New(base, upstream.Options{})
//	defer u.Close()
//	reg, err := server.Start(server.Config{Registry: u})
//
// Everything that the registry sends its clients to passes here too: token services, upload
// sessions, pages of lists, and the storage that blobs are redirected to. In place of an address
// that the registry names, a client receives a handle: an encrypted, authenticated and expiring path
// of this server. A handle is the only way to reach another host, so that the handler is not an open
// proxy: neither the Host field, nor the query, nor an absolute URL in a request chooses a host.
//
// # Exchanges
//
// A request passes the methods of one passage: target decides where it goes, request what is sent,
// and answer rewrites what comes back. The layers below speak plain HTTP, as [http.RoundTripper]s:
//
//	passage -> login (with credentials of ours) -> http.Transport
//
// What passes can be observed in two places. A handler around [Upstream] sees what clients see. A
// Tap of [Options] sees, below login, what the registry and the hosts that it names have
// sent, before rewriting, with the address of each host in the URL of the request.
package upstream
