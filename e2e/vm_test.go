package main

import (
	"errors"
	"slices"
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

// TestChoose: a short run says how much it left out; what can't exist is not
// among that.
func TestChoose(t *testing.T) {
	all := table("leak iscsi 1 true \nleak nvme/tcp 1 false \nreuse iscsi 2 false \nreuse nvme/tcp 2 false no number of its own\n")
	for _, c := range []struct {
		o    options
		want []string
		left int
	}{
		{options{}, []string{"leak-iscsi", "leak-nvme-tcp", "reuse-iscsi", "reuse-nvme-tcp"}, 0},
		{options{short: true}, []string{"leak-iscsi"}, 2},
		{options{only: []string{"leak/nvme/tcp", "reuse/iscsi"}}, []string{"leak-nvme-tcp", "reuse-iscsi"}, 0},
		{options{short: true, only: []string{"leak"}}, []string{"leak-iscsi"}, 1},
		{options{only: []string{"no-such"}}, nil, 0},
	} {
		cases, left, err := c.o.choose(all)
		var got []string
		for _, chosen := range cases {
			got = append(got, chosen.file())
		}
		if !slices.Equal(got, c.want) || left != c.left || (err == nil) != (c.want != nil) {
			t.Errorf("%+v: %v, %d left out, %v", c.o, got, left, err)
		}
	}
	if last := all[3]; last.not != "no number of its own" || last.short || last.members != 2 || all[0].members != 1 {
		t.Errorf("%+v", last)
	}
}
