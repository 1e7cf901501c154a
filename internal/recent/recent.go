// Package recent has a map that forgets the values that were not used for the longest time.
package recent

// Map is a map of bounded size. It keeps at least the values of the latest keys that were
// used, as many as its maximum, and at most twice as many. It is not safe for concurrent use.
type Map[K comparable, V any] struct {
	max         int
	now, before map[K]V
}

// NewMap returns an empty map for a maximum of at least 1.
func NewMap[K comparable, V any](max int) *Map[K, V] { return &Map[K, V]{max: max} }

// Get returns the value of a key, or the zero value.
func (m *Map[K, V]) Get(key K) V {
	if v, ok := m.now[key]; ok {
		return v
	}
	return m.before[key]
}

// Has reports whether a key has a value.
func (m *Map[K, V]) Has(key K) bool {
	if _, ok := m.now[key]; ok {
		return true
	}
	_, ok := m.before[key]
	return ok
}

// Empty reports whether no key has a value.
func (m *Map[K, V]) Empty() bool { return len(m.now)+len(m.before) == 0 }

// Set sets the value of a key, and forgets older ones if there are too many.
func (m *Map[K, V]) Set(key K, value V) {
	if _, ok := m.now[key]; !ok && len(m.now) >= m.max {
		m.before, m.now = m.now, nil
	}
	if m.now == nil {
		m.now = map[K]V{}
	}
	m.now[key] = value
}

// Clear forgets all values.
func (m *Map[K, V]) Clear() { m.now, m.before = nil, nil }
