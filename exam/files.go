package exam

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/ocifake/ocifake/record"
)

// maxFile is the size of a file that is not read.
const maxFile = 64 << 20

// files are the files in the directories of a trial, by the number of the directory
// and the path in it.
type files map[string][]byte

// readFiles reads the files of a trial. It omits what it cannot read.
func readFiles(dirs []string) files {
	all := files{}
	for i, dir := range dirs {
		_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() {
				return nil
			}
			if info, err := entry.Info(); err != nil || info.Size() > maxFile {
				return nil
			}
			if content, err := os.ReadFile(path); err == nil {
				if name, err := filepath.Rel(dir, path); err == nil {
					all[filepath.Join(strconv.Itoa(i), name)] = content
				}
			}
			return nil
		})
	}
	return all
}

// misnamed reports that a file is named after a digest, in a directory named after the
// algorithm as in an OCI image layout, and has other content.
func misnamed(name string, content []byte) bool {
	d := digest.NewDigestFromEncoded(digest.Algorithm(filepath.Base(filepath.Dir(name))), filepath.Base(name))
	return d.Validate() == nil && d.Algorithm().FromBytes(content) != d
}

// wrongFile describes a file that a failed run left under its final name and that is
// wrong, or returns "". planned are the files after a run without a fault, and known
// tells the digests in the registry.
func wrongFile(left, planned files, known func(digest.Digest) bool, log record.Log) string {
	for _, name := range sortedNames(left) {
		content := left[name]
		switch want, final := planned[name]; {
		case misnamed(name, content):
			return fmt.Sprintf("the file %s does not have the content after which it is named", shortName(name))
		case !final || bytes.Equal(content, want):
		case bytes.HasPrefix(want, content) && known(digest.FromBytes(want)):
			return fmt.Sprintf("the file %s has only %d of %d bytes", shortName(name), len(content), len(want))
		case len(content) > 0 && isErrorBody(content, log):
			return fmt.Sprintf("the file %s has the body of an error", shortName(name))
		}
	}
	return ""
}

func isErrorBody(content []byte, log record.Log) bool {
	for _, x := range log {
		if x.Status >= 400 && bytes.Equal(x.ResponseBody, content) {
			return true
		}
	}
	return false
}

// shortName omits the number of the directory and most of a digest.
func shortName(name string) string {
	_, name, _ = strings.Cut(name, string(filepath.Separator))
	if base := filepath.Base(name); len(base) == digest.SHA256.Size()*2 {
		return filepath.ToSlash(filepath.Join(filepath.Dir(name), base[:12]+"…"))
	}
	return filepath.ToSlash(name)
}
