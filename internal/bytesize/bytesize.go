// Package bytesize parses and formats byte sizes such as 4MiB.
//
//	n, err := bytesize.Parse("4MiB") // 4194304
//	bytesize.Format(n)               // "4.0 MiB"
package bytesize

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units maps lower-case names to powers of 1024 and of 1000.
var units = map[string]float64{
	"": 1, "b": 1,
	"k": 1e3, "kb": 1e3, "ki": 1 << 10, "kib": 1 << 10,
	"m": 1e6, "mb": 1e6, "mi": 1 << 20, "mib": 1 << 20,
	"g": 1e9, "gb": 1e9, "gi": 1 << 30, "gib": 1 << 30,
	"t": 1e12, "tb": 1e12, "ti": 1 << 40, "tib": 1 << 40,
	"p": 1e15, "pb": 1e15, "pi": 1 << 50, "pib": 1 << 50,
	"e": 1e18, "eb": 1e18, "ei": 1 << 60, "eib": 1 << 60,
}

// Parse parses a decimal number and an optional unit, optionally separated by a space: "4194304",
// "4MiB", "1.5 gb". The unit is case-insensitive. The result is rounded down.
func Parse(text string) (int64, error) {
	digits := strings.TrimLeft(text, "0123456789.")
	number := text[:len(text)-len(digits)]
	unit, ok := units[strings.ToLower(strings.TrimSpace(digits))]
	if number == "" || !ok {
		return 0, errors.New("want a size such as 4194304, 4MiB or 4MB")
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && unit == 1 {
		return n, nil
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, errors.New("want a size such as 4194304, 4MiB or 4MB")
	}
	if n *= unit; n >= math.MaxInt64 {
		return 0, fmt.Errorf("want a size below %s", Format(math.MaxInt64))
	}
	return int64(n), nil
}

// Exact formats a number of bytes so that [Parse] returns the same: in the largest binary unit up to
// GiB of which it is a multiple, such as 4MiB, or else without a unit.
func Exact(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n > 0 && n%unit.size == 0 {
			return strconv.FormatInt(n/unit.size, 10) + unit.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// Format formats a number of bytes in the largest binary unit that is not larger than it, with one
// decimal below ten: "5 B", "4.0 KiB", "64 MiB".
func Format(n int64) string {
	const names = "KMGTPE"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	value, i := float64(n)/1024, 0
	for value >= 1024 && i < len(names)-1 {
		value /= 1024
		i++
	}
	if value < 9.95 {
		return fmt.Sprintf("%.1f %ciB", value, names[i])
	}
	return fmt.Sprintf("%.0f %ciB", value, names[i])
}
