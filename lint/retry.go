package lint

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ocifake/ocifake/op"
)

func retryRules() []Rule {
	return []Rule{{
		ID: "retry-at-once", Severity: Waste,
		Title: "a request is repeated at once after 429 or 503",
		Why:   "The registry asks for less load and gets more; some registries extend the limit.",
		Fix:   "Wait before a repetition, longer each time and with a random part.",
		Wrong: "GET … → 429\nGET … (after 1 ms)",
		Right: "GET … → 429\nGET … (after 1 s)",
		judge: judgeAtOnce,
	}, {
		ID: "retry-too-early", Severity: Should,
		Title:    "a request is repeated before Retry-After is over",
		Why:      "The answer is the same, and some registries extend the limit.",
		Source:   "RFC 9110, section 10.2.3",
		Sentence: "Servers send the \"Retry-After\" header field to indicate how long the user agent ought to wait before making a follow-up request.",
		Fix:      "Wait for the number of seconds, or until the date, in Retry-After.",
		Wrong:    "GET … → 429, Retry-After: 30\nGET … (after 1 s)",
		Right:    "GET … → 429, Retry-After: 30\nGET … (after 30 s)",
		judge:    judgeTooEarly,
	}, {
		ID: "retry-without-backoff", Severity: Waste,
		Title: "repetitions do not wait longer each time",
		Why:   "Clients that repeat at a fixed rate keep an overloaded registry overloaded.",
		Fix:   "Double the pause with each attempt, and add a random part.",
		Wrong: "GET … → 503 (four times, 1 s apart)",
		Right: "GET … → 503 (after 1 s, 2 s, 4 s)",
		judge: judgeBackoff,
	}, {
		ID: "retry-endless", Severity: Waste,
		Title: "a request is repeated more than ten times",
		Why:   "The client hangs in place of an error, and loads a registry that does not recover.",
		Fix:   "Give up after some attempts, and report the last answer.",
		Wrong: "GET … → 503 (eleven times)",
		Right: "GET … → 503 (five times), then an error",
		judge: judgeEndless,
	}, {
		ID: "retry-not-idempotent", Severity: Should,
		Title:    "a chunk without Content-Range is sent again without asking what has arrived",
		Why:      "The registry may have stored the chunk: then it is in the blob twice.",
		Source:   "RFC 9110, section 9.2.2",
		Sentence: "A client SHOULD NOT automatically retry a request with a non-idempotent method unless it has some means to know that the request semantics are actually idempotent, regardless of the method, or some means to detect that the original request was never applied.",
		Fix:      "Ask with GET for the Range of the session, and go on behind it; send Content-Range with each chunk.",
		Wrong:    "PATCH /upload/1 → no answer\nPATCH /upload/1",
		Right:    "PATCH /upload/1 → no answer\nGET /upload/1 → 204, Range: 0-4\nPATCH /upload/1, Content-Range: 5-9",
		judge:    judgeNotIdempotent,
	}, {
		ID: "retry-missing", Severity: Waste,
		Title:   "a read is given up after one failure",
		Why:     "Registries and proxies fail for moments; a build fails that a second attempt would have saved.",
		Fix:     "Repeat GET and HEAD after 429, 502, 503, 504 and after a broken connection.",
		Wrong:   "GET /v2/app/manifests/v1 → 503\n(nothing more)",
		Right:   "GET /v2/app/manifests/v1 → 503\nGET /v2/app/manifests/v1 → 200",
		history: true, finish: finishFailures,
	}}
}

// tries are the latest attempts at a request, of which all failed.
type tries struct {
	last   *exchange
	count  int
	pauses []time.Duration // between the end of an attempt and the start of the next
	again  bool            // it was tried again
}

// tryKey identifies a request and its repetitions.
func tryKey(x *exchange) string {
	if x.key == "" {
		x.key = newTryKey(x)
	}
	return x.key
}

func newTryKey(x *exchange) string {
	if x.session != nil {
		return fmt.Sprintf("%s session %d %s %s", x.Method, x.session.opener.Seq, x.Info.Digest, value(x.Header, "Content-Range"))
	}
	return x.Method + " " + x.Host + x.Target
}

// retried returns the failed attempts that a request repeats.
func retried(x *exchange) *tries {
	if !x.retries {
		x.try, x.retries = findTries(x), true
	}
	return x.try
}

func findTries(x *exchange) *tries {
	t := x.client.tries.Get(tryKey(x))
	if x.kind == op.UploadStart {
		return nil // it can be for another blob
	}
	if t != nil && x.Start.Equal(t.last.end) && x.InFlight > 1 {
		return nil // in virtual time, requests at the same time begin when others end
	}
	if t == nil || t.last.run != x.run || !x.after(t.last.end) || t.last.Seq >= x.Seq {
		return nil
	}
	return t
}

// busy reports whether an answer asks for less load.
func busy(x *exchange) bool {
	return x.Status == http.StatusTooManyRequests || x.Status == http.StatusServiceUnavailable
}

// atOnce is the longest pause that is none.
const atOnce = 20 * time.Millisecond

func judgeAtOnce(_ *Linter, x *exchange) *found {
	t := retried(x)
	if t == nil || !busy(t.last) || value(t.last.ResponseHeader, "Retry-After") != "" {
		return nil
	}
	if pause := x.Start.Sub(t.last.end); pause < atOnce {
		return in(x, []uint64{t.last.Seq}, "%s %s is repeated %s after request %d was answered %d", x.Method, x.Target, pause.Round(time.Microsecond), t.last.Seq, t.last.Status)
	}
	return nil
}

