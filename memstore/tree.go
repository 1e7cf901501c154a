package memstore

import (
	"iter"
	"strings"

	"github.com/tidwall/btree"
)

// key is what a tree is sorted by, part after part; parts at the end may be
// unused.
type key [3]string

// tree is a sorted map with snapshots in constant time. It may be read
// concurrently; a snapshot counts as a change of it, but not of the snapshot.
type tree[V any] struct{ sorted sorted }

// sorted is a B-tree of entries. It is an interface so that the B-tree is compiled
// once, here: a generic type that an exported type contains is compiled again in
// every package that imports this one, once for each type of value.
type sorted interface {
	Len() int
	Get(entry) (entry, bool)
	Set(entry) (entry, bool)
	Delete(entry) (entry, bool)
	Ascend(pivot entry, iter func(entry) bool)
	copy() sorted
}

// entry has a value of the tree's type, or nil where only the key counts.
type entry struct {
	key   key
	value any
}

type btreeOfEntries struct{ *btree.BTreeG[entry] }

func (b btreeOfEntries) copy() sorted { return btreeOfEntries{b.BTreeG.Copy()} }

func newSorted() sorted {
	return btreeOfEntries{btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
}

func newTree[V any]() tree[V] { return tree[V]{newSorted()} }

func less(a, b entry) bool {
	for i := range a.key {
		if c := strings.Compare(a.key[i], b.key[i]); c != 0 {
			return c < 0
		}
	}
	return false
}

func (t tree[V]) len() int { return t.sorted.Len() }

func (t tree[V]) get(k key) (V, bool) {
	e, ok := t.sorted.Get(entry{key: k})
	v, _ := e.value.(V)
	return v, ok
}

func (t tree[V]) has(k key) bool {
	_, ok := t.sorted.Get(entry{key: k})
	return ok
}

func (t tree[V]) set(k key, v V) { t.sorted.Set(entry{k, v}) }

func (t tree[V]) delete(k key) { t.sorted.Delete(entry{key: k}) }

func (t tree[V]) snapshot() tree[V] { return tree[V]{t.sorted.copy()} }

// after returns the entries behind k, in order, that have its first parts. The
// tree must not be changed meanwhile.
func (t tree[V]) after(k key, parts int) iter.Seq2[key, V] {
	return func(yield func(key, V) bool) {
		t.sorted.Ascend(entry{key: k}, func(e entry) bool {
			if e.key == k {
				return true
			}
			for i := range parts {
				if e.key[i] != k[i] {
					return false
				}
			}
			v, _ := e.value.(V)
			return yield(e.key, v)
		})
	}
}

// first returns the first of the entries that after returns.
func (t tree[V]) first(k key, parts int) (V, bool) {
	for _, v := range t.after(k, parts) {
		return v, true
	}
	var none V
	return none, false
}
