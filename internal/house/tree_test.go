package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/pureclean/pureclean"

// root is the repository, seen from this package.
const root = "../.."

// source is one parsed Go file of the module.
type source struct {
	// path and dir are relative to the repository, with slashes; the root's
	// dir is "".
	path, dir string
	test      bool
	syntax    *ast.File
	positions *token.FileSet
}

// report says what is wrong at a place.
type report func(at token.Pos, format string, args ...any)

func parse(name string, text any) (source, error) {
	s := source{path: name, positions: token.NewFileSet(), test: strings.HasSuffix(name, "_test.go")}
	if dir := path.Dir(name); dir != "." {
		s.dir = dir
	}
	var err error
	s.syntax, err = parser.ParseFile(s.positions, name, text, parser.SkipObjectResolution|parser.ParseComments)
	return s, err
}

// allSources parses the module's Go files, whatever system they are for.
func allSources(t *testing.T) []source {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatal(err)
	}
	var all []source
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name != root && outside(name, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		s, err := parse(filepath.ToSlash(relative), text)
		if err != nil {
			return err
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d Go files found: is this the repository?", len(all))
	}
	return all
}

// outside reports a directory that the go command leaves out, too.
func outside(name, base string) bool {
	if base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_' {
		return true
	}
	_, err := os.Stat(filepath.Join(name, "go.mod"))
	return err == nil
}

// importsOf calls see with each import path.
func (s source) importsOf(see func(at token.Pos, importPath string)) {
	for _, spec := range s.syntax.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			see(spec.Pos(), p)
		}
	}
}

// name is what the file calls an imported package; "" when it does not
// import it.
func (s source) name(importPath string) string {
	for _, spec := range s.syntax.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err != nil || p != importPath {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(importPath)
	}
	return ""
}

// uses calls see with each name that the file takes from a package, such as
// Sleep of time, and with the nodes around it, the innermost last.
func (s source) uses(importPath string, see func(at token.Pos, name string, around []ast.Node)) {
	local := s.name(importPath)
	if local == "" {
		return
	}
	s.walk(func(n ast.Node, around []ast.Node) {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return
		}
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == local {
			see(n.Pos(), selector.Sel.Name, around)
		}
	})
}

// walk calls see with each node and the nodes around it, the innermost last.
func (s source) walk(see func(n ast.Node, around []ast.Node)) {
	var around []ast.Node
	ast.Inspect(s.syntax, func(n ast.Node) bool {
		if n == nil {
			around = around[:len(around)-1]
			return true
		}
		see(n, around)
		around = append(around, n)
		return true
	})
}

// below reports whether dir is room or a directory in it.
func below(dir, room string) bool {
	return dir == room || strings.HasPrefix(dir, room+"/")
}

// belowAny reports whether dir is one of the rooms or in one.
func belowAny(dir string, rooms []string) bool {
	for _, room := range rooms {
		if below(dir, room) {
			return true
		}
	}
	return false
}
