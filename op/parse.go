package op

import (
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/internal/must"
)

// resource is the target of a path of the API, for any method.
type resource uint8

const (
	none resource = iota
	base
	catalog
	tags
	referrers
	manifest
	blob
	uploads
	session
	token
	keys
)

// TokenPath is the path of the token endpoint, below the prefix of the API. The keys that sign
// its tokens are at TokenPath + "/keys". A handler that is mounted at "/v2/" serves both.
const TokenPath = "/v2/token"

const keysSuffix = "/keys"

type suffix struct {
	segments []string // "" stands for any one segment that is not empty
	resource resource
	set      func(*Info, string)
}

// suffixes are the ends of the paths below /v2/<name>/, the longest first: a
// repository may be called "blobs" or "a/tags", never the end of a path.
var suffixes = []suffix{
	{[]string{"blobs", "uploads", "/"}, uploads, nil},
	{[]string{"blobs", "uploads", ""}, session, func(i *Info, s string) { i.Session = s }},
	{[]string{"blobs", ""}, blob, func(i *Info, s string) { i.Digest = digest.Digest(s) }},
	{[]string{"manifests", ""}, manifest, setReference},
	{[]string{"referrers", ""}, referrers, func(i *Info, s string) { i.Digest = digest.Digest(s) }},
	{[]string{"tags", "list"}, tags, nil},
}

// setReference tells a digest from a tag by the colon, which no tag has.
func setReference(i *Info, s string) {
	if strings.Contains(s, ":") {
		i.Digest = digest.Digest(s)
		return
	}
	i.Tag = s
}

// Parse tells what a request with this method and URL asks for. It looks at
// nothing else and never fails: a request that is no operation of the API has
// Op Unknown, and Allow set if only its method is wrong.
//
// Parse does not judge names: Repo, Tag, Digest and From are as the client
// wrote them, percent-decoded; see [ValidRepository], [ValidTag] and
// [ValidDigest]. A path in which a slash or a dot segment is hidden by
// percent-encoding is Unknown, so that no two layers can read it differently.
func Parse(method string, u *url.URL) Info {
	must.NotNil("op: Parse: u", u)
	info := Info{Method: method}
	res := info.parsePath(u)
	if res == none {
		return info
	}
	info.parseQuery(res, u)
	for i := range table {
		r := &table[i]
		if r.resource == res && slices.Contains(r.methods, method) && (r.when == nil || r.when(&info)) {
			info.Op = r.op
			return info
		}
	}
	info.Allow = methods(res)
	return info
}

// Methods returns the sorted methods of the API for a path, or nil if the path is not part of
// the API.
func Methods(u *url.URL) []string {
	must.NotNil("op: Methods: u", u)
	var info Info
	return methods(info.parsePath(u))
}

func methods(res resource) []string {
	var all []string
	for i := range table {
		if res != none && table[i].resource == res {
			all = append(all, table[i].methods...)
		}
	}
	sort.Strings(all)
	return slices.Compact(all)
}

func (i *Info) parsePath(u *url.URL) resource {
	path := u.Path
	if u.RawPath != "" && strings.Contains(strings.ToLower(u.RawPath), "%2f") {
		return none
	}
	if path == "/v2/" {
		return base
	}
	path, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return none
	}
	if path == "_catalog" {
		return catalog
	}
	if end, ok := strings.CutPrefix("/v2/"+path, TokenPath); ok && (end == "" || end == keysSuffix) {
		if end != "" {
			return keys
		}
		return token
	}
	for _, s := range suffixes {
		repo, last, ok := cutSuffix(path, s.segments)
		if !ok {
			continue
		}
		i.Repo = repo
		if s.set != nil {
			s.set(i, last)
		}
		return s.resource
	}
	return none
}

// cutSuffix cuts the segments off the end of path and returns what stands
// before them, which must not be empty, and the last segment.
func cutSuffix(path string, segments []string) (repo, last string, ok bool) {
	rest := path
	for k := len(segments) - 1; k >= 0; k-- {
		if segments[k] == "/" {
			rest, ok = strings.CutSuffix(rest, "/")
			if !ok {
				return "", "", false
			}
			continue
		}
		cut := strings.LastIndexByte(rest, '/')
		if cut < 0 {
			return "", "", false
		}
		segment := rest[cut+1:]
		if segment == "" || segments[k] != "" && segment != segments[k] {
			return "", "", false
		}
		if last == "" {
			last = segment
		}
		rest = rest[:cut]
	}
	return rest, last, rest != ""
}

func (i *Info) parseQuery(res resource, u *url.URL) {
	if u.RawQuery == "" {
		return
	}
	query := u.Query()
	i.Namespace = query.Get("ns")
	switch res {
	case uploads:
		if i.mount = query.Has("mount"); i.mount {
			i.Digest = digest.Digest(query.Get("mount"))
			i.From = query.Get("from")
			return
		}
		i.Digest = digest.Digest(query.Get("digest"))
		i.Algorithm = digest.Algorithm(query.Get("digest-algorithm"))
	case session:
		i.Digest = digest.Digest(query.Get("digest"))
	case manifest:
		if i.Method == http.MethodPut {
			i.Tags = query["tag"]
		}
	}
}
