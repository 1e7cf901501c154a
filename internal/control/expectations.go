package control

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/ocifake/ocifake/record"
)

const (
	maxExpectations = 1000
	maxTimeout      = time.Hour
	maxJournal      = 1000 // requests
)

type judgement struct {
	OK      bool      `json:"ok"`
	Results []verdict `json:"results"`
	Journal string    `json:"journal,omitempty"` // if an expectation fails
}

type verdict struct {
	Expect  string `json:"expect"`
	OK      bool   `json:"ok"`
	Message string `json:"message,omitempty"`
}

func (a *API) judge(w http.ResponseWriter, r *request) error {
	var texts []string
	var timeoutText string
	there, err := readObject(r, map[string]any{"expect": &texts, "timeout": &timeoutText})
	if err != nil {
		return err
	}
	var timeout time.Duration
	if there["timeout"] {
		if timeout, err = time.ParseDuration(timeoutText); err != nil || timeout < 0 || timeout > maxTimeout {
			return wrong("timeout", "%q is not a duration from 0s to %v", timeoutText, maxTimeout)
		}
	}
	if len(texts) == 0 || len(texts) > maxExpectations {
		return wrong("expect", "want a list of 1 to %d expectations", maxExpectations)
	}
	all := make([]record.Expectation, len(texts))
	for i, text := range texts {
		if all[i], err = record.ParseExpectation(text); err != nil {
			return wrong(fmt.Sprintf("expect[%d]", i), "%v", err)
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	j, err := a.await(ctx, all)
	if err != nil {
		return err
	}
	reply(w, http.StatusOK, j)
	return nil
}

// await judges the expectations until all hold, or the context ends. It pauses for as long as
// judging takes, because judging reads all matching requests.
func (a *API) await(ctx context.Context, all []record.Expectation) (judgement, error) {
	var j judgement
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer stop()
		wait(waiting, a, ctx.Done())
	}()
	err := a.config.Recorder.Wait(waiting, func(log record.Log) bool {
		began := time.Now()
		j = judge(log, all)
		if j.OK {
			return true
		}
		rest := time.NewTimer(time.Since(began))
		defer rest.Stop()
		wait(waiting, a, rest.C)
		return false
	}, meantBy(all))
	switch {
	case err == nil:
		return j, nil
	case ctx.Err() == context.Canceled: // the client has disconnected
		return judgement{}, ctx.Err()
	}
	// Requests may have ended since the last check.
	if j = judge(a.config.Recorder.Log(meantBy(all)), all); !j.OK {
		a.addJournal(&j, all)
	}
	return j, nil
}

// wait waits for an event, or until the context or the API ends.
func wait[T any](ctx context.Context, a *API, happened <-chan T) {
	select {
	case <-happened:
	case <-ctx.Done():
	case <-a.closed:
	}
}

// meantBy is a filter for the requests that some expectation is about.
func meantBy(all []record.Expectation) record.Filter {
	return record.Match(func(x *record.Exchange) bool {
		return slices.ContainsFunc(all, func(e record.Expectation) bool { return x.Matches(e.Filters...) })
	})
}

func judge(log record.Log, all []record.Expectation) judgement {
	j := judgement{OK: true, Results: make([]verdict, len(all))}
	for i, e := range all {
		j.Results[i] = verdict{Expect: e.String(), OK: true}
		if err := e.Judge(log); err != nil {
			j.OK = false
			j.Results[i] = verdict{Expect: e.String(), Message: err.Error()}
		}
	}
	return j
}

// addJournal adds the journal for the first expectation that fails.
func (a *API) addJournal(j *judgement, all []record.Expectation) {
	i := slices.IndexFunc(j.Results, func(v verdict) bool { return !v.OK })
	if i >= 0 {
		s := selection{recorder: a.config.Recorder, before: math.MaxUint64}
		j.Journal = all[i].Journal(s.newest(maxJournal))
	}
}
