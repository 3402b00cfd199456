package commands

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/visit"
)

// visitor is a terminal in a shell of a demo world, which another process holds
// as far as it can tell.
type visitor struct {
	t           *testing.T
	dir         string
	environment map[string]string
	s           Streams
	out, err    bytes.Buffer
}

func newVisitor(t *testing.T, world *simulator.World) *visitor {
	t.Helper()
	dir, err := os.MkdirTemp("", "pv") // a unix socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w, err := openWorld(world, dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	v := &visitor{t: t, dir: dir, environment: map[string]string{visit.Variable: dir}}
	v.s = Streams{Out: &v.out, Err: &v.err, InTerminal: true, OutTerminal: true, ErrTerminal: true, Getenv: func(name string) string { return v.environment[name] }}
	return v
}

func (v *visitor) run(answers string, args ...string) (status int, stdout, stderr string) {
	v.t.Helper()
	v.out.Reset()
	v.err.Reset()
	v.s.In = strings.NewReader(answers)
	status = Main(v.t.Context(), append([]string{"pureclean"}, args...), v.s)
	return status, v.out.String(), v.err.String()
}

// In a demo world everything works as on a host, and says where it is.
func TestVisit(t *testing.T) {
	world := aged(t, "device-never-iscsi")
	v := newVisitor(t, world)
	volume, run := "", ""
	for _, step := range []struct {
		args   []string
		status []int
		out    string
	}{
		{[]string{"scan"}, []int{StatusFindings}, "leaked-volume"},
		{[]string{"devices"}, []int{StatusOK}, "lxd01"},
		{[]string{"explain", "--object", "VOLUME"}, []int{StatusFindings}, "leaked-volume"},
		{[]string{"fix", "--volume", "VOLUME"}, []int{StatusOK}, "Repaired: "},
		{[]string{"verify", "--volume", "VOLUME"}, []int{StatusOK}, "Gone, everywhere"},
		{[]string{"runs"}, []int{StatusOK}, "finished"},
		{[]string{"undo", "--run", "RUN", "--yes"}, []int{StatusOK}, ""},
		{[]string{"fix", "--volume", "VOLUME", "--yes"}, []int{StatusOK}, "Repaired: "},
		{[]string{"eradicate", "--volume", "VOLUME", "--confirm", "VOLUME"}, []int{StatusOK}, ""},
		{[]string{"doctor", "--live"}, []int{StatusOK, StatusFindings}, ""},
		{[]string{"check"}, []int{0, 1, 2}, ""},
		{[]string{"config", "show"}, []int{StatusOK}, "state_dir"},
		{[]string{"config", "check"}, []int{StatusOK}, ""},
	} {
		args := slices.Clone(step.args)
		for i, arg := range args {
			args[i] = strings.NewReplacer("VOLUME", volume, "RUN", run).Replace(arg)
		}
		status, out, errs := v.run(strings.Repeat("y\n", 9), args...)
		if !slices.Contains(step.status, status) || !strings.Contains(out, step.out) {
			t.Fatalf("%q: status %d\n%s%s", args, status, out, errs)
		}
		if first, _, _ := strings.Cut(errs, "\n"); !strings.Contains(first, demoWords) {
			t.Errorf("%q does not begin with what it is about:\n%s", args, errs)
		}
		switch step.args[0] {
		case "scan":
			volume = world.Array.Volumes()[0].Name
			for _, one := range world.Array.Volumes() {
				if strings.Contains(out, strings.TrimPrefix(one.Name, "purepool::")) {
					volume = one.Name
				}
			}
		case "runs":
			_, out, _ := v.run("", "runs", "-o", "csv")
			run, _, _ = strings.Cut(strings.Split(out, "\n")[1], ",")
		}
	}
	if _, there := world.Array.Volume(volume); there {
		t.Errorf("%s was eradicated, and is there", volume)
	}
	v.run("", "scan")
	if _, out, errs := v.run("", completeCommand, "zsh", "scan", "--pool", ""); !strings.Contains(out, "purepool") || errs != "" {
		t.Errorf("TAB offers %q, and says %q", out, errs)
	}
}

