package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/record"
)

const (
	eventType = "text/event-stream"
	eventsDoc = "Events: request, once for each request that has ended, in that order, with its position as id and the exchange as data; " +
		"open, for most requests that have begun, before the event request, with the exchange as data; " +
		"cleared, when the requests up to the number in data, {\"last\":SEQ}, were deleted; faults, when the rules have changed; " +
		"profile, when the profile has changed. " +
		"A client that reads too slowly misses the requests that the record drops in the meantime."

	pace      = 20 * time.Millisecond // minimum interval between two batches
	keepAlive = 15 * time.Second      // interval between two comments on an idle stream
	hungUp    = time.Minute           // timeout of a write
	atOnce    = 64                    // maximum number of exchanges in a batch
	maxRoom   = 1 << 20               // maximum size in bytes of a reused buffer
)

// events streams events until the client disconnects. It reads the record at the client's pace,
// without a queue.
func (a *API) events(w http.ResponseWriter, r *request) error {
	after, err := startOf(r)
	if err != nil {
		return err
	}
	s := &stream{api: a, w: w, flush: http.NewResponseController(w)}
	w.Header().Set("Content-Type", eventType)
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	defer func() { _ = s.flush.SetWriteDeadline(time.Time{}) }() // the connection may be used again
	s.begin(after, value[[]record.Filter](r, "filter"))
	if err := s.follow(r); err != nil {
		a.config.Log.Debug("event stream ended", "remote", r.RemoteAddr, "error", err)
	}
	return nil
}

// startOf returns the position after which the client wants events.
func startOf(r *request) (uint64, error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		return value[uint64](r, "after"), nil
	}
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, wrong("Last-Event-ID", "%q is not the id of an event", text)
	}
	return id, nil
}

// stream is a stream of events.
type stream struct {
	api      *API
	follower *recorder.Follower
	w        io.Writer
	flush    *http.ResponseController
	room     bytes.Buffer
	sent     time.Time // time of the last write
}

// begin starts the stream after a position. If the position is that of an earlier process, the
// stream starts with the first request, and tells the client to forget the requests that it has.
func (s *stream) begin(after uint64, filters []record.Filter) {
	origin := s.api.origin
	from := after - origin
	s.room.WriteString(": events\n\n") // confirms the connection
	if after < origin || after > s.api.position() {
		from = 0
		if after != 0 {
			s.add("cleared", 0, []byte(`{"last":0}`))
		}
	}
	s.follower = s.api.config.Recorder.Follow(recorder.Position(from), filters...)
}

// follow sends events until the client disconnects, or the API is closed.
func (s *stream) follow(r *request) error {
	beat := time.NewTicker(keepAlive)
	defer beat.Stop()
	rules, profile, closed := s.api.config.Faults.Changed(), s.api.switched.changed(), false
	for {
		changed := s.api.config.Recorder.Changed()
		news := s.follower.Next(atOnce)
		if err := s.tell(&news); err != nil {
			return err
		}
		if news.More {
			if err := r.Context().Err(); err != nil {
				return err
			}
			continue
		}
		if closed {
			return errors.New("closed")
		}
		select {
		case <-changed:
			s.rest(r.Context())
		case <-rules:
			rules = s.api.config.Faults.Changed()
			s.add("faults", 0, []byte("{}"))
		case <-profile:
			profile = s.api.switched.changed()
			s.add("profile", 0, []byte("{}"))
		case <-beat.C:
			s.room.WriteString(": alive\n\n")
		case <-s.api.closed:
			closed = true // send the requests that have ended
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
}

// rest pauses after a write, so that the next events are sent together.
func (s *stream) rest(ctx context.Context) {
	if d := pace - time.Since(s.sent); d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		wait(ctx, s.api, t.C)
	}
}

// tell sends the news, after the events that were added before.
func (s *stream) tell(news *recorder.News) error {
	if news.Cleared > 0 {
		s.add("cleared", 0, fmt.Appendf(nil, `{"last":%d}`, news.Cleared))
	}
	for _, x := range news.Begun {
		if err := s.exchange("open", 0, x); err != nil {
			return err
		}
	}
	for i, x := range news.Ended {
		if err := s.exchange("request", s.api.origin+uint64(news.At[i]), x); err != nil {
			return err
		}
	}
	return s.send()
}

func (s *stream) exchange(event string, id uint64, x record.Exchange) error {
	data, err := x.MarshalJSON()
	if err != nil {
		return err
	}
	s.add(event, id, data)
	return nil
}

// add appends an event to the next write. The data must be one line.
func (s *stream) add(event string, id uint64, data []byte) {
	fmt.Fprintf(&s.room, "event: %s\n", event)
	if id > 0 {
		fmt.Fprintf(&s.room, "id: %d\n", id)
	}
	fmt.Fprintf(&s.room, "data: %s\n\n", data)
}

// send writes the appended events.
func (s *stream) send() error {
	if s.room.Len() == 0 {
		return nil
	}
	if err := s.flush.SetWriteDeadline(time.Now().Add(hungUp)); err != nil {
		return err
	}
	defer s.empty()
	if _, err := s.w.Write(s.room.Bytes()); err != nil {
		return err
	}
	err := s.flush.Flush()
	s.sent = time.Now()
	return err
}

// empty empties the buffer, and releases a large one.
func (s *stream) empty() {
	if s.room.Reset(); s.room.Cap() > maxRoom {
		s.room = bytes.Buffer{}
	}
}
