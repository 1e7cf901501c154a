package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestBuild builds the site and follows every link in it that leads to the site.
func TestBuild(t *testing.T) {
	out := t.TempDir()
	if err := build("../..", out); err != nil {
		t.Fatal(err)
	}
	reference := regexp.MustCompile(`(?:href|src)="([^"#]+)(?:#([^"]*))?"`)
	links := 0
	err := filepath.WalkDir(out, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".html" {
			return err
		}
		html, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range reference.FindAllStringSubmatch(string(html), -1) {
			if strings.Contains(m[1], ":") {
				continue
			}
			links++
			to, err := os.ReadFile(filepath.Join(filepath.Dir(path), m[1]))
			switch {
			case err != nil:
				t.Errorf("%s: %v", path, err)
			case m[2] != "" && !strings.Contains(string(to), `id="`+m[2]+`"`):
				t.Errorf("%s: %s has no place %s", path, m[1], m[2])
			}
		}
		if strings.Count(string(html), `aria-current="page"`) != 1 {
			t.Errorf("%s: the menu does not mark the page", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if links < 100 {
		t.Errorf("the site has %d links", links)
	}
}

func TestBuildWithoutContents(t *testing.T) {
	if err := build(t.TempDir(), t.TempDir()); err == nil {
		t.Error("want an error for a folder without docs/README.md")
	}
}
