package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/auth"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/images"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registrytest"
	"github.com/ocifake/ocifake/spec"
)

// quick are statements that push, delete and list, in little time.
const quick = "blob-get, manifest-kinds, chunk-order, mount, manifest-deleted, tag-deleted, referrers-filter"

// conform runs the command, and returns its exit status and output.
func conform(ctx context.Context, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = run(ctx, append([]string{"conformance"}, args...), &out, &errs)
	return status, out.String(), errs.String()
}

// holding returns the content of a registry, a line each, without well-known blobs.
func holding(t *testing.T, reg *registrytest.Registry) (all []string) {
	t.Helper()
	store := reg.Store()
	for name, err := range store.Repositories(t.Context(), "") {
		require.NoError(t, err)
		for blob, err := range store.Blobs(t.Context(), name, "") {
			require.NoError(t, err)
			if blob.Size >= 16 {
				all = append(all, fmt.Sprintf("blob %s@%s", name, blob.Digest))
			}
		}
		for m, err := range store.Manifests(t.Context(), name, "") {
			require.NoError(t, err)
			all = append(all, fmt.Sprintf("manifest %s@%s", name, m.Digest))
		}
		for tag, err := range store.Tags(t.Context(), name, "") {
			require.NoError(t, err)
			all = append(all, fmt.Sprintf("tag %s:%s", name, tag.Name))
		}
	}
	for id, err := range store.Uploads(t.Context(), "") {
		require.NoError(t, err)
		all = append(all, "upload session "+id)
	}
	return all
}

func quietly(options ...registrytest.Option) []registrytest.Option {
	return append(options, registrytest.WithLogger(slog.New(slog.DiscardHandler)))
}

// TestConformanceLeavesForeignContent compares a snapshot of what lies in the registry before a run
// and after it.
func TestConformanceLeavesForeignContent(t *testing.T) {
	reg := registrytest.New(t, quietly(registrytest.WithOptions(registry.Options{SharedBlobs: true}))...)
	reg.Push(t, "team/app:v1", images.Random())
	reg.PushBlob(t, "team/app", strings.NewReader("{}"))
	reg.PushBlob(t, "team/app", strings.NewReader(""))
	snapshot := func() string {
		path := filepath.Join(t.TempDir(), "snapshot.tar")
		reg.Snapshot(t, path, "team/app")
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(text)
	}
	before, held := snapshot(), holding(t, reg)
	status, stdout, stderr := conform(t.Context(), "--label-filter", quick, "--repo", "team", reg.URL())
	require.Zero(t, status, "%s%s", stdout, stderr)
	assert.True(t, before == snapshot(), "the snapshot of team/app has changed")
	assert.Equal(t, held, holding(t, reg))
	assert.Contains(t, stdout, "Well-known blobs, such as {}")
	reg.Require(t, record.Repo("team/app")).Count(0)
}

// TestConformanceRefusesRepositoryInUse checks that nothing is pushed to a repository with tags.
func TestConformanceRefusesRepositoryInUse(t *testing.T) {
	reg := registrytest.New(t, quietly()...)
	reg.Push(t, "team/app:v1", images.Random())
	held := holding(t, reg)
	status, stdout, stderr := conform(t.Context(), "--repo", "team/app", reg.URL())
	assert.Equal(t, 2, status)
	assert.Empty(t, stdout)
	assert.Contains(t, stderr, "the repository team/app is not empty: it has tags")
	assert.Equal(t, held, holding(t, reg))
	reg.Require(t, record.Repo("team*"), record.Method(http.MethodPost, http.MethodPut, http.MethodDelete)).Count(0)
}

