package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// riddles are words that people stumbled over, and that have better ones.
var riddles = regexp.MustCompile(`(?i)\btestif(y|ies)\b|\btestimony\b|\bhears of\b|not long ago|has it no more|theirs alone|nobody to answer|\bflags stand\b|证人|证词|作证`)

// named are keys and codes that programs read; they stay as they are.
var named = regexp.MustCompile("`(cannot-testify|witnesses\\[\\]\\.testifies)`|\"testifies\"")

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
