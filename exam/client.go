package exam

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ocifake/ocifake/internal/pulled"
	"github.com/ocifake/ocifake/registry"
)

// Client is a client to be examined: a function for each of its actions, or nil for an action
// that it does not have. A function does its work with the registry of its [Trial], and returns
// the client's error. It must return when its context ends. Functions run in parallel.
//
// A function reaches the registry through [registrytest.Registry.Transport]: without
// Loopback, there is no other way. It logs in if [Trial.Username] is not empty. The methods of
// [Command] are such functions.
type Client struct {
	Name    string // for the scorecard
	Version string

	// Push pushes the image [Trial.Content] to the tag [Trial.Reference].
	Push func(ctx context.Context, reg *Trial) error

	// Pull pulls the image [Trial.Reference]. An image that it puts into [Trial.Dir] as an OCI
	// image layout, as an archive of one or of docker save, or as files, is checked. For any
	// other result there is Check.
	Pull func(ctx context.Context, reg *Trial) error

	// List returns the tags of the repository [Trial.Reference].
	List func(ctx context.Context, reg *Trial) ([]string, error)

	// Copy copies the image [Trial.Reference] to the tag [Trial.Target].
	Copy func(ctx context.Context, reg *Trial) error

	// Referrers returns the digests of the manifests whose subject is [Trial.Reference], alone
	// or as parts of texts.
	Referrers func(ctx context.Context, reg *Trial) ([]string, error)

	// Run does anything else, with the image [Trial.Reference], which exists, or with others.
	Run func(ctx context.Context, reg *Trial) error

	// Check returns an error if the result of Pull or of Run is wrong. It is called if they
	// returned no error. Check may be nil.
	Check func(ctx context.Context, reg *Trial) error

	// Loopback starts the registries on loopback ports, and runs in real time. Clients that do not
	// work in a bubble need it: see [Sweep].
	Loopback bool

	// Serial runs one trial at a time. Clients with settings that are global to the program need
	// it, and so do tests that use [testing.T.Setenv].
	Serial bool

	// Timeout is the time after which the context of an action ends. Default: an hour of virtual
	// time, or a minute with Loopback; with [Examine], two minutes.
	Timeout time.Duration
}

// The repositories of an exam.
const (
	appRepo  = "team/app"    // has the tags
	copyRepo = "team/copy"   // the target of copies
	signed   = "team/signed" // has an image with referrers
	newTag   = "pushed"      // of appRepo; it does not exist
)

// appTags are the tags of appRepo, all of one image.
var appTags = []string{"v1", "v2", "v3"}

// action is an action of clients. It returns an error if the result is wrong.
type action struct {
	name string

	// of returns the client's function, or nil.
	of func(*Client) func(context.Context, *Trial) error

	// equip sets what the function needs.
	equip func(*exam, *Trial)

	// check checks the result if the client returned no error. left checks the content that remains
	// if it returned one.
	check, left func(*exam, context.Context, *Trial) error
}

// allActions returns the actions in the order of a scorecard.
func allActions() []action {
	return []action{
		{"push", func(c *Client) func(context.Context, *Trial) error { return c.Push },
			func(e *exam, t *Trial) {
				t.Reference, t.Content = t.Ref(appRepo+":"+newTag), e.pushed
			},
			func(e *exam, ctx context.Context, t *Trial) error {
				return sameImage(ctx, t.Store(), appRepo, newTag, t.Content)
			},
			func(e *exam, ctx context.Context, t *Trial) error {
				return ifPresent(sameImage(ctx, t.Store(), appRepo, newTag, t.Content))
			}},
		{"pull", func(c *Client) func(context.Context, *Trial) error { return c.Pull },
			func(e *exam, t *Trial) { t.Reference = t.Ref(appRepo + ":" + appTags[0]) },
			(*exam).checkPull, (*exam).checkLeft},
		{"list", func(c *Client) func(context.Context, *Trial) error { return keepList(c.List) },
			func(e *exam, t *Trial) { t.Reference = t.Ref(appRepo) },
			(*exam).checkTags, nil},
		{"copy", func(c *Client) func(context.Context, *Trial) error { return c.Copy },
			func(e *exam, t *Trial) {
				t.Reference, t.Target = t.Ref(appRepo+":"+appTags[0]), t.Ref(copyRepo+":"+newTag)
			},
			func(e *exam, ctx context.Context, t *Trial) error {
				return sameImage(ctx, t.Store(), copyRepo, newTag, e.app)
			},
			func(e *exam, ctx context.Context, t *Trial) error {
				return ifPresent(sameImage(ctx, t.Store(), copyRepo, newTag, e.app))
			}},
		{"referrers", func(c *Client) func(context.Context, *Trial) error { return keepList(c.Referrers) },
			func(e *exam, t *Trial) { t.Reference = t.Ref(signed + "@" + e.appDigest.String()) },
			(*exam).checkReferrers, nil},
		{"run", func(c *Client) func(context.Context, *Trial) error { return c.Run },
			func(e *exam, t *Trial) { t.Reference = t.Ref(appRepo + ":" + appTags[0]) },
			(*exam).checkByClient, nil},
	}
}

// keepList returns a function that keeps the result of a list in the trial.
func keepList(list func(context.Context, *Trial) ([]string, error)) func(context.Context, *Trial) error {
	if list == nil {
		return nil
	}
	return func(ctx context.Context, t *Trial) (err error) {
		t.listed, err = list(ctx, t)
		return err
	}
}

