// Package dockerconfig reads and writes credentials in Docker's config.json.
package dockerconfig

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Find returns the credentials for a host in the text of a config.json, or empty ones if there are
// none. It returns an error if they are in a credential helper, or are no password. The error does
// not contain credentials.
func Find(text []byte, host string) (user, password string, err error) {
	var config struct {
		Auths map[string]struct {
			Auth, Username, Password     string
			IdentityToken, RegistryToken string
		}
		CredHelpers map[string]string
		CredsStore  string
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return "", "", err
	}
	for name, entry := range config.Auths {
		if hostOf(name) != host {
			continue
		}
		switch {
		case config.CredHelpers[name] != "" || config.CredsStore != "" && entry.Auth+entry.Password == "":
			// The helper has them.
		case entry.IdentityToken+entry.RegistryToken != "":
			return "", "", fmt.Errorf("those of %s are a token, which is not supported", host)
		case entry.Auth != "":
			return decode(entry.Auth, host)
		default:
			return entry.Username, entry.Password, nil
		}
		return "", "", helped(host)
	}
	if config.CredHelpers[host] != "" {
		return "", "", helped(host)
	}
	return "", "", nil
}

func helped(host string) error {
	return fmt.Errorf("those of %s are in a credential helper, which is not supported", host)
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

// Add returns the text of a config.json with credentials added for a host. It removes the
// credential helper for all hosts, but keeps it for the listed hosts: the helper does not know this
// registry, and clients do not look elsewhere.
func Add(text []byte, host, user, password string) ([]byte, error) {
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
