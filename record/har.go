package record

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ocifake/ocifake/internal/must"
)

// The structures of an HTTP Archive 1.2, as far as they are written or read.
// Names with an underscore are custom fields, as the format allows them; those
// other than _ocifake are what browsers write, and show when they read.
type (
	harEntry struct {
		Start        string          `json:"startedDateTime"`
		Time         float64         `json:"time"` // in ms, as all times are
		Request      harRequest      `json:"request"`
		Response     harResponse     `json:"response"`
		Cache        struct{}        `json:"cache"`
		Timings      harTimings      `json:"timings"`
		ServerIP     string          `json:"serverIPAddress,omitempty"`
		Connection   string          `json:"connection,omitempty"`
		ResourceType string          `json:"_resourceType,omitempty"`
		Ocifake      json.RawMessage `json:"_ocifake,omitempty"`
	}

	harRequest struct {
		Method   string       `json:"method"`
		URL      string       `json:"url"`
		Proto    string       `json:"httpVersion"`
		Cookies  []harPair    `json:"cookies"`
		Header   []harPair    `json:"headers"`
		Query    []harPair    `json:"queryString"`
		Posted   *harPostData `json:"postData,omitempty"`
		HeadSize int64        `json:"headersSize"` // -1: not known
		BodySize int64        `json:"bodySize"`
	}

	harResponse struct {
		Status     int        `json:"status"` // 0: there was none
		StatusText string     `json:"statusText"`
		Proto      string     `json:"httpVersion"`
		Cookies    []harPair  `json:"cookies"`
		Header     []harPair  `json:"headers"`
		Content    harContent `json:"content"`
		Redirect   string     `json:"redirectURL"`
		HeadSize   int64      `json:"headersSize"`
		BodySize   int64      `json:"bodySize"`
		Transfer   int64      `json:"_transferSize"`
		Error      string     `json:"_error,omitempty"`
	}

	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}

	// harPostData has the encoding of harContent, which the format forgot here.
	harPostData struct {
		MimeType string  `json:"mimeType"`
		Text     *string `json:"text,omitempty"`
		Encoding string  `json:"encoding,omitempty"`
	}

	harContent struct {
		Size     int64   `json:"size"`
		MimeType string  `json:"mimeType"`
		Text     *string `json:"text,omitempty"`
		Encoding string  `json:"encoding,omitempty"`
	}

	// harTimings are those of the phases that a server can know. Others are
	// read only.
	harTimings struct {
		Blocked float64 `json:"blocked,omitempty"`
		DNS     float64 `json:"dns,omitempty"`
		Connect float64 `json:"connect,omitempty"`
		Send    float64 `json:"send"`
		Wait    float64 `json:"wait"`
		Receive float64 `json:"receive"`
	}
)

// WriteHAR writes the log as an HTTP Archive 1.2, which the network panel of a browser opens.
// The custom field "_ocifake" of each entry holds the fields of [Exchange.MarshalJSON] that
// the format does not have, so that [ReadHAR] returns the same log.
func (l Log) WriteHAR(w io.Writer) error {
	must.NotNil("record: Log.WriteHAR: w", w)
	e := newEncoder()
	e.WriteString(`{"log":{"version":"1.2","creator":`)
	if err := e.value(map[string]string{"name": "ocifake", "version": version()}); err != nil {
		return fmt.Errorf("record: write HAR: %w", err)
	}
	e.WriteString(`,"pages":[],"entries":[`)
	for i := range l {
		if i > 0 {
			e.WriteByte(',')
		}
		e.WriteByte('\n')
		if err := e.entry(&l[i]); err != nil {
			return fmt.Errorf("record: write HAR: %w", err)
		}
		if _, err := w.Write(e.Bytes()); err != nil {
			return fmt.Errorf("record: write HAR: exchange %d: %w", l[i].Seq, err)
		}
		e.Reset()
	}
	e.WriteString("\n]}}\n")
	if _, err := w.Write(e.Bytes()); err != nil {
		return fmt.Errorf("record: write HAR: %w", err)
	}
	return nil
}

// version is that of this module, as it was built.
func version() string {
	const module = "github.com/ocifake/ocifake"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == module && m.Version != "" {
				return m.Version
			}
		}
	}
	return "(devel)"
}