// checkPull looks for the image in the directories of the trial, and calls the client's check.
func (e *exam) checkPull(ctx context.Context, t *Trial) error {
	found, err := t.look(ctx)
	if err != nil {
		return err
	}
	t.found = found
	switch found := found.As(e.plainPull); {
	case found.State == pulled.Damaged:
		return errors.New(found.Reason)
	case found.State == pulled.Absent && e.plainPull.State == pulled.Found:
		return errors.New("the image is not in the directory")
	}
	return e.checkByClient(ctx, t)
}

// checkLeft looks for an image that is not whole after a pull that failed.
func (e *exam) checkLeft(ctx context.Context, t *Trial) error {
	found, err := t.look(ctx)
	if err == nil && found.State == pulled.Damaged {
		err = errors.New(found.Reason)
	}
	return err
}

// look looks for the image in the directories of the trial.
func (t *Trial) look(ctx context.Context) (pulled.Result, error) {
	manifest, err := t.image.RawManifest()
	if err != nil {
		return pulled.Result{}, err
	}
	config, err := t.image.RawConfigFile()
	if err != nil {
		return pulled.Result{}, err
	}
	image, err := pulled.Describe(manifest, config)
	if err != nil {
		return pulled.Result{}, err
	}
	for _, dir := range t.results() {
		if found, err := pulled.Find(ctx, dir, image); err != nil || found.State != pulled.Absent {
			return found, err
		}
	}
	return pulled.Result{State: pulled.Absent}, nil
}

func (e *exam) checkByClient(ctx context.Context, t *Trial) error {
	if e.client.Check == nil {
		return nil
	}
	return e.client.Check(ctx, t)
}

// checkTags compares the listed tags with those of the registry.
func (e *exam) checkTags(ctx context.Context, t *Trial) error {
	for tag, err := range t.Store().Tags(ctx, appRepo, "") {
		if err != nil {
			return err
		}
		if !slices.Contains(t.listed, tag.Name) {
			return fmt.Errorf("the tag %s was not listed", tag.Name)
		}
	}
	return nil
}

// checkReferrers compares the listed referrers with those of the registry.
func (e *exam) checkReferrers(ctx context.Context, t *Trial) error {
	text := []byte(fmt.Sprint(t.listed))
	for d, err := range t.Store().Referrers(ctx, signed, e.appDigest, "") {
		if err != nil {
			return err
		}
		if !bytes.Contains(text, []byte(d.Digest)) {
			return fmt.Errorf("the referrer %s was not listed", d.Digest)
		}
	}
	return nil
}

// errAbsent is the error of sameImage if there is no image.
var errAbsent = errors.New("the image is not in the registry")

// ifPresent returns the error of sameImage if there is an image.
func ifPresent(err error) error {
	if errors.Is(err, errAbsent) {
		return nil
	}
	return err
}

// maxLayer bounds the uncompressed layers that are compared.
const maxLayer = 16 << 20

// sameImage returns an error if a tag is not that of an image. An image whose layers are
// compressed in another way, or whose manifest has another format, is the same.
func sameImage(ctx context.Context, store registry.Store, repo, tag string, image v1.Image) error {
	m, err := store.Manifest(ctx, repo, tag)
	if err != nil {
		return errAbsent
	}
	want, err := image.Digest()
	if err != nil {
		return err
	}
	if m.Descriptor.Digest.String() == want.String() {
		return nil
	}
	var manifest ocispec.Manifest
	if err := json.Unmarshal(m.Content, &manifest); err != nil {
		return fmt.Errorf("the tag %s is not that of the image: %w", tag, err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	if len(manifest.Layers) != len(config.RootFS.DiffIDs) {
		return fmt.Errorf("the image %s has %d layers in place of %d", tag, len(manifest.Layers), len(config.RootFS.DiffIDs))
	}
	for i, layer := range manifest.Layers {
		d, err := diffID(ctx, store, repo, layer.Digest)
		if err != nil {
			return fmt.Errorf("layer %d of the image %s: %w", i+1, tag, err)
		}
		if d.String() != config.RootFS.DiffIDs[i].String() {
			return fmt.Errorf("layer %d of the image %s has other content", i+1, tag)
		}
	}
	return nil
}

// diffID returns the digest of the uncompressed content of a layer.
func diffID(ctx context.Context, store registry.Store, repo string, layer digest.Digest) (digest.Digest, error) {
	blob, err := store.OpenBlob(ctx, repo, layer)
	if err != nil {
		return "", err
	}
	defer blob.Close()
	var content io.Reader = io.NewSectionReader(blob, 0, blob.Size())
	if unzipped, err := gzip.NewReader(content); err == nil {
		content = unzipped
	} else {
		content = io.NewSectionReader(blob, 0, blob.Size())
	}
	return digest.Canonical.FromReader(io.LimitReader(content, maxLayer))
}

// withSubject returns an image whose manifest has another one as its subject.
func withSubject(image, subject v1.Image) (v1.Image, error) {
	desc, err := partial.Descriptor(subject)
	if err != nil {
		return nil, err
	}
	desc.Annotations = nil
	attached, ok := mutate.Subject(image, *desc).(v1.Image)
	if !ok {
		return nil, errors.New("the image cannot have a subject")
	}
	return attached, nil
}
