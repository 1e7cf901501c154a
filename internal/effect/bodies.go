package effect

import (
	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/op"
)

// answersWithBody returns the operations whose answers can have a body.
func answersWithBody() filter.Ops { return ^filter.OpsOf(op.BlobHead, op.ManifestHead) }

// requestsWithBody returns the operations whose requests can have a body.
func requestsWithBody() filter.Ops {
	return filter.OpsOf(op.Unknown, op.BlobPost, op.UploadChunk, op.UploadCommit, op.ManifestPut, op.Token, op.External)
}

// bodies returns the operations that have a body: in the request, or in the answer.
func bodies(ofRequest bool) filter.Ops {
	if ofRequest {
		return requestsWithBody()
	}
	return answersWithBody()
}

// contentReads are the requests that are answered with stored content.
func contentReads() filter.Ops {
	return filter.OpsOf(op.BlobGet, op.BlobHead, op.ManifestGet, op.ManifestHead)
}

// pushes are the requests that put something into the Store.
func pushes() filter.Ops {
	return filter.OpsOf(op.UploadCommit, op.BlobPost, op.BlobMount, op.ManifestPut)
}
