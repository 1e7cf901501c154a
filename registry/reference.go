package registry

import "fmt"

// agree compares the reference with the blob or manifest that a repository has.
func (r Reference) agree(repo, kind string, size int64, mediaType string) error {
	var says, is string
	switch {
	case r.Size != size:
		says, is = fmt.Sprintf("size %d", r.Size), fmt.Sprintf("has %d bytes", size)
	case r.MediaType != mediaType:
		says, is = fmt.Sprintf("mediaType %q", r.MediaType), "is a "+mediaType
	default:
		return nil
	}
	return &Error{Cause: ManifestInvalid, Detail: r.Descriptor, Message: fmt.Sprintf(
		"%s has the %s in the manifest, but the %s in repository %s %s: correct the descriptor", r.named(), says, kind, repo, is)}
}

// named returns the place of the reference in the manifest, if known, and its digest.
func (r Reference) named() string {
	if r.Name == "" {
		return string(r.Digest)
	}
	return r.Name + " (" + string(r.Digest) + ")"
}
