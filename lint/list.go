package lint

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strings"

	"github.com/ocifake/ocifake/op"
)

func listRules() []Rule {
	return []Rule{{
		ID: "list-cursor-rebuilt", Severity: Portability,
		Title:    "the next page of a list is not requested at the Link",
		Why:      "The cursor in the Link is opaque: some registries take no other, and begin the list anew or fail.",
		Source:   "distribution-spec 1.1, Listing Tags",
		Sentence: "When available, clients should prefer the `Link` header over using the `last` parameter for pagination.",
		Fix:      "Resolve the target of the Link against the URL of the request, and use it as it is.",
		Wrong:    "GET …/tags/list?n=10 → 200, Link: </v2/app/tags/list?next_page=gAAA>; rel=\"next\"\nGET …/tags/list?n=10&last=v9",
		Right:    "GET /v2/app/tags/list?next_page=gAAA",
		judge:    judgeCursor,
	}, {
		ID: "list-until-short", Severity: Portability,
		Title: "a further page of a list is requested although the answer had no Link",
		Why:   "The last request brings nothing, and on a registry that ignores the parameter last the list does not end.",
		Fix:   "Stop at an answer without Link.",
		Wrong: "GET …/tags/list?n=2 → 200, two tags\nGET …/tags/list?n=2&last=v2 → 200, no tags",
		Right: "GET …/tags/list?n=2 → 200, two tags",
		judge: judgeUntilShort,
	}, {
		ID: "list-link-ignored", Severity: Portability,
		Title:   "a list is read without its further pages",
		Why:     "Registries limit the length of a page, also without being asked: the client works with a part of the list.",
		Fix:     "Follow the Link of each answer until there is none.",
		Wrong:   "GET …/tags/list → 200, Link: </v2/app/tags/list?last=v99>; rel=\"next\"\n(nothing more)",
		Right:   "GET /v2/app/tags/list?last=v99",
		history: true, finish: finishLists,
	}, {
		ID: "catalog-for-one", Severity: Waste,
		Title:   "the whole catalog is listed for one repository",
		Why:     "The catalog of a large registry has many pages, and most registries refuse it to clients.",
		Fix:     "Ask for the repository's tags: 404 says that it does not exist.",
		Wrong:   "GET /v2/_catalog → 200\nGET /v2/app/tags/list",
		Right:   "GET /v2/app/tags/list",
		history: true, finish: finishCatalog,
	}, {
		ID: "referrers-unfiltered", Severity: Waste,
		Title:   "referrers are listed without artifactType, and those of one type are used",
		Why:     "The registry sends all referrers, perhaps in several pages.",
		Fix:     "Send the parameter artifactType. Filter the list in the client if the answer has no OCI-Filters-Applied.",
		Wrong:   "GET …/referrers/sha256:… → 200, signatures and SBOMs\nGET the signatures",
		Right:   "GET …/referrers/sha256:…?artifactType=application/vnd.example.signature",
		history: true, finish: finishUnfiltered,
	}}
}

// list is a page of a list.
type list struct {
	x        *exchange
	next     *url.URL
	size     int    // number of elements, -1 if it is not known
	n        int64  // the parameter n, -1 without
	tail     string // the last element
	paged    bool   // it is not the first page
	followed bool   // a further page was requested

	repos   []string          // of a catalog
	types   map[string]string // of referrers: the artifactType by digest
	first   *list             // the first page; nil if this is it
	fetched []string          // artifactTypes of the referrers that were fetched
	used    []string          // repositories that the client used after a catalog, at most two
}

func isList(x *exchange) bool {
	return x.kind == op.TagList || x.kind == op.RepositoryList || x.kind == op.ReferrerList
}

func listKey(x *exchange) string { return x.Host + " " + x.url.Path }

// previous returns the page that a request continues, if the client had it.
func previous(x *exchange) *list {
	if !isList(x) || x.url == nil {
		return nil
	}
	p := x.client.pages.Get(listKey(x))
	if p == nil || p.x.run != x.run || !x.after(p.x.end) || !p.continuedBy(x) {
		return nil
	}
	return p
}

// continuedBy reports whether a request asks for what follows the page. One with the parameter last
// does if last is the last element: other lists can begin anywhere.
func (p *list) continuedBy(x *exchange) bool {
	last := x.query().Get("last")
	return last == "" || last == p.tail
}

// continues reports whether a request is for a further page, by its parameters.
func continues(x *exchange) bool {
	q := x.query()
	return q.Has("last") || q.Has("next_page") || q.Has("next") || q.Has("page") || q.Has("offset") || q.Has("marker") || q.Has("after")
}

func judgeCursor(_ *Linter, x *exchange) *found {
	p := previous(x)
	if p == nil || p.next == nil || !continues(x) || sameURL(x.url, p.next) || sameURL(x.url, p.x.url) {
		return nil
	}
	return in(x, []uint64{p.x.Seq}, "GET %s is not the Link of request %d, %s", x.Target, p.x.Seq, p.next.RequestURI())
}

func sameURL(a, b *url.URL) bool { return urlKey(a) == urlKey(b) }

// urlKey identifies a URL whatever the order of its parameters.
func urlKey(u *url.URL) string {
	sorted := slices.Clone(parameters(u))
	sort.Strings(sorted)
	return u.Host + u.Path + "?" + strings.Join(sorted, "&")
}

