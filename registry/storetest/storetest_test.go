package storetest_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"

	"github.com/opencontainers/go-digest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/testmain"
	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registry/storetest"
)

func TestMain(m *testing.M) { testmain.Run(m) }

func newStore() (registry.Store, error) { return NewStore(), nil }

func TestStore(t *testing.T) {
	for _, check := range storetest.Checks() {
		t.Run(check.Name, func(t *testing.T) {
			t.Parallel()
			assert.NoError(t, check.Run(t.Context(), newStore))
		})
	}
}

func TestNewStoreFails(t *testing.T) {
	failure := errors.New("no space left")
	newStore := func() (registry.Store, error) { return nil, failure }
	require.ErrorIs(t, storetest.Checks()[0].Run(t.Context(), newStore), failure)
}

// find returns the check of that name.
func find(t *testing.T, name string) storetest.Check {
	t.Helper()
	for _, check := range storetest.Checks() {
		if check.Name == name {
			return check
		}
	}
	require.Fail(t, "no such check", name)
	return storetest.Check{}
}

func TestAllViolationsAreJoined(t *testing.T) {
	newStore := func() (registry.Store, error) {
		m := newMutant()
		m.newUpload = func(context.Context, string, digest.Algorithm) (registry.Upload, error) {
			return nil, registry.TooManyUploads
		}
		return m, nil
	}
	failed := 0
	for _, check := range storetest.Checks() {
		if err := check.Run(t.Context(), newStore); err != nil {
			failed++
			require.ErrorIs(t, err, registry.TooManyUploads)
			assert.Contains(t, err.Error(), "storetest: "+check.Name+": ")
		}
	}
	assert.Greater(t, failed, 50)
}

func TestViolationWrapsTheError(t *testing.T) {
	failure := errors.New("no space left")
	newStore := func() (registry.Store, error) {
		m := newMutant()
		m.mountBlob = func(context.Context, string, digest.Digest, string) error { return failure }
		return m, nil
	}
	err := find(t, "blobs/mounted ones are visible in both repositories").Run(t.Context(), newStore)
	require.ErrorIs(t, err, failure)
}

func TestPanicIsReported(t *testing.T) {
	newStore := func() (registry.Store, error) {
		m := newMutant()
		m.put = func(context.Context, string, registry.PutManifest) error { panic("index out of range") }
		m.repositories = func(context.Context, string) iter.Seq2[string, error] { panic("nil map") }
		return m, nil
	}
	for name, want := range map[string]string{
		"manifests/tags move":                                "PutManifest",
		"concurrency/pushes of one tag":                      "PutManifest",
		"lists/Repositories is sorted bytewise":              "Repositories",
		"lists/Repositories shows one moment while it grows": "Repositories",
	} {
		t.Run(name, func(t *testing.T) {
			err := find(t, name).Run(t.Context(), newStore)
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, "panic: ")
			require.ErrorContains(t, err, "storetest_test.go") // where it happened
		})
	}
}

// TestHangingStoreIsReported has a Store that does not even look at its context.
func TestHangingStoreIsReported(t *testing.T) {
	for _, name := range []string{"blobs/mounted ones are visible in both repositories", "concurrency/a mount meets a delete"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				end := make(chan struct{})
				newStore := func() (registry.Store, error) {
					m := newMutant()
					m.mountBlob = func(context.Context, string, digest.Digest, string) error { <-end; return nil }
					return m, nil
				}
				err := find(t, name).Run(t.Context(), newStore)
				close(end)
				synctest.Wait()
				require.ErrorContains(t, err, "MountBlob(")
				require.ErrorContains(t, err, "no return in time")
				assert.NotContains(t, err.Error(), "DeleteBlob(")
			})
		})
	}
}

// TestUnreadBodyIsReported has a Store that says that it has appended what it has
// not read.
func TestUnreadBodyIsReported(t *testing.T) {
	newStore := func() (registry.Store, error) {
		m := newMutant()
		m.editUpload = func(u *mutantUpload, _ *upload) {
			u.append = func(context.Context, registry.Chunk) error { return nil }
		}
		return m, nil
	}
	synctest.Test(t, func(t *testing.T) {
		err := find(t, "concurrency/nothing waits for a body that is appended").Run(t.Context(), newStore)
		require.ErrorContains(t, err, "a body that was not read")
	})
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	failure := errors.New("interrupted")
	newStore := func() (registry.Store, error) {
		m := newMutant()
		m.mountBlob = func(ctx context.Context, _ string, _ digest.Digest, _ string) error {
			cancel(failure)
			<-ctx.Done()
			return ctx.Err()
		}
		return m, nil
	}
	err := find(t, "blobs/mounted ones are visible in both repositories").Run(ctx, newStore)
	require.ErrorIs(t, err, failure)
	assert.NotContains(t, err.Error(), "got:")
}

// closable is a Store whose content is kept when it is closed.
type closable struct {
	*Store
	close func() error
}

func (c closable) Close() error { return c.close() }

// TestReopen counts how often a Store is opened and closed, and passes on its errors.
func TestReopen(t *testing.T) {
	kept, opened, closed := NewStore(), 0, 0
	failure := errors.New("no space left")
	var failing error
	open := func() (registry.Store, error) {
		opened++
		return closable{kept, func() error { closed++; return failing }}, nil
	}
	store, err := storetest.Reopen(open)
	require.NoError(t, err)
	_, err = store.NewUpload(t.Context(), "app", digest.SHA256)
	require.NoError(t, err)
	for _, err := range store.Repositories(t.Context(), "") {
		require.NoError(t, err)
	}
	require.Equal(t, []int{3, 2}, []int{opened, closed})
	failing = failure
	_, err = store.Manifest(t.Context(), "app", "v1")
	require.ErrorIs(t, err, failure)
	for _, err := range store.Repositories(t.Context(), "") {
		require.NoError(t, err, "it was closed before")
	}
	for _, err := range store.Tags(t.Context(), "app", "") {
		require.ErrorIs(t, err, failure)
	}

	store, err = storetest.Reopen(func() (registry.Store, error) { return NewStore(), nil })
	require.NoError(t, err)
	_, err = store.Manifest(t.Context(), "app", "v1")
	require.ErrorContains(t, err, "does not implement io.Closer")
	_, err = storetest.Reopen(func() (registry.Store, error) { return nil, failure })
	require.ErrorIs(t, err, failure)

	for _, check := range storetest.Checks()[:4] {
		require.NoError(t, check.Run(t.Context(), func() (registry.Store, error) {
			kept := NewStore()
			return storetest.Reopen(func() (registry.Store, error) { return closable{kept, func() error { return nil }}, nil })
		}))
	}
}
