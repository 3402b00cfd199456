package completion

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/renameio/v2"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/plainfile"
)

// Kind says what a name names.
type Kind string

// The kinds of names.
const (
	Finding Kind = "finding" // the object of a finding, the most urgent first
	Record  Kind = "record"  // a volume or snapshot as LXD spells it: pool/type/name
	Pool    Kind = "pool"
	Member  Kind = "member"
)

var kinds = []Kind{Finding, Record, Pool, Member}

// Name is one thing that can be named on a command line.
type Name struct {
	Kind Kind
	// Pool is the pool that a finding is in; empty for what is in none.
	Pool string
	Name string
	// Note says in a few words what it is.
	Note string
}

// What the file holds at most. Nobody chooses from thousands of names, and a
// TAB reads all of it.
const (
	maxNames = 4000
	maxName  = 256
	maxBytes = 1 << 20
)

// file is the name of the file with the names, header its first line.
const (
	file   = "names"
	header = "pureclean/names/v1"
)

// unsafeSetting is found on what has no name that a command takes.
const unsafeSetting = "unsafe-setting"

// NamesOf are the names that a look at the world has shown: findings first, in
// the order of the report, then what LXD has on record.
func NamesOf(world evidence.World, report diagnose.Report) []Name {
	var all []Name
	for _, f := range report.Findings {
		if f.Code == unsafeSetting {
			continue
		}
		note := f.Code
		if f.Verdict == diagnose.Safe {
			note += ", safe to repair"
		}
		all = append(all, Name{Finding, f.Pool, f.Object, note})
	}
	for _, pool := range world.LXD.Pools.Items {
		all = append(all, Name{Pool, pool.Name, pool.Name, pool.Mode})
	}
	for _, member := range world.LXD.Members.Items {
		all = append(all, Name{Member, "", member.Name, ""})
	}
	const project = "default"
	// More are not kept.
	for _, r := range world.LXD.Records.Items[:min(len(world.LXD.Records.Items), maxNames)] {
		name := r.Pool + "/" + r.Type + "/" + r.Name
		if r.Project != project {
			name = r.Pool + "/" + r.Project + "/" + r.Type + "/" + r.Name
		}
		all = append(all, Name{Record, r.Pool, name, ""})
	}
	return all
}

// Merge adds names of earlier looks that this one had no eyes for: all of them
// when it was not complete, and findings in pools that it left out. With no
// pools named, it left none out.
func Merge(now, before []Name, complete bool, pools []string) []Name {
	for _, n := range before {
		leftOut := n.Kind == Finding && n.Pool != "" && len(pools) > 0 && !slices.Contains(pools, n.Pool)
		if !complete || leftOut {
			now = append(now, n)
		}
	}
	// Findings stay in front.
	slices.SortStableFunc(now, func(a, b Name) int { return cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)) })
	return now
}

// harmless reports a name that may be kept and offered: one line of printable
// text. Shells quote what they insert, but a control character would act on
// the terminal that lists it.
func harmless(s string) bool {
	return utf8.ValidString(s) && len(s) <= maxName && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) < 0
}

// Save replaces the names in dir, whole or not at all. Only the owner can read
// them: they are what a report says. It is for a hint at TAB, so the caller
// may go on with an error.
func Save(dir string, names []Name) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// A link of that name is replaced, and not followed.
	return renameio.WriteFile(filepath.Join(dir, file), []byte(encode(names)), 0o600, renameio.WithTempDir(dir), renameio.WithStaticPermissions(0o600))
}

func encode(names []Name) string {
	var b strings.Builder
	b.WriteString(header + "\n")
	seen := map[Name]bool{}
	for _, n := range names {
		key := Name{Kind: n.Kind, Name: n.Name}
		if n.Name == "" || seen[key] || !harmless(n.Name) || !harmless(n.Pool) || !harmless(n.Note) {
			continue
		}
		seen[key] = true
		line := fmt.Sprintf("%s\t%s\t%s\t%s\n", n.Kind, n.Pool, n.Name, n.Note)
		if len(seen) > maxNames || b.Len()+len(line) > maxBytes {
			break
		}
		b.WriteString(line)
	}
	return b.String()
}

// Load returns the names in dir. Whatever is wrong with the file, it is then
// as if nothing had been seen: there is nobody at TAB who could be told.
func Load(dir string) []Name {
	in, err := plainfile.Open(filepath.Join(dir, file))
	if err != nil {
		return nil
	}
	defer in.Close()
	lines := bufio.NewScanner(io.LimitReader(in, maxBytes))
	if !lines.Scan() || lines.Text() != header {
		return nil
	}
	var names []Name
	for lines.Scan() && len(names) < maxNames {
		parts := strings.Split(lines.Text(), "\t")
		if len(parts) != 4 || !slices.Contains(kinds, Kind(parts[0])) || parts[2] == "" || slices.ContainsFunc(parts, func(p string) bool { return !harmless(p) }) {
			continue
		}
		names = append(names, Name{Kind(parts[0]), parts[1], parts[2], parts[3]})
	}
	return names
}
