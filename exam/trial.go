package exam

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/journal"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// try runs the scenario with the fault of a cell and sets the outcome of the cell.
func (s *sweep) try(t *testing.T, cell *Cell) {
	t.Helper()
	if !s.serial {
		t.Parallel()
	}
	r := &report{}
	r.run(t, s, &cell.rule)
	cell.fill(r, t.Name())
	switch {
	case cell.Outcome != Violated:
	case s.reportOnly:
		t.Log("exam: Sweep: " + cell.Report)
	default:
		t.Error("exam: Sweep: " + cell.Report)
	}
}

// report describes one run of a scenario.
type report struct {
	err           error // returned by Run
	timedOut      bool  // Run continued until its context ended
	hits          int   // of the rule
	log           record.Log
	journal       string
	before, after map[string]string // listings of the store
	violations    []string
}

// violate adds a violation. The detail is the same in every run, or begins with a new
// line.
func (r *report) violate(what, detail string) {
	text := what + ": " + detail
	r.violations = append(r.violations, strings.ReplaceAll(text, " \n", "\n"))
}

// run runs the scenario with a rule, or without one if it is nil, in a bubble or in
// real time.
func (r *report) run(t *testing.T, s *sweep, rule *faults.Rule) {
	t.Helper()
	if s.realTime {
		r.runOn(t, s, rule)
		return
	}
	if inBubble := s.bubble(t, rule); inBubble != nil {
		*r = *inBubble
		return
	}
	awake := *s
	awake.realTime, awake.within = true, withinFrozen
	r.runOn(t, &awake, rule)
}

// runOn runs the scenario on a registry of its own.
func (r *report) runOn(t *testing.T, s *sweep, rule *faults.Rule) {
	t.Helper()
	reg := s.start(t, s.filled(t))
	r.before = listing(t.Context(), reg.Store())
	var injected []faults.Injected
	if rule != nil {
		var err error
		if injected, err = reg.Faults().Inject(*rule); err != nil {
			reg.Close()
			t.Fatalf("exam: Sweep: %v", err)
		}
	}
	trial := &Trial{Registry: reg, t: t}
	client := &runner{limit: stormOf(s.requests), within: s.within}
	ended := client.run(s.Run, trial, r)
	if !s.realTime {
		synctest.Wait() // until the goroutines that Run left behind are blocked
	}
	r.log = reg.Requests()
	r.journal = "journal:\n" + r.log.Journal() + journal.Refused(reg.Connections())
	for _, i := range injected {
		r.hits = i.Hits()
		i.Remove()
	}
	if rule != nil && r.hits == 0 && r.err != nil {
		r.violate("Run returned an error, although it did not meet the fault", "\n"+r.err.Error())
	}
	r.judge(t.Context(), s, trial)
	if !ended && client.stormed() {
		return // Close would refuse its requests, and it would repeat them without end
	}
	if err := reg.Close(); err != nil {
		r.violate("the registry cannot be closed", "\n"+err.Error())
	}
}

// judge checks the content, the result and the use of credentials.
func (r *report) judge(ctx context.Context, s *sweep, trial *Trial) {
	r.after = listing(ctx, trial.Store())
	if s.unchanged && !maps.Equal(r.before, r.after) {
		r.violate("the registry's content changed, although it does not without a fault", difference(r.before, r.after))
	}
	if r.err == nil && len(r.violations) == 0 {
		if err := s.Check(ctx, trial); err != nil {
			r.violate("Run returned no error, but Check failed", err.Error())
		}
	}
	if err := consistent(ctx, trial.Registry); err != nil {
		r.violate("the registry's content is not consistent", err.Error())
	}
	for _, host := range credentialHosts(r.log) {
		if s.hosts != nil && !slices.Contains(s.hosts, host) && host != hostName(trial.Host()) {
			r.violate("the client sends credentials to another host", host)
		}
	}
}

// difference names an entry that is not the same in two listings.
func difference(before, after map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if was, ok := before[name]; !ok || was != after[name] {
			return name
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, ok := after[name]; !ok {
			return name + " is gone"
		}
	}
	return "nothing"
}

// credentialHosts returns the sorted names of the hosts that received credentials.
func credentialHosts(log record.Log) []string {
	hosts := []string{}
	for _, x := range log.Leaks() {
		hosts = append(hosts, hostName(x.Host))
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// consistent checks the content as [registrytest.Registry.Check] does, but allows open
// uploads.
func consistent(ctx context.Context, reg *registrytest.Registry) error {
	return content.Check(ctx, reg.Store(), content.CheckOptions{AllowSparse: reg.Options().AllowSparse, AllowUploads: true})
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
