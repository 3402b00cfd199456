package commands

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/simulator/array"
)

// What was not read is no number and no list: an array that stops answering in
// part or as a whole ends no alert and tells no script that nothing leaked, or
// that nothing is connected.
func TestWhatWasNotReadIsNotZero(t *testing.T) {
	for _, c := range []struct {
		path string
		kind array.FaultKind
		// counted is set where what leaked is known all the same.
		counted bool
	}{
		{path: "/login", kind: array.Forbidden},
		{path: "/pods", kind: array.Forbidden},
		{path: "/volumes", kind: array.Forbidden},
		{path: "/connections", kind: array.Forbidden, counted: true},
		{path: "/hosts", kind: array.Forbidden, counted: true},
	} {
		b := newBench(t, aged(t, "unmap-refused-iscsi"))
		volume := b.leaked("leaked-volume")
		file := filepath.Join(t.TempDir(), "pureclean.prom")
		b.checks(1, "1 leaked volume", "--textfile", file)
		remove := b.world.Array.Inject(array.Fault{Path: c.path, Kind: c.kind})

		_, out, _ := b.run("", "scan", "-o", "json")
		var scan struct {
			Summary  map[string]any
			Findings []map[string]any
		}
		if err := json.Unmarshal([]byte(out), &scan); err != nil {
			t.Fatalf("%s: %v\n%s", c.path, err, out)
		}
		for _, key := range []string{"leaked_volumes", "leaked_bytes", "leaked_unique_bytes"} {
			if got, there := scan.Summary[key]; !there || (got != nil) != c.counted {
				t.Errorf("%s: scan has %s %v", c.path, key, got)
			}
		}
		_, out, _ = b.run("", "explain", volume, "-o", "json")
		var explained struct{ Findings []map[string]any }
		if err := json.Unmarshal([]byte(out), &explained); err != nil && c.counted {
			t.Fatalf("%s: %v\n%s", c.path, err, out)
		}
		for _, f := range slices.Concat(scan.Findings, explained.Findings) {
			if got := f["connections"]; c.counted && f["object"] == volume && (got == nil) != (c.path == "/connections") {
				t.Errorf("%s: %s is connected to %v", c.path, volume, got)
			}
		}
		if _, out, _ := b.run("", "scan", "-o", "csv"); c.path == "/connections" && !strings.Contains(out, ",?,") {
			t.Errorf("%s: the table has nothing for what is not known\n%s", c.path, out)
		}
		if _, out, _ := b.run("", "scan"); strings.Contains(out, "· 0 volumes") {
			t.Errorf("%s: scan counts 0 volumes\n%s", c.path, out)
		}

		line := b.checks(3, "", "--textfile", file)
		zero := strings.Contains(line, "0 leaked") || strings.Contains(line, " leaked=0") || strings.Contains(line, "bytes=0B") || !c.counted && strings.Contains(line, "unique=0B") || strings.Contains(line, "oldest=0s")
		if zero || strings.Contains(line, "critical=0;") || strings.Contains(line, "warning=0;") || strings.Contains(line, " leaked=1;") != c.counted {
			t.Errorf("%s: check says %s", c.path, line)
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for row := range strings.Lines(string(data)) {
			name, _, _ := strings.Cut(row, "{")
			leaks := strings.HasPrefix(name, "pureclean_leaked_")
			if strings.HasPrefix(row, `pureclean_leaked_unique_bytes{pool="purepool"} 0`) && c.counted {
				continue // it holds nothing, and that was read
			}
			if zero := strings.HasSuffix(row, " 0\n"); zero && (leaks || name == "pureclean_findings") {
				t.Errorf("%s: the textfile has %s", c.path, row)
			}
		}
		if got := strings.Contains(string(data), "\npureclean_leaked_volumes{pool=\"purepool\"} 1\n"); got != c.counted {
			t.Errorf("%s: what leaked is in the textfile: %v", c.path, got)
		}
		remove()
	}
}
