package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// State is what became of a change.
type State string

// The states.
const (
	// Killed: a test noticed.
	Killed State = "killed"
	// Survived: tests reached it, and none noticed.
	Survived State = "survived"
	// NotCovered: no test reaches it.
	NotCovered State = "not covered"
	// Equivalent: it is listed as one that nothing could notice.
	Equivalent State = "equivalent"
)

var states = []State{Killed, Survived, NotCovered, Equivalent}

// verdict is one line of results.
type verdict struct {
	mutant
	State State `json:"state"`
	// By is the test that noticed.
	By string `json:"by,omitempty"`
	// Asked tests ran; NotAsked reach it, too, and there was no time left.
	Asked    int `json:"asked,omitempty"`
	NotAsked int `json:"not_asked,omitempty"`

	spent  time.Duration
	listed bool
}

// results are the verdicts, and the file that they are appended to.
type results struct {
	file *os.File
	all  []verdict
	keys map[string]bool
}

func openResults(name string) (*results, error) {
	r := &results{keys: map[string]bool{}}
	if name == "" {
		return r, nil
	}
	var err error
	if r.file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(r.file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var v verdict
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			return nil, errors.Join(fmt.Errorf("%s is no file of results: %w", name, err), r.file.Close())
		}
		r.all, r.keys[v.Key] = append(r.all, v), true
	}
	return r, lines.Err()
}

func (r *results) has(key string) bool { return r.keys[key] }

// add keeps a verdict, and shows it unless the change was killed.
func (r *results) add(w io.Writer, v verdict) error {
	r.all, r.keys[v.Key] = append(r.all, v), true
	if v.State == Survived || v.State == NotCovered {
		more := ""
		if v.NotAsked > 0 {
			more = fmt.Sprintf(" (%d tests were not asked, see -limit)", v.NotAsked)
		}
		fmt.Fprintf(w, "%s:%d: %s: %s%s\n", v.File, v.Line, v.State, v.Key, more)
	}
	if r.file == nil {
		return nil
	}
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = r.file.Write(append(line, '\n'))
	return err
}

// summary counts, package by package, and fails when a change that is listed
// as equivalent was noticed.
func (r *results) summary(w io.Writer) error {
	var wrong []error
	counts := map[string]map[State]int{}
	var packages []string
	for _, v := range r.all {
		if counts[v.Package] == nil {
			counts[v.Package] = map[State]int{}
			packages = append(packages, v.Package)
		}
		counts[v.Package][v.State]++
		if v.listed && v.State == Killed {
			wrong = append(wrong, fmt.Errorf("listed as equivalent, and %s notices it: %s", v.By, v.Key))
		}
	}
	for _, p := range packages {
		fmt.Fprintf(w, "%s:", p)
		for _, s := range states {
			fmt.Fprintf(w, " %d %s;", counts[p][s], s)
		}
		fmt.Fprintln(w)
	}
	return errors.Join(wrong...)
}

// Close closes the file; what was written to it was checked before.
func (r *results) Close() {
	if r.file != nil {
		_ = r.file.Close()
	}
}
