package commands_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// sentence checks what a failing command says on stderr: one sentence, one
// hint, and nothing that only a programmer wants to see.
func sentence(t *testing.T, what, stderr string, parts ...string) {
	t.Helper()
	said := strings.Split(strings.TrimSpace(stderr), "\n")
	if len(said) > 2 || !strings.HasPrefix(said[0], "pureclean: ") || (len(said) == 2 && !strings.HasPrefix(said[1], "pureclean: hint: ")) {
		t.Errorf("%s: not one sentence and a hint:\n%s", what, stderr)
	}
	for _, part := range parts {
		if !strings.Contains(stderr, part) {
			t.Errorf("%s: stderr does not say %q:\n%s", what, part, stderr)
		}
	}
	for _, never := range []string{"goroutine ", "panic", "%!", "<nil>", "&{"} {
		if strings.Contains(stderr, never) {
			t.Errorf("%s: stderr says %q:\n%s", what, never, stderr)
		}
	}
}

// TestBadArrays: each gives one sentence with a hint, status 8, and what LXD
// and the host know is still shown.
func TestBadArrays(t *testing.T) {
	w := worlds.Demo(t)
	s := serve(t, w)
	print := "fingerprint: " + w.Server.Fingerprint
	wrong := write(t, "token", "00000000-0000-0000-0000-000000000000")
	closed := "https://127.0.0.1:1"
	for _, c := range []struct {
		name, array string
		fault       *array.Fault
		said        []string
	}{
		{name: "down", array: print + ", url: " + closed, said: []string{"refused", "hint: nothing listens there"}},
		{name: "wrong token", array: print + ", token_file: " + wrong, said: []string{"hint: the array does not know this token"}},
		{name: "wrong certificate", array: "ca_file: " + write(t, "ca.pem", otherCertificate(t)), said: []string{"certificate", "ca_file", "fingerprint: " + w.Server.Fingerprint}},
		{name: "wrong fingerprint", array: "fingerprint: sha256:" + strings.Repeat("0a", 32), said: []string{"another certificate than the pinned one", w.Server.Fingerprint, "hint:"}},
		{name: "an address with /api", array: print + ", url: " + w.Server.URL + "/api/2.21", said: []string{"/api", "hint:"}},
		{name: "an address without https", array: print + ", url: " + strings.TrimPrefix(w.Server.URL, "https://"), said: []string{"https://", "hint:"}},
		{name: "a name that is none", array: print + ", url: https://array.invalid", said: []string{"array.invalid", "hint:"}},
		{name: "not found", array: print, fault: &array.Fault{Path: "/api_version", Kind: array.Reply, Status: 404, Body: "Not found"}, said: []string{"hint: check that the URL is a FlashArray's"}},
		{name: "a portal", array: print, fault: &array.Fault{Path: "/api_version", Kind: array.Reply, Body: "<html>Sign in to Wi-Fi</html>"}, said: []string{"hint: check that the URL is a FlashArray's"}},
		{name: "half a body", array: print, fault: &array.Fault{Path: "/volumes", Kind: array.HalfBody}, said: []string{"volumes", "hint:"}},
		{name: "half JSON", array: print, fault: &array.Fault{Path: "/connections", Kind: array.Reply, Body: `{"items":[{"volume":{"na`}, said: []string{"connections"}},
		{name: "not allowed", array: print, fault: &array.Fault{Path: "/hosts", Kind: array.Forbidden}, said: []string{"hosts", "hint: the token's user may not see this"}},
	} {
		s.configure(t, c.array)
		undo := func() {}
		if c.fault != nil {
			undo = w.Array.Inject(*c.fault)
		}
		status, stdout, stderr := s.run(t, "scan")
		undo()
		if status != 8 {
			t.Errorf("%s: status %d", c.name, status)
		}
		sentence(t, c.name, stderr, append(c.said, "could not tell: ")...)
		if !strings.Contains(stdout, "not everything could be seen") || !strings.Contains(stdout, "LXD 6.9") {
			t.Errorf("%s: stdout does not say what is known:\n%s", c.name, stdout)
		}
		if strings.Contains(stdout, "Nothing is left behind") || strings.Contains(stdout, "\nSAFE TO REPAIR") {
			t.Errorf("%s: stdout promises too much:\n%s", c.name, stdout)
		}
		if strings.Contains(stdout+stderr, w.Array.Token()) {
			t.Errorf("%s: the token is shown", c.name)
		}
	}
}

func otherCertificate(t *testing.T) string {
	t.Helper()
	server, err := array.New(array.Options{Name: "other"}).Serve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return string(server.CertPEM)
}

