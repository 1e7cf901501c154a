package auth

import (
	"github.com/ocifake/ocifake/internal/strict"
)

// UnmarshalJSON implements [json.Unmarshaler]. Durations are text, "5m". Unknown fields, and
// options that [New] refuses, except for an invalid Htpasswd, are errors. Errors contain no
// passwords.
func (o *Options) UnmarshalJSON(text []byte) error {
	type plain Options // without this method
	var read plain
	if err := strict.Decode(text, &read); err != nil {
		return err
	}
	options := Options(read)
	if err := options.check(); err != nil {
		return err
	}
	*o = options
	return nil
}
