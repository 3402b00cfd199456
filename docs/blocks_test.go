package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/config"
)

// root is the repository, seen from this package.
const root = ".."

// page is one Markdown file.
type page struct {
	// path is relative to the repository.
	path  string
	lines []string
	// blocks are its fenced blocks, in order.
	blocks []block
}

// block is one fenced block. Its text is lines[from:to] of its page.
type block struct {
	language string
	from, to int
	// world is the scenario that a comment before it asks for; "" goes on
	// in the world that there is. pathsUp brings its portals up again.
	world   string
	pathsUp bool
}

// at names a line for an error message.
func (p page) at(line int) string { return fmt.Sprintf("%s:%d", p.path, line+1) }

func (p page) text(b block) []string { return p.lines[b.from:b.to] }

// pages are all files whose commands and outputs must be true.
func pages(t *testing.T) []page {
	t.Helper()
	var all []page
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/findings/*.md", "man/*.md", "*/README.md"} {
		names, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			path, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			p, err := parse(filepath.ToSlash(path), string(data))
			if err != nil {
				t.Error(err)
			}
			all = append(all, p)
		}
	}
	if len(all) < 30 {
		t.Fatalf("only %d pages found", len(all))
	}
	return all
}

func pageNamed(t *testing.T, path string) page {
	t.Helper()
	for _, p := range pages(t) {
		if p.path == path {
			return p
		}
	}
	t.Fatalf("there is no %s", path)
	return page{}
}

var worldComment = regexp.MustCompile(`^<!-- world: ([a-z0-9-]+) -->$`)

// parse finds the fenced blocks of a page.
func parse(path, text string) (page, error) {
	p := page{path: path, lines: strings.Split(text, "\n")}
	world, up := "", false
	for i := 0; i < len(p.lines); i++ {
		line := p.lines[i]
		if found := worldComment.FindStringSubmatch(line); found != nil {
			world = found[1]
		} else if line == "<!-- paths up -->" {
			up = true
		} else if strings.HasPrefix(line, "<!--") {
			return p, fmt.Errorf("%s: comments are <!-- world: member-died --> and <!-- paths up -->", p.at(i))
		}
		language, fenced := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case !fenced:
			if p.indented(i) {
				return p, fmt.Errorf("%s: an indented block; use a fence, which says what it is", p.at(i))
			}
			continue
		case !strings.HasPrefix(line, "```"):
			return p, fmt.Errorf("%s: an indented fence", p.at(i))
		}
		end := i + 1
		for end < len(p.lines) && p.lines[end] != "```" {
			end++
		}
		if end == len(p.lines) {
			return p, fmt.Errorf("%s: the block has no end", p.at(i))
		}
		p.blocks = append(p.blocks, block{language: language, from: i + 1, to: end, world: world, pathsUp: up})
		world, up, i = "", false, end
	}
	return p, nil
}

// indented reports a line that Markdown takes for code because of its spaces:
// after an empty line, and not in a list.
func (p page) indented(i int) bool {
	if i == 0 || !strings.HasPrefix(p.lines[i], "    ") || p.lines[i-1] != "" {
		return false
	}
	for i--; i >= 0; i-- {
		switch line := p.lines[i]; {
		case line == "" || line[0] == ' ':
		default:
			return !listItem.MatchString(line)
		}
	}
	return true
}

var listItem = regexp.MustCompile(`^([-*:]|\d+\.) `)

// byHand are the programs in sh blocks: what an operator or a developer types
// on a system that is not here. pureclean is not among them.
var byHand = []string{
	// of the array, LXD and the host
	"purevol", "purehost", "purepod", "purepgroup", "lxc", "lxd", "multipath", "multipathd", "dmsetup", "iscsiadm", "nvme",
	"ls", "cat", "grep", "echo", "for", "do", "done", "rmdir", "mkdir", "lsblk", "findmnt", "systemctl", "umount", "fuser", "scsi_id",
	"/lib/udev/scsi_id", "chmod", "udevadm", "dmesg", "journalctl", "ps", "swapon", "snap", "ssh", "awk", "cd",
	// of a developer, or of an installation
	"go", "make", "sudo", "apt", "install", "man", "git", ".ci/run", "export", "./pureclean",
}

// TestBlocks: each block says what it is.
func TestBlocks(t *testing.T) {
	count := map[string]int{}
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			count[b.language]++
			switch b.language {
			case "console":
				if first := p.text(b); len(first) == 0 || !strings.HasPrefix(first[0], "$ ") {
					t.Errorf("%s: a console block begins with \"$ \" and a command", p.at(b.from))
				}
			case "sh":
				for i, line := range p.text(b) {
					if program := programOf(line); program != "" && !slices.Contains(byHand, program) {
						t.Errorf("%s: %q is not one of the programs that are typed by hand", p.at(b.from+i), program)
					}
				}
			case "text":
				for i, line := range p.text(b) {
					if program := programOf(line); program == "pureclean" || program == "$" {
						t.Errorf("%s: a command in a text block; only console blocks are run", p.at(b.from+i))
					}
				}
			case "yaml":
				file := filepath.Join(t.TempDir(), "config.yaml")
				if err := os.WriteFile(file, []byte(strings.Join(p.text(b), "\n")), 0o600); err != nil {
					t.Fatal(err)
				}
				if _, err := config.Load(file); err != nil {
					t.Errorf("%s: %v", p.at(b.from), err)
				}
			case "mermaid":
			default:
				t.Errorf("%s: a block of %q; package docs says what there is", p.at(b.from), b.language)
			}
			if (b.world != "" || b.pathsUp) && b.language != "console" {
				t.Errorf("%s: only a console block has a world", p.at(b.from))
			}
		}
	}
	if count["console"] < 20 || count["sh"] < 20 {
		t.Errorf("blocks: %v", count)
	}
}

// programOf is the first word of a command line; "" for a comment or the rest
// of a line before.
func programOf(line string) string {
	words := strings.Fields(line)
	if len(words) == 0 || strings.HasPrefix(words[0], "#") || strings.HasPrefix(line, "    ") {
		return ""
	}
	for len(words) > 1 && (strings.Contains(words[0], "=") || words[0] == "sudo") {
		words = words[1:]
	}
	return words[0]
}
