package auth

import (
	"crypto/sha256"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Secrets are kept as hashes, and found by hash: no comparison ends at the first
// byte of a secret that is wrong.
func TestSecretsAreHashed(t *testing.T) {
	hash := reflect.TypeFor[[sha256.Size]byte]()
	var u users
	for _, kept := range []any{u.plain, u.verified} {
		assert.Equal(t, hash, reflect.TypeOf(kept).Elem())
	}
	assert.Equal(t, hash, reflect.TypeOf(password{}.hash))
	assert.Equal(t, reflect.TypeFor[fingerprint](), reflect.TypeOf(tokens{}.verified).Key())
	assert.True(t, hash.ConvertibleTo(reflect.TypeFor[fingerprint]()))
}

// What passwords are compared with is constant in time: [crypto/subtle] for
// hashes, and bcrypt.
func TestComparisonsAreConstant(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "users.go", nil, 0)
	require.NoError(t, err)
	calls := map[string][]string{}
	for _, declaration := range file.Decls {
		f, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if name := nameOf(n.Fun); slices.Contains([]string{"equal", "subtle.ConstantTimeCompare", "bcrypt.CompareHashAndPassword"}, name) {
					calls[f.Name.Name] = append(calls[f.Name.Name], name)
				}
			case *ast.BinaryExpr:
				if f.Name.Name == "check" && (n.Op == token.EQL || n.Op == token.NEQ) {
					assert.Contains(t, []string{nameOf(n.X), nameOf(n.Y)}, "nil", "check compares something else with ==")
				}
			}
			return true
		})
	}
	assert.Equal(t, map[string][]string{
		"check": {"equal", "equal", "equal", "bcrypt.CompareHashAndPassword"},
		"equal": {"subtle.ConstantTimeCompare"},
	}, calls)
}

func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return nameOf(e.X) + "." + e.Sel.Name
	}
	return ""
}
