package toy

import (
	"testing"
	"time"
)

func TestAllowed(t *testing.T) {
	for _, c := range []struct {
		known, used bool
		n           int
		want        Answer
		fails       bool
	}{
		{false, false, 1, Unknown, false},
		{true, true, 1, Unknown, false},
		{true, false, 5, Yes, false},
		{true, false, 6, No, true},
	} {
		got, err := Allowed(c.known, c.used, c.n)
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%+v: %v %v", c, got, err)
		}
	}
}

func TestWaited(t *testing.T) {
	if Waited(time.Second) || !Waited(time.Hour) {
		t.Error("wrong")
	}
}

func TestNote(t *testing.T) {
	if got := Note([]string{"a"}); len(got) != 1 || got[0] != "a" {
		t.Error(got)
	}
}

func TestSmaller(t *testing.T) {
	if Smaller(1, 2) != 1 || Smaller(2, 1) != 1 || Smaller(3, 3) != 3 {
		t.Error("wrong")
	}
}
