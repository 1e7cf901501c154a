package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/ocifake/ocifake/internal/dockerconfig"
)

// loginFor returns the credentials for the host of a registry: the login of --user, or those in
// Docker's configuration. Errors do not contain them.
func loginFor(login, host string) (user, password string, err error) {
	if login != "" {
		return splitLogin(login)
	}
	dir, err := dockerFolder()
	if err != nil || dir == "" {
		return "", "", err
	}
	path := filepath.Join(dir, configFile)
	text, err := readRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	if err == nil {
		user, password, err = dockerconfig.Find(text, host)
	}
	if err != nil {
		return "", "", fmt.Errorf("credentials in %s: %w: give them with --user", path, err)
	}
	return user, password, nil
}

// splitLogin splits the value of --user. The error does not contain it.
func splitLogin(login string) (user, password string, err error) {
	user, password, ok := strings.Cut(login, ":")
	if !ok || user == "" || password == "" {
		return "", "", errors.New("--user: want NAME:PASSWORD")
	}
	return user, password, nil
}
