package effect

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestEffectsBeforeAnswers holds which effects a rule on answers refuses. The others of the
// table act on answers.
func TestEffectsBeforeAnswers(t *testing.T) {
	early := map[string]bool{}
	for _, name := range []string{
		"delay", "ignore-range", "shift-range", "content-of", "digest-tags", "lose-upload", "drop-chunk", "refuse-mount",
		"vanish", "hide", "stale-tag", "lag-tags", "immutable", "revoke-tokens", "multipart", "stuck-progress", "refuse-stale", "late-delete",
		"concurrency", "ceiling",
		"set-request-header", "drop-request-header", "drop-query", "set-host",
		"ignore-pings", "withhold-windows", "withhold-continue", "bare-lf",
	} {
		early[name] = true
	}
	for i := range kinds {
		k := &kinds[i]
		name := k.effect.Kind()
		if name == "all" {
			continue // has none
		}
		b, _ := k.decode(nil) // an error is about arguments that are missing
		assert.Equal(t, early[name], CheckOnAnswer(b) != nil, name)
		delete(early, name)
	}
	assert.Empty(t, early, "these effects do not exist")
}
