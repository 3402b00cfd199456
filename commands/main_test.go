package commands_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/pureclean/pureclean/commands"
)

// run runs one command line as a user would, without a terminal.
func run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = commands.Main(context.Background(), append([]string{"pureclean"}, args...), commands.Streams{
		In: bytes.NewReader(nil), Out: &out, Err: &errs, Getenv: os.Getenv,
	})
	return status, out.String(), errs.String()
}

// write writes a file for one test and returns its path.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// decode reads an answer that must be JSON.
func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
}
