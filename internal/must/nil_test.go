package must_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/internal/must"
	"github.com/ocifake/ocifake/keep"
	"github.com/ocifake/ocifake/layoutstore"
	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/memstore"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registry/storetest"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/ocifake/ocifake/spec"
	"github.com/ocifake/ocifake/spec/ginkgospec"
)

// works marks a parameter that may be nil.
const works = ""

// row is the expected outcome of a nil argument.
type row struct {
	parameter string              // "record.Match match"
	says      string              // by a panic or an error; works if nothing
	call      func(f given) error // with nil for the parameter
}

// given is the fixtures of the calls in the table.
type given struct {
	t       *testing.T
	ctx     context.Context
	request *http.Request
	answer  http.ResponseWriter
	next    http.Handler
	store   *memstore.Store
	layout  *layoutstore.Store
	service *auth.Service
	reg     *registrytest.Registry
	log     record.Log
}

func newGiven(t *testing.T) given {
	t.Helper()
	service, err := auth.New(auth.Options{Users: map[string]string{"ci": "secret"}, Token: &auth.TokenOptions{}})
	require.NoError(t, err)
	reg := registrytest.New(t, registrytest.WithInMemory(), registrytest.WithAuth(auth.Options{Users: map[string]string{"ci": "secret"}}))
	layout, err := layoutstore.Open(t.TempDir(), layoutstore.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, layout.Close()) })
	return given{
		t:       t,
		ctx:     t.Context(),
		request: httptest.NewRequest(http.MethodGet, "/v2/", nil),
		answer:  httptest.NewRecorder(),
		next:    http.NotFoundHandler(),
		store:   memstore.New(memstore.Options{}),
		layout:  layout,
		service: service,
		reg:     reg,
		log:     record.Log{{Seq: 1}},
	}
}

// do wraps a call that returns no error.
func do(call func(f given)) func(given) error {
	return func(f given) error {
		call(f)
		return nil
	}
}

// refused returns a row for a parameter that must not be nil: the message names the package, the
// function and the parameter.
func refused(parameter string, call func(f given)) row {
	function, name, _ := strings.Cut(parameter, " ")
	pkg, function, _ := strings.Cut(function, ".")
	return row{parameter, pkg + ": " + function + ": " + name + " is nil", do(call)}
}

func allowed(parameter string, call func(f given)) row { return row{parameter, works, do(call)} }

func failing(parameter, says string, call func(f given) error) row {
	return row{parameter, says, call}
}

// TestNil calls every exported function with nil for each parameter that can be nil. The call
// works, or fails with a message that names the parameter.
func TestNil(t *testing.T) {
	var listed []string
	for _, row := range slices.Concat(ofOp, ofRegistry, ofMemstore, ofAuth, ofFaults, ofRecord, ofRegistrytest, ofImages, ofExam, ofLint, ofSpec) {
		listed = append(listed, row.parameter)
		t.Run(row.parameter, func(t *testing.T) {
			said := outcome(row.call, newGiven(t))
			if row.says == works {
				assert.Empty(t, said)
				return
			}
			assert.Contains(t, said, row.says)
			assert.NotContains(t, said, "runtime error")
		})
	}
	all := nilable(t)
	assert.Empty(t, without(all, listed), "these parameters have no row")
	assert.Empty(t, without(listed, all), "these rows have no parameter")
	assert.Len(t, listed, len(all), "a parameter has one row")
}

func without(list, those []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(one string) bool { return slices.Contains(those, one) })
}

// outcome returns the panic or the error of a call, or "".
func outcome(call func(given) error, f given) (said string) {
	defer func() {
		if p := recover(); p != nil {
			said = fmt.Sprint(p)
		}
	}()
	if err := call(f); err != nil {
		return err.Error()
	}
	return ""
}

