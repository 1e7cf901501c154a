package bytesize

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "4194304": 4 << 20, "9223372036854775807": math.MaxInt64,
		"4MiB": 4 << 20, "4 mib": 4 << 20, "4MB": 4e6, "4m": 4e6, "4Mi": 4 << 20, "1.5GiB": 3 << 29, "1b": 1, "7EiB": 7 << 60,
	} {
		got, err := Parse(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "MiB", "-1", "4 M B", "1.2.3", "4XiB", "8EiB", "1e3", "9223372036854775808", "0x10"} {
		_, err := Parse(text)
		assert.Error(t, err, text)
	}
}

func TestFormat(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 4 << 20: "4.0 MiB", 64 << 20: "64 MiB",
		10<<20 - 1: "10 MiB", 1 << 40: "1.0 TiB", math.MaxInt64: "8.0 EiB",
	} {
		assert.Equal(t, want, Format(n), n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("4MiB")
	f.Add("1.5 GiB")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := Parse(text); err == nil {
			assert.GreaterOrEqual(t, n, int64(0))
			assert.NotEmpty(t, Format(n))
		}
	})
}
