package registrytest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/ocifake/ocifake/internal/update"
	"github.com/ocifake/ocifake/record"
)

// Transcript asserts that the requests and their answers equal the content of a file, in the
// format of [record.Log.Transcript]. The path is relative to the directory of the test,
// "testdata/pull.golden". Commit the file: its diff shows changes of the client's behavior.
//
// Transcript writes the file, and returns true, if the environment variable OCIFAKE_UPDATE is
// 1, or if the test defines a flag -update with flag.Bool and it is set. Without any request
// it returns false.
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
	write, err := update.Requested()
	if err != nil {
		return "", err
	}
	want, err := os.ReadFile(file)
	want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n")) // as Git may have it
	switch missing := errors.Is(err, fs.ErrNotExist); {
	case err == nil && string(want) == text:
		return "", nil
	case write && (err == nil || missing):
		return "", writeGolden(file, text)
	case missing:
		return "", fmt.Errorf("there is no such file: set %s=1 to write it", update.Variable)
	case err != nil:
		return "", err
	}
	return fmt.Sprintf("other ones; set %s=1 to write them\n%s", update.Variable, diff.Diff(file, want, "got", []byte(text))), nil
}

func writeGolden(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
