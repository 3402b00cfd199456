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
		{"one\nFAIL it\nwhy\nEND 1\n", "one\nFAIL it\nwhy\n", "it ended with status 1: it", false},
		{"FAIL it\nEND 3\n", "FAIL it\n", "nothing was judged: it", true},
		{"one\n", "one\n", "without a word", false},
	} {
		text, err := conversation(strings.NewReader(c.said))
		if text != c.text || (err == nil) != (c.err == "") || (err != nil && !strings.Contains(err.Error(), c.err)) || errors.Is(err, errNotMade) != c.again {
			t.Errorf("%q: %q, %v", c.said, text, err)
		}
	}
}
