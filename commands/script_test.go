package commands_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/internal/worlds"
)

func TestMain(m *testing.M) {
	testscript.Main(tidy{m}, map[string]func(){
		commands.MemberProgram: func() { os.Exit(commands.RunMember()) },
		commands.CutProgram:    func() { os.Exit(commands.RunCut()) },
		"pureclean":            func() { os.Exit(commands.Main(context.Background(), os.Args, commands.System())) },
	})
}

// tidy removes at the end what all tests share.
type tidy struct{ *testing.M }

func (m tidy) Run() int {
	defer func() { _ = os.RemoveAll(sharedDir) }()
	return worlds.Run(m.M)
}

// The scripts run the program as a shell does: its exit statuses, what is on
// stdout and what on stderr.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			// What a look leaves for TAB is no business of this machine's.
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, "cache"))
			completion, err := filepath.Abs("../completion")
			e.Setenv("COMPLETION", completion)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// world NAME leads the commands after it into the world of a scenario,
			// two days after that happened, or into the demo's.
			"world": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("usage: world NAME")
				}
				w := worlds.Demo(t)
				if args[0] != "demo" {
					w = worlds.Of(t, args[0])
					w.Age(48 * time.Hour)
				}
				dir, err := os.MkdirTemp("", "ps") // a unix socket's path is short
				ts.Check(err)
				ts.Defer(func() { _ = os.RemoveAll(dir) })
				leave, err := commands.OpenWorld(w, dir)
				ts.Check(err)
				ts.Defer(leave)
				ts.Setenv("PURECLEAN_DEMO", dir)
			},
			// status N COMMAND... runs a command that must end with status N.
			"status": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) < 2 {
					ts.Fatalf("usage: status N command [args]")
				}
				err := ts.Exec(args[1], args[2:]...)
				got := "0"
				if err != nil {
					got = exitStatus(err)
				}
				if got != args[0] {
					ts.Fatalf("status %s, want %s", got, args[0])
				}
			},
		},
	})
}

func exitStatus(err error) string {
	const prefix = "exit status "
	if text := err.Error(); len(text) > len(prefix) && text[:len(prefix)] == prefix {
		return text[len(prefix):]
	}
	return err.Error()
}
