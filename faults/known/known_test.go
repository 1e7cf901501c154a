package known_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	conf "github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
	"github.com/ocifake/ocifake/internal/opset"
	"github.com/ocifake/ocifake/internal/yamltext"
	"github.com/ocifake/ocifake/record"
)

// catalogue has the numbers that a known fault has in the catalogue of faults.
var catalogue = map[string][]int{
	"reset-mid-blob":               {1},
	"short-body":                   {2},
	"reset-mid-upload":             {3},
	"close-without-response":       {4},
	"goaway-mid-upload":            {5},
	"reset-stream-mid-blob":        {6},
	"slow-upload":                  {7},
	"tls-handshake-timeout":        {8},
	"black-hole":                   {9},
	"stalled-body":                 {11},
	"trickling-body":               {12},
	"stalled-upload-reply":         {13},
	"bare-lf-429-hub":              {14},
	"retry-after-seconds":          {15},
	"retry-after-date":             {15},
	"retry-after-huge":             {15},
	"pull-limit-429-hub":           {16},
	"rate-exceeded-429-ecr":        {16},
	"data-limit-429-ecr-public":    {16},
	"rate-limit-429-ghcr":          {16},
	"abuse-limit-429-hub":          {17},
	"manifest-put-429":             {18},
	"bad-gateway-html":             {19},
	"service-unavailable-html":     {19, 24},
	"gateway-timeout-html":         {19},
	"not-found-html":               {19},
	"push-refused-html":            {19},
	"not-found-plain-text":         {20},
	"empty-error-body":             {21},
	"error-details-hub":            {22},
	"error-code-number":            {22},
	"error-code-harbor":            {22},
	"error-bare-object":            {22},
	"upload-500":                   {23, 45},
	"blob-500":                     {23},
	"manifest-put-504-every-other": {24},
	"mirror-503":                   {25},
	"mirror-html-200":              {25},
	"tags-html-200":                {26},
	"token-expires-mid-push":       {27},
	"token-rejected-fresh":         {28},
	"token-rejected-always":        {28},
	"token-endpoint-500":           {31},
	"token-endpoint-429":           {31},
	"token-endpoint-html":          {31},
	"token-endpoint-broken-json":   {31},
	"token-endpoint-missing-field": {31},
	"token-endpoint-slow":          {31},
	"token-endpoint-down":          {31},
	"token-post-404":               {31},
	"token-post-405":               {31},
	"token-post-403":               {31},
	"token-denied-ghcr":            {30},
	"challenge-missing":            {}, // how registries challenge is in their profiles
	"challenge-only-on-ping":       {},
	"challenge-doubled":            {},
	"challenge-capitals":           {},
	"challenge-unknown-scheme":     {},
	"realm-elsewhere":              {34},
	"redirect-challenged":          {34},
	"forbidden-for-absent":         {30},
	"unauthorized-for-absent":      {30},
	"mount-denied-401":             {32},
	"mount-denied-403":             {32},
	"mount-ignored":                {32},
	"cdn-rejects-authorization":    {33},
	"upload-session-lost":          {35},
	"commit-reply-lost":            {36},
	"commit-reply-and-blob-lost":   {36},
	"upload-not-resumable":         {37},
	"chunk-416":                    {38},
	"chunk-too-large-ghcr":         {38},
	"chunk-201":                    {39},
	"upload-range-quay":            {41},
	"chunk-too-small-500":          {42},
	"chunk-too-small-400":          {42},
	"chunks-unsupported":           {43},
	"location-http":                {44},
	"location-absolute":            {44},
	"blob-unknown-after-push":      {46},
	"blob-gone-after-push":         {46},
	"manifest-unknown-after-push":  {47},
	"stale-tag":                    {47},
	"corrupt-blob":                 {48},
	"empty-blob":                   {48},
	"digest-header-wrong":          {49},
	"digest-header-wrong-on-head":  {49},
	"digest-header-missing":        {50},
	"manifest-type-json":           {51},
	"manifest-type-plain":          {51},
	"manifest-type-parameters":     {51},
	"head-type-missing":            {51},
	"blob-type-html":               {51},
	"length-missing":               {52},
	"head-length-zero":             {53},
	"content-encoding-gzip":        {54},
	"content-encoding-x-gzip":      {54},
	"head-405":                     {55},
	"head-404":                     {55},
	"range-ignored":                {56},
	"redirect-dead-host":           {57},
	"redirect-expired":             {58},
	"redirect-loop":                {59},
	"redirect-to-website":          {60},
	"pagination-ignored":           {61},
	"link-self":                    {62},
	"link-wrong-path":              {63},
	"link-relative":                {63},
	"link-without-brackets":        {63},
	"page-size-405-ecr":            {65},
	"tags-null":                    {66},
	"tags-with-null":               {66},
	"tags-with-digest":             {66},
	"tags-unsorted":                {67},
	"referrers-404":                {68},
	"referrers-tag-no-index":       {68},
	"subject-refused-404-hub":      {69},
	"subject-refused-405-ecr":      {69},
	"referrers-without-type":       {70},
	"immutable-tag-400-ecr":        {71},
	"immutable-tag-409-quay":       {71},
	"immutable-tag-412-harbor":     {71},
	"index-accept-404":             {72},
}

// leftOut are the faults of the catalogue that no known fault shows.
var leftOut = map[int]string{
	10: "names are resolved before a registry is asked",
	29: "the time from which a token is valid is in the token: auth.TokenOptions.Skew sets it, no rule can",
	40: "nobody has seen bytes lost that a registry had accepted: the report was withdrawn (aws/containers-roadmap#2831)",
	64: "no filter sees the query, by which a cursor that was rebuilt is told from one that was followed",
}

const catalogued = 72

func TestCatalogue(t *testing.T) {
	covered := map[int]bool{}
	names := map[string]bool{}
	for _, f := range known.All() {
		names[f.Name] = true
		require.Contains(t, catalogue, f.Name)
		for _, number := range catalogue[f.Name] {
			covered[number] = true
			assert.NotContains(t, leftOut, number, f.Name)
		}
	}
	for name := range catalogue {
		assert.True(t, names[name], "there is no known fault %s", name)
	}
	for number := 1; number <= catalogued; number++ {
		assert.True(t, covered[number] || leftOut[number] != "", "nothing shows F%d", number)
	}
}

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
			if opset.Allowed(got.Filters) == 0 { // requests for tokens name no repository
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
	for _, name := range slices.Sorted(maps.Keys(catalogue)) {
		assert.ErrorContains(t, err, name)
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
