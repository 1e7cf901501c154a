package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ocifake/ocifake/internal/content"
	"github.com/ocifake/ocifake/internal/recorder"
)

// outputs holds the flags of output files.
type outputs struct {
	har        string
	requests   string // JSON Lines, written as requests end
	transcript string
	snapshot   string
	caFile     string // written when the registry is ready
	readyFile  string // written after all others
	junit      string // results of run
}

const (
	harFlag        = "--har"
	requestsFlag   = "--requests"
	transcriptFlag = "--transcript"
	snapshotFlag   = "--snapshot"
	caFileFlag     = "--ca-file"
	readyFileFlag  = "--ready-file"
	junitFlag      = "--junit"
)

func (o *outputs) files() []namedFile {
	return []namedFile{
		{requestsFlag, o.requests}, {harFlag, o.har}, {transcriptFlag, o.transcript}, {snapshotFlag, o.snapshot},
		{junitFlag, o.junit}, {caFileFlag, o.caFile}, {readyFileFlag, o.readyFile},
	}
}

// clearTargets removes the files of an earlier run. It is called after the registry listens:
// before, the files may belong to another running registry.
func (f *fixture) clearTargets() error {
	var errs []error
	for flag, t := range f.config.targets {
		if flag != requestsFlag { // opened at once
			errs = append(errs, t.clear())
		}
	}
	f.owned = true
	return errors.Join(errs...)
}

// writeTargets writes the output files at the end.
func (f *fixture) writeTargets() error {
	ctx := f.ending
	log := f.recorder.Log()
	targets := f.config.targets
	if dropped := f.recorder.Dropped(); dropped > 0 && (targets[harFlag] != nil || targets[transcriptFlag] != nil) {
		f.log.Warn("the output files lack the oldest requests, which were dropped from the record: raise --max-record", "missing", dropped)
	}
	var errs []error
	for _, file := range []struct {
		flag  string
		write func(io.Writer) error
	}{
		{harFlag, log.WriteHAR},
		{transcriptFlag, func(w io.Writer) error { _, err := io.WriteString(w, log.Transcript()); return err }},
		{snapshotFlag, func(w io.Writer) error { return content.Snapshot(context.WithoutCancel(ctx), f.content, w) }},
	} {
		if t := targets[file.flag]; t != nil {
			f.sayIfWaiting(ctx, t)
			errs = append(errs, t.write(ctx, file.write))
		}
	}
	return errors.Join(errs...)
}

// sayIfWaiting logs that a named pipe has no reader yet.
func (f *fixture) sayIfWaiting(ctx context.Context, t *target) {
	if t.way == wayPipe && ctx.Err() == nil {
		f.log.Info("waiting for a reader of the named pipe", "flag", t.flag, "file", t.name)
	}
}

// stream starts writing requests to a file, one line per request when it ends.
func (f *fixture) stream() error {
	ctx := f.ending
	t := f.config.targets[requestsFlag]
	if t == nil {
		return nil
	}
	file := &opening{done: make(chan struct{})}
	if t.way == wayPipe {
		go file.open(ctx, t)
	} else if file.open(ctx, t); file.err != nil {
		return t.failed(file.err)
	}
	ended, written := make(chan struct{}), make(chan error, 1)
	go func() { written <- follow(f.recorder, file, ended) }()
	closeFile := func() error {
		close(ended)
		f.sayIfWaiting(ctx, t)
		err := <-written
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
		return t.failed(err)
	}
	f.closers = slices.Insert(f.closers, 0, closeFile) // called last: closing the server ends requests
	return nil
}

// opening is a file that is being opened. Writes wait for it.
type opening struct {
	done chan struct{}
	file io.WriteCloser
	err  error
}

func (o *opening) open(ctx context.Context, t *target) {
	o.file, o.err = t.open(ctx)
	close(o.done)
}

func (o *opening) Write(p []byte) (int, error) {
	if <-o.done; o.err != nil {
		return 0, o.err
	}
	return o.file.Write(p)
}

func (o *opening) Close() error {
	if <-o.done; o.err != nil {
		return o.err
	}
	return o.file.Close()
}

// follow writes the requests that end to w, until ended is closed and those that
// have ended by then are written.
func follow(rec *recorder.Recorder, w io.Writer, ended <-chan struct{}) error {
	buffer := bufio.NewWriter(w)
	follower := rec.Follow(0)
	defer follower.Keep()()
	missing := 0
	for over := false; ; {
		changed := rec.Changed()
		news := follower.Next(1000)
		if err := news.Ended.WriteJSONL(buffer); err != nil {
			return err
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
		return fmt.Errorf("the file lacks %d requests, which were dropped from the record before they were written: raise --max-record", missing)
	}
	return nil
}
