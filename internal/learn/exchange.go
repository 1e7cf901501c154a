package learn

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ocifake/ocifake/internal/evidence"
	"github.com/ocifake/ocifake/internal/redact"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
)

// exchange is an exchange of a recording.
type exchange struct {
	evidence.Exchange

	ref         string // where it is in the recording
	path        string // of the request
	origin      string // scheme and host of the registry
	credentials bool   // the request had some
	start       time.Time
	requestBody []byte // of a manifest, if it is whole
	sent        int64  // bytes of the request's body
	whole       bool   // the answer ended, and is the registry's own
	bodyKnown   bool   // the recording has the body of the answer
}

func newExchange(name string, x *record.Exchange) *exchange {
	target, err := url.ParseRequestURI(x.Target)
	if err != nil {
		target = &url.URL{Path: x.Target}
	}
	e := &exchange{
		Exchange: evidence.Exchange{Info: x.Info, Host: x.Host, Query: target.Query(), Request: x.Header, Status: x.Status, Header: x.ResponseHeader},
		ref:      fmt.Sprintf("%s, exchange %d: %s", clean(filepath.Base(name)), x.Seq, form(x, target)),
		path:     target.EscapedPath(), origin: "http://" + x.Host,
		credentials: x.Scheme != "" || x.Header.Get("Authorization") != "",
		start:       x.Start, sent: x.RequestBytes,
		whole: !x.Open && !x.Left && !x.Cut && len(x.Faults)+len(x.Served) == 0,
	}
	if x.Secure {
		e.origin = "https://" + x.Host
	}
	if !x.RequestBodyCut {
		e.requestBody = x.RequestBody
	}
	empty := x.ResponseBytes == 0 && slices.Contains([]string{"", "0"}, x.ResponseHeader.Get("Content-Length"))
	if x.Method != http.MethodHead && !x.ResponseBodyCut && (len(x.ResponseBody) > 0 || empty) {
		e.bodyKnown, e.Body = true, x.ResponseBody
	}
	return e
}

// form is the method and the form of the target: what differs between repositories is left out.
func form(x *record.Exchange, target *url.URL) string {
	if x.Repo == "" && x.Op != op.Ping && x.Op != op.RepositoryList {
		return x.Method // possibly of a token service
	}
	var pairs []string
	for _, p := range [][2]string{{string(x.Info.Digest), "<digest>"}, {x.Session, "<session>"}, {x.Info.Tag, "<tag>"}} {
		if p[0] != "" {
			pairs = append(pairs, "/"+p[0]+"\n", "/"+p[1])
		}
	}
	path := strings.TrimSuffix(strings.NewReplacer(pairs...).Replace(strings.TrimPrefix(target.Path, x.Prefix)+"\n"), "\n")
	if x.Repo != "" {
		path = strings.Replace(path, "/"+x.Name()+"/", "/<repo>/", 1)
	}
	names := make([]string, 0, len(target.Query()))
	for name := range target.Query() {
		if slices.Contains(parameters, name) {
			names = append(names, name+"=")
		}
	}
	if slices.Sort(names); len(names) > 0 {
		path += "?" + strings.Join(names, "&")
	}
	return clean(x.Method + " " + path)
}

// parameters are those of the API, which the citation of an exchange names.
var parameters = []string{"artifactType", "digest", "from", "last", "mount", "n", "ns", "tag"}

const maxText = 300 // bytes

// secrets takes them out, without fingerprints.
var secrets redact.Redactor

// hasSecrets reports whether a body has or had secrets.
func hasSecrets(body []byte) bool {
	return redact.Redacted(string(body)) || !bytes.Equal(secrets.Body(body), body)
}

// clean takes secrets and control characters out of a text, and cuts it.
func clean(text string) string {
	text = redact.Plain(secrets.Text(strings.ToValidUTF8(text, "?")))
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// date returns the month of the exchange.
func (x *exchange) date() string {
	if x.start.Year() < 2000 {
		return ""
	}
	return x.start.UTC().Format("2006-01")
}

// judged reports whether the answer is one that the registry gives at any time: neither cut, nor
// a failure, nor a limit, nor one to a condition of the client.
func (x *exchange) judged() bool {
	switch {
	case !x.whole, x.Op == op.Unknown, x.Op == op.External, x.Op == op.Token, x.Op == op.TokenKeys:
		return false
	case x.Status < http.StatusOK, x.Status >= http.StatusInternalServerError && x.Status != http.StatusNotImplemented:
		return false
	case x.Status == http.StatusTooManyRequests, x.Status == http.StatusPreconditionFailed, x.Status == http.StatusRequestTimeout:
		return false
	case x.Status/100 == 3:
		return x.Op == op.BlobGet && x.Status != http.StatusNotModified
	}
	return true
}

// failed reports whether the status is 4xx or more.
func (x *exchange) failed() bool { return x.Status >= http.StatusBadRequest }

// unsupported reports whether the registry does not have the operation.
func (x *exchange) unsupported() bool {
	return x.Status == http.StatusMethodNotAllowed || x.Status == http.StatusNotImplemented || x.failed() && x.Code() == "UNSUPPORTED"
}

// content returns the digest of what the answer is about, or "".
func (x *exchange) content() string {
	if d := x.Header.Get("Docker-Content-Digest"); d != "" {
		return d
	}
	return string(x.Digest)
}
