package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ocifake/ocifake/spec"
)

// verdicts is testdata/spec/verdicts.yaml: what came of looking at every failure.
type verdicts struct {
	Failures    []failure
	Racing      []string // IDs of statements
	Unsupported []lack
}

type failure struct {
	Peer       string
	Statements []string
	Sometimes  bool   // a race, with other requests or with the end of a connection, which can pass
	Report     string // a part of the report, if it fails always
	Answered   string
	Verdict    string
}

type lack struct {
	Feature  string
	Peers    []string
	Answered string
	Verdict  string
}

// readVerdicts fails the test if a verdict says nothing, or is not the only one.
func readVerdicts(t *testing.T) verdicts {
	t.Helper()
	file, err := os.Open(filepath.Join("testdata", "spec", "verdicts.yaml"))
	require.NoError(t, err)
	defer file.Close()
	var v verdicts
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&v))
	seen := map[[2]string]bool{}
	once := func(name, of string) {
		assert.True(t, slices.ContainsFunc(peers, func(p peer) bool { return p.name == name }), "%s is no peer", name)
		assert.False(t, seen[[2]string{name, of}], "two verdicts on %s of %s", of, name)
		seen[[2]string{name, of}] = true
	}
	for _, f := range v.Failures {
		assert.True(t, f.Sometimes == (f.Report == "") && f.Answered != "" && f.Verdict != "", "the verdict on %v of %s is not complete", f.Statements, f.Peer)
		for _, id := range f.Statements {
			once(f.Peer, id)
		}
	}
	for _, l := range v.Unsupported {
		assert.True(t, l.Answered != "" && l.Verdict != "", "the verdict on %s is not complete", l.Feature)
		for _, peer := range l.Peers {
			once(peer, l.Feature)
		}
	}
	for _, id := range v.Racing {
		_, ok := spec.Lookup(id)
		assert.True(t, ok, "no statement is called %s", id)
	}
	return v
}

// failure returns the verdict on a peer's failure.
func (v verdicts) failure(peer, id string) (failure, bool) {
	i := slices.IndexFunc(v.Failures, func(f failure) bool { return f.Peer == peer && slices.Contains(f.Statements, id) })
	if i < 0 {
		return failure{}, false
	}
	return v.Failures[i], true
}

func (v verdicts) lacks(peer, feature string) bool {
	return slices.ContainsFunc(v.Unsupported, func(l lack) bool { return l.Feature == feature && slices.Contains(l.Peers, peer) })
}

// settled returns what a result is compared by.
func (v verdicts) settled(peer string, r spec.Result) spec.Outcome {
	f, fails := v.failure(peer, r.Statement.ID)
	certain := peer == "ocifake" || fails && !f.Sometimes
	race := fails && f.Sometimes || slices.Contains(v.Racing, r.Statement.ID)
	if !certain && race && (r.Outcome == spec.Passed || r.Outcome == spec.Failed) {
		return races
	}
	return r.Outcome
}

// checkKept holds outcomes of a peer that were kept against the verdicts on it.
func (v verdicts) checkKept(t *testing.T, peer string, outcomes map[string]spec.Outcome) {
	t.Helper()
	for id, outcome := range outcomes {
		f, expected := v.failure(peer, id)
		if outcome == races {
			continue
		}
		assert.Equal(t, outcome == spec.Failed, expected && !f.Sometimes, "%s of %s is kept as: %s", id, peer, outcome)
	}
}

// check holds results of a peer against the verdicts on it.
func (v verdicts) check(t *testing.T, peer string, results []spec.Result) {
	t.Helper()
	lacking := map[string]bool{}
	for _, r := range results {
		f, expected := v.failure(peer, r.Statement.ID)
		switch v.settled(peer, r) {
		case races:
			t.Logf("%s, this time: %s", r.Statement.ID, r.Outcome)
		case spec.Failed:
			if assert.True(t, expected, "no verdict on a failure of %s:\n%s", peer, r.Detail) {
				assert.Contains(t, r.Detail, f.Report, "the verdict is on another failure of %s", r.Statement.ID)
			}
		case spec.Unsupported:
			lacking[r.Detail] = true
			assert.True(t, v.lacks(peer, r.Detail), "no verdict on why %s may lack %s", peer, r.Detail)
			fallthrough
		default:
			assert.False(t, expected, "%s has a verdict on %s, which is: %s", peer, r.Statement.ID, r.Short())
		}
	}
	for _, l := range v.Unsupported {
		assert.True(t, !slices.Contains(l.Peers, peer) || lacking[l.Feature], "%s has a verdict on %s, which it does not lack", peer, l.Feature)
	}
	for _, f := range v.Failures {
		for _, id := range f.Statements {
			assert.True(t, f.Peer != peer || slices.ContainsFunc(results, func(r spec.Result) bool { return r.Statement.ID == id }), "no statement is called %s", id)
		}
	}
}
