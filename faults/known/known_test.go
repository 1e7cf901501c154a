package known_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/internal/yamltext"
	"github.com/ocifake/ocifake/record"
)

func TestAll(t *testing.T) {
	kebab := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	citation := regexp.MustCompile(`^([\w.-]+/[\w.-]+#[1-9]\d*|https://\S+)$`)
	seen := map[string]bool{}
	for _, f := range known.All() {
		t.Run(f.Name, func(t *testing.T) {
			assert.Regexp(t, kebab, f.Name)
			assert.False(t, seen[f.Name], "there are two")
			seen[f.Name] = true
			assert.NotEmpty(t, f.What)
			assert.NotEmpty(t, f.Correct)
			assert.NotEmpty(t, f.Clients)
			assert.NotEmpty(t, f.Citations)
			for _, c := range f.Citations {
				assert.Regexp(t, citation, c)
			}
			for _, text := range []string{f.What, f.Correct} {
				assert.False(t, strings.HasSuffix(text, "."), "%q is no sentence", text)
			}
		})
	}
}

func TestRules(t *testing.T) {
	for _, f := range known.All() {
		t.Run(f.Name, func(t *testing.T) {
			rules := f.Rules()
			require.NotEmpty(t, rules)
			for i, rule := range rules {
				require.NoError(t, rule.Check())
				assert.True(t, strings.HasPrefix(rule.Name, f.Name), "the record must name the known fault, not %q", rule.Name)
				assert.Equal(t, i == 0, rule.Name == f.Name)
				assert.False(t, rule.Flags.Optional)
				text, err := json.Marshal(rule)
				require.NoError(t, err)
				var read faults.Rule
				require.NoError(t, json.Unmarshal(text, &read))
				again, err := json.Marshal(read)
				require.NoError(t, err)
				assert.Equal(t, string(text), string(again))
				assert.Equal(t, fmt.Sprintf("%#v", rule.When), fmt.Sprintf("%#v", read.When))
				require.Len(t, read.Effects, len(rule.Effects))
				for i, effect := range rule.Effects {
					// Some effects have functions, which are never equal, others pointers, which print as addresses.
					assert.True(t, assert.ObjectsAreEqual(effect, read.Effects[i]) || fmt.Sprintf("%#v", effect) == fmt.Sprintf("%#v", read.Effects[i]),
						"%#v\nwas read as\n%#v", effect, read.Effects[i])
				}
				assert.Equal(t, rule.String(), read.String())
			}
			text, err := json.Marshal(rules)
			require.NoError(t, err)
			file, err := yamltext.Marshal(rules)
			require.NoError(t, err)
			read, err := conf.Rules(file)
			require.NoError(t, err)
			again, err := json.Marshal(read)
			require.NoError(t, err)
			assert.Equal(t, string(text), string(again))
		})
	}
}

func TestRulesAreCopies(t *testing.T) {
	f, err := known.Find("reset-mid-blob")
	require.NoError(t, err)
	f.Rules()[0].Name = "changed"
	assert.Equal(t, "reset-mid-blob", f.Rules()[0].Name)
}

func TestRulesWithFilters(t *testing.T) {
	for _, f := range known.All() {
		narrowed := f.Rules(record.Repo("app"))
		for i, rule := range f.Rules() {
			got := narrowed[i]
			assert.False(t, got.Flags.Optional, f.Name)
			assert.Equal(t, f.Name, got.Known)
			if filter.Allowed(got.Filters) == 0 { // requests for tokens name no repository
				assert.ErrorContains(t, got.Check(), "its filters together match no request", f.Name)
			} else {
				require.NoError(t, got.Check(), f.Name)
			}
			if rule.Connect {
				assert.Empty(t, got.Filters, f.Name)
				continue
			}
			require.Len(t, got.Filters, len(rule.Filters)+1, f.Name)
			assert.Equal(t, "repo=app", got.Filters[len(rule.Filters)].String())
		}
	}
}

func TestFind(t *testing.T) {
	_, err := known.Find("reset-mid-blobs")
	assert.EqualError(t, err, `there is no known fault "reset-mid-blobs": did you mean reset-mid-blob?`)
	_, err = known.Find("429")
	require.ErrorContains(t, err, "pull-limit-429-hub, ")
	assert.NotContains(t, err.Error(), "short-body")

	_, err = known.Find("gremlins")
	for _, f := range known.All() {
		assert.ErrorContains(t, err, f.Name)
	}
}

func TestNoRules(t *testing.T) { assert.Empty(t, known.Fault{}.Rules(record.Repo("app"))) }

// TestFiles checks that the files have no fields that are not read.
func TestFiles(t *testing.T) {
	files, err := filepath.Glob("*.json")
	require.NoError(t, err)
	read := 0
	for _, name := range files {
		file, err := os.Open(name)
		require.NoError(t, err)
		defer file.Close()
		var rows []struct {
			known.Fault
			Rules []faults.Rule `json:"rules"`
		}
		d := json.NewDecoder(file)
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&rows), name)
		read += len(rows)
	}
	assert.Len(t, known.All(), read, "All reads all files")
}

func Example() {
	fault, err := known.Find("reset-mid-blob")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(fault.What)
	fmt.Println("A correct client", fault.Correct)
	for _, rule := range fault.Rules(record.Repo("app")) { // reg.Inject(t, fault.Rules(record.Repo("app"))...)
		fmt.Println(rule)
	}
	// Output:
	// the connection is reset (TCP RST) in the middle of a blob
	// A correct client resumes with Range at the last byte received, and verifies the digest of the whole blob
	// "reset-mid-blob" on op=blob.get repo=app
}

func ExampleAll() {
	for _, fault := range known.All() {
		if strings.HasPrefix(fault.Name, "immutable-tag-") {
			fmt.Println(fault.Name)
		}
	}
	// Output:
	// immutable-tag-400-ecr
	// immutable-tag-409-quay
	// immutable-tag-412-harbor
}
