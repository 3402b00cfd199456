package commands

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/words"
)

// devicesView is a host's devices as "multipath -ll" draws them: each map or
// device, its paths below it, and what uses it.
type devicesView struct {
	// page has no width where no path is to be shortened.
	*page
	host  evidence.Host
	disks map[string]evidence.Disk
	t     table
	// below are the lines under a row: what uses the device, after its paths.
	below map[int][]string
}

func (v devicesView) print() {
	v.t = table{header: []string{"DEVICE", "SIZE", "SERIAL", "STATE"}, right: []bool{1: true}}
	v.below, v.disks = map[int][]string{}, map[string]evidence.Disk{}
	for _, d := range v.host.Disks.Items {
		v.disks[d.Name] = d
	}
	inMap := map[string]bool{}
	for _, m := range byCount(v.host.Maps.Items, func(m evidence.Map) string { return m.Name }) {
		v.t.rows = append(v.t.rows, []string{strings.TrimSpace(m.Name + " " + m.Kernel), words.KnownSize(m.Bytes.N, m.Bytes.Known), string(m.Serial), mapState(v.host, m)})
		v.mapPaths(m, inMap)
		v.used(m.Kernel, m.Dev)
	}
	for _, d := range byCount(v.host.Disks.Items, func(d evidence.Disk) string { return d.Name }) {
		if !inMap[d.Name] {
			v.t.rows = append(v.t.rows, []string{d.Name + " " + d.HCTL, words.KnownSize(d.Bytes.N, d.Bytes.Known), string(d.Serial), diskState(d)})
			v.used(d.Name, d.Dev)
		}
	}
	for _, n := range byCount(v.host.Namespaces.Items, func(n evidence.Namespace) string { return n.Name }) {
		v.t.rows = append(v.t.rows, []string{n.Name, words.KnownSize(n.Bytes.N, n.Bytes.Known), string(n.Serial), namespaceState(n)})
		for i, p := range n.Paths {
			state := cmp.Or(p.State, "not known")
			if p.ANA != "" {
				state += ", ANA " + p.ANA
			}
			v.path(i == len(n.Paths)-1, cmp.Or(p.Controller, p.Name), "", state)
		}
		v.used(n.Name, n.Dev)
	}
	head, rows, err := v.t.rowsIn(v.width)
	if err != nil {
		v.err = err
		return
	}
	v.line(head)
	for i, lines := range rows {
		for _, line := range append(lines, v.below[i]...) {
			v.line(line)
		}
	}
}

// mapPaths are the paths of a map, and the sessions through which it has none.
func (v *devicesView) mapPaths(m evidence.Map, inMap map[string]bool) {
	missing := sessionsWithout(v.host, m)
	paths := byCount(m.Paths, func(p evidence.Path) string { return cmp.Or(p.Disk, p.Dev) })
	for i, p := range paths {
		last := i == len(paths)-1 && len(missing) == 0
		// Without the kernel's own multipath a path is a namespace.
		n := slices.IndexFunc(v.host.Namespaces.Items, func(n evidence.Namespace) bool {
			return n.Name == p.Disk || p.Dev != "" && n.Dev == p.Dev
		})
		var name, dev, label, state, other string
		var serial evidence.Serial
		switch d, known := v.disks[p.Disk]; {
		case known:
			inMap[d.Name] = true
			name, dev, label, serial, state = d.Name, d.Dev, d.Name+" "+d.HCTL, d.Serial, diskState(d)
		case n >= 0:
			n := v.host.Namespaces.Items[n]
			states := words.Of(n.Paths, func(way evidence.NamespacePath) string {
				return strings.TrimSpace(way.Controller + " " + cmp.Or(way.State, "not known"))
			})
			name, dev, label, serial, state = n.Name, n.Dev, n.Name, n.Serial, cmp.Or(strings.Join(states, ", "), "not known")
		case v.host.Disks.IsComplete() && v.host.Namespaces.IsComplete():
			v.path(last, cmp.Or(p.Disk, p.Dev), "", "no such device any more")
			continue
		default:
			v.path(last, cmp.Or(p.Disk, p.Dev), "", "not known")
			continue
		}
		if p.Active.IsNot() {
			state = "failed, " + state
		}
		if serial != m.Serial {
			other = string(serial)
		}
		v.path(last, label, other, state)
		v.used(name, dev, m.Kernel, m.Name)
	}
	for i, s := range missing {
		state := "no path through it"
		if !s.Live() {
			state = s.State + ", " + s.ConnState
		}
		v.path(i == len(missing)-1, fmt.Sprint("session", s.ID), "", state)
	}
}

