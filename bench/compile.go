package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// compiler builds the tests of one line in ./weight, with a cache in which only the
// standard library is compiled.
type compiler struct {
	dir  string
	warm func() (cache string, err error)
}

func newCompiler(dir string) *compiler {
	c := &compiler{dir: dir}
	c.warm = sync.OnceValues(func() (string, error) {
		cache := filepath.Join(dir, "warm")
		if _, err := goCommand(cacheIn(cache), "build", "std"); err != nil {
			return "", err
		}
		_, err := c.test(cache, "bare")
		return cache, err
	})
	return c
}

// compiled compares what it costs to build a test of one line that imports a
// library, in CPU seconds.
func (c *compiler) compiled(base subject) comparison {
	once := func(s subject) func() (float64, error) {
		return func() (float64, error) { return c.seconds(s.name) }
	}
	return func(s subject, more func() bool) ([]pair, error) {
		return inTurns(once(base), once(s), more)
	}
}

// seconds builds the test that is called name with a copy of the warm cache.
func (c *compiler) seconds(name string) (float64, error) {
	warm, err := c.warm()
	if err != nil {
		return 0, err
	}
	cache, err := os.MkdirTemp(c.dir, "cache-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(cache)
	if err := os.CopyFS(cache, os.DirFS(warm)); err != nil {
		return 0, err
	}
	return c.test(cache, name)
}

// action is an action of cmd/go's graph, as far as it is of interest here.
type action struct{ CmdUser, CmdSys time.Duration }

// test returns the CPU seconds of the compiler, the linker and whatever else cmd/go
// runs to build a test.
func (c *compiler) test(cache, name string) (float64, error) {
	graph := filepath.Join(c.dir, "graph.json")
	if _, err := goCommand(cacheIn(cache), "test", "-c", "-debug-actiongraph", graph, "-o", filepath.Join(c.dir, "one.test"), "./weight/"+name); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(graph)
	if err != nil {
		return 0, err
	}
	var actions []action
	if err := json.Unmarshal(text, &actions); err != nil {
		return 0, err
	}
	var cpu time.Duration
	for _, a := range actions {
		cpu += a.CmdUser + a.CmdSys
	}
	if cpu == 0 {
		return 0, errors.New("the action graph has no CPU time")
	}
	return cpu.Seconds(), nil
}

func cacheIn(dir string) []string { return []string{"GOCACHE=" + dir, "GOFLAGS="} }
