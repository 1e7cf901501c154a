package clients

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ocifake/ocifake/record"
	"github.com/stretchr/testify/require"
)

// scenario is a fault, with its rules in faults/NAME.yaml.
type scenario struct {
	name  string
	what  string
	flags []string
}

// retryAfter is the value of Retry-After in the throttled scenarios.
const retryAfter = 3 * time.Second

var scenarios = []scenario{
	{"throttled-pull", "429 with Retry-After: 3 to the layer, twice", nil},
	{"throttled-push", "429 with Retry-After: 3 to the POST of an upload, twice", nil},
	{"reset-pull", "the connection is reset in the middle of the layer", nil},
	{"reset-push", "the connection is reset in the middle of the layer's upload", nil},
	{"expired-push", "the token expires before the PUT of an upload", []string{"--user", "ci:hunter2", "--bearer"}},
}

// suffering are the clients that suffer them, and the steps in which they do: the
// last, after those that it needs.
var suffering = []struct {
	client     string
	pull, push []string
}{
	{"docker", []string{"seed", "pull"}, []string{"build", "push"}},
	{"skopeo", []string{"seed", "pull"}, []string{"push"}},
	{"ctr", []string{"seed", "pull"}, []string{"build", "push"}},
	{"ctr2", []string{"seed", "pull"}, []string{"build", "push"}},
	{"oras", []string{"push", "pull"}, []string{"push"}},
}

// races are failures that are another one each time: parts of their messages.
var races = map[string][]string{
	"ctr/expired-push": {
		"invalid_token: authorization failed",
		"panic: send on closed channel",
		"read/write on closed pipe",
		"ctr was stopped after 20 seconds",
	},
	"ctr/reset-push":  {"failed commit on ref", "failed to copy"},
	"ctr2/reset-push": {"failed commit on ref", "failed to copy"},
}

func TestFaults(t *testing.T) {
	document, versions := readDocument(t), installed(t)
	t.Setenv("OCIFAKE_SECONDS", "20")
	for _, s := range suffering {
		t.Run(s.client, func(t *testing.T) {
			row := suffered{Version: requireVersion(t, versions, s.client), Faults: map[string]fate{}}
			for _, scenario := range scenarios {
				steps := s.push
				if strings.HasSuffix(scenario.name, "-pull") {
					steps = s.pull
				}
				t.Run(scenario.name, func(t *testing.T) {
					row.Faults[scenario.name] = scenario.suffer(t, s.client, steps)
				})
			}
			if len(row.Faults) == len(scenarios) { // -run may choose
				document.Faults.judge(t, s.client, row)
			}
		})
	}
	document.write(t)
}

// suffer runs the steps of a client with a fault, and returns the result.
func (s scenario) suffer(t *testing.T, client string, steps []string) fate {
	t.Helper()
	requests := filepath.Join(t.TempDir(), "requests.jsonl")
	flags := append([]string{"--faults", "faults/" + s.name + ".yaml", "--requests", requests}, s.flags...)
	results, _ := runScript(t, client, flags, steps...)
	for _, step := range steps[:len(steps)-1] {
		require.Equal(t, ok, results[step], step)
	}
	hit := s.hit(t, requests)
	result := results[steps[len(steps)-1]]
	message, failed := strings.CutPrefix(result, "failed: ")
	if !failed {
		require.Equal(t, ok, result)
		return fate{Did: "recovers" + waits(hit), Answers: answers(hit)}
	}
	if parts := races[client+"/"+s.name]; slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(message, part) }) {
		return fate{Did: "fails, in one of these ways: " + quoted(parts...), Answers: "these differ"}
	}
	return fate{Did: "fails: " + quoted(steady(message)), Answers: answers(hit)}
}

// hit returns the requests for what the fault hit first, in the order in which
// they were made.
func (s scenario) hit(t *testing.T, name string) record.Log {
	t.Helper()
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	log, err := record.ReadJSONL(file)
	require.NoError(t, err)
	first := slices.IndexFunc(log, func(x record.Exchange) bool { return len(x.Faults) > 0 })
	require.GreaterOrEqual(t, first, 0, "the fault hit nothing: the digests in faults/%s.yaml are those of lib.sh's image and oras's artifact", s.name)
	return slices.DeleteFunc(log, func(x record.Exchange) bool {
		return x.Op != log[first].Op || x.Digest != log[first].Digest
	})
}

// waits reports whether a client that was told to wait, by an answer of 429, did so
// before it asked again with success.
func waits(log record.Log) string {
	throttled := func(x record.Exchange) bool { return x.Status == http.StatusTooManyRequests }
	told := slices.IndexFunc(log, throttled)
	again := slices.IndexFunc(log, func(x record.Exchange) bool { return !throttled(x) })
	switch {
	case told < 0 || again < told:
		return ""
	case log[again].Start.Sub(log[told].Start) >= retryAfter:
		return ", waits as it is told"
	}
	return ", does not wait as it is told"
}

// answers lists the statuses of responses.
func answers(log record.Log) string {
	list := make([]string, len(log))
	for i, x := range log {
		list[i] = strconv.Itoa(x.Status)
		if x.Cut {
			list[i] = "cut"
		}
	}
	return strings.Join(list, ", ")
}

func quoted(messages ...string) string {
	return "`" + strings.Join(messages, "`, `") + "`"
}

// steady takes out of a message what is another one each time.
func steady(message string) string {
	for _, r := range replacements {
		message = r.of.ReplaceAllString(message, r.by)
	}
	return strings.ReplaceAll(message, `\"`, `"`)
}

var replacements = []struct {
	of *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`^time="[^"]*" level=\w+ msg="(.*)"$`), "$1"},
	{regexp.MustCompile(`\\n`), " "},
	{regexp.MustCompile(`(readfrom|read|write) tcp .*`), "…"}, // a reset is seen by whoever comes first
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "HOST"},
	{regexp.MustCompile(`/tmp/ocifake-[^/ ]+`), "TMP"},
	{regexp.MustCompile(`uploads/[^" ]+`), "uploads/…"},
	{regexp.MustCompile(`sha256:[0-9a-f]{64}`), "sha256:…"},
}
