package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/sightings"
)

// TestMemoryThatCantBeRead: a memory that is torn, or another version's, is no empty
// one. Whoever looks is told that it is missing, without a flag; nothing is repaired
// in a batch by it; and what is in the file is not lost with the next look.
func TestMemoryThatCantBeRead(t *testing.T) {
	const newer = `{"schema":"pureclean/sightings/v2","sightings":[]}`
	for name, of := range map[string]func([]byte) []byte{
		"torn":               func(whole []byte) []byte { return whole[:len(whole)/2] },
		"zeros":              func(whole []byte) []byte { return make([]byte, len(whole)) },
		"of another version": func([]byte) []byte { return []byte(newer) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, aged(t, "device-never-iscsi"))
			volume := b.leaked("leaked-volume")
			b.run("", "check")
			b.world.Age(25 * 3600e9)
			file := filepath.Join(b.s.given.config.StateDir, sightings.File)
			whole, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			unread := of(whole)
			for _, args := range [][]string{{"scan"}, {"scan", "-o", "json"}, {"explain", volume}, {"verify", volume}, {"check"}, {"fix", "--all", "--yes"}, {"fix", volume, "--dry-run"}} {
				if err := os.WriteFile(file, unread, 0o600); err != nil {
					t.Fatal(err)
				}
				_, out, errs := b.run("", args...)
				if said := strings.Join(strings.Fields(out+errs), " "); strings.Count(said, "! what earlier runs saw can't be read: "+file) != 1 {
					t.Errorf("%v says nothing of it, or not once:\n%s%s", args, out, errs)
				} else if strings.Contains(said, "check and fix keep it as sightings.json.damaged") != (string(unread) != newer) {
					t.Errorf("%v does not say what becomes of it:\n%s%s", args, out, errs)
				}
				if _, there := b.world.Array.Volume(volume); !there {
					t.Fatalf("%v destroyed it", args)
				}
				switch after, _ := os.ReadFile(file); {
				case args[0] == "scan" || args[0] == "explain" || args[0] == "verify" || unread[0] == '{' && string(unread) == newer:
					if string(after) != string(unread) {
						t.Errorf("%v: the file became %q", args, after)
					}
				default:
					if kept, err := os.ReadFile(file + ".damaged"); err != nil || string(kept) != string(unread) {
						t.Errorf("%v: it is kept as %q, %v", args, kept, err)
					}
					_ = os.Remove(file + ".damaged")
				}
			}
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if _, out, errs := b.run("", "scan"); strings.Contains(out+errs, "earlier runs") {
				t.Errorf("none yet is one that can't be read:\n%s%s", out, errs)
			}
		})
	}
}
