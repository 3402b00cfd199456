package commands

import (
	"encoding"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/fleet"
)

// output is one kind of JSON that commands print. Its keys are those of Value.
type output struct {
	Schema string
	// By are the command lines that print it.
	By []string
	// Value is the zero value of what is printed.
	Value any
}

// outputs lists them all.
var outputs = []output{
	{"pureclean/scan/v1", []string{"scan -o json"}, scanAnswer{}},
	{"pureclean/explain/v1", []string{"explain -o json"}, explainAnswer{}},
	{"pureclean/plans/v1", []string{"fix --dry-run -o json", "fix --save FILE"}, savedPlans{}},
	{"pureclean/fix/v1", []string{"fix -o json", "undo -o json", "eradicate -o json", "runs --resume -o json"}, resultsAnswer{}},
	{"pureclean/verify/v1", []string{"verify -o json"}, verifyAnswer{}},
	{"pureclean/runs/v1", []string{"runs -o json"}, runsAnswer{}},
	{fleet.AnswerSchema, []string{"devices -o json"}, fleet.Answer{}},
	{"pureclean/config/v1", []string{"config show -o json"}, configAnswer{}},
	{"pureclean/config-check/v1", []string{"config check -o json"}, configCheckAnswer{}},
	{"pureclean/doctor/v1", []string{"doctor -o json"}, doctorAnswer{}},
	{"pureclean/version/v1", []string{"version -o json"}, versionAnswer{}},
	{"error", []string{"any command -o json that fails, on stderr"}, failure{}},
}

// TestKeys: docs/scripting.md explains each key of each output, with its
// type, and no other.
func TestKeys(t *testing.T) {
	documented, printed := keyTables(t), []string{}
	for _, output := range outputs {
		want := map[string]string{}
		keysOf(want, "", "", reflect.TypeOf(output.Value))
		got, ok := documented[output.Schema]
		if !ok {
			t.Errorf("scripting.md has no section %s", output.Schema)
			continue
		}
		for _, by := range output.By {
			if !strings.Contains(got.words, by) {
				t.Errorf("scripting.md: %s does not name %q", output.Schema, by)
			}
		}
		// "as in" stands for what another section explains.
		for prefix, schema := range got.asIn {
			for key, kind := range documented[schema].keys {
				if strings.HasPrefix(key, prefix) {
					got.keys[key] = kind
				}
			}
		}
		if diff := cmp.Diff(want, got.keys); diff != "" {
			t.Errorf("scripting.md: %s (-program +page):\n%s", output.Schema, diff)
		}
		printed = append(printed, output.Schema)
	}
	for schema := range documented {
		if !slices.Contains(printed, schema) {
			t.Errorf("scripting.md explains %s, which no command prints", schema)
		}
	}
}

// TestSchemas: whatever schema the commands name is in the table of outputs.
func TestSchemas(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{fleet.AnswerSchema: true} // package fleet names it
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, schema := range regexp.MustCompile(`pureclean/[a-z-]+/v\d+`).FindAllString(string(source), -1) {
			named[schema] = true
		}
	}
	for schema := range named {
		if !slices.ContainsFunc(outputs, func(o output) bool { return o.Schema == schema }) {
			t.Errorf("%s is not in outputs", schema)
		}
	}
	for _, output := range outputs {
		if !named[output.Schema] && output.Schema != "error" {
			t.Errorf("nothing prints %s", output.Schema)
		}
	}
}

