package spec

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ocifake/ocifake/internal/must"
)

// Suite checks statements on one registry. It keeps what it learns about the
// registry, and a record of what it makes there. It is safe for concurrent use.
type Suite struct {
	target   Target
	base     string // the URL without a final slash
	host     string
	client   *http.Client
	auth     *authorizer
	ledger   *ledger
	touring  sync.Once // makes toured
	toured   []*exchange
	mu       sync.Mutex
	features map[Feature]func() bool
}

// Open returns a suite for a registry. It returns an error if the target is invalid,
// or if the repository that it names has tags.
func Open(ctx context.Context, target Target) (*Suite, error) {
	must.NotNil("spec: Open: ctx", ctx)
	u, err := target.parse()
	if err != nil {
		return nil, err
	}
	named := target.Repository != ""
	if !named {
		target.Repository = "ocifake-conformance-" + unique()
	}
	if target.Client == nil {
		transport, ok := http.DefaultTransport.(*http.Transport)
		if !ok {
			return nil, errors.New("spec: http.DefaultTransport was replaced: the target needs a client")
		}
		target.Client = &http.Client{Transport: transport.Clone()}
	}
	client := redirectingNoDelete(target.Client)
	base := strings.TrimSuffix(target.URL, "/")
	s := &Suite{
		target:   target,
		base:     base,
		host:     u.Host,
		client:   client,
		auth:     &authorizer{client: client, base: base, host: u.Host, username: target.Username, password: target.Password},
		ledger:   newLedger(base, target.prefix()),
		features: map[Feature]func() bool{},
	}
	if named {
		if err := s.requireEmpty(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// redirectingNoDelete returns a client that follows no redirect of a DELETE: it
// would delete what this package did not make.
func redirectingNoDelete(client *http.Client) *http.Client {
	own := *client
	own.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		const limit = 10 // that of net/http
		switch {
		case via[0].Method == http.MethodDelete:
			return http.ErrUseLastResponse
		case client.CheckRedirect != nil:
			return client.CheckRedirect(r, via)
		case len(via) >= limit:
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}
	return &own
}

// Repository returns the name of the repository below which the statements make
// theirs.
func (s *Suite) Repository() string { return s.target.Repository }

// nameRepository returns a new name for a repository of a statement.
func (s *Suite) nameRepository() string { return s.target.prefix() + unique() }

// requireEmpty returns an error unless the repository is known to have no tags.
func (s *Suite) requireEmpty(ctx context.Context) error {
	name := s.target.Repository
	a, err := s.ask(ctx, http.MethodGet, "/v2/"+name+"/tags/list")
	if err != nil {
		return err
	}
	switch {
	case a.status == http.StatusNotFound:
		return nil
	case a.status != http.StatusOK:
		return s.refusal(a, "cannot tell whether the repository "+name+" is empty")
	}
	var list tagList
	if end := newTester(ctx, s).try(func(*tester) { a.json(&list) }); end.outcome != Passed {
		return fmt.Errorf("spec: cannot tell whether the repository %s is empty: %s", name, s.auth.hide(end.detail))
	}
	if list.Tags != nil && len(*list.Tags) > 0 {
		return fmt.Errorf("spec: the repository %s is not empty: it has tags: name one that has none, or does not exist", name)
	}
	return nil
}

// Ready returns an error if no registry answers, or if it does not let the suite
// push. It opens an upload session, and cancels it.
func (s *Suite) Ready(ctx context.Context) error {
	must.NotNil("spec: Suite.Ready: ctx", ctx)
	ping, err := s.ask(ctx, http.MethodGet, "/v2/")
	if err != nil {
		return err
	}
	if ping.status == http.StatusUnauthorized {
		return s.refusal(ping, "the registry at "+s.base+" does not let the suite in")
	}
	t := newTester(ctx, s)
	var start *answer
	end := t.run(func(t *tester) { r := t.newRepo(); start = r.do(http.MethodPost, r.uploads(), nil) })
	switch {
	case start == nil:
		return fmt.Errorf("spec: %s", s.auth.hide(end.detail))
	case start.status == http.StatusUnauthorized, start.status == http.StatusForbidden, ping.status == http.StatusOK && start.status/100 == 4:
		err := s.refusal(start, "the registry at "+s.base+" does not let the suite push to repositories such as "+s.nameRepository())
		if !s.target.Flat {
			err = fmt.Errorf("%w (registries without nested repositories need flat names)", err)
		}
		return err
	case ping.status != http.StatusOK && start.status != http.StatusAccepted:
		return s.refusal(ping, "there is no registry at "+s.base)
	}
	return nil
}

// ask sends a request that belongs to no statement.
func (s *Suite) ask(ctx context.Context, method, target string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a, err := newTester(ctx, s).send(method, target, content{})
	if err != nil {
		return nil, fmt.Errorf("spec: %s %s%s: %w", method, s.base, target, hidden{err, s.auth})
	}
	return a, nil
}

// refusal returns an error with an answer.
func (s *Suite) refusal(a *answer, what string) error {
	const shown = 200 // bytes of the body
	body := strings.TrimSpace(string(a.body[:min(len(a.body), shown)]))
	text := fmt.Sprintf("spec: %s: %s %s: status %d: %s", what, a.sent.method, a.sent.url, a.status, body)
	if a.status == http.StatusUnauthorized && s.target.Username == "" {
		text += ": it wants credentials"
	}
	return errors.New(s.auth.hide(text))
}

// hidden is an error whose text has no credentials.
type hidden struct {
	error
	auth *authorizer
}

func (h hidden) Error() string { return h.auth.hide(h.error.Error()) }
func (h hidden) Unwrap() error { return h.error }

// Check checks a statement, and then deletes what the check has made. It returns an
// error if ctx ends before the outcome is known: what is under way is then finished
// and deleted within half a minute.
func (s *Suite) Check(ctx context.Context, statement Statement) (Result, error) {
	must.NotNil("spec: Suite.Check: ctx", ctx)
	if err := context.Cause(ctx); err != nil {
		return Result{}, err
	}
	result := s.check(ctx, statement)
	if err := context.Cause(ctx); err != nil {
		return Result{}, err
	}
	return result, nil
}

func (s *Suite) check(ctx context.Context, statement Statement) Result {
	if !statement.Checked() {
		return Result{Statement: statement, Outcome: NotApplicable, Detail: statement.Reason}
	}
	if !statement.in(s.target.Version) {
		return Result{Statement: statement, Outcome: NotApplicable, Detail: "not in version " + string(s.target.Version)}
	}
	for _, feature := range statement.Needs {
		if !s.has(ctx, feature) {
			return Result{Statement: statement, Outcome: Unsupported, Detail: string(feature)}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, statementTime)
	defer cancel()
	t := newTester(ctx, s)
	end := t.run(statement.check)
	result := Result{Statement: statement, Outcome: end.outcome, Detail: end.detail}
	if end.outcome == Failed {
		result.Message = oneLine(s.auth.hide(end.detail))
		result.Detail = s.auth.hide(t.explain(statement, end.detail))
	}
	return result
}

// oneLine returns the beginning of a text as one line.
func oneLine(text string) string {
	const most = 500 // bytes
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// Left returns what the suite has made and not deleted, sorted by repository.
func (s *Suite) Left() []Leftover { return s.ledger.leftovers() }

// linger is how long a request under way goes on when its check is over: what it
// makes is known, and deleted, only when it is answered.
const linger = 5 * time.Second

// lingering returns a context that ends some time after its parent.
func lingering(parent context.Context, after time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		select {
		case <-time.After(after):
			cancel(context.Cause(parent))
		case <-ctx.Done():
		}
	})
	return ctx, func() { stop(); cancel(nil) }
}
