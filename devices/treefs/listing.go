package treefs

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// FromListing reads a tree that people write: a line is "PATH = TEXT" or
// "PATH -> TARGET", and # begins one that says where the values are from.
func FromListing(r io.Reader) (*FS, error) {
	tree := New()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if file, target, ok := strings.Cut(line, " -> "); ok {
			tree.AddLink(file, target)
		} else if file, value, ok := strings.Cut(line, " ="); ok {
			tree.AddFile(file, []byte(strings.TrimPrefix(value, " ")+"\n"))
		} else {
			return nil, fmt.Errorf("neither a file nor a link: %q", line)
		}
	}
	return tree, lines.Err()
}