// A person always sees where they are: on stderr, and where that is thrown
// away, above the answer.
func TestVisitSays(t *testing.T) {
	v := newVisitor(t, worlds.Demo(t))
	v.s.ErrTerminal = false
	if _, out, _ := v.run("", "scan"); !strings.Contains(out[:len(demoWords)+20], demoWords) {
		t.Errorf("a screen begins with %q", out[:80])
	}
	_, html, _ := v.run("", "scan", "-o", "html")
	if !strings.Contains(html, "<strong>"+capital(demoWords)) {
		t.Error("the page does not say it")
	}
	_, plan, _ := v.run("", "fix", "--volume", "purepool/custom/scratch", "--dry-run")
	if strings.Contains(plan, " by hand: ") || !strings.Contains(plan, "on a real host: ") {
		t.Errorf("commands for a real host look like some for here:\n%s", plan)
	}
	v.s.OutTerminal = false
	if _, out, errs := v.run("", "scan", "-o", "json"); out[0] != '{' || !strings.HasPrefix(errs, demoWords) {
		t.Errorf("a script reads %q and %q", out[:40], errs)
	}
	for _, args := range [][]string{{"--help"}, {"scan", "--help"}, {"version"}, {"completion", "bash"}, {"demo", "--list"}, {"sacn"}} {
		if _, _, errs := v.run("", args...); strings.Contains(errs, demoWords) {
			t.Errorf("%q asks nobody, and says %q", args, errs)
		}
	}
}

// trap is a place that nothing may reach.
type trap struct{ caught atomic.Int64 }

func (c *trap) listen(t *testing.T, network, address string) string {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			c.caught.Add(1)
			_ = conn.Close()
		}
	}()
	return listener.Addr().String()
}

// Whatever is set around it, a command in a demo world reaches nothing else: no
// LXD, no array, no ssh, no configuration, no state and no cache of the machine.
func TestVisitReachesNothingElse(t *testing.T) {
	v := newVisitor(t, aged(t, "device-never-iscsi"))
	real, err := os.MkdirTemp("", "pr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(real) })
	var lxd, array trap
	socket := lxd.listen(t, "unix", filepath.Join(real, "unix.socket"))
	url := "https://" + array.listen(t, "tcp", "127.0.0.1:0")
	ran := filepath.Join(real, "ran")
	ssh := filepath.Join(real, "ssh")
	file := filepath.Join(real, "pureclean.yaml")
	token := filepath.Join(real, "pure-api-token")
	for path, text := range map[string]string{
		ssh:   "#!/bin/sh\ntouch " + ran + "\n",
		token: "12345678-1234-1234-1234-123456789abc\n",
		file:  fmt.Sprintf("state_dir: %s\nssh: [%s]\npools:\n  purepool: {array: {url: %q, token_file: %q}}\n", real, ssh, url, token),
	} {
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	harmful := map[string]string{
		"LXD_SOCKET": socket, "LXD_DIR": real, "PURECLEAN_SSH": ssh, "CREDENTIALS_DIRECTORY": real, "PURECLEAN_API_TOKEN_FILE": token,
		"XDG_CACHE_HOME": filepath.Join(real, "cache"), "HTTPS_PROXY": url, "HTTP_PROXY": url, "ALL_PROXY": url,
	}
	for _, variable := range Environment {
		if _, ok := harmful[variable.Name]; !ok && variable.Name != visit.Variable && variable.Name != "SHELL" && !slices.Contains(kept, variable.Name) {
			t.Errorf("%s is read, and this test does not know how it could do harm", variable.Name)
		}
	}
	for name, value := range harmful {
		v.environment[name] = value
		t.Setenv(name, value)
	}
	for _, args := range [][]string{
		{"scan"},
		{"doctor", "--live"},
		{"fix", "--all", "--yes"},
		{"fix", "--finding", "leaked-volume", "--yes", "--push"},
		{"undo", "--run", "abcd", "--yes"},
		{"runs"},
		{"check"},
		{"config", "show"},
		{"devices"},
		{"explain", "--object", "sda"},
	} {
		if status, out, errs := v.run("", args...); status == StatusTrouble && args[0] == "scan" {
			t.Errorf("%q: status %d\n%s%s", args, status, out, errs)
		}
	}
	// Flags that lead out are refused, and so is a step for another machine.
	for _, flag := range []string{"config", "sysroot"} {
		for _, command := range []string{"scan", "explain", "fix", "undo", "verify", "runs", "check", "doctor", "eradicate", "devices"} {
			status, out, errs := v.run("", command, "--"+flag, map[string]string{"config": file, "sysroot": "/"}[flag], "--pool", "purepool")
			if status != StatusRefused || out != "" || !strings.Contains(errs, "leads out of the demo world") {
				t.Errorf("%s --%s: status %d\n%s%s", command, flag, status, out, errs)
			}
		}
	}
	s, leave, err := v.s.enter(t.Context(), []string{"pureclean", "fix", "--all"})
	defer leave()
	if err != nil {
		t.Fatal(err)
	}
	from, err := (&common{Streams: s}).sources()
	if err != nil {
		t.Fatal(err)
	}
	for what, is := range map[string]string{
		"LXD": from.socket, "the state": from.config.StateDir, "the names for TAB": s.CacheDir, "ssh": from.config.SSH[0],
	} {
		if !strings.HasPrefix(is, v.dir+"/") {
			t.Errorf("%s is at %s, outside of the world", what, is)
		}
	}
	if writer := fmt.Sprintf("%T", from.localWriter()); writer != "visit.remoteWriter" {
		t.Errorf("devices are written to by %s", writer)
	}
	if from.config.File != "" || !from.visit || from.now == nil || from.sleep == nil || from.dial == nil {
		t.Errorf("the sources are %+v", from)
	}
	if n, m := lxd.caught.Load(), array.caught.Load(); n > 0 || m > 0 {
		t.Errorf("LXD was reached %d times, the array %d times", n, m)
	}
	for _, path := range []string{ran, filepath.Join(real, "cache"), filepath.Join(real, "runs"), filepath.Join(real, "sightings.json")} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s was made", path)
		}
	}
}

