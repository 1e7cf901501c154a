package battery_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
)

// entryClient is a client of the battery and the work that it is tried at.
type entryClient struct {
	name   string
	client client
	work   work
	must   bool // it must recover from what a correct client recovers from
	users  bool // the registry has authentication
}

type work string

const (
	pulls  work = "pull"
	pushes work = "push"
)

// buggyClients have one bug each, that of their name.
var buggyClients = []entryClient{
	// Content.
	{name: "ignores digests of blobs", work: pulls},
	{name: "ignores digests of manifests", work: pulls},
	{name: "verifies sizes only", work: pulls},
	{name: "does not verify configs", work: pulls},
	{name: "verifies only what was not resumed", work: pulls},
	{name: "appends a 200 to a part", work: pulls},
	{name: "ignores read errors", work: pulls},
	{name: "takes 404 for an empty layer", work: pulls, client: client{}},
	{name: "hides a 500 of a blob", work: pulls},
	{name: "goes on without a layer", work: pulls},
	{name: "skips the config", work: pulls},
	{name: "hides errors of manifests", work: pulls},
	{name: "falls back to latest", work: pulls},
	{name: "takes anything for a manifest", work: pulls, client: client{byTag: true}},
	{name: "loses errors of parallel layers", work: pulls, client: client{parallel: true}},

	// What is left.
	{name: "writes under the final name", work: pulls},
	{name: "renames before it verifies", work: pulls},
	{name: "writes error pages into files", work: pulls, client: client{}},
	{name: "deletes the tag if it fails", work: pushes},
	{name: "deletes the tag before it pushes", work: pushes},
	{name: "pushes the manifest in any case", work: pushes},
	{name: "pushes the manifest first", work: pushes},

	// Tries.
	{name: "never tries again", work: pulls, must: true},
	{name: "never tries again, push", work: pushes, must: true, client: client{bug: "never tries again"}},
	{name: "tries for ever", work: pulls},
	{name: "tries for ever, push", work: pushes, client: client{bug: "tries for ever"}},
	{name: "floods", work: pulls},
	{name: "floods, push", work: pushes, client: client{bug: "floods"}},
	{name: "hurries past Retry-After", work: pulls},
	{name: "hurries past Retry-After, push", work: pushes, client: client{bug: "hurries past Retry-After"}},
	{name: "reads Retry-After as milliseconds", work: pulls},
	{name: "tries again for ever on 401", work: pulls},
	{name: "takes 429 for final", work: pulls, must: true},
	{name: "takes 500 for final", work: pulls, must: true},
	{name: "takes a broken connection for final", work: pulls, must: true},
	{name: "goes on with the old hash", work: pulls, must: true, client: client{restarts: true}},
	{name: "asks for one byte too few", work: pulls, must: true},
	{name: "asks for one byte too many", work: pulls, must: true},
	{name: "takes 200 for 206", work: pulls, must: true},
	{name: "sends the rest of a body again", work: pushes, must: true},
	{name: "does not know absolute locations", work: pushes, must: true},

	// Ends.
	{name: "ignores the context", work: pulls},
	{name: "ignores the context, push", work: pushes, client: client{bug: "ignores the context"}},
	{name: "waits for all for ever", work: pulls, client: client{parallel: true}},
	{name: "leaves goroutines behind", work: pulls, client: client{parallel: true}},
	{name: "leaves bodies of errors open", work: pulls},
	{name: "follows redirects for ever", work: pulls},
	{name: "panics on an error", work: pulls},

	// Secrets.
	{name: "sends credentials to the CDN", work: pulls, users: true, client: client{password: "secret"}},

	// Pushes.
	{name: "hides a 500 of the last PUT", work: pushes},
	{name: "hides a 500 of a closing PUT", work: pushes},
	{name: "hides errors of blobs", work: pushes},
	{name: "hides errors of chunks", work: pushes, client: client{chunk: 1500}},
	{name: "hides a failed upload", work: pushes},
	{name: "takes 202 for 201", work: pushes},
	{name: "takes 202 of a mount for done", work: pushes, client: client{mounts: true}},
	{name: "takes 404 of the closing PUT for done", work: pushes},
	{name: "takes every HEAD but 404 for yes", work: pushes},
	{name: "does not wait for blobs", work: pushes, client: client{parallel: true}},
	{name: "loses errors of parallel layers, push", work: pushes, client: client{parallel: true, bug: "loses errors of parallel layers"}},
}

// withBug returns the client with the bug that its name says, if it does not name one.
func (e entryClient) withBug() entryClient {
	if e.client.bug == "" {
		e.client.bug = e.name
	}
	return e
}

// rightClients have no bug, and are built in different ways.
var rightClients = []entryClient{
	{name: "resumes", work: pulls, must: true},
	{name: "begins again", work: pulls, must: true, client: client{restarts: true}},
	{name: "gets manifests by tag", work: pulls, must: true, client: client{byTag: true}},
	{name: "pulls in parallel", work: pulls, client: client{parallel: true}},
	{name: "keeps blobs in memory", work: pulls, must: true, client: client{memory: true, byTag: true}},
	{name: "tries once", work: pulls, client: client{impatient: true}},
	{name: "pulls with a password", work: pulls, must: true, users: true, client: client{password: "secret"}},
	{name: "pushes at once", work: pushes, must: true},
	{name: "pushes once", work: pushes, client: client{impatient: true}},
	{name: "pushes chunks", work: pushes, client: client{chunk: 1500}},
	{name: "pushes with a single POST", work: pushes, client: client{single: true}},
	{name: "mounts", work: pushes, client: client{mounts: true}},
	{name: "pushes in parallel", work: pushes, client: client{parallel: true}},
	{name: "pushes blindly", work: pushes, must: true, client: client{blind: true}},
	{name: "pushes with a password", work: pushes, users: true, client: client{password: "secret"}},
}

