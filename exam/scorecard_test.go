package exam_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/exam"
)

func TestVerdicts(t *testing.T) {
	for _, row := range exam.KindRows() {
		kind, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " |")
		assert.Contains(t, exam.VerdictNames(), kind, "a kind of violation is a verdict")
		assert.True(t, exam.Verdict(kind).Fault(), kind)
	}
	for _, verdict := range []exam.Verdict{"passed", "recovered", "failed cleanly", "not applicable", "not reached"} {
		assert.False(t, verdict.Fault(), verdict)
	}
	for _, verdict := range []exam.Verdict{"gave up", "breaks a rule", "a new one", ""} {
		assert.True(t, verdict.Fault(), verdict)
	}
}

func TestScorecardSort(t *testing.T) {
	want := []string{
		"none/push", "none/pull", "none/run", "duties/credentials/push", "faults/a/push", "faults/a/copy",
		"faults/b/push", "profiles/ghcr/sign", "traits/a/push", "sweep/blob.get_app/503/pull", "other/a/push",
	}
	var card exam.Scorecard
	for _, id := range want {
		card.Trials = append([]exam.TrialResult{trial(id, "passed", "")}, card.Trials...)
	}
	card.Sort()
	var got []string
	for _, r := range card.Trials {
		got = append(got, r.ID())
	}
	assert.Equal(t, want, got)
}

// trial returns a result.
func trial(id, verdict, reason string) exam.TrialResult {
	group, rest, _ := strings.Cut(id, "/")
	at := strings.LastIndex(rest, "/")
	return exam.TrialResult{
		Group: group, Name: rest[:max(at, 0)], Action: rest[at+1:], Verdict: exam.Verdict(verdict), Reason: reason,
		Journal: "GET /v2/ 200\n", Output: "done\n", Repeat: "ocifake exam --client crane --trial " + id, Duration: 52 * time.Millisecond,
	}
}

// card returns a scorecard with every class of verdicts.
func card() *exam.Scorecard {
	return &exam.Scorecard{
		Client: "crane", Version: "0.22.1", Ocifake: "0.3.0", Seed: 7, Duration: 3*time.Minute + 9*time.Second,
		Notes: []string{"sweep: 4 of 60 requests were chosen."},
		Trials: []exam.TrialResult{
			trial("none/push", "passed", ""),
			trial("none/pull", "passed", ""),
			trial("duties/credentials-across-hosts/pull", "leaks credentials", "Authorization is sent to 127.0.0.2."),
			trial("duties/wrong-digest-of-blob/pull", "passed", "the digest is verified."),
			trial("duties/wrong-digest-of-blob/push", "not applicable", "push gets no blob."),
			trial("faults/reset-mid-blob/pull", "gave up", "the blob is requested once."),
			trial("faults/reset-mid-blob/push", "not applicable", "push gets no blob."),
			trial("faults/token-endpoint-500/pull", "recovered", "the token is requested twice."),
			trial("faults/token-endpoint-500/push", "failed cleanly", "the token is requested once."),
			trial("faults/upload-500/push", "recovered", "the chunk is sent twice."),
			trial("profiles/ghcr/pull", "passed", ""),
			trial("profiles/ghcr/push", "passed", ""),
			trial("traits/tags.page/1000/pull", "not reached", "the client did not list tags."),
			trial("sweep/blob.get_app/503/pull", "recovered", "the blob is requested twice."),
		},
	}
}

func TestScorecardGolden(t *testing.T) {
	text, err := card().JSON()
	require.NoError(t, err)
	requireGolden(t, "scorecard.json", string(text))
	requireGolden(t, "scorecard.txt", card().Text())
	requireGolden(t, "scorecard.md", card().Markdown())
	requireGolden(t, "scorecard.html", card().HTML())
	same := new(exam.Scorecard)
	require.NoError(t, json.Unmarshal(text, same))
	want := card()
	want.Sort()
	assert.Equal(t, want, same)
}

