package exam

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/internal/httpfield"
	"github.com/ocifake/ocifake/internal/pulled"
	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// report is what is known of one run of a scenario.
type report struct {
	failed error // the run could not begin

	ending
	hits        int // of the rules
	returned    time.Time
	log         record.Log
	tries       map[string]int // requests of each kind
	connections []record.Connection
	open        int // connections that were in use after the run
	journal     string

	host          string
	secure        bool              // the registry has TLS
	hosts         []string          // that received credentials
	before, after map[string]string // listings of the store
	files         files
	content       error // why the registry's content is not consistent
	checkErr      error // of Check or CheckFailed
	remaining     string
	stacks        string // of the goroutines, if Run has not returned

	answers map[string]bool // of a plain run
	idle    string          // why a command has hung
	found   pulled.Result   // in the directory, after a pull
	output  string          // of a command
	took    time.Duration   // until the client returned
}

// settling is the virtual time that passes after Run, in which connections that are not
// in use are closed. It is longer than the IdleConnTimeout of net/http.
const settling = 5 * time.Minute

// run runs an attempt on a registry with a store.
func (r *report) run(a *attempt, in mode, store registry.Store, watch *watch) {
	s := a.of
	reg, err := s.start(in, store, a.options)
	if err != nil {
		r.failed = err
		return
	}
	watch.add(reg)
	sparse := s.relax(reg, &a.circumstance)
	trial := &Trial{Registry: reg, watch: watch, slot: a.slot}
	defer trial.removeDirectories()
	if a.prepare != nil {
		a.prepare(trial)
	}
	ctx := context.Background()
	r.before = listing(ctx, reg.Store())
	arranged, err := arrange(trial, in, a.rules)
	if err != nil {
		reg.Close()
		r.failed = err
		return
	}
	client := &runner{parent: s.parent, planned: a.planned(), within: in.within, watch: watch}
	begun := time.Now()
	r.ending = client.run(s.Run, trial)
	r.took, r.output = time.Since(begun), trial.output.String()
	if hung := (*hungError)(nil); errors.As(r.err, &hung) {
		r.ended, r.idle = false, hung.Error()
	}
	if !in.loopback {
		r.returned = time.Now()
		reg.Transport().CloseIdleConnections()
		time.Sleep(settling) // until the goroutines that Run left behind are blocked
	}
	if !r.ended && r.idle == "" {
		r.stacks = watch.stacks()
	}
	r.observe(reg, in)
	client.cancel(nil) // not before: it closes connections that the client forgot
	r.hits = arranged.end()
	r.check(ctx, s, trial, sparse)
	r.found = trial.found
	if !r.ended && (r.storm || r.forever != "") {
		return // Close would refuse its requests, and it would repeat them without end
	}
	if err := reg.Close(); err != nil {
		r.remaining = "the registry cannot be closed\n" + err.Error()
	}
}

// observe reads the record.
func (r *report) observe(reg *registrytest.Registry, in mode) {
	r.log, r.connections = reg.Requests(), reg.Connections()
	r.journal = "journal:\n" + r.log.Journal() + recorder.Refused(r.connections)
	r.host = hostName(reg.Host())
	r.hosts = credentialHosts(r.log, r.host)
	r.secure = strings.HasPrefix(reg.URL(), "https:")
	r.tries = map[string]int{}
	for i := range r.log {
		r.tries[engine.Point(&r.log[i].Info)]++
	}
	if in.loopback || !r.ended {
		return
	}
	busy := map[uint64]bool{} // the registry may not have noticed that the client left
	for i := range r.log {
		busy[r.log[i].Conn] = busy[r.log[i].Conn] || r.log[i].Open
	}
	for _, c := range r.connections {
		if c.Closed.IsZero() && !busy[c.ID] {
			r.open++
		}
	}
}

// check checks the content of the registry, and the result of the client.
func (r *report) check(ctx context.Context, s *subject, trial *Trial, sparse bool) {
	r.after = listing(ctx, trial.Store())
	r.files = readFiles(trial.results())
	switch {
	case !r.ended || r.panicked != "":
	case r.err == nil:
		r.checkErr = s.Check(ctx, trial)
	case s.CheckFailed != nil:
		r.checkErr = s.CheckFailed(ctx, trial)
	}
	if s.newHandler == nil {
		r.content = content.Check(ctx, trial.Store(), content.CheckOptions{AllowSparse: sparse, AllowUploads: true})
	}
}

// difference names an entry that is not the same in two listings.
func difference(before, after map[string]string) string {
	for _, name := range sortedNames(after) {
		if was, ok := before[name]; !ok || was != after[name] {
			return name
		}
	}
	for _, name := range sortedNames(before) {
		if _, ok := after[name]; !ok {
			return name + " is gone"
		}
	}
	return "nothing"
}

func sameListing(a, b map[string]string) bool { return maps.Equal(a, b) }

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// credentialHosts returns the sorted names of the hosts that received credentials, other than
// token services that a registry named in its challenge: no specification forbids to ask them,
// and many registries have them on another host.
func credentialHosts(log record.Log, registry string) []string {
	hosts, realms := []string{}, map[string]bool{}
	log = slices.Clone(log)
	for i := range log {
		x := &log[i]
		x.Header = maps.Clone(x.Header)
		maps.DeleteFunc(x.Header, func(name string, _ []string) bool { return !slices.Contains(secretFields, name) })
		if hostName(x.Host) != registry {
			continue
		}
		for _, field := range x.ResponseHeader.Values("WWW-Authenticate") {
			challenges, _ := httpfield.Challenges(field)
			for _, c := range challenges {
				if realm, err := url.Parse(c.Parameters["realm"]); err == nil && (realm.Scheme == "https" || !x.Secure) {
					realms[realm.Host+realm.Path] = true
				}
			}
		}
	}
	for _, x := range log.Leaks() {
		path, _, _ := strings.Cut(x.Target, "?")
		if !realms[x.Host+path] {
			hosts = append(hosts, hostName(x.Host))
		}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// secretFields are the header fields with the credentials of a registry. Others are of the
// client's own making, such as the ID of a session.
var secretFields = []string{"Authorization", "Cookie", "Proxy-Authorization"}

func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// listing returns the content of a store: the repositories, the digests of blobs, and
// manifests and tags with what they refer to.
func listing(ctx context.Context, store registry.Store) map[string]string {
	all := map[string]string{}
	for repo, err := range store.Repositories(ctx, "") {
		if err != nil {
			all["repositories"] = err.Error()
			break
		}
		all["repository "+repo] = ""
		for d, err := range store.Blobs(ctx, repo, "") {
			all[fmt.Sprintf("blob %s@%s", repo, d.Digest)] = fmt.Sprint(err)
		}
		for d, err := range store.Manifests(ctx, repo, "") {
			all[fmt.Sprintf("manifest %s@%s", repo, d.Digest)] = fmt.Sprint(d.MediaType, err)
		}
		for tag, err := range store.Tags(ctx, repo, "") {
			all[fmt.Sprintf("tag %s:%s", repo, tag.Name)] = fmt.Sprint(tag.Digest, err)
		}
	}
	return all
}
