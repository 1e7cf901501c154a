package auth

import (
	"github.com/ocifake/ocifake/internal/strict"
)

// UnmarshalJSON implements [json.Unmarshaler]. Durations are text, "5m". Fields that
// there are not, and options that [New] refuses other than a wrong Htpasswd, are
// errors, which have no password in them.
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
