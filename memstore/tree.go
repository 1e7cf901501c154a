package memstore

import (
	"iter"
	"strings"

	"github.com/google/btree"
)

// key is a sort key of up to three parts. Unused parts at the end are empty.
type key [3]string

// tree is a sorted map with snapshots in constant time. Concurrent reads are safe. Taking a
// snapshot counts as a change of the tree.
//
// Neither the tree nor its field is generic: the methods of a generic type in a field of [Store]
// would be compiled again for each package that imports this one.
type tree struct{ sorted sorted }

// sorted is the B-tree, whose type is generic in later versions of its module.
type sorted interface {
	Len() int
	Get(item btree.Item) btree.Item
	ReplaceOrInsert(item btree.Item) btree.Item
	Delete(item btree.Item) btree.Item
	AscendGreaterOrEqual(from btree.Item, f btree.ItemIterator)
	snapshot() sorted
}

type bTree struct{ *btree.BTree }

func (t bTree) snapshot() sorted { return bTree{t.Clone()} }

// entry is an item of the B-tree. Its value is nil in a search.
type entry struct {
	key   key
	value any
}

// degree is that of the B-tree: a node has 31 to 63 items.
const degree = 32

func newTree() tree { return tree{bTree{btree.New(degree)}} }

// Less implements [btree.Item].
func (e *entry) Less(than btree.Item) bool {
	x, y := &e.key, &than.(*entry).key
	for i := range x {
		if c := strings.Compare(x[i], y[i]); c != 0 {
			return c < 0
		}
	}
	return false
}

func (t tree) len() int { return t.sorted.Len() }

// get returns the value of a key, or nil.
func (t tree) get(k key) any {
	if e, ok := t.sorted.Get(&entry{key: k}).(*entry); ok {
		return e.value
	}
	return nil
}

func (t tree) has(k key) bool { return t.sorted.Get(&entry{key: k}) != nil }

func (t tree) set(k key, v any) { t.sorted.ReplaceOrInsert(&entry{k, v}) }

func (t tree) delete(k key) { t.sorted.Delete(&entry{key: k}) }

func (t tree) snapshot() tree { return tree{t.sorted.snapshot()} }

// after returns the entries after k, in order, with the same first parts. The tree must not
// change meanwhile.
func (t tree) after(k key, parts int) iter.Seq2[key, any] {
	return func(yield func(key, any) bool) {
		t.sorted.AscendGreaterOrEqual(&entry{key: k}, func(item btree.Item) bool {
			e := item.(*entry)
			if e.key == k {
				return true
			}
			for i := range parts {
				if e.key[i] != k[i] {
					return false
				}
			}
			return yield(e.key, e.value)
		})
	}
}

// first returns the value of the first entry of after, or nil.
func (t tree) first(k key, parts int) any {
	for _, v := range t.after(k, parts) {
		return v
	}
	return nil
}
