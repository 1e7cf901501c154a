package must_test

import (
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/ocifake/ocifake/"

// packages are those that programs outside of the module import.
var packages = []string{"op", "registry", "registry/storetest", "memstore", "layoutstore", "auth", "faults", "faults/known", "record", "registrytest", "images", "keep", "config", "lint", "spec", "spec/ginkgospec", "exam"}

// nilable returns the parameters of exported functions and methods that can be nil
// by a mistake, as "record.Match match": interfaces, pointers, functions, and elements of
// a variadic parameter that are one of these. Promoted methods are those of another
// type.
func nilable(t *testing.T) []string {
	t.Helper()
	exports := exportData(t)
	load := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
	var all []string
	for _, path := range packages {
		pkg, err := load.Import(module + path)
		require.NoError(t, err)
		for _, name := range pkg.Scope().Names() {
			object := pkg.Scope().Lookup(name)
			if !object.Exported() {
				continue
			}
			at := pkg.Name() + "." + name
			if function, ok := object.(*types.Func); ok {
				all = append(all, parameters(at, function)...)
			}
			if _, ok := object.(*types.TypeName); !ok || types.IsInterface(object.Type()) {
				continue
			}
			methods := types.NewMethodSet(types.NewPointer(object.Type()))
			for i := range methods.Len() {
				method := methods.At(i)
				if method.Obj().Exported() && len(method.Index()) == 1 {
					all = append(all, parameters(at+"."+method.Obj().Name(), method.Obj())...)
				}
			}
		}
	}
	return all
}

// exportData returns the export data files of the packages and their dependencies.
func exportData(t *testing.T) map[string]string {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}
	for _, path := range packages {
		args = append(args, module+path)
	}
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	require.NoError(t, err)
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		files[path] = file
	}
	return files
}

func parameters(at string, function types.Object) (all []string) {
	signature := function.Type().(*types.Signature)
	for i := range signature.Params().Len() {
		p := signature.Params().At(i)
		typ := p.Type()
		if signature.Variadic() && i == signature.Params().Len()-1 {
			typ = typ.(*types.Slice).Elem()
		}
		switch typ.Underlying().(type) {
		case *types.Interface, *types.Pointer, *types.Signature:
			all = append(all, at+" "+p.Name())
		}
	}
	return all
}

// TestNilable checks that parameters of each kind are listed.
func TestNilable(t *testing.T) {
	all := nilable(t)
	for _, want := range []string{
		"record.Match match",             // a function
		"memstore.Store.Restore from",    // a method with a pointer
		"registry.NewBlob r",             // an interface of the standard library
		"faults.All effects",             // a variadic parameter
		"registrytest.New opts",          // functions of a named type
		"storetest.Check.Run ctx",        // a field of function type is not listed
		"exam.Trial.Login t",             // promoted
		"memstore.Store.OpenBlob repo",   // a string
		"registrytest.Registry.Inject t", // an interface with methods of its own
	} {
		unwanted := slices.Contains([]string{"storetest.Check.Run ctx", "exam.Trial.Login t", "memstore.Store.OpenBlob repo"}, want)
		require.Equal(t, !unwanted, slices.Contains(all, want), want)
	}
}
