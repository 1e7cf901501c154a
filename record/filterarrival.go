package record

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Attempt matches requests by their number among those for the same, from 1: "attempt=2" is
// the first that repeats another one.
//
// Requests are for the same if they have the same method and target. Those in an upload
// session are for the same if they have the same method, session, digest and Content-Range:
// the rest of the target changes with each chunk. A new session is not the same.
//
// Requests are counted since the record was last cleared, also those that are not kept on
// record. The count remembers at least the latest 4096 different requests. The exchanges in
// an HTTP Archive of another program have no number, and do not match.
func Attempt(numbers ...int) Filter {
	numbers = slices.Clone(numbers)
	values := make([]string, len(numbers))
	for i, n := range numbers {
		values[i] = strconv.Itoa(n)
	}
	mustBeAll("attempt", values, checkAttempt)
	return on("attempt", OnRequest, values, func(x *Exchange) bool { return slices.Contains(numbers, x.Attempt) })
}

// AttemptOver matches requests whose number is larger than n: "attempt>1" is all that repeat
// another one. See [Attempt]. It panics if n is negative.
func AttemptOver(n int) Filter {
	return over("attempt", n, strconv.Itoa(n), func(x *Exchange) bool { return x.Attempt > n })
}

// ElapsedOver matches requests that came more than d after the registry was started:
// "elapsed>10s". The exchanges in an HTTP Archive of another program do not match. It panics
// if d is negative.
func ElapsedOver(d time.Duration) Filter {
	return over("elapsed", d, d.String(), func(x *Exchange) bool { return x.Elapsed > d })
}

// Conn matches requests on connections with these numbers: "conn=3".
func Conn(ids ...uint64) Filter {
	ids = slices.Clone(ids)
	values := make([]string, len(ids))
	for i, id := range ids {
		values[i] = formatUint(id)
	}
	mustBeAll("conn", values, checkConn)
	return on("conn", OnRequest, values, func(x *Exchange) bool { return slices.Contains(ids, x.Conn) })
}

// ConnRequestsOver matches requests after the first n on their connection:
// "conn.requests>10". It panics if n is negative.
func ConnRequestsOver(n int) Filter {
	return over("conn.requests", n, strconv.Itoa(n), func(x *Exchange) bool { return x.ConnSeq > n })
}

// ConnAgeOver matches requests on connections that had been open for more than d when the
// request came: "conn.age>5s". The exchanges in an HTTP Archive of another program do not
// match. It panics if d is negative.
func ConnAgeOver(d time.Duration) Filter {
	return over("conn.age", d, d.String(), func(x *Exchange) bool { return x.ConnAge > d })
}

// Proto matches requests over a protocol: "proto=HTTP/1.1", "proto=HTTP/2.0".
func Proto(patterns ...string) Filter {
	mustBeAll("proto", patterns, checkProto)
	return onText("proto", OnRequest, patterns, func(x *Exchange) string { return x.Proto })
}

// over returns a filter on what is larger than a bound.
func over[N int | int64 | time.Duration](name string, n N, text string, match func(*Exchange) bool) Filter {
	if n < 0 {
		mustBe(name, fmt.Errorf("%s is negative: want 0 or more", text))
	}
	f := flag(name, OnRequest, match)
	f.values, f.over = text, true
	return f
}