func TestIsNil(t *testing.T) {
	var pointer *int
	var function func()
	var list []int
	for _, value := range []any{nil, pointer, function, list, (map[string]int)(nil), (chan int)(nil), http.Handler(http.HandlerFunc(nil))} {
		assert.True(t, must.IsNil(value), "%T", value)
		assert.PanicsWithValue(t, "p: F: x is nil", func() { must.NotNil("p: F: x", value) })
	}
	for _, value := range []any{0, "", struct{}{}, new(int), []int{}, func() {}} {
		assert.False(t, must.IsNil(value), "%T", value)
		must.NotNil("p: F: x", value)
	}
}

var noContext context.Context // nil, for staticcheck

var ofOp = []row{
	refused("op.Methods u", func(f given) { op.Methods(nil) }),
	refused("op.Parse u", func(f given) { op.Parse(http.MethodGet, nil) }),
}

var ofRegistry = []row{
	allowed("registry.Cause.Is target", func(f given) { registry.BlobUnknown.Is(nil) }),
	refused("registry.Cause.Spoken r", func(given) { registry.Denied.Spoken(nil) }),
	refused("registry.Registry.Address next", func(f given) { registry.New(f.store, registry.Options{}).Address(nil) }),
	refused("registry.Registry.Speak next", func(f given) { registry.New(f.store, registry.Options{}).Speak(nil) }),
	refused("registry.Cause.SetHeader r", func(f given) { registry.RangeInvalid.SetHeader(http.Header{}, nil, f.store) }),
	allowed("registry.Cause.SetHeader store", func(f given) { registry.RangeInvalid.SetHeader(http.Header{}, f.request, nil) }),
	refused("registry.New store", func(f given) { registry.New((*memstore.Store)(nil), registry.Options{}) }),
	refused("registry.NewBlob r", func(f given) { registry.NewBlob(nil, 0) }),
	allowed("registry.Reference.Judge blob", func(f given) { registry.Reference{Blob: true}.Judge("app", nil, &ocispec.Descriptor{}) }),
	allowed("registry.Reference.Judge manifest", func(f given) { registry.Reference{Manifest: true}.Judge("app", &ocispec.Descriptor{}, nil) }),
	refused("registry.Registry.ServeHTTP w", func(f given) { registry.New(f.store, registry.Options{}).ServeHTTP(nil, f.request) }),
	refused("registry.Registry.ServeHTTP r", func(f given) { registry.New(f.store, registry.Options{}).ServeHTTP(f.answer, nil) }),
	refused("registry.WriteError w", func(f given) { registry.WriteError(nil, f.request, io.EOF) }),
	refused("registry.WriteError r", func(f given) { registry.WriteError(f.answer, nil, io.EOF) }),
	refused("registry.WriteError err", func(f given) { registry.WriteError(f.answer, f.request, nil) }),
}

const someDigest = digest.Digest("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")

