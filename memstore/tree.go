package memstore

import (
	"iter"
	"strings"

	"github.com/tidwall/btree"
)

// key is a sort key of up to three parts. Unused parts at the end are empty.
type key [3]string

// tree is a sorted map with snapshots in constant time. Concurrent reads are safe. Taking a
// snapshot counts as a change of the tree.
//
// It uses the B-tree that is not generic, because the generic one is compiled for each type
// of value, in this package and in those that import it.
type tree[V any] struct{ sorted *btree.BTree }

// entry is an item of the B-tree. Its value has the type of the tree, or is nil in a search.
type entry struct {
	key   key
	value any
}

func newTree[V any]() tree[V] { return tree[V]{btree.NewOptions(less, btree.Options{NoLocks: true})} }

func less(a, b any) bool {
	x, y := &a.(*entry).key, &b.(*entry).key
	for i := range x {
		if c := strings.Compare(x[i], y[i]); c != 0 {
			return c < 0
		}
	}
	return false
}

func (t tree[V]) len() int { return t.sorted.Len() }

func (t tree[V]) get(k key) (v V, ok bool) {
	e, ok := t.sorted.Get(&entry{key: k}).(*entry)
	if ok {
		v, _ = e.value.(V)
	}
	return v, ok
}

func (t tree[V]) has(k key) bool { return t.sorted.Get(&entry{key: k}) != nil }

func (t tree[V]) set(k key, v V) { t.sorted.Set(&entry{k, v}) }

func (t tree[V]) delete(k key) { t.sorted.Delete(&entry{key: k}) }

func (t tree[V]) snapshot() tree[V] { return tree[V]{t.sorted.Copy()} }

// after returns the entries after k, in order, with the same first parts. The tree must not
// change meanwhile.
func (t tree[V]) after(k key, parts int) iter.Seq2[key, V] {
	return func(yield func(key, V) bool) {
		t.sorted.Ascend(&entry{key: k}, func(item any) bool {
			e := item.(*entry)
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

// first returns the first entry of after.
func (t tree[V]) first(k key, parts int) (V, bool) {
	for _, v := range t.after(k, parts) {
		return v, true
	}
	var none V
	return none, false
}