// TestConformanceListsWhatIsLeft has a registry that refuses to delete.
func TestConformanceListsWhatIsLeft(t *testing.T) {
	reg := registrytest.New(t, quietly(registrytest.WithOptions(registry.Options{NoDelete: true}))...)
	junit := filepath.Join(t.TempDir(), "results.xml")
	status, stdout, stderr := conform(t.Context(), "--label-filter", "blob-get, manifest-kinds", "--junit", junit, reg.URL())
	require.Zero(t, status, "%s%s", stdout, stderr)
	assert.Contains(t, stdout, "Left in the registry, as it could not be deleted:\n")
	written, err := os.ReadFile(junit)
	require.NoError(t, err)
	held := holding(t, reg)
	require.NotEmpty(t, held)
	for _, item := range held {
		assert.Contains(t, stdout, item+" (DELETE: status 405)\n")
		assert.Contains(t, string(written), item)
	}
	assert.Len(t, regexp.MustCompile(`\(DELETE: status 405\)\n`).FindAllString(stdout, -1), len(held))
}

// TestConformanceIsInterrupted sends an interrupt in the middle of uploads and deletions: the run
// deletes what it has made, lists what it cannot, and writes no file.
func TestConformanceIsInterrupted(t *testing.T) {
	for name, options := range map[string]registry.Options{"deletes": {}, "deletes nothing": {NoDelete: true}} {
		for _, during := range []op.Op{op.UploadCommit, op.ManifestPut, op.ManifestDelete} {
			t.Run(name+"/"+during.String(), func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				reg := registrytest.New(t, quietly(registrytest.WithOptions(options))...)
				reg.Intercept(t, func(_ http.ResponseWriter, _ *http.Request, info *op.Info) bool {
					if info.Op == during {
						cancel(&signaled{os.Interrupt})
					}
					return false
				})
				file := filepath.Join(t.TempDir(), "results.md")
				status, stdout, stderr := conform(ctx, "--label-filter", "manifest-kinds, manifest-deleted", "--markdown", file, reg.URL())
				assert.Equal(t, 130, status)
				assert.Contains(t, stderr, "deleting what the run has made; interrupt again to kill\n")
				assert.Contains(t, stderr, " of 2 statements: no file was written (signal: interrupt)")
				assert.NoFileExists(t, file)
				assert.NotContains(t, stdout, "FAIL")
				for _, item := range holding(t, reg) {
					require.True(t, options.NoDelete, item)
					assert.Contains(t, stdout, item+" (DELETE: status 405)\n")
				}
			})
		}
	}
}

// TestConformanceWritesNoCredentials looks for the credentials in all output, with a registry that
// repeats what it is sent.
func TestConformanceWritesNoCredentials(t *testing.T) {
	const password = "hunter2-secret"
	for name, token := range map[string]*auth.TokenOptions{"Basic": nil, "Bearer": {}} {
		t.Run(name, func(t *testing.T) {
			reg := registrytest.New(t, quietly(registrytest.WithAuth(auth.Options{Users: map[string]string{"ci": password}, Token: token}))...)
			var secrets sync.Map
			reg.Intercept(t, func(w http.ResponseWriter, r *http.Request, info *op.Info) bool {
				given := r.Header.Get("Authorization")
				if _, secret, ok := strings.Cut(given, " "); ok {
					secrets.Store(secret, true)
				}
				w.Header().Set("X-Authorization", given)
				if info.Op != op.TagList {
					return false
				}
				http.Error(w, password+" "+given, http.StatusTeapot)
				return true
			})
			dir := t.TempDir()
			args := []string{"--details", "--label-filter", "tags, blob-get, http-401-challenge", "--user", "ci:" + password, reg.URL()}
			for _, flag := range []string{"junit", "html", "markdown", "write-baseline"} {
				args = append(args, "--"+flag, filepath.Join(dir, flag))
			}
			status, stdout, stderr := conform(t.Context(), args...)
			assert.Zero(t, status, "the failure is in the baseline: %s", stderr)
			assert.Contains(t, stdout, "[redacted]")
			outputs := map[string]string{"stdout": stdout, "stderr": stderr}
			for _, flag := range []string{"junit", "html", "markdown", "write-baseline"} {
				text, err := os.ReadFile(filepath.Join(dir, flag))
				require.NoError(t, err)
				assert.Contains(t, string(text), "tags")
				outputs[flag] = string(text)
			}
			secrets.Store(password, true)
			secrets.Range(func(secret, _ any) bool {
				for name, text := range outputs {
					assert.NotContains(t, text, secret, name)
				}
				return true
			})
		})
	}
}

