package registry_test

import (
	"context"
	"errors"
	"slices"

	"github.com/ocifake/ocifake/registry"
)

// deny is an Allow option that says no to pulling from the repositories.
func deny(repositories ...string) func(context.Context, string, registry.Action) error {
	return func(_ context.Context, repo string, action registry.Action) error {
		if action == registry.Pull && slices.Contains(repositories, repo) {
			return errors.New("not yours")
		}
		return nil
	}
}
