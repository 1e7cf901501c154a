package effect

import (
	"github.com/ocifake/ocifake/internal/opset"
	"github.com/ocifake/ocifake/op"
)

// answersWithBody returns the operations whose answers can have a body.
func answersWithBody() opset.Set { return ^opset.Of(op.BlobHead, op.ManifestHead) }

// requestsWithBody returns the operations whose requests can have a body.
func requestsWithBody() opset.Set {
	return opset.Of(op.Unknown, op.BlobPost, op.UploadChunk, op.UploadCommit, op.ManifestPut, op.Token, op.External)
}

// bodies returns the operations that have a body: in the request, or in the answer.
func bodies(ofRequest bool) opset.Set {
	if ofRequest {
		return requestsWithBody()
	}
	return answersWithBody()
}

// contentReads are the requests that are answered with stored content.
func contentReads() opset.Set {
	return opset.Of(op.BlobGet, op.BlobHead, op.ManifestGet, op.ManifestHead)
}

// pushes are the requests that put something into the Store.
func pushes() opset.Set {
	return opset.Of(op.UploadCommit, op.BlobPost, op.BlobMount, op.ManifestPut)
}
