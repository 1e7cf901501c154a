package effect

import (
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/op"
)

// DigestTags takes a tag such as sha256-<hex> for a digest.
type DigestTags struct{}

func (DigestTags) Kind() string { return "digest-tags" }

func (DigestTags) early() string { return actsOnRequest }

func (DigestTags) needs() need { return needStore }

func (DigestTags) actsOn() filter.Ops { return filter.OpsOf(op.ManifestGet, op.ManifestHead) }

func (DigestTags) prospect(info *op.Info, _ *http.Request) Prospect {
	if digestIn(info.Tag) == "" {
		return Never
	}
	return Perhaps
}

func (DigestTags) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
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
