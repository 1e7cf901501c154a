package effect

import (
	"errors"
	"fmt"
	"hash/maphash"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/ocifake/ocifake/internal/filter"
	"github.com/ocifake/ocifake/op"
)

// Limit refuses requests above a limit. Other requests pass.
type Limit struct {
	How LimitKind
	LimitArgs
}

// LimitKind is what a [Limit] counts.
type LimitKind string

// The kinds of [Limit].
const (
	RateLimit   LimitKind = "rate-limit"  // requests or bytes in a time
	Concurrency LimitKind = "concurrency" // requests at a time
	Ceiling     LimitKind = "ceiling"     // bytes of a request body
)

// LimitArgs are the arguments of [Limit].
type LimitArgs struct {
	Requests int64                `json:"requests,omitempty" doc:"how many requests pass"`
	Bytes    Size                 `json:"bytes,omitempty" doc:"how many bytes of bodies pass"`
	Window   Duration             `json:"window,omitempty" doc:"the time after which the count begins again"`
	Upload   bool                 `json:"upload,omitempty" doc:"counts the bytes that the upload session has received, too"`
	By       LimitKey             `json:"by,omitempty" doc:"counts separately by subject, address or repository; by default all together"`
	Header   *map[string][]string `json:"header,omitempty" doc:"header fields of every answer, with placeholders; by default RateLimit-Limit and RateLimit-Remaining; {} for none"`
	Answer   *Answer              `json:"answer,omitempty" doc:"answer to what is above the limit, with the arguments of status"`
}

// without are the arguments that a kind does not have.
func (k LimitKind) without() []string {
	switch k {
	case RateLimit:
		return notRateLimit
	case Concurrency:
		return notConcurrency
	}
	return notCeiling
}

// Arguments that the kinds do not have.
var (
	notRateLimit   = []string{"upload"}
	notConcurrency = []string{"bytes", "window", "upload", "header"}
	notCeiling     = []string{"requests", "window", "by", "header"}
)

// LimitKey is what a limit counts separately.
type LimitKey string

// The keys of limits.
const (
	BySubject    LimitKey = "subject"
	ByAddress    LimitKey = "address"
	ByRepository LimitKey = "repository"
)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (k *LimitKey) UnmarshalText(text []byte) error {
	switch *k = LimitKey(text); *k {
	case BySubject, ByAddress, ByRepository:
		return nil
	}
	return fmt.Errorf("%q: want subject, address or repository", text)
}

// maxKeys is how many subjects, addresses or repositories a limit remembers at least.
const maxKeys = 4096

// maxCeiling is the largest ceiling: that much is held of a body without Content-Length.
const maxCeiling = 1 << 30

// Kind implements [Behaviour].
func (e Limit) Kind() string { return string(e.How) }