var ofMemstore = []row{
	refused("storetest.Reopen open", func(f given) { storetest.Reopen(nil) }),
	refused("layoutstore.Store.BlobRepositories ctx", func(f given) { f.layout.BlobRepositories(noContext, someDigest) }),
	refused("layoutstore.Store.Blobs ctx", func(f given) { f.layout.Blobs(noContext, "app", "") }),
	refused("layoutstore.Store.DeleteBlob ctx", func(f given) { f.layout.DeleteBlob(noContext, "app", someDigest) }),
	refused("layoutstore.Store.DeleteManifest ctx", func(f given) { f.layout.DeleteManifest(noContext, "app", "v1", registry.Precondition{}) }),
	refused("layoutstore.Store.Manifest ctx", func(f given) { f.layout.Manifest(noContext, "app", "v1") }),
	refused("layoutstore.Store.Manifests ctx", func(f given) { f.layout.Manifests(noContext, "app", "") }),
	refused("layoutstore.Store.MountBlob ctx", func(f given) { f.layout.MountBlob(noContext, "app", someDigest, "lib") }),
	refused("layoutstore.Store.NewUpload ctx", func(f given) { f.layout.NewUpload(noContext, "app", digest.SHA256) }),
	refused("layoutstore.Store.OpenBlob ctx", func(f given) { f.layout.OpenBlob(noContext, "app", someDigest) }),
	refused("layoutstore.Store.OpenUpload ctx", func(f given) { f.layout.OpenUpload(noContext, "app", "1") }),
	refused("layoutstore.Store.PutManifest ctx", func(f given) { f.layout.PutManifest(noContext, "app", registry.PutManifest{}) }),
	refused("layoutstore.Store.Referrers ctx", func(f given) { f.layout.Referrers(noContext, "app", someDigest, "") }),
	refused("layoutstore.Store.Repositories ctx", func(f given) { f.layout.Repositories(noContext, "") }),
	refused("layoutstore.Store.Tags ctx", func(f given) { f.layout.Tags(noContext, "app", "") }),
	refused("layoutstore.Store.Uploads ctx", func(f given) { f.layout.Uploads(noContext, "app") }),
	refused("memstore.Store.AddManifest ctx", func(f given) {
		f.store.AddManifest(noContext, "app", registry.PutManifest{}, func() ([]byte, error) { return nil, io.EOF })
	}),
	failing("memstore.Store.AddManifest read", "read is nil", func(f given) error {
		return f.store.AddManifest(f.ctx, "app", registry.PutManifest{}, nil)
	}),
	refused("memstore.Store.AddBlob ctx", func(f given) {
		f.store.AddBlob(noContext, "app", ocispec.Descriptor{}, func() (registry.Blob, error) { return nil, io.EOF })
	}),
	failing("memstore.Store.AddBlob open", "open is nil", func(f given) error {
		return f.store.AddBlob(f.ctx, "app", ocispec.Descriptor{Digest: someDigest}, nil)
	}),
	refused("memstore.Store.BlobRepositories ctx", func(f given) { f.store.BlobRepositories(noContext, someDigest) }),
	refused("memstore.Store.Blobs ctx", func(f given) { f.store.Blobs(noContext, "app", "") }),
	refused("memstore.Store.DeleteBlob ctx", func(f given) { f.store.DeleteBlob(noContext, "app", someDigest) }),
	refused("memstore.Store.DeleteManifest ctx", func(f given) { f.store.DeleteManifest(noContext, "app", "v1", registry.Precondition{}) }),
	refused("memstore.Store.Manifest ctx", func(f given) { f.store.Manifest(noContext, "app", "v1") }),
	refused("memstore.Store.Manifests ctx", func(f given) { f.store.Manifests(noContext, "app", "") }),
	refused("memstore.Store.MountBlob ctx", func(f given) { f.store.MountBlob(noContext, "app", someDigest, "lib") }),
	refused("memstore.Store.NewUpload ctx", func(f given) { f.store.NewUpload(noContext, "app", digest.SHA256) }),
	refused("memstore.Store.OpenBlob ctx", func(f given) { f.store.OpenBlob(noContext, "app", someDigest) }),
	refused("memstore.Store.OpenUpload ctx", func(f given) { f.store.OpenUpload(noContext, "app", "1") }),
	refused("memstore.Store.PutManifest ctx", func(f given) { f.store.PutManifest(noContext, "app", registry.PutManifest{}) }),
	refused("memstore.Store.Referrers ctx", func(f given) { f.store.Referrers(noContext, "app", someDigest, "") }),
	refused("memstore.Store.Repositories ctx", func(f given) { f.store.Repositories(noContext, "") }),
	refused("memstore.Store.Restore from", func(f given) { f.store.Restore(nil) }),
	refused("memstore.Store.Tags ctx", func(f given) { f.store.Tags(noContext, "app", "") }),
	refused("memstore.Store.Uploads ctx", func(f given) { f.store.Uploads(noContext, "app") }),
}

