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

func write(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	path := write(t, `
pools:
  purepool:
    array: {url: "https://fa1", token_file: /etc/pureclean/token, ca_file: /etc/ssl/fa.pem, fingerprint: "sha256:00", id: 4a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9}
    peers: {dr: {url: "https://fa2", token_file: /etc/pureclean/token2, ca_file: /etc/ssl/fa.pem, fingerprint: "sha256:11", id: 5b2c}}
members: {lxd02: {ssh: lxd02.example, command: sudo -n pureclean}}
ssh: [ssh, -F, /etc/pureclean/ssh_config]
safety: {min_age: 2h, image_min_age: 7d, max_share: 25%, max_per_run: 3, wave_size: 7, host_evidence_age: 30m}
state_dir: /srv/pureclean
`, 0o644)
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Pools: map[string]Pool{"purepool": {Array: Array{
			URL: "https://fa1", TokenFile: "/etc/pureclean/token", CAFile: "/etc/ssl/fa.pem", Fingerprint: "sha256:00", ID: "4a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
		}, Peers: map[string]Array{"dr": {
			URL: "https://fa2", TokenFile: "/etc/pureclean/token2", CAFile: "/etc/ssl/fa.pem", Fingerprint: "sha256:11", ID: "5b2c",
		}}}},
		Members: map[string]Member{"lxd02": {SSH: "lxd02.example", Command: "sudo -n pureclean"}},
		SSH:     []string{"ssh", "-F", "/etc/pureclean/ssh_config"},
		Safety: Safety{
			MinAge: Duration(2 * time.Hour), ImageMinAge: Duration(7 * 24 * time.Hour), BatchMinAge: Duration(24 * time.Hour),
			MaxShare: 0.25, MaxPerRun: 3, WaveSize: 7, HostEvidenceAge: Duration(30 * time.Minute),
		},
		StateDir: "/srv/pureclean",
		File:     path,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoadWithoutAFileIsTheDefault(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "comment": "# nothing\n"} {
		got, err := Load(write(t, text, 0o644))
		got.File = ""
		if diff := cmp.Diff(Default(), got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"safety: {min_agee: 1h}":                          `unknown key "min_agee"`,
		"pool: {}":                                        `unknown key "pool"`,
		"pools: {p: {array: {token: secret}}}":            `unknown key "token"`,
		"pools: {p: {peers: {dr: {token_file: /t}}}}":     "pools.p.peers.dr.url is missing",
		"pools: {p: {peers: {dr: {url: 'https://fa2'}}}}": "pools.p.peers.dr.token_file is missing",
		"safety: {min_age: 60}":                           `"60" is not a time span`,
		"safety: {min_age: -1h}":                          "safety.min_age is negative",
		"safety: {max_share: 10}":                         `"10" is not a percentage`,
		"safety: {max_share: 110%}":                       `"110%" is not a percentage`,
		"safety: {max_share: NaN%}":                       `"NaN%" is not a percentage`,
		"safety: {max_per_run: -1}":                       "max_per_run is negative",
		"safety: {wave_size: 0}":                          "wave_size is not between 1 and 30",
		"safety: {wave_size: 31}":                         "wave_size is not between 1 and 30",
		"state_dir: ''":                                   "state_dir is empty",
		"a: 1\n---\nb: 2":                                 `unknown key "a"`,
		"state_dir: /a\n---\nstate_dir: /b":               "more than one document",
		"pools: [":                                        "line 1",
		"\x00":                                            "control characters",
	} {
		path := write(t, text, 0o644)
		_, err := Load(path)
		var typed *Error
		if !errors.As(err, &typed) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v; want the file and %q", text, err, want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a named file that is absent: %v", err)
	}
}

func TestToken(t *testing.T) {
	private := write(t, "from-file\n", 0o600)
	open := write(t, "from-file\n", 0o640)
	dir := t.TempDir()
	for name, text := range map[string]string{credential: "for-all", credential + "-own": "for-own\r\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o444); err != nil {
			t.Fatal(err)
		}
	}
	environment := func(pairs ...string) func(string) string {
		return func(key string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == key {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	c := Config{Pools: map[string]Pool{
		"filed": {Array: Array{TokenFile: private}, Peers: map[string]Array{"dr": {TokenFile: private}, "none": {}, "open": {TokenFile: open}}},
		"open":  {Array: Array{TokenFile: open}},
	}}
	for peer, want := range map[string]string{"dr": "from-file", "none": "", "open": "", "unknown": ""} {
		if token, err := c.PeerToken("filed", peer); token.Reveal() != want || (err == nil) != (want != "") {
			t.Errorf("peer %s: %q, %v", peer, token.Reveal(), err)
		}
	}
	for _, test := range []struct {
		name, pool string
		getenv     func(string) string
		want, fail string
	}{
		{"the pool's file first", "filed", environment("CREDENTIALS_DIRECTORY", dir), "from-file", ""},
		{"a file that others can read", "open", environment(), "", "chmod 600"},
		{"the pool's credential", "own", environment("CREDENTIALS_DIRECTORY", dir), "for-own", ""},
		{"the common credential", "other", environment("CREDENTIALS_DIRECTORY", dir), "for-all", ""},
		{"a pool named like a path", "../x", environment("CREDENTIALS_DIRECTORY", dir), "for-all", ""},
		{"the variable", "other", environment(TokenFileVariable, private), "from-file", ""},
		{"the variable names nothing", "other", environment(TokenFileVariable, "/nonexistent"), "", "no such file"},
		{"no token anywhere", "other", environment(), "", ""},
		{"not a token", "other", environment(TokenFileVariable, write(t, "two words\n", 0o600)), "", "one line with a token"},
		{"two lines", "other", environment(TokenFileVariable, write(t, "a\nb\n", 0o600)), "", "one line with a token"},
		{"nothing in it", "other", environment(TokenFileVariable, write(t, "\n", 0o600)), "", "one line with a token"},
	} {
		token, _, err := c.TokenFrom(test.pool, test.getenv)
		if token.Reveal() != test.want || (err == nil) != (test.fail == "") {
			t.Errorf("%s: %q, %v", test.name, token.Reveal(), err)
		}
		if err != nil && (!strings.Contains(err.Error(), test.fail) || strings.Contains(err.Error(), "from-file")) {
			t.Errorf("%s: %v; want %q", test.name, err, test.fail)
		}
	}
}

// TestAnotherFileIsNotShown: whoever may run pureclean as root with a --config of
// their choice can have any file read as one. What is in it is not repeated, where
// it is not like a key.
func TestAnotherFileIsNotShown(t *testing.T) {
	const shadow = "root:$6$salt$Secret/Hash:19000:0:99999:7::"
	for name, text := range map[string]string{
		"shadow":             shadow + "\n",
		"a key":              shadow + ": 1\n",
		"a key inside":       "safety:\n  \"" + shadow + "\": 1\n",
		"twice":              "\"" + shadow + "\": 1\n\"" + shadow + "\": 2\n",
		"an anchor":          "a: *$6$salt$Secret/Hash\n",
		"a number":           "state_dir: !!float $6$salt$Secret/Hash\n",
		"a key of two words": "? [Secret]\n: 1\n",
		"a token":            "Secret-0123456789: 1\n",
	} {
		path := write(t, text, 0o600)
		_, err := Load(path)
		_, _, problems := Inspect(path, nothing, checks)
		if said := fmt.Sprint(err, problems); err == nil || len(problems) == 0 || strings.Contains(said, "Secret") || strings.Contains(said, "$6$") {
			t.Errorf("%s: %s", name, said)
		}
	}
}
