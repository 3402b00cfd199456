package docs

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the outputs in the docs anew")

func itoa(n int) string { return strconv.Itoa(n) }

// elision stands for any number of lines of an output.
const elision = "..."

// example is a command line of a console block and its output: lines from:to
// of the page.
type example struct {
	line     string
	from, to int
}

// examples are the command lines of a console block. One that ends with a
// backslash goes on in the next line.
func (p page) examples(b block) []example {
	var all []example
	for i := b.from; i < b.to; i++ {
		line, found := strings.CutPrefix(p.lines[i], "$ ")
		if !found {
			all[len(all)-1].to = i + 1
			continue
		}
		for strings.HasSuffix(line, `\`) && i+1 < b.to {
			i++
			line = strings.TrimSpace(strings.TrimSuffix(line, `\`)) + " " + strings.TrimSpace(p.lines[i])
		}
		all = append(all, example{line, i + 1, i + 1})
	}
	return all
}

// changing reports a command line that changes the world.
func changing(line string) bool {
	for _, part := range strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune("|;&(){}", r) }) {
		words := strings.Fields(part)
		i := slices.Index(words, "pureclean")
		if i < 0 || i+1 >= len(words) {
			continue
		}
		switch words[i+1] {
		case "undo", "eradicate":
			return true
		case "fix":
			return !slices.Contains(words, "--dry-run")
		case "runs":
			return slices.Contains(words, "--resume")
		}
	}
	return false
}

// changes reports whether something changes the world that block i begins in.
func (p page) changes(i int) bool {
	for n, b := range p.blocks[i:] {
		switch {
		case n > 0 && b.world != "":
			return false
		case b.pathsUp:
			return true
		case b.language == "console" && slices.ContainsFunc(p.examples(b), func(e example) bool { return changing(e.line) }):
			return true
		}
	}
	return false
}

// TestExamples runs every command line of the docs and compares its output.
func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the examples, which are real processes")
	}
	ran := 0
	for _, p := range pages(t) {
		if !slices.ContainsFunc(p.blocks, func(b block) bool { return b.language == "console" }) {
			continue
		}
		t.Run(p.path, func(t *testing.T) {
			ran += runPage(t, p)
		})
	}
	if one := strings.Contains(flag.Lookup("test.run").Value.String(), "/"); ran < 60 && !one {
		t.Errorf("only %d command lines were run", ran)
	}
}

func runPage(t *testing.T, p page) (ran int) {
	home, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir()) // where --save and > write to
	var s *session
	replaced := map[int][]string{} // by the first line of the output
	for i, b := range p.blocks {
		if b.language != "console" {
			continue
		}
		switch {
		case b.world != "":
			s = newSession(t, b.world, p.changes(i))
		case s == nil:
			s = newSession(t, "demo", p.changes(i))
		}
		if b.pathsUp {
			pathsUp(s.world)
		}
		for _, e := range p.examples(b) {
			if missing(t, e.line) {
				continue
			}
			want := p.lines[e.from:e.to]
			got := linesOf(s.run(e.line, answers(want)))
			ran++
			switch {
			case same(want, got):
			case *update:
				replaced[e.from] = refresh(want, got)
			default:
				t.Errorf("%s: $ %s\nprints something else; if it is meant: go test ./docs -update (-page +now)\n%s", p.at(e.from), e.line, cmp.Diff(want, refresh(want, got)))
			}
		}
	}
	if len(replaced) > 0 {
		rewrite(t, p, filepath.Join(home, root, filepath.FromSlash(p.path)), replaced)
	}
	return ran
}

// linesOf are the lines of an output as they stand on a terminal in the end:
// what was written over is gone, and spaces at their ends don't show.
func linesOf(output string) []string {
	var all []string
	for line := range strings.Lines(output) {
		line = line[strings.LastIndex(line, "\r\x1b[K")+1:]
		line = strings.TrimPrefix(line, "\x1b[K")
		all = append(all, strings.TrimRight(line, " \n"))
	}
	return all
}

// missing reports a line that needs a program which is not here. Where
// PURECLEAN_DOCS is "all", nothing may be missing.
func missing(t *testing.T, line string) bool {
	t.Helper()
	if !strings.Contains(line, "jq ") {
		return false
	}
	if _, err := exec.LookPath("jq"); err == nil {
		return false
	}
	if os.Getenv("PURECLEAN_DOCS") == "all" {
		t.Errorf("jq is not installed: %s", line)
	}
	t.Logf("not run, there is no jq: %s", line)
	return true
}

// answers are what a person types in an output.
func answers(output []string) []string {
	var all []string
	for _, line := range output {
		if found := prompt.FindStringSubmatch(line); found != nil {
			all = append(all, found[1])
		}
	}
	return all
}

// same compares an output with the page's, which may have elisions.
func same(want, got []string) bool {
	parts, rest := segments(want), got
	last := len(parts) - 1
	for i, part := range parts {
		at := indexOf(rest, part)
		if i == last { // it ends the output
			at = len(rest) - len(part)
		}
		if at < 0 || (i == 0 && at > 0) || !slices.Equal(rest[at:at+len(part)], part) {
			return false
		}
		rest = rest[at+len(part):]
	}
	return true
}

// segments are the lines between elisions.
func segments(lines []string) [][]string {
	all := [][]string{nil}
	for _, line := range lines {
		if line == elision {
			all = append(all, nil)
			continue
		}
		all[len(all)-1] = append(all[len(all)-1], line)
	}
	return all
}

// indexOf is where part begins in lines.
func indexOf(lines, part []string) int {
	for at := 0; at+len(part) <= len(lines); at++ {
		if slices.Equal(lines[at:at+len(part)], part) {
			return at
		}
	}
	return -1
}

// refresh makes an output anew. It keeps the elisions where one line of each
// part, or what is written of it, is still there; else somebody has to choose
// them again.
func refresh(want, got []string) []string {
	var all []string
	rest := got
	parts := segments(want)
	for i, part := range parts {
		if i > 0 {
			all = append(all, elision)
		}
		if len(part) == 0 {
			continue
		}
		at := begin(rest, part)
		if at < 0 || (i == 0 && at > 0) {
			return got
		}
		end := min(at+len(part), len(rest))
		if i == len(parts)-1 {
			end = len(rest)
		}
		all = append(all, rest[at:end]...)
		rest = rest[end:]
	}
	if !same(all, got) {
		return got
	}
	return all
}

// begin is where a part begins in an output of which some lines have changed:
// the first of its lines that is still there tells.
func begin(lines, part []string) int {
	for n, line := range part {
		at := slices.IndexFunc(lines, func(l string) bool { return line != "" && strings.HasPrefix(l, line) })
		if at >= n {
			return at - n
		}
	}
	return -1
}

// rewrite puts outputs into the page.
func rewrite(t *testing.T, p page, path string, replaced map[int][]string) {
	t.Helper()
	ends := map[int]int{}
	for _, b := range p.blocks {
		if b.language == "console" {
			for _, e := range p.examples(b) {
				ends[e.from] = e.to
			}
		}
	}
	var lines []string
	for i := 0; i < len(p.lines); i++ {
		if output, ok := replaced[i]; ok {
			lines = append(lines, output...)
			i = ends[i]
			if i >= len(p.lines) {
				break
			}
		}
		lines = append(lines, p.lines[i])
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestSame: the comparison itself.
func TestSame(t *testing.T) {
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{"a b", "a b", true},
		{"a", "a b", false},
		{"a b", "a", false},
		{"a c", "a b", false},
		{"... b", "a b", true},
		{"a ...", "a b c", true},
		{"a ... c", "a b c", true},
		{"a ... c", "a b c d", false},
		{"a ... c", "a c b c", true},
		{"a ... a", "a", false},
		{"", "", true},
		{"", "a", false},
		{"b ... c", "a b c", false},
		{"a ... d", "a b c", false},
		{"a ... b ... c", "a x b y c", true},
		{"a ... c ... b", "a x b y c", false},
		{"...", "a b", true},
	} {
		if got := same(strings.Fields(c.want), strings.Fields(c.got)); got != c.same {
			t.Errorf("%q and %q: same is %t", c.want, c.got, got)
		}
	}
}
