package engine_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ocifake/ocifake/faults"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// challenged answers 401 to requests without credentials.
func challenged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// A client asks without credentials first, and then with them.
func TestRulesAroundAuth(t *testing.T) {
	fails := func(o ...op.Op) faults.Rule {
		return faults.On(o...).Times(1).Do(faults.Status(http.StatusServiceUnavailable))
	}
	type answers [3]int // to each of: without credentials, with them, with them
	for name, test := range map[string]struct {
		rule    faults.Rule
		request string
		want    answers
	}{
		"is not spent on a challenge": {fails(op.ManifestGet), getV1, answers{401, 503, 200}},
		"any operation":               {fails(), getV1, answers{401, 503, 200}},
		"the second":                  {fails(op.ManifestGet).After(1), getV1, answers{401, 200, 503}},
		"before auth":                 {fails(op.ManifestGet).BeforeAuth(), getV1, answers{503, 200, 200}},
		"before auth, the second":     {fails(op.ManifestGet).BeforeAuth().After(1), getV1, answers{401, 503, 200}},
		"before auth, by header":      {fails().BeforeAuth().Where(record.Authenticated()), getV1, answers{401, 503, 200}},
		"ping is always before":       {fails(op.Ping), ping, answers{503, 200, 200}},
		"until the challenge":         {fails().Until(record.Not(record.Authenticated())), getV1, answers{401, 200, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			e := engineWith(t, test.rule)
			handler := e.BeforeAuth(challenged(e.AfterAuth(found)))
			var got answers
			for i, header := range [][]string{nil, {"Authorization", "Bearer x"}, {"Authorization", "Bearer x"}} {
				w, _ := send(handler, test.request, header...)
				got[i] = w.Code
			}
			assert.Equal(t, test.want, got)
		})
	}
}

// A rule of the earlier stage that continues leaves the later ones to the requests
// that are let in.
func TestContinueAcrossAuth(t *testing.T) {
	e := engineWith(t,
		on("early", op.ManifestGet).BeforeAuth().Continue(),
		on("late", op.ManifestGet))
	handler := e.BeforeAuth(challenged(e.AfterAuth(found)))
	_, challenge := send(handler, getV1)
	_, letIn := send(handler, getV1, "Authorization", "Bearer x")
	assert.Equal(t, "early", challenge)
	assert.Equal(t, "early+late", letIn)
}

// A rule after auth comes before a later one that is marked BeforeAuth, from the request
// on that its counts mean.
func TestFirstRuleWinsAcrossAuth(t *testing.T) {
	e := engineWith(t,
		on("late", op.ManifestGet).After(1),
		on("early", op.ManifestGet).BeforeAuth())
	handler := e.BeforeAuth(challenged(e.AfterAuth(found)))
	var got []string
	for _, header := range [][]string{nil, {"Authorization", "Bearer x"}, {"Authorization", "Bearer x"}, nil, {"Authorization", "Bearer x"}} {
		_, by := send(handler, getV1, header...)
		got = append(got, by)
	}
	assert.Equal(t, []string{"early", "early", "late", "early", "late"}, got)
}

// A rule after auth counts the requests that auth lets in, those that a later rule
// answers before auth included.
func TestCountsAcrossAuth(t *testing.T) {
	e := engineWith(t,
		faults.On(op.ManifestGet).Named("late").After(2).Times(1).Do(faults.Status(500)),
		faults.On(op.ManifestGet).Named("early").BeforeAuth().Do(faults.Status(503)))
	handler := e.BeforeAuth(challenged(e.AfterAuth(found)))
	var got []int
	for _, header := range [][]string{nil, {"Authorization", "x"}, nil, {"Authorization", "x"}, {"Authorization", "x"}, {"Authorization", "x"}} {
		w, _ := send(handler, getV1, header...)
		got = append(got, w.Code)
	}
	assert.Equal(t, []int{503, 503, 503, 503, 500, 503}, got)
}
