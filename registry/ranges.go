package registry

import (
	"math"
	"strconv"
	"strings"

	"github.com/ocifake/ocifake/op"
	"github.com/opencontainers/go-digest"
)

// byteRange is a part of a blob.
type byteRange struct{ start, length int64 }

func (p byteRange) contentRange(size int64) string {
	return "bytes " + rangeText(p.start, p.length) + "/" + strconv.FormatInt(size, 10)
}

// rangeText is the inclusive form, "0-9" for the first ten bytes.
func rangeText(start, length int64) string {
	return strconv.FormatInt(start, 10) + "-" + strconv.FormatInt(start+length-1, 10)
}

// requestedRange judges Range and If-Range of a GET of a blob (RFC 9110, 13.1.5
// and 14.2). Several ranges or headers, units other than bytes and ranges of an empty blob
// are ignored. A range that is malformed or lies outside the blob is an error.
func (c *call) requestedRange(d digest.Digest, size int64) (part byteRange, partial bool, err error) {
	whole := byteRange{0, size}
	if c.options.dialect.ClosedRange {
		return c.closedRange(size)
	}
	if len(c.r.Header["Range"]) != 1 || size == 0 || c.info.Op != op.BlobGet || c.options.dialect.IgnoreRange {
		return whole, false, nil
	}
	header := c.r.Header.Get("Range")
	if condition := c.r.Header.Get("If-Range"); condition != "" && condition != quote(d) {
		return whole, false, nil
	}
	unit, set, _ := strings.Cut(header, "=")
	ranges := listed(set)
	if !strings.EqualFold(strings.TrimSpace(unit), "bytes") || len(ranges) > 1 {
		return whole, false, nil
	}
	ok := len(ranges) == 1
	if ok {
		part, ok = parseRange(ranges[0], size)
	}
	if !ok {
		return whole, false, c.refuseRange(size)
	}
	return part, true, nil
}

// refuseRange refuses the Range of a blob with this size.
func (c *call) refuseRange(size int64) error {
	c.header().Set("Content-Range", noRange(size))
	return &Error{Cause: RangeInvalid, Detail: map[string]any{"range": c.r.Header.Get("Range"), "size": size}}
}

// closedRange judges Range where it must begin with bytes=<first>-<last>, both in the blob. What
// follows is not read, and If-Range is not judged.
func (c *call) closedRange(size int64) (part byteRange, partial bool, err error) {
	whole := byteRange{0, size}
	header := c.r.Header.Get("Range")
	if header == "" || c.info.Op != op.BlobGet {
		return whole, false, nil
	}
	set, ok := strings.CutPrefix(header, "bytes=")
	first, rest, _ := strings.Cut(set, "-")
	last := rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))]
	if ok && last != "" {
		part, ok = parseRange(first+"-"+last, max(size, 1))
	}
	if end, valid := parseDecimal(last); !ok || first == "" || !valid || end >= size {
		c.state.AddTrait("blob.range-forms")
		return whole, false, c.refuseRange(size)
	}
	return part, true, nil
}

// listed splits a list at its commas, and drops empty elements (RFC 9110, 5.6.1.2).
func listed(list string) []string {
	var elements []string
	for element := range strings.SplitSeq(list, ",") {
		if element = strings.Trim(element, " \t"); element != "" {
			elements = append(elements, element)
		}
	}
	return elements
}

// parseRange reads "a-b", "a-" and "-n" against a size above 0.
func parseRange(s string, size int64) (byteRange, bool) {
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		return byteRange{}, false
	}
	if first == "" {
		n, ok := parseDecimal(last)
		n = min(n, size)
		return byteRange{size - n, n}, ok && n > 0
	}
	start, ok := parseDecimal(first)
	if !ok || start >= size {
		return byteRange{}, false
	}
	end := int64(math.MaxInt64)
	if last != "" {
		if end, ok = parseDecimal(last); !ok || end < start {
			return byteRange{}, false
		}
	}
	return byteRange{start, min(end, size-1) - start + 1}, true
}

// parseDecimal reads one or more digits and nothing else; what does not fit into
// an int64 is the largest one.
func parseDecimal(s string) (int64, bool) {
	if s == "" || strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return math.MaxInt64, true
	}
	return n, true
}

// parseContentRange reads the Content-Range of a chunk, ^[0-9]+-[0-9]+$
// ("Pushing a blob in chunks").
func parseContentRange(s string) (byteRange, bool) {
	first, last, ok := strings.Cut(s, "-")
	if !ok {
		return byteRange{}, false
	}
	start, ok := parseDecimal(first)
	if !ok {
		return byteRange{}, false
	}
	end, ok := parseDecimal(last)
	if !ok || end < start || end == math.MaxInt64 {
		return byteRange{}, false
	}
	return byteRange{start, end - start + 1}, true
}
