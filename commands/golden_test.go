package commands_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/internal/worlds"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What differs between two looks at the same world: how long they took, the
// ports and the request ids.
var passing = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`https://127\.0\.0\.1:\d+`), "https://array"},
	{regexp.MustCompile(`\d+\.\d s\b`), "0.1 s"},
	{regexp.MustCompile(`"took_ms": \d+`), `"took_ms": 1`},
	{regexp.MustCompile(regexp.QuoteMeta(os.TempDir()) + `/[^\s"']+/unix\.socket`), "/lxd/unix.socket"},
}

// TestGoldenOutput shows every change of what people and scripts read. Run
// it with -update when the change is meant. The whole demo is in scan.txt and
// scan-verbose.txt; the other formats print a part of it, which has all of
// their fields.
func TestGoldenOutput(t *testing.T) {
	w := worlds.Demo(t)
	leaked := "purepool::u-5805369565714a11a69ed2b62f2a3da1"
	tree := demoTree(t)
	for name, c := range map[string]struct {
		args   []string
		status int
		change func(*commands.Streams)
	}{
		"scan.txt":                {args: []string{"scan"}, status: 4},
		"scan-verbose.txt":        {args: []string{"scan", "-v"}, status: 4},
		"scan-wide.txt":           {args: []string{"scan", "--pool", "nvpool", "-o", "wide"}, status: 4},
		"scan.csv":                {args: []string{"scan", "--pool", "nvpool", "-o", "csv"}, status: 4},
		"scan.json":               {args: []string{"scan", "--pool", "nvpool", "-o", "json"}, status: 4},
		"scan.yaml":               {args: []string{"scan", "--pool", "nvpool", "-o", "yaml"}, status: 4},
		"scan-colour.txt":         {args: []string{"scan", "--pool", "nvpool", "--color", "always"}, status: 4},
		"scan-one-pool.txt":       {args: []string{"scan", "--pool", "nvpool"}, status: 4},
		"explain-leaked.txt":      {args: []string{"explain", "--object", leaked}, status: 4},
		"explain-leaked-long.txt": {args: []string{"explain", "--object", leaked, "-v"}, status: 4},
		"explain-leaked.json":     {args: []string{"explain", "--object", leaked, "-o", "json"}, status: 4},
		"explain-in-use.txt":      {args: []string{"explain", "--object", "purepool/custom/uploads"}, status: 0},
		"doctor.txt":              {args: []string{"doctor", "--live"}, status: 4},
		"doctor-verbose.txt":      {args: []string{"doctor", "-v"}, status: 4},
		"doctor.json":             {args: []string{"doctor", "-o", "json"}, status: 4},
		"doctor.csv":              {args: []string{"doctor", "-o", "csv"}, status: 4},
		"devices.txt":             {args: []string{"devices", "--sysroot", tree}, status: 0},
		"devices-wide.txt":        {args: []string{"devices", "--sysroot", tree, "-o", "wide"}, status: 0},
	} {
		status, stdout, stderr := runBefore(context.Background(), w, c.change, c.args...)
		if status != c.status {
			t.Errorf("%s: status %d, want %d: %s", name, status, c.status, stderr)
		}
		for _, p := range passing {
			stdout = p.what.ReplaceAllString(stdout, p.with)
		}
		path := filepath.Join("testdata", "golden", name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(stdout), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), stdout); diff != "" {
			t.Errorf("%s (-want +got), go test ./commands -run Golden -update if it is meant:\n%s", name, diff)
		}
	}
}

// TestGoldenOutputIsTheSameTwice: what is printed does not depend on the
// order in which the witnesses happened to answer.
func TestGoldenOutputIsTheSameTwice(t *testing.T) {
	w := worlds.Demo(t)
	picture := func() string {
		_, stdout, _ := runBefore(context.Background(), w, nil, "scan", "-o", "json")
		for _, p := range passing {
			stdout = p.what.ReplaceAllString(stdout, p.with)
		}
		return stdout
	}
	first := picture()
	for range 5 {
		if diff := cmp.Diff(first, picture()); diff != "" {
			t.Fatal(diff)
		}
	}
}
