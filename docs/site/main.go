// Command site writes the documentation as a static site: a page of HTML for each page of
// Markdown, in the order of docs/README.md, for light and dark color schemes.
//
//	go run -C docs/site . -out /tmp/site
package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
)

//go:embed page.html
var layout string

// source is the base URL of links to files that are not pages of the site.
const source = "https://github.com/ocifake/ocifake/blob/main/"

func main() {
	root := flag.String("root", "../..", "the `folder` of the repository")
	out := flag.String("out", "", "the `folder` to write the site into")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := build(*root, *out); err != nil {
		fmt.Fprintln(os.Stderr, "site:", err)
		os.Exit(1)
	}
}

// page is an entry of the menu: a page, or the title of a group.
type page struct {
	file    string // from the root of the repository: "docs/guides/ci.md"; empty for a title
	Title   string
	Deep    bool // below a group
	Current bool
	URL     string // from the page that links to it
}

// entry matches an entry of the table of contents: a page, or the title of a group.
var entry = regexp.MustCompile(`(?m)^( *)\d+\. (?:\[([^\]]+)\]\(([^)]+)\)|(\w+)$)`)

// pages returns README.md, the table of contents, and the pages in its order.
func pages(root string) ([]page, error) {
	contents, err := os.ReadFile(filepath.Join(root, "docs", "README.md"))
	if err != nil {
		return nil, err
	}
	all := []page{{file: "README.md", Title: "ocifake"}, {file: "docs/README.md", Title: "Documentation"}}
	for _, m := range entry.FindAllStringSubmatch(string(contents), -1) {
		if m[4] != "" {
			all = append(all, page{Title: m[4]})
			continue
		}
		p := page{file: path.Join("docs", m[3]), Title: m[2], Deep: m[1] != ""}
		all = append(all, p)
		if m[3] == "registries.md" {
			all = append(all, page{file: traitsFile, Title: "Traits of registries", Deep: p.Deep})
		}
	}
	if len(all) == 2 {
		return nil, errors.New("docs/README.md lists no pages")
	}
	return append(all, page{file: "CHANGELOG.md", Title: "Changelog"}, page{file: "SECURITY.md", Title: "Security"}), nil
}

// target returns the output file of a page.
func target(file string) string {
	dir, name := path.Split(file)
	if name == "README.md" {
		return dir + "index.html"
	}
	return strings.TrimSuffix(file, path.Ext(file)) + ".html"
}

func build(root, out string) error {
	all, err := pages(root)
	if err != nil {
		return err
	}
	site := map[string]bool{}
	for _, p := range all {
		site[p.file] = true
	}
	t, err := template.New("page").Parse(layout)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.file == "" {
			continue
		}
		if err := write(t, root, out, p.file, all, site); err != nil {
			return fmt.Errorf("%s: %w", p.file, err)
		}
	}
	return copyImages(root, out)
}

var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID()))

func write(t *template.Template, root, out, file string, all []page, site map[string]bool) error {
	body, err := bodyOf(root, file)
	if err != nil {
		return err
	}
	menu := make([]page, len(all))
	var title string
	for i, p := range all {
		menu[i] = p
		if p.file == "" {
			continue
		}
		menu[i].URL = relative(file, target(p.file))
		if menu[i].Current = p.file == file; menu[i].Current {
			title = p.Title
		}
	}
	var html bytes.Buffer
	err = t.Execute(&html, map[string]any{
		"Title": title, "Menu": menu, "Body": template.HTML(relink(body, file, site)), // made of files of the repository
	})
	if err != nil {
		return err
	}
	path := filepath.Join(out, filepath.FromSlash(target(file)))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, html.Bytes(), 0o644)
}

// bodyOf returns the HTML of a page without its links rewritten.
func bodyOf(root, file string) (string, error) {
	if file == traitsFile {
		return traitsBody()
	}
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
	if err != nil {
		return "", err
	}
	var body bytes.Buffer
	err = markdown.Convert(text, &body)
	return body.String(), err
}

// relative returns the URL of a file of the site for a page.
func relative(from, to string) string {
	return strings.Repeat("../", strings.Count(from, "/")) + to
}

var href = regexp.MustCompile(`href="([^"#]*)(#[^"]*)?"`)

// relink rewrites links to pages to their HTML files, and links to other files to their source.
func relink(html, file string, site map[string]bool) string {
	return href.ReplaceAllStringFunc(html, func(attribute string) string {
		m := href.FindStringSubmatch(attribute)
		if m[1] == "" || strings.Contains(m[1], ":") {
			return attribute
		}
		to := path.Join(path.Dir(file), m[1])
		if site[to] {
			return `href="` + relative(file, target(to)) + m[2] + `"`
		}
		return `href="` + source + to + m[2] + `"`
	})
}

// copyImages copies the images of the documentation.
func copyImages(root, out string) error {
	return filepath.WalkDir(filepath.Join(root, "docs"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".png" {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		image, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(out, name), image, 0o644)
	})
}
