package spec_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/ocifake/ocifake/spec"
)

func ExampleStatements() {
	for _, s := range spec.Statements() {
		if s.Endpoint == "end-14" && s.Level == spec.Should && s.Checked() {
			fmt.Println(s)
		}
	}
	// Output: upload-cancel: If successful, the response SHOULD be a `204 No Content` response code. [distribution-spec 1.2-draft, Cancel a blob upload, end-14]
}

func ExampleLookup() {
	s, ok := spec.Lookup("blob-delete-unknown")
	fmt.Println(ok, s.Level, s.Text)
	// Output:
	// true MUST If the blob is not found, a `404 Not Found` code MUST be returned.
}

// A test that fails only for statements that are not in the file.
func ExampleReadBaseline() {
	known, err := spec.ReadBaseline(strings.NewReader("# as of June\nblob-get\nreferrers-filter # SHOULD\n"))
	if err != nil {
		panic(err)
	}
	get, _ := spec.Lookup("blob-get")
	tags, _ := spec.Lookup("tags")
	for _, r := range []spec.Result{{Statement: get, Outcome: spec.Failed}, {Statement: tags, Outcome: spec.Failed}} {
		if r.Outcome == spec.Failed && !known[r.Statement.ID] {
			fmt.Println(r.Statement.ID)
		}
	}
	// Output: tags
}

func ExampleWriteMarkdown() {
	get, _ := spec.Lookup("blob-get")
	filter, _ := spec.Lookup("referrers-filter")
	err := spec.WriteMarkdown(os.Stdout, "https://registry.example", []spec.Result{
		{Statement: get, Outcome: spec.Passed},
		{Statement: filter, Outcome: spec.Unsupported, Detail: string(spec.ReferrersFilter)},
	})
	if err != nil {
		panic(err)
	}
	// Output:
	// # Conformance of https://registry.example
	//
	// MUST: 1 pass<br>
	// SHOULD: 1 unsupported
	//
	// | | Level | Statement | Source |
	// |---|---|---|---|
	// | pass | MUST | `blob-get` A GET request to an existing blob URL MUST provide the expected blob, with a response code that MUST be `200 OK`. | distribution-spec 1.0, 1.1, 1.2-draft, Pulling blobs, end-2 |
	// | unsupported: referrers filter | SHOULD | `referrers-filter` The registry SHOULD support filtering on `artifactType`. | distribution-spec 1.1, 1.2-draft, Listing Referrers, end-12b |
}

func ExampleWriteHTML() {
	file, err := os.CreateTemp("", "results-*.html")
	if err != nil {
		panic(err)
	}
	defer os.Remove(file.Name())
	get, _ := spec.Lookup("blob-get")
	fmt.Println(spec.WriteHTML(file, "https://registry.example", []spec.Result{{Statement: get, Outcome: spec.Passed}}), file.Close())
	// Output: <nil> <nil>
}
