package main

import (
	"errors"
	"strings"
	"testing"
)

// TestConversation: what a guest said, and how it ended; only a state that
// could not be made may be tried again.
func TestConversation(t *testing.T) {
	for _, c := range []struct {
		said, text, err string
		again           bool
	}{
		{"one\r\ntwo\r\nEND 0\r\nthree\r\n", "one\ntwo\n", "", false},
		{"FAIL it\nEND 1\n", "FAIL it\n", "it ended with status 1", false},
		{"FAIL it\nEND 3\n", "FAIL it\n", "nothing was judged", true},
		{"one\n", "one\n", "without a word", false},
	} {
		text, err := conversation(strings.NewReader(c.said))
		if text != c.text || (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) || errors.Is(err, errNotMade) != c.again {
			t.Errorf("%q: %q, %v", c.said, text, err)
		}
	}
}
