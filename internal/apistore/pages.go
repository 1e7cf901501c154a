package apistore

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"sort"
	"strings"

	"github.com/ocifake/ocifake/registry"
)

// maxPages is the maximum number of pages of a list.
const maxPages = 100_000

// pages iterates over the entries of all pages, starting with target.
func pages[T any](s *Store, ctx context.Context, target string, unknown registry.Cause, entries func(body []byte) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for range maxPages {
			a, err := s.get(ctx, target, nil)
			if err == nil {
				err = a.want(unknown, http.StatusOK)
			}
			var page []T
			if err == nil {
				page, err = entries(a.body)
			}
			if err != nil {
				yield(none, err)
				return
			}
			for _, entry := range page {
				if !yield(entry, nil) {
					return
				}
			}
			if target = next(a.header); target == "" {
				return
			}
		}
		yield(none, fmt.Errorf("GET %s: the list has more than %d pages", target, maxPages))
	}
}

// next returns the target of the link to the next page (RFC 8288), or "" on the last page.
func next(header http.Header) string {
	for _, value := range header.Values("Link") {
		target, parameters, ok := strings.Cut(value, ">")
		if ok && strings.Contains(strings.ReplaceAll(parameters, `"`, ""), "rel=next") {
			return strings.TrimPrefix(strings.TrimSpace(target), "<")
		}
	}
	return ""
}

// behind returns the entries after a key, sorted by key.
func behind[T any](entries []T, after string, key func(T) string) []T {
	entries = slices.DeleteFunc(slices.Clone(entries), func(entry T) bool { return after != "" && key(entry) <= after })
	sort.Slice(entries, func(i, j int) bool { return key(entries[i]) < key(entries[j]) })
	return entries
}
