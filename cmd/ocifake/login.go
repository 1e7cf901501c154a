package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	helpers "github.com/docker/docker-credential-helpers/client"
	helperspec "github.com/docker/docker-credential-helpers/credentials"

	"github.com/ocifake/ocifake/internal/clientenv"
)

// loginFor returns the credentials for the host of a registry: the login of --user, or those in
// Docker's configuration. Errors do not contain them.
func loginFor(login, host string) (user, password string, err error) {
	if login != "" {
		return splitLogin("--user", withPassword(login, ownPassword))
	}
	user, password, err = dockerLogin(host)
	if err == nil && user == clientenv.IdentityToken {
		err = fmt.Errorf("credentials in %s: those of %s are a token, which is not supported", configFile, host)
	}
	if err != nil {
		return "", "", fmt.Errorf("%w: give them with --user", err)
	}
	return user, password, nil
}

// dockerLogin returns the credentials for a host in Docker's configuration, or in the credential
// helper that it names, or empty ones. Errors do not contain them.
func dockerLogin(host string) (user, password string, err error) {
	dir, err := dockerFolder()
	if err != nil || dir == "" {
		return "", "", err
	}
	path := filepath.Join(dir, configFile)
	text, err := readRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", "", nil
	}
	var login clientenv.Login
	if err == nil {
		login, err = clientenv.FindLogin(text, host)
	}
	if err == nil && login.Helper != "" {
		login, err = askHelper(login)
	}
	if err != nil {
		return "", "", fmt.Errorf("credentials in %s: %w", path, err)
	}
	return login.User, login.Password, nil
}

// helperTimeout bounds the time of a credential helper, which may ask the user.
const helperTimeout = time.Minute

// askHelper returns the credentials that a credential helper has, or none.
func askHelper(login clientenv.Login) (clientenv.Login, error) {
	if strings.ContainsAny(login.Helper, `/\`) {
		return login, fmt.Errorf("the credential helper %q is not the end of the name of a program", login.Helper)
	}
	ctx, cancel := context.WithTimeout(context.Background(), helperTimeout)
	defer cancel()
	found, err := helpers.Get(func(args ...string) helpers.Program {
		return helper{exec.CommandContext(ctx, "docker-credential-"+login.Helper, args...)}
	}, login.Server)
	switch {
	case helperspec.IsErrCredentialsNotFound(err):
		return clientenv.Login{}, nil
	case err != nil:
		return login, fmt.Errorf("credential helper docker-credential-%s: no credentials of %s: %w", login.Helper, login.Server, errHelper(ctx))
	}
	return clientenv.Login{User: found.Username, Password: found.Secret}, nil
}

// errHelper returns why a helper failed, without what it has written, which may be credentials.
func errHelper(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("no answer within %v", helperTimeout)
	}
	return errors.New("it is not installed, or failed")
}

// helper runs a credential helper.
type helper struct{ cmd *exec.Cmd }

// Output implements [helpers.Program].
func (h helper) Output() ([]byte, error) { return h.cmd.Output() }

// Input implements [helpers.Program].
func (h helper) Input(in io.Reader) { h.cmd.Stdin = in }

// The environment variables with the passwords of --user and --upstream-user. Other users of the
// machine can read command lines. The commands that run starts do not get them.
const (
	ownPassword      = "OCIFAKE_PASSWORD"
	upstreamPassword = "OCIFAKE_UPSTREAM_PASSWORD"
)

// withPassword returns a login, NAME:PASSWORD. The password of NAME alone is in an environment variable.
func withPassword(login, variable string) string {
	if login == "" || strings.Contains(login, ":") {
		return login
	}
	return login + ":" + os.Getenv(variable)
}

// splitLogin splits the value of a flag for a login. The error does not contain it.
func splitLogin(flag, login string) (user, password string, err error) {
	user, password, ok := strings.Cut(login, ":")
	if !ok || user == "" || password == "" {
		variable := ownPassword
		if flag == "--upstream-user" {
			variable = upstreamPassword
		}
		return "", "", fmt.Errorf("%s: want NAME:PASSWORD, or NAME and the password in %s", flag, variable)
	}
	return user, password, nil
}
