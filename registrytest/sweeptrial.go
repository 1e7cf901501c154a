package registrytest

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
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
)

// try runs the scenario with the fault of a cell, and judges.
func (s *sweep) try(t *testing.T, cell *SweepCell) {
	t.Helper()
	if !s.inTurn {
		t.Parallel()
	}
	r := &trialReport{}
	r.run(t, s, &cell.rule)
	cell.fill(r, t.Name())
	switch {
	case cell.Outcome != Violated:
	case s.reportOnly:
		t.Log("registrytest: sweep: " + cell.Report)
	default:
		t.Error("registrytest: sweep: " + cell.Report)
	}
}

// trialReport is what came of one run of a scenario.
type trialReport struct {
	err           error // of Run
	timedOut      bool  // Run went on until its context ended
	hits          int   // of the rule
	log           record.Log
	journal       string
	before, after map[string]string // what the store has
	violations    []string
}

// violate notes what does not hold: with a detail that is the same in each run, or
// that begins with a new line.
func (r *trialReport) violate(what, detail string) {
	text := what + ": " + detail
	r.violations = append(r.violations, strings.ReplaceAll(text, " \n", "\n"))
}

// run runs the scenario with a rule, or with none, where the sweep has it run.
func (r *trialReport) run(t *testing.T, s *sweep, rule *faults.Rule) {
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
func (r *trialReport) runOn(t *testing.T, s *sweep, rule *faults.Rule) {
	t.Helper()
	reg := s.start(t, s.filled(t))
	r.before = listing(t.Context(), reg.Store())
	var injected []*faults.Injected
	if rule != nil {
		var err error
		if injected, err = reg.faults.Inject(*rule); err != nil {
			reg.Close()
			t.Fatalf("registrytest: sweep: %v", err)
		}
	}
	trial := &Trial{Registry: reg, t: t}
	client := &runner{limit: stormOf(s.requests), within: s.within}
	ended := client.run(s.Run, trial, r)
	if !s.realTime {
		synctest.Wait() // what Run left running is at rest
	}
	r.log = reg.Requests()
	r.journal = "journal:\n" + r.log.Journal() + recorded{reg}.refused()
	for _, i := range injected {
		r.hits = i.Hits()
		i.Remove()
	}
	if rule != nil && r.hits == 0 && r.err != nil {
		r.violate("Run returned an error without having met the fault", "\n"+r.err.Error())
	}
	r.judge(t.Context(), s, trial)
	if !ended && client.stormed() {
		return // it would storm on against a closed door, without end
	}
	if err := reg.Close(); err != nil {
		r.violate("the registry cannot be closed", "\n"+err.Error())
	}
}

// judge says what else does not hold.
func (r *trialReport) judge(ctx context.Context, s *sweep, trial *Trial) {
	r.after = listing(ctx, trial.Store())
	if s.unmoved && !maps.Equal(r.before, r.after) {
		r.violate("the registry's content has changed, as it has not without a fault", difference(r.before, r.after))
	}
	if r.err == nil && len(r.violations) == 0 {
		if err := s.Check(ctx, trial); err != nil {
			r.violate("Run returned no error, and Check says", err.Error())
		}
	}
	if err := trial.consistent(ctx); err != nil {
		r.violate("the registry's content is not consistent", err.Error())
	}
	for _, host := range credentialHosts(r.log) {
		if s.hosts != nil && !slices.Contains(s.hosts, host) && host != hostName(trial.Host()) {
			r.violate("it shows credentials to another host", host)
		}
	}
}

// difference names one entry that only one of two listings has, or has otherwise.
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
	return "it has not"
}

// credentialHosts returns the names of the hosts that were shown credentials.
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

// listing is what a store has: an entry for each blob, manifest and tag, with what
// it is on.
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
