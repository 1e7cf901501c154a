package control

import (
	"cmp"
	"io"
	"math"
	"net/http"
	"slices"

	"github.com/ocifake/ocifake/internal/recorder"
	"github.com/ocifake/ocifake/lint"
	"github.com/ocifake/ocifake/record"
)

func requestRoutes() []route {
	download := func(path, mediaType, summary string, write func(*API, io.Writer, []record.Filter) error) route {
		return route{method: http.MethodGet, path: path, summary: summary, params: []param{filterParam},
			answers: []answer{{http.StatusOK, "the file", mediaType, ""}}, handle: file(mediaType, path, write)}
	}
	return []route{
		{method: http.MethodGet, path: "requests", summary: "List the recorded requests in the order in which they began",
			params: []param{filterParam,
				{name: "after", kind: sequence, doc: "Only requests with a number (seq) greater than this."},
				{name: "before", kind: sequence, doc: "Only requests with a number (seq) less than this."},
				limitParam,
				{name: "tail", kind: number(1, 10_000, 0), doc: "At most this many of the newest requests, instead of the oldest. Excludes limit."}},
			answers: []answer{ok("Requests", "the requests")}, handle: (*API).listRequests},
		{method: http.MethodGet, path: "requests/{seq}", summary: "Get a request",
			params:  []param{{name: "seq", kind: sequence, inPath: true, doc: "The number of the request."}},
			answers: []answer{ok("Exchange", "the request"), missing}, handle: (*API).oneRequest},
		{method: http.MethodDelete, path: "requests", summary: "Delete all requests from the record, including those in flight",
			answers: []answer{done}, handle: (*API).forget},
		{method: http.MethodGet, path: "requests/count", summary: "Count the recorded requests", params: []param{filterParam},
			answers: []answer{ok("Count", "the number of requests")}, handle: (*API).count},
		download("requests.har", jsonType, "Download the requests as an HTTP Archive (HAR)", logged(record.Log.WriteHAR)),
		download("requests.jsonl", "application/jsonl", "Download the requests as JSON Lines in the order in which they ended", (*API).writeJSONL),
		download("journal.txt", textType, "Download the requests as a table", logged(text(record.Log.Journal))),
		download("transcript.txt", textType, "Download a transcript of the requests, without values that vary between runs", logged(text(record.Log.Transcript))),
		{method: http.MethodGet, path: "events", summary: "Stream server-sent events",
			params: []param{filterParam, {name: "after", kind: sequence,
				doc: "The position after which events are sent: the field last of a list of requests, or the id of an event. Default: 0, the start. The header Last-Event-ID takes precedence."}},
			answers: []answer{{http.StatusOK, eventsDoc, eventType, ""}}, handle: (*API).events},
		{method: http.MethodGet, path: "lint", summary: "Judge the clients by the recorded requests",
			answers: []answer{ok("LintReport", "what the rules of lint find")}, handle: (*API).lint},
		{method: http.MethodPost, path: "expectations", summary: "Check expectations against the record",
			body: &body{[]string{jsonType}, "Expectations", "the expectations"}, answers: []answer{ok("Judgement", "the result"), tooMuch}, handle: (*API).judge},
	}
}

// lint judges the clients by all requests on record.
func (a *API) lint(w http.ResponseWriter, _ *request) error {
	reply(w, http.StatusOK, lint.Check(a.config.Recorder.Log()))
	return nil
}

type requests struct {
	Requests record.Log `json:"requests"`
	Dropped  int        `json:"dropped"`
	Last     uint64     `json:"last"`
}

func (a *API) listRequests(w http.ResponseWriter, r *request) error {
	tail := value[int](r, "tail")
	if tail > 0 && r.URL.Query().Has("limit") {
		return wrong("tail", "want either tail or limit, not both")
	}
	list := requests{Dropped: a.config.Recorder.Dropped(), Last: a.position()} // before the list, so that no event is missed
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

// position returns the current position in the order of ends, as sent to clients.
func (a *API) position() uint64 { return a.origin + uint64(a.config.Recorder.Position()) }

// selection is the requests in a range of numbers that match filters.
type selection struct {
	recorder      *recorder.Recorder
	filters       []record.Filter
	after, before uint64
}

// newest returns the newest requests of the selection, in order. It searches the newest requests of
// the record first, and all of them only if too few match.
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

// pick returns the first requests of the selection, or the last ones if direction is negative. It
// holds at most twice as many.
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
		return notFound("request %d not found: it was not recorded, or was dropped from the record", seq)
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

// file returns a handler that sends the requests that match the filter as a file. An error of write
// means that the client has disconnected: the content was made before.
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
