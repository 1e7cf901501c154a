package replay

import (
	"net/http"

	"github.com/ocifake/ocifake/op"
)

// PathOf returns the path of a read below its repository, or "" for what is not kept.
func PathOf(info *op.Info) string {
	ref := string(info.Digest)
	if ref == "" {
		ref = info.Tag
	}
	switch info.Op {
	case op.ManifestGet, op.ManifestHead:
		return "manifests/" + ref
	case op.BlobGet, op.BlobHead:
		return "blobs/" + ref
	case op.TagList:
		return "tags/list"
	case op.ReferrerList:
		return "referrers/" + ref
	case op.RepositoryList:
		return "_catalog"
	case op.External:
		switch {
		case info.Method != http.MethodGet && info.Method != http.MethodHead || info.Repo == "":
		case info.Digest != "":
			return "blobs/" + ref
		case info.Tag != "":
			return "manifests/" + ref
		}
	}
	return ""
}
