package registry

import (
	"mime"
	"strconv"
	"strings"
)

// accepts judges Accept (RFC 9110, 12.5.1) for a media type. The most specific range
// that matches decides, whatever its place; among equals, the largest weight does. A
// missing header accepts everything.
func accepts(values []string, want string) bool {
	if len(values) == 0 {
		return true
	}
	best, accepted := 0, false
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			mediaRange, parameters, err := mime.ParseMediaType(item)
			if err != nil {
				continue
			}
			weight, ok := parseWeight(parameters)
			specific := specificity(mediaRange, want)
			switch {
			case !ok || specific == 0 || specific < best:
			case specific > best:
				best, accepted = specific, weight > 0
			default:
				accepted = accepted || weight > 0
			}
		}
	}
	return accepted
}

// names reports whether Accept has a media type itself, with any weight.
func names(values []string, want string) bool {
	for _, value := range values {
		for item := range strings.SplitSeq(value, ",") {
			if mediaType, _, err := mime.ParseMediaType(item); err == nil && mediaType == want {
				return true
			}
		}
	}
	return false
}

// specificity returns how closely a media range matches a media type: 0 if it does not,
// 3 if they are the same.
func specificity(mediaRange, want string) int {
	typ, _, _ := strings.Cut(want, "/")
	switch mediaRange {
	case strings.ToLower(want):
		return 3
	case strings.ToLower(typ) + "/*":
		return 2
	case "*/*":
		return 1
	}
	return 0
}

// parseWeight reads the parameter q, 1 by default: 0 to 1 with at most three decimals
// (RFC 9110, 12.4.2).
func parseWeight(parameters map[string]string) (float64, bool) {
	q, ok := parameters["q"]
	if !ok {
		return 1, true
	}
	whole, decimals, _ := strings.Cut(q, ".")
	weight, err := strconv.ParseFloat(q, 64)
	return weight, err == nil && (whole == "0" || whole == "1") && len(decimals) <= 3 && weight <= 1
}
