package metrics

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/renameio/v2"

	"github.com/pureclean/pureclean/plainfile"
)

// Textfile is a file for the textfile collector of Prometheus's node
// exporter, which may be read at any moment and so is replaced as a whole.
type Textfile struct {
	path string
	// before is when the check before last saw everything.
	before time.Time
}

// maxTextfile bounds what is read of the file before.
const maxTextfile = 4 << 20

// OpenTextfile looks at what a check before left there. A file that holds
// something else is refused: it would be replaced.
func OpenTextfile(path string) (*Textfile, error) {
	data, err := earlier(path)
	if err != nil {
		return nil, fmt.Errorf("textfile: %w", err)
	}
	return &Textfile{path: path, before: successIn(data)}, nil
}

// earlier is what a check before left there, nothing if none has.
func earlier(path string) ([]byte, error) {
	dir, err := os.Stat(filepath.Dir(path))
	if err == nil && !dir.IsDir() {
		err = fmt.Errorf("%s is not a directory", filepath.Dir(path))
	}
	if err != nil {
		return nil, err
	}
	// Not followed: a symbolic link would itself be replaced.
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file, and it would be replaced", path)
	}
	file, err := plainfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxTextfile))
	if err == nil && len(data) > 0 && !bytes.HasPrefix(data, []byte("# HELP "+Metrics[0].Name+" ")) {
		err = fmt.Errorf("%s holds something else, which would be lost; name a file for pureclean alone", path)
	}
	return data, err
}

// successIn finds when a check last saw everything. What can't be read is
// never: that alerts too early, and never too late.
func successIn(data []byte) time.Time {
	for line := range strings.Lines(string(data)) {
		text, ok := strings.CutPrefix(line, lastSuccess+" ")
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || math.IsNaN(n) || n <= 0 || n > 1<<40 {
			return time.Time{}
		}
		return time.UnixMilli(int64(math.Round(n * 1000)))
	}
	return time.Time{}
}

// Write replaces the file, for everybody to read. When everything could last
// be seen survives a check that could not.
func (t *Textfile) Write(r Reading) error {
	r.LastSuccess = t.before
	if r.Complete() {
		r.LastSuccess = r.Ended
	}
	var text bytes.Buffer
	expose(&text, &r)
	// The collector runs as a user of its own.
	if err := renameio.WriteFile(t.path, text.Bytes(), 0o644, renameio.WithStaticPermissions(0o644)); err != nil {
		return fmt.Errorf("textfile: %w", err)
	}
	return nil
}

// expose writes a reading in Prometheus's text format, version 0.0.4.
func expose(b *bytes.Buffer, r *Reading) {
	for i := range Metrics {
		m := &Metrics[i]
		fmt.Fprintf(b, "# HELP %s %s\n# TYPE %s gauge\n", m.Name, helpText.Replace(m.Help), m.Name)
		// One series that is there twice makes the collector drop the file.
		written := map[string]bool{}
		for _, s := range m.Samples(r) {
			series := m.series(s)
			if !written[series] {
				written[series] = true
				fmt.Fprintf(b, "%s %s\n", series, number(s.Value))
			}
		}
	}
}

// The format's own escapes. Names on the array and in LXD are given by others.
var (
	helpText   = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelValue = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func (m *Metric) series(s Sample) string {
	if len(m.Labels) == 0 {
		return m.Name
	}
	pairs := make([]string, len(m.Labels))
	for i, label := range m.Labels {
		// The format is UTF-8 and nothing else.
		pairs[i] = label + `="` + labelValue.Replace(strings.ToValidUTF8(s.Labels[i], "\uFFFD")) + `"`
	}
	return m.Name + "{" + strings.Join(pairs, ",") + "}"
}
