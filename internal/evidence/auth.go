package evidence

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/httpfield"
)

// access has the traits of authentication.
var access = map[string]func(*Exchange) Value{
	"auth.scheme": func(x *Exchange) Value {
		for _, scheme := range []string{"bearer", "basic"} {
			if _, ok := x.Challenge(scheme); ok {
				return Value{scheme, "the challenge is one of " + scheme}
			}
		}
		return Value{}
	},
	"auth.path": ofChallenge("bearer", func(c httpfield.Challenge) string {
		if u, err := url.Parse(c.Parameters["realm"]); err == nil && u.Host != "" {
			return cmp.Or(u.EscapedPath(), "/")
		}
		return ""
	}),
	"auth.service": func(x *Exchange) Value {
		c, ok := x.Challenge("bearer")
		service := c.Parameters["service"]
		if ok && service == x.Host {
			return Value{"{host}", "the service is the host"}
		}
		return Value{service, "the service is " + service}
	},
	"auth.realm": ofChallenge("basic", func(c httpfield.Challenge) string { return c.Parameters["realm"] }),
	"auth.scope": func(x *Exchange) Value {
		c, ok := x.Challenge("bearer")
		scope := c.Parameters["scope"]
		if !ok || scope == "" || x.Repo == "" || strings.HasPrefix(scope, "repository:") {
			return Value{}
		}
		return Value{scope, "the scope of a challenge is " + scope}
	},

	"auth.token-field": ofToken(func(fields map[string]json.RawMessage) string {
		switch token, access := fields["token"] != nil, fields["access_token"] != nil; {
		case token && access:
			return "both"
		case token:
			return "token"
		case access:
			return "access_token"
		}
		return ""
	}),
	"auth.expires-in": ofToken(func(fields map[string]json.RawMessage) string {
		if fields["expires_in"] == nil {
			return "no"
		}
		return "yes"
	}),
	"auth.ttl": ofToken(func(fields map[string]json.RawMessage) string {
		seconds, err := strconv.Atoi(string(fields["expires_in"]))
		if err != nil || seconds < 1 || seconds > maxTTL {
			return ""
		}
		return Duration(time.Duration(seconds) * time.Second)
	}),
	"auth.token-fields": ofStatus(http.StatusOK, func(x *Exchange) Value {
		if len(fields(x.Body)) == 0 {
			return Value{}
		}
		others := fields(x.Body, "token", "access_token", "expires_in")
		return Value{cmp.Or(strings.Join(others, ", "), "none"), "the answer with a token has " + strings.Join(fields(x.Body), ", ")}
	}),
	"auth.post": func(x *Exchange) Value {
		if x.Method != http.MethodPost {
			return Value{}
		}
		return Value{strconv.Itoa(x.Status), fmt.Sprintf("a POST for a token is answered with %d", x.Status)}
	},
}

const maxTTL = 10 * 365 * 24 * 3600 // seconds

// Duration returns the text of a duration without zero parts: "2h".
func Duration(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}

// Challenge returns the first challenge of a scheme, in lower case.
func (x *Exchange) Challenge(scheme string) (httpfield.Challenge, bool) {
	if x.Status != http.StatusUnauthorized {
		return httpfield.Challenge{}, false
	}
	for _, field := range x.Header.Values("WWW-Authenticate") {
		all, _ := httpfield.Challenges(field)
		for _, c := range all {
			if strings.EqualFold(c.Scheme, scheme) {
				return c, true
			}
		}
	}
	return httpfield.Challenge{}, false
}

func ofChallenge(scheme string, value func(httpfield.Challenge) string) func(*Exchange) Value {
	return func(x *Exchange) Value {
		c, ok := x.Challenge(scheme)
		if !ok {
			return Value{}
		}
		v := value(c)
		return Value{v, "a challenge has " + v}
	}
}

// ofToken is about the fields of an answer with a token.
func ofToken(value func(fields map[string]json.RawMessage) string) func(*Exchange) Value {
	return ofStatus(http.StatusOK, func(x *Exchange) Value {
		var object map[string]json.RawMessage
		if json.Unmarshal(x.Body, &object) != nil || object["token"] == nil && object["access_token"] == nil {
			return Value{}
		}
		return Value{value(object), "the answer with a token has " + strings.Join(fields(x.Body), ", ")}
	})
}
