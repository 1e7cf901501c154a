package layoutstore

import "errors"

// OpenUnsynced opens a store that does not sync its files, and whose changes of the directory fail
// if fail returns an error.
func OpenUnsynced(dir string, o Options, fail func(op, name string) error) (*Store, error) {
	return open(dir, o, func(d *disk) { d.unsynced, d.fail = true, fail })
}

// OpenShortening opens a store that shortens its log after each change that makes it four times as long.
func OpenShortening(dir string, fail func(op, name string) error) (*Store, error) {
	return open(dir, Options{}, func(d *disk) { d.unsynced, d.fail, d.minLog = fail != nil, fail, 1 })
}

// OpenWithIndex opens a store whose index.json has at most a size.
func OpenWithIndex(dir string, maxIndex int64) (*Store, error) {
	return open(dir, Options{}, func(d *disk) { d.unsynced, d.maxIndex = true, maxIndex })
}

// Crash ends a store as the end of its process does.
func (s *Store) Crash() error {
	s.closed.Store(true)
	return errors.Join(s.settle(s.end), s.release())
}