// path is a row below a device.
func (v *devicesView) path(last bool, name, serial, state string) {
	mark := "|- "
	if last {
		mark = "`- "
	}
	v.t.rows = append(v.t.rows, []string{mark + name, "", serial, state})
}

// used says below the last row what uses a device. What is on top of a path as
// its map is not said again.
func (v *devicesView) used(name, dev string, over ...string) {
	all := usesOf(v.host, name, dev)
	mounted := slices.ContainsFunc(all, func(use evidence.Use) bool { return use.Kind == evidence.UseMount })
	for _, use := range all {
		if use.Where != "" && slices.Contains(over, use.Where) {
			continue
		}
		if use.Kind == evidence.UseSuperblock && mounted && v.width > 0 {
			continue // the mount says it
		}
		text := clean(useWords(use, func(path string) string {
			if v.width == 0 {
				return path
			}
			return inTheMiddle(path, v.width-len("     mount ")-len(inNamespace(use)))
		}))
		lines := []string{"   = " + text}
		if v.width > 0 {
			lines = hung("   = ", "     ", text, v.width)
		}
		for _, line := range lines {
			if row := len(v.t.rows) - 1; !slices.Contains(v.below[row], line) {
				v.below[row] = append(v.below[row], line)
			}
		}
	}
}

// sessionsWithout are the iSCSI sessions to a map's array that lead none of its
// paths.
func sessionsWithout(host evidence.Host, m evidence.Map) []evidence.Session {
	targets, through := map[string]bool{}, map[int]bool{}
	for _, d := range host.Disks.Items {
		if d.Session != 0 && slices.ContainsFunc(m.Paths, func(p evidence.Path) bool { return p.Disk == d.Name }) {
			through[d.Session] = true
		}
	}
	for _, s := range host.Sessions.Items {
		if through[s.ID] {
			targets[s.Target] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(host.Sessions.Items), func(s evidence.Session) bool { return through[s.ID] || !targets[s.Target] })
}

// byCount sorts devices as people count them: sda to sdz, then sdaa.
func byCount[T any](items []T, name func(T) string) []T {
	sorted := slices.Clone(items)
	slices.SortStableFunc(sorted, func(a, b T) int { return counted(name(a), name(b)) })
	return sorted
}

// counted compares names as people count: numbers by what they are, and of the
// kernel's and multipath's letters the shorter first.
func counted(a, b string) int {
	for _, prefix := range []string{"sd", "mpath"} {
		x, ok := strings.CutPrefix(a, prefix)
		y, too := strings.CutPrefix(b, prefix)
		if ok && too && len(x) != len(y) && isLetters(x) && isLetters(y) {
			return cmp.Compare(len(x), len(y))
		}
	}
	for a != "" && b != "" {
		n, m := digits(a), digits(b)
		if n == 0 || m == 0 {
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		x, y := strings.TrimLeft(a[:n], "0"), strings.TrimLeft(b[:m], "0")
		if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
			return c
		}
		a, b = a[n:], b[m:]
	}
	return cmp.Compare(a, b)
}

// digits is how many of them a text begins with.
func digits(text string) int { return len(text) - len(strings.TrimLeft(text, "0123456789")) }

func isLetters(text string) bool {
	return text != "" && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") == ""
}
