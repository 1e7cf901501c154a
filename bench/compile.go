package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// compiler builds the one-line tests in ./weight, with a cache that contains only the standard
// library.
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

// compiled compares the CPU seconds to build a one-line test that imports a library.
func (c *compiler) compiled(base subject) comparison {
	once := func(s subject) func() (float64, error) {
		return func() (float64, error) { return c.seconds(s.name) }
	}
	return func(s subject, more func() bool) ([]pair, error) {
		return inTurns(once(base), once(s), more)
	}
}

// seconds builds the named test with a copy of the warm cache.
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

// action is an action of cmd/go's action graph.
type action struct{ CmdUser, CmdSys time.Duration }

// test returns the CPU seconds of the compiler, the linker and the other commands that cmd/go runs
// to build a test.
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
