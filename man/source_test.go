package man

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/commands"
)

var update = flag.Bool("update", false, "write what the pages have of the code's tables, and render them, anew")

// page is the source of one page.
type page struct {
	file  string
	title string
	// sections are its texts by their titles, names these in order.
	sections map[string]string
	names    []string
}

// pages are all sources, by the name of the page: "pureclean-scan".
func pages(t *testing.T) map[string]page {
	t.Helper()
	files, err := filepath.Glob("*.[58].md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]page{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := page{file: file, sections: map[string]string{}}
		p.title, _, _ = strings.Cut(string(data), "\n")
		name, fenced := "", false
		for line := range strings.Lines(string(data)) {
			if strings.HasPrefix(line, "```") {
				fenced = !fenced
			}
			if title, ok := strings.CutPrefix(line, "# "); ok && !fenced {
				name = strings.TrimSpace(title)
				p.names = append(p.names, name)
				continue
			}
			p.sections[name] += line
		}
		all[strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(file, ".md"), ".8"), ".5")] = p
	}
	if len(all) < 12 {
		t.Fatalf("only %d pages", len(all))
	}
	return all
}

// definition is an entry of a definition list.
type definition struct {
	term, text string
}

// definitions are those of a section: a line, and below it a text that begins
// with a colon and ends with an empty line.
func (p page) definitions(section string) []definition {
	var all []definition
	lines := strings.Split(p.sections[section], "\n")
	for i, line := range lines {
		text, ok := strings.CutPrefix(line, ": ")
		if !ok || i == 0 {
			continue
		}
		for _, more := range lines[i+1:] {
			if more == "" {
				break
			}
			text += " " + more
		}
		all = append(all, definition{lines[i-1], text})
	}
	return all
}

// define writes the definitions of a section anew: all that stands in it from
// the first on.
func (p page) define(t *testing.T, section string, all []definition) {
	t.Helper()
	old := p.sections[section]
	lead, _, _ := strings.Cut(old, "\n"+p.definitions(section)[0].term)
	var list strings.Builder
	for _, d := range all {
		list.WriteString("\n**" + d.term + "**\n:")
		column := 1
		for _, word := range strings.Fields(d.text) {
			if column += 1 + len(word); column > 78 {
				list.WriteString("\n" + word)
				column = len(word)
				continue
			}
			list.WriteString(" " + word)
		}
		list.WriteString("\n")
	}
	data, err := os.ReadFile(p.file)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(data), old, lead+list.String()+"\n", 1)
	if err := os.WriteFile(p.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// defined is the text of the term, as plain words.
func (p page) defined(section, term string) (string, bool) {
	for _, d := range p.definitions(section) {
		if plain(d.term) == term {
			return plain(d.text), true
		}
	}
	return "", false
}

// terms are the terms of a section's definitions, as plain words.
func (p page) terms(section string) []string {
	var all []string
	for _, d := range p.definitions(section) {
		all = append(all, plain(d.term))
	}
	return all
}

// plain takes the marks of bold and italic text away.
func plain(text string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("**", "", "*", "", "`", "").Replace(text)), " ")
}

// sentence is a text of the code as the pages write it: with a capital, and
// with its end.
func sentence(text string) string {
	text = plain(text)
	text = strings.ToUpper(text[:1]) + text[1:]
	if strings.HasSuffix(text, "?") || strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

var sectionNames = []string{"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "SAFETY", "EXAMPLES", "SEE ALSO"}

// TestSections: each page has what manuals have, in their order.
func TestSections(t *testing.T) {
	title := regexp.MustCompile(`^% ([A-Z.-]+) ([58]) "\d{4}-\d\d-\d\d" "pureclean" "pureclean manual"$`)
	for name, p := range pages(t) {
		found := title.FindStringSubmatch(p.title)
		if found == nil || !strings.EqualFold(found[1], name) || !strings.HasSuffix(p.file, "."+found[2]+".md") {
			t.Errorf("%s: its title is %s", p.file, p.title)
		}
		var kept []string
		for _, section := range p.names {
			if strings.TrimSpace(p.sections[section]) == "" {
				t.Errorf("%s: %s is empty", p.file, section)
			}
			if slices.Contains(sectionNames, section) {
				kept = append(kept, section)
			}
		}
		if diff := cmp.Diff(sectionNames, kept); diff != "" {
			t.Errorf("%s: its sections (-want +got):\n%s", p.file, diff)
		}
		for _, other := range reference.FindAllStringSubmatch(p.sections["SEE ALSO"], -1) {
			if _, ok := pages(t)[other[1]]; !ok && strings.HasPrefix(other[1], "pureclean") {
				t.Errorf("%s refers to %s, which there is not", p.file, other[1])
			}
		}
	}
}

var reference = regexp.MustCompile(`\*\*([a-z.-]+)\*\*\([58]\)`)

// TestRendered: what is checked in is made from these sources.
func TestRendered(t *testing.T) {
	var sources []string
	for _, p := range pages(t) {
		source, err := os.ReadFile(p.file)
		if err != nil {
			t.Fatal(err)
		}
		rendered := md2man.Render(source)
		file := strings.TrimSuffix(p.file, ".md")
		sources = append(sources, file)
		if *update {
			if err := os.WriteFile(file, rendered, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%v; \"make man\" makes it", err)
			continue
		}
		if diff := cmp.Diff(string(rendered), string(have)); diff != "" {
			t.Errorf("%s is not made from %s; \"make man\" does it (-source +page):\n%s", file, p.file, diff)
		}
	}
	files, err := filepath.Glob("*.[1-8]")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !slices.Contains(sources, file) {
			t.Errorf("%s has no source", file)
		}
	}
}

// app is the command line.
var app = commands.App(commands.Streams{})
