package exam

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/ocifake/ocifake/internal/pulled"
	"github.com/ocifake/ocifake/registrytest"
)

// Scenario is the work of a client, which [Sweep] runs with one fault after another.
type Scenario struct {
	// Setup fills the registry that each trial begins with. Only the content is kept:
	// rules and options of reg are not. Setup may be nil.
	Setup func(t testing.TB, reg *registrytest.Registry)

	// Run lets the client do its work, through [registrytest.Registry.Transport], and
	// returns the client's error. It must return when its context ends. Trials run in
	// parallel: Run keeps in [Trial.Got] what Check needs.
	Run func(ctx context.Context, reg *Trial) error

	// Check returns an error if the client's result or the registry's content is
	// wrong. It compares every byte. It is called if Run returned no error. The fault
	// is removed by then, so Check may send requests to the registry.
	Check func(ctx context.Context, reg *Trial) error

	// CheckFailed is called if Run returned an error. It returns an error if something
	// wrong is left under its final name: half a file, an error page, a tag that lists
	// an image that is not there. What is absent is right. CheckFailed may be nil.
	//
	// Some of this is checked without it: the content of the registry, files in
	// [Trial.Dir] that are named after their digest, and files there that have content
	// of the registry after a run without a fault.
	CheckFailed func(ctx context.Context, reg *Trial) error

	// Loopback starts the registries on loopback ports, and runs in real time. Clients that do not
	// work in a bubble need it: see [Sweep].
	Loopback bool

	// Serial runs one trial at a time. Clients with settings that are global to the program need
	// it, and so do tests that use [testing.T.Setenv].
	Serial bool

	// Timeout is the time after which the context of Run ends. Default: an hour of virtual
	// time, or a minute with Loopback.
	Timeout time.Duration
}

// Trial is one run of a [Scenario] or of an action of a [Client], on a registry of its own.
type Trial struct {
	*registrytest.Registry

	// Got passes a result from Run to Check and CheckFailed.
	Got any

	// The other fields are set for a [Client], each for the actions that need it.
	Reference string   // full name of an image, or of a repository for List: "127.0.0.1:40001/team/app:v1"
	Target    string   // full name of the tag to which Copy copies
	Content   v1.Image // the image that Push pushes
	Username  string   // for the login, if the registry has authentication
	Password  string

	exam   *exam
	image  v1.Image      // that Pull pulls
	listed []string      // by List and Referrers
	found  pulled.Result // in the directory, after a pull

	// Of a command.
	watch   *watch
	slot    *slot
	work    workspace
	output  bounded
	process atomic.Int64 // ID of the latest, which leads a group

	mu   sync.Mutex
	dirs []string
}

// Dir returns a new directory, which is removed when the trial ends. It panics if the
// directory cannot be created.
//
// Unlike that of [testing.T.TempDir], its name has no characters that clients
// misread in a reference to a directory.
func (t *Trial) Dir() string {
	dir, err := os.MkdirTemp("", "sweep-")
	if err != nil {
		panic(fmt.Errorf("exam: create a directory for a trial: %w", err))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dirs = append(t.dirs, dir)
	return dir
}

// directories returns the directories of the trial in the order of the calls of Dir.
func (t *Trial) directories() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.dirs)
}

// results returns the directories that have what the client wrote: not the temporary files
// of a command.
func (t *Trial) results() []string {
	if t.work.root != "" {
		return []string{t.work.dir()}
	}
	return t.directories()
}

// removeDirectories ignores errors: a client that did not return may still write.
func (t *Trial) removeDirectories() {
	for _, dir := range t.directories() {
		_ = os.RemoveAll(dir)
	}
}
