package lint

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// Severity says what a rule is based on. The values are ordered: the first is the most severe.
type Severity uint8

const (
	Must        Severity = iota + 1 // a specification requires it of clients
	Portability                     // a real registry refuses such a client
	Should                          // a specification recommends it to clients
	Waste                           // it costs time or requests, and nothing else
)

var severities = [...]string{Must: "must", Portability: "portability", Should: "should", Waste: "waste"}

// String returns the severity in lower case: "must".
func (s Severity) String() string {
	if s >= Must && s <= Waste {
		return severities[s]
	}
	return fmt.Sprintf("lint.Severity(%d)", uint8(s))
}

// MarshalText returns the severity in lower case.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the severity from its name.
func (s *Severity) UnmarshalText(text []byte) error {
	i := slices.Index(severities[:], string(text))
	if i < int(Must) {
		return fmt.Errorf("lint: unknown severity %q: want must, portability, should or waste", text)
	}
	*s = Severity(i)
	return nil
}

// Rule is one thing that a client can do wrong.
type Rule struct {
	ID       string   // "upload-location"
	Severity Severity //
	Title    string   // what is wrong, as a clause: "an upload does not use the Location as it was given"
	Why      string   // why it matters
	Source   string   // the document and section of Sentence: "distribution-spec 1.1, POST then PUT"
	Sentence string   // the sentence that binds clients, quoted; empty if there is none
	Fix      string   // what to do instead
	Wrong    string   // an example of requests and answers
	Right    string   // the same without the fault
	Profiles []string // the profiles on which a client with this fault alone fails, as measured

	history bool                                // the rule is not judged if exchanges are missing between others
	past    bool                                // the rule is not judged if the log does not begin with the first request
	judge   func(l *Linter, x *exchange) *found // for each request, before its answer is learned
	finish  func(l *Linter) []found             // at the end of the log
}

// Rules returns all rules, in a fixed order.
func Rules() []Rule {
	all := slices.Concat(uploadRules(), manifestRules(), readRules(), listRules(), referrersRules(), credentialRules(), retryRules(), connectionRules())
	fails := map[string][]string{}
	for line := range strings.Lines(measured) {
		id, profiles, _ := strings.Cut(line, ":")
		fails[id] = strings.Fields(profiles)
	}
	for i := range all {
		all[i].Profiles = fails[all[i].ID]
	}
	return all
}

// measured has the profiles on which the fault of each rule makes a client fail, a line for each
// rule. A test of this package measures them.
//
//go:embed testdata/fails.txt
var measured string

// found is a violation of a rule by one request.
type found struct {
	x         *exchange // the request that violates the rule
	also      []uint64  // numbers of earlier requests that explain it
	format    string    // of the message
	arguments []any
}

func (f *found) message() string { return fmt.Sprintf(f.format, f.arguments...) }

// in returns a violation by a request, explained by earlier ones.
func in(x *exchange, also []uint64, format string, arguments ...any) *found {
	return &found{x, also, format, arguments}
}
