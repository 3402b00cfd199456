package array

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type predicate[T any] func(*call, T) bool

// term is what the filters that are sent here consist of, with "or" between
// two: a field with = and a text in single quotes, a field alone for "is set",
// or contains(field,'text').
var term = regexp.MustCompile(`^(?:([a-z_.]+)(?:=('[^'\\]*'))?|contains\(([a-z_.]+),'([^'\\]*)'\))$`)

// parseFilter compiles a filter for the rows of a table. What is not understood
// is an error: it must never list everything.
func parseFilter[T any](filter string, t *table[T]) (predicate[T], error) {
	var tests []predicate[T]
	for written := range strings.SplitSeq(filter, " or ") {
		found := term.FindStringSubmatch(written)
		if found == nil {
			return nil, fmt.Errorf("unexpected %q", written)
		}
		field, quoted, container, part := found[1], found[2], found[3], strings.ToLower(found[4])
		get := t.at(field + container)
		if get == nil {
			return nil, fmt.Errorf("no field %q", field+container)
		}
		switch {
		case container != "":
			tests = append(tests, func(c *call, row T) bool { return strings.Contains(strings.ToLower(get(c, row).s), part) })
		case quoted == "":
			tests = append(tests, func(c *call, row T) bool { return get(c, row).kind != null })
		default:
			want := strings.Trim(quoted, "'")
			tests = append(tests, func(c *call, row T) bool { return get(c, row).is(want) })
		}
	}
	return func(c *call, row T) bool {
		return slices.ContainsFunc(tests, func(test predicate[T]) bool { return test(c, row) })
	}, nil
}

// is reports equality with the text of a filter, of a list that of any element.
func (v value) is(want string) bool {
	switch v.kind {
	case text:
		return wildcard(want, v.s)
	case boolean:
		return strings.EqualFold(want, strconv.FormatBool(v.n != 0))
	case list:
		for _, e := range v.more {
			if e.value.is(want) {
				return true
			}
		}
	}
	return false
}

// wildcard matches text against a pattern in which one * may be any text, without
// regard to case.
func wildcard(pattern, s string) bool {
	if !strings.Contains(pattern, "*") {
		return strings.EqualFold(pattern, s)
	}
	before, after, _ := strings.Cut(strings.ToLower(pattern), "*")
	s = strings.ToLower(s)
	return len(s) >= len(before)+len(after) && strings.HasPrefix(s, before) && strings.HasSuffix(s, after)
}