// TestArrayDownShowsTheHost: what the host and LXD know between them is found
// without the array.
func TestArrayDownShowsTheHost(t *testing.T) {
	w := worlds.Demo(t)
	undo := w.Array.Inject(array.Fault{Kind: array.Forbidden})
	defer undo()
	status, stdout, stderr := runBefore(context.Background(), w, nil, "scan", "-o", "json")
	var got scanned
	decode(t, stdout, &got)
	left := false
	for _, f := range got.Findings {
		left = left || f.Code == "leftover-directory"
		if f.Verdict == "safe" {
			t.Errorf("%s %s is safe without the array", f.Code, f.Object)
		}
	}
	if status != 8 || !left || got.Complete {
		t.Errorf("status %d, complete %v, the directory is found: %v, %d findings: %s", status, got.Complete, left, len(got.Findings), stderr)
	}
	_, stdout, _ = runBefore(context.Background(), w, nil, "scan")
	if strings.Contains(stdout, commands.NothingLeaked) || strings.Contains(stdout, commands.NothingLeft) || !strings.Contains(stdout, "in what could be seen") {
		t.Errorf("without the array it can't be known what is leaked:\n%s", stdout)
	}
	status, stdout, _ = runBefore(context.Background(), w, nil, "explain", "--object", "mpatha")
	if status != 8 || !strings.Contains(stdout, "not known: ") {
		t.Errorf("explain: status %d\n%s", status, stdout)
	}
}

func TestBadLXD(t *testing.T) {
	w := worlds.Demo(t)
	s := serve(t, w)
	dead := filepath.Join(t.TempDir(), "dead")
	listener, err := net.Listen("unix", dead)
	if err != nil {
		t.Fatal(err)
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = listener.Close()
	for _, c := range []struct {
		name, socket string
		fault        *lxd.Fault
		said         []string
	}{
		{name: "no LXD", socket: filepath.Join(t.TempDir(), "absent"), said: []string{"could not tell: LXD: ", "no socket at", "LXD_SOCKET"}},
		{name: "a dead LXD", socket: dead, said: []string{"LXD does not answer", "hint: start LXD"}},
		{name: "a file", socket: write(t, "file", ""), said: []string{"is not a socket", "hint: set LXD_SOCKET"}},
		{name: "configuration hidden", socket: w.Socket, fault: &lxd.Fault{Kind: lxd.NotAdmin}, said: []string{"hint: run as root or as a member of"}},
		{name: "some projects only", socket: w.Socket, fault: &lxd.Fault{Kind: lxd.Restricted}, said: []string{"hint:"}},
		{name: "starting", socket: w.Socket, fault: &lxd.Fault{Kind: lxd.Fail, Status: 503}, said: []string{"hint: wait for it"}},
		{name: "half a body", socket: w.Socket, fault: &lxd.Fault{Kind: lxd.HalfBody, Path: "/1.0/instances"}, said: []string{"instances", "hint:"}},
	} {
		t.Setenv("LXD_SOCKET", c.socket)
		if c.fault != nil {
			w.API.Inject(*c.fault)
		}
		status, stdout, stderr := s.run(t, "scan")
		w.API.Heal()
		if status != 8 {
			t.Errorf("%s: status %d", c.name, status)
		}
		sentence(t, c.name, stderr, append(c.said, "could not tell: ")...)
		// The host is read all the same.
		if !strings.Contains(stdout, "not everything could be seen") || strings.Contains(stdout, "\nSAFE TO REPAIR") {
			t.Errorf("%s: stdout\n%s", c.name, stdout)
		}
	}
	if os.Getuid() != 0 {
		t.Setenv("LXD_SOCKET", w.Socket)
		if err := os.Chmod(w.Socket, 0); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.Chmod(w.Socket, 0o660) }()
		status, _, stderr := s.run(t, "scan")
		if status != 8 {
			t.Errorf("status %d", status)
		}
		sentence(t, "no rights", stderr, "permission denied", "hint: run as root")
	}
}

func TestBadPools(t *testing.T) {
	w := worlds.Demo(t)
	s := serve(t, w)
	for pool, said := range map[string]string{
		"--yes":    `there is no pool "--yes"`,
		"-v":       `there is no pool "-v"`,
		"purpool":  `there is nvpool, purepool`,
		"Purepool": `there is nvpool, purepool`,
		"a\x1b[2J": `there is no pool "a`,
	} {
		status, stdout, stderr := s.run(t, "scan", "--pool="+pool)
		if status != 16 || stdout != "" || strings.Contains(stderr, "\x1b") {
			t.Errorf("%s: status %d\n%s", pool, status, stdout)
		}
		sentence(t, pool, stderr, said)
	}
	// An LXD without any pool of this driver.
	empty := lxdWithoutPools(t)
	t.Setenv("LXD_SOCKET", empty)
	s.config = write(t, "empty.yaml", "state_dir: "+t.TempDir()+"\n")
	status, stdout, stderr := s.run(t, "scan")
	if status != 8 || !strings.Contains(stdout+stderr, "no array was asked") {
		t.Errorf("no pool: status %d\n%s%s", status, stdout, stderr)
	}
	status, _, stderr = s.run(t, "scan", "--pool", "purepool")
	if status != 16 {
		t.Errorf("status %d", status)
	}
	sentence(t, "no pool", stderr, "LXD has no pool with driver pure")
}

