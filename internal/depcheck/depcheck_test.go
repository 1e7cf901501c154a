// Package depcheck_test checks the imports of the packages of this module.
package depcheck_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/ocifake/ocifake"

// pkg is a package in the output of "go list -json".
type pkg struct {
	ImportPath string
	GoFiles    []string
	Imports    []string
	Standard   bool
	Module     *struct{ Path string }
}

// packages returns the packages that match the patterns, and their dependencies.
func packages(t *testing.T, patterns ...string) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-deps", "-json=ImportPath,GoFiles,Imports,Standard,Module"}, patterns...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		t.Fatalf("%v: %v\n%s", cmd, err, exit.Stderr)
	}
	require.NoError(t, err)
	all := map[string]pkg{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all[p.ImportPath] = p
	}
}

// own returns the path of a package relative to the root of this module.
func own(path string) (string, bool) { return strings.CutPrefix(path, module+"/") }

func TestImports(t *testing.T) {
	assert.Empty(t, violations(packages(t, "./..."), house))
}

// violations returns the imports that the table does not permit.
func violations(all map[string]pkg, house []floor) (found []string) {
	levels, ground := map[string]int{}, map[string]bool{}
	for i, f := range house {
		levels[f.name] = i
		ground[f.name] = f.imports == "" && f.modules == "" && strings.HasPrefix(f.name, "internal/")
		if p, ok := all[module+"/"+f.name]; !ok || len(p.GoFiles) == 0 {
			found = append(found, fmt.Sprintf("%s: the package does not exist: remove it from the table", f.name))
		}
	}
	for path, p := range all {
		name, ok := own(path)
		if !ok || len(p.GoFiles) == 0 {
			continue
		}
		level, ok := levels[name]
		if !ok {
			found = append(found, fmt.Sprintf("%s is not in the table: add it above the packages that it imports", name))
			continue
		}
		for _, to := range p.Imports {
			if why := refuse(all[to], house[level], levels, ground); why != "" {
				found = append(found, fmt.Sprintf("%s imports %s: %s", name, to, why))
			}
		}
	}
	slices.Sort(found)
	return found
}

// refuse returns the reason why a package may not be imported, or "".
func refuse(to pkg, from floor, levels map[string]int, ground map[string]bool) string {
	name, isOwn := own(to.ImportPath)
	switch {
	case to.Standard || to.ImportPath == "C" || to.ImportPath == "":
		return ""
	case isOwn && levels[name] <= levels[from.name]:
		return "imports point downwards"
	case isOwn && !ground[name] && !permits(from.imports, name):
		return "the table does not permit this package"
	case !isOwn && (to.Module == nil || !permits(from.modules, to.Module.Path)):
		return "the table does not permit this module"
	}
	return ""
}

func permits(list, name string) bool {
	return list == "*" || slices.Contains(strings.Fields(list), name)
}

// TestPermissionsAreUsed checks that every permitted package and module is imported.
func TestPermissionsAreUsed(t *testing.T) {
	all := packages(t, "./...")
	for _, f := range house {
		var used []string
		for _, to := range all[module+"/"+f.name].Imports {
			if m := all[to].Module; m != nil {
				used = append(used, m.Path)
			}
		}
		for _, name := range strings.Fields(f.imports) {
			if name != "*" {
				assert.Contains(t, all[module+"/"+f.name].Imports, module+"/"+name, "%s does not import this package: remove it from the table", f.name)
			}
		}
		for _, m := range strings.Fields(f.modules) {
			if m != "*" {
				assert.Contains(t, used, m, "%s does not import this module: remove it from the table", f.name)
			}
		}
	}
}

func TestLinkedModules(t *testing.T) {
	found := map[string]bool{}
	for _, p := range packages(t, "./registrytest") {
		if p.Module != nil && p.Module.Path != module {
			found[p.Module.Path] = true
		}
	}
	var modules []string
	for m := range found {
		modules = append(modules, m)
	}
	assert.ElementsMatch(t, linked, modules)
	assert.LessOrEqual(t, len(modules)+1, 9)
}

// TestBinaryStartsFast checks that the binary, which links package spec, does not link ginkgo
// and gomega: their initialization takes a fifth of the time until "ocifake serve" responds.
func TestBinaryStartsFast(t *testing.T) {
	all := packages(t, "./cmd/ocifake")
	assert.Contains(t, all, module+"/spec")
	for path := range all {
		assert.False(t, strings.HasPrefix(path, "github.com/onsi/"), path)
	}
}

// TestViolations checks that each kind of violation is detected.
func TestViolations(t *testing.T) {
	other := pkg{ImportPath: "example.com/m/p", GoFiles: []string{"p.go"}, Module: &struct{ Path string }{"example.com/m"}}
	of := func(name string, imports ...string) pkg {
		return pkg{ImportPath: module + "/" + name, GoFiles: []string{"x.go"}, Imports: imports, Module: &struct{ Path string }{module}}
	}
	house := []floor{{"a", "c", "example.com/m"}, {"b", "c", ""}, {"c", "", ""}, {"internal/g", "", ""}}
	for _, c := range []struct {
		name string
		a    pkg
		b    pkg
		c    pkg
		more []pkg
		want []string
	}{
		{name: "permitted", a: of("a", module+"/c", module+"/internal/g", "example.com/m/p"), b: of("b", module+"/c"), c: of("c")},
		{name: "upwards", a: of("a"), b: of("b"), c: of("c", module+"/a"), want: []string{"c imports " + module + "/a: imports point downwards"}},
		{name: "package", a: of("a", module+"/b"), b: of("b"), c: of("c"), want: []string{"a imports " + module + "/b: the table does not permit this package"}},
		{name: "module", a: of("a"), b: of("b", "example.com/m/p"), c: of("c"), want: []string{"b imports example.com/m/p: the table does not permit this module"}},
		{name: "unknown", a: of("a"), b: of("b"), c: of("c"), more: []pkg{of("d")}, want: []string{"d is not in the table: add it above the packages that it imports"}},
		{name: "gone", a: of("a"), b: of("b"), want: []string{"c: the package does not exist: remove it from the table"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := map[string]pkg{}
			for _, p := range append(c.more, c.a, c.b, c.c, of("internal/g"), other) {
				all[p.ImportPath] = p
			}
			assert.Equal(t, c.want, violations(all, house))
		})
	}
}
