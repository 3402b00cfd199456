package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// riddles are words that people stumbled over, and that have better ones: who
// is asked is a source, what the array calls a host is an array host, and what
// an operator knows is stated.
var riddles = regexp.MustCompile(`(?i)\btestif(y|ies)\b|\btestimony\b|\bhears of\b|not long ago|has it no more|theirs alone|nobody to answer|\bflags stand\b|` +
	`\bwitness(es)?\b|\bhost objects?\b|\byour word\b|nobody's business|\blet it go\b|nobody is there|证人|证词|作证|主机对象`)

// named are keys and codes that programs read, and the name of a package; they
// stay as they are.
var named = regexp.MustCompile("`(cannot-testify|witnesses\\[\\]\\.testifies)`|\"testifies\"|`[a-z.\\[\\]]*witness[^`]*`|\"witness(es)?\"|\\bwitness(es)?:|\\[?witness/\\S*|\\bwitness -->|(?:-->|\\|) witness$|,WITNESS,|\\.witnesses\\b")

// TestPlainWords: what people read is written in the field's words. The examples
// in these pages, and the golden answers, are what the program prints.
func TestPlainWords(t *testing.T) {
	read := 0
	for _, root := range []string{"../README.md", "../README.zh-CN.md", "../CHANGELOG.md", "../docs", "../man", "../commands/testdata"} {
		err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(name, ".go") {
				return err
			}
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			read++
			for n, line := range strings.Split(string(data), "\n") {
				if word := riddles.FindString(named.ReplaceAllString(line, "")); word != "" {
					t.Errorf("%s:%d: %q: %s", name, n+1, word, line)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 50 {
		t.Errorf("only %d files were read", read)
	}
}

// TestPlainWordsInMessages: the same holds of what the program can say and no
// example shows. A single word is a key or a name, and no sentence.
func TestPlainWordsInMessages(t *testing.T) {
	read := 0
	files := token.NewFileSet()
	for _, dir := range []string{"commands", "completion", "config", "devices", "devices/hostconf", "devices/hostlog", "devices/kernel", "devices/release", "diagnose", "doctor", "fleet", "metrics", "pure", "records", "repair", "report", "settings", "witness"} {
		names, err := filepath.Glob("../" + dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ImportSpec, *ast.StructType:
					return false
				case *ast.BasicLit:
					text, err := strconv.Unquote(n.Value)
					if n.Kind != token.STRING || err != nil || !strings.Contains(strings.TrimSpace(text), " ") {
						return true
					}
					read++
					if word := riddles.FindString(named.ReplaceAllString(text, "")); word != "" {
						t.Errorf("%s: %q: %s", files.Position(n.Pos()), word, text)
					}
				}
				return true
			})
		}
	}
	if read < 1000 {
		t.Errorf("only %d messages were read", read)
	}
}
