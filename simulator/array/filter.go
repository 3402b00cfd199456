package array

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The filter language of REST 2, as far as its public help pages and its
// users tell: fields with dots, = != < > <= >=, text in single quotes with *
// as wildcard and without regard to case, a bare field for "is set", lists
// that match by any element (or [all]), contains(field,'text'), and, or, not
// and parentheses. Everything else is an error: a filter that is not
// understood must never list everything.

// predicate says whether a row is listed.
type predicate[T any] func(*call, T) bool

// parseFilter compiles a filter for the rows of a table.
func parseFilter[T any](filter string, t *table[T]) (predicate[T], error) {
	tokens, err := scanFilter(filter)
	if err != nil {
		return nil, err
	}
	p := &filterParser[T]{tokens: tokens, table: t}
	match, err := p.or()
	if err != nil {
		return nil, err
	}
	if rest := p.peek(); rest.kind != endToken {
		return nil, fmt.Errorf("unexpected %q", rest.text)
	}
	return match, nil
}

type tokenKind uint8

const (
	endToken tokenKind = iota
	wordToken
	quotedToken
	signToken
)

type token struct {
	kind tokenKind
	text string
}

const filterSigns = "()=!<>,"

func scanFilter(s string) ([]token, error) {
	var tokens []token
	for s = strings.TrimLeft(s, " \t"); s != ""; s = strings.TrimLeft(s, " \t") {
		switch {
		case s[0] == '\'':
			end := strings.IndexByte(s[1:], '\'')
			if end < 0 {
				return nil, errors.New("a quote is not closed")
			}
			quoted := s[1 : 1+end]
			if strings.ContainsRune(quoted, '\\') {
				return nil, errors.New("a backslash in a value")
			}
			tokens, s = append(tokens, token{quotedToken, quoted}), s[end+2:]
		case len(s) > 1 && s[1] == '=' && strings.IndexByte("!<>", s[0]) >= 0:
			tokens, s = append(tokens, token{signToken, s[:2]}), s[2:]
		case strings.IndexByte(filterSigns, s[0]) >= 0:
			tokens, s = append(tokens, token{signToken, s[:1]}), s[1:]
		default:
			end := strings.IndexAny(s, filterSigns+" \t'")
			if end < 0 {
				end = len(s)
			}
			if !isWord(s[:end]) {
				return nil, fmt.Errorf("unexpected %q", s[:end])
			}
			tokens, s = append(tokens, token{wordToken, s[:end]}), s[end:]
		}
	}
	return tokens, nil
}

