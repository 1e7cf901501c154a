// Command bench compares ocifake with other registries for tests and with the
// limit, a handler that does only what no registry can avoid, and prints the
// ratios as Markdown tables. It runs for about four minutes, longer if the programs of
// "startup" have never been built here:
//
//	go run . [-quick] [-run regexp] [-time duration]
//
// All servers but those of "startup" run in this process; they are reached over
// loopback by net/http's client. What is compared is measured in turns, base and
// subject right after each other; a ratio is the median of those of all pairs,
// followed by the quartiles. "≥" is asked of rates (1.30: in the time that the base
// takes for 10, it does 13), "≤" and "<" of costs (1.30: it takes 13 where the base
// takes 10); "least": less than all others. Base is:
//
//   - pull, push, start: the limit. It takes part in the same requests, POST and
//     PUT for a push. A pushed blob is deleted, and the garbage collected, before
//     the next. The client checks lengths, not digests.
//   - allocated, live heap: the bytes of the content. Allocated is all that the
//     process allocates meanwhile, net/http's client included.
//   - lists: the same registry with a list of one page. Other registries are
//     filled through their API, with 2,000 entries, since one takes minutes for
//     more.
//   - stalled upload: the same registry without it. "stops": 64 pushes did not
//     get through in three seconds.
//   - recorded: the same registry without its recorder; for bytes, the number of
//     exchanges, each about another manifest than those shortly before it. About
//     the same, they take less.
//   - auth: the same registry without it.
//   - upstream: the reverse proxy of net/http/httputil, both in front of ocifake.
//   - startup: a program of net/http alone that answers 200 to everything. Ready is
//     who answers a ping with 200; CPU time is that of the process by then. All are
//     built alike: without cgo, with -trimpath -ldflags "-s -w", others from the Go
//     module proxy.
//   - directory: a handler that receives, hashes, writes and syncs the same body; for
//     the start, the same program with an empty directory.
//   - compile: go-containerregistry's pkg/registry. Both are imported by a test of one
//     line that is built with a cache in which only the standard library is compiled.
//     The seconds are those of the processors, in the compiler, the linker and
//     whatever else cmd/go runs, of its own action graph.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"slices"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// effort is how much is measured.
type effort struct {
	entries  int           // of long lists
	fewest   int           // pairs of each comparison
	duration time.Duration // after which there are no more than those
}

func run(args []string, w io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	only := flags.String("run", "", "the workloads whose names match this regular `expression`")
	quick := flags.Bool("quick", false, "measure less, and shorter lists: ratios are rough")
	each := flags.Duration("time", 2*time.Second, "time for each comparison")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q: workloads are chosen by -run", flags.Arg(0))
	}
	matches, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	e := effort{entries: 1_000_000, fewest: 5, duration: *each}
	if *quick {
		e = effort{entries: 10_000, fewest: 3, duration: 100 * time.Millisecond}
	}
	dir, err := os.MkdirTemp("", "ocifake-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var chosen []section
	for _, s := range []section{{registries, rows(e.entries)}, startup(release(dir)), directories(release(dir)), weight(newCompiler(dir))} {
		s.rows = slices.DeleteFunc(s.rows, func(r row) bool { return !matches.MatchString(r.name) })
		if len(s.rows) > 0 {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("-run: no workload's name matches %q", *only)
	}
	return e.print(w, chosen)
}

// print measures what was chosen.
func (e effort) print(w io.Writer, chosen []section) error {
	_, err := fmt.Fprintf(w, "%s, %s/%s, %d CPUs\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, s := range chosen {
		err = errors.Join(err, e.printSection(w, s))
	}
	return err
}

// printSection measures the rows and prints each as soon as it is known.
func (e effort) printSection(w io.Writer, s section) error {
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	t := table{w, s.columns}
	if err := t.header(); err != nil {
		return err
	}
	var failed error
	for _, r := range s.rows {
		results := make([]result, len(r.subjects))
		for i, s := range r.subjects {
			results[i] = e.measure(r, s)
			failed = errors.Join(failed, results[i].failure(r, s))
		}
		if err := t.row(r, results); err != nil {
			return err
		}
	}
	return failed
}

// measure makes one comparison.
func (e effort) measure(r row, s subject) result {
	runtime.GC()
	var begin time.Time
	n := 0
	pairs, err := r.compare(s, func() bool {
		if n == 0 {
			begin = time.Now()
		}
		n++
		return n <= e.fewest || time.Since(begin) < e.duration
	})
	return result{pairs, err}
}
