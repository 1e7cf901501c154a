// Package fidelity measures how well a registry answers as another one did.
//
// A [Recording] is what a real registry answered to the official conformance suite of the
// distribution specification, one exchange a line, with the source of the report. It has what is
// compared: status, error codes, header fields and the form of the body; the tables in header.go
// and answer.go say which and why. Replay sends the requests to another registry in the same order,
// and compares the answers:
//
//	go test ./internal/fidelity -run TestRecorded -v                  # a table of figures
//	go test ./internal/fidelity -run TestRecorded -v -differences     # each difference in a line
//	go test ./internal/fidelity -run TestRecorded -markdown diff.md   # grouped by kind
//
// A [Mirror] compares registries that run: it sends the requests of a client to all of them.
//
// A report of the suite has only the first of equal exchanges, and masks bodies, tokens and
// identifiers. So [Import] finds the step of the suite that each exchange belongs to, Replay makes
// the steps between that change content, and contents are rebuilt from what they are made of: the
// suite's constants, the authors of configs that manifests show, and the seed of random blobs,
// which is the time at which the suite ran. Digests prove that they are right. Contents that the
// recording does not show are stand-ins, which [Recording.StandIns] lists.
//
// Each exchange has the title of its test case ("workflow: group: title"), so that a recording can
// be split by test cases. Titles are those of the suite; where two test cases have the same, the
// number of the step tells them apart.
package fidelity
