package auth

import (
	"cmp"
	"time"
)

// Life is how a token lives, other than [TokenOptions] says.
type Life struct {
	TTL       time.Duration // 0: as the options say
	Uses      int           // requests that it is good for; 0: without limit
	NotBefore time.Duration // so long after it was given out it is not valid yet
}

// state is what is known of a token that may still be valid.
type state struct {
	notBefore, expires time.Time
	uses               int // left; negative: without limit
}

// maxStates is how many tokens there are; beyond it, those that have expired are
// forgotten.
const maxStates = 100_000

// begin begins the life of a token.
func (t *tokens) begin() (uint64, Life, *state) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var life Life
	if len(t.lives) > 0 {
		life, t.lives = t.lives[0], t.lives[1:]
	}
	life.TTL = cmp.Or(life.TTL, t.options.TTL, defaultTTL)
	from := time.Now().Add(t.options.Skew)
	s := &state{notBefore: from.Add(life.NotBefore), expires: from.Add(life.NotBefore + life.TTL), uses: cmp.Or(life.Uses, -1)}
	if len(t.states) >= maxStates {
		t.forget()
	}
	t.serial++
	t.states[t.serial] = s
	return t.serial, life, s
}

// forget forgets the tokens that have expired; if none have, all. t.mu is held.
func (t *tokens) forget() {
	before := len(t.states)
	for serial, s := range t.states {
		if !time.Now().Before(s.expires) {
			delete(t.states, serial)
		}
	}
	if len(t.states) == before {
		clear(t.states)
	}
	for key, v := range t.verified {
		if t.states[v.serial] == nil {
			delete(t.verified, key)
		}
	}
}

// use counts the use of a token whose signature is right. t.mu is held.
func (t *tokens) use(v verified) error {
	s, now := t.states[v.serial], time.Now()
	switch {
	case s == nil:
		return tokenError{"was revoked"}
	case now.Before(s.notBefore):
		return tokenError{"is not valid yet"}
	case !now.Before(s.expires), s.uses == 0:
		return tokenError{"has expired"}
	}
	s.uses = max(s.uses-1, -1)
	return nil
}

func (t *tokens) revokeAll() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.states)
	clear(t.verified)
	clear(t.refresh)
}

func (t *tokens) next(lives []Life) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lives = append(t.lives, lives...)
}