var ofAuth = []row{
	refused("auth.Allow ctx", func(f given) { auth.Allow(noContext, "app", registry.Pull) }),
	refused("auth.Handler a", func(f given) { auth.Handler((*auth.Service)(nil), f.next) }),
	refused("auth.Handler next", func(f given) { auth.Handler(f.service, nil) }),
	refused("auth.Service.Authenticate r", func(f given) { f.service.Authenticate(nil) }),
	allowed("auth.Service.Authorize _", func(f given) { f.service.Authorize(noContext, auth.Identity{}, auth.Access{}) }),
	refused("auth.Service.Challenge r", func(f given) { f.service.Challenge(nil, auth.Access{}, nil) }),
	allowed("auth.Service.Challenge failure", func(f given) { f.service.Challenge(f.request, auth.Access{}, nil) }),
	refused("auth.Service.ChallengeTo r", func(f given) { f.service.ChallengeTo(nil) }),
	refused("auth.Service.RealmURL r", func(f given) { f.service.RealmURL(nil) }),
	refused("auth.Service.ScopeFor info", func(f given) { f.service.ScopeFor(nil) }),
	refused("auth.Service.ServeToken w", func(f given) { f.service.ServeToken(nil, f.request) }),
	refused("auth.Service.ServeToken r", func(f given) { f.service.ServeToken(f.answer, nil) }),
}

var ofFaults = []row{
	failing("faults.All effects", "one of its effects is nil", add(faults.On(op.Ping).Do(faults.All(nil)))),
	allowed("faults.Answer.Detail detail", func(f given) { faults.Status(503).Detail(nil) }),
	refused("faults.Func serve", func(f given) { faults.Func("name", nil) }),
	allowed("faults.SetField value", func(f given) { faults.SetField("tags", nil) }),
	failing("faults.Rule.Do effects", "one of its effects is nil", add(faults.On(op.Ping).Do(nil, faults.Status(503)))),
	failing("faults.Rule.Seq steps", "one of its effects is nil", add(faults.On(op.Ping).Seq(faults.Pass(), nil))),
}

// add adds a rule, which validates it.
func add(rule faults.Rule) func(given) error {
	return func(f given) error {
		_, err := f.reg.Faults().Inject(rule)
		return err
	}
}

var ofRecord = []row{
	refused("record.Filter.Match x", func(f given) { record.Repo("app").Match(nil) }),
	refused("record.Log.By label", func(f given) { record.Log{}.By(nil) }),
	allowed("record.Log.JournalMarking near", func(f given) { f.log.JournalMarking(nil) }),
	refused("record.Log.WriteHAR w", func(f given) { record.Log{}.WriteHAR(nil) }),
	refused("record.Log.WriteJSONL w", func(f given) { record.Log{}.WriteJSONL(nil) }),
	refused("record.Match match", func(f given) { record.Match(nil) }),
	refused("record.ReadHAR r", func(f given) { record.ReadHAR(nil) }),
	refused("record.ReadJSONL r", func(f given) { record.ReadJSONL(nil) }),
	refused("record.ScanJSONL r", func(f given) { record.ScanJSONL(nil) }),
}

// sweepVariable is the environment variable that names one of sweepOptions for TestSweepOption.
const sweepVariable = "OCIFAKE_TEST_SWEEP_OPTION"

var sweepOptions = map[string]exam.Option{
	"Sweep":        nil,
	"Chaos":        nil,
	"WithRegistry": exam.WithRegistry(nil),
	"WithStore":    exam.WithStore(nil),
	"WithHandler":  exam.WithHandler(nil),
	"WithProgress": exam.WithProgress(nil),
	"Run":          nil,
}

// sweep runs a sweep with one of sweepOptions in a subprocess, because it fails its test, and
// returns its output as an error.
func sweep(name string) func(given) error {
	return func(f given) error {
		cmd := exec.CommandContext(f.ctx, os.Args[0], "-test.run=^TestSweepOption$")
		cmd.Env = append(os.Environ(), sweepVariable+"="+name)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return nil
		}
		return fmt.Errorf("%w: %s", err, out)
	}
}

func TestSweepOption(t *testing.T) {
	name := os.Getenv(sweepVariable)
	option, ok := sweepOptions[name]
	if !ok {
		t.Skip("TestNil runs it in a subprocess")
	}
	scenario := exam.Scenario{
		Run:   func(context.Context, *exam.Trial) error { return nil },
		Check: func(context.Context, *exam.Trial) error { return nil },
	}
	switch name {
	case "Chaos":
		exam.Chaos(t, scenario, 1, 1, option)
	case "Run":
		exam.Run(t, exam.Client{Run: scenario.Run}, option)
	}
	exam.Sweep(t, scenario, option)
}

