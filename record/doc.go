// Package record holds recorded requests and their answers.
//
// A [Log] is a list of [Exchange] values. Filters select exchanges. The methods of a Log
// count and summarize them, print them as a journal or a transcript, and write them as an
// HTTP Archive or as JSON Lines. An [Expectation] judges a log.
//
//	log := reg.Requests(record.Op(op.BlobGet), record.Status("200"))
//	if repeated := log.Repeated(); len(repeated) > 0 {
//		t.Errorf("fetched more than once: %v\n%s", repeated, log)
//	}
//
// Package registrytest returns the log of a registry. [ReadHAR] and [ReadJSONL] read logs of
// other programs and of earlier runs. Secrets are replaced by fingerprints, which show whether two
// secrets are equal: see [Secret].
package record
