package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/internal/clientenv"
)

// dockerConfig is the environment variable with the directory of Docker's configuration, and
// configFile the file in it with credentials.
const (
	dockerConfig = "DOCKER_CONFIG"
	configFile   = "config.json"
)

// writeDockerConfig writes Docker's configuration to a directory: a copy of the user's, with added
// credentials for the registry and for the hosts in the format of "docker login".
func (f *fixture) writeDockerConfig(dir string) error {
	text, err := copyDockerConfig(dir)
	if err != nil {
		return err
	}
	for name, service := range f.services() {
		login := f.config.auth.login
		if login.password == "" { // only the hash is known
			login.password = service.Password(login.user, 0)
		}
		if text, err = clientenv.AddLogin(text, name, login.user, login.password); err != nil {
			return fmt.Errorf("%s of Docker's configuration: %w", configFile, err)
		}
	}
	return os.WriteFile(filepath.Join(dir, configFile), text, 0o600)
}

// services returns the authentication services by the names that Docker's configuration has for their
// registries.
func (f *fixture) services() map[string]*auth.Service {
	all := map[string]*auth.Service{}
	if f.use.Auth != nil {
		all[f.server.Host()] = f.use.Auth
	}
	for _, s := range f.hosts {
		if s.use.Auth == nil {
			continue
		}
		for _, name := range append([]string{s.Name}, s.aliases...) {
			switch {
			case strings.Contains(name, "*"):
				continue
			case name == "index.docker.io":
				all["https://index.docker.io/v1/"] = s.use.Auth // as "docker login" writes it
			}
			if s.Port != "" && name == s.Name {
				name = net.JoinHostPort(name, s.Port)
			}
			all[name] = s.use.Auth
		}
	}
	return all
}

// copyDockerConfig copies the user's directory, including contexts and plugins, and returns the
// content of the configuration file, or {} if it does not exist.
func copyDockerConfig(dir string) (text []byte, err error) {
	from, err := dockerFolder()
	switch {
	case err != nil:
		return nil, err
	case from == "":
		return []byte("{}"), nil
	}
	if err := copyFolder(from, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("copy %s: %w", from, err)
	}
	text, err = os.ReadFile(filepath.Join(from, configFile))
	if errors.Is(err, fs.ErrNotExist) {
		return []byte("{}"), nil
	}
	return text, err
}

// dockerFolder returns the directory of the user's configuration, or "" without a home directory.
func dockerFolder() (string, error) {
	dir := os.Getenv(dockerConfig)
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", nil
		}
		dir = filepath.Join(home, ".docker")
	}
	return filepath.Abs(dir)
}

// maxCopied is the maximum size in bytes of copied files. Larger files, such as plugins, become
// symbolic links.
const maxCopied = 1 << 20

// copyFolder copies a directory, except for the configuration file. Special and unreadable files
// become symbolic links.
func copyFolder(from, to string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		below, relErr := filepath.Rel(from, path)
		switch {
		case below == "." || below == configFile:
			return err
		case relErr != nil:
			return relErr
		case err != nil: // the error of an unreadable directory, which was created before
			return nil
		case entry.IsDir():
			return os.Mkdir(filepath.Join(to, below), 0o700)
		}
		target := filepath.Join(to, below)
		if entry.Type().IsRegular() && copyFile(path, target) == nil {
			return nil
		}
		return os.Symlink(path, target)
	})
}

var errTooLarge = errors.New("file too large")

// copyFile copies a file with its permissions. It removes the copy on an error.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if info.Size() > maxCopied {
		return errTooLarge
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o600)
	if err != nil {
		return err
	}
	if _, err = io.CopyN(out, in, info.Size()); err != nil {
		return errors.Join(err, out.Close(), os.Remove(to))
	}
	return out.Close()
}
