package house

import (
	"fmt"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// rules are all rules about Go code.
var rules = map[string]func(source, report){
	"imports":        checkImports,
	"clock":          checkClock,
	"sleep":          checkSleep,
	"default client": checkDefaultClient,
	"init":           checkInit,
	"panic":          checkPanic,
	"exit":           checkExit,
	"readers":        checkReaders,
	"changing":       checkChanging,
	"records":        checkRecords,
	"comments":       checkComments,
}

func TestHouse(t *testing.T) {
	all := allSources(t)
	for name, check := range rules {
		t.Run(name, func(t *testing.T) {
			for _, s := range all {
				for _, w := range wrongs(s, check) {
					t.Error(w)
				}
			}
		})
	}
}

func wrongs(s source, check func(source, report)) []string {
	var all []string
	check(s, func(at token.Pos, format string, args ...any) {
		all = append(all, fmt.Sprintf("%s: %s", s.positions.Position(at), fmt.Sprintf(format, args...)))
	})
	return all
}

// Each rule is tried on code that breaks it, and on code that nearly does.
func TestRules(t *testing.T) {
	for _, test := range []struct {
		rule, path, text string
		// wrong is part of what the rule says; empty when it has nothing to say.
		wrong string
	}{
		{"imports", "diagnose/a.go", `import "MODULE/evidence"`, ""},
		{"imports", "diagnose/a.go", `import "MODULE/diagnose/gates"`, ""},
		{"imports", "diagnose/a.go", `import "MODULE/pure"`, "diagnose may not import pure"},
		{"imports", "diagnose/a.go", `import "net/url"`, "may not import net/url"},
		{"imports", "diagnose/a.go", `import "net/netip"`, ""},
		{"imports", "diagnose/gates/a.go", `import "os"`, "may not import os"},
		{"imports", "diagnose/a.go", `import "golang.org/x/sync/errgroup"`, "may not import"},
		{"imports", "diagnose/a_test.go", `import "os"; import "MODULE/simulator"; import "github.com/google/go-cmp/cmp"`, ""},
		{"imports", "diagnose/a_test.go", `import "MODULE/commands"`, "nothing imports commands"},
		{"imports", "evidence/a.go", `import "math/rand/v2"`, "may not import math/rand/v2"},
		{"imports", "evidence/a.go", `import "MODULE/secret"`, "evidence may not import secret"},
		{"imports", "evidence/a.go", `import "github.com/google/go-cmp/cmp"`, "may not import"},
		{"imports", "pure/a.go", `import "MODULE/commands"`, "pure may not import commands"},
		{"imports", "pure/a.go", `import "MODULE/records"`, "pure may not import records"},
		{"imports", "pure/a.go", `import "MODULE/simulator/array"`, "pure may not import simulator"},
		{"imports", "pure/a_test.go", `import "MODULE/simulator/array"`, ""},
		{"imports", "pure/a.go", `import "github.com/hashicorp/go-retryablehttp"`, "not one of the packages"},
		{"imports", "records/a.go", `import "MODULE/jsonpull"`, ""},
		{"imports", "diagnose/a.go", `import "MODULE/jsonpull"`, "diagnose may not import jsonpull"},
		{"imports", "records/a.go", `import "github.com/canonical/lxd/shared/api"`, ""},
		{"imports", "records/a.go", `import "github.com/canonical/lxd/lxd/storage"`, "may not import"},
		{"imports", "records/a_test.go", `import "github.com/canonical/lxd/lxd/storage"`, "may not import"},
		{"imports", "records/a.go", `import "github.com/canonical/lxd/lxd-agent/api"`, "may not import"},
		{"imports", "simulator/lxd/a.go", `import "github.com/canonical/lxd/shared/api"`, ""},
		{"imports", "simulator/array/a.go", `import "github.com/canonical/lxd/shared/api"`, "may not import"},
		{"imports", "simulator/array/a.go", `import "MODULE/pure"`, "simulator may not import pure"},
		{"imports", "words/a.go", `import "github.com/canonical/lxd/shared/units"`, ""},
		{"imports", "commands/a.go", `import "github.com/canonical/lxd/shared/api"`, "may not import"},
		{"imports", "commands/a.go", `import "github.com/canonical/lxd/client"`, "may not import"},
		{"imports", "witness/a.go", `import "github.com/canonical/lxd/client"`, "may not import"},
		{"imports", "devices/a.go", `import "MODULE/devices/kernel"`, "devices may not import devices/kernel"},
		{"imports", "devices/a.go", `import "os/exec"`, "may not import os/exec"},
		{"imports", "devices/a.go", `import "unsafe"`, "may not import unsafe"},
		{"imports", "main.go", `import "MODULE/commands"`, ""},
		{"imports", "main.go", `import "MODULE/pure"`, "main may not import pure"},
		{"imports", "main_test.go", `import "MODULE/commands"`, ""},
		{"imports", "utils/a.go", ``, "belongs to no room"},
		{"imports", "pure/a.go", `import "MODULE/utils"`, "belongs to no room"},
		{"imports", "witness/a.go", `import "github.com/pureclean/pureclean-other"`, "not one of the packages"},

		{"clock", "diagnose/a.go", `import "time"; var _ = time.Now()`, "time.Now"},
		{"clock", "diagnose/a.go", `import clock "time"; var _ = clock.Since`, "time.Since"},
		{"clock", "diagnose/a.go", `import "time"; var _ = time.Hour`, ""},
		{"clock", "pure/a.go", `import "time"; var _ = time.Now()`, ""},

		{"sleep", "pure/a_test.go", `import "time"; func f() { time.Sleep(1) }`, "does not sleep"},
		{"sleep", "pure/a_test.go", `import "time"; var f = time.Sleep`, "does not sleep"},
		{"sleep", "pure/a_test.go", `import "other/time2"; func f() { time2.Sleep(1) }`, ""},

		{"default client", "pure/a.go", `import "net/http"; var c = http.DefaultClient`, "DefaultClient"},
		{"default client", "pure/a_test.go", `import "net/http"; var _, _ = http.Get("x")`, "http.Get"},
		{"default client", "pure/a.go", `import "net/http"; var c = http.Client{}`, ""},

		{"comments", "pure/a.go", "// f does it.\nfunc f() {}", ""},
		{"comments", "pure/a.go", "// It does it.\nfunc f() {}", "begins with the name"},
		{"comments", "pure/a.go", "// fg does it.\nfunc f() {}", "begins with the name"},
		{"comments", "pure/a.go", "// A T is one.\ntype T int", ""},
		{"comments", "pure/a.go", "// Ts are many.\ntype T int", "begins with the name"},
		{"comments", "pure/a.go", "// b is one.\nvar a = 1", "begins with the name"},
		{"comments", "pure/a.go", "// Both are small.\nconst (a = 1; b = 2)", ""},
		{"comments", "pure/a_test.go", "// It does it.\nfunc f() {}", ""},
		{"init", "pure/a.go", `func init() {}`, "no init"},
		{"init", "pure/a_test.go", `func init() {}`, "no init"},
		{"init", "pure/a.go", `type x int; func (x) init() {}`, ""},

		{"panic", "pure/a.go", `func f() { panic("x") }`, "return an error"},
		{"panic", "pure/a.go", `func f() { func() { panic(nil) }() }`, "return an error"},
		{"panic", "pure/a_test.go", `func f() { panic("x") }`, ""},
		{"panic", "simulator/array/a.go", `import "net/http"; func f() { panic(http.ErrAbortHandler) }`, ""},

		{"exit", "main.go", `import "os"; func f() { os.Exit(1) }`, ""},
		{"exit", "bench/main.go", `import "os"; func f() { os.Exit(1) }`, ""},
		{"exit", "bench/world/a.go", `import "os"; func f() { os.Exit(1) }`, "only main exits"},
		{"exit", "commands/a.go", `import "os"; func f() { os.Exit(1) }`, "only main exits"},
		{"exit", "commands/a.go", `import "log"; func f() { log.Fatalf("x") }`, "log.Fatalf"},

		{"readers", "pure/a.go", `import "net/http"; var r = request{http.MethodPost, "/api/" + v + "/login"}`, ""},
		{"readers", "pure/a.go", `import "net/http"; var r = request{http.MethodPost, "/api/" + v + "/volumes"}`, "may not send POST"},
		{"readers", "pure/a.go", `import "net/http"; var r = send(http.MethodPost, request{path: "/login"})`, ""},
		{"readers", "pure/a.go", `import "net/http"; const login = "/login"; var r = send(http.MethodPost)`, "may not send POST"},
		{"readers", "pure/a.go", `import "net/http"; var m = http.MethodDelete`, "may not send DELETE"},
		{"readers", "pure/a.go", `var r = request{"PATCH", "/login"}`, "may not send PATCH"},
		{"readers", "pure/a.go", `var r = request{"post", "/volumes"}`, "may not send POST"},
		{"readers", "pure/a.go", `import "net/http"; func f(m string) bool { switch m { case http.MethodPost: return true }; return m == "PUT" }`, ""},
		{"readers", "pure/a.go", `import "net/http"; func f(m string) { switch m { case "": m = http.MethodPut } }`, "may not send PUT"},
		{"readers", "records/a.go", `var r = query("POST", "/login")`, "may not send POST"},
		{"readers", "records/a_test.go", `var r = query("POST", "/login")`, ""},
		{"readers", "simulator/lxd/a.go", `var r = query("POST", "/volumes")`, ""},

		{"readers", "pure/writer.go", `import "net/http"; var m = http.MethodDelete`, ""},
		{"readers", "pure/writer2.go", `import "net/http"; var m = http.MethodDelete`, "may not send DELETE"},
		{"readers", "records/writer.go", `import "net/http"; var m = http.MethodDelete`, "may not send DELETE"},
		{"readers", "pure/deeper/writer.go", `import "net/http"; var m = http.MethodDelete`, "may not send DELETE"},

		{"changing", "repair/a.go", `import "MODULE/pure"; var _, _ = pure.OpenWriter(nil)`, ""},
		{"changing", "repair/runs/a.go", `import "MODULE/pure"; var _ pure.Writer`, ""},
		{"changing", "commands/a.go", `import "MODULE/pure"; var _, _ = pure.OpenWriter(nil)`, ""},
		{"changing", "witness/a.go", `import "MODULE/pure"; var _, _ = pure.OpenWriter(nil)`, "may not use pure.OpenWriter"},
		{"changing", "witness/a.go", `import "MODULE/pure"; type t struct { w *pure.Writer }`, "may not use pure.Writer"},
		{"changing", "bench/a.go", `import array "MODULE/pure"; var open = array.OpenWriter`, "may not use pure.OpenWriter"},
		{"changing", "witness/a.go", `import "MODULE/pure"; var _, _ = pure.Open(nil)`, ""},
		{"changing", "witness/a.go", `import . "MODULE/pure"; var open = OpenWriter`, "without its name"},
		{"changing", "commands/a.go", `import "MODULE/devices/kernel"; var h = kernel.LiveWriter()`, ""},
		{"changing", "witness/a.go", `import "MODULE/devices/kernel"; var h = kernel.LiveWriter()`, "may not use devices/kernel.LiveWriter"},
		{"changing", "witness/a.go", `import "MODULE/devices/kernel"; var k = kernel.Live()`, ""},
		{"changing", "witness/a_test.go", `import "MODULE/pure"; var _, _ = pure.OpenWriter(nil)`, ""},

		{"records", "records/a.go", `import lxd "github.com/canonical/lxd/client"; func f(c lxd.InstanceServer) { c.DeleteStoragePool("x") }`, "may not call DeleteStoragePool"},
		{"records", "records/a.go", `import lxd "github.com/canonical/lxd/client"; func f(c lxd.InstanceServer) { c.GetStoragePools() }`, ""},
	} {
		t.Run(test.rule+"/"+test.path, func(t *testing.T) {
			text := "package a\n" + strings.ReplaceAll(test.text, "MODULE", module)
			s, err := parse(test.path, text)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(wrongs(s, rules[test.rule]), "\n")
			if test.wrong == "" && got != "" || !strings.Contains(got, test.wrong) {
				t.Errorf("%s\nsaid %q, and not %q", test.text, got, test.wrong)
			}
		})
	}
}

// goodName is a file name that module archives, and every system, accept:
// "go install" of a version fails for others.
var goodName = regexp.MustCompile(`^[A-Za-z0-9._+=@,()\[\]{}#%&~^!$ -]+$`)

func TestFileNames(t *testing.T) {
	seen := map[string]string{}
	files := 0
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Name() == ".git" && name != root {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil // a worktree's
		}
		if name == root {
			return nil
		}
		files++
		if !goodName.MatchString(entry.Name()) {
			t.Errorf("%q: no module archive takes this name; put such trees into an archive", name)
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			t.Errorf("%s: module archives leave out symbolic links; put such trees into an archive", name)
		}
		folded := strings.ToLower(name)
		if other, ok := seen[folded]; ok {
			t.Errorf("%s and %s differ only in case", other, name)
		}
		seen[folded] = name
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("only %d files found", files)
	}
}