// Where the variable leads nowhere, to somebody else, or was dropped on the
// way, nothing is done, on this machine least of all.
func TestVisitRefuses(t *testing.T) {
	var lxd trap
	real, err := os.MkdirTemp("", "pr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(real) })
	t.Setenv("LXD_SOCKET", lxd.listen(t, "unix", filepath.Join(real, "unix.socket")))
	v := newVisitor(t, worlds.Demo(t))
	ours := v.dir
	for _, test := range []struct {
		what, dir, above, says string
		before                 func()
	}{
		{what: "a world that has ended", dir: real + "/gone", says: "not there any more"},
		{what: "a name that is no path", dir: "gone", says: "full path"},
		{what: "a directory without a world", dir: real, says: "not there any more"},
		{what: "a world that others can write", dir: ours, says: "written by others", before: func() { _ = os.Chmod(ours, 0o777) }},
		{what: "what sudo dropped", above: ours, says: "leave sudo out"},
	} {
		if test.before != nil {
			test.before()
		}
		v.environment[visit.Variable] = test.dir
		v.s.Above = func() string { return test.above }
		for _, args := range [][]string{{"scan"}, {"fix", "--all", "--yes"}, {"undo", "--run", "1234"}, {"devices"}, {"devices", "--remove", "x", "--step", "release"}, {"check"}} {
			status, out, errs := v.run("", args...)
			errs = strings.Join(strings.Fields(errs), " ")
			if status != StatusRefused || out != "" || !strings.Contains(errs, test.says) || !strings.Contains(errs, "nothing was done") {
				t.Errorf("%s, %q: status %d, %s%s", test.what, args, status, out, errs)
			}
		}
		if status, out, errs := v.run("", completeCommand, "zsh", "scan", "--pool", ""); status != 0 || out != "" || errs != "" {
			t.Errorf("%s: TAB says %d %s%s", test.what, status, out, errs)
		}
		if status, _, errs := v.run("", "version"); status != 0 {
			t.Errorf("%s: version: %d %s", test.what, status, errs)
		}
	}
	if n := lxd.caught.Load(); n > 0 {
		t.Errorf("the machine's LXD was reached %d times", n)
	}
}

// A process knows the demo's shell above it, also when the environment was
// dropped on the way.
func TestDemoAbove(t *testing.T) {
	proc := func(pid, parent int, environment, line string) fstest.MapFS {
		dir := fmt.Sprint(pid)
		return fstest.MapFS{
			dir + "/environ": {Data: []byte(environment)}, dir + "/cmdline": {Data: []byte(line)},
			dir + "/status": {Data: []byte(fmt.Sprintf("Name:\tx\nPPid:\t%d\n", parent))},
		}
	}
	join := func(all ...fstest.MapFS) fstest.MapFS {
		joined := fstest.MapFS{}
		for _, one := range all {
			for name, file := range one {
				joined[name] = file
			}
		}
		return joined
	}
	sudo := proc(30, 20, "A=b\x00"+visit.Variable+"=/tmp/world\x00", "sudo\x00pureclean\x00")
	for what, test := range map[string]struct {
		proc fstest.MapFS
		want string
	}{
		"sudo in a demo's shell":  {join(proc(31, 30, "A=b\x00", "sudo\x00"), sudo, proc(20, 1, "", "bash\x00")), "/tmp/world"},
		"an unreadable one":       {join(proc(31, 20, "", "sudo\x00"), proc(20, 10, "", "bash\x00"), proc(10, 1, "", "pureclean\x00demo\x00--shell\x00")), "of process 10"},
		"no demo at all":          {join(proc(31, 20, "A=b", "sudo\x00"), proc(20, 1, "B="+visit.Variable, "bash\x00")), ""},
		"an empty variable":       {join(proc(31, 1, visit.Variable+"=\x00", "bash\x00")), ""},
		"a demo without a shell":  {join(proc(31, 1, "", "pureclean\x00demo\x00")), ""},
		"a parent that has ended": {join(proc(31, 20, "", "bash\x00")), ""},
		"a loop":                  {join(proc(31, 31, "", "bash\x00")), ""},
	} {
		if got := demoAbove(test.proc, 31); got != test.want {
			t.Errorf("%s: %q, want %q", what, got, test.want)
		}
	}
}

// The real thing: a shell in a world, a program under it that drops the
// environment, and pureclean below that. Where there is sudo, sudo too.
func TestSudoInADemo(t *testing.T) {
	world := worlds.Demo(t)
	v := newVisitor(t, world)
	guide := visit.Guide{Dir: v.dir, LXDSocket: world.Socket}
	drops := map[string]string{"env": "env -u " + visit.Variable}
	if sudo, err := exec.LookPath("sudo"); err == nil && os.Geteuid() == 0 {
		drops["sudo"] = sudo + " -n"
	}
	for name, drop := range drops {
		var out bytes.Buffer
		typed := "pureclean scan >/dev/null; echo here $?\n" + drop + " '" + v.dir + "/bin/pureclean' scan; echo there $?\n"
		if err := guide.Shell(t.Context(), "/bin/sh", strings.NewReader(typed), &out, &out); err != nil {
			t.Fatal(err)
		}
		if got := out.String(); !strings.Contains(got, "here 4\n") || !strings.Contains(got, fmt.Sprintf("there %d\n", StatusRefused)) || !strings.Contains(got, "leave sudo out") {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

// In a world with several machines pureclean asks the others as it does over
// ssh, and nobody else answers.
func TestVisitCluster(t *testing.T) {
	world := aged(t, "shared-object")
	v := newVisitor(t, world)
	t.Setenv(visit.Variable, v.dir) // for the program that is ssh here
	status, out, errs := v.run("", "scan", "-o", "json")
	if status != StatusFindings || !strings.Contains(out, `"lxd03"`) {
		t.Errorf("scan: status %d: %s", status, errs)
	}
	ssh := visit.Guide{Dir: v.dir}.SSH()
	answer, err := exec.Command(ssh, "-o", "BatchMode=yes", "root@lxd02", "--", "sudo", "pureclean devices").Output()
	if err == nil {
		t.Errorf("sudo was answered: %s", answer)
	}
	answer, err = exec.Command(ssh, "lxd02", "pureclean", "devices").Output()
	if err != nil || !strings.HasPrefix(string(answer), "lxd02") {
		t.Errorf("devices of lxd02: %s, %v", answer, err)
	}
	for _, args := range [][]string{{"lxd77", "pureclean", "devices"}, {"lxd02", "reboot"}, {"lxd02", "pureclean", "fix", "--all"}, {"lxd02"}, {}} {
		said, err := exec.Command(ssh, args...).CombinedOutput()
		if err == nil || err.Error() != "exit status 255" || !strings.HasPrefix(string(said), "ssh: ") {
			t.Errorf("ssh %q: %v, %s", args, err, said)
		}
	}
}

// A machine of a world that is down is told as ssh tells of one, and not as a
// world that can't be entered.
func TestNoRouteInADemo(t *testing.T) {
	err := notEntered("/tmp/world", errors.New("the demo world: machine lxd03: "+visit.NoRoute))
	if said := outcome(err); said.Status != StatusRefused || strings.Contains(said.Message, visit.Variable) || said.Hint != "" {
		t.Errorf("%+v", said)
	}
}
