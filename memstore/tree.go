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
type tree[V any] struct {
	sorted *btree.BTreeG[entry[V]]
}

type entry[V any] struct {
	key   key
	value V
}

func newTree[V any]() tree[V] {
	return tree[V]{btree.NewBTreeGOptions(less[V], btree.Options{NoLocks: true})}
}

func less[V any](a, b entry[V]) bool {
	for i := range a.key {
		if c := strings.Compare(a.key[i], b.key[i]); c != 0 {
			return c < 0
		}
	}
	return false
}

func (t tree[V]) len() int { return t.sorted.Len() }

func (t tree[V]) get(k key) (V, bool) {
	e, ok := t.sorted.Get(entry[V]{key: k})
	return e.value, ok
}

func (t tree[V]) has(k key) bool {
	_, ok := t.get(k)
	return ok
}

func (t tree[V]) set(k key, v V) { t.sorted.Set(entry[V]{k, v}) }

func (t tree[V]) delete(k key) { t.sorted.Delete(entry[V]{key: k}) }

func (t tree[V]) snapshot() tree[V] { return tree[V]{t.sorted.Copy()} }

// after returns the entries behind k, in order, that have its first parts. The
// tree must not be changed meanwhile.
func (t tree[V]) after(k key, parts int) iter.Seq2[key, V] {
	return func(yield func(key, V) bool) {
		t.sorted.Ascend(entry[V]{key: k}, func(e entry[V]) bool {
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

// first returns the first of the entries that after returns.
func (t tree[V]) first(k key, parts int) (V, bool) {
	for _, v := range t.after(k, parts) {
		return v, true
	}
	var none V
	return none, false
}
