package battery_test

// explained are the broken entries that nothing finds, each with the reason by the text of the
// specification.
var explained = map[string]string{
	"broken registries/blobs-of-all-repositories": "No sentence says which pushes put a blob into a repository, and \"it MAY cross-mount the blob if it can be found\": " +
		"a registry can have each blob in all repositories. The suite only demands that such a blob is whole.",
	"buggy clients/does not know absolute locations": "It begins the upload again, and the next Location is relative: MustRecover demands recovery from what " +
		"acts once. A registry whose Locations are all absolute is a trait of exam.Run.",
}
