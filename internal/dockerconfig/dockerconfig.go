// Package dockerconfig writes credentials into Docker's config.json.
package dockerconfig

import (
	"encoding/json"
	"fmt"
)

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
