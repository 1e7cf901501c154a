// Package apicheck_test compares the exported API of the public packages with the files in the
// directory api.
//
// Experimental packages, types, functions and methods are exempt. Their doc comments contain "is
// experimental:".
package apicheck_test

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/doc"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	root   = "../.."
	folder = root + "/api"
	module = "github.com/ocifake/ocifake/"
)

var update = flag.Bool("update", false, "write the files in api")

// listed is a package in the output of "go list".
type listed struct{ path, export, dir, files string }

// list returns the packages of this module and their dependencies, compiled.
func list(t *testing.T) map[string]listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-export", "-f", "{{.ImportPath}}\t{{.Export}}\t{{.Dir}}\t{{join .GoFiles \" \"}}", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		t.Fatalf("%v: %v\n%s", cmd, err, exit.Stderr)
	}
	require.NoError(t, err)
	all := map[string]listed{}
	for line := range strings.Lines(string(out)) {
		parts := strings.Split(strings.TrimRight(line, "\n"), "\t")
		require.Len(t, parts, 4, line)
		all[parts[0]] = listed{parts[0], parts[1], parts[2], parts[3]}
	}
	return all
}

// public returns the path of a package relative to the module, and reports whether other modules
// may import it.
func (l listed) public() (string, bool) {
	name, own := strings.CutPrefix(l.path, module)
	return name, own && l.files != "" && !strings.HasPrefix(name, "internal/") && !strings.HasPrefix(name, "cmd/") && name != "docs"
}

// limits are how many types and functions the packages that came after the first nine may export.
var limits = map[string]int{
	"config": 30, "exam": 30, "faults/known": 30, "images": 30, "keep": 30, "layoutstore": 30, "lint": 30, "profiles": 30, "profiles/probe": 30,
	"registry/storetest": 30, "spec/ginkgospec": 30,
}

func TestAPI(t *testing.T) {
	all := list(t)
	load := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(all[path].export) })
	held := map[string]bool{}
	var total counts
	for _, l := range all {
		name, public := l.public()
		if !public {
			continue
		}
		experimental := experimentalNames(t, l)
		p, err := load.Import(l.path)
		require.NoError(t, err)
		lines, n := describe(p, experimental)
		total.add(n)
		if most, later := limits[name]; later {
			assert.LessOrEqual(t, n.types+n.functions, most, "%s exports too many types and functions", name)
		}
		if experimental[""] {
			t.Logf("%s: %s, experimental", name, n)
			continue
		}
		t.Logf("%s: %s", name, n)
		file := strings.ReplaceAll(name, "/", "-") + ".txt"
		held[file] = true
		compare(t, filepath.Join(folder, file), append([]string{fmt.Sprintf("# %s: %s", name, n)}, lines...))
	}
	t.Logf("all packages: %s", total)
	files, err := fs.Glob(os.DirFS(folder), "*.txt")
	require.NoError(t, err)
	for _, file := range files {
		if *update && !held[file] {
			require.NoError(t, os.Remove(filepath.Join(folder, file)))
			continue
		}
		assert.True(t, held[file], "api/%s belongs to no package: delete it", file)
	}
}

// compare fails if the file does not contain these lines. With -update it writes the file.
func compare(t *testing.T, file string, lines []string) {
	t.Helper()
	text := strings.Join(lines, "\n") + "\n"
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		return
	}
	was, err := os.ReadFile(file)
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(t, err)
	}
	before := strings.Split(strings.TrimRight(strings.ReplaceAll(string(was), "\r\n", "\n"), "\n"), "\n")
	if difference := changes(before, lines); len(difference) > 0 {
		t.Errorf("the exported API differs from %s: update the file with \"go test ./internal/apicheck -update\", and describe the change in the commit\n%s",
			strings.TrimPrefix(filepath.ToSlash(file), root+"/"), strings.Join(difference, "\n"))
	}
}

// experimentalNames returns the experimental names. The empty name is the package.
func experimentalNames(t *testing.T, l listed) map[string]bool {
	t.Helper()
	set := token.NewFileSet()
	var files []*ast.File
	for name := range strings.FieldsSeq(l.files) {
		f, err := parser.ParseFile(set, filepath.Join(l.dir, name), nil, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(set, files, l.path)
	require.NoError(t, err)
	names := map[string]bool{}
	mark := func(name, comment string) {
		if strings.Contains(strings.Join(strings.Fields(comment), " "), "is experimental:") {
			names[name] = true
		}
	}
	functions := func(of string, list []*doc.Func) {
		for _, f := range list {
			mark(of+f.Name, f.Doc)
		}
	}
	mark("", p.Doc)
	functions("", p.Funcs)
	for _, typ := range p.Types {
		mark(typ.Name, typ.Doc)
		functions("", typ.Funcs)
		functions(typ.Name+".", typ.Methods)
	}
	return names
}

// TestDescribe checks that each kind of change is detected, and that experimental and unexported
// declarations are ignored.
func TestDescribe(t *testing.T) {
	base := `package p
type S struct { A int; b int }
func (S) M(n int) error { return nil }
func (*S) P() {}
func (S) hidden() {}
type I interface { M(int) error }
type h struct{}
func (h) Promoted() {}
type E struct { h }
type A = S
type G[T any] struct { V T }
func F[T comparable](s ...T) (n int) { return 0 }
const C = 1
var V = map[string]S{}
func X() {}
`
	api := func(source string) []string {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, "p.go", source, 0)
		require.NoError(t, err)
		p, err := new(types.Config).Check("p", set, []*ast.File{f}, nil)
		require.NoError(t, err)
		lines, _ := describe(p, map[string]bool{"X": true})
		return lines
	}
	was := api(base)
	for _, c := range []struct {
		from, to string
		want     []string
	}{
		{"A int", "A, B int", []string{"+ type S struct, B int"}},
		{"b int", "b, c int", nil},
		{"b int", "b []int", []string{"+ type S struct, with hidden fields, not comparable", "- type S struct, with hidden fields"}},
		{"M(n int) error", "M(n int64) error", []string{"+ func (S) M(n int64) error", "- func (S) M(n int) error"}},
		{"func (*S) P", "func (S) P", []string{"+ func (S) P()", "- func (*S) P()"}},
		{"hidden() {}", "hidden(int) {}", nil},
		{"interface { M(int) error }", "interface { M(int) error; N() }", []string{"+ type I interface, N()"}},
		{"interface { M(int) error }", "interface { M(int) error; n() }", []string{"+ type I interface, with hidden methods", "- type I interface"}},
		{"Promoted", "Renamed", []string{"+ func (E) Renamed()", "- func (E) Promoted()"}},
		{"A = S", "A = I", []string{"+ type A = I", "- type A = S"}},
		{"V T", "V []T", []string{"+ type G[T any] struct, V []T", "- type G[T any] struct, V T"}},
		{"comparable", "any", []string{"+ func F[T any](s ...T) (n int)", "- func F[T comparable](s ...T) (n int)"}},
		{"C = 1", "C = 2", []string{"+ const C untyped int = 2", "- const C untyped int = 1"}},
		{"map[string]S", "map[string]I", []string{"+ var V map[string]I", "- var V map[string]S"}},
		{"func X()", "func X(int)", nil},
		{"func X()", "func Y() {}\nfunc X()", []string{"+ func Y()"}},
	} {
		require.Contains(t, base, c.from)
		assert.ElementsMatch(t, c.want, changes(was, api(strings.Replace(base, c.from, c.to, 1))), "%s -> %s", c.from, c.to)
	}
}
