package registry

import (
	"fmt"
	"iter"
	"net/url"
	"strconv"
)

// Lists: end-8 tags ("Listing Tags"), end-12 referrers ("Listing Referrers"),
// Docker's catalog.
//
//   - All are sorted bytewise and paged: at most n entries, and never more than
//     the page size, after last; a Link has the next page if there is more.
//   - n=0 is an empty list without a Link; any other n that is no number of
//     entries is refused.
//   - An unknown repository has no tags (404 NAME_UNKNOWN), and no referrers (an
//     empty index).

// page is the part of a list that a request asks for.
type page struct {
	n    int
	last string
}

func (c *call) page() (page, error) {
	query := c.r.URL.Query()
	p := page{n: c.options.pageSize(), last: query.Get("last")}
	if text := query.Get("n"); query.Has("n") {
		n, err := strconv.Atoi(text)
		switch invalid := err != nil || n < 0; {
		case invalid && c.options.dialect.IgnoreBadN:
			return p, nil
		case invalid:
			return p, &Error{Cause: pageInvalid, Message: fmt.Sprintf("n is %q: want a number of entries", text)}
		case n > p.n && c.options.dialect.RefuseLarge:
			return p, &Error{Cause: pageTooLarge, Message: fmt.Sprintf("n is %d: want at most %d entries", n, p.n)}
		}
		if n > 0 || !c.options.dialect.ZeroIsAll {
			p.n = min(p.n, n)
		}
	}
	return p, nil
}

// take collects up to p.n of the entries that keep wants, and reports whether there
// are more. size, if not nil, is what an entry adds to the answer, in bytes: a
// page ends before it outgrows limit, but has at least one entry.
func take[T any](p page, list iter.Seq2[T, error], keep func(T) bool, size func(T) int64, limit int64) (entries []T, more bool, err error) {
	entries = []T{}
	var total int64
	for entry, err := range list {
		if err != nil {
			return nil, false, err
		}
		if !keep(entry) {
			continue
		}
		if size != nil {
			total += size(entry)
		}
		if len(entries) == p.n || len(entries) > 0 && total > limit {
			return entries, p.n > 0, nil
		}
		entries = append(entries, entry)
	}
	return entries, false, nil
}

// setNext announces the next page (RFC 8288).
func (c *call) setNext(path string, p page, last string, also url.Values) {
	query := url.Values{"n": {strconv.Itoa(p.n)}, "last": {last}}
	if c.options.dialect.LinkWhen == LinkAlways && !c.r.URL.Query().Has("n") {
		query.Del("n")
	}
	for name, values := range also {
		query[name] = values
	}
	target := c.location(path, c.options.dialect.AbsoluteLink) + "?" + query.Encode()
	if more := c.options.dialect.LinkQuery; more != "" {
		target += "&" + more
	}
	switch {
	case c.options.dialect.NoLink:
	case c.options.dialect.BareLink:
		c.header().Set("Link", target+"; rel=next")
	default:
		c.header().Set("Link", "<"+target+`>; rel="next"`)
	}
}

func (c *call) listTags() error {
	p, err := c.page()
	if err == nil {
		err = c.refuseBlobsOnly()
	}
	if err != nil {
		return err
	}
	var tags []string
	var next string
	if c.options.speech == nil {
		tags, next, err = c.strictTags(p)
	} else {
		tags, next, err = c.spokenTags(p)
	}
	if err != nil {
		return c.about(err)
	}
	if next != "" {
		c.setNext("/v2/"+c.info.Name()+"/tags/list", p, next, nil)
	}
	return c.sendJSON("application/json", tagList{c.listName(), tags})
}

type tagList struct {
	Name string   `json:"name"`
	Tags []string `json:"tags"`
}

type repositoryList struct {
	Repositories []string `json:"repositories"`
}

// strictTags returns a page of tags, and the last of them if there are more.
func (c *call) strictTags(p page) (names []string, next string, err error) {
	tags, more, err := take(p, c.store.Tags(c.ctx(), c.info.Repo, p.last), func(Tag) bool { return true }, nil, 0)
	if err != nil {
		return nil, "", err
	}
	names = make([]string, len(tags))
	for i, tag := range tags {
		names[i] = tag.Name
	}
	if more {
		next = names[len(names)-1]
	}
	return names, next, nil
}

// listRepositories shows the repositories that the caller may pull from.
func (c *call) listRepositories() error {
	p, err := c.page()
	if err != nil {
		return err
	}
	visible := func(repo string) bool { return c.options.allow(c.ctx(), repo, Pull) }
	repositories, more, err := take(p, c.store.Repositories(c.ctx(), p.last), visible, nil, 0)
	if err != nil {
		return err
	}
	if more {
		c.setNext("/v2/_catalog", p, repositories[len(repositories)-1], nil)
	}
	return c.sendJSON("application/json", repositoryList{repositories})
}
