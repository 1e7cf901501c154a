package exam_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/internal/thorough"
)

// having returns a client with some of its actions.
func having(c exam.Client, actions ...string) exam.Client {
	has := func(name string) bool { return slices.Contains(actions, name) }
	some := exam.Client{Name: c.Name, Check: c.Check}
	if has("push") {
		some.Push = c.Push
	}
	if has("pull") {
		some.Pull = c.Pull
	}
	if has("list") {
		some.List = c.List
	}
	if has("copy") {
		some.Copy = c.Copy
	}
	if has("referrers") {
		some.Referrers = c.Referrers
	}
	return some
}

// TestRightClient checks that a client without a bug has no fault, and what it does.
func TestRightClient(t *testing.T) {
	var opts []exam.Option
	if !thorough.Enabled() {
		opts = []exam.Option{exam.Only("duties", "profiles/ecr", "faults/blob-500", "faults/token-expires-mid-push", "traits/upload.location=absolute",
			"traits/tags.link=bare", "traits/auth.ttl=1h"), exam.WithEffects(effects("503")...)}
	}
	card := exam.Run(t, careful{}.client(), append(opts, exam.WithReportOnly())...)
	verdicts := map[string]exam.Verdict{}
	for _, r := range card.Trials {
		assert.False(t, r.Verdict.Fault(), "%s: %s: %s\n%s", r.ID(), r.Verdict, r.Reason, r.Journal)
		assert.NotEmpty(t, r.Reason, r.ID())
		verdicts[r.ID()] = r.Verdict
	}
	if len(card.Trials) < 100 { // -run excluded some
		return
	}
	for id, want := range map[string]exam.Verdict{
		"none/push":                            "passed",
		"duties/blob-wrong/pull":               "failed cleanly",
		"duties/manifest-refused/push":         "failed cleanly",
		"duties/link-followed/list":            "passed",
		"duties/referrers-tag-read/referrers":  "passed",
		"duties/referrers-tag-other/push":      "failed cleanly",
		"faults/blob-500/pull":                 "recovered",
		"faults/blob-500/list":                 "not applicable",
		"profiles/ecr/copy":                    "passed",
		"traits/upload.location=absolute/push": "passed",
		"traits/upload.location=absolute/list": "not applicable",
	} {
		assert.Equal(t, want, verdicts[id], id)
	}
}

// plantedFaults are clients with one bug each, a trial that shows it, and the verdict.
var plantedFaults = []struct {
	bug, trial string
	verdict    exam.Verdict
	opts       []exam.Option
}{
	{bug: "does not verify blobs", trial: "duties/blob-wrong/pull", verdict: "accepted a lie"},
	{bug: "does not verify manifests", trial: "duties/manifest-wrong/pull", verdict: "accepted a lie"},
	{bug: "ignores Content-Type", trial: "duties/manifest-media-type/pull", verdict: "breaks a rule"},
	{bug: "reads parameters of a type", trial: "duties/content-type-parameters/pull", verdict: "gave up"},
	{bug: "sends credentials to others", trial: "duties/credentials-across-hosts/pull", verdict: "leaks credentials"},
	{bug: "sends credentials to others", trial: "duties/token-across-hosts/pull", verdict: "leaks credentials"},
	{bug: "follows a Location without TLS", trial: "duties/credentials-without-tls/push", verdict: "falls back to HTTP"},
	{bug: "hurries", trial: "duties/retry-after/pull", verdict: "hurries past Retry-After"},
	{bug: "rebuilds the Location", trial: "duties/location-as-given/push", verdict: "breaks a rule"},
	{bug: "does not look at OCI-Subject", trial: "duties/referrers-tag-written/push", verdict: "breaks a rule"},
	{bug: "overwrites the referrers tag", trial: "duties/referrers-tag-other/push", verdict: "breaks a rule"},
	{bug: "pushes no subject", trial: "duties/referrers-tag-written/push", verdict: "not applicable"},
	{bug: "pushes no subject", trial: "duties/referrers-tag-other/push", verdict: "not applicable"},
	{bug: "knows no referrers tag", trial: "duties/referrers-tag-read/referrers", verdict: "gave up"},
	{bug: "rebuilds the cursor", trial: "duties/link-followed/list", verdict: "gave up"},
	{bug: "leaves half a file", trial: "duties/blob-wrong/pull", verdict: "left damage"},
	{bug: "tries once", trial: "faults/blob-500/pull", verdict: "gave up"},
	{bug: "tries once", trial: "faults/manifest-put-429/push", verdict: "gave up"},
	{bug: "follows links for ever", trial: "faults/link-self/list", verdict: "floods the registry"},
	{bug: "panics on redirects", trial: "faults/cdn-rejects-authorization/pull", verdict: "panicked"},
	{bug: "ignores its context", trial: "faults/stalled-body/pull", verdict: "hung"},
	{bug: "takes an error for the end of a list", trial: "sweep", verdict: "hid a failure", opts: only("404")},
	{bug: "tries for ever", trial: "sweep", verdict: "tries for ever", opts: only("503")},
}

