package man

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/repair"
)

// TestCommands: each command has its page, and each page its command.
func TestCommands(t *testing.T) {
	all := pages(t)
	known := []string{"pureclean", "pureclean.yaml"}
	for _, c := range app.Commands {
		name := "pureclean-" + c.Name
		known = append(known, name)
		p, ok := all[name]
		if !ok {
			t.Errorf("command %s has no page: write man/%s.8.md", c.Name, name)
			continue
		}
		if got, want := plain(p.sections["NAME"]), name+" - "+c.Usage; got != want {
			t.Errorf("%s: NAME is %q, the command says %q", p.file, got, want)
		}
		if got, _ := all["pureclean"].defined("COMMANDS", name+"(8)"); got != sentence(c.Usage) {
			t.Errorf("pureclean.8.md: COMMANDS says %q of %s, the command says %q", got, name, sentence(c.Usage))
		}
		if !strings.Contains(p.sections["EXAMPLES"], "$ pureclean "+c.Name) {
			t.Errorf("%s: it has no example of pureclean %s", p.file, c.Name)
		}
	}
	for name := range all {
		if !slices.Contains(known, name) {
			t.Errorf("%s is the page of no command", name)
		}
	}
	for _, name := range known[2:] {
		if n := strings.Count(all["pureclean"].sections["COMMANDS"], "**"+name+"**"); n != 1 {
			t.Errorf("pureclean.8.md: COMMANDS lists %s %d times", name, n)
		}
		if n := strings.Count(all["pureclean"].sections["SEE ALSO"], "**"+name+"**"); n != 1 {
			t.Errorf("pureclean.8.md: SEE ALSO lists %s %d times", name, n)
		}
	}
	for _, term := range all["pureclean"].terms("COMMANDS") {
		if !slices.Contains(known, strings.TrimSuffix(term, "(8)")) {
			t.Errorf("pureclean.8.md: COMMANDS lists %s", term)
		}
	}
}

// inBold are flags as the pages write them.
var inBold = regexp.MustCompile(`\*\*(--?[a-z-]+)\*\*`)

// notInName ends a word of a synopsis.
func notInName(r rune) bool { return strings.ContainsRune(" |{}[]", r) }

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// term is how a flag stands in the list of options.
func term(f cli.DocGenerationFlag) string {
	var names []string
	for _, name := range f.(cli.Flag).Names() {
		names = append(names, dashed(name))
	}
	text := strings.Join(names, ", ")
	if f.TakesValue() {
		if found := regexp.MustCompile("`([^`]+)`").FindStringSubmatch(f.GetUsage()); found != nil {
			return text + " " + found[1]
		}
		return text + " value" // as --help has it
	}
	return text
}

// says is what the list of options must say of a flag.
func says(f cli.DocGenerationFlag) string {
	text := sentence(f.GetUsage())
	if value := strings.Trim(f.GetDefaultText(), `"`); f.TakesValue() && value != "" && !strings.Contains(text, "default") {
		text = strings.TrimSuffix(text, ".") + " (default: " + value + ")."
	}
	return text
}

