package auth

import (
	"cmp"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocifake/ocifake/registry"
)

// Life limits what a token is good for. The zero Life is that of [TokenOptions].
type Life struct {
	TTL       time.Duration // default: that of TokenOptions
	Uses      int           // number of requests for which the token is valid; default: no limit
	NotBefore time.Duration // time between the issue of the token and its validity

	// Actions are the actions that the token allows of those that the client requests and
	// may do, as by a service that narrows scopes. Default: all.
	Actions []registry.Action
}

// narrow returns the scopes with the actions of the life.
func (l Life) narrow(scopes []Scope) []Scope {
	if len(l.Actions) == 0 {
		return scopes
	}
	var narrowed []Scope
	for _, scope := range scopes {
		var actions []string
		for _, action := range scope.Actions {
			if slices.Contains(l.Actions, registry.Action(action)) {
				actions = append(actions, action)
			}
		}
		if len(actions) > 0 {
			narrowed = append(narrowed, Scope{scope.Type, scope.Name, actions})
		}
	}
	return narrowed
}

// span is the serial number of a token and the times between which it is valid, in
// nanoseconds of Unix time. It is part of the token.
type span struct {
	Serial uint64 `json:"n"`
	From   int64  `json:"f,omitempty"`
	Until  int64  `json:"u,omitempty"`
}

func (x span) notBefore() time.Time { return time.Unix(0, x.From) }
func (x span) expires() time.Time   { return time.Unix(0, x.Until) }

// id returns the ID of a JSON Web Token: the span, and a random text.
func (x span) id() string {
	return strings.Join([]string{
		strconv.FormatUint(x.Serial, 36), strconv.FormatInt(x.From, 36), strconv.FormatInt(x.Until, 36), rand.Text(),
	}, ".")
}

// parseSpan reads the span in an ID.
func parseSpan(id string) (x span, ok bool) {
	parts := strings.Split(id, ".")
	if len(parts) != 4 {
		return span{}, false
	}
	var errs [3]error
	x.Serial, errs[0] = strconv.ParseUint(parts[0], 36, 64)
	x.From, errs[1] = strconv.ParseInt(parts[1], 36, 64)
	x.Until, errs[2] = strconv.ParseInt(parts[2], 36, 64)
	return x, errs == [3]error{}
}

// uses counts the requests for which a token is still valid.
type uses struct {
	left    int
	expires time.Time
}

// begin begins the life of a new token.
func (t *tokens) begin(now time.Time) (span, Life) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var life Life
	if len(t.lives) > 0 {
		life, t.lives = t.lives[0], t.lives[1:]
	}
	life.TTL = cmp.Or(life.TTL, t.options.TTL, defaultTTL)
	from := now.Add(t.options.Skew + life.NotBefore)
	t.serial++
	x := span{t.serial, from.UnixNano(), from.Add(life.TTL).UnixNano()}
	if life.Uses > 0 {
		t.limit(x, life.Uses, now)
	}
	return x, life
}

// limit makes a token valid for n requests. It forgets tokens that have expired. There are no
// more than [Service.Next] got. t.mu is held.
func (t *tokens) limit(x span, n int, now time.Time) {
	for serial, u := range t.uses {
		if !now.Before(u.expires) {
			delete(t.uses, serial)
		}
	}
	t.uses[x.Serial] = &uses{n, x.expires()}
}

// isRevoked reports whether a token was revoked, or never issued. t.mu is held.
func (t *tokens) isRevoked(x span) bool { return x.Serial <= t.revoked || x.Serial > t.serial }

// use counts the use of a token with a valid signature. t.mu is held.
func (t *tokens) use(x span) error {
	limit, now := t.uses[x.Serial], time.Now()
	switch {
	case t.isRevoked(x):
		return tokenError{"was revoked"}
	case now.Before(x.notBefore()):
		return tokenError{"is not valid yet"}
	case !now.Before(x.expires()), limit != nil && limit.left == 0:
		return tokenError{"has expired"}
	case limit != nil:
		limit.left--
	}
	return nil
}

func (t *tokens) revokeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.revoked = t.serial
	clear(t.uses)
	clear(t.verified)
	clear(t.rotated)
}

func (t *tokens) next(lives []Life) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lives = append(t.lives, lives...)
}
