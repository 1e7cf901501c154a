package registrytest

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/ocifake/ocifake/record"
)

// updateVariable asks for golden files to be written.
const updateVariable = "OCIFAKE_UPDATE"

// Transcript asserts that the requests and their answers are those in a file, as
// [record.Log.Transcript] writes them. The file is named from the folder of the
// test, "testdata/pull.golden", and made to be committed: a change of the client's
// ways is seen in its diff.
//
// The file is written, and the assertion true, if the environment variable
// OCIFAKE_UPDATE is set to 1, or if the test has a flag -update, made by
// flag.Bool, that is set. Without any request the assertion is false.
func (a *Assertions) Transcript(file string) bool {
	a.t.Helper()
	return a.check(func(log record.Log) verdict {
		v := verdict{want: a.requests() + " as in " + file}
		if len(log) == 0 {
			v.got = "none"
			return v
		}
		var err error
		if v.got, err = compareGolden(file, log.Transcript()); err != nil {
			v.got = err.Error()
		}
		return v
	})
}

// compareGolden returns how a text differs from that of a file, or writes it.
func compareGolden(file, text string) (difference string, err error) {
	update, err := updating()
	if err != nil {
		return "", err
	}
	want, err := os.ReadFile(file)
	want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")) // as Git may have it
	switch missing := errors.Is(err, fs.ErrNotExist); {
	case err == nil && string(want) == text:
		return "", nil
	case update && (err == nil || missing):
		return "", writeGolden(file, text)
	case missing:
		return "", fmt.Errorf("there is no such file: set %s=1 to write it", updateVariable)
	case err != nil:
		return "", err
	}
	return fmt.Sprintf("other ones; set %s=1 to write them\n%s", updateVariable, diff.Diff(file, want, "got", []byte(text))), nil
}

func writeGolden(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}

// updating reports whether golden files are to be written.
func updating() (bool, error) {
	if f := flag.Lookup("update"); f != nil {
		if g, ok := f.Value.(flag.Getter); ok && g.Get() == true {
			return true, nil
		}
	}
	text, ok := os.LookupEnv(updateVariable)
	if !ok || text == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%s=%s: want 1 or 0", updateVariable, text)
	}
	return on, nil
}