func lxdWithoutPools(t *testing.T) string {
	t.Helper()
	w := scenarioless(t)
	for _, pool := range w.Pools() {
		w.API.Inject(lxd.Fault{Kind: lxd.HideProject, Name: pool})
	}
	server, err := lxd.New(lxd.Options{Version: "6.9", Clock: w.Clock, Members: []*lxd.Member{{Name: "plain", Host: w.Hosts[0]}}, Seed: 9})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	socket := filepath.Join(t.TempDir(), "s")
	if _, err := server.Serve(socket); err != nil {
		t.Fatal(err)
	}
	return socket
}

func scenarioless(t *testing.T) *simulator.World {
	t.Helper()
	w := worlds.New(t, simulator.Options{})
	return w
}

// hostile is text that would do something to a terminal, or look like
// something that it is not.
const hostile = "a\\u001b[2J\\u001b]0;x\\u0007\\u202egnp.\\u200b\\r\\nSAFE TO REPAIR\\u009b31m\\u2028"

// TestHostileNames lets every name that is given by others be hostile.
func TestHostileNames(t *testing.T) {
	w := worlds.Demo(t)
	s := serve(t, w)
	s.speaking(t, strings.NewReplacer(
		"oracle-test", "oracle"+hostile, // a volume of the array
		"backup01", "backup"+hostile, // a host of the array
		`"invoices"`, `"invoices`+hostile+`"`, // a volume of LXD
		`"report1"`, `"report`+hostile+`"`,
		`"fa-sim"`, `"fa`+hostile+`"`, // the array itself
		`"lxd-reverter-snapshot"`, `"lxd-reverter-snapshot"`,
	))
	shown := 0
	for _, args := range [][]string{
		{"scan"},
		{"scan", "-v", "--color", "always"},
		{"scan", "-o", "wide"},
		{"scan", "-o", "csv"},
		{"scan", "-o", "json"},
		{"scan", "-o", "yaml"},
		{"scan", "-o", "html"},
		{"explain", "--object", "purepool/custom/mail", "-v"},
		{"explain", "--object", "purepool/custom/mail", "-o", "json"},
		{"explain", "--object", "oraclea"},
	} {
		_, stdout, stderr := s.run(t, args...)
		for name, text := range map[string]string{"stdout": stdout, "stderr": stderr} {
			if args[len(args)-1] == "always" {
				text = colour.ReplaceAllString(text, "")
			}
			for i, r := range text {
				if r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)) || r == utf8.RuneError {
					t.Errorf("%v: %s has %q near %q", args, name, r, text[max(0, i-40):min(len(text), i+20)])
					break
				}
			}
			for _, line := range strings.Split(text, "\n") {
				if strings.HasPrefix(line, "SAFE TO REPAIR\\") {
					t.Errorf("%v: a name made a line of its own: %q", args, line)
				}
			}
		}
		if strings.Contains(stdout, `\x1b`) || strings.Contains(stdout, `\u001b`) || strings.Contains(stdout, `\e`) {
			shown++
		}
	}
	if shown < 5 {
		t.Errorf("the hostile names are shown by %d commands only, so there was nothing to clean", shown)
	}
}

// TestTimeout and Ctrl-C: a witness that hangs is not waited for.
func TestTimeoutAndCancel(t *testing.T) {
	w := worlds.Demo(t)
	undo := w.Array.Inject(array.Fault{Path: "/volumes", Kind: array.Delay})
	defer undo()
	began := time.Now()
	status, stdout, stderr := runBefore(context.Background(), w, nil, "scan", "--timeout", "200ms")
	if status != 8 || !strings.Contains(stdout, "not everything could be seen") {
		t.Errorf("--timeout: status %d\n%s", status, stdout)
	}
	sentence(t, "--timeout", stderr, "hint:")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("--timeout 200ms took %s", took)
	}

	for _, args := range [][]string{{"scan"}, {"explain", "--object", "purepool/custom/wiki"}, {"scan", "-o", "json"}} {
		ctx, cancel := context.WithCancel(context.Background())
		w.Array.ResetRequests()
		go func() {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for !asked(w, "/volumes") {
				<-tick.C
			}
			cancel()
		}()
		began = time.Now()
		status, stdout, stderr = runBefore(ctx, w, nil, args...)
		if status != 32 || stdout != "" || !strings.Contains(stderr, "cancelled; nothing was changed") {
			t.Errorf("Ctrl-C in %v: status %d\n%s%s", args, status, stdout, stderr)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("Ctrl-C took %s", took)
		}
		if !asked(w, "/logout") {
			t.Error("nobody logged out")
		}
		cancel()
	}

	status, _, stderr = runBefore(context.Background(), w, nil, "scan", "--timeout", "1ms")
	if status != 8 {
		t.Errorf("--timeout 1ms: status %d", status)
	}
	sentence(t, "--timeout 1ms", stderr)
	undo()
	status, _, stderr = runBefore(context.Background(), w, nil, "devices", "--timeout", "1ns", "--sysroot", demoTree(t))
	if status != 8 {
		t.Errorf("devices --timeout 1ns: status %d: %s", status, stderr)
	}
}