// TestConformanceBaseline checks what a baseline changes.
func TestConformanceBaseline(t *testing.T) {
	reg := registrytest.New(t, quietly()...)
	reg.Inject(t, faults.On(op.BlobHead).Do(faults.Status(500)))
	dir := t.TempDir()
	file := filepath.Join(dir, "known.txt")
	args := []string{"--label-filter", "blob-get, head, manifest-get", reg.URL()}
	status, stdout, stderr := conform(t.Context(), args...)
	assert.Equal(t, 1, status)
	assert.Regexp(t, `(?m)^FAIL head \(MUST, distribution-spec\): HEAD http://\S+: want status 200 OK, got 500$`, stdout)
	assert.Contains(t, stdout, "\nRequests and responses: --details, --html FILE or --junit FILE\n")
	assert.Equal(t, 6, strings.Count(stdout, "\n"), "a line for the failure: %s", stdout)
	assert.Contains(t, stderr, "ocifake conformance: 1 of 3 statements failed\n")

	status, _, stderr = conform(t.Context(), append(args, "--write-baseline", file)...)
	assert.Zero(t, status, stderr)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Regexp(t, `(?m)\A# .*\nhead # MUST: A HEAD request .*\n\z`, string(text))

	junit := filepath.Join(dir, "results.xml")
	status, stdout, stderr = conform(t.Context(), append(args, "--baseline", file, "--junit", junit)...)
	assert.Zero(t, status, stderr)
	assert.NotContains(t, stdout, "FAIL")
	assert.Contains(t, stdout, "Failed, as in the baseline:\n  head (MUST, distribution-spec)\n")
	results, err := os.ReadFile(junit)
	require.NoError(t, err)
	assert.Contains(t, string(results), `tests="3" failures="0" skipped="1"`)
	assert.Contains(t, string(results), `<skipped message="fails, as in the baseline">`)

	require.NoError(t, os.WriteFile(file, []byte("blob-get\nhead\ntags # not checked\n"), 0o600))
	status, stdout, stderr = conform(t.Context(), append(args, "--baseline", file)...)
	assert.Zero(t, status, stderr)
	assert.Contains(t, stdout, "no longer failing: remove them from it:\n  blob-get (MUST, distribution-spec)\n")
	assert.NotContains(t, stdout, "tags")

	require.NoError(t, os.WriteFile(file, []byte("blob-get\n"), 0o600))
	status, stdout, stderr = conform(t.Context(), append(args, "--baseline", file)...)
	assert.Equal(t, 1, status)
	assert.Contains(t, stdout, "\nFAIL head (MUST, ")
	assert.Contains(t, stderr, "1 of 3 statements failed that are not in --baseline "+file)

	for text, want := range map[string]string{
		"head\nblob-gte\n": `line 2: no statement has the ID "blob-gte": did you mean blob-get?`, "head # one\n\nhead": "line 3: head is there twice",
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		status, _, stderr = conform(t.Context(), append(args, "--baseline", file)...)
		assert.Equal(t, 2, status)
		assert.Contains(t, stderr, "--baseline "+file+": "+want)
	}
}

// TestConformanceDetails checks that --details prints requests and responses, and the failures
// again at the end.
func TestConformanceDetails(t *testing.T) {
	reg := registrytest.New(t, quietly()...)
	reg.Inject(t, faults.On(op.BlobHead).Do(faults.Status(500)))
	args := []string{"--label-filter", "head, upload-again", reg.URL()}
	status, stdout, _ := conform(t.Context(), append(args, "--details")...)
	assert.Equal(t, 1, status)
	assert.Contains(t, stdout, "\nFAIL MUST head\n")
	assert.Contains(t, stdout, "\n< HTTP/1.1 500 Internal Server Error\n")
	assert.Contains(t, stdout, "MUST: 1 fail\nbeyond the specification: 1 pass\nFailed:\n  head (MUST, distribution-spec)\n")
	assert.NotContains(t, stdout, "--details")
	_, stdout, _ = conform(t.Context(), append(args, "--html", filepath.Join(t.TempDir(), "results.html"))...)
	assert.NotContains(t, stdout, "--details")
}

