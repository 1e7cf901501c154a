package faults

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/ocifake/ocifake/op"
)

// Chaos returns rules by which a part of all requests fails, between 0 and 1, each in
// one of some ten ways that pass: statuses with and without Retry-After, connections
// that are closed or reset before the answer or in it, and for writes answers that
// are lost. Nothing is wrong with what is sent: a correct client recovers, or
// returns an error.
//
// Whether and how a request fails depends on the seed, on what is asked for, and on
// how often that was asked for before. So the same seed gives the same faults,
// whatever the order in which parallel requests arrive. The rules are optional, and
// their names have the seed, "chaos-42-read-503", so that the journal of a test that
// fails tells it. They need a server of the registry's own, since connections are
// reset. For a rate of 0 or less there are none.
func Chaos(seed uint64, rate float64) []Rule {
	if !(rate > 0) {
		return nil
	}
	var rules []Rule
	for i, class := range chaosClasses() {
		share := min(rate, 1) / float64(len(class.effects))
		for k, c := range class.effects {
			// Of the requests that the rules before have left.
			probability := share / (1 - float64(k)*share)
			rules = append(rules, On(class.ops...).
				Named(fmt.Sprintf("chaos-%d-%s-%s", seed, class.name, c.name)).
				WithProbability(math.Min(probability, 1), rand.NewPCG(seed, uint64(i*chaosStride+k)).Uint64()).
				Optional().
				Do(c.effect))
		}
	}
	return rules
}

// chaosStride keeps the seeds of the classes apart.
const chaosStride = 1000

type chaosClass struct {
	name    string
	ops     []op.Op
	effects []chaosEffect
}

type chaosEffect struct {
	name   string
	effect Effect
}

// chaosClasses are the operations that can fail in the same ways.
func chaosClasses() []chaosClass {
	always := []chaosEffect{
		{"500", Status(http.StatusInternalServerError)},
		{"502", Status(http.StatusBadGateway).HTML()},
		{"503", Status(http.StatusServiceUnavailable).RetryAfter(time.Second)},
		{"504", Status(http.StatusGatewayTimeout).HTML()},
		{"429", Status(http.StatusTooManyRequests)},
		{"429-after", Status(http.StatusTooManyRequests).RetryAt(time.Second)},
		{"close", Close(0)},
		{"reset", Reset(0)},
	}
	var heads, reads, writes []op.Op
	for _, o := range op.All() {
		switch {
		case o.Write():
			writes = append(writes, o)
		case o == op.BlobHead || o == op.ManifestHead || o == op.UploadStatus || o == op.Ping || o == op.Token || o == op.External:
			heads = append(heads, o)
		default:
			reads = append(reads, o)
		}
	}
	// What acts on bodies comes first: requests without one are left to the others.
	return []chaosClass{
		{"head", heads, always},
		{"read", reads, append([]chaosEffect{{"close-body", Close(1)}, {"reset-body", Reset(1)}}, always...)},
		{"write", writes, append([]chaosEffect{{"close-upload", Close(1).OfRequest()}, {"lost-reply", LoseReply()}}, always...)},
	}
}