func isWord(s string) bool {
	for _, c := range []byte(s) {
		if !isAlphanumeric(c) && strings.IndexByte("_.-[]+", c) < 0 {
			return false
		}
	}
	return s != ""
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

type filterParser[T any] struct {
	tokens []token
	next   int
	depth  int
	table  *table[T]
}

// maxFilterDepth bounds parentheses and nots, which the parser recurses into.
const maxFilterDepth = 100

func (p *filterParser[T]) peek() token {
	if p.next < len(p.tokens) {
		return p.tokens[p.next]
	}
	return token{text: "end of filter"}
}

func (p *filterParser[T]) take() token {
	t := p.peek()
	p.next++
	return t
}

// accept takes the next token if it is this sign or keyword.
func (p *filterParser[T]) accept(kind tokenKind, text string) bool {
	if t := p.peek(); t.kind == kind && strings.EqualFold(t.text, text) {
		p.next++
		return true
	}
	return false
}

func (p *filterParser[T]) expect(sign string) error {
	if !p.accept(signToken, sign) {
		return fmt.Errorf("expected %q, found %q", sign, p.peek().text)
	}
	return nil
}

func (p *filterParser[T]) or() (predicate[T], error) {
	left, err := p.and()
	for err == nil && p.accept(wordToken, "or") {
		var right predicate[T]
		if right, err = p.and(); err == nil {
			l := left
			left = func(c *call, row T) bool { return l(c, row) || right(c, row) }
		}
	}
	return left, err
}

func (p *filterParser[T]) and() (predicate[T], error) {
	left, err := p.not()
	for err == nil && p.accept(wordToken, "and") {
		var right predicate[T]
		if right, err = p.not(); err == nil {
			l := left
			left = func(c *call, row T) bool { return l(c, row) && right(c, row) }
		}
	}
	return left, err
}

func (p *filterParser[T]) not() (predicate[T], error) {
	if p.depth++; p.depth > maxFilterDepth {
		return nil, errors.New("nested too deeply")
	}
	defer func() { p.depth-- }()
	switch {
	case p.accept(wordToken, "not"):
		inner, err := p.not()
		if err != nil {
			return nil, err
		}
		return func(c *call, row T) bool { return !inner(c, row) }, nil
	case p.accept(signToken, "("):
		inner, err := p.or()
		if err != nil {
			return nil, err
		}
		return inner, p.expect(")")
	default:
		return p.comparison()
	}
}

func (p *filterParser[T]) comparison() (predicate[T], error) {
	word := p.take()
	if word.kind != wordToken {
		return nil, fmt.Errorf("expected a field, found %q", word.text)
	}
	if p.accept(signToken, "(") {
		return p.function(word.text)
	}
	path, all, err := quantifier(word.text)
	if err != nil {
		return nil, err
	}
	get, whole, err := p.table.at(path)
	if err != nil {
		return nil, err
	}
	sign := p.peek()
	if sign.kind != signToken || strings.Trim(sign.text, "=!<>") != "" {
		return func(c *call, row T) bool { return get(c, row).exists() }, nil
	}
	test, ok := comparisons[sign.text]
	if !ok {
		return nil, fmt.Errorf("unexpected %q", sign.text)
	}
	if whole {
		return nil, fmt.Errorf("%q is an object and has no value of its own", path)
	}
	p.next++
	operand := p.take()
	if operand.kind != wordToken && operand.kind != quotedToken {
		return nil, fmt.Errorf("expected a value, found %q", operand.text)
	}
	want := operand.text
	quoted := operand.kind == quotedToken
	if !quoted && !isLiteral(want) {
		return nil, fmt.Errorf("text must stand in single quotes, found %q", want)
	}
	return func(c *call, row T) bool { return test.matches(get(c, row), want, all) }, nil
}

// isLiteral reports a number or a boolean, which need no quotes.
func isLiteral(s string) bool {
	if strings.EqualFold(s, "true") || strings.EqualFold(s, "false") {
		return true
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// quantifier takes [any] and [all] out of a path. Any is the default.
func quantifier(word string) (path string, all bool, err error) {
	path = strings.ToLower(word)
	if strings.Contains(path, "[all]") {
		all = true
	}
	path = strings.ReplaceAll(strings.ReplaceAll(path, "[all]", ""), "[any]", "")
	if strings.ContainsAny(path, "[]") {
		return "", false, fmt.Errorf("unexpected index in %q", word)
	}
	return path, all, nil
}

// function compiles contains(field,'text'), the only function that is known
// here; tags() would need tags.
func (p *filterParser[T]) function(name string) (predicate[T], error) {
	if !strings.EqualFold(name, "contains") {
		return nil, fmt.Errorf("function %q is not supported", name)
	}
	field := p.take()
	if field.kind != wordToken {
		return nil, fmt.Errorf("expected a field, found %q", field.text)
	}
	path, all, err := quantifier(field.text)
	if err != nil {
		return nil, err
	}
	get, _, err := p.table.at(path)
	if err != nil {
		return nil, err
	}
	if err := p.expect(","); err != nil {
		return nil, err
	}
	part := p.take()
	if part.kind != quotedToken {
		return nil, fmt.Errorf("expected a text in quotes, found %q", part.text)
	}
	want := strings.ToLower(part.text)
	holds := func(v value) bool { return v.kind == text && strings.Contains(strings.ToLower(v.s), want) }
	return func(c *call, row T) bool { return quantify(get(c, row), all, holds) }, p.expect(")")
}

// quantify applies a test to a value or to the elements of a list.
func quantify(v value, all bool, test func(value) bool) bool {
	if v.kind != list {
		return test(v)
	}
	for _, e := range v.elements() {
		if test(e) != all {
			return !all
		}
	}
	return all && len(v.elements()) > 0
}

// comparison is one operator: what it makes of less, equal and greater. A
// value that is not set is only ever unequal; one that can't be compared with
// the operand never matches.
type comparison struct {
	negate bool
	accept func(order int) bool
}

var comparisons = map[string]comparison{
	"=":  {accept: func(o int) bool { return o == 0 }},
	"!=": {accept: func(o int) bool { return o == 0 }, negate: true},
	"<":  {accept: func(o int) bool { return o < 0 }},
	">":  {accept: func(o int) bool { return o > 0 }},
	"<=": {accept: func(o int) bool { return o <= 0 }},
	">=": {accept: func(o int) bool { return o >= 0 }},
}

func (o comparison) matches(v value, want string, all bool) bool {
	senseless := false
	held := quantify(v, all, func(e value) bool {
		order, comparable := compareText(e, want, o.accept(0) && !o.accept(-1) && !o.accept(1))
		senseless = senseless || !comparable && e.kind != null
		return comparable && o.accept(order)
	})
	return !senseless && held != o.negate
}

// compareText compares a value with the text of a filter: text without
// regard to case, and with wildcards when equality is asked.
func compareText(v value, want string, equality bool) (order int, comparable bool) {
	switch v.kind {
	case text:
		if equality && strings.Contains(want, "*") {
			if wildcard(want, v.s) {
				return 0, true
			}
			return 1, true
		}
		if strings.EqualFold(v.s, want) {
			return 0, true
		}
		return strings.Compare(strings.ToLower(v.s), strings.ToLower(want)), true
	case integer, real:
		if n, err := strconv.ParseInt(want, 10, 64); err == nil && v.kind == integer {
			return number(v.n).compare(number(n)), true
		}
		f, err := strconv.ParseFloat(want, 64)
		if err != nil {
			return 0, false
		}
		return v.compare(ratio(f)), true
	case boolean:
		if !strings.EqualFold(want, "true") && !strings.EqualFold(want, "false") {
			return 0, false
		}
		return v.compare(truth(strings.EqualFold(want, "true"))), true
	default:
		return 0, false
	}
}

// wildcard matches text against a pattern in which * is any text, without
// regard to case.
func wildcard(pattern, s string) bool {
	pattern, s = strings.ToLower(pattern), strings.ToLower(s)
	parts := strings.Split(pattern, "*")
	last := len(parts) - 1
	if last == 0 {
		return pattern == s
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	for _, part := range parts[1:last] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, parts[last])
}
