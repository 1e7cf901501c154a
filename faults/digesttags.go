package faults

import (
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/opset"
	"github.com/ocifake/ocifake/op"
)

// DigestTags answers a request for a manifest by a tag such as sha256-<hex> with the
// manifest whose digest is sha256:<hex>, if there is one, as GitLab does. The tag is that
// of the referrers of the manifest (distribution specification, "Referrers Tag Schema").
func DigestTags() Effect { return digestTags{} }

type digestTags struct{}

func (digestTags) kind() string { return "digest-tags" }

func (digestTags) needs() need { return needStore }

func (digestTags) actsOn() opset.Set { return opset.Of(op.ManifestGet, op.ManifestHead) }

func (digestTags) prospect(info *op.Info, _ *http.Request) prospect {
	if digestIn(info.Tag) == "" {
		return never
	}
	return perhaps
}

func (digestTags) serve(x *exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	x.askStore(r, func(f *storeFaults) { f.digestTag = x.act })
	next.ServeHTTP(w, r)
}

// digestIn returns the digest that a tag is made of, or nothing.
func digestIn(tag string) digest.Digest {
	d := digest.Digest(strings.Replace(tag, "-", ":", 1))
	if !op.ValidDigest(d) {
		return ""
	}
	return d
}
