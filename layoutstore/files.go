package layoutstore

import (
	"errors"
	"fmt"
	"io"
	"path"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/layoutdir"
)

// adder serializes the calls that add the file of one digest.
type adder struct {
	mu    sync.Mutex
	calls int // guarded by the state's lock
}

// add makes a change that needs the file of a digest. If there is none, supply writes and syncs one
// with the content, and returns its name; it is moved to its place. If the change fails, it is moved
// back.
func (s *Store) add(d digest.Digest, supply func() (string, error), change func() error) error {
	s.mu.Lock()
	a := s.adding[d]
	if a == nil {
		a = &adder{}
		s.adding[d] = a
	}
	a.calls++
	s.mu.Unlock()
	defer s.added(d, a)
	a.mu.Lock()
	defer a.mu.Unlock()
	there, err := s.hasFile(d)
	if err != nil {
		return err
	}
	if there {
		return change()
	}
	from, err := supply()
	if err != nil {
		return err
	}
	if err = s.move(from, d); err == nil {
		err = change()
	}
	if err == nil {
		return nil
	}
	return errors.Join(err, s.moveBack(d, from))
}

// added ends a call of add.
func (s *Store) added(d digest.Digest, a *adder) {
	s.mu.Lock()
	if a.calls--; a.calls == 0 {
		delete(s.adding, d)
	}
	s.mu.Unlock()
	s.collect(d)
}

// hasFile reports whether there is a file with the content of a digest. One that ocifake did not
// write, and does not serve yet, is read.
func (s *Store) hasFile(d digest.Digest) (bool, error) {
	name := layoutdir.BlobPath(d)
	there, err := s.disk.Exists(name)
	if err != nil || !there {
		return false, err
	}
	s.mu.Lock()
	known := s.owned[d] || s.refs[d] > 0
	s.mu.Unlock()
	if known {
		return true, nil
	}
	f, _, err := s.disk.Read(name)
	if err != nil {
		return false, err
	}
	hash := d.Algorithm().Hash()
	_, err = io.Copy(hash, f)
	if err = errors.Join(err, f.Close()); err != nil {
		return false, err
	}
	if digest.NewDigest(d.Algorithm(), hash) != d {
		return false, fmt.Errorf("%s: the file, which ocifake did not write, has other content: remove it", name)
	}
	return true, s.record(layoutdir.Record{Kind: layoutdir.ForeignKind, Digest: d})
}

// record appends a record that changes nothing that is visible. It is synced with the next one.
func (s *Store) record(r layoutdir.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.append(r)
	if err == nil {
		s.note(r)
	}
	return err
}

// move moves a file to the place of a digest. The log says before that the file is ocifake's.
func (s *Store) move(from string, d digest.Digest) error {
	to := layoutdir.BlobPath(d)
	if err := s.disk.mkdir(path.Dir(to)); err != nil {
		return err
	}
	if err := s.record(layoutdir.Record{Kind: layoutdir.OwnKind, Digest: d}); err != nil {
		return err
	}
	if err := s.disk.rename(from, to); err != nil {
		return err
	}
	return s.disk.syncDirectory(path.Dir(to))
}

// moveBack undoes move, unless the content is visible.
func (s *Store) moveBack(d digest.Digest, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refs[d] > 0 || !s.owned[d] {
		return nil
	}
	if there, err := s.disk.Exists(layoutdir.BlobPath(d)); err != nil || there {
		if err = errors.Join(err, s.disk.rename(layoutdir.BlobPath(d), to)); err != nil {
			return err
		}
	}
	s.disown(d)
	return nil
}

// disown records that the file of a digest is not there. If that fails, the next start finds it out.
func (s *Store) disown(d digest.Digest) {
	_ = s.append(layoutdir.Record{Kind: layoutdir.CollectedKind, Digest: d})
	delete(s.owned, d)
}

// collect deletes the file of a digest if ocifake wrote it and nothing needs it, once the log says
// so. A file that cannot be deleted now is deleted at the next start.
func (s *Store) collect(d digest.Digest) {
	s.mu.Lock()
	unneeded, end := s.isUnneeded(d), s.end
	s.mu.Unlock()
	if !unneeded || s.settle(end) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isUnneeded(d) && s.disk.remove(layoutdir.BlobPath(d)) == nil {
		s.disown(d)
	}
}

func (s *Store) isUnneeded(d digest.Digest) bool {
	return s.refs[d] == 0 && s.owned[d] && s.adding[d] == nil
}