func (e Limit) check() error {
	given := map[string]bool{
		"requests": e.Requests != 0, "bytes": e.Bytes != 0, "window": e.Window != 0, "upload": e.Upload, "by": e.By != "", "header": e.Header != nil,
	}
	for _, name := range e.How.without() {
		if given[name] {
			return fmt.Errorf("it has no %s", name)
		}
	}
	if err := e.checkCount(); err != nil {
		return err
	}
	if e.By != "" {
		if err := new(LimitKey).UnmarshalText([]byte(e.By)); err != nil {
			return fmt.Errorf("by: %w", err)
		}
	}
	for name, values := range e.header() {
		if http.CanonicalHeaderKey(name) == lengthHeader {
			return errors.New("header: Content-Length is that of the body")
		}
		if err := checkField(name, values, Setting); err != nil {
			return fmt.Errorf("header: %w", err)
		}
	}
	if e.Answer != nil {
		if err := e.Answer.check(); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
	return nil
}

func (e Limit) checkCount() error {
	switch {
	case e.How == Ceiling && (e.Bytes < 1 || e.Bytes > maxCeiling):
		return errors.New("bytes: want 1 byte to 1GiB")
	case e.How == Ceiling:
		return nil
	case e.Requests != 0 && e.Bytes != 0:
		return errors.New("choose requests or bytes")
	case e.Requests < 0 || e.Bytes < 0 || e.Requests == 0 && e.Bytes == 0:
		return fmt.Errorf("want more than 0 %s", map[bool]string{true: "requests or bytes", false: "requests"}[e.How == RateLimit])
	case e.How == RateLimit && e.Window <= 0:
		return errors.New("window: want more than 0, as 1m or 6h")
	}
	return nil
}

func (e Limit) needs() need {
	var texts []string
	for _, values := range e.header() {
		texts = append(texts, values...)
	}
	n := needsOfTexts(texts...)
	if e.Answer != nil {
		n |= e.Answer.needs()
	}
	if e.Upload {
		n |= needStore
	}
	return n &^ needLimit
}

func (e Limit) early() string {
	if e.How == RateLimit {
		return ""
	}
	return actsOnRequest
}

func (e Limit) actsOn() filter.Ops {
	if e.How == Ceiling {
		return bodies(true)
	}
	return ^filter.Ops(0)
}

func (e Limit) prospect(_ *op.Info, r *http.Request) Prospect {
	switch {
	case e.How != Ceiling || r.ContentLength < 0 || e.Upload && r.ContentLength > 0:
		return Perhaps
	case r.ContentLength > int64(e.Bytes):
		return Surely
	}
	return Never
}

func (e Limit) serve(x *Exchange, w http.ResponseWriter, r *http.Request, next http.Handler) {
	switch e.How {
	case RateLimit:
		e.serveRate(x, w, r, next)
	case Concurrency:
		e.serveConcurrently(x, w, r, next)
	default:
		e.serveBelow(x, w, r, next)
	}
}

// quota is how much of a limit is used when a request comes.
type quota struct {
	limit, used int64
	window      time.Duration
	ends        time.Time // of the window
}

// reset is the number of seconds until the window ends.
func (q *quota) reset() int64 { return seconds(max(time.Until(q.ends), 0)) }

// quotaText returns a text about the quota of a request, for a placeholder.
func quotaText(value func(*quota) int64) func(*Exchange, *http.Request) string {
	return func(x *Exchange, _ *http.Request) string { return strconv.FormatInt(value(x.quota), 10) }
}

// refuse answers a request that is above the limit.
func (e Limit) refuse(x *Exchange, q quota, w http.ResponseWriter, r *http.Request) {
	mine := *x
	mine.quota = &q
	e.setHeader(&mine, w.Header(), r)
	answer := e.Answer
	if answer == nil {
		answer = e.refusal()
	}
	answer.serve(&mine, w, r, nil)
}

// refusal is the answer by default.
func (e Limit) refusal() *Answer {
	tooMany := &Answer{Status: http.StatusTooManyRequests, Code: "TOOMANYREQUESTS"}
	switch {
	case e.How == Ceiling:
		return &Answer{Status: http.StatusRequestEntityTooLarge}
	case e.How == Concurrency:
		tooMany.Message = "too many requests: at most {limit} at a time"
		tooMany.RetryAfter = &RetryAfter{After: time.Second}
		return tooMany
	case e.Bytes > 0:
		tooMany.Message = "too many requests: at most {limit} bytes in {window} seconds"
	default:
		tooMany.Message = "too many requests: at most {limit} in {window} seconds"
	}
	tooMany.Header = map[string][]string{"Retry-After": {"{reset}"}}
	return tooMany
}

// header returns the fields that tell of a quota, with placeholders.
func (e Limit) header() map[string][]string {
	switch {
	case e.How != RateLimit:
		return nil
	case e.Header != nil:
		return *e.Header
	}
	return map[string][]string{"RateLimit-Limit": {"{limit};w={window}"}, "RateLimit-Remaining": {"{remaining};w={window}"}}
}

// setHeader sets the fields that tell of the quota.
func (e Limit) setHeader(x *Exchange, h http.Header, r *http.Request) {
	for name, values := range e.header() {
		x.setField(h, name, values, r)
	}
}

// hash returns the hash of what the request is counted by, so that long names take no
// memory.
func (k LimitKey) hash(x *Exchange, r *http.Request, seed maphash.Seed) uint64 {
	return maphash.String(seed, k.of(x, r))
}

// of returns what the request is counted by.
func (k LimitKey) of(x *Exchange, r *http.Request) string {
	switch k {
	case BySubject:
		if subject := x.state.Learned().Subject; subject != "" {
			return "subject " + subject
		}
		if user, _, ok := r.BasicAuth(); ok && user != "" {
			return "subject " + user
		}
		return "address " + addressOf(r)
	case ByAddress:
		return addressOf(r)
	case ByRepository:
		return x.info.Repo
	}
	return ""
}

// addressOf returns the client's address without its port.
func addressOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}
