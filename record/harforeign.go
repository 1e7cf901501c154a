package record

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/jsonedit"
	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/op"
)

// foreignExchange makes an exchange of an entry that another program wrote.
func (h *harReader) foreignExchange(e *harEntry) (Exchange, error) {
	h.foreign = true
	var x Exchange
	for _, f := range []struct{ name, value string }{
		{"startedDateTime", e.Start}, {"request.method", e.Request.Method}, {"request.url", e.Request.URL},
	} {
		if f.value == "" {
			return x, fmt.Errorf("%s is missing", f.name)
		}
	}
	start, err := time.Parse(time.RFC3339Nano, e.Start)
	if err != nil {
		return x, fmt.Errorf("startedDateTime: %w", err)
	}
	x.Start = start.UTC()
	if x.Start.Year() < 0 || x.Start.Year() > 9999 {
		return x, errors.New("startedDateTime: the year is out of range")
	}
	x.foreignRequest(&e.Request)
	x.foreignResponse(&e.Response)
	x.foreignTimes(e)
	if err := e.bodies(&x); err != nil {
		return x, err
	}
	x.RequestBytes = max(x.RequestBytes, int64(len(x.RequestBody)))
	if x.Status >= http.StatusBadRequest {
		x.Codes = jsonedit.ErrorCodes(x.ResponseBody)
	}
	x.removeSecrets(h.redactor)
	x.Conn = h.connection(e.Connection)
	return x, nil
}

func (x *Exchange) foreignRequest(r *harRequest) {
	u, err := url.Parse(r.URL)
	if err != nil {
		u = &url.URL{Opaque: r.URL} // browsers let pass what Go does not
	}
	x.Info = op.Parse(r.Method, u)
	x.Host = u.Host
	x.Target = u.RequestURI()
	x.Proto = protocol(r.Proto)
	x.Header = canonical(r.Header)
	x.RequestBytes = max(r.BodySize, 0)
	client := redact.Identify(x.Header.Get("Authorization"))
	x.Scheme, x.Subject, x.Scopes = client.Scheme, client.Subject, client.Scopes
	if u.Scheme == "https" {
		x.Secure = true
		x.TLS = &TLS{ServerName: serverName(u.Hostname())}
	}
}

// serverName is what a client asks for in TLS: never an address.
func serverName(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	return host
}

func (x *Exchange) foreignResponse(r *harResponse) {
	x.Status = r.Status
	x.ResponseHeader = canonical(r.Header)
	x.ResponseBytes = r.BodySize
	if r.BodySize < 0 {
		x.ResponseBytes = max(r.Content.Size, 0)
	}
}

// removeSecrets takes credentials out, as the recording of a registry does.
func (x *Exchange) removeSecrets(r redact.Redactor) {
	x.Target = r.Text(x.Target)
	for _, s := range []*string{&x.Host, &x.Repo, &x.Info.Tag, (*string)(&x.Info.Digest), (*string)(&x.Algorithm), &x.Info.Session, &x.From, &x.Info.Namespace} {
		*s = r.DecodedText(*s)
	}
	x.Tags = r.DecodedTexts(x.Tags)
	for _, h := range []http.Header{x.Header, x.ResponseHeader} {
		r.Header(h)
	}
	for _, body := range []*[]byte{&x.RequestBody, &x.ResponseBody} {
		switch {
		case len(*body) == 0:
		case x.Op == op.Unknown: // possibly that of a token service, whose path only its registry knows
			*body = r.Body(*body)
		case x.Status >= http.StatusBadRequest:
			*body = r.ErrorBody(*body)
		}
	}
}

func (x *Exchange) foreignTimes(e *harEntry) {
	t := &e.Timings
	var first float64
	for _, phase := range []float64{t.Blocked, t.DNS, t.Connect, t.Send, t.Wait} {
		first += max(phase, 0)
	}
	x.Duration = duration(e.Time)
	x.First = min(duration(first), x.Duration)
}

// duration is that of milliseconds, within what it can hold.
func duration(ms float64) time.Duration {
	ns := ms * float64(time.Millisecond)
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(max(math.Round(ns), 0))
}

// connection numbers the names of connections as they appear.
func (h *harReader) connection(name string) uint64 {
	if name == "" {
		return 0
	}
	number, known := h.conns[name]
	if !known {
		number = uint64(len(h.conns) + 1)
		h.conns[name] = number
	}
	return number
}

// protocol is the name that net/http has for what browsers call h2 or http/2.0.
func protocol(name string) string {
	switch name = strings.ToUpper(name); name {
	case "H2", "HTTP/2":
		return "HTTP/2.0"
	case "H3", "HTTP/3":
		return "HTTP/3.0"
	}
	return name
}

// canonical is a header as net/http has it: without the pseudo fields of HTTP/2
// and without Host.
func canonical(list []harPair) http.Header {
	h := http.Header{}
	for _, p := range list {
		if p.Name != "" && p.Name[0] != ':' {
			h.Add(p.Name, p.Value)
		}
	}
	h.Del("Host")
	return h
}

// renumbered puts exchanges that were not recorded here into the order in which
// they began, numbers them, and counts those in flight.
func (l Log) renumbered() Log {
	sort.SliceStable(l, func(i, j int) bool { return l[i].Start.Before(l[j].Start) })
	ends := make([]time.Time, len(l))
	for i := range l {
		ends[i] = l[i].Start.Add(l[i].Duration)
	}
	sortTimes(ends)
	for i := range l {
		ended, _ := slices.BinarySearchFunc(ends, l[i].Start, func(end, start time.Time) int {
			return cmp.Or(end.Compare(start), -1) // what ends as this begins has ended
		})
		l[i].Seq = uint64(i + 1)
		l[i].InFlight = max(i+1-ended, 1)
	}
	return l
}
