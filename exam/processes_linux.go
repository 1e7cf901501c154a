package exam

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// processes tells the CPU time of process groups. It reads /proc at most once in freshness.
type processes struct {
	mu   sync.Mutex
	read time.Time
	used map[int]int64
}

const freshness = 100 * time.Millisecond

// of returns the CPU time that the processes of a group have used, and those that they have
// waited for, in clock ticks.
func (p *processes) of(group int) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); now.Sub(p.read) > freshness {
		p.read, p.used = now, map[int]int64{}
		for _, pid := range ids("/proc") {
			if text, err := os.ReadFile("/proc/" + pid + "/stat"); err == nil { // else the process has ended
				g, ticks := parseStat(string(text))
				p.used[g] += ticks
			}
		}
	}
	return p.used[group]
}

// ids returns the names in a directory of /proc that are numbers: of processes, or of threads.
func ids(dir string) []string {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1)
	return slices.DeleteFunc(names, func(name string) bool { return name[0] < '0' || '9' < name[0] })
}

// parseStat returns the process group and the CPU time in a file /proc/PID/stat; see proc(5).
// The name of the program, in parentheses, can contain anything.
func parseStat(text string) (group int, ticks int64) {
	const groupField, timeField, timeFields = 2, 11, 4 // after the name
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < timeField+timeFields {
		return 0, 0
	}
	group, err := strconv.Atoi(fields[groupField])
	if err != nil {
		return 0, 0
	}
	for _, field := range fields[timeField : timeField+timeFields] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, 0
		}
		ticks += n
	}
	return group, ticks
}

// runs reports whether a thread of a process, or of a process that it started, runs, is about to
// run, or waits for a disk. It is false without a process.
func runs(pid int) bool {
	const most = 1000 // threads
	left := most
	return pid > 0 && runsWithin(pid, &left)
}

func runsWithin(pid int, left *int) bool {
	tasks := "/proc/" + strconv.Itoa(pid) + "/task/"
	for _, id := range ids(tasks) {
		thread := tasks + id
		if *left--; *left < 0 {
			return false
		}
		stat, err := os.ReadFile(thread + "/stat")
		if err != nil { // the thread has ended
			continue
		}
		if state := parseState(string(stat)); state == "R" || state == "D" {
			return true
		}
		children, err := os.ReadFile(thread + "/children")
		if err != nil {
			continue
		}
		for child := range strings.FieldsSeq(string(children)) {
			if id, err := strconv.Atoi(child); err == nil && runsWithin(id, left) {
				return true
			}
		}
	}
	return false
}

// parseState returns the state in a file stat of a process or a thread, or "".
func parseState(text string) string {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}
