package engine_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/internal/effect"
	"github.com/ocifake/ocifake/internal/engine"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

func TestUnfired(t *testing.T) {
	blobs := on("a", op.BlobGet)
	steps := faults.On(op.BlobGet).Seq(faults.Pass(), faults.Pass(), faults.Pass())
	for name, test := range map[string]struct {
		rule     faults.Rule
		requests []string
		want     string
	}{
		"fired":                    {blobs, times(1, getLayer), ""},
		"never":                    {blobs, nil, "never fired: no request matched its filters"},
		"others":                   {blobs, times(2, getV1), "never fired: no request matched its filters"},
		"let pass":                 {blobs.After(3), times(2, getLayer), "never fired: its filters matched 2 requests, and its counts chose none of them"},
		"all times":                {blobs.Times(3), times(4, getLayer), ""},
		"some times":               {blobs.Times(3), times(1, getLayer), "fired 1 of 3 times"},
		"no time":                  {blobs.Times(3), nil, "never fired: no request matched its filters"},
		"all steps":                {steps, times(3, getLayer), ""},
		"some steps":               {steps, times(2, getLayer), "fired 2 of 3 times"},
		"ended before its times":   {blobs.Times(3).Until(record.Op(op.Ping)), []string{getLayer, ping}, ""},
		"ended before it fired":    {blobs.Until(record.Op(op.Ping)), []string{ping, getLayer}, "never fired: no request matched its filters"},
		"optional":                 {blobs.Optional(), nil, ""},
		"optional, some times":     {blobs.Optional().Times(3), times(1, getLayer), ""},
		"disabled":                 {disabled(blobs), times(1, getLayer), ""},
		"on connections":           {faults.OnConnect().Do(faults.Refuse()), nil, "never fired: no connection was opened"},
		"on connections, let pass": {faults.OnConnect().Do(faults.Refuse()).After(1), times(1, ping), "never fired: its counts chose none of 1 connections"},
	} {
		t.Run(name, func(t *testing.T) {
			e := engine.New(nil)
			e.Bind(effect.Site{Connections: true})
			injected, err := e.Inject(test.rule)
			require.NoError(t, err)
			handler := e.Wrap(found)
			for _, request := range test.requests {
				e.Open(overTLS)
				touch(handler, request)
			}
			assert.Equal(t, test.want, injected[0].State().Unfired)
		})
	}
}

func disabled(r faults.Rule) faults.Rule {
	r.Flags.Disabled = true
	return r
}

// unfired returns a line for each rule that fired less often than it should have.
func unfired(e *engine.Engine) (lines []string) {
	for _, s := range e.Rules() {
		if s.Unfired != "" {
			lines = append(lines, s.Rule.String()+" "+s.Unfired)
		}
	}
	return lines
}
