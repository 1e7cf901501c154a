package clientenv

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Login is what a config.json says about the credentials for a host. The zero value is that there
// are none.
type Login struct {
	User, Password string
	Helper, Server string // the credential helper that has them, "gcloud", and the name to ask it for
}

// IdentityToken is the user name of a login whose password is a token of OAuth2.
const IdentityToken = "<token>"

// FindLogin returns the credentials for a host in the text of a config.json. The error does not contain
// credentials.
func FindLogin(text []byte, host string) (Login, error) {
	var config struct {
		Auths map[string]struct {
			Auth, Username, Password     string
			IdentityToken, RegistryToken string
		}
		CredHelpers map[string]string
		CredsStore  string
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return Login{}, err
	}
	for name, entry := range config.Auths {
		if hostOf(name) != host {
			continue
		}
		helper := config.CredHelpers[name]
		if helper == "" && entry.Auth+entry.Password+entry.IdentityToken == "" {
			helper = config.CredsStore
		}
		switch {
		case helper != "":
			return Login{Helper: helper, Server: name}, nil
		case entry.RegistryToken != "":
			return Login{}, fmt.Errorf("those of %s are a token of the registry, which is not supported", host)
		case entry.IdentityToken != "":
			return Login{User: IdentityToken, Password: entry.IdentityToken}, nil
		case entry.Auth != "":
			user, password, err := decode(entry.Auth, host)
			return Login{User: user, Password: password}, err
		}
		return Login{User: entry.Username, Password: entry.Password}, nil
	}
	if helper := config.CredHelpers[host]; helper != "" {
		return Login{Helper: helper, Server: host}, nil
	}
	return Login{}, nil
}

// hostOf returns the host of a key of auths, which may be a URL.
func hostOf(name string) string {
	for _, scheme := range []string{"https://", "http://"} {
		name = strings.TrimPrefix(name, scheme)
	}
	host, _, _ := strings.Cut(name, "/")
	return host
}

func decode(auth, host string) (user, password string, err error) {
	text, err := base64.StdEncoding.DecodeString(auth)
	user, password, ok := strings.Cut(strings.TrimRight(string(text), "\x00"), ":")
	if err != nil || !ok {
		return "", "", errors.New("those of " + host + " are not NAME:PASSWORD in base64")
	}
	return user, password, nil
}

// AddLogin returns the text of a config.json with credentials added for a host. It removes the
// credential helper for all hosts, but keeps it for the listed hosts: the helper does not know this
// registry, and clients do not look elsewhere.
func AddLogin(text []byte, host, user, password string) ([]byte, error) {
	config := map[string]json.RawMessage{}
	var auths map[string]json.RawMessage
	var helpers map[string]string
	var store string
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	for name, into := range map[string]any{"auths": &auths, "credHelpers": &helpers, "credsStore": &store} {
		if raw, ok := config[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if helpers == nil {
		helpers = map[string]string{}
	}
	for other := range auths {
		if _, ok := helpers[other]; !ok && store != "" {
			helpers[other] = store
		}
	}
	if auths == nil {
		auths = map[string]json.RawMessage{}
	}
	delete(helpers, host)
	delete(config, "credsStore")
	entry, err := json.Marshal(map[string][]byte{"auth": []byte(user + ":" + password)}) // base64 in JSON, as Docker has it
	if err != nil {
		return nil, err
	}
	auths[host] = entry
	for name, value := range map[string]any{"auths": auths, "credHelpers": helpers} {
		if config[name], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	if len(helpers) == 0 {
		delete(config, "credHelpers")
	}
	return json.MarshalIndent(config, "", "\t")
}