// TestFlags: each flag is explained in its command's page, in the words of the
// command's help, or in pureclean(8) if it is a common one; and no page knows
// a flag that there is not.
func TestFlags(t *testing.T) {
	all := pages(t)
	common := all["pureclean"]
	usedCommon := map[string]bool{}
	for _, c := range app.Commands {
		p, ok := all["pureclean-"+c.Name]
		if !ok {
			continue // TestCommands says so
		}
		options, known := p.sections["OPTIONS"], []string{}
		for _, f := range visible(c) {
			doc, ok := f.(cli.DocGenerationFlag)
			if !ok {
				t.Fatalf("%s: %T can't say what it is", c.Name, f)
			}
			for _, name := range f.Names() {
				known = append(known, dashed(name))
			}
			if text, ok := p.defined("OPTIONS", term(doc)); ok {
				if !strings.HasPrefix(text, says(doc)) {
					t.Errorf("%s: of %q it says %q, the command says %q", p.file, term(doc), text, says(doc))
				}
				if !strings.Contains(p.sections["SYNOPSIS"], "**"+dashed(f.Names()[0])+"**") {
					t.Errorf("%s: %s is not in SYNOPSIS", p.file, dashed(f.Names()[0]))
				}
				continue
			}
			text, ok := common.defined("OPTIONS", term(doc))
			switch {
			case !ok:
				t.Errorf("%s: the flag %q is not explained, neither here nor in pureclean.8.md", p.file, term(doc))
			case !strings.HasPrefix(text, says(doc)):
				t.Errorf("%s: of %q it says %q, command %s says %q", common.file, term(doc), text, c.Name, says(doc))
			case !strings.Contains(options, "**"+dashed(f.Names()[0])+"**"):
				t.Errorf("%s: OPTIONS does not name the common flag %s", p.file, dashed(f.Names()[0]))
			}
			usedCommon[term(doc)] = true
		}
		for _, sub := range c.Subcommands {
			if !slices.Contains(strings.FieldsFunc(plain(p.sections["SYNOPSIS"]), notInName), sub.Name) {
				t.Errorf("%s: SYNOPSIS does not name %s %s", p.file, c.Name, sub.Name)
			}
			for _, f := range sub.VisibleFlags() {
				known = append(known, dashed(f.Names()[0]))
				if !strings.Contains(options, "**"+dashed(f.Names()[0])+"**") {
					t.Errorf("%s: OPTIONS does not name %s of %s", p.file, dashed(f.Names()[0]), sub.Name)
				}
			}
		}
		for _, section := range []string{"SYNOPSIS", "OPTIONS"} {
			for _, found := range inBold.FindAllStringSubmatch(p.sections[section], -1) {
				if !slices.Contains(known, found[1]) {
					t.Errorf("%s: %s names %s, which the command does not have", p.file, section, found[1])
				}
			}
		}
		for _, name := range p.terms("OPTIONS") {
			if first := strings.FieldsFunc(name, func(r rune) bool { return r == ',' || r == ' ' })[0]; !slices.Contains(known, first) {
				t.Errorf("%s: OPTIONS explains %q, which the command does not have", p.file, name)
			}
		}
	}
	for _, name := range common.terms("OPTIONS") {
		if !usedCommon[name] {
			t.Errorf("%s: OPTIONS explains %q, which no command has", common.file, name)
		}
	}
}

// visible are the flags of a command and of the commands below it.
func visible(c *cli.Command) []cli.Flag {
	all := slices.Clone(c.VisibleFlags())
	for _, below := range c.Subcommands {
		all = append(all, visible(below)...)
	}
	return all
}

// TestExitStatuses: each page lists those of the command's help, in its words.
func TestExitStatuses(t *testing.T) {
	all := pages(t)
	general := []string{}
	for _, c := range app.Commands {
		p, ok := all["pureclean-"+c.Name]
		if !ok {
			continue
		}
		var want, got []definition
		for _, s := range commands.ExitStatuses(c) {
			want = append(want, definition{strconv.Itoa(s.Status), sentence(s.Meaning)})
			general = append(general, strconv.Itoa(s.Status))
		}
		for _, d := range p.definitions("EXIT STATUS") {
			got = append(got, definition{plain(d.term), plain(d.text)})
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(definition{})); diff != "" {
			t.Errorf("%s: its exit statuses (-help +page):\n%s", p.file, diff)
		}
	}
	for _, status := range all["pureclean"].terms("EXIT STATUS") {
		if !slices.Contains(general, status) {
			t.Errorf("pureclean.8.md: no command ends with %s", status)
		}
	}
}

// TestTables: what is declared in a table of the code is listed in a section,
// in the same words; with -update it is written there.
func TestTables(t *testing.T) {
	all := pages(t)
	var kinds, gates, steps, variables []definition
	for _, k := range diagnose.Kinds {
		kinds = append(kinds, definition{k.Code, sentence(k.Meaning)})
	}
	for _, g := range diagnose.Gates {
		gates = append(gates, definition{g.Name, sentence(g.Title)})
	}
	for _, s := range repair.Steps {
		steps = append(steps, definition{s.Kind, sentence(s.Title)})
	}
	for _, v := range commands.Environment {
		variables = append(variables, definition{v.Name, sentence(v.Meaning)})
	}
	for _, table := range []struct {
		page, section string
		want          []definition
	}{
		{"pureclean-scan", "FINDINGS", kinds},
		{"pureclean-explain", "GATES", gates},
		{"pureclean-fix", "STEPS", steps},
		{"pureclean", "ENVIRONMENT", variables},
	} {
		var got []definition
		for _, d := range all[table.page].definitions(table.section) {
			got = append(got, definition{plain(d.term), plain(d.text)})
		}
		if *update && !slices.Equal(got, table.want) {
			all[table.page].define(t, table.section, table.want)
			continue
		}
		if diff := cmp.Diff(table.want, got, cmp.AllowUnexported(definition{})); diff != "" || len(got) == 0 {
			t.Errorf("%s: %s (-code +page):\n%s", all[table.page].file, table.section, diff)
		}
	}
}