// start starts a registry with an option, and closes it.
func start(option registrytest.Option) func(given) error {
	return func(given) error {
		reg, err := registrytest.Start(registrytest.WithInMemory(), option)
		if err != nil {
			return err
		}
		return reg.Close()
	}
}

var ofImages = []row{
	refused("images.KnownDigest c", func(f given) { images.KnownDigest(nil, someDigest) }),
	failing("images.Random opts", "option 1 of 1 is nil", do(func(given) { images.Random(nil) })),
	failing("images.RandomIndex opts", "option 1 of 1 is nil", do(func(given) { images.RandomIndex(nil) })),
	failing("images.Artifact opts", "option 1 of 1 is nil", do(func(given) { images.Artifact("a/b", nil) })),
	refused("images.Layer c", func(given) { images.Layer("", nil) }),
}

var ofRegistrytest = []row{
	refused("registrytest.ForEachProfile t", func(f given) { registrytest.ForEachProfile(nil, func(*testing.T, *registrytest.Registry) {}) }),
	refused("registrytest.ForEachProfile test", func(f given) { registrytest.ForEachProfile(f.t, nil) }),
	failing("registrytest.WithCustomProfile p", "WithCustomProfile of nil", func(f given) error {
		_, err := registrytest.Start(registrytest.WithCustomProfile(nil))
		return err
	}),
	failing("registrytest.WithError err", works, func(f given) error {
		reg, err := registrytest.Start(registrytest.WithError(nil))
		if err == nil {
			err = reg.Close()
		}
		return err
	}),
	allowed("registrytest.Credentials.DockerConfig t", func(f given) { f.reg.Login(f.t, "ci").DockerConfig(nil) }),
	failing("registrytest.WithLogger log", "Logger of nil", start(registrytest.WithLogger(nil))),
	allowed("registrytest.Network.Assert t", func(f given) { registrytest.NewNetwork().Assert(nil) }),
	refused("registrytest.Network.Proxy t", func(given) { registrytest.NewNetwork().Proxy(nil) }),
	refused("registrytest.Network.Environ t", func(given) { registrytest.NewNetwork().Environ(nil) }),
	allowed("registrytest.Network.Registry t", func(f given) {
		network := registrytest.NewNetwork()
		registrytest.New(f.t, registrytest.WithNetwork(network, "a.example"))
		network.Registry(nil, "a.example")
	}),
	allowed("registrytest.Network.Require t", func(f given) { registrytest.NewNetwork().Require(nil) }),
	refused("registrytest.Host options", func(given) { registrytest.Host("a.example", nil) }),
	refused("keep.World t", func(given) { keep.World(nil, "world") }),
	refused("keep.World options", func(f given) { keep.World(f.t, "world", nil) }),
	refused("registrytest.NewWorld t", func(given) { registrytest.NewWorld(nil) }),
	refused("registrytest.NewWorld options", func(f given) { registrytest.NewWorld(f.t, nil) }),
	failing("registrytest.New t", works, func(given) error { return registrytest.New(nil).Close() }),
	failing("registrytest.New opts", "option 2 of 2 is nil", start(nil)),
	failing("registrytest.WithNetwork n", "WithNetwork of nil", start(registrytest.WithNetwork(nil, "a.example"))),
	allowed("registrytest.Registry.Assert t", func(f given) { f.reg.Assert(nil).Count(0) }),
	allowed("registrytest.Registry.Attach t", func(f given) {
		f.reg.Push(nil, "app:v1", images.Random())
		f.reg.Attach(nil, "app:v1", images.Artifact("text/plain"))
	}),
	allowed("registrytest.Network.Lint t", func(f given) { registrytest.NewNetwork().Lint(nil) }),
	allowed("registrytest.Registry.Lint t", func(f given) { f.reg.Lint(nil) }),
	allowed("registrytest.Registry.Check t", func(f given) { f.reg.Check(nil) }),
	allowed("registrytest.Registry.Inject t", func(f given) { f.reg.Inject(nil) }),
	allowed("registrytest.Registry.Intercept t", func(f given) {
		f.reg.Intercept(nil, func(http.ResponseWriter, *http.Request, *op.Info) bool { return false })
	}),
	failing("registrytest.Registry.Intercept handle", "registrytest: Intercept: handle is nil", do(func(f given) { f.reg.Intercept(nil, nil) })),
	refused("registrytest.Faults.Intercept handle", func(f given) { f.reg.Faults().Intercept(nil) }),
	allowed("registrytest.Registry.Load t", func(f given) {
		dir := f.t.TempDir()
		layout, err := layout.Write(dir, empty.Index)
		require.NoError(f.t, err)
		require.NoError(f.t, layout.AppendImage(images.Random()))
		f.reg.Load(nil, "app", dir)
	}),
	allowed("registrytest.Registry.Login t", func(f given) { f.reg.Login(nil, "ci") }),
	allowed("registrytest.Registry.Push t", func(f given) { f.reg.Push(nil, "app:v1", images.Random()) }),
	failing("registrytest.Registry.Attach image", "registrytest: Attach: app:v1: image is nil", do(func(f given) { f.reg.Attach(nil, "app:v1", nil) })),
	failing("registrytest.Registry.Push image", "registrytest: Push: app:v1: image is nil", do(func(f given) { f.reg.Push(nil, "app:v1", nil) })),
	allowed("registrytest.Registry.PushBlob t", func(f given) { f.reg.PushBlob(nil, "app", strings.NewReader("blob")) }),
	failing("registrytest.Registry.PushBlob c", "registrytest: PushBlob: app: c is nil", do(func(f given) { f.reg.PushBlob(nil, "app", (*strings.Reader)(nil)) })),
	allowed("registrytest.Registry.PushManifest t", func(f given) {
		f.reg.PushManifest(nil, "app:v1", ocispec.MediaTypeImageIndex, []byte(`{"schemaVersion":2,"mediaType":"`+ocispec.MediaTypeImageIndex+`","manifests":[]}`))
	}),
	allowed("registrytest.Registry.Require t", func(f given) { f.reg.Require(nil).Count(0) }),
	failing("registrytest.Start opts", "option 1 of 1 is nil", func(given) error {
		_, err := registrytest.Start(nil)
		return err
	}),
	failing("registrytest.NewHandler opts", "option 1 of 1 is nil", func(given) error {
		_, err := registrytest.NewHandler(nil)
		return err
	}),
	allowed("registrytest.Registry.Delete t", func(f given) {
		f.reg.Push(nil, "app:v1", images.Random())
		f.reg.Delete(nil, "app:v1")
	}),
	allowed("registrytest.Registry.Image t", func(f given) {
		f.reg.Push(nil, "app:v1", images.Random())
		f.reg.Image(nil, "app:v1")
	}),
	allowed("registrytest.Registry.Index t", func(f given) {
		f.reg.Push(nil, "app:v1", images.RandomIndex())
		f.reg.Index(nil, "app:v1")
	}),
	allowed("registrytest.Registry.Pushed t", func(f given) {
		f.reg.Push(nil, "app:v1", images.Random())
		f.reg.Pushed(nil, "app:v1")
	}),
	allowed("registrytest.Registry.Reset t", func(f given) { f.reg.Reset(nil) }),
	allowed("registrytest.Registry.Snapshot t", func(f given) { f.reg.Snapshot(nil, filepath.Join(f.t.TempDir(), "layout")) }),
	allowed("registrytest.Registry.Tags t", func(f given) {
		f.reg.Push(nil, "app:v1", images.Random())
		f.reg.Tags(nil, "app")
	}),
	failing("registrytest.WithHandler h", "WithHandler of nil", start(registrytest.WithHandler(http.HandlerFunc(nil)))),
	failing("registrytest.WithAuthenticator a", "WithAuthenticator of nil", start(registrytest.WithAuthenticator((*auth.Service)(nil)))),
	failing("registrytest.WithStore store", "WithStore of nil", start(registrytest.WithStore((*memstore.Store)(nil)))),
}

