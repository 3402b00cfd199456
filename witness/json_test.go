package witness_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Answers are JSON, and a field of one is named by its path: keys, and "*"
// for any element of a list.

// fields lists every path in a document, each once, in the order of reading.
func fields(document []byte) [][]string {
	var all [][]string
	seen := map[string]bool{}
	var visit func(v any, path []string)
	visit = func(v any, path []string) {
		if id := strings.Join(path, "\x00"); len(path) > 0 && !seen[id] {
			seen[id] = true
			all = append(all, slices.Clone(path))
		}
		switch v := v.(type) {
		case map[string]any:
			keys := make([]string, 0, len(v))
			for k := range v {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			for _, k := range keys {
				visit(v[k], append(slices.Clone(path), k))
			}
		case []any:
			for _, element := range v {
				visit(element, append(slices.Clone(path), "*"))
			}
		}
	}
	visit(parse(document), nil)
	return all
}

// occurrences counts the places that a path names.
func occurrences(document []byte, path []string) int {
	n := 0
	edit(parse(document), path, func() change { n++; return keep })
	return n
}

// change is what becomes of one value.
type change int

const (
	keep change = iota
	remove
	nullify
	// twist gives it a type that it never has.
	twist
	// empty makes a text, a list or an object an empty one.
	empty
)

// altered is the document with one change at the nth place that the path
// names, or at all of them when nth is negative.
func altered(document []byte, path []string, nth int, what change) []byte {
	n := -1
	v := edit(parse(document), path, func() change {
		n++
		if nth < 0 || n == nth {
			return what
		}
		return keep
	})
	out, err := json.Marshal(v)
	if err != nil {
		return document
	}
	return out
}

func parse(document []byte) any {
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber() // sizes must not become floats
	var v any
	if err := decoder.Decode(&v); err != nil {
		return nil
	}
	return v
}

func edit(v any, path []string, decide func() change) any {
	if len(path) == 0 {
		return v
	}
	switch v := v.(type) {
	case map[string]any:
		if inner, ok := v[path[0]]; ok {
			if changed, gone := edited(inner, path, decide); gone {
				delete(v, path[0])
			} else {
				v[path[0]] = changed
			}
		}
	case []any:
		if path[0] != "*" {
			return v
		}
		kept := make([]any, 0, len(v))
		for _, inner := range v {
			if changed, gone := edited(inner, path, decide); !gone {
				kept = append(kept, changed)
			}
		}
		return kept
	}
	return v
}

// edited is what becomes of the value at the head of a path.
func edited(v any, path []string, decide func() change) (changed any, gone bool) {
	if len(path) > 1 {
		return edit(v, path[1:], decide), false
	}
	switch decide() {
	case remove:
		return nil, true
	case nullify:
		return nil, false
	case twist:
		if _, isText := v.(string); isText || v == nil {
			return map[string]any{"unexpected": true}, false
		}
		return "unexpected", false
	case empty:
		switch v.(type) {
		case string:
			return "", false
		case []any:
			return []any{}, false
		case map[string]any:
			return map[string]any{}, false
		}
	}
	return v, false
}

// roundTripper is a function that sends a request.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// rewriting lets f change the bodies of good answers to GET requests.
func rewriting(f func(r *http.Request, body []byte) []byte) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			response, err := next.RoundTrip(r)
			if err != nil || r.Method != http.MethodGet || response.StatusCode != http.StatusOK {
				return response, err
			}
			body, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err != nil {
				return nil, err
			}
			body = f(r, body)
			response.Body = io.NopCloser(bytes.NewReader(body))
			response.ContentLength = int64(len(body))
			response.Header.Set("Content-Length", strconv.Itoa(len(body)))
			return response, nil
		})
	}
}
