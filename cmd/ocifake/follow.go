package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/ocifake/ocifake/record"
)

// follow calls a function with each exchange that has ended, and with those that
// end, until ctx or the ocifake does. If the connection breaks off, it comes back
// where it was, unless nothing has come since it did so before.
func (c *client) follow(ctx context.Context, query url.Values, show func(record.Exchange) error) error {
	from, last := url.Values{}, ""
	maps.Copy(from, query)
	for again := false; ; again = true {
		stream, err := c.send(ctx, http.MethodGet, "events", from, nil)
		if err == nil {
			last, err = readRequests(stream, show)
			stream.Close()
		}
		var status *exit
		var broken *brokenOff
		switch {
		case ctx.Err() != nil:
			return nil
		case again && errors.As(err, &status) && status.status == unreachable: // it has ended
			return nil
		case !errors.As(err, &broken) || again && last == "":
			return err
		}
		if last != "" {
			from.Set("after", last)
		}
	}
}

// brokenOff is the error of a connection.
type brokenOff struct{ error }

func (b *brokenOff) Unwrap() error { return b.error }

// readRequests reads the exchanges that have ended from a stream of events, and
// returns the id of the last one.
func readRequests(stream io.Reader, show func(record.Exchange) error) (last string, err error) {
	err = readEvents(stream, func(e event) error {
		if e.name != "request" {
			return nil
		}
		last = e.id
		var x record.Exchange
		if err := json.Unmarshal([]byte(e.data), &x); err != nil {
			return fmt.Errorf("a request cannot be read: %w", err)
		}
		return show(x)
	})
	return last, err
}

// event is one of those that a server sends, with one line of data.
type event struct{ name, id, data string }

const maxEvent = 64 << 20 // bytes of a line

// readEvents reads server-sent events until they end.
func readEvents(r io.Reader, each func(event) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvent)
	var e event
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		}
		if lines.Text() != "" {
			continue
		}
		if err := each(e); err != nil {
			return err
		}
		e = event{}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("an event is longer than %d bytes", maxEvent)
	case err != nil:
		return &brokenOff{fmt.Errorf("the connection broke off: %w", err)}
	}
	return nil
}
