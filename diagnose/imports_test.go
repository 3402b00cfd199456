package diagnose

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The package judges and does nothing else: it can't reach a network, a file
// or a clock, whatever is added to it later.
func TestPureFunctionsOnly(t *testing.T) {
	allowed := []string{"cmp", "fmt", "regexp", "slices", "strconv", "strings", "time", "github.com/pureclean/pureclean/evidence", "github.com/pureclean/pureclean/settings"}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := 0
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files++
		for _, spec := range file.Imports {
			if path, err := strconv.Unquote(spec.Path.Value); err != nil || !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s", name, spec.Path.Value)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Sleep", "Tick", "NewTimer", "NewTicker"}, sel.Sel.Name) {
				t.Errorf("%s looks at a clock: time.%s", name, sel.Sel.Name)
			}
			return true
		})
	}
	if files < 10 {
		t.Errorf("only %d files were read", files)
	}
}
