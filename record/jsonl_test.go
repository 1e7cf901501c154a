package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ocifake/ocifake/internal/jsonedit"
	"github.com/ocifake/ocifake/op"
)

func TestJSONLRoundTrip(t *testing.T) {
	for seed := range uint64(100) {
		log := arbitrary(t, seed, 4)
		var file bytes.Buffer
		require.NoError(t, log.WriteJSONL(&file))
		assert.Equal(t, len(log), strings.Count(file.String(), "\n"))
		back, err := ReadJSONL(&file)
		require.NoError(t, err)
		requireSame(t, log, back, "seed %d", seed)
	}
}

// TestJSONLByLine writes the lines one by one, while a recording goes on.
func TestJSONLByLine(t *testing.T) {
	log := pull()
	var whole, lines bytes.Buffer
	require.NoError(t, log.WriteJSONL(&whole))
	for i := range log {
		require.NoError(t, log[i:i+1].WriteJSONL(&lines))
	}
	assert.Equal(t, whole.String(), lines.String())
	back, err := ReadJSONL(&lines)
	require.NoError(t, err)
	requireSame(t, log, back)
}

func TestReadJSONLTolerates(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, pull()[:2].WriteJSONL(&file))
	lines := strings.SplitAfter(file.String(), "\n")
	for name, in := range map[string]string{
		"carriage returns":     strings.ReplaceAll(file.String(), "\n", "\r\n"),
		"empty lines":          "\n \n" + lines[0] + "\n" + lines[1] + "\n",
		"no newline at end":    strings.TrimSuffix(file.String(), "\n"),
		"order in which ended": lines[1] + lines[0],
	} {
		t.Run(name, func(t *testing.T) {
			back, err := ReadJSONL(strings.NewReader(in))
			require.NoError(t, err)
			requireSame(t, pull()[:2], back)
		})
	}
	back, err := ReadJSONL(strings.NewReader(""))
	require.NoError(t, err)
	assert.Empty(t, back)
}

// What stands before an error is returned with it.
func TestReadJSONLErrors(t *testing.T) {
	var file bytes.Buffer
	require.NoError(t, pull()[:1].WriteJSONL(&file))
	line := file.String()
	small := limits{entry: len(line) + 1, log: defaultLimits.log}
	for _, c := range []struct {
		name string
		in   io.Reader
		max  limits
		want string
	}{
		{"truncated", strings.NewReader(line + line[:30]), defaultLimits, "line 2 is cut"},
		{"no object", strings.NewReader(line + "\nhello\n"), defaultLimits, "line 3: invalid character 'h'"},
		{"unknown field", strings.NewReader(line + `{"size":1}`), defaultLimits, `line 2: unknown field "size"`},
		{"two objects", strings.NewReader(line + line[:len(line)-1] + line), defaultLimits, "line 2: there is more after the object"},
		{"not UTF-8", strings.NewReader(line + "{\"repo\":\"\xff\"}"), defaultLimits, "line 2: is not UTF-8"},
		{"deep", strings.NewReader(line + `{"tags":` + strings.Repeat("[", 1<<20)), defaultLimits, "line 2: invalid character '[' exceeded max depth"},
		{"long line", strings.NewReader(line + strings.Repeat("x", len(line)+2)), small, "line 2: is longer than "},
		{"endless line", io.MultiReader(strings.NewReader(line), endless{}), defaultLimits, "line 2: is longer than 33554432 bytes"},
		{"too many", strings.NewReader(line + line), limits{entry: 1 << 20, log: 6000}, "line 2: there are too many exchanges"},
		{"read error", io.MultiReader(strings.NewReader(line), iotest.ErrReader(errors.New("gone"))), defaultLimits, "line 2: gone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			back, err := readJSONL(c.in, c.max)
			require.ErrorContains(t, err, "record: read JSON Lines: "+c.want)
			requireSame(t, pull()[:1], back)
		})
	}
}

// A file that was written while recording is in the order in which exchanges ended.
func TestScanJSONL(t *testing.T) {
	for name, test := range map[string]struct {
		lines []uint64
		want  []uint64
	}{
		"in order":        {[]uint64{1, 2, 3}, []uint64{1, 2, 3}},
		"by end":          {[]uint64{3, 2, 5, 4, 1}, []uint64{1, 2, 3, 4, 5}},
		"from the middle": {[]uint64{9, 8, 12}, []uint64{8, 9, 12}},
		"too late":        {append(numbers(2, 2+maxUnordered), 1), append(numbers(2, 2+maxUnordered), 1)},
	} {
		t.Run(name, func(t *testing.T) {
			var log Log
			for _, seq := range test.lines {
				log = append(log, Exchange{Seq: seq, Start: pull()[0].Start, Info: op.Info{Op: op.Ping, Method: "GET"}})
			}
			var file bytes.Buffer
			require.NoError(t, log.WriteJSONL(&file))
			var got []uint64
			for x, err := range ScanJSONL(io.MultiReader(&file, strings.NewReader(`{"seq":7,"st`))) {
				if err != nil {
					require.ErrorIs(t, err, ErrCut)
					require.ErrorContains(t, err, fmt.Sprintf("line %d is cut", len(log)+1))
					got = append(got, 0)
					continue
				}
				got = append(got, x.Seq)
			}
			assert.Equal(t, append(test.want, 0), got)
		})
	}
}

// numbers returns those from one to another.
func numbers(from, to uint64) (all []uint64) {
	for n := from; n <= to; n++ {
		all = append(all, n)
	}
	return all
}

// The members of an object are those that encoding/json finds.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{`{}`, ` {"a":1}`, `{ "a" : "\\" , "b\"" : [ {"c":"}"} , [] ] }`, `{"\u0041":null,"b":-1.5e3}`, `{"a":{"b":"\\\""},"c":true}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.TrimSpace(text)
		want := map[string]json.RawMessage{}
		if !strings.HasPrefix(text, "{") || json.Unmarshal([]byte(text), &want) != nil {
			return
		}
		got := map[string]json.RawMessage{}
		require.NoError(t, jsonedit.Members([]byte(text), func(name []byte, value json.RawMessage) error {
			got[string(name)] = value
			return nil
		}))
		assert.Equal(t, want, got)
	})
}

func TestWriteJSONLErrors(t *testing.T) {
	full := errors.New("disk full")
	require.ErrorIs(t, pull().WriteJSONL(failing{full}), full)
	broken := pull()
	broken[1].Op = 200
	var file bytes.Buffer
	require.ErrorContains(t, broken.WriteJSONL(&file), `record: write JSON Lines: exchange 2: field "op": `)
	assert.Equal(t, 1, strings.Count(file.String(), "\n"), "complete lines")
	assert.True(t, strings.HasSuffix(file.String(), "\n"))
}

// endless is a hostile file.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
