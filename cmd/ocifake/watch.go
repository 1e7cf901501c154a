package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/fsnotify/fsnotify"

	"github.com/ocifake/ocifake/faults"
)

// ruleFiles are files of fault rules, whose rules are those that they have now.
type ruleFiles struct {
	paths  []string
	engine *faults.Engine
	names  map[string][]string // of the rules that came from each file
}

// watch adds the rules of the files, and replaces them when the files change.
func (f *fixture) watch() error {
	r := &ruleFiles{f.config.faults, f.faults, map[string][]string{}}
	for _, path := range r.paths {
		if _, err := r.read(path); err != nil {
			return fmt.Errorf("--faults %s: %w", path, err)
		}
	}
	if len(r.paths) == 0 {
		return nil
	}
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("--faults: cannot watch for changes: %w", err)
	}
	done := make(chan struct{})
	f.closers = append(f.closers, func() error {
		err := watcher.Close()
		<-done
		return err
	})
	go func() {
		defer close(done)
		for event := range watcher.Events {
			f.changed(r, event)
		}
	}()
	for _, path := range r.paths { // the folder: editors put a new file in the place of the old one
		if err := watcher.Add(filepath.Dir(path)); err != nil {
			return fmt.Errorf("--faults %s: cannot watch for changes: %w", path, err)
		}
	}
	return nil
}

// changed reads a file again. If it is broken, the rules stay as they are.
func (f *fixture) changed(r *ruleFiles, event fsnotify.Event) {
	at := slices.IndexFunc(r.paths, func(path string) bool { return filepath.Clean(path) == filepath.Clean(event.Name) })
	if at < 0 || !event.Has(fsnotify.Write) && !event.Has(fsnotify.Create) {
		return
	}
	n, err := r.read(r.paths[at])
	if err != nil {
		f.log.Error("fault rules are refused, those from before stay", "file", r.paths[at], "error", err)
		return
	}
	f.log.Info("fault rules", "file", r.paths[at], "rules", n)
}

// read puts the rules of a file in the place of those that it had before, and
// returns how many there are. Rules that are the same keep their counts. An empty
// file is one that is being written.
func (r *ruleFiles) read(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	if len(text) == 0 {
		return 0, errors.New("it is empty; for no rules write []")
	}
	rules, err := faults.ParseRules(text)
	if err != nil {
		return 0, errors.New(strings.TrimPrefix(err.Error(), "faults: "))
	}
	names := make([]string, len(rules))
	for i := range rules {
		if rules[i].Name == "" {
			rules[i].Name = filepath.Base(path) + "#" + strconv.Itoa(i+1)
		}
		rules[i] = rules[i].Optional()
		names[i] = rules[i].Name
	}
	if err := r.engine.Replace(r.names[path], rules...); err != nil {
		return 0, err
	}
	r.names[path] = names
	return len(rules), nil
}
