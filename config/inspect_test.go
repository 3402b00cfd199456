package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func nothing(string) string { return "" }

// checks refuse what holds "wrong".
var checks = Checks{
	URL: func(url string) error {
		if strings.Contains(url, "wrong") {
			return errors.New("no array's")
		}
		return nil
	},
	Member: func(m Member) error {
		if strings.Contains(m.SSH+m.Command, "wrong") {
			return errors.New("no member's")
		}
		return nil
	},
}

func TestInspect(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	private, open := file("private", "the-token\n", 0o600), file("open", "the-token\n", 0o644)
	words := file("words", "two words\n", 0o600)
	everybodys := filepath.Join(dir, "everybodys")
	if err := os.Mkdir(everybodys, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(everybodys, 0o777); err != nil {
		t.Fatal(err)
	}
	array := func(text string) string { return "pools:\n  p:\n    array:\n      " + text }
	peer := func(text string) string { return "pools:\n  p:\n    peers:\n      dr:\n        " + text }
	for _, c := range []struct {
		name, text string
		// line, key, what and do of each problem, in order.
		want []string
	}{
		{"nothing", "", nil},
		{"all is well", array("token_file: " + private), nil},
		{"an unknown key", "saftey: {min_age: 2h}", []string{`1 saftey: unknown key "saftey" -> safety`}},
		{"an unknown key inside", "safety:\n  min_agee: 2h", []string{`2 min_agee: unknown key "min_agee" -> min_age, image_min_age`}},
		{"an unknown key of an array", array("tokn: x"), []string{`4 tokn: unknown key "tokn" -> url, token_file`}},
		{"a key twice", "state_dir: /a\nstate_dir: /b", []string{`2 : mapping key "state_dir" already defined at line 1 -> `}},
		{
			"all wrong types at once", "safety:\n  min_age: 60\n  max_share: 10\n  max_per_run: many\nmembers: 3",
			[]string{`2 : "60" is not a time span`, `3 : "10" is not a percentage`, "4 : `many` is not a whole number", "5 : `3` is not a list of keys and values"},
		},
		{"a limit", "safety: {min_age: -1h}", []string{"1 safety.min_age: safety.min_age is negative"}},
		{"syntax", "pools:\n  a: [", []string{"2 : did not find"}},
		{"an open token", array("token_file: " + open), []string{"4 pools.p.array.token_file: " + open + " can be read by others (mode 0644) -> chmod 600 " + open}},
		{"no token", array("token_file: " + dir + "/absent"), []string{"4 pools.p.array.token_file: there is no file " + dir + "/absent -> write"}},
		{"not a token", array("token_file: " + words), []string{"4 pools.p.array.token_file: API token: " + words + " does not hold one line with a token"}},
		{"a relative token", array("token_file: token"), []string{"4 pools.p.array.token_file: token is not an absolute path", "4 pools.p.array.token_file: there is no file token"}},
		{"no authority", array("ca_file: " + private), []string{"4 pools.p.array.ca_file: " + private + " holds no certificate"}},
		{"no CA file", array("ca_file: " + dir + "/absent"), []string{"4 pools.p.array.ca_file: " + dir + "/absent: no such file"}},
		{"a wrong URL", array("url: http://wrong"), []string{"4 pools.p.array.url: no array's"}},
		{
			"a wrong member", "members:\n  a: {ssh: right, command: right}\n  b:\n    ssh: wrong\n    command: wrong\n  c: {command: wrong}",
			[]string{"4 members.b.ssh: no member's -> user@host", "5 members.b.command: no member's -> sudo -n pureclean", "6 members.c.command: no member's"},
		},
		{"a short fingerprint", array("fingerprint: sha256:abc"), []string{"4 pools.p.array.fingerprint: \"sha256:abc\" is not the SHA-256"}},
		{"a fingerprint", array("fingerprint: SHA256:" + strings.Repeat("AB:", 31) + "AB"), nil},
		{"a peer's open token", peer("url: https://fa2\n        token_file: " + open), []string{"6 pools.p.peers.dr.token_file: " + open + " can be read by others"}},
		{"a peer's wrong URL", peer("url: http://wrong\n        token_file: " + private), []string{"5 pools.p.peers.dr.url: no array's"}},
		{"a peer without a token", peer("url: https://fa2"), []string{"0 : pools.p.peers.dr.token_file is missing"}},
		{"an unknown key of a peer", peer("tokn: x"), []string{`5 tokn: unknown key "tokn" -> url, token_file`}},
		{"everybody's state", "state_dir: " + everybodys, []string{"1 state_dir: others may write into " + everybodys + " (mode 0777), where the journal is -> name a directory that only root"}},
		{"a file as state", "state_dir: " + private, []string{"1 state_dir: " + private + " is not a directory"}},
		{
			"what is right beside what is wrong", "frob: 1\n" + array("token_file: "+open),
			[]string{`1 frob: unknown key`, "5 pools.p.array.token_file: " + open + " can be read"},
		},
	} {
		path := file("config.yaml", c.text, 0o644)
		name, found, problems := Inspect(path, nothing, checks)
		if name != path || !found {
			t.Errorf("%s: %s, %v", c.name, name, found)
		}
		for i, p := range problems {
			got := fmt.Sprintf("%d %s: %s -> %s", p.Line, p.Key, p.What, p.Do)
			if i < len(c.want) && !strings.HasPrefix(got, strings.Split(c.want[i], " -> ")[0]) {
				t.Errorf("%s: %s, want %s", c.name, got, c.want[i])
			}
			if i < len(c.want) && strings.Contains(c.want[i], " -> ") && !strings.Contains(got, strings.Split(c.want[i], " -> ")[1]) {
				t.Errorf("%s: %s, want %s", c.name, got, c.want[i])
			}
			if p.Do == "" || p.File != path || strings.Contains(got, "the-token") {
				t.Errorf("%s: %+v", c.name, p)
			}
		}
		if len(problems) != len(c.want) {
			t.Errorf("%s: %d problems, want %d: %+v", c.name, len(problems), len(c.want), problems)
		}
		// What is refused here is refused there, and the other way round:
		// Load does not look into files.
		if _, err := Load(path); err != nil && len(problems) == 0 {
			t.Errorf("%s: Load refuses it: %v", c.name, err)
		}
	}

	writable := file("writable.yaml", "", 0o666)
	if _, _, problems := Inspect(writable, nothing, checks); len(problems) != 1 || problems[0].Do != "chmod go-w "+writable {
		t.Errorf("a file that others may write: %+v", problems)
	}
	if _, found, problems := Inspect(filepath.Join(dir, "absent.yaml"), nothing, checks); len(problems) != 1 || !found {
		t.Errorf("a named file that is absent: %+v", problems)
	}
	variable := func(key string) string { return map[string]string{TokenFileVariable: open}[key] }
	if _, _, problems := Inspect(file("config.yaml", "", 0o600), variable, checks); len(problems) != 1 || problems[0].File != "$"+TokenFileVariable {
		t.Errorf("the variable's file: %+v", problems)
	}
}

// TestSettings: each value says where it is from, by file and line.
func TestSettings(t *testing.T) {
	path := write(t, `# a comment
pools:
  purepool:
    array: {url: "https://fa1",
            id: 4a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9}
safety:
  min_age: 90m
  max_share: 12.5%
  max_per_run: 10
`, 0o644)
	_, got, err := Settings(path)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Setting{
		"pools.purepool.array.url": {Value: "https://fa1", Origin: FromFile, Where: path + ":4"},
		"pools.purepool.array.id":  {Value: "4a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9", Origin: FromFile, Where: path + ":5"},
		"safety.min_age":           {Value: "1h30m", Origin: FromFile, Where: path + ":7"},
		"safety.image_min_age":     {Value: "24h", Origin: FromDefault},
		"safety.batch_min_age":     {Value: "24h", Origin: FromDefault},
		"safety.max_share":         {Value: "12.5%", Origin: FromFile, Where: path + ":8"},
		"safety.max_per_run":       {Value: "10", Origin: FromFile, Where: path + ":9"},
		"state_dir":                {Value: "/var/lib/pureclean", Origin: FromDefault},
	}
	for _, s := range got {
		if w, ok := want[s.Key]; ok {
			w.Key = s.Key
			if diff := cmp.Diff(w, s); diff != "" {
				t.Error(diff)
			}
			delete(want, s.Key)
		}
	}
	if len(want) > 0 {
		t.Errorf("not shown: %v", want)
	}
}

// TestSpans: what is written is read back as the same.
func TestSpans(t *testing.T) {
	for _, span := range []time.Duration{0, time.Second, 90 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 90 * time.Minute, 100 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, 1500 * time.Millisecond} {
		text, err := Duration(span).MarshalYAML()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseDuration(text.(string)); err != nil || back != span {
			t.Errorf("%s is written as %v and read back as %s, %v", span, text, back, err)
		}
	}
}
