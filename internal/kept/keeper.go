package kept

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ocifake/ocifake/internal/replay"
	"github.com/ocifake/ocifake/layoutstore"
)

// Options are the options of a Keeper.
type Options struct {
	// Shallow replaces the layers of images by generated ones of the same size, which are not in
	// the directory.
	Shallow bool
}

// Keeper keeps the answers of hosts. Its methods must not be called concurrently.
type Keeper struct {
	dir     string // becomes staging
	staging string
	options Options
	hosts   []*Host
}

// Keep begins to keep a world in a directory, which may have one already. The caller must call
// Finish or Abort.
func Keep(dir string, options Options) (*Keeper, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	k := &Keeper{dir: dir, staging: dir + ".new", options: options}
	if err := k.begin(); err != nil {
		return nil, fmt.Errorf("keep a world in %s: %w", dir, err)
	}
	return k, nil
}

func (k *Keeper) begin() error {
	if err := restore(k.dir); err != nil {
		return err
	}
	if err := replaceable(k.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(k.dir), 0o777); err != nil {
		return err
	}
	err := os.Mkdir(k.staging, 0o777)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists: another run is keeping this world, or was killed: remove it if none is", k.staging)
	}
	return err
}

// restore undoes a replacement that was interrupted between its two steps.
func restore(dir string) error {
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(dir+".old", dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// replaceable returns an error if a directory has anything but a kept world.
func replaceable(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errors.New("it is not a directory")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	_, err = replay.ReadContents(root)
	return err
}

// Add adds a host by its name: "ghcr.io" or "registry.example:5000". The caller must set its
// Upstream before Finish.
func (k *Keeper) Add(name string) (*Host, error) {
	parsed, err := replay.ParseHost(name)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(k.staging, replay.DirectoryOf(name))
	store, err := layoutstore.Open(dir, layoutstore.Options{MaxUploads: -1, UploadTTL: -1})
	if err != nil {
		return nil, err
	}
	h := newHost(parsed, dir, store)
	k.hosts = append(k.hosts, h)
	return h, nil
}

// Finish completes what passed only in part, and replaces the directory. If that fails, or if what
// the hosts answered was wrong or is missing, the directory is as it was. All requests must have
// ended.
func (k *Keeper) Finish(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%s is as it was: %w", k.dir, err), k.Abort())
		}
	}()
	world := replay.Contents{Version: replay.Version, Shallow: k.options.Shallow, Hosts: []string{}}
	var errs []error
	for _, h := range k.hosts {
		if err := h.finish(ctx, k.options); err != nil {
			errs = append(errs, fmt.Errorf("host %s: %w", h, err))
		}
		world.Hosts = append(world.Hosts, h.String())
	}
	slices.Sort(world.Hosts)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(k.staging, replay.WorldFile), world); err != nil {
		return err
	}
	return k.swap()
}

// swap replaces the directory. Files in it that are not of a kept world stay, such as .gitattributes.
func (k *Keeper) swap() error {
	old := k.dir + ".old"
	if err := replaceable(old); err != nil {
		return fmt.Errorf("%s, which is in the way: %w", old, err)
	}
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	had := true
	if err := os.Rename(k.dir, old); errors.Is(err, fs.ErrNotExist) {
		had = false
	} else if err != nil {
		return err
	}
	if err := os.Rename(k.staging, k.dir); err != nil {
		if had {
			err = errors.Join(err, os.Rename(old, k.dir))
		}
		return err
	}
	return errors.Join(k.moveOthers(old), os.RemoveAll(old))
}

// moveOthers moves the files that are not of a kept world out of its old directory.
func (k *Keeper) moveOthers(old string) error {
	root, err := os.OpenRoot(old)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	entries, err := os.ReadDir(old)
	if err != nil || len(entries) == 0 {
		return err
	}
	world, err := replay.ReadContents(root)
	if err != nil {
		return err
	}
	own := []string{replay.WorldFile}
	for _, host := range world.Hosts {
		own = append(own, replay.DirectoryOf(host))
	}
	for _, e := range entries {
		if slices.Contains(own, e.Name()) {
			continue
		}
		if _, err := os.Lstat(filepath.Join(k.dir, e.Name())); err == nil {
			continue // a host has its place
		}
		if err := os.Rename(filepath.Join(old, e.Name()), filepath.Join(k.dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Abort leaves the directory as it was.
func (k *Keeper) Abort() error {
	var errs []error
	for _, h := range k.hosts {
		errs = append(errs, h.store.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(k.staging))...)
}