func TestGrade(t *testing.T) {
	for _, test := range []struct {
		name string
		want string
		give map[string]string // verdicts by group, in letters
	}{
		{"no fault", "A", map[string]string{"faults": "pppp", "duties": "prf"}},
		{"one of twenty", "B", map[string]string{"faults": "ppppppppppppppppppgp"}},
		{"one serious of twenty", "D", map[string]string{"faults": "ppppppppppppppppppdp"}},
		{"one of ten", "C", map[string]string{"faults": "pppppppppg"}},
		{"one of five", "D", map[string]string{"faults": "ppppg"}},
		{"one of two", "F", map[string]string{"faults": "pg"}},
		{"each group counts the same", "D", map[string]string{"faults": "pg", "sweep": strings.Repeat("p", 100)}},
		{"the plain run is a duty", "C", map[string]string{"none": "gppp", "duties": "pppp", "faults": "p"}},
		{"what is not applicable does not count", "A", map[string]string{"faults": "pnnnnnnnnn"}},
		{"four of five faults met", "A", map[string]string{"faults": "pppp?"}},
		{"fewer met", "–", map[string]string{"faults": "ppp?"}},
		{"fewer faults met, and many others", "–", map[string]string{"faults": "ppp?", "sweep": strings.Repeat("p", 100)}},
		{"no faults", "–", map[string]string{"sweep": "pppp"}},
		{"no trials", "–", nil},
	} {
		var s exam.Scorecard
		verdicts := map[rune]exam.Verdict{'p': "passed", 'r': "recovered", 'f': "failed cleanly", 'g': "gave up", 'd': "left damage", 'n': "not applicable", '?': "not reached"}
		for group, letters := range test.give {
			for _, letter := range letters {
				s.Trials = append(s.Trials, exam.TrialResult{Group: group, Action: "pull", Verdict: verdicts[letter]})
			}
		}
		assert.Equal(t, test.want, s.Grade("", "", "").String(), test.name)
		assert.Equal(t, test.want, s.Grade("", "", "pull").String(), test.name)
		assert.Equal(t, "–", s.Grade("", "", "push").String(), test.name)
	}
	assert.Equal(t, exam.Grade{Letter: "A", Right: 2, NotApplicable: 1}, card().Grade("faults", "", "push"))
	assert.Equal(t, exam.Grade{Letter: "A", Right: 1}, card().Grade("profiles", "ghcr", "push"))
}

func TestCompare(t *testing.T) {
	before := card()
	now := card()
	assert.Equal(t, "Faults as in the baseline: 2\n", now.Compare(before).Text())
	assert.Empty(t, now.Compare(before).Worse)
	for id, verdict := range map[string]exam.Verdict{
		"duties/wrong-digest-of-blob/pull": "accepted a lie", // worse
		"faults/token-endpoint-500/pull":   "failed cleanly", // worse: recovered before
		"faults/upload-500/push":           "passed",         // as good
		"faults/reset-mid-blob/pull":       "recovered",      // better
		"profiles/ghcr/pull":               "not reached",    // gone
		"traits/tags.page/1000/pull":       "hung",           // new
		"faults/reset-mid-blob/push":       "passed",         // new
	} {
		for i := range now.Trials {
			if now.Trials[i].ID() == id {
				now.Trials[i].Verdict = verdict
			}
		}
	}
	c := now.Compare(before)
	requireGolden(t, "comparison.txt", c.Text())
	assert.Len(t, c.Worse, 2)
	assert.Len(t, c.Known, 1)
	before.Trials[2].Verdict, now.Trials[2].Verdict = "gave up", "leaks credentials"
	assert.Len(t, now.Compare(before).Worse, 3, "a serious fault is worse than another")
	before.Trials[2].Verdict = "accepted a lie"
	assert.Len(t, now.Compare(before).Worse, 2)
}

// TestHostileScorecard checks that no text of a client is markup or reaches a terminal.
func TestHostileScorecard(t *testing.T) {
	const evil = "\x1b]0;title\x07\u202e\xff<script>alert(1)</script>\"'><img src=x onerror=alert(1)>|`*_[x](javascript:x)</pre>{{.}}\n| a |\n# b\x00"
	s := card()
	s.Client, s.Version, s.Ocifake, s.Notes = evil, evil, evil, []string{evil}
	for i := range s.Trials {
		r := &s.Trials[i]
		r.Name, r.Reason, r.Journal, r.Output, r.Repeat = evil, evil, evil+strings.Repeat("x", 1<<20), evil+strings.Repeat("\x00", 1<<17), evil
	}
	s.Trials = s.Trials[2:4]
	s.Trials[0].Action, s.Trials[1].Action = evil, "pull"
	_, err := s.JSON()
	require.ErrorContains(t, err, "want a name without slashes")
	text, markdown, page, comparison := s.Text(), s.Markdown(), s.HTML(), s.Compare(new(exam.Scorecard)).Text()
	s.Trials[0].Action = "push"
	written, err := s.JSON()
	require.NoError(t, err)
	for _, out := range []string{text, markdown, page, comparison, string(written)} {
		assert.Less(t, len(out), 500_000)
		for _, hidden := range []string{"\x1b", "\u202e", "\x00", "\xff"} {
			assert.False(t, strings.Contains(out, hidden), "%q", hidden)
		}
	}
	for _, out := range []string{text, markdown, comparison} {
		assert.False(t, strings.Contains(out, "\n# b"), "a line of its own")
	}
	for _, markup := range []string{"<script", "<img", "</pre>{{"} {
		assert.False(t, strings.Contains(page, markup), markup)
		assert.False(t, strings.Contains(markdown, markup), markup)
	}
	assert.NotContains(t, markdown, "[x](java")
	assert.Equal(t, 2*2, strings.Count(page, "<pre tabindex"), "the journal and the output of each trial")
	var again exam.Scorecard
	require.NoError(t, json.Unmarshal(written, &again))
	same, err := again.JSON()
	require.NoError(t, err)
	assert.Equal(t, string(written), string(same))
}

