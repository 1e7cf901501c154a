package main

import "github.com/dustin/go-humanize"

// A row is one line of the table: a comparison, on which subjects it is made,
// and what is asked of the first of them.
type row struct {
	name     string
	subjects []subject
	compare  comparison
	unit     unit
	target   target
}

// section is a table: the subjects that have a column each, and the lines.
type section struct {
	columns []subject
	rows    []row
}

// startup returns the lines on programs, which are built when they are first started.
func startup(b builder) section {
	base, all := b.subject(bare), b.subjects(programs)
	return section{all, []row{
		{"startup: time until ready", all, launched(base, func(l *launch) float64 { return l.ready }), inSeconds, least()},
		{"startup: CPU time until ready", all, launched(base, func(l *launch) float64 { return l.cpu }), inSeconds, least()},
		{"startup: resident memory then", all, launched(base, func(l *launch) float64 { return l.resident }), inBytes, atMost(2.3)},
		{"startup: size of the program", all, launched(base, func(l *launch) float64 { return l.size }), inBytes, atMost(2.3)},
	}}
}

// libraries have a test of one line each in ./weight; the first is judged.
var libraries = []subject{{name: "ocifake"}, {name: "ocimem"}}

// weight returns the line on what it costs to compile a test.
func weight(c *compiler) section {
	return section{libraries, []row{
		{"compile a test of one line", libraries, c.compiled(subject{name: "ggcr"}), inSeconds, atMost(8)},
	}}
}

// rows returns the table's lines. Long lists have this many entries.
func rows(entries int) []row {
	out := " of " + humanize.Comma(int64(entries))
	return []row{
		{"pull 1 KiB", registries, against(limit, pull(1<<10)), inSeconds, atLeast(0.85)},
		{"pull 1 MiB", registries, against(limit, pull(1<<20)), inSeconds, atLeast(0.95)},
		{"pull 64 MiB", registries, against(limit, pull(64<<20)), inSeconds, atLeast(0.95)},
		{"push 1 MiB", registries, against(limit, push(1<<20)), inSeconds, atLeast(0.95)},
		{"push 64 MiB", registries, against(limit, push(64<<20)), inSeconds, atLeast(1.3)},
		{"allocated by a push of 1 MiB", registries, allocated(1 << 20), inBytes, atMost(1.1)},
		{"allocated by a push of 64 MiB", registries, allocated(64 << 20), inBytes, atMost(1.1)},
		{"live heap after 64 pushes of 1 MiB", registries, held(1<<20, 64), inBytes, atMost(1.02)},
		{"live heap after a push of 64 MiB", registries, held(64<<20, 1), inBytes, atMost(1.02)},
		{"start, ping, close", registries, against(limit, start), inSeconds, atMost(1.3)},
		{"start, ping, close, in memory", inMemory, against(limit, start), inSeconds, below(1)},
		{"page of 100 tags" + out, registries, between(page(tags, 100), page(tags, entries)), inSeconds, atMost(1.5)},
		{"10 referrers among manifests" + out, registries, between(page(referrers, 10), page(referrers, entries)), inSeconds, atMost(1.5)},
		{"page of 100 repositories" + out, registries, between(page(repositories, 100), page(repositories, entries)), inSeconds, atMost(1.5)},
		{"16 clients push beside a stalled upload", registries, between(crowd(false), crowd(true)), inSeconds, atLeast(0.9)},
		{"recorded: HEAD of a manifest", recorded, against(unrecorded, head()), inSeconds, atMost(1.05)},
		{"recorded: HEADs of 16 clients", recorded, against(unrecorded, heads()), inSeconds, atMost(1.05)},
		{"recorded: pull 64 MiB", recorded, against(unrecorded, pull(64<<20)), inSeconds, atMost(1.02)},
		{"recorded: push 64 MiB", recorded, against(unrecorded, push(64<<20)), inSeconds, atMost(1.02)},
		{"recorded: bytes of each" + out + " exchanges", recorded, exchanges(entries), inRequests, atMost(1 << 10)},
		{"auth: HEAD of a manifest with a token", authorized, against(registries[0], head()), inSeconds, atMost(1.15)},
		{"upstream: pull 64 MiB", upstream, against(bareProxy, pull(64<<20)), inSeconds, atLeast(0.8)},
		{"upstream: HEAD of a manifest", upstream, against(bareProxy, head()), inSeconds, atMost(1.3)},
		{"faults: HEAD of a manifest, no rules", withRules(), against(faultless, head()), inSeconds, atMost(1.02)},
		{"faults: HEAD of a manifest, 100 rules that do not match", withRules(others(100)...), against(faultless, head()), inSeconds, atMost(1.05)},
	}
}
