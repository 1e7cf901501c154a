package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/record"
)

// outputs are the files that are left when the registry has ended.
type outputs struct {
	har        string
	requests   string // JSON Lines, written while requests end
	transcript string
	snapshot   string
}

func (o *outputs) files() []string {
	return []string{o.har, o.requests, o.transcript, o.snapshot}
}

// check wants the folders of all files to be there: who hears of it at the end has
// lost what was recorded.
func (o *outputs) check() error {
	var errs []error
	for _, name := range o.files() {
		if name == "" || isSpecial(name) {
			continue
		}
		if dir, err := os.Stat(filepath.Dir(name)); err != nil {
			errs = append(errs, fmt.Errorf("cannot write %s: %w", name, err))
		} else if !dir.IsDir() {
			errs = append(errs, fmt.Errorf("cannot write %s: %s is no folder", name, filepath.Dir(name)))
		}
	}
	return errors.Join(errs...)
}

// write writes the files but for that of the requests, which is there by then.
func (o *outputs) write(f *fixture) error {
	ctx := context.Background() // it has to be done, whatever has ended
	log := f.recorder.Log()
	if dropped := f.recorder.Dropped(); dropped > 0 && o.har+o.transcript != "" {
		f.log.Warn("the oldest requests are not in the files: there was no room for them; give more with --max-record", "missing", dropped)
	}
	var errs []error
	for _, file := range []struct {
		flag, name string
		write      func(io.Writer) error
	}{
		{"--har", o.har, log.WriteHAR},
		{"--transcript", o.transcript, func(w io.Writer) error { _, err := io.WriteString(w, log.Transcript()); return err }},
		{"--snapshot", o.snapshot, func(w io.Writer) error { return content.Snapshot(ctx, f.store, w) }},
	} {
		if file.name == "" {
			continue
		}
		if err := writeFileBy(ctx, file.name, file.write); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", file.flag, err))
		}
	}
	return errors.Join(errs...)
}

// stream begins to write the file of the requests, a line when each has ended.
func (f *fixture) stream() error {
	name := f.config.output.requests
	if name == "" {
		return nil
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("--requests: %w", err)
	}
	ended, written := make(chan struct{}), make(chan error, 1)
	go func() { written <- follow(f.recorder, file, ended) }()
	f.closers = append(f.closers, func() error {
		close(ended)
		if err := errors.Join(<-written, file.Close()); err != nil {
			return fmt.Errorf("--requests: %w", err)
		}
		return nil
	})
	return nil
}

// follow writes the requests that end to w, until ended is closed and those that
// have ended by then are written.
func follow(recorder *record.Recorder, w io.Writer, ended <-chan struct{}) error {
	buffer := bufio.NewWriter(w)
	lines, follower := record.NewJSONLWriter(buffer), recorder.Follow(0)
	defer follower.Keep()()
	missing := 0
	for over := false; ; {
		changed := recorder.Changed()
		news := follower.Next(1000)
		for _, x := range news.Ended {
			if err := lines.Write(x); err != nil {
				return err
			}
		}
		missing += news.Missed
		if news.More {
			continue
		}
		if err := buffer.Flush(); err != nil {
			return err
		}
		if over {
			break
		}
		select {
		case <-changed:
		case <-ended:
			over = true
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d requests are not in the file: they came faster than it could be written; give them room with --max-record", missing)
	}
	return nil
}

// writeFileBy is [writeFile] of what a function writes.
func writeFileBy(ctx context.Context, name string, write func(io.Writer) error) error {
	if isSpecial(name) {
		var text bytes.Buffer
		if err := write(&text); err != nil {
			return err
		}
		return writeFile(ctx, name, text.Bytes())
	}
	return replaceFile(name, write)
}
