package exam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/bytesize"
	"github.com/ocifake/ocifake/internal/near"
	"github.com/ocifake/ocifake/internal/strict"
	"github.com/ocifake/ocifake/internal/terminal"
)

// Bounds of a scorecard in JSON.
const (
	scorecardVersion = 1
	maxScorecard     = 64 << 20 // bytes
	maxTrials        = 20_000
	maxNotes         = 100
	maxName          = 1 << 10 // bytes of a name, a reason or a note
	maxOutput        = 32 << 10
	maxTexts         = 24 << 20 // bytes of all journals and outputs
)

// scorecardFile is a scorecard in JSON.
type scorecardFile struct {
	Scorecard int         `json:"scorecard"` // version of the format
	Client    string      `json:"client"`
	Version   string      `json:"version,omitempty"`
	Ocifake   string      `json:"ocifake"`
	Seed      string      `json:"seed"` // a string, because JSON numbers lose digits in many readers
	Duration  string      `json:"duration"`
	Notes     []string    `json:"notes,omitempty"`
	Trials    []trialFile `json:"trials"`
}

type trialFile struct {
	Group    string `json:"group"`
	Name     string `json:"name,omitempty"`
	Action   string `json:"action"`
	Verdict  string `json:"verdict"`
	Reason   string `json:"reason,omitempty"`
	Repeat   string `json:"repeat,omitempty"`
	Duration string `json:"duration"`
	Journal  string `json:"journal,omitempty"`
	Output   string `json:"output,omitempty"`
}

// JSON returns the scorecard as JSON, which [Scorecard.UnmarshalJSON] reads. The trials are in the
// order of [Scorecard.Sort]. Long texts are cut, and characters that are not printable
// are escaped. It returns an error for what UnmarshalJSON would refuse: an unknown group
// or verdict, two results of one trial, more than 20,000 trials, more than 64 MiB.
func (s *Scorecard) JSON() ([]byte, error) {
	text, err := s.encode()
	if err == nil && len(text) > maxScorecard {
		err = tooLarge(len(text))
	}
	if err != nil {
		return nil, fmt.Errorf("exam: scorecard of %s: %w", line(s.Client), err)
	}
	return text, nil
}

func (s *Scorecard) encode() ([]byte, error) {
	c := s.printable()
	file := scorecardFile{
		Scorecard: scorecardVersion,
		Client:    c.Client,
		Version:   c.Version,
		Ocifake:   c.Ocifake,
		Seed:      strconv.FormatUint(c.Seed, 10),
		Duration:  c.Duration.String(),
		Notes:     c.Notes,
		Trials:    make([]trialFile, len(c.Trials)),
	}
	for i, r := range c.Trials {
		file.Trials[i] = trialFile{r.Group, r.Name, r.Action, string(r.Verdict), r.Reason, r.Repeat, r.Duration.String(), r.Journal, r.Output}
	}
	if _, err := file.scorecard(); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(file)
	return text.Bytes(), err
}

func tooLarge(bytes int) error {
	return fmt.Errorf("%s of JSON: want at most %s", bytesize.Format(int64(bytes)), bytesize.Format(maxScorecard))
}

// UnmarshalJSON reads what [Scorecard.JSON] returns. It refuses everything else: other
// versions of the format, unknown fields, unknown groups and verdicts, and two results of
// one trial. Then the scorecard is unchanged.
func (s *Scorecard) UnmarshalJSON(text []byte) error {
	read, err := readScorecard(text)
	if err != nil {
		return fmt.Errorf("exam: scorecard: %w", err)
	}
	*s = *read
	return nil
}

func readScorecard(text []byte) (*Scorecard, error) {
	if len(text) > maxScorecard {
		return nil, tooLarge(len(text))
	}
	var file scorecardFile
	if err := strict.Decode(text, &file); err != nil {
		var other struct{ Scorecard int }
		if json.Unmarshal(text, &other) == nil && other.Scorecard > scorecardVersion {
			return nil, wrongVersion(other.Scorecard)
		}
		return nil, err
	}
	if file.Scorecard != scorecardVersion {
		return nil, wrongVersion(file.Scorecard)
	}
	return file.scorecard()
}

