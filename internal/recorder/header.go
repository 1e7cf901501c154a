package recorder

import (
	"github.com/ocifake/ocifake/internal/redact"
	"math/bits"
	"net/http"
	"sort"
)

// nature is what has to be known of a header field to keep it.
type nature uint8

const (
	varies nature = 1 << iota // often another value in each request
)

const maxKnownField = 64 // their set is a number

// knownFields are kept by their number, which is valid as long as the process.
var knownFields = [...]struct {
	name   string
	nature nature
}{
	{"", 0}, // spelled out
	{"Accept", 0}, {"Accept-Encoding", 0}, {"Accept-Ranges", 0}, {"Allow", 0},
	{"Authorization", 0}, {"Cache-Control", 0}, {"Connection", 0},
	{"Content-Encoding", 0}, {"Content-Length", varies}, {"Content-Location", varies},
	{"Content-Range", varies}, {"Content-Type", 0}, {"Cookie", 0}, {"Date", varies},
	{"Docker-Content-Digest", varies}, {"Docker-Distribution-Api-Version", 0},
	{"Docker-Upload-Uuid", varies}, {"Etag", varies}, {"Expect", 0}, {"If-Match", varies},
	{"If-Modified-Since", varies}, {"If-None-Match", varies}, {"If-Range", varies},
	{"Job-Token", 0}, {"Last-Modified", varies}, {"Link", varies},
	{"Location", varies}, {"Oci-Chunk-Max-Length", 0}, {"Oci-Chunk-Min-Length", 0},
	{"Oci-Filters-Applied", 0}, {"Oci-Subject", varies}, {"Oci-Tag", varies}, {"Origin", 0},
	{"Private-Token", 0}, {"Proxy-Authorization", 0}, {"Range", varies},
	{"Ratelimit-Remaining", varies}, {"Referer", varies}, {"Retry-After", varies},
	{"Set-Cookie", varies}, {"Traceparent", varies}, {"Trailer", 0},
	{"Transfer-Encoding", 0}, {"User-Agent", 0}, {"Warning", 0}, {"Www-Authenticate", 0},
	{"X-Amz-Security-Token", 0}, {"X-Api-Key", 0}, {"X-Auth-Token", 0},
	{"X-Content-Type-Options", 0}, {"X-Forwarded-For", 0}, {"X-Forwarded-Host", 0},
	{"X-Forwarded-Proto", 0}, {"X-Jfrog-Art-Api", 0}, {"X-Registry-Auth", 0},
	{"X-Registry-Config", 0}, {"X-Request-Id", varies},
}

var fieldNumbers = func() map[string]uint8 {
	numbers := make(map[string]uint8, len(knownFields))
	for i, f := range knownFields[1:] {
		numbers[f.name] = uint8(i + 1)
	}
	return numbers
}()

var (
	varyingFields      = fieldsThat(varies)
	fieldAuthorization = fieldNumbers["Authorization"]
	fieldContentLength = fieldNumbers["Content-Length"]
	fieldExpect        = fieldNumbers["Expect"]
)

// fieldsThat returns the set of those with a nature.
func fieldsThat(n nature) (set uint64) {
	for i, f := range knownFields {
		if f.nature&n != 0 {
			set |= 1 << i
		}
	}
	return set
}

// sentHeader is a header in an order that is always the same.
type sentHeader struct {
	known  uint64               // set of the numbers that it has
	place  [maxKnownField]uint8 // where in values, by number
	values [24][]string
	count  int        // of values
	odd    []oddField // those without a number, or without a place, sorted
}

type oddField struct {
	name   string
	values []string
}

func (s *sentHeader) read(h http.Header) {
	for name, values := range h {
		if len(values) > 0 {
			s.add(name, values)
		}
	}
	if len(s.odd) > 1 {
		sort.Slice(s.odd, func(i, j int) bool { return s.odd[i].name < s.odd[j].name })
	}
}

func (s *sentHeader) add(name string, values []string) {
	number := fieldNumbers[name]
	if number == 0 || s.count == len(s.values) {
		s.odd = append(s.odd, oddField{name, values})
		return
	}
	s.known |= 1 << number
	s.place[number] = uint8(s.count)
	s.values[s.count] = values
	s.count++
}

// get returns the first value of a field.
func (s *sentHeader) get(number uint8) string {
	if s.known&(1<<number) == 0 {
		return ""
	}
	return s.values[s.place[number]][0]
}

// packHeader packs the fields that do not vary.
func (o *Options) packHeader(b []byte, s *sentHeader) []byte {
	b = o.packKnown(b, s, s.known&^varyingFields)
	for i := range s.odd {
		f := &s.odd[i]
		b = packText(append(b, 0), f.name)
		b = o.packValues(b, f.name, f.values)
	}
	return b
}

// packVarying packs the others.
func (o *Options) packVarying(b []byte, s *sentHeader) []byte {
	return o.packKnown(b, s, s.known&varyingFields)
}

func (o *Options) packKnown(b []byte, s *sentHeader, set uint64) []byte {
	for ; set != 0; set &= set - 1 {
		number := bits.TrailingZeros64(set)
		b = o.packValues(append(b, byte(number)), knownFields[number].name, s.values[s.place[number]])
	}
	return b
}

func (o *Options) packValues(b []byte, name string, values []string) []byte {
	b = packUint(b, uint64(len(values)))
	for _, value := range values {
		b = packText(b, o.field(name, value))
	}
	return b
}

// unpackHeader adds what is left to a header, which it makes if it has to.
func unpackHeader(u *unpacker, h http.Header) http.Header {
	for len(u.b) > 0 {
		if h == nil {
			h = make(http.Header, 8)
		}
		number := u.b[0]
		u.b = u.b[1:]
		name := knownFields[number].name
		if number == 0 {
			name = u.text()
		}
		h[name] = u.texts()
	}
	return h
}

// field returns a value of a header field as it is kept.
func (o *Options) field(name, value string) string {
	if o.KeepSecrets {
		return value
	}
	return redact.Field(name, value)
}
