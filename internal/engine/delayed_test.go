package engine_test

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/inflight"
)

// A request is delayed if no rule did more than delay it, in whatever order they act.
func TestDelayed(t *testing.T) {
	delay, reply, change := faults.Delay(1), faults.DelayReply(1), faults.SetHeader("X-A", "b")
	for name, test := range map[string]struct {
		effects []faults.Effect
		want    bool
	}{
		"delay":             {[]faults.Effect{delay}, true},
		"two delays":        {[]faults.Effect{delay, reply}, true},
		"all":               {[]faults.Effect{faults.All(delay, reply)}, true},
		"slow":              {[]faults.Effect{faults.Trickle(1, 1)}, true},
		"stall":             {[]faults.Effect{faults.Stall(1, 1)}, true},
		"does not act":      {[]faults.Effect{faults.Stall(100, 1)}, false},
		"change":            {[]faults.Effect{change}, false},
		"delay and change":  {[]faults.Effect{delay, change}, false},
		"change and delay":  {[]faults.Effect{change, reply}, false},
		"delay and refusal": {[]faults.Effect{delay, faults.Status(503)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := engineWith(t, faults.On().Do(test.effects...))
			r, state := inflight.Begin(httptest.NewRequest("GET", "/v2/app/blobs/"+layer, nil))
			e.Wrap(ten).ServeHTTP(httptest.NewRecorder(), r)
			assert.Equal(t, test.want, state.Learned().Delayed)
		})
	}
}
