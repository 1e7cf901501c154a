package main

import (
	"bytes"
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

// ruleFile is a file of fault rules, as it was when it was last read.
type ruleFile struct {
	path  string
	text  []byte
	rules []faults.Rule
}

// ruleFiles are the files of rules in the order in which they apply.
type ruleFiles []*ruleFile

// readRules reads the files at the start.
func readRules(paths []string) (files ruleFiles, err error) {
	for i, path := range paths {
		if slices.Contains(paths[:i], path) {
			continue
		}
		file := &ruleFile{path: path}
		if file.text, err = os.ReadFile(path); err == nil {
			file.rules, err = parseRules(path, file.text)
		}
		if err != nil {
			return nil, fmt.Errorf("--faults %s: %w", path, err)
		}
		files = append(files, file)
	}
	return files, nil
}

// parseRules reads rules. Those without a name get one of their file and place, and
// none need fire.
func parseRules(path string, text []byte) ([]faults.Rule, error) {
	if len(text) == 0 {
		return nil, errors.New("it is empty; for no rules write []")
	}
	rules, err := faults.ParseRules(text)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "faults: "))
	}
	for i := range rules {
		if rules[i].Name == "" {
			rules[i].Name = filepath.Base(path) + "#" + strconv.Itoa(i+1)
		}
		rules[i] = rules[i].Optional()
	}
	return rules, nil
}

// all are the rules of all files.
func (files ruleFiles) all() (rules []faults.Rule) {
	for _, file := range files {
		rules = append(rules, file.rules...)
	}
	return rules
}

// watch adds the rules of the files, and replaces them when the files change.
func (f *fixture) watch() error {
	if len(f.rules) == 0 {
		return nil
	}
	for _, file := range f.rules {
		if err := f.faults.Add(file.rules...); err != nil {
			return fmt.Errorf("--faults %s: %w", file.path, err)
		}
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
		for range watcher.Events {
			for _, file := range f.rules {
				f.readAgain(file)
			}
		}
	}()
	for _, file := range f.rules { // the folder: editors put a new file, and Kubernetes a new folder, in the place of the old one
		if err := watcher.Add(filepath.Dir(file.path)); err != nil {
			return fmt.Errorf("--faults %s: cannot watch for changes: %w", file.path, err)
		}
	}
	return nil
}

// readAgain puts the rules that a file has now in the place of those that it had
// before, if it has changed. Rules that are the same keep their counts. If the file is
// broken, the rules stay as they are. One that is empty or not there is being written.
func (f *fixture) readAgain(file *ruleFile) {
	text, err := os.ReadFile(file.path)
	if err != nil || len(text) == 0 || bytes.Equal(text, file.text) {
		return
	}
	file.text = text
	rules, err := parseRules(file.path, text)
	if err == nil {
		var before []string
		for _, rule := range file.rules {
			before = append(before, rule.Name)
		}
		err = f.faults.Replace(before, rules...)
	}
	if err != nil {
		f.log.Error("fault rules are refused, those from before stay", "file", file.path, "error", err)
		return
	}
	file.rules = rules
	if f.control != nil {
		f.control.SetRules(f.rules.all())
	}
	f.log.Info("fault rules", "file", file.path, "rules", len(rules))
}
