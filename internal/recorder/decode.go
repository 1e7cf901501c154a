package recorder

import (
	"bytes"
	"net/http"
	"time"

	"github.com/ocifake/ocifake/internal/errorbody"
	"github.com/ocifake/ocifake/op"
	"github.com/ocifake/ocifake/record"
	"github.com/opencontainers/go-digest"
)

// decoder turns entries back into what they were made of.
type decoder struct {
	unpacker
	epoch time.Time
}

func newDecoder(epoch time.Time) *decoder {
	return &decoder{
		unpacker: unpacker{known: map[string]string{}},
		epoch:    epoch.Round(0), // without what is not in a file either
	}
}

// at sets what is unpacked next.
func (d *decoder) at(b []byte) *unpacker {
	d.b = b
	return &d.unpacker
}

func (d *decoder) exchange(parts [][]byte) record.Exchange {
	var x record.Exchange
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
		x.Codes = errorbody.Codes(x.ResponseBody)
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
func (u *unpacker) peer() (id uint64, remote string, t *record.TLS) {
	id, remote = u.uint(), u.text()
	if len(u.b) > 0 {
		t = &record.TLS{Version: u.text(), ServerName: u.text(), Client: u.text()}
	}
	return id, remote, t
}

func (d *decoder) client(x *record.Exchange, u *unpacker) {
	x.Proto = u.text()
	x.Host = u.text()
	x.Scheme = u.text()
	x.Subject = u.text()
	x.Scopes = u.texts()
	x.Header = unpackHeader(u, nil)
}

// target unpacks what packTarget packed.
func (u *unpacker) target(x *record.Exchange) {
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
func (d *decoder) numbers(x *record.Exchange, u *unpacker) {
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
