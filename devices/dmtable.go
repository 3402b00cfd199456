package devices

import (
	"fmt"
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
	w := &words{rest: strings.Fields(status)}
	if w.next() != "multipath" {
		return nil, fmt.Errorf("%q is not the status of a multipath map", status)
	}
	w.list()
	w.list()
	groups := w.number()
	w.number()
	var paths []multipathPath
	for g := 0; g < groups && w.err == nil; g++ {
		w.next()
		w.list()
		n, args := w.number(), w.number()
		for p := 0; p < n && w.err == nil; p++ {
			one := multipathPath{dev: w.next()}
			state := w.next()
			if w.err == nil && state != "A" && state != "F" {
				w.err = fmt.Errorf("%q is not a path's state", state)
			}
			one.failed = state == "F"
			w.number()
			w.skip(args)
			paths = append(paths, one)
		}
	}
	if w.err == nil && len(w.rest) > 0 {
		w.err = fmt.Errorf("it goes on after its end")
	}
	if w.err != nil {
		return nil, fmt.Errorf("the status %q is not understood: %w", status, w.err)
	}
	return paths, nil
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
	w := &words{rest: strings.Fields(table)}
	if w.next() != "multipath" {
		return multipathTable{}, fmt.Errorf("%q is not the table of a multipath map", table)
	}
	var t multipathTable
	for _, feature := range w.list() {
		t.queueing = t.queueing || feature == "queue_if_no_path"
	}
	w.list()
	groups := w.number()
	w.number()
	for g := 0; g < groups && w.err == nil; g++ {
		w.next()
		w.list()
		n, args := w.number(), w.number()
		for p := 0; p < n && w.err == nil; p++ {
			t.devs = append(t.devs, w.next())
			w.skip(args)
		}
	}
	if w.err == nil && len(w.rest) > 0 {
		w.err = fmt.Errorf("it goes on after its end")
	}
	if w.err != nil {
		return multipathTable{}, fmt.Errorf("the table %q is not understood: %w", table, w.err)
	}
	return t, nil
}
