package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/exam"
	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/profiles"
)

func newExam() *cobra.Command {
	c := new(examConfig)
	cmd := &cobra.Command{
		Use:   "exam [flags] [-- COMMAND [ARGUMENT...]]",
		Short: "Examine a client under everything that registries do",
		Long: `Run a client under each of many circumstances, and judge the content that it leaves and the
requests that it sends.
A shell runs the commands of --push, --pull, --list, --copy, --referrers and --check; COMMAND
does anything else, such as a test suite. At least one of them is needed, or --client for a
client that ocifake knows. The circumstances are in groups:

  duties    what the specification demands of clients
  faults    the known faults: "ocifake faults list --known"
  profiles  registries as real ones: "ocifake profiles"
  traits    each thing in which real registries differ, alone
  sweep     each kind of failure at some of the requests; at all of them with --all

Each run of a command, a trial, has a registry of its own, and these variables:

  OCIFAKE_IMAGE     what to push to, to pull, to copy from, or the repository to list;
                    for COMMAND an image that exists
  OCIFAKE_TARGET    what to copy to
  OCIFAKE_DIR       a directory; for --push it has the image as the OCI image layout
                    "layout", in which it is called v1, and as "archive.tar", as docker
                    save writes it; --pull puts the image there
  OCIFAKE_URL       http://127.0.0.1:40001
  OCIFAKE_HOST      127.0.0.1:40001, for references
  OCIFAKE_USERNAME  and OCIFAKE_PASSWORD: a login, if the registry needs one; the files of
                    DOCKER_CONFIG and REGISTRY_AUTH_FILE have it, too

DOCKER_CONFIG, REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR and TMPDIR are in a directory of the
trial. What a command leaves running in its process group is killed. --list prints the tags,
and --referrers the digests, among any other text.

What was pushed is looked for in the registry, and what was pulled in OCIFAKE_DIR: as an OCI
image layout, as an archive, or as files. --check is run after --pull, and after COMMAND, and
fails if the result is wrong. A client that does nothing for 10 seconds, or for ten times the
duration of the run in which nothing is wrong, has hung.

--client has commands for these clients, which must be in PATH:

` + adaptersHelp() + `
Exit status: 0 if no trial shows a fault of the client, or with --baseline, if none is worse
than there; 1 if one does, if a command fails when nothing is wrong, or if a file cannot be
written; 2 if the command line or an input file is invalid; 130 after an interrupt.`,
		Example: `  ocifake exam --client crane --html crane.html
  ocifake exam --push './push.sh' --pull './pull.sh' --html exam.html
  ocifake exam --only duties,faults --list 'crane ls "$OCIFAKE_IMAGE"'
  ocifake exam --only faults/blob-500/pull --pull 'crane pull "$OCIFAKE_IMAGE" "$OCIFAKE_DIR/image.tar"'
  ocifake exam --only profiles --profiles ghcr,ecr -- make e2e
  ocifake exam --pull ./pull.sh --json new.json --baseline exam.json`,
		ValidArgsFunction: completeFiles,
		PreRunE: func(cmd *cobra.Command, args []string) error {
			return c.complete(cmd.Context(), args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	bind(cmd, c.flags())
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// examConfig holds the flags of exam.
type examConfig struct {
	known                                    string // name of an adapter
	push, pull, list, copy, referrers, check string
	only, profiles                           string
	all                                      bool
	seed                                     int
	timeout                                  time.Duration
	name, version                            string
	html, junit, json, markdown, baseline    string

	client  exam.Client
	command []string
	options []exam.Option
	adapter adapter         // of --client; empty without it
	before  *exam.Scorecard // of --baseline
	targets map[string]*target
}

const jsonFlag = "--json"

func (c *examConfig) flags() []flagGroup {
	return []flagGroup{
		{"Client (each a command for the shell)", []flagRow{
			{"client", "`name` of a client that ocifake knows; commands that are given replace its own", &c.known},
			{"push", "`command` that pushes the image in $OCIFAKE_DIR to $OCIFAKE_IMAGE", &c.push},
			{"pull", "`command` that pulls $OCIFAKE_IMAGE into $OCIFAKE_DIR", &c.pull},
			{"list", "`command` that prints the tags of $OCIFAKE_IMAGE", &c.list},
			{"copy", "`command` that copies $OCIFAKE_IMAGE to $OCIFAKE_TARGET", &c.copy},
			{"referrers", "`command` that prints the digests of the referrers of $OCIFAKE_IMAGE", &c.referrers},
			{"check", "`command` that fails if what was pulled, or what COMMAND did, is wrong", &c.check},
			{"name", "`name` of the client in the results", &c.name},
			{"client-version", "`version` of the client in the results", &c.version},
		}},
		{"Trials (default: all groups)", []flagRow{
			{"only", "trials of these `groups`, names or IDs, as in duties,faults/blob-500,profiles/ecr/push", &c.only},
			{"profiles", "of the profiles, these `names` only", &c.profiles},
			{"all", "sweep all requests, each failing in each way", &c.all},
			{"seed", "seed of the content and of the choice of requests", &c.seed},
			{"timeout", "end a command after this `duration` (default 2m)", &c.timeout},
		}},
		{"Output", []flagRow{
			{"html", "write the results to this `file` as a page", (*fileName)(&c.html)},
			{"junit", "write the results to this `file` as JUnit XML", (*fileName)(&c.junit)},
			{"json", "write the results to this `file` as JSON, for --baseline", (*fileName)(&c.json)},
			{"markdown", "write the results to this `file` as tables in Markdown", (*fileName)(&c.markdown)},
			{"baseline", "fail only if a trial is worse than in this `file`, which --json wrote", (*fileName)(&c.baseline)},
		}},
	}
}

// complete checks the flags and reads the input files.
func (c *examConfig) complete(ctx context.Context, args []string) (err error) {
	c.command = args
	if err := c.chooseTrials(); err != nil {
		return err
	}
	if c.timeout < 0 {
		return fmt.Errorf("--timeout %v: want a positive duration", c.timeout)
	}
	if c.known != "" {
		if err := c.adapt(); err != nil {
			return err
		}
	}
	c.client = c.clientOf()
	if c.baseline != "" {
		text, err := readFile(ctx, c.baseline)
		if err != nil {
			return fmt.Errorf("--baseline: %w", err)
		}
		c.before = new(exam.Scorecard)
		if err := c.before.UnmarshalJSON(text); err != nil {
			return fmt.Errorf("--baseline %s: %w", c.baseline, err)
		}
	}
	c.targets, err = findTargets([]namedFile{
		{htmlFlag, c.html}, {junitFlag, c.junit}, {jsonFlag, c.json}, {markdownFlag, c.markdown},
	}, []namedFile{{baselineFlag, c.baseline}})
	return err
}

// adapt sets the commands of a client that is known, except for those that are given.
func (c *examConfig) adapt() error {
	if len(c.command) > 0 {
		return errors.New("--client runs commands of its own: leave out -- COMMAND")
	}
	a, err := findAdapter(c.known)
	if err != nil {
		return fmt.Errorf("--client: %w", err)
	}
	c.adapter, c.name = a, cmp.Or(c.name, a.name)
	if a.run != "" {
		c.command = shell(a.script(a.run))
	}
	return nil
}

// groups are the names that --only takes before the first slash.
var examGroups = []string{"none", "duties", "faults", "profiles", "traits", "sweep"}

// chooseTrials makes options of the flags about trials.
func (c *examConfig) chooseTrials() error {
	only := words(c.only)
	for _, name := range only {
		if group, _, _ := strings.Cut(name, "/"); !slices.Contains(examGroups, group) {
			return fmt.Errorf("--only %s: there is no group %q: want %s", name, group, strings.Join(examGroups, ", "))
		}
	}
	if named := words(c.profiles); len(named) > 0 {
		if len(only) == 0 {
			only = slices.Clone(examGroups)
		}
		if !slices.Contains(only, "profiles") {
			return errors.New("--profiles needs the group profiles in --only")
		}
		only = slices.DeleteFunc(only, func(name string) bool { return name == "profiles" })
		for _, name := range named {
			p, err := profiles.Find(name)
			if err != nil {
				return fmt.Errorf("--profiles: %w", err)
			}
			only = append(only, "profiles/"+p.Name)
		}
	}
	c.options = append(c.options, exam.Only(only...), exam.WithSeed(uint64(c.seed)))
	if c.all {
		c.options = append(c.options, exam.All())
	}
	return nil
}

// words returns what is between commas.
func words(list string) (words []string) {
	for word := range strings.SplitSeq(list, ",") {
		if word = strings.TrimSpace(word); word != "" {
			words = append(words, word)
		}
	}
	return words
}

// clientOf returns the client of the flags and the command line.
func (c *examConfig) clientOf() exam.Client {
	client := exam.Client{Name: c.name, Version: c.version, Timeout: c.timeout}
	for _, row := range []struct {
		command string
		run     *func(context.Context, *exam.Trial) error
	}{
		{c.commandOr(c.push, c.adapter.push), &client.Push},
		{c.commandOr(c.pull, c.adapter.pull), &client.Pull},
		{c.commandOr(c.copy, c.adapter.copy), &client.Copy},
		{c.commandOr(c.check, c.adapter.check), &client.Check},
	} {
		if row.command != "" {
			*row.run = shell(row.command).Run
		}
	}
	if list := c.commandOr(c.list, c.adapter.list); list != "" {
		client.List = shell(list).List
	}
	if referrers := c.commandOr(c.referrers, c.adapter.referrers); referrers != "" {
		client.Referrers = shell(referrers).List
	}
	if len(c.command) > 0 {
		client.Run = exam.Command(c.command).Run
	}
	return client
}

// commandOr returns a command that was given, or else the one of the adapter.
func (c *examConfig) commandOr(command, adapters string) string {
	return cmp.Or(command, c.adapter.script(adapters))
}

func shell(command string) exam.Command { return exam.Command{"sh", "-c", command} }

// run runs the exam and writes its results.
func (c *examConfig) run(ctx context.Context, stdout, stderr io.Writer) error {
	if c.client.Push == nil && c.client.Pull == nil && c.client.List == nil && c.client.Copy == nil && c.client.Referrers == nil && c.client.Run == nil {
		return errors.New("there is nothing to examine: want --push, --pull, --list, --copy, --referrers or -- COMMAND")
	}
	if c.known != "" {
		version, err := c.adapter.findVersion(ctx)
		if err != nil {
			return wrongInput(fmt.Errorf("--client: %w", err))
		}
		c.client.Version = cmp.Or(c.version, version)
	}
	surviveBrokenPipes()
	shown := newExamProgress(stderr)
	card, err := exam.Examine(ctx, c.client, append(c.options, exam.WithProgress(shown.add))...)
	shown.stop()
	switch {
	case card == nil:
		return wrongInput(err)
	case err != nil && ctx.Err() == nil: // there are no results
		return &failure{err}
	}
	card.Ocifake = versionOf(buildInfo())
	for i := range card.Trials {
		card.Trials[i].Repeat = c.repeat(card.Trials[i].ID())
	}
	errs := []error{err}
	if err == nil {
		_, err = io.WriteString(terminal.Writer(stdout), card.Text())
		errs = append(errs, err)
	}
	errs = append(errs, c.write(ctx, card))
	if err == nil {
		errs = append(errs, c.judge(card, stdout))
	}
	var s *signaled
	switch err := errors.Join(errs...); {
	case errors.As(context.Cause(ctx), &s):
		return &exit{s.status(), fmt.Errorf("interrupted: the results are not complete: %w", s)}
	case err != nil:
		return &failure{err}
	}
	return nil
}

// repeat returns the command that repeats a trial.
func (c *examConfig) repeat(id string) string {
	text := "ocifake exam --only " + quoteForShell(id)
	if c.known != "" {
		text = "ocifake exam --client " + c.known + " --only " + quoteForShell(id)
	}
	if c.seed != 0 {
		text += " --seed " + strconv.Itoa(c.seed)
	}
	for _, flag := range []struct{ name, value string }{
		{"push", c.push}, {"pull", c.pull}, {"list", c.list}, {"copy", c.copy}, {"referrers", c.referrers}, {"check", c.check},
	} {
		if flag.value != "" && (flag.name == "check" || strings.HasSuffix(id, "/"+flag.name)) {
			text += " --" + flag.name + " " + quoteForShell(flag.value)
		}
	}
	if strings.HasPrefix(id, "sweep/") {
		text += " --all"
	}
	if strings.HasSuffix(id, "/run") && c.known == "" {
		text += " --"
		for _, word := range c.command {
			text += " " + quoteForShell(word)
		}
	}
	return text
}

// quoteForShell returns a word for a shell.
func quoteForShell(word string) string {
	plain := strings.IndexFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r))
	}) < 0
	if plain && word != "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// write writes the files.
func (c *examConfig) write(ctx context.Context, card *exam.Scorecard) error {
	texts := map[string]func() ([]byte, error){
		htmlFlag:     func() ([]byte, error) { return []byte(card.HTML()), nil },
		markdownFlag: func() ([]byte, error) { return []byte(card.Markdown()), nil },
		jsonFlag:     card.JSON,
	}
	var errs []error
	for _, flag := range slices.Sorted(maps.Keys(c.targets)) {
		write := newExamJUnit(card, c.before).writeTo
		if text := texts[flag]; text != nil {
			write = func(w io.Writer) error {
				content, err := text()
				if err == nil {
					_, err = w.Write(content)
				}
				return err
			}
		}
		errs = append(errs, c.targets[flag].write(context.WithoutCancel(ctx), write))
	}
	return errors.Join(errs...)
}

// judge returns an error if the client has a fault, or one that the baseline does not have.
func (c *examConfig) judge(card *exam.Scorecard, stdout io.Writer) error {
	if c.before == nil {
		faults := 0
		for _, r := range card.Trials {
			if r.Verdict.Fault() {
				faults++
			}
		}
		if faults > 0 {
			return fmt.Errorf("%d of %d trials show a fault of the client", faults, len(card.Trials))
		}
		return nil
	}
	compared := card.Compare(c.before)
	if _, err := io.WriteString(terminal.Writer(stdout), "\n"+compared.Text()); err != nil {
		return err
	}
	if n := len(compared.Worse); n > 0 {
		return fmt.Errorf("%d trials are worse than in --baseline %s", n, c.baseline)
	}
	return nil
}

// newExamJUnit returns the results as test cases. With a baseline, only what is worse than there
// fails: CI systems have no word for the other faults.
func newExamJUnit(card, before *exam.Scorecard) *junitSuite {
	suite := &junitSuite{Name: "ocifake exam", Time: seconds(card.Duration), Begin: time.Now().Add(-card.Duration).UTC().Format(time.RFC3339)}
	worse := map[string]bool{}
	if before != nil {
		for _, r := range card.Compare(before).Worse {
			worse[r.ID()] = true
		}
	}
	for i := range card.Trials {
		r := &card.Trials[i]
		verdict, failure, skipped := string(r.Verdict)+": "+r.Reason, "", ""
		switch {
		case before == nil && r.Verdict.Fault(), worse[r.ID()]:
			failure = verdict
		case r.Verdict.Fault():
			skipped = "not worse than in the baseline: " + verdict
		case r.Verdict == "not applicable", r.Verdict == "not reached":
			skipped = verdict
		}
		suite.add(r.ID(), seconds(r.Duration), failure, r.Repeat+"\n"+r.Journal+r.Output)
		if skipped != "" {
			suite.Cases[len(suite.Cases)-1].Skipped = &junitSkipped{terminal.Escape(skipped)}
			suite.Skipped++
		}
	}
	return suite
}
