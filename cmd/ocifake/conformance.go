package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/ocifake/ocifake/internal/terminal"
	"github.com/ocifake/ocifake/spec"
)

func newConformance() *cobra.Command {
	c := new(conformanceConfig)
	cmd := &cobra.Command{
		Use:   "conformance [flags] URL",
		Short: "Check a running registry against the specification",
		Long: `Check a running registry, of any kind, against each sentence of the OCI distribution
specification, and of the image specification and the RFCs as far as they bind registries.
Each failure is printed in one line, or with all requests and responses with --details. They
are in the files of --html and --junit, too.

The registry must accept pushes. All content goes into repositories with random names below
one with a random name, or below --repo, which must have no tags. A run deletes only what
the registry created for it (201), under a digest of random content. Well-known blobs, such
as {} and the empty blob, are pushed and never deleted. SIGINT ends a run: it deletes what
it has made. What could not be deleted is listed. Some registries have no nested repositories:
with --flat, the names are those of --repo with a hyphen and a random part.

Without --user, the credentials are those of the registry in Docker's config.json, in
$DOCKER_CONFIG or ~/.docker. Credential helpers are not supported.

A label is the ID, level (MUST, SHOULD, MAY), area (pull, push, discovery, management),
endpoint (end-2), version (v1.1) or source (distribution-spec, image-spec, rfc9110, rfc8288,
ours) of a statement. --statements prints the statements of --label-filter. Those of the
source ours go beyond the specification, and the summary counts them separately.

The features of --with and --without are:

  anonymous mount, catalog, chunked upload, conditional GET, conditional PUT, delete blob,
  delete manifest, delete tag, manifest size limit, mount, movable tags, ranges,
  referrers, referrers filter, refusal of missing references, sha512, sha512 manifests,
  single POST, tag parameters, unrecognized digest algorithms, upload cancel

A baseline is a list of statements that are known to fail, one ID per line (# starts a
comment). With --baseline, only other failures are an error, and those that no longer
fail are reported.

Exit status: 0 if no statement fails, except for those in the baseline; 1 if one fails or a
file cannot be written; 2 if the command line or an input file is invalid, the registry does
not respond or does not accept pushes, or the repository is not empty; 128 plus the number
of the signal if a run is interrupted, which writes no files.`,
		Example: `  ocifake conformance http://127.0.0.1:5000
  ocifake conformance --user ci:secret --repo team/conformance https://registry.example
  ocifake conformance --label-filter 'MUST && v1.1 && !ours' --junit results.xml http://127.0.0.1:5000
  ocifake conformance --write-baseline known.txt http://127.0.0.1:5000
  ocifake conformance --baseline known.txt --html results.html http://127.0.0.1:5000
  ocifake conformance --statements --label-filter end-12a`,
		Args: c.args,
		PreRunE: func(cmd *cobra.Command, args []string) error {
			return c.complete(cmd.Context(), args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			surviveBrokenPipes()
			if c.list {
				if err := writeStatements(cmd.OutOrStdout(), c.statements); err != nil && !isBrokenPipe(err) { // as with head
					return &failure{err}
				}
				return nil
			}
			return c.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	bind(cmd, c.flags())
	return cmd
}

// conformanceConfig holds the flags of conformance.
type conformanceConfig struct {
	login       string // NAME:PASSWORD
	caFile      string
	repository  string
	flat        bool
	wait        time.Duration
	labels      string
	version     string
	with        []string
	without     []string
	list        bool
	baseline    string // file name
	newBaseline string // file name
	junit       string
	html        string
	markdown    string
	details     bool

	target     spec.Target
	statements []spec.Statement
	known      baseline
	targets    map[string]*target
}

const (
	baselineFlag    = "--baseline"
	newBaselineFlag = "--write-baseline"
	htmlFlag        = "--html"
	markdownFlag    = "--markdown"
)

func (c *conformanceConfig) flags() []flagGroup {
	return []flagGroup{
		{"Registry", []flagRow{
			{"user", "credentials, as `NAME[:PASSWORD]` (default those in Docker's config.json); the password may be in OCIFAKE_PASSWORD", &c.login},
			{"ca-file", "PEM `file` of CA certificates to trust in addition to the system's and those in $SSL_CERT_FILE", (*fileName)(&c.caFile)},
			{"repo", "`name` of the repository below which content is pushed; it must have no tags (default a random name)", &c.repository},
			{"flat", "push to repositories NAME-RANDOM instead of NAME/RANDOM, for registries without nested repositories", &c.flat},
			{"wait", "wait at most this `duration` until the registry responds", &c.wait},
			{"with", "`feature` that the registry has and that must work, as in 'referrers filter'; repeatable (default: probed)", &c.with},
			{"without", "`feature` that the registry does not have; repeatable (default: probed)", &c.without},
		}},
		{"Statements (default: all)", []flagRow{
			{"label-filter", "check the statements whose labels match this `filter`, as in 'MUST && !ours' or 'end-12a || push'", &c.labels},
			{"spec-version", "check the statements of this `version` of the specification: 1.0, 1.1 or 1.2-draft", &c.version},
			{"statements", "print the statements, and check nothing", &c.list},
		}},
		{"Baseline", []flagRow{
			{"baseline", "accept the failures of the statements in this `file`", (*fileName)(&c.baseline)},
			{"write-baseline", "write the failures to this `file`, and accept them", (*fileName)(&c.newBaseline)},
		}},
		{"Output", []flagRow{
			{"details", "print each failure with all requests and responses", &c.details},
			{"junit", "write the results to this `file` as JUnit XML", (*fileName)(&c.junit)},
			{"html", "write the results to this `file` as a page", (*fileName)(&c.html)},
			{"markdown", "write the results to this `file` as a table in Markdown", (*fileName)(&c.markdown)},
		}},
	}
}

// args accepts a URL, or nothing with --statements.
func (c *conformanceConfig) args(_ *cobra.Command, args []string) error {
	switch {
	case c.list && len(args) > 0:
		return errors.New("--statements asks no registry: use it without a URL")
	case !c.list && len(args) != 1:
		return fmt.Errorf("want the URL of a registry, as in http://127.0.0.1:5000, got %d arguments", len(args))
	}
	return nil
}

// complete reads the input files and checks the flags.
func (c *conformanceConfig) complete(ctx context.Context, args []string) (err error) {
	if c.baseline != "" && c.newBaseline != "" {
		return errors.New("--write-baseline excludes --baseline: it accepts all failures")
	}
	if c.statements, err = c.selected(); err != nil || c.list {
		return err
	}
	if c.target, err = c.registry(args[0]); err != nil {
		return err
	}
	if c.baseline != "" {
		text, err := readFile(ctx, c.baseline)
		if err != nil {
			return fmt.Errorf("--baseline: %w", err)
		}
		if c.known, err = spec.ReadBaseline(bytes.NewReader(text)); err != nil {
			return fmt.Errorf("--baseline %s: %s", c.baseline, strings.TrimPrefix(err.Error(), "spec: baseline: "))
		}
	}
	c.targets, err = findTargets([]namedFile{
		{newBaselineFlag, c.newBaseline}, {junitFlag, c.junit}, {htmlFlag, c.html}, {markdownFlag, c.markdown},
	}, []namedFile{{baselineFlag, c.baseline}, {caFileFlag, c.caFile}})
	return err
}

// selected returns the statements to check or to print.
func (c *conformanceConfig) selected() ([]spec.Statement, error) {
	version := spec.Version(c.version)
	if err := (spec.Target{URL: "http://registry.example", Version: version}).Validate(); err != nil {
		return nil, fmt.Errorf("--spec-version: %w", plain(err))
	}
	all, err := spec.Select(c.labels)
	if err != nil {
		return nil, fmt.Errorf("--label-filter: %w", plain(err))
	}
	all = slices.DeleteFunc(all, func(s spec.Statement) bool {
		other := version != "" && len(s.Versions) > 0 && !slices.Contains(s.Versions, version)
		return other || !c.list && !s.Checked()
	})
	if len(all) == 0 {
		return nil, errors.New("no statement to check matches --label-filter and --spec-version")
	}
	return all, nil
}

// registry returns the registry to check, with the credentials for it.
func (c *conformanceConfig) registry(at string) (spec.Target, error) {
	target := spec.Target{URL: at, Version: spec.Version(c.version), Repository: c.repository, Flat: c.flat, Features: map[spec.Feature]bool{}}
	for has, names := range map[bool][]string{true: c.with, false: c.without} {
		for _, name := range names {
			if had, ok := target.Features[spec.Feature(name)]; ok && had != has {
				return target, fmt.Errorf("--with and --without are both given %q", name)
			}
			target.Features[spec.Feature(name)] = has
		}
	}
	if err := target.Validate(); err != nil {
		return target, plain(err)
	}
	u, err := url.Parse(at)
	if err != nil {
		return target, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if transport.TLSClientConfig, err = (&remote{caFile: c.caFile}).trust(); err != nil {
		return target, err
	}
	target.Client = &http.Client{Transport: transport}
	target.Username, target.Password, err = loginFor(c.login, u.Host)
	return target, err
}

// awaitRegistry waits until the registry responds, whatever the response, or for the given time.
func awaitRegistry(ctx context.Context, target spec.Target, atMost time.Duration) {
	const pause = 100 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, atMost)
	defer cancel()
	for ctx.Err() == nil {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(target.URL, "/")+"/v2/", http.NoBody)
		if err != nil {
			return
		}
		if response, err := target.Client.Do(r); err == nil {
			_ = response.Body.Close()
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// plain returns an error of package spec without the name of the package.
func plain(err error) error { return errors.New(strings.TrimPrefix(err.Error(), "spec: ")) }

// checked is a result and how long it took.
type checked struct {
	spec.Result
	took time.Duration
}

// run checks the registry, and writes the results.
func (c *conformanceConfig) run(ctx context.Context, stdout, stderr io.Writer) error {
	defer c.target.Client.CloseIdleConnections()
	awaitRegistry(ctx, c.target, c.wait)
	suite, err := spec.Open(ctx, c.target)
	if err == nil {
		err = suite.Ready(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return interrupted(ctx, 0, len(c.statements))
	case err != nil:
		return wrongInput(plain(err))
	}
	for flag, t := range c.targets {
		if flag != newBaselineFlag { // is input, too
			if err := t.clear(); err != nil {
				return &failure{err}
			}
		}
	}
	began := time.Now()
	text := &conformanceText{out: terminal.Writer(stdout), line: statusLine(stderr), known: c.known, details: c.details}
	text.begin(c.target, suite.Repository(), len(c.statements))
	said := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(said)
		fmt.Fprintln(stderr, text.clearLine()+"deleting what the run has made; interrupt again to kill")
	})
	defer func() {
		if !stop() {
			<-said
		}
	}()
	results, err := c.check(ctx, suite, text)
	left := suite.Left()
	if err != nil {
		text.left(left)
		if text.err != nil {
			return &failure{text.err}
		}
		return interrupted(ctx, len(results), len(c.statements))
	}
	outcome := c.compare(results)
	text.end(results, outcome, left)
	if len(outcome.failed) > 0 && !c.details && c.html == "" && c.junit == "" {
		text.printf("Requests and responses: --details, --html FILE or --junit FILE\n")
	}
	return c.finish(ctx, outcome, text, conformanceReport{c.target.URL, began, results, outcome, left})
}

// lanes is how many statements are checked at a time: one is judged while another waits for the registry.
const lanes = 2

// check checks all statements, and reports them in order. It returns the results so far and an error if
// ctx ends, or nobody reads the text. No check goes on when it returns.
func (c *conformanceConfig) check(ctx context.Context, suite *spec.Suite, text *conformanceText) (all []checked, err error) {
	type outcome struct {
		checked
		err error
	}
	outcomes := make([]chan outcome, len(c.statements))
	for i := range outcomes {
		outcomes[i] = make(chan outcome, 1)
	}
	var running sync.WaitGroup
	defer running.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var next atomic.Int64
	for range lanes {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(outcomes)); i = next.Add(1) - 1 {
				began := time.Now()
				result, err := suite.Check(ctx, c.statements[i])
				outcomes[i] <- outcome{checked{result, time.Since(began)}, err}
				if err != nil {
					return
				}
			}
		})
	}
	for i, s := range c.statements {
		text.next(i, len(c.statements), s)
		o := <-outcomes[i]
		if o.err != nil {
			return all, o.err
		}
		all = append(all, o.checked)
		if text.result(o.Result); text.err != nil {
			return all, text.err
		}
	}
	return all, nil
}

// interrupted returns the error of a run that a signal ended.
func interrupted(ctx context.Context, n, of int) error {
	err := fmt.Errorf("interrupted after %d of %d statements: no file was written", n, of)
	var s *signaled
	if errors.As(context.Cause(ctx), &s) {
		return &exit{s.status(), fmt.Errorf("%w (%w)", err, s)}
	}
	return &failure{err}
}

// compare compares the failures with the baseline. With --write-baseline, all failures are known.
func (c *conformanceConfig) compare(results []checked) comparison {
	known := c.known
	if c.newBaseline != "" {
		known = baseline{}
		for _, r := range results {
			if r.Outcome == spec.Failed {
				known[r.Statement.ID] = true
			}
		}
	}
	return known.compare(results)
}

// finish writes the output files, and returns the error of the run.
func (c *conformanceConfig) finish(ctx context.Context, outcome comparison, text *conformanceText, report conformanceReport) error {
	errs := []error{text.err}
	for _, flag := range slices.Sorted(maps.Keys(c.targets)) {
		errs = append(errs, c.targets[flag].write(ctx, report.writers()[flag]))
	}
	if n := len(outcome.failed); n > 0 {
		verdict := fmt.Errorf("%d of %d statements failed", n, len(report.results))
		if c.baseline != "" {
			verdict = fmt.Errorf("%w that are not in %s %s", verdict, baselineFlag, c.baseline)
		}
		errs = append(errs, verdict)
	}
	if err := errors.Join(errs...); err != nil {
		return &failure{err}
	}
	return nil
}
