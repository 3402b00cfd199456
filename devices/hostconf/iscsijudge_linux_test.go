package hostconf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// judgeDir, in the environment, makes the test binary the judge: it runs where
// /etc/iscsi, /run and the network are its own.
const judgeDir = "PURECLEAN_ISCSI_JUDGE"

// TestISCSIJudge has the real iscsiadm write a record for each file of
// settings. It asks iscsid where they are, and who answers is this test.
func TestISCSIJudge(t *testing.T) {
	dir := os.Getenv(judgeDir)
	if dir == "" {
		t.Skip("is run by TestAgainstOpenISCSI")
	}
	for _, place := range []string{"/etc/iscsi", "/run"} {
		if out, err := exec.Command("mount", "-t", "tmpfs", "none", place).CombinedOutput(); err != nil {
			t.Fatalf("mount: %v %s", err, out)
		}
	}
	if err := os.MkdirAll("/run/lock/iscsi", 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", "@ISCSIADM_ABSTRACT_NAMESPACE")
	if err != nil {
		t.Fatal(err)
	}
	go answerConfigFile(l)
	names, err := filepath.Glob(dir + "/*.conf")
	if err != nil || len(names) == 0 {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll("/etc/iscsi/nodes"); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("/etc/iscsi/iscsid.conf", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("iscsiadm", "-m", "node", "-T", "iqn.2010-06.com.purestorage:judge", "-p", "192.0.2.1", "-o", "new").CombinedOutput(); err != nil {
			t.Fatalf("%s: %v %s", name, err, out)
		}
		record, err := os.ReadFile("/etc/iscsi/nodes/iqn.2010-06.com.purestorage:judge/192.0.2.1,3260")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(strings.TrimSuffix(name, ".conf")+".record", record, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// answerConfigFile answers the one question of iscsid's protocol that is asked:
// where its settings are.
func answerConfigFile(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		var head [8]byte
		if _, err := io.ReadFull(conn, head[:]); err == nil {
			answer := make([]byte, 1<<14)
			copy(answer, head[:4])
			binary.NativeEndian.PutUint32(answer[4:], 0)
			copy(answer[8:], "/etc/iscsi/iscsid.conf")
			_, _ = conn.Write(answer)
		}
		_ = conn.Close()
	}
}

// TestAgainstOpenISCSI holds the reading of iscsid.conf against open-iscsi's:
// what it writes into the record of a new portal is what counts.
func TestAgainstOpenISCSI(t *testing.T) {
	need := func(format string, args ...any) {
		if os.Getenv("PURECLEAN_JUDGES") != "" {
			t.Fatalf(format, args...)
		}
		t.Skipf(format, args...)
	}
	if _, err := exec.LookPath("iscsiadm"); err != nil {
		need("open-iscsi is not installed")
	}
	if err := exec.Command("unshare", "-r", "-m", "-n", "true").Run(); err != nil {
		need("there can be no namespaces here: %v", err)
	}
	texts := []string{
		"", "node.session.timeo.replacement_timeout = 15  # seconds\n", "node.conn[0].timeo.login_timeout=5\n", "node.session.scan = manual # x\n",
		"node.startup = automatic", "node.startup == automatic\nnode.session.scan= =manual\n",
	}
	rng := rand.New(rand.NewPCG(3, 260))
	generated := 40
	if os.Getenv("PURECLEAN_JUDGES") != "" {
		generated = 500
	}
	for range generated {
		texts = append(texts, generateISCSI(rng))
	}
	dir := t.TempDir()
	for i, text := range texts {
		if err := os.WriteFile(fmt.Sprintf("%s/%05d.conf", dir, i), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "-r", "-m", "-n", self, "-test.run=^TestISCSIJudge$", "-test.v")
	cmd.Env = append(os.Environ(), judgeDir+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the judge: %v\n%s", err, out)
	}
	agreed := 0
	for i, text := range texts {
		record, err := os.ReadFile(fmt.Sprintf("%s/%05d.record", dir, i))
		if err != nil {
			t.Fatal(err)
		}
		wrong := ""
		for name, key := range iscsiKeys {
			want := ""
			for line := range bytes.Lines(record) {
				if value, ok := strings.CutPrefix(string(line), name+" = "); ok {
					want = strings.TrimSpace(value)
				}
			}
			got := key.instead
			for _, s := range parseISCSIConf("/f", text) {
				if s.Name == "iscsi "+name && s.Applies.Is() {
					got = s.Value
				}
			}
			if got != want {
				wrong += fmt.Sprintf("%s: %q, open-iscsi has %q\n", name, got, want)
			}
		}
		if wrong == "" {
			agreed++
			continue
		}
		t.Errorf("%s%q", wrong, text)
	}
	out, _ := exec.Command("iscsiadm", "-V").CombinedOutput()
	t.Logf("%s: %d of %d files agreed", strings.TrimSpace(string(out)), agreed, len(texts))
}

// generateISCSI writes a file as people get it wrong.
func generateISCSI(rng *rand.Rand) string {
	one := func(of ...string) string { return of[rng.IntN(len(of))] }
	var names []string
	for name := range iscsiKeys {
		names = append(names, name)
	}
	slices.Sort(names)
	var out strings.Builder
	for range 1 + rng.IntN(8) {
		name := one(names...)
		if rng.IntN(15) == 0 {
			name = one("node.session.Scan", "#"+name, "# "+name, "node.conn[0].timeo.noop_out_timeout", "\ufeff"+name, "! "+name)
		}
		value := one("5", "15", "120", "15  # seconds", "-1", "abc", "0x10", "010", "99999999999", "18446744073709551616", "+7", "4294967295", "1.5", "10s", "\"10\"")
		if key := iscsiKeys[name]; key.words != nil && rng.IntN(5) > 0 {
			value = one(append(key.words, "Manual", "manual # x", "\"manual\"", "automatic;", "")...)
		}
		out.WriteString(one("", "", "", " ", "\t", "\u00a0"))
		out.WriteString(name)
		out.WriteString(one(" = ", " = ", " = ", " = ", "=", " =", "= ", "  =  ", "\t=\t", " ", "==", " == ", ": ", "= = ", "\u00a0= "))
		out.WriteString(value)
		out.WriteString(one("\n", "\n", "\n", "\n", "\n", " \n", "\r\n", "", strings.Repeat(" ", 2050)+"\n"))
	}
	return out.String()
}
