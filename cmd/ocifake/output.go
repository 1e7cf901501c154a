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

// outputs are the files that flags name to be written.
type outputs struct {
	har        string
	requests   string // JSON Lines, written while requests end
	transcript string
	snapshot   string
	caFile     string // when the registry is served
	readyFile  string // after all others
	junit      string // the judgement of run
}

// Flags of the outputs.
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

// clearTargets removes what an earlier run left in the files. It is called once the
// registry listens: until then, they may be those of another one that is running.
func (f *fixture) clearTargets() error {
	var errs []error
	for flag, t := range f.config.targets {
		if flag != requestsFlag { // it is opened at once
			errs = append(errs, t.clear())
		}
	}
	f.owned = true
	return errors.Join(errs...)
}

// writeTargets writes the files that are left in the end.
func (f *fixture) writeTargets() error {
	ctx := f.ending
	log := f.recorder.Log()
	targets := f.config.targets
	if dropped := f.recorder.Dropped(); dropped > 0 && (targets[harFlag] != nil || targets[transcriptFlag] != nil) {
		f.log.Warn("the oldest requests are not in the files: there was no room for them; give more with --max-record", "missing", dropped)
	}
	var errs []error
	for _, file := range []struct {
		flag  string
		write func(io.Writer) error
	}{
		{harFlag, log.WriteHAR},
		{transcriptFlag, func(w io.Writer) error { _, err := io.WriteString(w, log.Transcript()); return err }},
		{snapshotFlag, func(w io.Writer) error { return content.Snapshot(context.WithoutCancel(ctx), f.store, w) }},
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
		f.log.Info("writing to a named pipe, when it has a reader", "flag", t.flag, "file", t.name)
	}
}

// stream begins to write the file of the requests, a line when each has ended.
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
	f.closers = slices.Insert(f.closers, 0, closeFile) // run last: closing the server ends requests
	return nil
}

// opening is a file that is being opened. Writing to it waits until it is.
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
		return fmt.Errorf("%d requests are not in the file: they came faster than it could be written; give them room with --max-record", missing)
	}
	return nil
}
