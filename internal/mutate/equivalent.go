package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// equivalent are the changes that nothing can notice, by key, and why.
type equivalent map[string]string

// readEquivalent reads the list: a line with the key of a change, and below
// it, indented, the reason. Empty lines and those that begin with # are
// nobody's.
func readEquivalent(name string) (equivalent, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	list := equivalent{}
	key := ""
	for i, line := range strings.Split(string(text), "\n") {
		reason := strings.TrimSpace(line)
		switch {
		case reason == "" || line[0] == '#':
		case line == strings.TrimLeft(line, " \t"):
			if _, twice := list[line]; twice {
				return nil, fmt.Errorf("%s:%d: listed twice: %s", name, i+1, line)
			}
			key, list[line] = line, ""
		case key == "":
			return nil, fmt.Errorf("%s:%d: a reason without a change", name, i+1)
		default:
			list[key] = strings.TrimSpace(list[key] + " " + reason)
		}
	}
	for key, reason := range list {
		if reason == "" {
			return nil, fmt.Errorf("%s: there is no reason for: %s", name, key)
		}
	}
	return list, nil
}

// check finds what is listed of a package and can't be made any more.
func (e equivalent) check(dir string, mutants []mutant) error {
	there := map[string]bool{}
	for _, m := range mutants {
		there[m.Key] = true
	}
	var gone []error
	for key := range e {
		if strings.HasPrefix(key, dir+".") && !there[key] {
			gone = append(gone, fmt.Errorf("listed as equivalent, and there is no such change any more: %s", key))
		}
	}
	return errors.Join(gone...)
}
