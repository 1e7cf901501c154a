package spec

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Statement is one thing that the specification says of a registry, or that this
// package asks of one beyond it, and how that is checked.
type Statement struct {
	// ID names the statement for good: "manifest-get". It is a label too.
	ID string

	// Text is the sentence, in its own words; "…" stands for what is left out.
	Text string

	// Section is the heading that the sentence stands under, or the number of the
	// section of an RFC.
	Section string

	// Endpoint are the endpoints that it is about, by their names in the
	// specification, separated by spaces: "end-2 end-3".
	Endpoint string

	Level    Level
	Area     Area
	Source   Source
	Versions []Version // of the distribution specification, if that is the source

	// Needs are the features without which the statement says nothing of a registry.
	Needs []Feature

	// Reason is why no client can check the statement, or is empty.
	Reason string

	check func(*tester)
}

// Level is the requirement level of a statement (RFC 2119).
type Level string

// The levels.
const (
	Must   Level = "MUST"
	Should Level = "SHOULD"
	May    Level = "MAY"
)

// Area is one of the workflow categories of the specification.
type Area string

// The areas.
const (
	Pull       Area = "pull"
	Push       Area = "push"
	Discovery  Area = "discovery"
	Management Area = "management"
)

// Source is the document that contains a statement.
type Source string

// The sources.
const (
	Distribution Source = "distribution-spec"
	Image        Source = "image-spec"
	RFC9110      Source = "RFC 9110" // HTTP Semantics
	RFC8288      Source = "RFC 8288" // Web Linking, which replaced RFC 5988
	Ours         Source = "ours"     // goes beyond what is written
)

// Version is a version of the distribution specification.
type Version string

// The versions. The draft is the main branch.
const (
	V10   Version = "1.0"
	V11   Version = "1.1"
	Draft Version = "1.2-draft"
)

var (
	since10 = []Version{V10, V11, Draft}
	since11 = []Version{V11, Draft}
	until11 = []Version{V10, V11}
	only11  = []Version{V11}
	inDraft = []Version{Draft}
)

// Statements returns all statements, those that no client can check included, by
// their areas and in the order of the specification.
func Statements() []Statement { return slices.Clone(statements()) }

// statements is the one table of this package: the nodes, their labels, the
// reports and COVERAGE.md all come from it. Programs that only import this package do
// not pay for it.
var statements = sync.OnceValue(func() []Statement {
	return slices.Concat(
		generalStatements,
		pullManifestStatements, nameStatements, contentStatements, pullBlobStatements, headStatements, rangeStatements, conditionStatements,
		pushBlobStatements, chunkStatements, edgeStatements, chunkStatusStatements, mountStatements,
		pushManifestStatements, pushTagStatements, subjectStatements, imageStatements,
		tagStatements, referrerStatements, setStatements, catalogStatements, linkStatements,
		deleteStatements, errorStatements, tourStatements, repetitionStatements,
		uploadStatements, isolationStatements, hostileStatements, limitStatements, answerStatements, raceStatements, raceManifestStatements,
		untestable,
	)
})

// Lookup returns the statement with an ID, and whether it exists.
func Lookup(id string) (Statement, bool) {
	i := slices.IndexFunc(statements(), func(s Statement) bool { return s.ID == id })
	if i < 0 {
		return Statement{}, false
	}
	return statements()[i], true
}

// Checked reports whether the statement has a check.
func (s Statement) Checked() bool { return s.check != nil }

// Labels returns the labels of the statement, by which filters choose: its ID, level,
// area, endpoints, source, and versions as "v1.1".
func (s Statement) Labels() []string {
	labels := []string{s.ID, string(s.Level), string(s.Area), strings.ToLower(strings.ReplaceAll(string(s.Source), " ", ""))}
	labels = append(labels, strings.Fields(s.Endpoint)...)
	for _, v := range s.Versions {
		labels = append(labels, "v"+string(v))
	}
	return labels
}

// Citation returns the place of the statement: "distribution-spec 1.1, 1.2-draft, Pulling
// blobs, end-2".
func (s Statement) Citation() string {
	var versions []string
	for _, v := range s.Versions {
		versions = append(versions, string(v))
	}
	where := string(s.Source)
	if len(versions) > 0 {
		where += " " + strings.Join(versions, ", ")
	}
	for _, more := range []string{s.Section, s.Endpoint} {
		if more != "" {
			where += ", " + more
		}
	}
	return where
}

// String returns the name of the statement's node.
func (s Statement) String() string { return fmt.Sprintf("%s: %s [%s]", s.ID, s.Text, s.Citation()) }

// in reports whether the statement belongs to a version of the specification. All
// belong to the empty one.
func (s Statement) in(v Version) bool {
	return v == "" || len(s.Versions) == 0 || slices.Contains(s.Versions, v)
}
