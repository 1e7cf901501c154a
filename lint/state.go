package lint

import (
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/ocifake/ocifake/internal/recent"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// Bounds of what a Linter remembers.
const (
	maxClients = 1 << 12
	maxKeys    = 1 << 13 // keys of each map
	maxPending = 1 << 13 // things that are judged at the end of the log, of each kind
)

// state is what a Linter remembers of a log.
type state struct {
	requests int
	missing  uint64 // number of exchanges that are missing between others
	first    uint64 // number of the first exchange
	last     uint64 // number of the latest exchange
	met      int    // number of clients, including those that are forgotten
	order    []*client
	clients  *recent.Map[clientKey, *client]
	key      clientKey // of the latest client
	latest   *client
	sessions *recent.Map[string, *session]
	content  *recent.Map[string, *content] // by host and digest

	begun     pending[*session]
	subjects  pending[*due]   // manifests with a subject that the registry did not process
	referrals pending[*due]   // requests for referrers that were answered with 404
	stale     pending[*due]   // deletions of referrers on registries without the referrers API
	noAPI     map[string]bool // hosts that have no referrers API
	lists     pending[*list]
	tokens    pending[*tokenUse]
	failures  pending[*tries]
}

func newState() state {
	return state{
		noAPI:    map[string]bool{},
		clients:  recent.NewMap[clientKey, *client](maxClients),
		sessions: recent.NewMap[string, *session](maxKeys),
		content:  recent.NewMap[string, *content](maxKeys),
	}
}

// pending is a bounded list of what is judged at the end of the log.
type pending[T any] struct{ all []T }

func (p *pending[T]) add(item T) {
	if len(p.all) >= maxPending {
		p.all = slices.Delete(p.all, 0, maxPending/2)
	}
	p.all = append(p.all, item)
}

// drop removes the items that a function reports.
func (p *pending[T]) drop(is func(T) bool) { p.all = slices.DeleteFunc(p.all, is) }

// clientKey identifies a client: its address without the port, and its User-Agent.
type clientKey struct{ address, agent string }

// client is what is known of a client.
type client struct {
	runs
	known      *recent.Map[string, *knowledge]  // of content, by repository and digest
	holders    *recent.Map[string, []knowledge] // the repositories that have content, as far as the client knows, by host and digest
	pushing    *recent.Map[string, *knowledge]  // the request that pushed content, by repository and digest
	mounts     *recent.Map[string, *session]    // attempts to mount, by repository and digest; the session is nil if there is none
	fetched    *recent.Map[string, *fetch]      // manifests, by host and digest
	blobs      *recent.Map[string, *fetch]      // blobs, by host and digest
	tags       *recent.Map[string, *tagState]   // by repository and tag
	awaited    *recent.Map[string, *awaited]    // content that a manifest refers to and that was not there, by repository and digest
	pages      *recent.Map[string, *list]       // the latest page of a list, by its host and path
	fallbacks  *recent.Map[string, bool]        // referrers tags that were read since they were written, by repository and tag
	ranges     *recent.Map[string, *wholeRead]  // answers with everything to a request for a range, by URL
	challenged *recent.Map[string, *challenged]
	broken     *recent.Map[string, *tries] // the failed fetch of a blob, by digest
	tries      *recent.Map[string, *tries]
	realms     *recent.Map[string, *challenged] // the latest challenge by the token service that it names
	links      *recent.Map[string, *list]       // pages by their Link
	asked      *recent.Map[string, bool]        // actions that a challenge asked for, by host and resource
	issued     *recent.Map[string, *issued]     // tokens, by service and scope
	redirects  *recent.Map[string, *exchange]
	given      *recent.Map[string, bool] // URLs that answers gave to the client
	refused    *recent.Map[string, *exchange]
	listed     *recent.Map[string, bool] // content that a manifest lists which the client fetched, by repository and digest
	flying     []time.Time               // ends of requests, later than the start of the latest one
	conns      connections

	agent   string // the User-Agent
	library bool   // the User-Agent is that of a library
	follows bool   // the client has followed a Link
}

func newClient() *client {
	return &client{
		runs:       newRuns(),
		known:      recent.NewMap[string, *knowledge](maxKeys),
		holders:    recent.NewMap[string, []knowledge](maxKeys),
		pushing:    recent.NewMap[string, *knowledge](maxKeys),
		mounts:     recent.NewMap[string, *session](maxKeys),
		fetched:    recent.NewMap[string, *fetch](maxKeys),
		blobs:      recent.NewMap[string, *fetch](maxKeys),
		tags:       recent.NewMap[string, *tagState](maxKeys),
		awaited:    recent.NewMap[string, *awaited](maxKeys),
		pages:      recent.NewMap[string, *list](maxKeys),
		fallbacks:  recent.NewMap[string, bool](maxKeys),
		ranges:     recent.NewMap[string, *wholeRead](maxKeys),
		challenged: recent.NewMap[string, *challenged](maxKeys),
		broken:     recent.NewMap[string, *tries](maxKeys),
		tries:      recent.NewMap[string, *tries](maxKeys),
		realms:     recent.NewMap[string, *challenged](maxKeys),
		links:      recent.NewMap[string, *list](maxKeys),
		asked:      recent.NewMap[string, bool](maxKeys),
		issued:     recent.NewMap[string, *issued](maxKeys),
		redirects:  recent.NewMap[string, *exchange](maxKeys),
		given:      recent.NewMap[string, bool](maxKeys),
		refused:    recent.NewMap[string, *exchange](maxKeys),
		listed:     recent.NewMap[string, bool](maxKeys),
	}
}

// begin prepares an exchange for the rules.
func (l *Linter) begin(x *record.Exchange) *exchange {
	l.requests++
	if l.last != 0 && x.Seq > l.last+1 {
		l.missing += x.Seq - l.last - 1
	}
	if l.first == 0 {
		l.first = x.Seq
	}
	l.last = max(l.last, x.Seq)
	e := &exchange{Exchange: x, kind: x.Op, url: absolute(x), end: x.Start.Add(x.Duration)}
	e.client = l.clientOf(x)
	e.run = e.client.of(e)
	e.session = l.sessionOf(e)
	e.place = e.repo()
	return e
}

func (l *Linter) clientOf(x *record.Exchange) *client {
	address, _, err := net.SplitHostPort(x.Remote)
	if err != nil {
		address = x.Remote
	}
	key := clientKey{address, value(x.Header, "User-Agent")}
	if l.latest != nil && l.key == key {
		return l.latest
	}
	c := l.clients.Get(key)
	if c == nil {
		l.met++
		c = newClient()
		c.agent = key.agent
		c.library = library().MatchString(key.agent)
		l.order = append(l.order, c)
		if len(l.order) > maxClients {
			l.order = slices.Delete(l.order, 0, len(l.order)-maxClients)
		}
	}
	l.clients.Set(key, c)
	l.key, l.latest = key, c
	return c
}

// learn remembers what a client learned from an answer. What a fault decided does not say what
// the registry has.
func (l *Linter) learn(x *exchange) {
	c := x.client
	c.learnRun(x)
	c.learnAttempt(l, x)
	c.learnFlight(x)
	c.learnCredentials(l, x)
	c.learnAddresses(x)
	l.learnUse(x)
	l.learnFallback(x)
	c.learnRead(x)
	l.learnUpload(x)
	if !x.answered() {
		return
	}
	switch x.kind {
	case op.ManifestHead, op.ManifestGet, op.ManifestPut, op.ManifestDelete, op.TagDelete:
		l.learnManifest(x)
	case op.BlobHead, op.BlobGet, op.BlobDelete, op.External:
		l.learnBlob(x)
	case op.TagList, op.RepositoryList, op.ReferrerList:
		l.learnList(x)
	}
}

// content is what is known of content, whoever sent or received it.
type content struct {
	size       int64  // -1 if it is not known
	mediaType  string // of a manifest; empty if it is not known
	isManifest bool
	manifest   *manifest // nil if its body is not known
}

func (l *Linter) contentOf(x *exchange, digest string) *content {
	return l.content.Get(x.host() + "@" + digest)
}

func (l *Linter) setContent(x *exchange, digest string, c content) {
	l.content.Set(x.host()+"@"+digest, &c)
}

// knowledge is why a client knows that a repository has content.
type knowledge struct {
	repo string
	seq  uint64
	end  time.Time // of the answer that said it
	run  *run
}

// know notes that a client knows that a repository has content.
func (c *client) know(x *exchange, digest string) {
	key := x.repo() + "@" + digest
	if k := c.known.Get(key); k == nil {
		c.known.Set(key, &knowledge{x.Repo, x.Seq, x.end, x.run})
	}
	c.hold(x, digest)
}

// maxHolders bounds the number of repositories that are remembered for a digest.
const maxHolders = 16

// hold notes that a repository has content, as a manifest that lists it says, too.
func (c *client) hold(x *exchange, digest string) {
	key := x.host() + "@" + digest
	all := c.holders.Get(key)
	if len(all) < maxHolders && !slices.ContainsFunc(all, func(k knowledge) bool { return k.repo == x.Repo && k.run == x.run }) {
		c.holders.Set(key, append(slices.Clip(all), knowledge{x.Repo, x.Seq, x.end, x.run}))
	}
}

func (c *client) forget(x *exchange, digest string) {
	c.known.Set(x.repo()+"@"+digest, nil)
	all := x.host() + "@" + digest
	c.holders.Set(all, slices.DeleteFunc(slices.Clone(c.holders.Get(all)), func(k knowledge) bool { return k.repo == x.Repo }))
}

// bodyLength is the length of the content in a successful answer to HEAD or GET, or -1.
func bodyLength(h http.Header) int64 {
	if value(h, "Content-Encoding") != "" {
		return -1
	}
	n, ok := parseLength(value(h, "Content-Length"))
	if !ok {
		return -1
	}
	return n
}