// theImage is the image that clients pull and push.
var theImage = sync.OnceValue(func() pushed {
	return load(images.Random(images.Seed(7)))
})

func load(image interface {
	RawManifest() ([]byte, error)
	RawConfigFile() ([]byte, error)
}) pushed {
	must := func(b []byte, err error) []byte {
		if err != nil {
			panic(err)
		}
		return b
	}
	p := pushed{manifest: must(image.RawManifest()), blobs: map[string][]byte{}}
	add := func(content []byte) {
		d := sha(content)
		p.blobs[d] = content
		p.order = append(p.order, d)
	}
	add(must(image.RawConfigFile()))
	p.mediaType = "application/vnd.oci.image.manifest.v1+json"
	for _, content := range layersOf(image) {
		add(content)
	}
	return p
}

func layersOf(image any) [][]byte {
	v := image.(v1Image)
	layers, err := v.Layers()
	if err != nil {
		panic(err)
	}
	var all [][]byte
	for _, l := range layers {
		r, err := l.Compressed()
		if err != nil {
			panic(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			panic(err)
		}
		all = append(all, content)
	}
	return all
}

// scenario is the work of a client.
func (e entryClient) scenario() exam.Scenario {
	setup := func(t testing.TB, reg *registrytest.Registry) {
		reg.Push(t, "app:latest", images.Random(images.Seed(1)))
		reg.Push(t, "base:v1", images.Random(images.Seed(7)))
	}
	if e.work == pulls {
		return exam.Scenario{
			Setup: func(t testing.TB, reg *registrytest.Registry) {
				setup(t, reg)
				reg.Push(t, "app:v1", images.Random(images.Seed(7)))
			},
			Run:         func(ctx context.Context, reg *exam.Trial) error { return e.client.pull(ctx, reg) },
			Check:       func(_ context.Context, reg *exam.Trial) error { return verifyPulled(reg.Got.(string), true) },
			CheckFailed: func(_ context.Context, reg *exam.Trial) error { return verifyPulled(reg.Got.(string), false) },
		}
	}
	return exam.Scenario{
		Setup: func(t testing.TB, reg *registrytest.Registry) {
			setup(t, reg)
			reg.Push(t, "app:v1", images.Random(images.Seed(3)))
		},
		Run: func(ctx context.Context, reg *exam.Trial) error { return e.client.push(ctx, reg, theImage()) },
		Check: func(ctx context.Context, reg *exam.Trial) error {
			m, err := reg.Store().Manifest(ctx, "app", "v1")
			if err != nil {
				return err
			}
			if !bytes.Equal(m.Content, theImage().manifest) {
				return errors.New("the tag is on another manifest")
			}
			for d, content := range theImage().blobs {
				if err := holds(ctx, reg.Store(), d, content); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func verifyPulled(dir string, complete bool) error {
	image := theImage()
	for d, want := range image.blobs {
		got, err := os.ReadFile(filepath.Join(dir, strings.TrimPrefix(d, "sha256:")))
		switch {
		case errors.Is(err, os.ErrNotExist) && !complete:
		case err != nil:
			return err
		case !bytes.Equal(got, want):
			return fmt.Errorf("blob %.19s differs", d)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	switch {
	case errors.Is(err, os.ErrNotExist) && !complete:
	case err != nil:
		return err
	case !bytes.Equal(got, image.manifest):
		return errors.New("the manifest differs")
	}
	return nil
}

func holds(ctx context.Context, store registry.Store, d string, want []byte) error {
	b, err := store.OpenBlob(ctx, "app", digestType(d))
	if err != nil {
		return err
	}
	defer b.Close()
	var got bytes.Buffer
	if _, err := b.WriteRange(&got, 0, b.Size()); err != nil {
		return err
	}
	if !bytes.Equal(got.Bytes(), want) {
		return fmt.Errorf("blob %.19s differs", d)
	}
	return nil
}

// sweep tries a client, with one effect or with all.
func (e entryClient) sweep(t *testing.T, effect string) *exam.Result {
	opts := []exam.Option{exam.WithReportOnly()}
	if effect != "" {
		effects := slices.DeleteFunc(exam.DefaultEffects(), func(other exam.Effect) bool { return other.Name != effect })
		require.NotEmpty(t, effects, "there is no effect %s", effect)
		opts = append(opts, exam.WithEffects(effects...))
	}
	if e.must {
		opts = append(opts, exam.MustRecover())
	}
	if e.users {
		opts = append(opts, exam.WithRegistry(registrytest.WithAuth(auth.Options{Users: map[string]string{"somebody": "secret"}})))
	}
	return exam.Sweep(t, e.scenario(), opts...)
}

type v1Image interface{ Layers() ([]v1.Layer, error) }

func digestType(d string) digest.Digest { return digest.Digest(d) }