func (e *encoder) entry(x *Exchange) error {
	rest := *x
	entry := harEntry{
		Start:        x.Start.UTC().Format(time.RFC3339Nano),
		Timings:      timings(x),
		ServerIP:     serverIP(x.Host),
		ResourceType: "fetch",
	}
	entry.Time = entry.Timings.Wait + entry.Timings.Receive
	if x.Conn != 0 {
		entry.Connection = fmt.Sprint(x.Conn)
	}
	entry.request(x, &rest)
	entry.response(x, &rest)
	own := newEncoder()
	if err := own.exchange(&rest); err != nil {
		return err
	}
	entry.Ocifake = own.Bytes()
	return e.value(entry)
}

// request takes what it holds from the rest.
func (e *harEntry) request(x, rest *Exchange) {
	e.Request = harRequest{
		Method:   x.Method,
		URL:      absoluteURL(x),
		Proto:    x.Proto,
		Cookies:  []harPair{},
		Header:   pairs(&rest.Header),
		Query:    query(x.Target),
		HeadSize: -1,
		BodySize: x.RequestBytes,
	}
	if x.RequestBody != nil {
		text, encoding := content(&rest.RequestBody)
		e.Request.Posted = &harPostData{MimeType: x.Header.Get("Content-Type"), Text: text, Encoding: encoding}
	}
}

func (e *harEntry) response(x, rest *Exchange) {
	e.Response = harResponse{
		Status:     x.Status,
		StatusText: http.StatusText(x.Status),
		Proto:      x.Proto,
		Cookies:    []harPair{},
		Header:     pairs(&rest.ResponseHeader),
		HeadSize:   -1,
		BodySize:   x.ResponseBytes,
		Transfer:   x.ResponseBytes,
	}
	text, encoding := content(&rest.ResponseBody)
	mimeType := x.ResponseHeader.Get("Content-Type")
	e.Response.Content = harContent{Size: x.ResponseBytes, MimeType: mimeType, Text: text, Encoding: encoding}
	if x.Status/100 == 3 {
		e.Response.Redirect = x.ResponseHeader.Get("Location")
	}
	switch {
	case x.Left:
		e.Response.Error = "the client went away"
	case x.Cut:
		e.Response.Error = "the answer was cut short"
	case x.Open:
		e.Response.Error = "not yet answered"
	}
}

// pairs returns the fields of a header in the order of their names. The header
// becomes nil if the list holds all of it.
func pairs(h *http.Header) []harPair {
	list := []harPair{}
	exact := len(*h) > 0
	for _, name := range sortedKeys(*h) {
		values := (*h)[name]
		exact = exact && len(values) > 0
		for _, value := range values {
			exact = exact && utf8.ValidString(value)
			list = append(list, harPair{name, value})
		}
	}
	if exact {
		*h = nil
	}
	return list
}

// content takes a body and returns its text, nil if there was none.
func content(body *[]byte) (text *string, encoding string) {
	b := *body
	if b == nil {
		return nil, ""
	}
	*body = nil
	s := string(b)
	if !utf8.Valid(b) {
		s, encoding = base64.StdEncoding.EncodeToString(b), "base64"
	}
	return &s, encoding
}

// query returns the parameters of a request target in the order they were sent.
func query(target string) []harPair {
	list := []harPair{}
	_, query, _ := strings.Cut(target, "?")
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		list = append(list, harPair{unescape(name), unescape(value)})
	}
	return list
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// absoluteURL is where the request went, as well as a URL can tell: a host or a
// target that has no place in one is replaced or escaped.
func absoluteURL(x *Exchange) string {
	base := "http://" + x.Host
	if x.Secure {
		base = "https://" + x.Host
	}
	if !isURL(base) {
		base = strings.TrimSuffix(base, x.Host) + "unknown.invalid"
	}
	target := escape(x.Target)
	switch {
	case isURL(target):
		return target
	case strings.HasPrefix(target, "/") && isURL(base+target):
		return base + target
	}
	return base + "/" + url.PathEscape(x.Target)
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// escape escapes the bytes that no part of a URL may have.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// serverIP is the address in the host that the client asked for, if it has one.
func serverIP(host string) string {
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	if err != nil {
		port, err := netip.ParseAddrPort(host)
		if err != nil {
			return ""
		}
		addr = port.Addr()
	}
	return addr.WithZone("").String()
}

// timings are never negative, and their sum is the time of the entry.
func timings(x *Exchange) harTimings {
	whole := max(x.Duration, 0)
	wait := min(max(x.First, 0), whole)
	if x.Status == 0 {
		wait = whole
	}
	return harTimings{Wait: milliseconds(wait), Receive: milliseconds(whole - wait)}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