var ofLint = []row{
	refused("lint.Finding.Is x", func(f given) { lint.Finding{}.Is(nil) }),
	refused("lint.Linter.Add x", func(f given) { lint.New().Add(nil) }),
	refused("lint.Report.WriteSARIF w", func(f given) { _ = lint.Report{}.WriteSARIF(nil, "") }),
	refused("lint.Report.WriteText w", func(f given) { _ = lint.Report{}.WriteText(nil) }),
}

var ofExam = []row{
	refused("exam.Scorecard.Compare baseline", func(given) { new(exam.Scorecard).Compare(nil) }),
	failing("exam.Sweep t", "exam: Sweep: t is nil", do(func(given) { exam.Sweep(nil, exam.Scenario{}) })),
	failing("exam.Sweep opts", "option 1 of 1 is nil", sweep("Sweep")),
	failing("exam.Chaos t", "exam: Chaos: t is nil", do(func(given) { exam.Chaos(nil, exam.Scenario{}, 1, 1) })),
	failing("exam.Chaos opts", "Chaos: option 1 of 1 is nil", sweep("Chaos")),
	failing("exam.WithRegistry opts", "WithRegistry: option 1 of 1 is nil", sweep("WithRegistry")),
	failing("exam.WithStore newStore", "WithStore of nil", sweep("WithStore")),
	failing("exam.WithHandler newHandler", "WithHandler of nil", sweep("WithHandler")),
	failing("exam.WithProgress progress", "WithProgress of nil", sweep("WithProgress")),
	failing("exam.Run t", "exam: Run: t is nil", do(func(given) { exam.Run(nil, exam.Client{}) })),
	failing("exam.Run opts", "option 1 of 1 is nil", sweep("Run")),
	refused("exam.Examine ctx", func(given) { exam.Examine(noContext, exam.Client{}) }),
	failing("exam.Examine opts", "option 1 of 1 is nil", func(f given) error {
		_, err := exam.Examine(f.ctx, exam.Client{Run: exam.Command{"true"}.Run}, nil)
		return err
	}),
	refused("exam.Command.Run ctx", func(given) { exam.Command{"true"}.Run(noContext, &exam.Trial{}) }),
	refused("exam.Command.Run reg", func(f given) { exam.Command{"true"}.Run(f.ctx, nil) }),
	refused("exam.Command.List ctx", func(given) { exam.Command{"true"}.List(noContext, &exam.Trial{}) }),
	refused("exam.Command.List reg", func(f given) { exam.Command{"true"}.List(f.ctx, nil) }),
}

var ofSpec = []row{
	refused("ginkgospec.Registry target", func(f given) { ginkgospec.Registry(nil) }),
	refused("spec.Open ctx", func(f given) { spec.Open(noContext, spec.Target{URL: "http://127.0.0.1:1"}) }),
	refused("spec.Suite.Check ctx", func(f given) { openSpec().Check(noContext, spec.Statement{}) }),
	refused("spec.Suite.Ready ctx", func(f given) { openSpec().Ready(noContext) }),
	refused("spec.Run ctx", func(f given) { spec.Run(noContext, spec.Target{URL: "http://127.0.0.1:1"}) }),
	refused("ginkgospec.Store newStore", func(f given) { ginkgospec.Store(nil) }),
	refused("spec.ReadBaseline r", func(f given) { spec.ReadBaseline(nil) }),
	refused("spec.WriteHTML w", func(f given) { spec.WriteHTML(nil, "", nil) }),
	refused("spec.WriteMarkdown w", func(f given) { spec.WriteMarkdown(nil, "", nil) }),
}

func openSpec() *spec.Suite {
	s, err := spec.Open(context.Background(), spec.Target{URL: "http://127.0.0.1:1"})
	if err != nil {
		panic(err)
	}
	return s
}