// TestPlantedFaults checks that each bug is found by its trial.
func TestPlantedFaults(t *testing.T) {
	for _, test := range plantedFaults {
		t.Run(test.bug+" "+test.trial, func(t *testing.T) {
			action := test.trial[strings.LastIndexByte(test.trial, '/')+1:]
			if action == "sweep" {
				action = "list"
			}
			card := exam.Run(t, having(careful{bug: test.bug}.client(), action), append(test.opts, exam.All(), exam.Only(test.trial), exam.WithReportOnly())...)
			var verdicts []exam.Verdict
			for _, r := range card.Trials[1:] {
				verdicts = append(verdicts, r.Verdict)
				if r.Verdict.Fault() {
					assert.NotEmpty(t, r.Journal, r.ID())
					assert.Contains(t, r.Repeat, "go test -run '^TestPlantedFaults$/")
				}
			}
			if card.Trials[0].Group != "none" || len(verdicts) == 0 {
				return // -run excluded the trial
			}
			assert.Contains(t, verdicts, test.verdict, card.Text())
		})
	}
}

// TestOtherContent has a client that pushes other content in each run, as signers do.
func TestOtherContent(t *testing.T) {
	var runs atomic.Int32
	client := exam.Client{Run: func(ctx context.Context, reg *exam.Trial) error {
		image := images.Random(images.Seed(uint64(runs.Add(1))))
		return crane.Push(image, reg.Ref("team/app:other"), crane.WithContext(ctx), crane.WithTransport(reg.Transport()), crane.WithJobs(1))
	}}
	card := exam.Run(t, client, exam.Only("duties/warning"), exam.WithReportOnly())
	for _, r := range card.Trials {
		assert.False(t, r.Verdict.Fault(), "%s: %s: %s", r.ID(), r.Verdict, r.Reason)
	}
}

// TestFailsAlone has a client that fails for no reason after the plain runs.
func TestFailsAlone(t *testing.T) {
	runs := atomic.Int32{}
	right := careful{}.client()
	client := exam.Client{List: func(ctx context.Context, reg *exam.Trial) ([]string, error) {
		if runs.Add(1) > 2 {
			return nil, errors.New("not today")
		}
		return right.List(ctx, reg)
	}}
	card := exam.Run(t, client, exam.Only("traits/tags.zero-n=all"), exam.WithReportOnly())
	require.Len(t, card.Trials, 2)
	assert.Equal(t, exam.Verdict("fails without a fault"), card.Trials[1].Verdict)
	assert.Contains(t, card.Trials[1].Reason, "did not meet the fault")
}

// TestUnended checks that an exam ends after three functions that do not return.
func TestUnended(t *testing.T) {
	client := having(careful{bug: "ignores its context"}.client(), "pull")
	client.Serial = true
	card := exam.Run(t, client, exam.Only("sweep"), exam.All(), exam.WithReportOnly(), exam.WithEffects(effects("stall")...))
	var got []exam.Verdict
	for _, r := range card.Trials[1:] {
		got = append(got, r.Verdict)
	}
	slices.Sort(got)
	assert.Equal(t, []exam.Verdict{"hung", "hung", "hung"}, slices.DeleteFunc(slices.Clone(got), func(v exam.Verdict) bool { return v != "hung" }))
	assert.Contains(t, got, exam.Verdict("not reached"))
	i := slices.IndexFunc(card.Trials, func(r exam.TrialResult) bool { return r.Verdict == "hung" })
	if i >= 0 {
		assert.Contains(t, card.Trials[i].Output, "careful.pull", "its goroutines")
	}
}

// TestKnownFaultsThatDiffer checks the names of known faults that an exam judges in another way.
func TestKnownFaultsThatDiffer(t *testing.T) {
	for _, name := range exam.FaultsThatDiffer() {
		_, err := known.Find(name)
		assert.NoError(t, err)
	}
}