// TestConfigurationKeys: each key is in pureclean.yaml(5), with its default.
func TestConfigurationKeys(t *testing.T) {
	p := pages(t)["pureclean.yaml"]
	want := keys("", reflect.TypeFor[config.Config]())
	got := p.terms("KEYS")
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-code +page):\n%s", p.file, diff)
	}
	if text := p.sections["FILES"]; !strings.Contains(text, config.Path) {
		t.Errorf("%s: FILES does not name %s", p.file, config.Path)
	}
	if text, _ := p.defined("KEYS", "state_dir"); !strings.Contains(text, config.Default().StateDir) {
		t.Errorf("%s: state_dir: %s", p.file, text)
	}
}

// TestDefaults: what pureclean.yaml(5) calls the defaults are those.
func TestDefaults(t *testing.T) {
	p := pages(t)["pureclean.yaml"]
	text := ""
	for _, d := range p.definitions("KEYS") {
		if _, value, ok := strings.Cut(plain(d.text), "Default: "); ok {
			section, key, nested := strings.Cut(plain(d.term), ".")
			switch {
			case strings.Contains(section, "members"):
			case nested:
				text += section + ": {" + key + ": " + strings.TrimSuffix(value, ".") + "}\n"
			default:
				text += section + ": " + strings.TrimSuffix(value, ".") + "\n"
			}
		}
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	want := reflect.TypeFor[config.Safety]().NumField() + 1 // and state_dir
	if len(lines) != want {
		t.Errorf("%d defaults, want %d:\n%s", len(lines), want, text)
	}
	got := config.Default()
	for _, line := range lines {
		file := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(file, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := config.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		loaded.File = ""
		if diff := cmp.Diff(got, loaded); diff != "" {
			t.Errorf("%s is not the default (-default +page):\n%s", line, diff)
		}
	}
}

// keys are the keys of a type's YAML, joined with dots. A map's own key is
// NAME, and a struct with keys is none itself, unless it is in a map.
func keys(prefix string, of reflect.Type) []string {
	var all []string
	for i := range of.NumField() {
		tag, _, _ := strings.Cut(of.Field(i).Tag.Get("yaml"), ",")
		inner, name := of.Field(i).Type, prefix+tag
		switch {
		case tag == "" || tag == "-":
			continue
		case inner.Kind() == reflect.Map:
			all = append(append(all, name), keys(name+".NAME.", inner.Elem())...)
		case inner.Kind() == reflect.Struct:
			all = append(all, keys(name+".", inner)...)
		default:
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// TestEnvironment: every variable that the code reads is in the table, and
// the table has no other. Reading is a call of something named Getenv or
// LookupEnv with a constant.
func TestEnvironment(t *testing.T) {
	read := map[string]bool{}
	constants := map[string]string{}
	var calls []ast.Expr
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "testdata" || entry.Name() == "tools" || entry.Name() == "packaging" || (path != ".." && strings.HasPrefix(entry.Name(), "."))):
			return filepath.SkipDir
		case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if file.Name.Name == "main" && filepath.Dir(path) != ".." {
			return nil // another program
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, value := range n.Values {
					if text, ok := literal(value); ok && i < len(n.Names) {
						constants[n.Names[i].Name] = text
					}
				}
			case *ast.CallExpr:
				name := strings.ToLower(lastName(n.Fun))
				if (name == "getenv" || name == "lookupenv") && len(n.Args) == 1 {
					calls = append(calls, n.Args[0])
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, argument := range calls {
		if text, ok := literal(argument); ok {
			read[text] = true
		} else if text, ok := constants[lastName(argument)]; ok {
			read[text] = true
		}
	}
	var table []string
	for _, v := range commands.Environment {
		table = append(table, v.Name)
		if !read[v.Name] {
			t.Errorf("commands.Environment has %s, and nothing reads it", v.Name)
		}
	}
	for name := range read {
		if !slices.Contains(table, name) {
			t.Errorf("%s is read, and not in commands.Environment", name)
		}
	}
}

func literal(e ast.Expr) (string, bool) {
	basic, ok := e.(*ast.BasicLit)
	if !ok || basic.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(basic.Value)
	return text, err == nil
}

func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	default:
		return ""
	}
}
