package storetest_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/registry"
	"github.com/ocifake/ocifake/registry/storetest"
)

// forgetful is a Store that deletes nothing.
type forgetful struct{ *Store }

func (forgetful) DeleteBlob(context.Context, string, digest.Digest) error { return nil }

func ExampleChecks() {
	newStore := func() (registry.Store, error) { return forgetful{NewStore()}, nil }
	for _, check := range storetest.Checks() {
		if !strings.HasPrefix(check.Name, "blobs/deleted ones are gone") {
			continue
		}
		if err := check.Run(context.Background(), newStore); err != nil {
			first, _, _ := strings.Cut(err.Error(), "\nstoretest: ")
			fmt.Println(first)
		}
	}
	// Output:
	// storetest: blobs/deleted ones are gone: OpenBlob(sha256:1185f37d33b0...) in storetest/app
	// 	got:  a blob
	// 	want: BlobUnknown
	// 	Store.DeleteBlob: "DeleteBlob deletes a blob from one repository, also if a manifest refers to it."
}