// TestLargeScorecard checks that texts of trials with a fault are kept.
func TestLargeScorecard(t *testing.T) {
	s := card()
	noise := strings.Repeat("x", 1<<15)
	for i := range 400 {
		r := trial(fmt.Sprintf("sweep/point-%d/pull", i), "passed", "")
		r.Journal, r.Output = noise, noise
		s.Trials = append(s.Trials, r)
	}
	written, left := 0, 0
	for _, r := range exam.Printable(s).Trials {
		written += len(r.Journal) + len(r.Output)
		if strings.HasPrefix(r.Journal, "(left out") {
			left++
		}
		if r.Verdict == "gave up" {
			assert.Equal(t, "GET /v2/ 200\n", r.Journal)
		}
	}
	assert.Less(t, written, 24<<20+400*100)
	assert.Positive(t, left)
}

func TestUnmarshalScorecardRefuses(t *testing.T) {
	text, err := card().JSON()
	require.NoError(t, err)
	for _, test := range []struct{ old, with, want string }{
		{`"scorecard": 1`, `"scorecard": 2, "new": true`, "version 2 of the format: want 1, as this version of ocifake writes it"},
		{`"scorecard": 1,`, ``, "version 0 of the format"},
		{`"client"`, `"Client"`, "unknown field"},
		{`"seed": "7"`, `"seed": "-7"`, `seed "-7": want a number`},
		{`"duration": "3m9s"`, `"duration": "-3m"`, `duration "-3m": want one such as 1m30s`},
		{`"group": "duties"`, `"group": "dutys"`, `trial 3: group "dutys": did you mean duties?`},
		{`"verdict": "gave up"`, `"verdict": "gave in"`, `verdict "gave in": did you mean gave up?`},
		{`"action": "push"`, `"action": "a/b"`, `trial 1: action "a/b": want a name without slashes`},
		{`"action": "push"`, `"action": "pull"`, `trial 2: there are two results of "none/pull"`},
		{"\n}", "\n} x", "unexpected"},
	} {
		read := *card()
		err := read.UnmarshalJSON([]byte(strings.Replace(string(text), test.old, test.with, 1)))
		assert.Equal(t, card(), &read)
		require.ErrorContains(t, err, "exam: scorecard: ")
		assert.ErrorContains(t, err, test.want)
	}
	err = new(exam.Scorecard).UnmarshalJSON(make([]byte, 64<<20+1))
	assert.ErrorContains(t, err, "exam: scorecard: ")
	assert.ErrorContains(t, err, "want at most 64 MiB")
	s := card()
	s.Trials = make([]exam.TrialResult, 20_001)
	_, err = s.JSON()
	assert.ErrorContains(t, err, "exam: scorecard of crane: 20001 trials and 1 notes: want at most 20000 and 100")
}

// FuzzScorecard checks that what is read can be written and read again.
func FuzzScorecard(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "scorecard.json"))
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{"scorecard": 1, "client": "\u001b", "ocifake": "", "seed": "0", "duration": "1s", "trials": []}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s exam.Scorecard
		if s.UnmarshalJSON(text) != nil {
			return
		}
		s.HTML()
		s.Markdown()
		s.Text()
		s.Compare(&s)
		first, err := s.JSON()
		if err != nil {
			return // two names are the same when they are escaped
		}
		require.NoError(t, json.Unmarshal(first, &s), "%s", first)
		second, err := s.JSON()
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))
	})
}
