package record

import (
	"slices"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/op"
)

// within sets the operations that the filter can match, unless it also matches
// requests that do not have what it asks for. An unknown request, and one to a second
// origin, may have anything.
func (f Filter) within(patterns []string, can func(op.Op) bool) Filter {
	if slices.Contains(patterns, "") {
		return f
	}
	f.reach = filter.OpsOf(op.Unknown, op.External)
	for _, o := range op.All() {
		if can(o) {
			f.reach |= filter.OpsOf(o)
		}
	}
	return f
}

func hasTags(o op.Op) bool {
	return filter.OpsOf(op.ManifestGet, op.ManifestHead, op.ManifestPut, op.ManifestDelete, op.TagDelete).Has(o)
}

func hasDigests(o op.Op) bool { return o.InRepository() && o != op.TagList }

func hasSession(o op.Op) bool {
	return filter.OpsOf(op.UploadChunk, op.UploadCommit, op.UploadStatus, op.UploadCancel).Has(o)
}
