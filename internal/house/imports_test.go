package house

import (
	"cmp"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// imports are the rooms that a room's packages may import, besides those of
// their own room. A package belongs to the room with the longest name that
// fits. Data flows one way: what observes fills evidence, diagnose judges it,
// commands shows it. A new room needs a line here, and a reason.
var imports = map[string][]string{
	"":          {"commands"},
	"evidence":  {},
	"secret":    {},
	"wait":      {},
	"jsonpull":  {},
	"plainfile": {},
	"words":     {},
	"config":    {"plainfile", "secret"},
	"pure":      {"evidence", "jsonpull", "secret", "wait"},
	"records":   {"evidence", "jsonpull", "secret"},
	"devices":   {"evidence"},
	// What changes a host's devices is a room of its own: who only reads them
	// can't reach it.
	"devices/release": {"devices", "evidence", "wait"},
	"devices/kernel":  {"devices", "devices/release", "evidence", "wait"},
	"fleet":           {"devices/release", "evidence", "plainfile"},
	"witness":         {"config", "devices", "devices/kernel", "evidence", "fleet", "pure", "records", "secret", "wait"},
	// settings is a table of rules about one host's or one version's settings,
	// which scan and doctor share: nothing is judged twice.
	"settings": {"evidence"},
	"diagnose": {"evidence", "settings", "words"},
	// doctor turns evidence, and what diagnose found in it, into advice.
	"doctor": {"diagnose", "evidence", "settings", "words"},
	// repair acts through interfaces: which array and which machine is wired
	// in commands.
	"repair":    {"devices/release", "diagnose", "evidence", "wait", "words"},
	"sightings": {"diagnose", "evidence", "plainfile"},
	// metrics is told by commands what the journal says: it judges numbers.
	"metrics": {"config", "diagnose", "evidence", "plainfile"},
	// report turns a judgement into a page; the portraits in it are diagnose's.
	"report": {"diagnose", "evidence", "words"},
	// The simulator is made of nothing that it is there to test.
	"simulator": {"devices", "devices/release", "evidence"},
	// packaging has no code but the program that lists what a binary is made of.
	"packaging": {},
	"bench":     {"config", "devices", "devices/release", "diagnose", "evidence", "fleet", "pure", "records", "secret", "simulator", "witness"},
	// The names for TAB are those of a look at the world.
	"completion": {"diagnose", "evidence", "plainfile"},
	// The guest drives a real machine in the simulator's world; pureclean
	// itself is a program to it.
	"e2e": {"devices", "devices/kernel", "evidence", "simulator"},
	"commands": {
		"completion", "config", "devices", "devices/kernel", "devices/release", "diagnose", "docs/findings", "doctor", "evidence", "fleet", "metrics", "plainfile", "pure", "records", "repair", "report",
		"secret", "settings", "sightings",
		"simulator", "wait", "witness", "words",
	},
	// Only tests, which may import anything but commands.
	"internal": {},
	// The worlds that tests are given.
	"internal/worlds": {"config", "simulator"},
	// Text, and the tests that hold it against the program.
	"docs": {},
	// The pages that the program carries with it.
	"docs/findings": {},
	"man":           {},
}

// commandsTests are the rooms whose tests may import commands.
var commandsTests = []string{"", "commands", "completion", "man", "docs", "bench"}

// modules are the packages of others: who may import them, and in tests who
// else. The longest prefix that fits counts. What is not here is not used.
var modules = map[string]struct{ code, tests []string }{
	// client and shared are Apache-2.0; everything else of LXD is AGPL-3.0.
	"github.com/canonical/lxd":              {},
	"github.com/canonical/lxd/client":       {code: []string{"records", "simulator/lxd"}, tests: []string{"simulator"}},
	"github.com/canonical/lxd/shared":       {code: []string{"records", "simulator/lxd"}, tests: []string{"simulator"}},
	"github.com/canonical/lxd/shared/units": {code: []string{"records", "simulator/lxd", "words"}},

	"github.com/urfave/cli/v2":          {code: []string{"commands"}, tests: []string{"completion", "man", "docs"}},
	"github.com/olekukonko/tablewriter": {code: []string{"commands"}},
	"github.com/fatih/color":            {code: []string{"commands"}},
	"golang.org/x/term":                 {code: []string{"commands"}},
	"github.com/cenkalti/backoff/v5":    {code: []string{"pure", "records", "fleet", "repair"}},
	"go.yaml.in/yaml/v3":                {code: []string{"commands", "config"}, tests: everybody},
	"golang.org/x/sync":                 {code: []string{"pure", "records", "devices", "fleet", "witness", "repair", "simulator", "commands", "bench", "e2e"}, tests: everybody},
	"golang.org/x/sys":                  {code: []string{"wait", "records", "devices", "fleet", "repair", "simulator", "commands", "e2e"}, tests: everybody},
	"github.com/gofrs/flock":            {code: []string{"repair", "sightings"}},
	"github.com/google/go-cmp":          {tests: everybody},
	"github.com/google/renameio/v2":     {code: []string{"metrics", "sightings", "completion"}},
	"github.com/prometheus/common":      {tests: []string{"metrics", "commands", "packaging"}},
	"github.com/rogpeppe/go-internal":   {tests: everybody},
	"pgregory.net/rapid":                {tests: everybody},
	"github.com/cpuguy83/go-md2man/v2":  {tests: []string{"man"}},
}

var everybody = []string{"*"}

// standard restricts packages of the standard library, with all below them,
// to rooms. Tests are free.
var standard = map[string][]string{
	"os/exec": {"fleet", "repair", "simulator/visit", "bench", "e2e", "internal/mutate", "internal/sshtest"},
	"unsafe":  {"devices/kernel"},
	"plugin":  {},
	"C":       {},
}

// judges are the rooms of pure functions: no clock, no network, no file.
var judges = []string{"evidence", "settings", "diagnose", "doctor", "report", "words"}

// Of net only net/netip is pure: it reads addresses.
var notForJudges = []string{"net", "os", "io/fs", "io/ioutil", "path/filepath", "log", "syscall", "crypto/rand", "math/rand", "testing"}

// roomOf is the room that a directory belongs to.
func roomOf(dir string) (string, bool) {
	if dir == "" {
		return "", true
	}
	best, found := "", false
	for room := range imports {
		if room != "" && below(dir, room) && len(room) > len(best) {
			best, found = room, true
		}
	}
	return best, found
}

func checkImports(s source, wrong report) {
	room, ok := roomOf(s.dir)
	if !ok && !s.test {
		wrong(s.syntax.Package, "the directory %q belongs to no room: give it a line in the table of imports", s.dir)
		return
	}
	s.importsOf(func(at token.Pos, p string) {
		switch {
		case p == module || strings.HasPrefix(p, module+"/"):
			checkOwn(s, room, strings.TrimPrefix(strings.TrimPrefix(p, module), "/"), at, wrong)
		case strings.Contains(strings.Split(p, "/")[0], "."):
			checkModule(s, p, at, wrong)
		default:
			checkStandard(s, p, at, wrong)
		}
	})
}

func checkOwn(s source, room, dir string, at token.Pos, wrong report) {
	target, ok := roomOf(dir)
	switch {
	case !ok && !s.test:
		wrong(at, "imports %q, which belongs to no room", dir)
	case target == "commands" && s.test && s.dir != "" && !belowAny(s.dir, commandsTests[1:]):
		wrong(at, "nothing imports commands")
	case s.test || target == room:
		return
	case !slices.Contains(imports[room], target):
		wrong(at, "%s may not import %s", cmp.Or(room, "main"), cmp.Or(target, "main"))
	}
}

func checkModule(s source, p string, at token.Pos, wrong report) {
	best, found := "", false
	for prefix := range modules {
		if below(p, prefix) && len(prefix) > len(best) {
			best, found = prefix, true
		}
	}
	if !found {
		wrong(at, "%s is not one of the packages that the project uses", p)
		return
	}
	who := modules[best]
	if belowAny(s.dir, who.code) {
		return
	}
	if s.test && (slices.Equal(who.tests, everybody) || belowAny(s.dir, who.tests)) {
		return
	}
	wrong(at, "%s may not import %s", cmp.Or(s.dir, "main"), p)
}

func checkStandard(s source, p string, at token.Pos, wrong report) {
	if s.test {
		return
	}
	for restricted, rooms := range standard {
		if below(p, restricted) && !belowAny(s.dir, rooms) {
			wrong(at, "%s may not import %s", cmp.Or(s.dir, "main"), p)
		}
	}
	if belowAny(s.dir, judges) && belowAny(p, notForJudges) && p != "net/netip" {
		wrong(at, "%s has no clock, network or file, so it may not import %s", s.dir, p)
	}
}

// TestArchitecture: the table of rooms in docs/architecture.md is this one.
func TestArchitecture(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`([a-z0-9/]+)`")
	told := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)` \\| (.*) \\| ([^|]*) \\|$").FindAllStringSubmatch(string(text), -1) {
		room, cell := row[1], row[3]
		rooms, known := imports[room]
		if told[room] = true; !known {
			t.Errorf("the table has %s, which is no room", room)
		}
		said := []string{}
		for _, name := range names.FindAllStringSubmatch(cell, -1) {
			said = append(said, name[1])
		}
		if room != "commands" { // of which it says: all of them
			slices.Sort(said)
			if want := slices.Sorted(slices.Values(rooms)); !slices.Equal(said, want) {
				t.Errorf("%s may import %v, and the table says %v", room, want, said)
			}
		}
	}
	for room := range imports {
		if room != "" && !told[room] {
			t.Errorf("the table has no row for %s", room)
		}
	}
}
