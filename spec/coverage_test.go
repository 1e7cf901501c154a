package spec

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// text is a text whose sentences are in testdata.
type text struct {
	source   Source
	version  Version
	file     string
	complete bool // every sentence that binds a registry has a statement
}

// clientsFile has the sentences that bind clients, and not registries.
const clientsFile = "testdata/clients.txt"

// sources are the texts whose sentences are in testdata.
var sources = []text{
	{Distribution, V10, "testdata/distribution-spec-1.0.txt", false},
	{Distribution, V11, "testdata/distribution-spec-1.1.txt", true},
	{Distribution, Draft, "testdata/distribution-spec-1.2-draft.txt", true},
	{Image, "", "testdata/image-spec-1.1.txt", false},
}

// renamed are parameters that the versions call otherwise.
var renamed = strings.NewReplacer("<reference>", "<tag-or-digest>", "<location>", "<blob-push-location>")

// quotes reports whether a text is the sentence, with parts left out.
func quotes(text string, s sentence) bool {
	rest := renamed.Replace(s.text)
	parts := strings.Split(renamed.Replace(text), "…")
	for i, part := range parts {
		part = strings.TrimSpace(part)
		at := strings.Index(rest, part)
		if at < 0 || i == 0 && at > 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return parts[len(parts)-1] == "" || strings.Trim(rest, ".:") == ""
}

// states reports whether a statement is of a sentence. The sections of 1.0 were others.
func (s Statement) states(x sentence, v Version) bool {
	return quotes(s.Text, x) && (s.Section == x.section || v == V10)
}

func TestStatementsAreQuoted(t *testing.T) {
	for _, source := range sources {
		all := readList(t, source.file)
		for _, s := range statements() {
			if s.Source != source.source {
				continue
			}
			i := slices.IndexFunc(all, func(x sentence) bool { return s.states(x, source.version) })
			if i >= 0 && all[i].binds() {
				assert.Contains(t, keywords(all[i].text), s.Level, "%s has another level in %s", s.ID, source.file)
			}
			if slices.Contains(s.Versions, source.version) || source.version == "" {
				assert.GreaterOrEqual(t, i, 0, "%s is not in %s under %q: %s", s.ID, source.file, s.Section, s.Text)
			} else if source.version != V10 {
				assert.Less(t, i, 0, "%s is in %s, too", s.ID, source.file)
			}
		}
	}
}

// keywords are the levels of a sentence.
func keywords(text string) []Level {
	var levels []Level
	for word := range strings.FieldsSeq(text) {
		switch strings.Trim(word, ",.:`(") {
		case "MUST", "REQUIRED", "SHALL":
			levels = append(levels, Must)
		case "SHOULD", "RECOMMENDED":
			levels = append(levels, Should)
		case "MAY", "OPTIONAL":
			levels = append(levels, May)
		}
	}
	return levels
}

func TestEverySentenceHasAStatement(t *testing.T) {
	clients := readList(t, clientsFile)
	for _, source := range sources {
		all := readList(t, source.file)
		for _, x := range all {
			stated := slices.ContainsFunc(statements(), func(s Statement) bool {
				return s.Source == source.source && s.states(x, source.version)
			})
			ofClients := slices.ContainsFunc(clients, x.is)
			if source.complete && x.binds() {
				assert.True(t, stated || ofClients, "%s: nothing states, of %q: %s", source.file, x.section, x.text)
			}
			assert.False(t, stated && ofClients, "%s: binds clients and is stated all the same: %s", source.file, x.text)
		}
	}
	for _, c := range clients {
		inAny := slices.ContainsFunc(sources, func(source text) bool { return slices.ContainsFunc(readList(t, source.file), c.is) })
		assert.True(t, inAny, "is in no version: %s", c.text)
	}
}

// is reports whether two sentences are the same, but for renamed parameters.
func (s sentence) is(other sentence) bool {
	return s.section == other.section && renamed.Replace(s.text) == renamed.Replace(other.text)
}

func TestStatementsAreWellFormed(t *testing.T) {
	seen, needed := map[string]bool{}, map[string]bool{}
	for _, s := range statements() {
		assert.Regexp(t, `^[a-z0-9]+(-[a-z0-9]+)*$`, s.ID)
		assert.False(t, seen[s.ID], "%s is there twice", s.ID)
		seen[s.ID] = true
		assert.NotEmpty(t, s.Text, s.ID)
		assert.Contains(t, []Level{Must, Should, May}, s.Level, s.ID)
		assert.Contains(t, []Area{Pull, Push, Discovery, Management}, s.Area, s.ID)
		assert.NotEqual(t, s.check == nil, s.Reason == "", "%s: want a check or a reason", s.ID)
		assert.Equal(t, s.Source == Distribution, len(s.Versions) > 0, s.ID)
		assert.Equal(t, s.Source == Ours, s.Section == "", s.ID)
		for _, feature := range s.Needs {
			assert.Contains(t, probes, feature, s.ID)
			needed[string(feature)] = true
		}
		for endpoint := range strings.FieldsSeq(s.Endpoint) {
			assert.Regexp(t, `^end-[0-9]+[abc]?$`, endpoint, s.ID)
		}
	}
	assert.Equal(t, featureNames(), slices.Sorted(maps.Keys(needed)), "a statement needs each feature")
}
