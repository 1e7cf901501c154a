package op

import "slices"

// everything has all operations, Unknown among them.
const everything Set = 1<<len(table) - 1

// reachOf returns the operations whose requests can have what a filter on some facts
// asks for. An unknown request, and one to a second origin, may have any.
func reachOf(can func(*row) bool) Set {
	set := Set(1<<Unknown | 1<<External)
	for i := range table {
		if can(&table[i]) {
			set |= 1 << table[i].op
		}
	}
	return set
}

func inRepository(r *row) bool { return r.op.InRepository() }

func hasTags(r *row) bool { return r.resource == manifest }

func hasDigests(r *row) bool {
	return slices.Contains([]resource{blob, manifest, referrers, uploads, session}, r.resource)
}

func hasSession(r *row) bool { return r.resource == session }

// within sets the operations that the filter can match, unless it also matches
// requests that have no such fact.
func (f Filter) within(patterns []string, can func(*row) bool) Filter {
	if !matcher(patterns)("") {
		f.reach = reachOf(can)
	}
	return f
}

// Contradict reports whether filters together match no request, such as op=ping and
// repo=app.
func Contradict(filters ...Filter) bool {
	allowed, _ := Split(filters)
	return allowed == 0
}
