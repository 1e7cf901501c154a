package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/fsnotify/fsnotify"

	"github.com/ocifake/ocifake/config"
	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/faults/known"
)

// ruleFile is a file of fault rules, with its content when it was last read, or a known fault.
type ruleFile struct {
	path  string // or known:NAME
	text  []byte
	rules []faults.Rule

	trouble string // error of the last attempt to read it, or empty
}

// known returns the name of the known fault, and reports whether it is one.
func (r *ruleFile) known() (name string, ok bool) { return strings.CutPrefix(r.path, knownPrefix) }

// ruleFiles are the files of rules in the order in which they apply.
type ruleFiles []*ruleFile

// readRules reads the files at startup.
func readRules(ctx context.Context, paths []string) (files ruleFiles, err error) {
	for i, path := range paths {
		if slices.Contains(paths[:i], path) {
			continue
		}
		file := &ruleFile{path: path}
		if err := file.read(ctx); err != nil {
			return nil, fmt.Errorf("--faults %s: %w", path, err)
		}
		files = append(files, file)
	}
	return files, nil
}

// read reads the rules for the first time.
func (r *ruleFile) read(ctx context.Context) (err error) {
	if name, ok := r.known(); ok {
		f, err := known.Find(name)
		if err != nil {
			return err
		}
		r.rules = f.Rules()
		return nil
	}
	if r.text, err = readFile(ctx, r.path); err != nil {
		return err
	}
	r.rules, err = parseRules(r.path, r.text)
	return err
}

// parseRules parses rules. A rule without a name is named after its file and position.
func parseRules(path string, text []byte) ([]faults.Rule, error) {
	if len(text) == 0 {
		return nil, errors.New("the file is empty: use [] for no rules")
	}
	rules, err := config.Rules(text)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "rules: "))
	}
	for i := range rules {
		if rules[i].Name == "" {
			rules[i].Name = filepath.Base(path) + "#" + strconv.Itoa(i+1)
		}
	}
	return rules, nil
}

// all returns the rules of all files.
func (files ruleFiles) all() (rules []faults.Rule) {
	for _, file := range files {
		rules = append(rules, file.rules...)
	}
	return rules
}

// watch adds the rules of the files, and reloads files that change.
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
		return fmt.Errorf("--faults: watch for changes: %w", err)
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
	for _, file := range f.rules {
		if _, ok := file.known(); ok {
			continue
		}
		// Watch the directory: editors replace the file, and Kubernetes replaces the directory.
		if err := watcher.Add(filepath.Dir(file.path)); err != nil {
			return fmt.Errorf("--faults %s: watch for changes: %w", file.path, err)
		}
	}
	return nil
}

// readAgain replaces the rules of a file that has changed. Unchanged rules keep their counts. An
// invalid file does not change the rules. An empty or missing file is still being written.
func (f *fixture) readAgain(file *ruleFile) {
	if _, ok := file.known(); ok {
		return
	}
	text, err := readRegular(file.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (len(text) == 0 || bytes.Equal(text, file.text)) {
		return
	}
	if err == nil {
		file.text = text
		err = f.replaceRules(file)
	}
	if err != nil {
		if trouble := err.Error(); trouble != file.trouble { // log once, not on every change in the directory
			f.log.Error("invalid fault rules: keeping the previous rules", "file", file.path, "error", err)
			file.trouble = trouble
		}
		return
	}
	file.trouble = ""
	if f.control != nil {
		f.control.SetRules(f.rules.all())
	}
	f.log.Info("fault rules", "file", file.path, "rules", len(file.rules))
}

// replaceRules replaces the rules of a file by those in its text.
func (f *fixture) replaceRules(file *ruleFile) error {
	rules, err := parseRules(file.path, file.text)
	if err != nil {
		return err
	}
	var before []string
	for _, rule := range file.rules {
		before = append(before, rule.Name)
	}
	if err := f.faults.Replace(before, rules...); err != nil {
		return err
	}
	file.rules = rules
	return nil
}
