package faults

import (
	"net/http"
	"time"

	"github.com/ocifake/ocifake/internal/effect"
)

// Limit is an effect that refuses requests above a limit, and lets others pass. The rule
// fires when it refuses a request, and its filters choose which requests count. Later rules
// do not apply to a request that a limit lets pass, unless the rule has Continue. The
// methods return changed copies.
type Limit struct{ does effect.Limit }

// RateLimit lets n requests pass in a window of time, which begins with the first of them.
// It answers the others with 429, TOOMANYREQUESTS and a Retry-After field with the seconds
// until the window ends.
//
// All answers have the fields RateLimit-Limit, as "100;w=21600", and RateLimit-Remaining, as
// Docker Hub sends them; see [Limit.Header].
//
// In a rule with a filter on the answer, such as [record.Status] or [record.Subject], only
// such answers count, and requests above the limit have been carried out.
func RateLimit(n int64, window time.Duration) Limit {
	return Limit{effect.Limit{How: effect.RateLimit, LimitArgs: effect.LimitArgs{Requests: n, Window: effect.Duration(window)}}}
}

// Concurrency lets n requests be served at a time. It answers the others with 429,
// TOOMANYREQUESTS and Retry-After: 1.
func Concurrency(n int64) Limit {
	return Limit{effect.Limit{How: effect.Concurrency, LimitArgs: effect.LimitArgs{Requests: n}}}
}

// Ceiling refuses a request whose body has more than n bytes, at most 1 GiB, with 413. If
// Content-Length says so, it does not read the body. Otherwise it answers as soon as more
// than n bytes have come, while the client still sends. The registry does not see the
// request.
func Ceiling(n int64) Limit {
	return Limit{effect.Limit{How: effect.Ceiling, LimitArgs: effect.LimitArgs{Bytes: effect.Size(n)}}}
}

// OfBytes makes a [RateLimit] count the bytes of the bodies of requests and answers. A
// request that begins when the limit is not reached passes as a whole.
func (e Limit) OfBytes() Limit {
	e.does.Bytes, e.does.Requests = effect.Size(e.does.Requests), 0
	return e
}

// OfUpload makes a [Ceiling] count the bytes that the upload session has received, too. So
// it is one on the blob.
func (e Limit) OfUpload() Limit {
	e.does.Upload = true
	return e
}

// LimitKey is what a limit counts separately.
type LimitKey string

// The keys of limits.
const (
	Subject    LimitKey = "subject"    // the user; without credentials, the address
	Address    LimitKey = "address"    // the IP address of the client
	Repository LimitKey = "repository" // the repository
)

// By makes a [RateLimit] or a [Concurrency] count separately. A rate limit remembers at
// least the latest 4096 subjects, addresses or repositories.
func (e Limit) By(key LimitKey) Limit {
	e.does.By = effect.LimitKey(key)
	return e
}

// Header sets a header field of all answers of a [RateLimit], in place of RateLimit-Limit
// and RateLimit-Remaining. Values can contain the placeholders of [SetHeader], and "{limit}",
// "{remaining}", "{window}", the seconds of the window, "{reset}", the seconds until it
// ends, and "{resettime}", its end in Unix time:
//
//	faults.RateLimit(100, time.Minute).
//		Header("X-RateLimit-Limit", "{limit}").
//		Header("X-RateLimit-Remaining", "{remaining}").
//		Header("X-RateLimit-Reset", "{resettime}")
func (e Limit) Header(name string, values ...string) Limit {
	header := http.Header{}
	if e.does.Header != nil {
		header = http.Header(*e.does.Header).Clone()
	}
	for _, value := range values {
		header.Add(name, value)
	}
	fields := map[string][]string(header)
	e.does.Header = &fields
	return e
}

// NoHeader makes a [RateLimit] send no fields, until [Limit.Header] sets one.
func (e Limit) NoHeader() Limit {
	e.does.Header = &map[string][]string{}
	return e
}

// Answer sets the answer to requests above the limit. Its texts can contain the placeholders
// of [Limit.Header], as in Header("Retry-After", "{reset}").
func (e Limit) Answer(a Answer) Limit {
	e.does.Answer = &a.does
	return e
}

func (e Limit) behaviour() effect.Behaviour { return e.does }
