package layoutstore

// OpenUnsynced opens a store that does not sync its files, and whose changes of the directory fail
// if fail returns an error.
func OpenUnsynced(dir string, o Options, fail func(op, name string) error) (*Store, error) {
	return open(dir, o, func(d *disk) { d.unsynced, d.fail = true, fail })
}
