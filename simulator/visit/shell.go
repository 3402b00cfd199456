package visit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Variable leads a process into the world below the directory that it names.
const Variable = "PURECLEAN_DEMO"

// Guide is what a shell needs to know of a world.
type Guide struct {
	// Dir is the world's directory, LXDSocket where its LXD listens.
	Dir, LXDSocket string
	// Program is the one that visitors are to run, Name what they call it.
	Program, Name string
	// OnMember are its words for a command on another machine: it is what
	// "ssh MACHINE COMMAND" runs in a shell of this world.
	OnMember string
	// Completion are its words for a shell's completion script.
	Completion string
}

// EnvFile leads a shell into the world: ". DIR/env".
func (g Guide) EnvFile() string { return filepath.Join(g.Dir, "env") }

func (g Guide) bin() string { return filepath.Join(g.Dir, "bin") }

// SSH is the world's own: it knows no other machines than the world's.
func (g Guide) SSH() string { return filepath.Join(g.bin(), "ssh") }

func (g Guide) program() string { return filepath.Join(g.bin(), g.Name) }

// environment is what a shell in the world has, beside its own.
func (g Guide) environment() [][2]string {
	return [][2]string{{Variable, g.Dir}, {"LXD_SOCKET", g.LXDSocket}}
}

// Write writes what leads shells into the world: the file to read in, the
// program under its name, an ssh, for the world's machines may be called like
// real ones, and a sudo that refuses: root has nothing to do in this world, and
// what it runs has forgotten that it is in one.
func (g Guide) Write() error {
	if err := os.MkdirAll(g.bin(), 0o700); err != nil {
		return err
	}
	if err := os.Symlink(g.Program, g.program()); err != nil {
		return err
	}
	files := map[string]string{
		g.SSH():                               fmt.Sprintf("#!/bin/sh\n# In this world ssh reaches the world's machines.\nexec %s %s \"$@\"\n", quote(g.program()), g.OnMember),
		filepath.Join(g.bin(), "sudo"):        "#!/bin/sh\necho 'sudo: this shell is in a demo world, where nothing needs root: leave sudo out; for this machine use another shell' >&2\nexit 1\n",
		g.EnvFile():                           g.posix(),
		filepath.Join(g.Dir, "env.fish"):      g.fish(),
		filepath.Join(g.Dir, "rc", "bash"):    g.rc("bash", "$HOME/.bashrc"),
		filepath.Join(g.Dir, "rc", ".zshrc"):  "ZDOTDIR=" + quote(set("ZDOTDIR")) + "\n[ -n \"$ZDOTDIR\" ] || unset ZDOTDIR\n" + strings.Replace(g.rc("zsh", "${ZDOTDIR:-$HOME}/.zshrc"), "eval ", "whence compdef >/dev/null || { autoload -Uz compinit && compinit -u -D; }\neval ", 1),
		filepath.Join(g.Dir, "rc", ".zshenv"): "",
	}
	for path, text := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// posix is the file for sh, bash and zsh. Read twice it does no more than once.
func (g Guide) posix() string {
	var b strings.Builder
	b.WriteString("# Leads this shell into a world of pureclean's demo; \"exit\" leaves it.\n")
	for _, v := range g.environment() {
		fmt.Fprintf(&b, "export %s=%s\n", v[0], quote(v[1]))
	}
	fmt.Fprintf(&b, "unset LXD_DIR\ncase :$PATH: in *:%[1]s:*) ;; *) export PATH=%[1]s:\"$PATH\" ;; esac\n", quote(g.bin()))
	b.WriteString("case $PS1 in *'(demo world)'*) ;; *) PS1=\"(demo world) $PS1\" ;; esac\nhash -r 2>/dev/null || :\n")
	return b.String()
}

func (g Guide) fish() string {
	var b strings.Builder
	for _, v := range g.environment() {
		fmt.Fprintf(&b, "set -gx %s %s\n", v[0], quote(v[1]))
	}
	fmt.Fprintf(&b, "set -e LXD_DIR\ncontains %[1]s $PATH; or set -gx PATH %[1]s $PATH\n", quote(g.bin()))
	b.WriteString("functions -q demo_world_prompt; or functions -c fish_prompt demo_world_prompt\n" +
		"function fish_prompt; echo -n '(demo world) '; demo_world_prompt; end\n")
	fmt.Fprintf(&b, "%s %s fish | source\n", quote(g.program()), g.Completion)
	return b.String()
}

// rc is what an interactive shell reads first: its user's own file, then ours.
func (g Guide) rc(shell, own string) string {
	return fmt.Sprintf("[ ! -r \"%[1]s\" ] || . \"%[1]s\"\n. %[2]s\neval \"$(%[3]s %[4]s %[5]s)\"\n",
		own, quote(g.EnvFile()), quote(g.program()), g.Completion, shell)
}

// shells are those that can be told what to read first; others have the
// environment alone.
var shells = map[string]func(g Guide) (args, environment []string){
	"bash": func(g Guide) ([]string, []string) {
		return []string{"--rcfile", filepath.Join(g.Dir, "rc", "bash")}, nil
	},
	"zsh": func(g Guide) ([]string, []string) { return nil, []string{"ZDOTDIR=" + filepath.Join(g.Dir, "rc")} },
	"fish": func(g Guide) ([]string, []string) {
		return []string{"-C", "source " + quote(filepath.Join(g.Dir, "env.fish"))}, nil
	},
	"sh":   func(g Guide) ([]string, []string) { return nil, []string{"ENV=" + g.EnvFile()} },
	"dash": func(g Guide) ([]string, []string) { return nil, []string{"ENV=" + g.EnvFile()} },
}

// Shell runs the operator's own shell in the world and waits until they leave
// it. How their last command ended is no matter of ours.
func (g Guide) Shell(ctx context.Context, shell string, in io.Reader, out, errs io.Writer) error {
	var args, more []string
	if special, ok := shells[filepath.Base(shell)]; ok {
		args, more = special(g)
	}
	command := exec.Command(shell, args...) //nolint:gosec // the operator's own
	command.Stdin, command.Stdout, command.Stderr = in, out, errs
	command.Env = slices.DeleteFunc(os.Environ(), func(one string) bool { return strings.HasPrefix(one, "LXD_DIR=") })
	for _, v := range g.environment() {
		command.Env = append(command.Env, v[0]+"="+v[1])
	}
	command.Env = append(command.Env, "PATH="+g.bin()+string(os.PathListSeparator)+set("PATH"))
	command.Env = append(command.Env, more...)
	if err := command.Start(); err != nil {
		return fmt.Errorf("the shell %s: %w", shell, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = command.Process.Signal(syscall.SIGHUP) })
	defer stop()
	var exit *exec.ExitError
	if err := command.Wait(); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("the shell %s: %w", shell, err)
	}
	return nil
}

// set is what a variable that is the shells' and not ours is set to: with Getenv
// it would be one of those that the manual lists.
func set(variable string) string {
	for _, one := range os.Environ() {
		if key, value, _ := strings.Cut(one, "="); key == variable {
			return value
		}
	}
	return ""
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
