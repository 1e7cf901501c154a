package layoutstore

import "errors"

// OpenUnsynced opens a store that does not sync its files, and whose changes of the directory fail
// if fail returns an error.
func OpenUnsynced(dir string, o Options, fail func(op, name string) error) (*Store, error) {
	return open(dir, o, func(d *disk) { d.unsynced, d.fail = true, fail })
}

// Crash ends a store as the end of its process does.
func (s *Store) Crash() error {
	s.closed.Store(true)
	return errors.Join(s.settle(s.end), s.release())
}
