package main

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/ocifake/ocifake"

// readmeImports are what the README's code may use without saying where it is
// from.
var readmeImports = []string{
	"context", "io", "net/http", "net/http/httptest", "os", "path/filepath", "syscall", "testing", "testing/synctest", "time",
	"github.com/google/go-containerregistry/pkg/crane", "github.com/google/go-containerregistry/pkg/v1/layout", "github.com/google/go-containerregistry/pkg/v1/validate",
	"github.com/onsi/ginkgo/v2", "github.com/stretchr/testify/require",
	module + "/auth", module + "/exam", module + "/faults", module + "/memstore", module + "/op", module + "/record", module + "/registry", module + "/registry/storetest", module + "/registrytest",
	module + "/spec",
}

// version is the end of the paths of modules from version 2 on.
var version = regexp.MustCompile(`/v\d+$`)

// TestReadmeCode runs the code of the README: each block is a test file in the
// package of a module that depends on this one.
func TestReadmeCode(t *testing.T) {
	blocks := readmeBlocks(t, "go")
	require.NotEmpty(t, blocks)
	dir := t.TempDir()
	copyModule(t, dir)
	for i, block := range blocks {
		name := fmt.Sprintf("Block%d", i+1)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+"_test.go"), readmeSource(t, name, block), 0o600))
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "OCIFAKE_UPDATE=1") // there are no golden files yet
	out, err := cmd.CombinedOutput()
	assert.NoError(t, err, "%s", out)
	assert.NotContains(t, string(out), "no tests to run")
}

// copyModule makes a module in dir that has this one's dependencies, and it.
func copyModule(t *testing.T, dir string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	text := strings.Replace(string(mod), "module "+module+"\n", "module readme\n", 1) +
		fmt.Sprintf("\nrequire %s v0.0.0\nreplace %[1]s => %q\n", module, root)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o600))
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.sum"), sum, 0o600))
}

// readmeSource makes a test file of a block: declarations, or the statements of
// a test of that name.
func readmeSource(t *testing.T, name, block string) []byte {
	t.Helper()
	const header = "package readme\n\n"
	body := block
	file, err := parser.ParseFile(token.NewFileSet(), "", header+body, parser.SkipObjectResolution)
	if err != nil {
		body = "func Test" + name + "(t *testing.T) {\n" + block + "}\n"
		file, err = parser.ParseFile(token.NewFileSet(), "", header+body, parser.SkipObjectResolution)
	}
	require.NoError(t, err, "%s", block)
	used := map[string]bool{"testing": true}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				used[x.Name] = true
			}
		}
		return true
	})
	var imports strings.Builder
	for _, path := range readmeImports {
		if used[filepath.Base(version.ReplaceAllString(path, ""))] {
			fmt.Fprintf(&imports, "import %q\n", path)
		}
	}
	source, err := format.Source([]byte(header + imports.String() + "\n" + body))
	require.NoError(t, err, "%s", body)
	assert.Equal(t, formatted(t, block), block, "not as gofmt would have it")
	return source
}

func formatted(t *testing.T, block string) string {
	t.Helper()
	source, err := format.Source([]byte(block))
	require.NoError(t, err)
	return string(source)
}

// TestReadmeCommands parses the command lines that the README shows.
func TestReadmeCommands(t *testing.T) {
	blocks := readmeBlocks(t, "sh")
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("ocifake.yaml", []byte("page-size: 5\n"), 0o600))
	command := regexp.MustCompile(`(?m)^(?:go run \./cmd/)?ocifake (.*)$`)
	var found int
	for _, block := range blocks {
		for _, line := range command.FindAllStringSubmatch(block, -1) {
			found++
			cmd, args, err := newRoot().Find(shellWords(t, strings.TrimSuffix(line[1], " &")))
			require.NoError(t, err, line[0])
			cmd.SetContext(t.Context())
			if assert.NoError(t, cmd.ParseFlags(args), line[0]) && cmd.PreRunE != nil {
				assert.NoError(t, cmd.PreRunE(cmd, nil), line[0])
			}
		}
	}
	assert.NotZero(t, found)
}

// shellWords are the words that a shell makes of a line.
func shellWords(t *testing.T, line string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\0' `+line).Output()
	require.NoError(t, err, line)
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// TestReadmeOptions wants a row for every option of the registry that has a
// flag, with the names of both.
func TestReadmeOptions(t *testing.T) {
	c := new(serveConfig)
	options := reflect.ValueOf(&c.registry).Elem()
	for _, group := range c.flags() {
		for _, row := range group.flags {
			for i := range options.NumField() {
				if options.Field(i).Addr().Interface() == row.field {
					want := fmt.Sprintf("| `%s` | `--%s` |", options.Type().Field(i).Name, row.name)
					assert.Contains(t, readme(t), want)
				}
			}
		}
	}
}

// TestReadmeFlags wants every flag to be in the README.
func TestReadmeFlags(t *testing.T) {
	for _, group := range new(serveConfig).flags() {
		for _, row := range group.flags {
			assert.Contains(t, readme(t), "`--"+row.name+"`")
		}
	}
}

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	return string(text)
}

// readmeBlocks returns the fenced blocks of a language.
func readmeBlocks(t *testing.T, language string) []string {
	t.Helper()
	var blocks []string
	fenced := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$")
	for _, match := range fenced.FindAllStringSubmatch(readme(t), -1) {
		blocks = append(blocks, match[1])
	}
	return blocks
}