func judgeTooEarly(_ *Linter, x *exchange) *found {
	t := retried(x)
	if t == nil {
		return nil
	}
	wait, slack, ok := retryAfter(t.last)
	pause := x.Start.Sub(t.last.end)
	if !ok || pause+slack >= wait {
		return nil
	}
	return in(x, []uint64{t.last.Seq}, "%s %s is repeated after %s, and request %d was answered %d with Retry-After: %s",
		x.Method, x.Target, pause.Round(time.Millisecond), t.last.Seq, t.last.Status, value(t.last.ResponseHeader, "Retry-After"))
}

// retryAfter returns how long a client is to wait after an answer, and by how much it may be
// shorter: a date has seconds, and clocks differ.
func retryAfter(x *exchange) (wait, slack time.Duration, ok bool) {
	field := value(x.ResponseHeader, "Retry-After")
	if seconds, ok := parseLength(field); ok && seconds <= longestWait {
		return time.Duration(seconds) * time.Second, 50 * time.Millisecond, true
	}
	if date, err := http.ParseTime(field); err == nil {
		wait := date.Sub(x.end)
		return wait, 2 * time.Second, wait <= longestWait*time.Second
	}
	return 0, 0, false
}

// longestWait is the largest number of seconds in Retry-After that a client obeys: a day.
const longestWait = 24 * 60 * 60

// leastPauses is the number of pauses that show whether they grow.
const leastPauses = 3

func judgeBackoff(_ *Linter, x *exchange) *found {
	t := retried(x)
	if t == nil || len(t.pauses) < leastPauses-1 || value(t.last.ResponseHeader, "Retry-After") != "" {
		return nil
	}
	pauses := append(slices.Clone(t.pauses), x.Start.Sub(t.last.end))
	pauses = pauses[len(pauses)-leastPauses:]
	longest := slices.Max(pauses[1:])
	if longest >= 10*time.Second || longest > pauses[0]+pauses[0]/4 && longest >= atOnce {
		return nil
	}
	return in(x, []uint64{t.last.Seq}, "%s %s is repeated %d times, with pauses of %s", x.Method, x.Target, t.count, joinPauses(pauses))
}

func joinPauses(all []time.Duration) string {
	var words []string
	for _, p := range all {
		words = append(words, p.Round(time.Millisecond).String())
	}
	return strings.Join(words, ", ")
}

// mostAttempts is the largest number of attempts at a request.
const mostAttempts = 10

func judgeEndless(_ *Linter, x *exchange) *found {
	t := retried(x)
	if t == nil || t.count < mostAttempts {
		return nil
	}
	return in(x, []uint64{t.last.Seq}, "%s %s is sent for the %dth time, and all attempts failed", x.Method, x.Target, t.count+1)
}

func judgeNotIdempotent(_ *Linter, x *exchange) *found {
	s := x.session
	if s == nil || s.unsure == nil || x.kind != op.UploadChunk || value(x.Header, "Content-Range") != "" || x.length() == 0 || !x.after(s.unsure.end) {
		return nil
	}
	return in(x, []uint64{s.unsure.Seq}, "a chunk for %s is sent again without Content-Range after request %d failed, and the client did not ask what has arrived", x.Repo, s.unsure.Seq)
}

func finishFailures(l *Linter) []found {
	var all []found
	for _, t := range l.failures.all {
		if !t.again && t.count == 1 {
			all = append(all, *in(t.last, nil, "%s %s failed (%s), and was not repeated", t.last.Method, t.last.Target, outcome(t.last)))
		}
	}
	return all
}

func outcome(x *exchange) string {
	if !x.answered() {
		return "no whole answer"
	}
	return http.StatusText(x.Status)
}

// passing reports whether a request failed for a reason that can pass.
func passing(x *exchange) bool {
	switch x.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return x.Cut && !x.Left
}

// blobOf identifies the blob that a request fetches, at the registry or where it redirects to.
func (c *client) blobOf(x *exchange) string {
	digest := x.Info.Digest
	if x.kind == op.External && x.url != nil {
		if from := c.redirects.Get(x.url.String()); from != nil {
			digest = from.Info.Digest
		}
	}
	if digest == "" || !reads(x) {
		return ""
	}
	return string(digest)
}

// learnAttempt remembers a request that failed.
func (c *client) learnAttempt(l *Linter, x *exchange) {
	if x.Open {
		return
	}
	key := tryKey(x)
	t := c.tries.Get(key)
	repeats := t != nil && t.last.Seq < x.Seq
	if repeats {
		t.again = true
	}
	blob := c.blobOf(x)
	if failed := c.broken.Get(blob); blob != "" && failed != nil && failed.last.Seq < x.Seq {
		failed.again = true
	}
	if !passing(x) && x.Status != http.StatusInternalServerError {
		if t != nil {
			c.tries.Set(key, nil)
		}
		return
	}
	if !repeats {
		t = &tries{}
		c.tries.Set(key, t)
		if blob != "" {
			c.broken.Set(blob, t)
		}
		if (x.Method == http.MethodGet || x.Method == http.MethodHead) && passing(x) && x.Op != op.Unknown {
			l.failures.add(t)
		}
	} else if len(t.pauses) < maxSeqs {
		t.pauses = append(t.pauses, x.Start.Sub(t.last.end))
	}
	t.last = x
	t.count++
}
