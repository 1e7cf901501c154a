package exam_test

import (
	"context"
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
	"github.com/ocifake/ocifake/registrytest"
)

// brokenClients are clients with one bug each, and the kind of violation that reports it.
var brokenClients = []struct {
	bug, scenario, kind string
	client              *client
	opts                []exam.Option
}{
	{bug: "accepts short bodies", kind: "hid a failure"},
	{bug: "does not verify blobs", kind: "accepted a lie"},
	{bug: "verifies only the size", kind: "accepted a lie"},
	{bug: "does not verify the config", kind: "accepted a lie"},
	{bug: "does not verify manifests", kind: "accepted a lie"},
	{bug: "takes the digest of the header", kind: "accepted a lie"},
	{bug: "ignores statuses", kind: "hid a failure"},
	{bug: "swallows the error of the second", kind: "hid a failure"},
	{bug: "drops the first error", kind: "hid a failure"},
	{bug: "appends a whole body to a part", kind: "hid a failure", client: &client{tries: 3}},
	{bug: "resumes at the wrong offset", kind: "hid a failure", client: &client{tries: 3}},
	{bug: "takes a part for the whole", kind: "hid a failure", client: &client{tries: 3}},
	{bug: "takes 416 for the end", kind: "hid a failure", client: &client{tries: 3}},
	{bug: "leaves half a file", kind: "left damage"},
	{bug: "writes the body of an error", kind: "left damage"},
	{bug: "ignores its context", kind: "hung"},
	{bug: "does not close bodies of errors", kind: "leaves connections open"},
	{bug: "tries for ever", kind: "tries for ever", opts: only("503")},
	{bug: "tries for ever", scenario: "push", kind: "tries for ever", opts: only("close-upload")},
	{bug: "floods", scenario: "list", kind: "floods the registry", opts: only("429")},
	{bug: "follows redirects for ever", kind: "floods the registry", opts: only("redirect-loop")},
	{bug: "hurries", kind: "hurries past Retry-After", client: &client{tries: 3}},
	{bug: "hurries", scenario: "push", kind: "hurries past Retry-After", client: &client{tries: 3}, opts: only("429")},
	{bug: "does not send GET again", scenario: "list", kind: "never tries again", client: &client{tries: 3}, opts: must()},
	{bug: "does not send a body again", scenario: "push", kind: "never tries again", client: &client{tries: 3}, opts: append(only("503"), must()...)},
	{bug: "sends an empty body again", scenario: "push", kind: "sends an empty body", client: &client{tries: 3}, opts: only("500")},
	{bug: "sends credentials to others", kind: "leaks credentials", client: &client{auth: "Basic eDp5"}},
	{bug: "falls back to HTTP", kind: "falls back to HTTP", opts: append(only("close"), exam.WithRegistry(registrytest.WithTLS()))},
	{bug: "takes 404 for an empty list", scenario: "list", kind: "hid a failure"},
	{bug: "ends the list at an error", scenario: "list", kind: "hid a failure"},
	{bug: "ignores JSON that is wrong", scenario: "list", kind: "accepted a lie"},
	{bug: "ignores the status of the manifest", scenario: "push", kind: "hid a failure", opts: only("404")},
	{bug: "takes 202 to the closing PUT for success", scenario: "push", kind: "accepted a lie", opts: only("202")},
	{bug: "pushes the manifest first", scenario: "push", kind: "left damage", opts: only("close")},
	{bug: "pushes what it has", scenario: "push", kind: "hid a failure", opts: only("500")},
	{bug: "cleans up the tag", scenario: "push", kind: "left damage", opts: only("404")},
	{bug: "keeps the Location of an old session", scenario: "push", kind: "does not recover", client: &client{tries: 3}, opts: append(only("stale-location"), must("stale-location")...)},
	{bug: "takes 202 to a mount for success", scenario: "copy", kind: "hid a failure", opts: only("mount-refused")},
	{bug: "believes 201 to a mount", scenario: "copy", kind: "accepted a lie", opts: only("mount-lost")},
}

// only returns an option with a few of the default effects.
func only(names ...string) []exam.Option {
	return []exam.Option{exam.WithEffects(slices.DeleteFunc(exam.DefaultEffects(), func(e exam.Effect) bool {
		return !slices.Contains(names, e.Name)
	})...)}
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
				c.tries, c.auth = test.client.tries, test.client.auth
			}
			result := exam.Sweep(t, c.scenario(test.scenario), append(test.opts, exam.WithReportOnly())...)
			if result.Complete() {
				assert.Contains(t, kindsOf(result), test.kind, "%s", result.Text())
			}
		})
	}
}

// TestCorrectClients checks that clients without a bug are not accused.
func TestCorrectClients(t *testing.T) {
	patient := func() *client { return &client{tries: 4} }
	for _, test := range []struct {
		name     string
		scenario exam.Scenario
		opts     []exam.Option
		known    []string // what is wrong with the client
	}{
		{"pulls without trying again", (&client{}).scenario("pull"), nil, nil},
		{"pulls, tries again and resumes", patient().scenario("pull"), nil, nil},
		{"pulls and restarts", (&client{bug: "restarts", tries: 4}).scenario("pull"), nil, nil},
		{"pulls with TLS", patient().scenario("pull"), []exam.Option{exam.WithRegistry(registrytest.WithTLS())}, nil},
		{"pulls with credentials", (&client{tries: 4, auth: "Basic eDp5"}).scenario("pull"), nil, nil},
		{"pushes without trying again", (&client{}).scenario("push"), nil, nil},
		{"pushes and tries again", patient().scenario("push"), must(), nil},
		{"copies", patient().scenario("copy"), must(), nil},
		{"lists", patient().scenario("list"), must(), nil},
		// It tries again after 0.1 s and does not read Retry-After, and it forgets the body
		// of a blob whose Content-Length is not the expected one.
		{"crane pulls", cranePull, nil, []string{"hurries past Retry-After", "leaves connections open"}},
		{"crane pushes", cranePush, nil, []string{"hurries past Retry-After"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			result := exam.Sweep(t, test.scenario, append(test.opts, exam.WithReportOnly())...)
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
			}
		})
	}
}
