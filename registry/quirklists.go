package registry

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// What the lists of a registry with a dialect do differently.

// referrers returns the referrers of a manifest after the one with the digest last.
func (c *call) referrers(last digest.Digest) iter.Seq2[ocispec.Descriptor, error] {
	if c.options.dialect.ReferrersOrder == ReferrersByDigest {
		return c.store.Referrers(c.ctx(), c.info.Repo, c.info.Digest, last)
	}
	return func(yield func(ocispec.Descriptor, error) bool) {
		all, err := c.sortedReferrers()
		if err != nil {
			yield(ocispec.Descriptor{}, err)
			return
		}
		if at := slices.IndexFunc(all, func(d ocispec.Descriptor) bool { return d.Digest == last }); at >= 0 {
			all = all[at+1:]
		}
		for _, d := range all {
			if !yield(d, nil) {
				return
			}
		}
	}
}

// sortedReferrers returns the referrers of a manifest in the order of the dialect.
func (c *call) sortedReferrers() ([]ocispec.Descriptor, error) {
	var all []ocispec.Descriptor
	place := map[digest.Digest]uint64{}
	for d, err := range c.store.Referrers(c.ctx(), c.info.Repo, c.info.Digest, "") {
		if err != nil {
			return nil, err
		}
		m, err := c.store.Manifest(c.ctx(), c.info.Repo, string(d.Digest))
		if err != nil && !errors.Is(err, ManifestUnknown) {
			return nil, err
		}
		switch c.options.dialect.ReferrersOrder {
		case ReferrersOldest:
			place[d.Digest] = m.Pushed
		case ReferrersNewest:
			place[d.Digest] = math.MaxUint64 - m.Pushed
		default:
			place[d.Digest] = uint64(scatter(string(d.Digest)))
		}
		all = append(all, d)
	}
	sort.SliceStable(all, func(i, j int) bool { return place[all[i].Digest] < place[all[j].Digest] })
	return all, nil
}

// listName returns the name in a list of tags.
func (c *call) listName() string {
	name := c.info.Name()
	for range c.options.dialect.NameFrom {
		_, rest, ok := strings.Cut(name, "/")
		if !ok {
			break
		}
		name = rest
	}
	return name
}

// checkSubject refuses a list of referrers of a manifest that does not exist.
func (c *call) checkSubject() error {
	if !c.options.dialect.RefuseUnknownSubjects {
		return nil
	}
	_, err := c.store.Manifest(c.ctx(), c.info.Repo, string(c.info.Digest))
	if errors.Is(err, ManifestUnknown) {
		return &Error{Cause: subjectUnknown, Message: fmt.Sprintf("there is no manifest %s", c.info.Digest)}
	}
	return err
}

// spokenTags returns a page of tags as the dialect has it, and last of the next page, if any.
func (c *call) spokenTags(p page) (names []string, next string, err error) {
	d := &c.options.dialect
	names = []string{}
	for tag, err := range c.store.Tags(c.ctx(), c.info.Repo, "") {
		if errors.Is(err, NameUnknown) && d.TagsOfUnknown {
			break
		}
		if err != nil {
			return nil, "", err
		}
		names = append(names, tag.Name)
	}
	none := len(names) == 0
	if none && d.HideEmpty {
		if err := c.hideEmpty(); err != nil {
			return nil, "", err
		}
	}
	if none && d.HideUntagged {
		c.state.AddTrait("tags.empty")
		return nil, "", c.unknownRepository()
	}
	sortTags(names, d.Order)
	if !d.Unpaged {
		if names, next, err = c.turn(names, p); err != nil {
			return nil, "", err
		}
	}
	if len(names) == 0 && d.NullTags && (none || p.n > 0) {
		names = nil
	}
	return names, next, nil
}

// turn returns the page of a list of tags, and last of the next page, if any.
func (c *call) turn(names []string, p page) (_ []string, next string, err error) {
	d := &c.options.dialect
	if p.last != "" {
		last, ok := readCursor(p.last, d.OpaqueCursor)
		if !ok {
			return nil, "", &Error{Cause: lastUnknown, Message: fmt.Sprintf("last is %q: want that of the Link of the page before", p.last)}
		}
		at := slices.Index(names, last)
		if at < 0 && d.UnknownLast == RefuseUnknown {
			return nil, "", &Error{Cause: lastUnknown, Message: fmt.Sprintf("last is %q, which is not in the list", p.last)}
		}
		switch {
		case at >= 0:
			names = names[at+1:]
		case d.UnknownLast == ListNothing:
			names = names[:0]
		default:
			after := func(name string) bool { return compareTags(d.Order, name, last) > 0 }
			if i := slices.IndexFunc(names, after); i >= 0 {
				names = names[i:]
			} else {
				names = names[:0]
			}
		}
	}
	more := len(names) > p.n
	names = names[:min(p.n, len(names))]
	full := len(names) == p.n && c.r.URL.Query().Has("n")
	if len(names) > 0 && (more || d.LinkWhen == LinkAlways || d.LinkWhen == LinkFull && full) {
		next = names[len(names)-1]
		if d.OpaqueCursor {
			next = base64.RawURLEncoding.EncodeToString([]byte("tag:" + next))
		}
	}
	return names, next, nil
}

// hideEmpty returns an error if the repository has no manifests.
func (c *call) hideEmpty() error {
	if none, err := c.hasNoManifests(); !none {
		return err
	}
	return c.unknownRepository()
}

// readCursor returns the entry that last means.
func readCursor(last string, opaque bool) (string, bool) {
	if !opaque {
		return last, true
	}
	text, err := base64.RawURLEncoding.DecodeString(last)
	name, ok := strings.CutPrefix(string(text), "tag:")
	return name, err == nil && ok
}

func sortTags(names []string, order string) {
	if order != OrderBytes {
		sort.Slice(names, func(i, j int) bool { return compareTags(order, names[i], names[j]) < 0 })
	}
}

func compareTags(order string, a, b string) int {
	if order == OrderNone {
		return cmp.Or(cmp.Compare(scatter(a), scatter(b)), strings.Compare(a, b))
	}
	return strings.Compare(a, b)
}

// scatter gives each entry a place in no order.
func scatter(entry string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(entry)) // never fails
	return h.Sum32()
}
