package record

import (
	"bytes"
	"encoding/json"
	"net/http"
	"time"

	"github.com/ocifake/ocifake/op"
	"github.com/opencontainers/go-digest"
)

// decoder turns entries back into what they were made of.
type decoder struct {
	unpacker
	epoch  time.Time
	tokens map[string]facts // claims that were read
}

func newDecoder(epoch time.Time) *decoder {
	return &decoder{
		unpacker: unpacker{known: map[string]string{}},
		epoch:    epoch.Round(0), // without what is not in a file either
		tokens:   map[string]facts{},
	}
}

// at sets what is unpacked next.
func (d *decoder) at(b []byte) *unpacker {
	d.b = b
	return &d.unpacker
}

func (d *decoder) exchange(parts [][]byte) Exchange {
	var x Exchange
	x.Conn, x.Remote, x.TLS = d.at(parts[connSegment]).peer()
	x.Secure = x.TLS != nil
	d.client(&x, d.at(parts[clientSegment]))
	d.at(parts[targetSegment]).target(&x)
	x.Header = unpackHeader(d.at(parts[requestSegment]), x.Header)
	x.ResponseHeader = unpackHeader(d.at(parts[answerSegment]), nil)
	x.ResponseHeader = unpackHeader(d.at(parts[contentSegment]), x.ResponseHeader)
	d.numbers(&x, d.at(parts[numbersSegment]))
	x.RequestBody = bytes.Clone(nonEmpty(parts[askedSegment]))
	x.ResponseBody = bytes.Clone(nonEmpty(parts[answeredSegment]))
	if x.Status >= http.StatusBadRequest {
		x.Codes = codesIn(x.ResponseBody)
	}
	return x
}

func nonEmpty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// client unpacks what packPeer packed.
func (u *unpacker) peer() (id uint64, remote string, t *TLS) {
	id, remote = u.uint(), u.text()
	if len(u.b) > 0 {
		t = &TLS{Version: u.text(), ServerName: u.text(), Client: u.text()}
	}
	return id, remote, t
}

func (d *decoder) client(x *Exchange, u *unpacker) {
	x.Proto = u.text()
	x.Host = u.text()
	x.Scheme = u.text()
	x.Subject = u.text()
	if claims := u.text(); claims != "" {
		f, ok := d.tokens[claims]
		if !ok {
			f.read(claims)
			d.tokens[claims] = f
		}
		x.Subject = f.subject
		x.Scopes = append(x.Scopes, f.scopes...)
	}
	x.Header = unpackHeader(u, nil)
}

// target unpacks what packTarget packed.
func (u *unpacker) target(x *Exchange) {
	x.Method = u.text()
	x.Target = u.text()
	mask := u.b[0]
	u.b = u.b[1:]
	for i, s := range [...]*string{&x.Repo, &x.Info.Tag, (*string)(&x.Info.Digest), (*string)(&x.Algorithm), &x.Info.Session, &x.From, &x.Info.Namespace, &x.Prefix} {
		if mask&(1<<i) != 0 {
			*s = u.part(x.Target)
		}
	}
	x.Tags = u.texts()
	x.Allow = u.texts()
}

// numbers unpacks what packNumbers packed.
func (d *decoder) numbers(x *Exchange, u *unpacker) {
	f := flags(u.b[0])
	x.Op = op.Op(u.b[1])
	u.b = u.b[2:]
	x.Reused, x.StaleState = f&flagReused != 0, f&flagStale != 0
	x.Open, x.Left, x.Cut = f&flagOpen != 0, f&flagLeft != 0, f&flagCut != 0
	x.RequestBodyCut, x.ResponseBodyCut = f&flagAskedCut != 0, f&flagAnsweredCut != 0
	x.Seq = u.uint()
	x.Start = d.epoch.Add(time.Duration(u.uint()))
	x.InFlight = int(u.uint())
	x.Status = int(u.uint())
	x.First = time.Duration(u.uint())
	x.Duration = time.Duration(u.uint())
	x.RequestBytes = int64(u.uint())
	x.ResponseBytes = int64(u.uint())
	x.Verified = digest.Digest(u.part(string(x.Info.Digest)))
	if f&flagNoted == 0 {
		return
	}
	x.Faults = u.texts()
	if subject, scopes := u.text(), u.texts(); subject != "" || len(scopes) > 0 {
		x.Subject, x.Scopes = subject, scopes
	}
	x.Alias = u.text()
}

// codesIn reads the error codes of a body ("Error Codes"), as far as it goes: it
// may be cut off, or be something else.
func codesIn(body []byte) []string {
	d := json.NewDecoder(bytes.NewReader(body))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil
		}
		if name == "errors" {
			return codesOf(d)
		}
		var other json.RawMessage
		if d.Decode(&other) != nil {
			return nil
		}
	}
	return nil
}

func codesOf(d *json.Decoder) []string {
	if token, err := d.Token(); err != nil || token != json.Delim('[') {
		return nil
	}
	var codes []string
	for d.More() {
		var e struct{ Code string }
		if d.Decode(&e) != nil {
			break
		}
		if e.Code != "" {
			codes = append(codes, e.Code)
		}
	}
	return codes
}