func asked(w *simulator.World, path string) bool {
	for _, r := range w.Array.Requests() {
		if r.Path == path {
			return true
		}
	}
	return false
}

// crowd is a world with n findings.
func crowd(t *testing.T, n int) *simulator.World {
	t.Helper()
	w := scenarioless(t)
	w.Array.Batch(func() {
		for i := range n {
			if _, err := w.Array.CreateVolume(fmt.Sprintf("%s::by-hand-%05d", w.Pool(), i), 1<<30, array.VolumeOptions{}); err != nil {
				t.Error(err)
			}
		}
	})
	w.Age(48 * time.Hour)
	return w
}

// TestTenThousandFindingsIntoAClosedPipe runs the program itself: the kernel
// ends it with a signal, or it says one sentence.
func TestTenThousandFindingsIntoAClosedPipe(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out what is large")
	}
	s := serve(t, crowd(t, 10_000))
	for _, format := range []string{"table", "json"} {
		cmd := exec.Command(program(t), "scan", "-o", format, "--config", s.config, "--sysroot", s.tree)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 10)); err != nil {
			t.Errorf("%s: %v: %s", format, err, errs.String())
		}
		_ = out.Close()
		if err := cmd.Wait(); err == nil {
			t.Errorf("%s: it ended with status 0", format)
		}
		if took := time.Since(began); took > time.Minute {
			t.Errorf("%s: it took %s", format, took)
		}
		if strings.Contains(errs.String(), "goroutine") || strings.Count(errs.String(), "\n") > 2 {
			t.Errorf("%s: %s", format, errs.String())
		}
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full")
	}
	defer full.Close()
	for _, format := range []string{"table", "json", "csv"} {
		var errs bytes.Buffer
		status := commands.Main(context.Background(), []string{"pureclean", "scan", "-o", format, "--config", s.config, "--sysroot", s.tree}, commands.Streams{
			In: strings.NewReader(""), Out: full, Err: &errs, Getenv: os.Getenv,
		})
		if status != 8 {
			t.Errorf("%s into a full disk: status %d", format, status)
		}
		if format != "json" {
			sentence(t, format, errs.String(), "can't write the answer", "no space left")
		} else if !strings.Contains(errs.String(), `"code":"output"`) {
			t.Errorf("json: %s", errs.String())
		}
	}
}

// TestNoFileIsWaitedFor: a pipe to which nobody writes is refused at once,
// wherever a file is named.
func TestNoFileIsWaitedFor(t *testing.T) {
	w := worlds.Of(t, "healthy-iscsi")
	t.Setenv("LXD_SOCKET", w.Socket)
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	state := "state_dir: " + t.TempDir() + "\n"
	array := state + "pools:\n  " + w.Pool() + ":\n    array:\n      "
	for _, c := range []struct {
		args   []string
		config string
		status int
	}{
		{[]string{"scan", "--config", pipe}, "", 16},
		{[]string{"check", "--config", pipe}, "", 3},
		{[]string{"config", "show", "--config", pipe}, "", 16},
		{[]string{"config", "check", "--config", pipe}, "", 16},
		{[]string{"fix", "--plan", pipe, "--yes"}, state, 16},
		{[]string{"scan", "--host-evidence", "lxd02=" + pipe}, state, 16},
		{[]string{"scan", "--sysroot", pipe}, state, 16},
		{[]string{"config", "check"}, array + "token_file: " + pipe, 16},
		{[]string{"config", "check"}, array + "ca_file: " + pipe, 16},
		{[]string{"scan"}, array + "token_file: " + pipe, 8},
		{[]string{"scan"}, array + "ca_file: " + pipe, 8},
	} {
		args := c.args
		if c.config != "" {
			args = append(slices.Clone(args), "--config", write(t, "c.yaml", c.config))
		}
		status, out, errs := run(t, args...)
		said := strings.Contains(strings.Join(strings.Fields(out+errs), " "), "no regular file")
		if status != c.status || !said && !slices.Contains(args, "--sysroot") {
			t.Errorf("%v with %q: status %d\n%s%s", args, c.config, status, out, errs)
		}
	}
}
