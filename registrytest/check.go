package registrytest

import (
	"context"
	"testing"

	"github.com/ocifake/ocifake/internal/content"
)

// Check fails the test, without ending it, if the registry's content is not
// consistent, and says all that is wrong: each blob and manifest must have its
// digest and size, each reference must exist, unless the registry has AllowSparse,
// and have the size, and the media type of a manifest, of what exists, each tag must
// be on a manifest, the referrers must be those that say so, and no upload may be
// open. All content is read.
func (r *Registry) Check(t testing.TB) {
	t = r.test(t)
	t.Helper()
	err := content.Check(context.Background(), r.Store(), content.CheckOptions{AllowSparse: r.Options().AllowSparse})
	if err != nil {
		t.Errorf("registrytest: the content is not consistent:\n%v", err)
	}
}
