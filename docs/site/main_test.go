package main

import (
	"fmt"
	stdhtml "html"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ocifake/ocifake/profiles"
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

// TestTraits: without JavaScript, the page of traits has every fact of every registry.
func TestTraits(t *testing.T) {
	out := t.TempDir()
	if err := build("../..", out); err != nil {
		t.Fatal(err)
	}
	html, err := os.ReadFile(filepath.Join(out, filepath.FromSlash(traitsFile)))
	if err != nil {
		t.Fatal(err)
	}
	all, facts, err := everyProfile()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{} // cells by trait
	for _, m := range regexp.MustCompile(`(?s)<tr data-trait="([^"]+)">(.*?)</tr>`).FindAllStringSubmatch(string(html), -1) {
		rows[m[1]] = regexp.MustCompile(`(?s)<td.*?</td>`).FindAllString(m[2], -1)
	}
	if len(rows) != len(profiles.Traits()) {
		t.Errorf("%d rows for %d traits", len(rows), len(profiles.Traits()))
	}
	for i, p := range all {
		if !strings.Contains(string(html), `<th scope="col" data-registry="`+p.Name+`">`) {
			t.Errorf("no column for %s", p.Name)
		}
		for _, trait := range profiles.Traits() {
			cells := rows[trait.Name]
			if len(cells) != 1+len(all) {
				t.Fatalf("%s: %d cells", trait.Name, len(cells))
			}
			cell, f := stdhtml.UnescapeString(cells[1+i]), facts[i][trait.Name]
			want := []string{"unknown"}
			if f != nil {
				want = []string{string(f.Value), f.Seen, f.Source, f.Date, f.Off}
			}
			for _, text := range want {
				if !strings.Contains(cell, text) {
					t.Errorf("%s, %s: no %q in %s", p.Name, trait.Name, text, cell)
				}
			}
		}
	}
}

// TestTraitsFilter runs the script of the page in Chromium, with the filter in the URL.
func TestTraitsFilter(t *testing.T) {
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("Chromium is not installed: apt-get install -y chromium")
	}
	out := t.TempDir()
	if err := build("../..", out); err != nil {
		t.Fatal(err)
	}
	shown, hidden := regexp.MustCompile(`id="shown">([^<]*)<`), regexp.MustCompile(`<tr data-trait="[^"]*" hidden="">`)
	ecr, err := profiles.Find("ecr")
	if err != nil {
		t.Fatal(err)
	}
	facts, err := ecr.AllFacts()
	if err != nil {
		t.Fatal(err)
	}
	traits, registries, mounts, known := len(profiles.Traits()), len(profiles.Names()), 0, 0
	for _, trait := range profiles.Traits() {
		if strings.Contains(trait.Name+" "+trait.About, "blob.mount") { // the filter looks for a text
			mounts++
			if slices.ContainsFunc(facts, func(f profiles.Fact) bool { return f.Trait == trait.Name }) {
				known++ // a chosen registry is shown with what is known of it
			}
		}
	}
	if mounts == 0 || mounts == traits {
		t.Fatalf("%d of %d traits are about blob.mount: the filter is not tested", mounts, traits)
	}
	for query, want := range map[string]string{
		"":                                 fmt.Sprintf("%d of %[1]d traits, %d of %[2]d registries", traits, registries),
		"?trait=blob.mount":                fmt.Sprintf("%d of %d traits, %d of %[3]d registries", mounts, traits, registries),
		"?registry=ecr&trait=blob.mount":   fmt.Sprintf("%d of %d traits, 1 of %d registries", known, traits, registries),
		"?registry=ecr,ghcr&trait=nothing": fmt.Sprintf("0 of %d traits, 2 of %d registries", traits, registries),
	} {
		page := "file://" + filepath.ToSlash(filepath.Join(out, traitsFile)) + query
		html, err := exec.Command(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir="+t.TempDir(), "--dump-dom", page).Output()
		if err != nil {
			t.Fatal(err)
		}
		if m := shown.FindStringSubmatch(string(html)); m == nil || m[1] != want {
			t.Errorf("%q: got %q, want %q", query, m, want)
		}
		visible := strings.Count(string(html), "<tr data-trait=") - len(hidden.FindAllString(string(html), -1))
		if !strings.HasPrefix(want, fmt.Sprint(visible)+" ") {
			t.Errorf("%q: %d rows are visible, want %s", query, visible, want)
		}
	}
}
