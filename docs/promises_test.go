package docs

import (
	"cmp"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/diagnose"
)

// TestPromises: each promise of safety.md names a test, and the test is there.
func TestPromises(t *testing.T) {
	file := regexp.MustCompile(`\[[^\]]+\]\(\.\./([^)]+_test\.go)\)((?:,? Test\w+)+)`)
	promises, section := 0, ""
	for i, line := range pageNamed(t, "docs/safety.md").lines {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		cells := strings.Split(line, " | ")
		if section != "Promises" || len(cells) != 2 || strings.HasPrefix(line, "| promise") {
			continue
		}
		promises++
		proofs := file.FindAllStringSubmatch(cells[1], -1)
		if len(proofs) == 0 {
			t.Errorf("docs/safety.md:%d: this promise has no test: %s", i+1, cells[0])
		}
		for _, proof := range proofs {
			source, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(proof[1])))
			if err != nil {
				t.Errorf("docs/safety.md:%d: %v", i+1, err)
				continue
			}
			for _, test := range regexp.MustCompile(`Test\w+`).FindAllString(proof[2], -1) {
				if !strings.Contains(string(source), "\nfunc "+test+"(t *testing.T)") {
					t.Errorf("docs/safety.md:%d: %s has no %s", i+1, proof[1], test)
				}
			}
		}
		// Every test that the line names must be one that was looked for.
		if named, found := strings.Count(cells[1], "Test"), strings.Count(strings.Join(flatten(proofs), " "), "Test"); named != found {
			t.Errorf("docs/safety.md:%d: a test stands there without its file", i+1)
		}
	}
	if promises < 15 {
		t.Errorf("only %d promises", promises)
	}
}

// TestNamedTests: a test that a page names, in whatever words, is there.
func TestNamedTests(t *testing.T) {
	there, declared := map[string]bool{}, regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, found := range declared.FindAllSubmatch(source, -1) {
			there[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, p := range pages(t) {
		for i, line := range p.lines {
			for _, test := range regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(line, -1) {
				if named++; !there[test] {
					t.Errorf("%s: there is no %s", p.at(i), test)
				}
			}
		}
	}
	if named < 100 {
		t.Errorf("only %d tests are named", named)
	}
}

func flatten(proofs [][]string) []string {
	var all []string
	for _, proof := range proofs {
		all = append(all, proof[2])
	}
	return all
}

var (
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	inline = regexp.MustCompile("`([^`]+)`")
)

// prose are the lines of a page that are in no block.
func (p page) prose() map[int]string {
	all := map[int]string{}
	for i, line := range p.lines {
		if !slices.ContainsFunc(p.blocks, func(b block) bool { return i >= b.from-1 && i <= b.to }) {
			all[i] = line
		}
	}
	return all
}

// TestLinks: what the pages lead to is there, headings too.
func TestLinks(t *testing.T) {
	all := pages(t)
	anchors := map[string][]string{}
	for _, p := range all {
		for _, line := range p.prose() {
			if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
				anchors[p.path] = append(anchors[p.path], anchor(title))
			}
		}
	}
	for _, p := range all {
		for i, line := range p.prose() {
			for _, found := range link.FindAllStringSubmatch(line, -1) {
				if strings.Contains(found[1], "://") {
					continue
				}
				file, heading, _ := strings.Cut(found[1], "#")
				target := p.path
				if file != "" {
					target = path.Join(path.Dir(p.path), file)
				}
				if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil {
					t.Errorf("%s leads to %s, which is not there", p.at(i), target)
				} else if heading != "" && !slices.Contains(anchors[target], heading) {
					t.Errorf("%s leads to %s, which has no heading %q", p.at(i), target, heading)
				}
			}
		}
	}
}

// anchor is how GitHub names a heading.
func anchor(title string) string {
	title = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(title), "")
	return strings.ReplaceAll(title, " ", "-")
}

// TestCommandsInWords: a command line in the middle of a sentence has a
// command and flags that exist.
func TestCommandsInWords(t *testing.T) {
	flags := map[string][]string{}
	for _, c := range commands.App(commands.Streams{}).Commands {
		flags[c.Name] = []string{"help", "h"}
		for _, f := range c.VisibleFlags() {
			flags[c.Name] = append(flags[c.Name], f.Names()...)
		}
	}
	seen := 0
	for _, p := range pages(t) {
		for i, line := range p.prose() {
			for _, found := range inline.FindAllStringSubmatch(line, -1) {
				words := strings.Fields(found[1])
				if len(words) < 2 || words[0] != "pureclean" || strings.HasPrefix(words[1], "-") || words[1] == strings.ToUpper(words[1]) {
					continue
				}
				seen++
				known, ok := flags[words[1]]
				if !ok {
					t.Errorf("%s: there is no command in %q", p.at(i), found[1])
					continue
				}
				for _, word := range words[2:] {
					name := strings.TrimLeft(word, "-")
					if strings.HasPrefix(word, "-") && !slices.Contains(known, name) {
						t.Errorf("%s: there is no such flag in %q", p.at(i), found[1])
					}
				}
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d command lines were seen", seen)
	}
}

// TestFindings: each finding has its page and stands in the index, with what
// the program says it means; with -update it is written there, and what
// pureclean does is kept.
func TestFindings(t *testing.T) {
	index := pageNamed(t, "docs/findings/README.md")
	does := map[string]string{}
	isRow := func(line string) bool { return strings.HasPrefix(line, "| [") }
	for _, line := range index.lines {
		if cells := strings.Split(line, " | "); isRow(line) && len(cells) == 3 {
			code, _, _ := strings.Cut(strings.TrimPrefix(cells[0], "| ["), "]")
			does[code] = cells[2]
		}
	}
	var rows []string
	for _, k := range diagnose.Kinds {
		if _, err := os.Stat(filepath.Join("findings", k.Code+".md")); err != nil {
			t.Errorf("finding %s has no page: write docs/findings/%s.md", k.Code, k.Code)
		}
		rows = append(rows, "| ["+k.Code+"]("+k.Code+".md) | "+k.Meaning+" | "+cmp.Or(does[k.Code], "reported; you decide |"))
	}
	first := slices.IndexFunc(index.lines, isRow)
	listed := slices.DeleteFunc(slices.Clone(index.lines), func(line string) bool { return !isRow(line) })
	if diff := gocmp.Diff(rows, listed); diff != "" && !*update {
		t.Errorf("docs/findings/README.md; make tables writes it (-program +page):\n%s", diff)
	}
	if *update {
		index.lines = slices.Replace(index.lines, first, first+len(listed), rows...)
		if err := os.WriteFile(filepath.Join("findings", "README.md"), []byte(strings.Join(index.lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCommandTable: the README lists every command.
func TestCommandTable(t *testing.T) {
	for _, name := range []string{"README.md", "README.zh-CN.md"} {
		text := strings.Join(pageNamed(t, name).lines, "\n")
		for _, c := range commands.App(commands.Streams{}).Commands {
			if !strings.Contains(text, "| `pureclean "+c.Name+"`") && !strings.Contains(text, "| `pureclean "+c.Name+" ") {
				t.Errorf("%s: the table of commands lacks pureclean %s", name, c.Name)
			}
		}
	}
}
