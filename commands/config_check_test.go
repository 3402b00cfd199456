package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestConfigCheckRefusesWhatScanRefuses: the other commands send people to config
// check when they refuse a configuration, so it finds what they do, with its line.
func TestConfigCheckRefusesWhatScanRefuses(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("LXD_SOCKET", dir+"/absent")
	token, file := filepath.Join(dir, "token"), filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(token, []byte("open-sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := func(url string) string {
		return "pools:\n  p:\n    array:\n      url: " + `"` + url + `"` + "\n      token_file: " + token + "\n"
	}
	for _, c := range []struct {
		text  string
		wrong []string // what is wrong, each with its line
	}{
		{"members:\n  lxd02: {ssh: lxd02, command: sudo -n pureclean}\n", nil},
		{"members:\n  lxd02: {ssh: '-oProxyCommand=x'}\n", []string{`:2: "-oProxyCommand=x" can't be a destination`}},
		{"members:\n  lxd02: {ssh: a b}\n", []string{`:2: "a b" can't be a destination`}},
		{"members:\n  lxd02:\n    ssh: lxd02\n    command: 'sudo pureclean; rm -rf /'\n", []string{`:4: "pureclean;" can't be a word`}},
		{"members:\n  lxd02:\n    ssh: -x\n    command: 'a;'\n  lxd03: {ssh: -y}\n", []string{`:3: "-x" can't`, `:4: "a;" can't`, `:5: "-y" can't`}},
		{url("https://[::1]:1/"), nil},
		{url("https://user:open-pw@[::1]:1/"), []string{`:4: the array's URL "https://[::1]:1/" holds a user name`}},
		{url("https://[::1]:1/?x=1#f"), []string{":4: the array's URL \"https://[::1]:1/\" has a query"}},
		{url("https://[::1]:1/api/2.2"), []string{`:4: the array's URL "https://[::1]:1/api/2.2" contains "/api"`}},
		{url("https://[::1]:99999"), []string{`:4: the array's URL "https://[::1]:99999" names a port`}},
		{url("http://[::1]:1"), []string{`:4: the array's URL "http://[::1]:1" would send the token unencrypted`}},
		{url("[::1]:1"), []string{`:4: the array's URL "[::1]:1" has no scheme`}},
	} {
		if err := os.WriteFile(file, []byte(c.text+"state_dir: "+dir+"/state\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		b := &bench{t: t}
		b.s = Streams{Out: &b.out, Err: &b.err, Getenv: func(string) string { return "" }}
		status, checked, errs := b.run("", "config", "check", "--config", file)
		said := strings.Join(strings.Fields(checked+errs), " ")
		if want := map[bool]int{true: StatusUsage}[len(c.wrong) > 0]; status != want {
			t.Errorf("%sstatus %d, want %d\n%s", c.text, status, want, said)
		}
		for _, wrong := range c.wrong {
			if !strings.Contains(said, file+wrong) {
				t.Errorf("%swithout %q:\n%s", c.text, wrong, said)
			}
		}
		if n := strings.Count(said, file+":"); n < len(c.wrong) || len(c.wrong) == 0 && n > 0 || strings.Contains(said, "open-") {
			t.Errorf("%s%d problems are said:\n%s", c.text, n, said)
		}
		// Who uses it agrees: scan refuses the members before it asks anybody, and
		// config show joins the arrays' URLs as scan does.
		command := []string{"config", "show"}
		if strings.Contains(c.text, "members:") && len(c.wrong) > 0 {
			command = []string{"scan"}
		}
		_, out, errs := b.run("", append(command, "--config", file)...)
		if refused := strings.Contains(out+errs, "can't be a") || strings.Contains(out+errs, "the array's URL"); refused != (len(c.wrong) > 0) {
			t.Errorf("%sconfig check: %v, and %v: %v\n%s", c.text, c.wrong, command, refused, out+errs)
		}
	}
}
