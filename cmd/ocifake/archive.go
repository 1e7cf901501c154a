package main

import (
	"archive/tar"
	"errors"
	"io"
	"io/fs"
	"os"
)

// upload is content to load.
type upload struct {
	io.ReadCloser
	size   int64 // in bytes; -1 if unknown
	expect int64 // approximate size in bytes; 0 if unknown
}

// openContent opens a file, a directory as a tar, or stdin for "-".
func openContent(path string, stdin io.Reader) (upload, error) {
	if path == "-" {
		return upload{io.NopCloser(stdin), -1, 0}, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return upload{}, err
	}
	if info.IsDir() {
		return archiveOf(path)
	}
	f, err := os.Open(path)
	switch {
	case err != nil:
		return upload{}, err
	case info.Mode().IsRegular():
		return upload{f, info.Size(), info.Size()}, nil
	}
	return upload{f, -1, 0}, nil
}

// archiveOf returns a tar of the files in a directory, written as it is read. Symbolic links to
// files become files. Other files, such as named pipes, are omitted.
func archiveOf(path string) (upload, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return upload{}, err
	}
	names, size, err := filesIn(root)
	if err != nil {
		return upload{}, errors.Join(err, root.Close())
	}
	reader, writer := io.Pipe()
	made := make(chan struct{})
	go func() {
		defer close(made)
		writer.CloseWithError(writeArchive(writer, root, names))
	}()
	end := func() error {
		err := reader.Close()
		<-made
		return errors.Join(err, root.Close())
	}
	return upload{archive{reader, end}, -1, size}, nil
}

type archive struct {
	io.Reader
	close func() error
}

func (a archive) Close() error { return a.close() }

// filesIn returns the names and the total size of the files in a directory.
func filesIn(root *os.Root) (names []string, size int64, err error) {
	err = fs.WalkDir(root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := root.Stat(name)
		if err == nil && info.Mode().IsRegular() {
			names = append(names, name)
			size += info.Size()
		}
		return err
	})
	return names, size, err
}

func writeArchive(w io.Writer, root *os.Root, names []string) error {
	out := tar.NewWriter(w)
	for _, name := range names {
		if err := writeEntry(out, root, name); err != nil {
			return err
		}
	}
	return out.Close()
}

func writeEntry(out *tar.Writer, root *os.Root, name string) (err error) {
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: info.Size()}); err != nil {
		return err
	}
	if _, err := io.CopyN(out, f, info.Size()); err != nil {
		return &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return nil
}
