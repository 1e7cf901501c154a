// Package pages has the Go code of the documentation as tests. All files but this one are
// generated:
//
//	go generate ./docs
package pages

import (
	"log"
	"os"
	"testing"
)

// TestMain runs the code as in a new module, in which there are no golden files yet.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pages")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chdir(dir); err != nil {
		log.Fatal(err)
	}
	if err := os.Setenv("OCIFAKE_UPDATE", "1"); err != nil {
		log.Fatal(err)
	}
	return m.Run()
}
