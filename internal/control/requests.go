package control

import (
	"cmp"
	"io"
	"math"
	"net/http"
	"slices"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/record"
)

func requestRoutes() []route {
	download := func(path, mediaType, summary string, write func(*API, io.Writer, []record.Filter) error) route {
		return route{method: http.MethodGet, path: path, summary: summary, params: []param{filterParam},
			answers: []answer{{http.StatusOK, "the file", mediaType, ""}}, handle: file(mediaType, path, write)}
	}
	return []route{
		{method: http.MethodGet, path: "requests", summary: "Requests on record, in the order in which they began",
			params: []param{filterParam,
				{name: "after", kind: sequence, doc: "Those with a number (seq) above this one."},
				{name: "before", kind: sequence, doc: "Those with a number below this one."},
				limitParam,
				{name: "tail", kind: number(1, 10_000, 0), doc: "The newest, so many at the most, rather than the oldest. Not with limit."}},
			answers: []answer{ok("Requests", "the requests")}, handle: (*API).listRequests},
		{method: http.MethodGet, path: "requests/{seq}", summary: "One request",
			params:  []param{{name: "seq", kind: sequence, inPath: true, doc: "Its number."}},
			answers: []answer{ok("Exchange", "the request"), missing}, handle: (*API).oneRequest},
		{method: http.MethodDelete, path: "requests", summary: "Forgets all requests, those in flight too",
			answers: []answer{done}, handle: (*API).forget},
		{method: http.MethodGet, path: "requests/count", summary: "How many requests are on record", params: []param{filterParam},
			answers: []answer{ok("Count", "how many")}, handle: (*API).count},
		download("requests.har", jsonType, "The requests as an HTTP Archive, which browsers open", logged(record.Log.WriteHAR)),
		download("requests.jsonl", "application/jsonl", "The requests as JSON Lines, in the order in which they ended", (*API).writeJSONL),
		download("journal.txt", textType, "The requests as a table", logged(text(record.Log.Journal))),
		download("transcript.txt", textType, "What was said, without what differs from run to run", logged(text(record.Log.Transcript))),
		{method: http.MethodGet, path: "events", summary: "What happens, as server-sent events",
			params: []param{filterParam, {name: "after", kind: sequence,
				doc: "A place in the order in which requests end: last of a list of requests, or the id of an event. Default: 0, the start. Last-Event-ID goes before it."}},
			answers: []answer{{http.StatusOK, eventsDoc, eventType, ""}}, handle: (*API).events},
		{method: http.MethodPost, path: "expectations", summary: "Judges what is on record",
			body: &body{[]string{jsonType}, "Expectations", "what is to hold"}, answers: []answer{ok("Judgement", "the judgement"), tooMuch}, handle: (*API).judge},
	}
}

type requests struct {
	Requests record.Log `json:"requests"`
	Dropped  int        `json:"dropped"`
	Last     uint64     `json:"last"`
}

func (a *API) listRequests(w http.ResponseWriter, r *request) error {
	tail := value[int](r, "tail")
	if tail > 0 && r.URL.Query().Has("limit") {
		return wrong("tail", "want either it, or limit")
	}
	list := requests{Dropped: a.config.Recorder.Dropped(), Last: a.position()} // before the list, lest something is missed
	s := selection{
		recorder: a.config.Recorder, filters: value[[]record.Filter](r, "filter"),
		after: value[uint64](r, "after"), before: cmp.Or(value[uint64](r, "before"), math.MaxUint64),
	}
	if tail > 0 {
		list.Requests = s.newest(tail)
	} else {
		list.Requests = s.oldest(value[int](r, "limit"))
	}
	reply(w, http.StatusOK, list)
	return nil
}

// position is the present place in the order of ends, for clients.
func (a *API) position() uint64 { return a.origin + uint64(a.config.Recorder.Position()) }

// selection are the requests with numbers between two others that filters mean.
type selection struct {
	recorder      *recorder.Recorder
	filters       []record.Filter
	after, before uint64
}

// newest returns the newest of the selection, in order. It looks at new requests
// first, and at all only if too few of those are meant.
func (s *selection) newest(most int) record.Log {
	top := min(s.before-1, uint64(s.recorder.Mark()))
	for window := uint64(2 * most); ; window *= 8 {
		w := *s
		if top > window {
			w.after = max(s.after, top-window)
		}
		if found := w.pick(most, -1); len(found) == most || w.after == s.after {
			return found
		}
	}
}

func (s *selection) oldest(most int) record.Log { return s.pick(most, 1) }

// pick returns the first of the selection, or, in the other direction, the last. It
// never holds more than twice as many.
func (s *selection) pick(most, direction int) record.Log {
	found := record.Log{}
	trim := func() {
		slices.SortFunc(found, func(a, b record.Exchange) int { return direction * cmp.Compare(a.Seq, b.Seq) })
		found = found[:min(most, len(found))]
	}
	for x := range s.recorder.Exchanges(record.Mark(s.after), s.filters...) {
		if x.Seq >= s.before {
			continue
		}
		if found = append(found, x); len(found) == 2*most {
			trim()
		}
	}
	trim()
	if direction < 0 {
		slices.Reverse(found)
	}
	return found
}

func (a *API) oneRequest(w http.ResponseWriter, r *request) error {
	seq := value[uint64](r, "seq")
	x, ok := a.config.Recorder.Exchange(seq)
	if !ok {
		return notFound("request %d is not on record, or not any more", seq)
	}
	reply(w, http.StatusOK, x)
	return nil
}

func (a *API) forget(w http.ResponseWriter, _ *request) error {
	a.config.Recorder.Clear()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) count(w http.ResponseWriter, r *request) error {
	n := 0
	for range a.config.Recorder.Exchanges(0, value[[]record.Filter](r, "filter")...) {
		n++
	}
	reply(w, http.StatusOK, map[string]int{"count": n})
	return nil
}

// file returns a handler for what is written of the requests that a filter means.
// When that fails, the client has left: all of it has been made before.
func file(mediaType, name string, write func(*API, io.Writer, []record.Filter) error) func(*API, http.ResponseWriter, *request) error {
	return func(a *API, w http.ResponseWriter, r *request) error {
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		if err := write(a, w, value[[]record.Filter](r, "filter")); err != nil {
			a.config.Log.Debug("a download was not finished", "file", name, "error", err)
			panic(http.ErrAbortHandler)
		}
		return nil
	}
}

func logged(write func(record.Log, io.Writer) error) func(*API, io.Writer, []record.Filter) error {
	return func(a *API, w io.Writer, filters []record.Filter) error {
		return write(a.config.Recorder.Log(filters...), w)
	}
}

func text(of func(record.Log) string) func(record.Log, io.Writer) error {
	return func(l record.Log, w io.Writer) error {
		_, err := io.WriteString(w, of(l))
		return err
	}
}

// writeJSONL holds one exchange at a time.
func (a *API) writeJSONL(w io.Writer, filters []record.Filter) error {
	for x := range a.config.Recorder.Exchanges(0, filters...) {
		if err := (record.Log{x}).WriteJSONL(w); err != nil {
			return err
		}
	}
	return nil
}
