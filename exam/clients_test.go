package exam_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/crane"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/internal/thorough"
	"github.com/ocifake/ocifake/registrytest"
)

// brokenClients are clients with one bug each, and the kind of violation that reports it.
// Most rows have only the effects that show the bug, because a whole sweep takes longer.
var brokenClients = []struct {
	bug, scenario, kind string
	client              *client
	opts                []exam.Option
}{
	{bug: "accepts short bodies", kind: "hid a failure", opts: only("close-body")},
	{bug: "does not verify blobs", kind: "accepted a lie", opts: only("corrupt")},
	{bug: "verifies only the size", kind: "accepted a lie", opts: only("zeros")},
	{bug: "does not verify the config", kind: "accepted a lie", opts: only("corrupt")},
	{bug: "does not verify manifests", kind: "accepted a lie", client: &client{resolves: true}, opts: only("omit")},
	{bug: "takes the digest of the header", kind: "accepted a lie", opts: only("corrupt")},
	{bug: "ignores statuses", kind: "hid a failure", opts: only("500")},
	{bug: "swallows the error of the second", kind: "hid a failure", opts: only("404")},
	{bug: "drops the first error", kind: "hid a failure", opts: only("reset-body")},
	{bug: "appends a whole body to a part", kind: "hid a failure", client: &client{tries: 3}, opts: only("close-body+200")},
	{bug: "resumes at the wrong offset", kind: "hid a failure", client: &client{tries: 3}, opts: only("close-body")},
	{bug: "takes a part for the whole", kind: "hid a failure", client: &client{tries: 3}, opts: only("reset-body")},
	{bug: "takes 416 for the end", kind: "hid a failure", client: &client{tries: 3}, opts: only("close-body+416")},
	{bug: "leaves half a file", kind: "left damage"},
	{bug: "leaves half a manifest", kind: "left damage", opts: only("close-body")},
	{bug: "writes the body of an error", kind: "left damage", opts: only("500")},
	{bug: "ignores its context", kind: "hung", opts: only("stall")},
	{bug: "does not close bodies of errors", kind: "leaves connections open", opts: only("404")},
	{bug: "tries for ever", kind: "tries for ever", opts: only("503")},
	{bug: "tries for ever", scenario: "push", kind: "tries for ever", opts: only("close-upload")},
	{bug: "floods", scenario: "list", kind: "floods the registry", opts: only("429")},
	{bug: "follows redirects for ever", kind: "floods the registry", opts: only("redirect-loop")},
	{bug: "hurries", kind: "hurries past Retry-After", client: &client{tries: 3}, opts: only("503")},
	{bug: "hurries", scenario: "push", kind: "hurries past Retry-After", client: &client{tries: 3}, opts: only("429")},
	{bug: "does not send GET again", scenario: "list", kind: "never tries again", client: &client{tries: 3}, opts: must()},
	{bug: "does not send a body again", scenario: "push", kind: "never tries again", client: &client{tries: 3}, opts: append(only("503"), must()...)},
	{bug: "sends an empty body again", scenario: "push", kind: "sends an empty body", client: &client{tries: 3}, opts: only("500")},
	{bug: "sends credentials to others", kind: "leaks credentials", client: &client{auth: "Basic eDp5"}, opts: only("redirect")},
	{bug: "falls back to HTTP", kind: "falls back to HTTP", opts: append(only("close"), exam.WithRegistry(registrytest.WithTLS()))},
	{bug: "takes 404 for an empty list", scenario: "list", kind: "hid a failure", opts: only("404")},
	{bug: "ends the list at an error", scenario: "list", kind: "hid a failure", opts: only("503")},
	{bug: "ignores JSON that is wrong", scenario: "list", kind: "accepted a lie"},
	{bug: "ignores the status of the manifest", scenario: "push", kind: "hid a failure", opts: only("404")},
	{bug: "takes 202 to the closing PUT for success", scenario: "push", kind: "accepted a lie", opts: only("202")},
	{bug: "pushes the manifest first", scenario: "push", kind: "left damage", opts: only("close")},
	{bug: "pushes what it has", scenario: "push", kind: "hid a failure", opts: only("500")},
	{bug: "cleans up the tag", scenario: "push", kind: "left damage", opts: only("404")},
	{bug: "tags something else", scenario: "push", kind: "left damage", opts: only("500")},
	{bug: "goes on in the background", scenario: "push", kind: "goes on after its end", opts: only("500")},
	{bug: "keeps the Location of an old session", scenario: "push", kind: "does not recover", client: &client{tries: 3}, opts: append(only("stale-location"), must("stale-location")...)},
	{bug: "takes 202 to a mount for success", scenario: "copy", kind: "hid a failure", opts: only("mount-refused")},
	{bug: "believes 201 to a mount", scenario: "copy", kind: "accepted a lie", opts: only("mount-lost")},
}

