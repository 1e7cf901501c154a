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

// follow calls show with each past and future request of the record until ctx or the ocifake ends.
// After a lost connection it reconnects and continues, unless the previous connection had no
// events.
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
		case again && errors.As(err, &status) && status.status == unreachable: // the ocifake has ended
			return nil
		case !errors.As(err, &broken) || again && last == "":
			return err
		}
		if last != "" {
			from.Set("after", last)
		}
	}
}

// brokenOff is a connection error.
type brokenOff struct{ error }

func (b *brokenOff) Unwrap() error { return b.error }

// readRequests reads requests from a stream of events, and returns the id of the last one.
func readRequests(stream io.Reader, show func(record.Exchange) error) (last string, err error) {
	err = readEvents(stream, func(e event) error {
		if e.name != "request" {
			return nil
		}
		last = e.id
		var x record.Exchange
		if err := json.Unmarshal([]byte(e.data), &x); err != nil {
			return fmt.Errorf("decode request: %w", err)
		}
		return show(x)
	})
	return last, err
}

// event is a server-sent event with one line of data.
type event struct{ name, id, data string }

const maxEvent = 64 << 20 // maximum length of a line in bytes

// readEvents reads server-sent events until the end of the stream.
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
		return fmt.Errorf("event exceeds %d bytes", maxEvent)
	case err != nil:
		return &brokenOff{fmt.Errorf("connection lost: %w", err)}
	}
	return nil
}
