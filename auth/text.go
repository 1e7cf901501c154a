package auth

import (
	"encoding/json"
	"fmt"
	"time"

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

// MarshalJSON implements [json.Marshaler]; the durations are text.
func (t TokenOptions) MarshalJSON() ([]byte, error) {
	type plain TokenOptions
	text := struct {
		plain
		TTL  string `json:"ttl,omitempty"`
		Skew string `json:"skew,omitempty"`
	}{plain: plain(t)}
	for _, d := range []struct {
		from time.Duration
		to   *string
	}{{t.TTL, &text.TTL}, {t.Skew, &text.Skew}} {
		if d.from != 0 {
			*d.to = fmt.Sprint(d.from)
		}
	}
	return json.Marshal(text)
}
