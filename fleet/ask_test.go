package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/sshtest"
)

// place is a machine behind a real ssh server, on which "pureclean" is a
// script.
type place struct {
	t       *testing.T
	servers *sshtest.Servers
	answer  Answer
	o       Options
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, servers: sshtest.Start(t, "lxd02")}
	p.answer = Answer{Schema: AnswerSchema, Version: "v1", Conversation: newest(conversations), Host: evidence.Host{
		Source: evidence.Source{Name: "what it calls itself", Began: time.Now(), Ended: time.Now()}, Boot: "b2",
		AllProcesses: evidence.Yes, IQNs: evidence.Complete([]string{"iqn.2"}), Disks: evidence.Complete([]evidence.Disk{}),
	}}
	p.o = Options{Client: p.servers.Client, Version: "v1", Members: map[string]Member{"lxd02": {Command: []string{filepath.Join(p.servers.Dir, "pureclean")}}}}
	p.script("cat answer")
	p.write()
	return p
}

// script is what pureclean does there, in the servers' directory.
func (p *place) script(text string) {
	p.t.Helper()
	path := filepath.Join(p.servers.Dir, "pureclean")
	text = fmt.Sprintf("#!/bin/sh\ncd %s\n%s\n", p.servers.Dir, text)
	// A new file: a running one can't be written.
	if err := os.WriteFile(path+".new", []byte(text), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) write() {
	p.t.Helper()
	text, err := json.Marshal(p.answer)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(p.servers.Dir, "answer"), text, 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func TestAsk(t *testing.T) {
	p := newPlace(t)
	for _, status := range []string{"0", "8"} {
		p.script("[ \"$*\" = 'devices -o json' ] && cat answer; exit " + status)
		before := time.Now()
		host := New(p.o).Ask(t.Context(), "lxd02")
		if host.Trouble != "" || host.Name != "lxd02" || host.Boot != "b2" || !host.Disks.IsComplete() || host.Recorded {
			t.Errorf("status %s: %+v", status, host)
		}
		if host.Began.Before(before) || host.Ended.Before(host.Began) || host.Ended.After(time.Now()) {
			t.Errorf("its times are not ours: %s, %s", host.Began, host.Ended)
		}
		if host.Maps.IsComplete() {
			t.Error("a list that it did not send is complete")
		}
	}
}

// Whatever keeps a machine from answering as it should, nothing is known of
// it, and the operator is told why and what to type.
func TestAskInVain(t *testing.T) {
	p := newPlace(t)
	other := func(change func(*Answer)) func() {
		return func() {
			good := p.answer
			change(&p.answer)
			p.write()
			p.answer = good
			p.script("cat answer")
		}
	}
	script := func(text string) func() { return func() { p.script(text) } }
	for _, c := range []struct {
		name      string
		do        func()
		why, hint string
	}{
		{"garbage", script("echo hello"), "no answer of pureclean", "ssh lxd02 -- "},
		{"a shell that greets", script("echo Welcome; cat answer"), "no answer of pureclean", "startup file"},
		{"more than an answer", script("cat answer; echo more"), "something follows", "startup file"},
		{"half an answer", script("head -c 100 answer"), "ends in the middle", "ssh lxd02"},
		{"no end", script("exec yes"), "no answer of pureclean", "ssh lxd02"},
		{"no end of JSON", script(`printf '{"schema":"'; exec tr '\0' x </dev/zero`), "longer than 64 MiB", "ssh lxd02"},
		{"nothing", script("exit 0"), "status 0", "ssh lxd02"},
		{"another schema", other(func(a *Answer) { a.Schema = "pureclean/devices/v2" }), `its schema is "pureclean/devices/v2"`, "ssh lxd02"},
		{"an old version", other(func(a *Answer) { a.Version, a.Conversation = "", 0 }), "its pureclean is an older one, and this is v1", "--push"},
		{"another version", other(func(a *Answer) { a.Version, a.Conversation = "v0.9", 99 }), "its pureclean is v0.9, and this is v1", "install the same version"},
		{"no boot id", other(func(a *Answer) { a.Boot = "" }), "which boot", ""},
		{"an old answer", other(func(a *Answer) { a.Began = a.Began.Add(-time.Hour) }), "its clock is wrong, or the answer is old", "ssh lxd02 date"},
		{"an early answer", other(func(a *Answer) { a.Began = a.Began.Add(time.Hour) }), "its clock is wrong, or the answer is old", "ssh lxd02 date"},
		{"an answer, and a crash", script("cat answer; echo broken >&2; exit 2"), "status 2: broken", "ssh lxd02"},
		{"sudo asks", script("echo 'sudo: a password is required' >&2; exit 1"), "sudo asks for a password", "docs/fleet.md"},
		{"other flags", script("echo 'pureclean: unknown command' >&2; exit 16"), "another version", "--push"},
		{"killed there", script("kill -9 $$"), "ssh failed, or pureclean was killed there", "ssh lxd02"},
		{"no program", func() { p.o.Members["lxd02"] = Member{Command: []string{"/no/pureclean"}} }, "there is no pureclean there", "--push"},
		{"a directory for a program", func() { p.o.Members["lxd02"] = Member{Command: []string{p.servers.Dir}} }, "can't be run", "version"},
		{"another host key", func() { p.servers.Forget("lxd02") }, "its host key is not the one that is known", "ssh-keygen -R lxd02"},
		{"no host key", func() {
			if err := os.WriteFile(filepath.Join(p.servers.Dir, "known_hosts"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "its host key is not known here", "ssh lxd02"},
		{"down", func() { p.servers.Stop("lxd02") }, "nothing answers on its ssh port", "members: {lxd02"},
		{"no address", func() { p.o.Members["lxd02"] = Member{Destination: "no-such-machine.invalid"} }, "its name leads to no address", "members: {lxd02: {ssh: ADDRESS}}"},
		{"no client", func() { p.o.Client = []string{"/no/ssh"} }, "ssh can't be started", "install OpenSSH"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.t = t
			c.do()
			host := New(p.o).Ask(t.Context(), "lxd02")
			if !strings.Contains(host.Trouble, c.why) || !strings.Contains(host.Hint, c.hint) {
				t.Errorf("it says %q, and to do %q", host.Trouble, host.Hint)
			}
			if host.Name != "lxd02" || host.Boot != "" || host.Disks.IsComplete() || len(host.IQNs.Items) > 0 {
				t.Errorf("something is known of it: %+v", host)
			}
			if strings.Contains(host.Trouble+host.Hint, "%!") || strings.Contains(host.Trouble+host.Hint, "%[") {
				t.Errorf("%q %q", host.Trouble, host.Hint)
			}
		})
	}
}

func TestAskNotLetIn(t *testing.T) {
	p := newPlace(t)
	if err := os.WriteFile(filepath.Join(p.servers.Dir, "authorized_keys"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	host := New(p.o).Ask(t.Context(), "lxd02")
	if !strings.Contains(host.Trouble, "ssh does not let us in") || !strings.Contains(host.Hint, "ssh lxd02 must work") {
		t.Errorf("%q, %q", host.Trouble, host.Hint)
	}
}

// Nobody is waited for without end, also not by whoever gives up.
func TestAskForEver(t *testing.T) {
	p := newPlace(t)
	for _, text := range []string{"exec tail -f /dev/null", "exec yes >&2", "cat answer; exec tail -f /dev/null", "trap '' HUP TERM INT PIPE; cat answer; tail -f /dev/null & wait"} {
		p.script(text)
		p.o.Limit = 2 * time.Second
		host := New(p.o).Ask(t.Context(), "lxd02")
		if !strings.Contains(host.Trouble, "it did not answer within 2s") || !strings.Contains(host.Hint, "--host-down lxd02") {
			t.Errorf("%s: %q, %q", text, host.Trouble, host.Hint)
		}
	}
	p.script("exec tail -f /dev/null")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.o.Limit = time.Hour
	if host := New(p.o).Ask(ctx, "lxd02"); host.Trouble == "" {
		t.Error("a cancelled question was answered")
	}
}

// LXD takes nearly anything for a member's name. None of it may become an
// option of ssh's or a word of a shell, there or here.
func TestHostileNames(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	f := New(Options{Client: []string{"touch", mark}, Version: "v1"})
	for _, name := range []string{
		"", "-oProxyCommand=touch x", "-F/etc/passwd", "a b", "a;touch x", "$(touch x)", "`touch x`", "a\nb", "a'b", `a"b`, "a|b", "a&b", "a>b",
		"a\x00b", "a%hb", "~root", "{a,b}", "a*", "a!b", "#a", "\u00e4", strings.Repeat("a", 300),
	} {
		host := f.Ask(t.Context(), name)
		if host.Trouble == "" || host.Name != name {
			t.Errorf("%q: %+v", name, host)
		}
		if strings.Contains(host.Hint, name) && name != "" {
			t.Errorf("%q is spelled out to be pasted: %q", name, host.Hint)
		}
	}
	for _, m := range []Member{
		{Destination: "-l"},
		{Destination: "a b"},
		{Destination: "a$b"},
		{Command: []string{"pureclean;id"}},
		{Command: []string{"$(id)"}},
		{Command: []string{"sudo", "-n", "pure'clean"}},
		{Command: []string{""}},
		{Command: []string{"a", "-"}},
	} {
		if CheckMember(m) == nil {
			t.Errorf("%q was taken", m)
		}
	}
	for _, m := range []Member{
		{},
		{Destination: "root@lxd02.example"},
		{Destination: "ssh://root@[fe80::1]:2222"},
		{Command: []string{"sudo", "-n", "--", "/usr/bin/pureclean"}},
		{Command: []string{"env", "GOGC=off", "pureclean"}},
	} {
		if err := CheckMember(m); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a client was started")
	}
}

// The client is called so that it can't ask, and with no word of its
// security changed.
func TestArguments(t *testing.T) {
	dir := t.TempDir()
	client := filepath.Join(dir, "client")
	if err := os.WriteFile(client, []byte("#!/bin/sh\nprintf '%s\\n' \"$@\" >"+dir+"/args\nexit 255\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	New(Options{Client: []string{client, "-F", "mine"}, Version: "v1", Members: map[string]Member{"lxd02": {Destination: "me@there", Command: []string{"sudo", "-n", "pureclean"}}}}).Ask(t.Context(), "lxd02")
	data, err := os.ReadFile(filepath.Join(dir, "args"))
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Split(strings.TrimSpace(string(data)), "\n")
	line := strings.Join(words, " ")
	if !strings.HasPrefix(line, "-F mine -T -o BatchMode=yes ") || !strings.HasSuffix(line, " me@there -- sudo -n pureclean devices -o json") {
		t.Errorf("ssh %s", line)
	}
	for _, weak := range []string{"StrictHostKeyChecking", "UserKnownHostsFile", "-A", "-X", "-Y", "-t", "ForwardAgent", "NoHostAuthentication"} {
		if strings.Contains(line, weak) {
			t.Errorf("ssh %s", line)
		}
	}
}

// A member without the program gets this one only when the operator said so;
// it is run from a private directory and removed.
func TestPush(t *testing.T) {
	p := newPlace(t)
	p.o.Members["lxd02"] = Member{Command: []string{"env", "PUSHED=yes", "/no/pureclean"}}
	if host := New(p.o).Ask(t.Context(), "lxd02"); !strings.Contains(host.Hint, "--push") {
		t.Errorf("%+v", host)
	}
	program := "#!/bin/sh\n[ \"$PUSHED $*\" = 'yes devices -o json' ] || exit 3\necho \"$0\" >" + p.servers.Dir + "/where\nstat -c %a \"$(dirname \"$0\")\" >>" + p.servers.Dir + "/where\ncat " + p.servers.Dir + "/answer\nexit 8\n"
	p.o.Push = true
	p.o.Program = func() (fs.File, error) { return file{bytes.NewReader([]byte(program)), int64(len(program))}, nil }
	for range 2 { // the second time it is known
		if host := New(p.o).Ask(t.Context(), "lxd02"); host.Trouble != "" || host.Boot != "b2" {
			t.Fatalf("%+v", host)
		}
	}
	where, err := os.ReadFile(filepath.Join(p.servers.Dir, "where"))
	if err != nil {
		t.Fatal(err)
	}
	path, mode, _ := strings.Cut(strings.TrimSpace(string(where)), "\n")
	if !strings.HasPrefix(path, "/tmp/pureclean.") || mode != "700" {
		t.Errorf("it ran as %s in a directory with mode %s", path, mode)
	}
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Errorf("%s was left behind", filepath.Dir(path))
	}
	// What arrives in part is not run.
	p.o.Program = func() (fs.File, error) {
		return file{bytes.NewReader([]byte(program)), int64(len(program)) + 1}, nil
	}
	if host := New(p.o).Ask(t.Context(), "lxd02"); host.Trouble == "" {
		t.Error("a part of a program was run")
	}
}

// file is a program in memory.
type file struct {
	*bytes.Reader
	size int64
}

func (f file) Close() error               { return nil }
func (f file) Stat() (fs.FileInfo, error) { return info{size: f.size}, nil }

type info struct {
	fs.FileInfo
	size int64
}

func (i info) Size() int64 { return i.size }

func TestReadFile(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	good := Answer{Schema: AnswerSchema, Version: "v0.1", Host: evidence.Host{Source: evidence.Source{Name: "lxd02", Began: now.Add(-time.Minute)}, Boot: "b2"}}
	for _, c := range []struct {
		name   string
		change func(*Answer)
		wrong  string
	}{
		{"good", func(*Answer) {}, ""},
		{"old", func(a *Answer) { a.Began = now.Add(-2 * time.Hour) }, "longer ago than 1h0m0s"},
		{"to come", func(a *Answer) { a.Began = now.Add(time.Hour) }, "yet to come"},
		{"timeless", func(a *Answer) { a.Began = time.Time{} }, "does not say when"},
		{"nameless", func(a *Answer) { a.Name = "" }, "of which machine"},
		{"other schema", func(a *Answer) { a.Schema = "pureclean/scan/v1" }, "its schema is"},
	} {
		a := good
		c.change(&a)
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "host.json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		host, err := ReadFile(path, "", now, time.Hour)
		switch {
		case c.wrong == "" && (err != nil || host.Name != "lxd02" || !host.Recorded):
			t.Errorf("%s: %+v, %v", c.name, host, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "none"), "", now, time.Hour); err == nil {
		t.Error("a file that is not there was read")
	}
}
