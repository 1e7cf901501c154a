package storetest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unchecked are the sentences of the contract that no check quotes, and why.
var unchecked = map[string]string{
	"Store: A Store keeps the content of a registry.":                                                               "says what it is",
	"Store: Names, tags and digests given to a Store are valid by the specification's grammar.":                     "is promised to the Store",
	"Store: This interface is experimental: its methods may change in any release.":                                 "is about stability",
	"Upload: This interface is experimental: its methods may change in any release.":                                "is about stability",
	"Store: Package storetest checks an implementation.":                                                            "is about this package",
	"Store.NewUpload: Fails with TooManyUploads.":                                                                   "needs to know the Store's limit",
	"Blob: Blob is an open blob.":                                                                                   "says what it is",
	"Blob.WriteRange: The range must lie within the blob.":                                                          "is promised to the Store",
	"Blob.WriteRange: The bytes given to w.Write must not be changed.":                                              "is promised to the Store",
	"Upload: Upload is a handle on an upload session.":                                                              "says what it is",
	"Chunk: Chunk is a piece of an upload.":                                                                         "says what it is",
	"Unknown: Unknown is the Offset or Length of a [Chunk] that is not known.":                                      "says what it is",
	"Manifest: Manifest is a stored manifest.":                                                                      "says what it is",
	"Store: A Store may be read-only: all methods that would change content, and NewUpload, then fail with Denied.": "is a freedom of the Store",
	"Store: A method may ignore its context.":                                                                       "is a freedom of the Store",
	"Upload.Size: It has no meaning once the session is gone.":                                                      "is a freedom of the Store",
	"Manifest: It must not be changed.":                                                                             "is promised to the Store",
	"PutManifest: PutManifest is a manifest to store, with all that the outcome depends on.":                        "says what it is",
	"Reference.Name: where the manifest has it, as \"layers[0]\"":                                                   "says what it is",
	"Judge: Judge judges the reference by the descriptors of the blob and of the manifest that the repository has with its digest, nil if it has none.": "is not the Store's",
	"Judge: The error is an [*Error] with the reference's descriptor as Detail.":                                                                        "is not the Store's",
	"Precondition: Precondition has the If-Match and If-None-Match of a request for a manifest (RFC 9110, 13.1).":                                       "says what it is",
	"Precondition.IfMatch: entity tags without quotes, that is digests, or \"*\"":                                                                       "is promised to the Store",
	"Holds: Holds reports whether the precondition holds for the current digest of the manifest, which is empty if there is none.":                      "is not the Store's",
}

// TestPromises checks that the checks quote the contract as it is, and that no
// sentence of it is forgotten.
func TestPromises(t *testing.T) {
	contract := contractOf(t, "../store.go")
	quoted := quotes(t, "promises.go")
	for _, promise := range quoted {
		if !strings.HasPrefix(promise, "io.") {
			assert.Contains(t, contract, promise, "is quoted, but not in the contract")
		}
	}
	for _, sentence := range contract {
		if unchecked[sentence] == "" {
			assert.Contains(t, quoted, sentence, "is in the contract, but not checked")
		}
	}
	for sentence := range unchecked {
		assert.Contains(t, contract, sentence, "is no longer in the contract")
		assert.NotContains(t, quoted, sentence, "is checked")
	}
}

func parse(t *testing.T, path string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	require.NoError(t, err)
	return file
}

// quotes returns the string constants of a file.
func quotes(t *testing.T, path string) (all []string) {
	t.Helper()
	ast.Inspect(parse(t, path), func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				s, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				all = append(all, s)
			}
		}
		return true
	})
	require.NotEmpty(t, all)
	return all
}

// contractOf returns the sentences of the documentation in a file, each after the
// name of what it documents.
func contractOf(t *testing.T, path string) (all []string) {
	t.Helper()
	add := func(name string, comments ...*ast.CommentGroup) {
		for _, comment := range comments {
			text := strings.Join(strings.Fields(comment.Text()), " ")
			for _, sentence := range strings.SplitAfter(text, ". ") {
				if sentence = strings.TrimSpace(sentence); sentence != "" {
					all = append(all, name+": "+sentence)
				}
			}
		}
	}
	for _, decl := range parse(t, path).Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			add(d.Name.Name, d.Doc)
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					add(s.Names[0].Name, d.Doc, s.Doc, s.Comment)
				case *ast.TypeSpec:
					add(s.Name.Name, d.Doc)
					for _, field := range fields(s.Type) {
						for _, name := range field.Names {
							add(s.Name.Name+"."+name.Name, field.Doc, field.Comment)
						}
					}
				}
			}
		}
	}
	require.NotEmpty(t, all)
	return all
}

func fields(e ast.Expr) []*ast.Field {
	switch e := e.(type) {
	case *ast.StructType:
		return e.Fields.List
	case *ast.InterfaceType:
		return e.Methods.List
	}
	return nil
}
