// Package kept keeps what registries answer in a directory. Package replay replays it.
//
//	keeper, err := kept.Keep("testdata/world", kept.Options{})
//	host, err := keeper.Add("ghcr.io")
//	u := upstream.New(base, upstream.Options{Tap: host.Tap})
//	host.Upstream = u
//	…                            // clients pull
//	err = keeper.Finish(ctx)     // or keeper.Abort()
//
// # Files
//
// A directory has the file world.json with the names of the hosts, and a directory for each of
// them, in which a colon of the name is a plus sign. That is a [layoutstore.Store] with what was
// read of the host: an OCI image layout. Besides, it has the files
//
//	answers.json   the lists that the host answered, what it did not have, and the
//	               layers that are generated
//	profile.yaml   the profile that was learned, in the JSON form of YAML, so that a Go
//	               test reads it without a YAML parser
//
// The files have no times, no credentials, no tokens and no URLs, and are sorted: keeping the same
// content again writes the same bytes.
//
// # Keeping
//
// [Host.Tap] sees the answers before they are rewritten. Content is received into a layoutstore
// beside the directory, which verifies its digest. Manifests are in memory, and stored at the end in
// an order that does not depend on that of the requests. [Keeper.Finish] reads what passed only in
// part from the host, and then replaces the directory. If anything is missing or wrong, the
// directory stays as it was.
package kept