// TestConformanceWaits has a registry that responds to the third request.
func TestConformanceWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		target := spec.Target{URL: "http://registry.example", Client: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			if requests++; requests < 3 {
				return nil, syscall.ECONNREFUSED
			}
			return &http.Response{StatusCode: http.StatusUnauthorized, Body: http.NoBody, Request: r}, nil
		})}}
		awaitRegistry(t.Context(), target, 0)
		assert.Zero(t, requests)
		awaitRegistry(t.Context(), target, 50*time.Millisecond)
		assert.Equal(t, 1, requests)
		awaitRegistry(t.Context(), target, time.Minute)
		assert.Equal(t, 3, requests)
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestConformanceWithoutNestedRepositories has a registry that refuses names with a slash.
func TestConformanceWithoutNestedRepositories(t *testing.T) {
	reg := registrytest.New(t, quietly()...)
	reg.Intercept(t, func(w http.ResponseWriter, _ *http.Request, info *op.Info) bool {
		if strings.Contains(info.Repo, "/") {
			http.Error(w, `{"errors":[{"code":"NAME_INVALID"}]}`, http.StatusBadRequest)
			return true
		}
		return false
	})
	args := []string{"--repo", "team", "--label-filter", quick + ", repository-forms", reg.URL()}
	status, stdout, stderr := conform(t.Context(), args...)
	assert.Equal(t, 2, status)
	assert.Empty(t, stdout)
	assert.Regexp(t, `does not let the suite push to repositories such as team/\w+: POST http://\S+ status 400: .* \(registries without nested repositories need flat names\)\n`, stderr)

	status, stdout, stderr = conform(t.Context(), append(args, "--flat")...)
	assert.Equal(t, 1, status, stderr)
	assert.Regexp(t, `^Checking \d+ statements on \S+, in repositories team-RANDOM\nFAIL repository-forms \(MUST, distribution-spec\): .*\n\n`, stdout)
	assert.NotContains(t, stdout, "Left in the registry")
	for _, item := range holding(t, reg) {
		assert.Contains(t, item, " team-")
	}
}

// TestConformanceStopsWhenNobodyReads checks that a run whose output is closed ends, and deletes
// what it has made.
func TestConformanceStopsWhenNobodyReads(t *testing.T) {
	reg := registrytest.New(t, quietly()...)
	var stderr bytes.Buffer
	read, write := io.Pipe()
	require.NoError(t, read.Close())
	assert.Equal(t, 1, run(t.Context(), []string{"conformance", reg.URL()}, write, &stderr))
	assert.Contains(t, stderr.String(), "closed pipe")
	assert.Empty(t, holding(t, reg))
	assert.Less(t, reg.Requests().Count(), 1000)
}

// TestConformanceStatements checks that the table has every statement.
func TestConformanceStatements(t *testing.T) {
	status, stdout, stderr := conform(t.Context(), "--statements")
	require.Zero(t, status, stderr)
	assert.Equal(t, 1+len(spec.Statements()), strings.Count(stdout, "\n"))
	for _, s := range spec.Statements() {
		assert.Regexp(t, `(?m)^`+s.ID+` +`+string(s.Level)+` +`+regexp.QuoteMeta(string(s.Source))+` +.*`+regexp.QuoteMeta(s.Text), stdout)
	}
	status, stdout, _ = conform(t.Context(), "--statements", "--label-filter", "end-14 && !ours", "--spec-version", "1.2-draft")
	require.Zero(t, status)
	assert.Contains(t, stdout, "(not checked: no client knows how long to wait)")
	assert.NotContains(t, stdout, "end-2 ")
}
