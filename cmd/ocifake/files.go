package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// namedFile is a file and its flag. The name is empty if the flag is not set.
type namedFile struct{ flag, name string }

// inputs returns the input files of the flags.
func (c *serveConfig) inputs() []namedFile {
	files := []namedFile{
		{"--config", c.config}, {"--htpasswd", c.auth.htpasswd}, {"--token-auth", c.auth.token}, {"--client-ca", c.auth.clientCA},
		{"--upstream-ca", c.upstream.ca},
	}
	for _, name := range c.faults {
		files = append(files, namedFile{"--faults", name})
	}
	for _, l := range c.content.load {
		files = append(files, namedFile{"--load", l.path})
	}
	return files
}

// findTargets resolves the output files, and omits flags that are not set. It fails if a file is
// not writable or is used twice. It changes nothing.
func findTargets(written, read []namedFile) (map[string]*target, error) {
	var all []*target
	var errs []error
	for _, file := range written {
		if file.name == "" {
			continue
		}
		t, err := findTarget(file.flag, file.name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, other := range all {
			if t.same(other) {
				errs = append(errs, fmt.Errorf("%s %s and %s %s are the same file: use different files", other.flag, other.name, t.flag, t.name))
			}
		}
		errs = append(errs, t.checkInputs(read), t.checkStreams())
		all = append(all, t)
	}
	byFlag := map[string]*target{}
	for _, t := range all {
		byFlag[t.flag] = t
	}
	return byFlag, errors.Join(errs...)
}

// same reports whether two targets are the same file. Devices and open files may be used twice.
func (t *target) same(other *target) bool {
	switch {
	case t.way == wayDevice, t.way == wayDescriptor && other.way == wayDescriptor:
		return false
	case t.info != nil && other.info != nil:
		return os.SameFile(t.info, other.info)
	case t.info != nil || other.info != nil:
		return false
	}
	dir, err := os.Stat(filepath.Dir(t.path))
	otherDir, otherErr := os.Stat(filepath.Dir(other.path))
	return err == nil && otherErr == nil && os.SameFile(dir, otherDir) && sameName(filepath.Base(t.path), filepath.Base(other.path))
}

// sameName reports whether two names in a directory may be the same file.
func sameName(a, b string) bool {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		return strings.EqualFold(a, b)
	}
	return a == b
}

// checkInputs fails if the target is an input file, or is in an input directory.
func (t *target) checkInputs(read []namedFile) error {
	for _, file := range read {
		info, err := os.Stat(file.name)
		switch {
		case file.name == "" || err != nil || t.way == wayDevice:
		case info.IsDir() && t.inLayout(file.name):
			return fmt.Errorf("%s %s is inside the input of %s %s: use another file", t.flag, t.name, file.flag, file.name)
		case t.info != nil && os.SameFile(t.info, info):
			return fmt.Errorf("%s %s is also the input of %s: use another file", t.flag, t.name, file.flag)
		}
	}
	return nil
}

// inLayout reports whether the target is part of the image layout in a directory.
func (t *target) inLayout(dir string) bool {
	dir, _, _, err := resolve(filepath.Join(dir, "."))
	if err != nil {
		return false
	}
	below, err := filepath.Rel(dir, t.path)
	if err != nil {
		return false
	}
	switch first, _, _ := strings.Cut(filepath.ToSlash(below), "/"); first {
	case "oci-layout", "index.json", "manifest.json", "blobs":
		return true
	}
	return false
}

// checkStreams fails if the target is the same file as standard input, output or error. Their
// device names are allowed.
func (t *target) checkStreams() error {
	if t.info == nil || !t.info.Mode().IsRegular() || t.way == wayDescriptor {
		return nil
	}
	for _, stream := range []struct {
		name string
		file *os.File
	}{{"input", os.Stdin}, {"output", os.Stdout}, {"error", os.Stderr}} {
		if info, err := stream.file.Stat(); err == nil && os.SameFile(t.info, info) {
			return fmt.Errorf("%s %s is the same file as standard %s: use another file", t.flag, t.name, stream.name)
		}
	}
	return nil
}