func wrongVersion(n int) error {
	return fmt.Errorf("version %d of the format: want %d, as this version of ocifake writes it", n, scorecardVersion)
}

// scorecard checks the fields.
func (f *scorecardFile) scorecard() (*Scorecard, error) {
	if len(f.Trials) > maxTrials || len(f.Notes) > maxNotes {
		return nil, fmt.Errorf("%d trials and %d notes: want at most %d and %d", len(f.Trials), len(f.Notes), maxTrials, maxNotes)
	}
	seed, err := strconv.ParseUint(f.Seed, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("seed %q: want a number", f.Seed)
	}
	s := &Scorecard{Client: f.Client, Version: f.Version, Ocifake: f.Ocifake, Seed: seed, Notes: f.Notes}
	if s.Duration, err = readDuration(f.Duration); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range f.Trials {
		r, err := f.Trials[i].result()
		switch {
		case err != nil:
			return nil, fmt.Errorf("trial %d: %w", i+1, err)
		case seen[r.ID()]:
			return nil, fmt.Errorf("trial %d: there are two results of %q", i+1, r.ID())
		}
		seen[r.ID()] = true
		s.Trials = append(s.Trials, r)
	}
	s.Sort()
	return s, nil
}

func (f *trialFile) result() (r TrialResult, err error) {
	if place(groups, f.Group) == len(groups) {
		return r, fmt.Errorf("group %q: %s", f.Group, near.Hint(f.Group, groups))
	}
	var names []string
	for _, row := range verdicts {
		names = append(names, string(row.verdict))
	}
	if place(names, f.Verdict) == len(names) {
		return r, fmt.Errorf("verdict %q: %s", f.Verdict, near.Hint(f.Verdict, names))
	}
	if f.Action == "" || strings.Contains(f.Action, "/") {
		return r, fmt.Errorf("action %q: want a name without slashes", f.Action)
	}
	r = TrialResult{
		Group: f.Group, Name: f.Name, Action: f.Action, Verdict: Verdict(f.Verdict),
		Reason: f.Reason, Journal: f.Journal, Output: f.Output, Repeat: f.Repeat,
	}
	r.Duration, err = readDuration(f.Duration)
	return r, err
}

func readDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("duration %q: want one such as 1m30s", text)
	}
	return d, nil
}

// printable returns a sorted copy in which texts are bounded and have no characters that
// are not printable. If there is too much text in all, it leaves out journals and outputs
// of trials without a fault first.
func (s *Scorecard) printable() *Scorecard {
	c := *s
	c.Client, c.Version, c.Ocifake = line(s.Client), line(s.Version), line(s.Ocifake)
	c.Notes = nil
	for _, note := range s.Notes[:min(len(s.Notes), maxNotes)] {
		c.Notes = append(c.Notes, line(note))
	}
	c.Trials = append([]TrialResult(nil), s.Trials...)
	c.Sort()
	budget := maxTexts
	for _, fault := range []bool{true, false} {
		for i := range c.Trials {
			if r := &c.Trials[i]; r.Verdict.Fault() == fault {
				r.Group, r.Name, r.Action, r.Reason, r.Repeat = line(r.Group), line(r.Name), line(r.Action), line(r.Reason), line(r.Repeat)
				r.Journal, r.Output = lines(r.Journal, &budget), lines(r.Output, &budget)
			}
		}
	}
	return &c
}

// line returns a text in one line.
func line(text string) string {
	return cut(terminal.Escape(cut(strings.TrimSpace(text), maxName)), maxName)
}

// lines returns a text that fits into the rest of the budget.
func lines(text string, budget *int) string {
	if *budget <= 0 && text != "" {
		return "(left out, because the scorecard is too large)"
	}
	text = cut(terminal.EscapeLines(cut(text, maxOutput)), maxOutput)
	*budget -= len(text)
	return text
}

// cut replaces the middle of a long text.
func cut(text string, atMost int) string {
	if len(text) <= atMost {
		return text
	}
	const note = " … %d bytes are left out … "
	head := (atMost - len(note) - 20) / 2
	left := len(text) - 2*head
	return strings.ToValidUTF8(text[:head], "") + fmt.Sprintf(note, left) + strings.ToValidUTF8(text[len(text)-head:], "")
}