// only returns an option with a few of the default effects.
func only(names ...string) []exam.Option {
	return []exam.Option{exam.WithEffects(effects(names...)...)}
}

func effects(names ...string) []exam.Effect {
	return slices.DeleteFunc(exam.DefaultEffects(), func(e exam.Effect) bool { return !slices.Contains(names, e.Name) })
}

func must(effects ...string) []exam.Option { return []exam.Option{exam.MustRecover(effects...)} }

// kindsOf returns the kinds of the violations in a result, sorted.
func kindsOf(result *exam.Result) []string {
	kinds := map[string]bool{}
	for _, c := range result.Cells {
		for _, v := range c.Violations {
			kinds[v.Kind] = true
		}
	}
	return slices.Sorted(maps.Keys(kinds))
}

// TestBrokenClients checks that each bug is found, and reported for what it is.
func TestBrokenClients(t *testing.T) {
	for _, test := range brokenClients {
		t.Run(test.bug+" "+test.scenario, func(t *testing.T) {
			t.Parallel()
			c := &client{bug: test.bug}
			if test.client != nil {
				c.tries, c.auth, c.resolves = test.client.tries, test.client.auth, test.client.resolves
			}
			result := exam.Sweep(t, c.scenario(test.scenario), append(test.opts, exam.WithReportOnly())...)
			if result.Complete() {
				assert.Contains(t, kindsOf(result), test.kind, "%s", result.Text())
			}
		})
	}
}

// TestCorrectClients checks that clients without a bug are not accused. Those that have
// none meet a third of the effects by default.
func TestCorrectClients(t *testing.T) {
	patient := func() *client { return &client{tries: 4} }
	craneEffects := effects("503", "429", "close", "close-body", "truncate", "corrupt", "202", "redirect")
	if thorough.Enabled() {
		craneEffects = exam.DefaultEffects()
	}
	for i, test := range []struct {
		name     string
		scenario exam.Scenario
		opts     []exam.Option
		known    []string // what is wrong with the client
		effects  []exam.Effect
	}{
		{"pulls without trying again", (&client{}).scenario("pull"), nil, nil, nil},
		{"pulls, tries again and resumes", patient().scenario("pull"), nil, nil, nil},
		{"pulls and restarts", (&client{bug: "restarts", tries: 4}).scenario("pull"), nil, nil, nil},
		{"resolves and pulls", (&client{tries: 4, resolves: true}).scenario("pull"), nil, nil, nil},
		{"pulls with TLS", patient().scenario("pull"), []exam.Option{exam.WithRegistry(registrytest.WithTLS())}, nil, effects("503", "close", "close-body", "redirect")},
		{"pulls with credentials", (&client{tries: 4, auth: "Basic eDp5"}).scenario("pull"), nil, nil, nil},
		{"pushes without trying again", (&client{}).scenario("push"), nil, nil, nil},
		{"pushes and tries again", patient().scenario("push"), must(), nil, nil},
		{"pushes in parallel", (&client{tries: 4, parallel: true}).scenario("push"), must(), nil, nil},
		{"pushes the manifest first, and again", patient().scenario("hopeful push"), nil, nil, nil},
		{"copies", patient().scenario("copy"), must(), nil, nil},
		{"lists", patient().scenario("list"), must(), nil, nil},
		// It tries again after 0.1 s and does not read Retry-After, and it forgets the body
		// of a blob whose Content-Length is not the expected one.
		{"crane pulls", cranePull, nil, []string{"hurries past Retry-After", "leaves connections open"}, craneEffects},
		{"crane pushes", cranePush, nil, []string{"hurries past Retry-After"}, craneEffects},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			effects := test.effects
			if effects == nil {
				effects = thorough.Sample(exam.DefaultEffects(), 5, i)
			}
			result := exam.Sweep(t, test.scenario, append(test.opts, exam.WithReportOnly(), exam.WithEffects(effects...))...)
			if result.Complete() {
				assert.Equal(t, test.known, kindsOf(result), "%s", result.Text())
			}
		})
	}
}