// keysOf collects the keys of a type's JSON, as scripting.md spells them.
func keysOf(all map[string]string, key, optional string, of reflect.Type) {
	leaf := func(kind string) { all[key] = kind + optional }
	switch {
	case of == reflect.TypeFor[time.Time]():
		leaf("time")
	case of == reflect.TypeFor[evidence.Answer]():
		leaf("answer")
	case of == reflect.TypeFor[evidence.Count]():
		leaf("number or null")
	case strings.HasPrefix(of.Name(), "List["):
		items, _ := of.FieldByName("Items")
		if item := items.Type.Elem(); item.Kind() == reflect.Struct {
			leaf("list")
			keysOf(all, key+".items[]", "", item)
		} else {
			leaf("list of strings")
		}
	case of.Kind() == reflect.Pointer:
		keysOf(all, key, " or null", of.Elem())
	case of.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		leaf("string")
	case of.Kind() == reflect.Struct:
		for i := range of.NumField() {
			field := of.Field(i)
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			switch {
			case name == "-" || !field.IsExported() && !field.Anonymous:
			case name == "" && field.Anonymous:
				keysOf(all, key, "", field.Type)
			default:
				more := ""
				if strings.HasPrefix(options, "omit") {
					more = ", optional"
				}
				keysOf(all, strings.TrimPrefix(key+"."+name, "."), more, field.Type)
			}
		}
	case of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct:
		keysOf(all, key+"[]", "", of.Elem())
	case of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Int:
		leaf("numbers")
	case of.Kind() == reflect.Slice:
		leaf("strings")
	case of.Kind() == reflect.Map:
		leaf("map of numbers")
	case of.Kind() == reflect.Bool:
		leaf("boolean")
	case of.Kind() == reflect.String:
		leaf("string")
	default:
		leaf("number")
	}
}

// keyTable is one section of scripting.md.
type keyTable struct {
	words string
	keys  map[string]string
	// asIn are prefixes of keys that another schema's section explains.
	asIn map[string]string
}

var (
	keyRow  = regexp.MustCompile("^\\| `([^`]+)` \\| ([^|]*?) ?\\| (.+) \\|$")
	another = regexp.MustCompile("^as in `([^`]+)`$")
)

func keyTables(t *testing.T) map[string]keyTable {
	t.Helper()
	all, schema := map[string]keyTable{}, ""
	for _, line := range scriptingLines(t) {
		if title, ok := strings.CutPrefix(line, "### "); ok {
			schema = title
			all[schema] = keyTable{keys: map[string]string{}, asIn: map[string]string{}}
			continue
		}
		row := keyRow.FindStringSubmatch(line)
		section := all[schema]
		switch {
		case schema == "":
		case row == nil:
			section.words += strings.ReplaceAll(line, "`", "") + "\n"
			all[schema] = section
		case another.MatchString(row[3]):
			section.asIn[row[1]] = another.FindStringSubmatch(row[3])[1]
		default:
			section.keys[row[1]] = row[2]
		}
	}
	return all
}

// scriptingLines are those of the page that explains the outputs.
func scriptingLines(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "scripting.md"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}

// TestStatuses: scripting.md lists the exit statuses of all commands, and the
// codes of all errors.
func TestStatuses(t *testing.T) {
	var listed []string
	codes := map[string]string{}
	row := regexp.MustCompile("^\\| `?([a-z0-9-]+)`? \\| (.+) \\|$")
	section := ""
	for _, line := range scriptingLines(t) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			section = title
		}
		found := row.FindStringSubmatch(line)
		switch {
		case found == nil || found[1] == "status" || found[1] == "code" || strings.Trim(found[1], "-") == "":
		case section == "Exit statuses":
			listed = append(listed, found[1])
		case section == "Errors":
			codes[found[1]] = found[2]
		}
	}
	var used []string
	for _, c := range App(Streams{}).Commands {
		for _, s := range ExitStatuses(c) {
			if status := strconv.Itoa(s.Status); !slices.Contains(used, status) {
				used = append(used, status)
			}
		}
	}
	slices.Sort(used)
	slices.Sort(listed)
	if diff := cmp.Diff(used, listed); diff != "" {
		t.Errorf("scripting.md: exit statuses (-program +page):\n%s", diff)
	}
	want := map[string]string{}
	for _, o := range outcomes {
		if o.code != "" {
			want[o.code] = fmt.Sprint(o.status)
		}
	}
	want[codeFailed] = fmt.Sprint(StatusTrouble)
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Errorf("scripting.md: error codes (-program +page):\n%s", diff)
	}
}