func judgeUntilShort(_ *Linter, x *exchange) *found {
	p := previous(x)
	if p == nil || p.next != nil || !continues(x) || sameURL(x.url, p.x.url) {
		return nil
	}
	return in(x, []uint64{p.x.Seq}, "GET %s asks for a further page, and request %d had no Link", x.Target, p.x.Seq)
}

func finishLists(l *Linter) []found {
	var all []found
	for _, p := range l.lists.all {
		enough := p.n >= 0 && (p.paged || p.size < 0 || int64(p.size) >= p.n) // the client may not have wanted more
		if p.next == nil || p.followed || enough || p.x.client.follows {
			continue
		}
		all = append(all, *in(p.x, nil, "GET %s has a Link to a further page, which was not requested", p.x.Target))
	}
	return all
}

func finishCatalog(l *Linter) []found {
	var all []found
	for _, p := range l.lists.all {
		if p.x.kind == op.RepositoryList && !p.paged && len(p.repos) > 1 && len(p.used) == 1 && slices.Contains(p.repos, p.used[0]) {
			all = append(all, *in(p.x, nil, "the catalog is listed, and only repository %s is used", p.used[0]))
		}
	}
	return all
}

func finishUnfiltered(l *Linter) []found {
	var all []found
	for _, p := range l.lists.all {
		if p.x.kind != op.ReferrerList || p.first != nil || p.x.query().Has("artifactType") || distinct(p.types) < 2 || len(p.fetched) != 1 {
			continue
		}
		all = append(all, *in(p.x, nil, "GET %s lists referrers of %d types, and only those of type %s are fetched", p.x.Target, distinct(p.types), p.fetched[0]))
	}
	return all
}

func distinct(types map[string]string) int {
	seen := map[string]bool{}
	for _, t := range types {
		seen[t] = true
	}
	return len(seen)
}

// learnList remembers a page.
func (l *Linter) learnList(x *exchange) {
	if x.url == nil {
		return
	}
	last := x.client.pages.Get(listKey(x))
	if linked := x.client.links.Get(urlKey(x.url)); linked != nil {
		linked.followed, x.client.follows, last = true, true, linked
	} else if last != nil && continues(x) {
		last.followed = true
	}
	if x.kind == op.ReferrerList {
		l.learnReferrers(x)
	}
	if x.Status != http.StatusOK {
		return
	}
	p := &list{x: x, next: x.next(), size: -1, n: -1, paged: continues(x) || x.client.links.Get(urlKey(x.url)) != nil}
	if n, ok := parseLength(x.query().Get("n")); ok {
		p.n = n
	}
	p.read(l, x)
	if last != nil && p.paged {
		p.first = last.first
		if p.first == nil {
			p.first = last
		}
		p.first.join(p)
	}
	x.client.pages.Set(listKey(x), p)
	if p.next != nil {
		x.client.links.Set(urlKey(p.next), p)
	}
	l.lists.add(p)
}

// read reads the body of a page.
func (p *list) read(l *Linter, x *exchange) {
	if x.ResponseBodyCut {
		l.skip("catalog-for-one", "the body of a list is not in the recording", x.Seq)
		l.skip("referrers-unfiltered", "the body of a list is not in the recording", x.Seq)
		return
	}
	var body struct {
		Tags         []string     `json:"tags"`
		Repositories []string     `json:"repositories"`
		Manifests    []descriptor `json:"manifests"`
	}
	if json.Unmarshal(x.ResponseBody, &body) != nil {
		return
	}
	p.size = len(body.Tags) + len(body.Repositories) + len(body.Manifests)
	p.repos = body.Repositories
	switch {
	case len(body.Tags) > 0:
		p.tail = body.Tags[len(body.Tags)-1]
	case len(body.Repositories) > 0:
		p.tail = body.Repositories[len(body.Repositories)-1]
	case len(body.Manifests) > 0:
		p.tail = body.Manifests[len(body.Manifests)-1].Digest
	}
	if len(body.Manifests) > 0 {
		p.types = map[string]string{}
		for _, d := range body.Manifests {
			p.types[d.Digest] = d.ArtifactType
		}
	}
}

// maxElements bounds how many elements of the pages of a list are remembered.
const maxElements = 10_000

// join adds the elements of a further page.
func (p *list) join(further *list) {
	if len(p.repos)+len(p.types) > maxElements {
		return
	}
	p.repos = append(p.repos, further.repos...)
	for digest, artifactType := range further.types {
		if p.types == nil {
			p.types = map[string]string{}
		}
		p.types[digest] = artifactType
	}
}

// maxRecentLists bounds how many lists are looked at for each request.
const maxRecentLists = 8

// learnUse remembers which of the elements of the latest lists the client used.
func (l *Linter) learnUse(x *exchange) {
	for _, p := range l.lists.all[max(0, len(l.lists.all)-maxRecentLists):] {
		if p.x.client != x.client || p.x.Host != x.Host || p.x.run != x.run {
			continue
		}
		if p.first != nil {
			p = p.first
		}
		switch {
		case p.x.kind == op.RepositoryList && x.Repo != "" && len(p.used) < 2 && !slices.Contains(p.used, x.Repo):
			p.used = append(p.used, x.Repo)
		case p.x.kind == op.ReferrerList && x.Repo == p.x.Repo && x.kind == op.ManifestGet:
			if t, ok := p.types[string(x.Info.Digest)]; ok && len(p.fetched) < 2 && !slices.Contains(p.fetched, t) {
				p.fetched = append(p.fetched, t)
			}
		}
	}
}
