package effect

import (
	"fmt"
	"net/http"
	"sort"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/bytesize"
	"github.com/ocifake/ocifake/internal/inflight"
	"github.com/ocifake/ocifake/internal/near"
)

// placeholders are what texts may have in braces.
var placeholders = map[string]struct {
	need  need
	value func(x *Exchange, r *http.Request) string
}{
	"origin":    {0, func(_ *Exchange, r *http.Request) string { origin, _ := inflight.Base(r, false); return origin }},
	"host":      {0, func(_ *Exchange, r *http.Request) string { return r.Host }},
	"target":    {0, func(_ *Exchange, r *http.Request) string { return r.RequestURI }},
	"prefix":    {0, func(x *Exchange, _ *http.Request) string { return x.info.Prefix }},
	"repo":      {0, func(x *Exchange, _ *http.Request) string { return x.info.Name() }},
	"tag":       {0, func(x *Exchange, _ *http.Request) string { return x.info.Tag }},
	"digest":    {0, func(x *Exchange, _ *http.Request) string { return string(x.info.Digest) }},
	"session":   {0, func(x *Exchange, _ *http.Request) string { return x.info.Session }},
	"dead":      {needDead, func(x *Exchange, _ *http.Request) string { return x.env.Site().Dead }},
	"realm":     {needTokens, func(x *Exchange, r *http.Request) string { return x.env.tokens().RealmURL(r) }},
	"service":   {needTokens, (*Exchange).service},
	"scope":     {needTokens, func(x *Exchange, _ *http.Request) string { return x.env.tokens().ScopeFor(x.info) }},
	"cdn":       {needExternal | needStore, func(x *Exchange, r *http.Request) string { return x.external(r, signedFor) }},
	"expired":   {needExternal | needStore, func(x *Exchange, r *http.Request) string { return x.external(r, -time.Second) }},
	"limit":     {needLimit, quotaText(func(q *quota) int64 { return q.limit })},
	"remaining": {needLimit, quotaText(func(q *quota) int64 { return q.limit - q.used })},
	"window":    {needLimit, quotaText(func(q *quota) int64 { return seconds(q.window) })},
	"reset":     {needLimit, quotaText((*quota).reset)},
	"resettime": {needLimit, quotaText(func(q *quota) int64 { return q.ends.Unix() })},
	"cdnhost":   {needExternal | needStore, func(x *Exchange, _ *http.Request) string { return x.externalHost() }},
}

// service returns the name of the registry for the sender of a request.
func (x *Exchange) service(r *http.Request) string {
	return strings.ReplaceAll(x.env.tokens().ServiceName(), "{host}", r.Host)
}

// setField sets a header field to values with placeholders.
func (x *Exchange) setField(h http.Header, name string, values []string, r *http.Request) {
	h.Del(name)
	for _, value := range values {
		h.Add(name, x.expand(value, r))
	}
}

// expand replaces the placeholders in a text; what else is in braces stays.
func (x *Exchange) expand(text string, r *http.Request) string {
	if !strings.Contains(text, "{") {
		return text
	}
	for name, p := range placeholders {
		if in := "{" + name + "}"; strings.Contains(text, in) {
			text = strings.ReplaceAll(text, in, p.value(x, r))
		}
	}
	return text
}

// needsOfTexts returns what the placeholders in texts need.
func needsOfTexts(texts ...string) (n need) {
	for _, text := range texts {
		if !strings.Contains(text, "{") {
			continue
		}
		for name, p := range placeholders {
			if strings.Contains(text, "{"+name+"}") {
				n |= p.need
			}
		}
	}
	return n
}

// checkPlaceholders refuses a placeholder that does not exist. The bodies of answers are
// not checked: they can contain any text in braces.
func checkPlaceholders(text string) error {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	for {
		_, rest, open := strings.Cut(text, "{")
		name, _, closed := strings.Cut(rest, "}")
		if !open || !closed {
			return nil
		}
		if _, ok := placeholders[name]; !ok && name != "" && strings.Trim(name, letters) == "" {
			var names []string
			for name := range placeholders {
				names = append(names, "{"+name+"}")
			}
			sort.Strings(names)
			return fmt.Errorf("there is no placeholder {%s}: %s", name, near.Hint("{"+name+"}", names))
		}
		text = rest
	}
}

// Duration is a [time.Duration] that is "2s" in text.
type Duration time.Duration

func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration: want a number with a unit, as 500ms, 2s, 1h", text)
	}
	*d = Duration(parsed)
	return nil
}

// Size is a number of bytes that is "4MiB" in text.
type Size int64

func (n Size) MarshalText() ([]byte, error) { return []byte(bytesize.Exact(int64(n))), nil }

func (n *Size) UnmarshalText(text []byte) error {
	parsed, err := bytesize.Parse(string(text))
	*n = Size(parsed)
	return err
}

const datePrefix = "date:"

func (a RetryAfter) MarshalText() ([]byte, error) {
	text := a.After.String()
	if a.Date {
		text = datePrefix + text
	}
	return []byte(text), nil
}

func (a *RetryAfter) UnmarshalText(text []byte) error {
	var d Duration
	rest, date := strings.CutPrefix(string(text), datePrefix)
	if err := d.UnmarshalText([]byte(rest)); err != nil {
		return err
	}
	*a = RetryAfter{time.Duration(d), date}
	return nil
}
