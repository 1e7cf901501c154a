package main

import (
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/ocifake/ocifake/internal/bytesize"
)

// showProgress returns a writer that counts bytes, and shows the progress on a terminal, in one
// line, after the first second. Call stop to remove the line.
func showProgress(terminal io.Writer, what string, expect int64) (sent io.Writer, stop func()) {
	f, ok := terminal.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return io.Discard, func() {}
	}
	return progressOn(f, what, expect)
}

func progressOn(w io.Writer, what string, expect int64) (sent io.Writer, stop func()) {
	p := new(progress)
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticks := time.NewTicker(time.Second)
		defer ticks.Stop()
		shown := false
		for {
			select {
			case <-ticks.C:
				shown = true
				fmt.Fprintf(w, "\r%s: %s\x1b[K", what, p.text(expect))
			case <-over:
				if shown {
					fmt.Fprint(w, "\r\x1b[K")
				}
				return
			}
		}
	}()
	return p, func() { close(over); <-ended }
}

// progress counts the written bytes.
type progress struct{ atomic.Int64 }

func (p *progress) Write(b []byte) (int, error) {
	p.Add(int64(len(b)))
	return len(b), nil
}

func (p *progress) text(expect int64) string {
	n := p.Load()
	text := bytesize.Format(n)
	if expect > 0 {
		text += fmt.Sprintf(" of %s, %d%%", bytesize.Format(expect), min(100, n*100/expect))
	}
	return text
}