var cranePull = exam.Scenario{
	Setup: setUpApp,
	Run: func(ctx context.Context, reg *exam.Trial) error {
		image, err := crane.Pull(reg.Ref("app:v1"), crane.WithTransport(reg.Transport()), crane.WithContext(ctx))
		if err != nil {
			return err
		}
		dir := reg.Dir()
		reg.Got = dir
		return crane.SaveOCI(image, dir)
	},
	Check: func(_ context.Context, reg *exam.Trial) error {
		index, err := layout.ImageIndexFromPath(reg.Got.(string))
		if err != nil {
			return err
		}
		return validate.Index(index)
	},
}

var cranePush = exam.Scenario{
	Run: func(ctx context.Context, reg *exam.Trial) error {
		return crane.Push(images.Random(images.Layers(1), images.LayerSize(200)), reg.Ref("app:v1"), crane.WithTransport(reg.Transport()), crane.WithContext(ctx))
	},
	Check: func(ctx context.Context, reg *exam.Trial) error {
		_, err := reg.Store().Manifest(ctx, "app", "v1")
		return err
	},
}

// TestChaos checks that chaos judges by the rules of a sweep.
func TestChaos(t *testing.T) {
	for _, test := range []struct {
		client *client
		opts   []exam.Option
		kinds  []string
	}{
		{&client{tries: 8}, must("chaos"), nil},
		{&client{}, nil, nil},
		{&client{}, must("chaos"), []string{"does not recover"}},
		{&client{bug: "swallows the error of the second"}, nil, []string{"hid a failure"}},
		{&client{bug: "hurries", tries: 3}, nil, []string{"hurries past Retry-After"}},
	} {
		t.Run(fmt.Sprintf("%s %d", test.client.bug, test.client.tries), func(t *testing.T) {
			t.Parallel()
			result := exam.Chaos(t, test.client.scenario("pull"), 20, 0.3, append(test.opts, exam.WithReportOnly())...)
			if result.Complete() {
				assert.Equal(t, test.kinds, kindsOf(result), "%s", result.Text())
				assert.Regexp(t, `\nseed-20 +[rfnX]\n\n\d+ `, result.Text())
				assert.Contains(t, result.HTML(), "<h1>Chaos: "+t.Name())
			}
		})
	}
}

// TestCheckFailed checks that CheckFailed judges failed runs, and them only.
func TestCheckFailed(t *testing.T) {
	scenario := (&client{}).scenario("pull")
	scenario.CheckFailed = func(_ context.Context, reg *exam.Trial) error {
		assert.DirExists(t, reg.Got.(string))
		return errors.New("an old file")
	}
	result := exam.Sweep(t, scenario, append(only("500", "redirect"), exam.WithReportOnly())...)
	if !result.Complete() {
		return
	}
	assert.Equal(t, []string{"left damage"}, kindsOf(result))
	assert.Contains(t, result.Text(), "left damage: Run returned an error, and CheckFailed too: an old file\n")
	assert.Equal(t, 4, result.Count(exam.Recovered), "redirects")
}

// TestNotes checks what a result mentions about the client as a whole.
func TestNotes(t *testing.T) {
	for _, test := range []struct {
		client   *client
		scenario string
		want     []string
	}{
		{&client{tries: 3}, "list", nil},
		{&client{}, "list", []string{"the client never sends a request again: MustRecover demands it"}},
		{&client{tries: 3}, "hopeful push", []string{"the client pushes manifests before their blobs: the registry refuses manifests whose blobs are missing"}},
	} {
		result := exam.Sweep(t, test.client.scenario(test.scenario), only("503")...)
		if result.Complete() {
			assert.Equal(t, test.want, result.Notes)
		}
	}
}
