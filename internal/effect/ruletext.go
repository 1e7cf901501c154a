package effect

import (
	"reflect"
	"strings"

	"github.com/ocifake/ocifake/record"
)

// RuleText is a rule in JSON.
type RuleText struct {
	Name        string    `json:"name,omitempty" doc:"name in the record and in messages, unique; by default fault-N"`
	Where       Filters   `json:"where,omitempty" doc:"filters on requests, all of which must match; by default every request matches"`
	Connect     bool      `json:"connect,omitempty" doc:"acts on connections as they are opened; takes no filters"`
	After       int       `json:"after,omitempty" doc:"lets this many matching requests pass first"`
	Every       *int      `json:"every,omitempty" doc:"fires at every n-th matching request"`
	Times       *int      `json:"times,omitempty" doc:"the rule ends after firing this many times"`
	For         *Duration `json:"for,omitempty" doc:"the rule ends this long after it first fired"`
	Until       Filters   `json:"until,omitempty" doc:"the rule ends when a request that matches these filters begins"`
	Probability *float64  `json:"probability,omitempty" doc:"fires at this fraction of the matching requests, between 0 and 1"`
	Seed        uint64    `json:"seed,omitempty" doc:"chooses the fraction; the same seed chooses the same requests"`
	Continue    bool      `json:"continue,omitempty" doc:"later rules apply to the same request too"`
	Optional    bool      `json:"optional,omitempty" doc:"a rule that never fires does not fail the test"`
	BeforeAuth  bool      `json:"beforeAuth,omitempty" doc:"matches requests before authentication"`
	Disabled    bool      `json:"disabled,omitempty" doc:"neither counts nor fires"`
	Known       string    `json:"known,omitempty" doc:"name of the known fault that the rule belongs to; one of its rules must fire"`

	Do  []Text `json:"do,omitempty" doc:"effects, all at once, the first outermost"`
	Seq []Text `json:"seq,omitempty" doc:"one effect each time that the rule fires; the rule ends after the last one"`
}

// RuleFields describes the fields of a rule.
func RuleFields() []Argument { return Arguments(reflect.TypeFor[RuleText]()) }

// Filters is a list of filters as text.
type Filters []record.Filter

// UnmarshalText implements [encoding.TextUnmarshaler].
func (t *Filters) UnmarshalText(text []byte) (err error) {
	*t, err = record.ParseFilters(string(text))
	return err
}

// MarshalText implements [encoding.TextMarshaler]. It fails if one of the filters has no text.
func (t Filters) MarshalText() ([]byte, error) {
	texts := make([]string, len(t))
	for i, f := range t {
		texts[i] = f.String()
	}
	text := strings.Join(texts, " ")
	_, err := record.ParseFilters(text)
	return []byte(text), err
}
