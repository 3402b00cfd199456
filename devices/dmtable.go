package devices

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// words reads the words of device-mapper's lines one by one, as the kernel's
// multipath target writes them. The first thing that does not fit is kept.
type words struct {
	rest []string
	err  error
}

func (w *words) next() string {
	if w.err != nil {
		return ""
	}
	if len(w.rest) == 0 {
		w.err = fmt.Errorf("it ends too early")
		return ""
	}
	word := w.rest[0]
	w.rest = w.rest[1:]
	return word
}

// number reads a count, which can't be more than there are words.
func (w *words) number() int {
	word := w.next()
	n, err := strconv.ParseUint(word, 10, 31)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("%q is not a number", word)
	}
	return int(n)
}

// skip reads and drops n words.
func (w *words) skip(n int) {
	if w.err == nil && n > len(w.rest) {
		w.err = fmt.Errorf("it ends too early")
	}
	if w.err == nil {
		w.rest = w.rest[n:]
	}
}

// list reads a number and as many words.
func (w *words) list() []string {
	n := w.number()
	from := w.rest
	w.skip(n)
	if w.err != nil {
		return nil
	}
	return from[:n]
}

// multipathPath is one path in a map's status.
type multipathPath struct {
	dev    string // "major:minor"
	failed bool
}

// parseMultipathStatus reads the status of a multipath target:
//
//	multipath <features> <handler> <groups> <current>
//	  {A|E|D <selector> <paths> <n> {<dev> A|F <failures> <n words>}…}…
//
// where features, handler and selector are a number and as many words.
func parseMultipathStatus(status string) ([]multipathPath, error) {
	var paths []multipathPath
	_, err := parseMultipath("status", status, func(w *words, dev string) {
		state := w.next()
		if w.err == nil && state != "A" && state != "F" {
			w.err = fmt.Errorf("%q is not a path's state", state)
		}
		w.number()
		paths = append(paths, multipathPath{dev, state == "F"})
	})
	if err != nil {
		return nil, err
	}
	return paths, nil
}

// parseMultipath reads what the status and the table of a multipath target have
// in common, and returns the features. path reads what is of a path between its
// device and its words.
func parseMultipath(what, line string, path func(w *words, dev string)) (features []string, err error) {
	w := &words{rest: strings.Fields(line)}
	if w.next() != "multipath" {
		return nil, fmt.Errorf("%q is not the %s of a multipath map", line, what)
	}
	features = w.list()
	w.list()
	groups := w.number()
	w.number()
	for g := 0; g < groups && w.err == nil; g++ {
		w.next()
		w.list()
		n, args := w.number(), w.number()
		for p := 0; p < n && w.err == nil; p++ {
			path(w, w.next())
			w.skip(args)
		}
	}
	if w.err == nil && len(w.rest) > 0 {
		w.err = fmt.Errorf("it goes on after its end")
	}
	if w.err != nil {
		return nil, fmt.Errorf("the %s %q is not understood: %w", what, line, w.err)
	}
	return features, nil
}

// multipathTable is what a multipath target's table says.
type multipathTable struct {
	devs     []string // "major:minor" of each path
	queueing bool
}

// parseMultipathTable reads the table of a multipath target:
//
//	multipath <features> <handler> <groups> <next>
//	  {<selector> <selector args> <paths> <n> {<dev> <n words>}…}…
func parseMultipathTable(table string) (multipathTable, error) {
	var devs []string
	features, err := parseMultipath("table", table, func(_ *words, dev string) { devs = append(devs, dev) })
	if err != nil {
		return multipathTable{}, err
	}
	return multipathTable{devs, slices.Contains(features, "queue_if_no_path")}, nil
}
