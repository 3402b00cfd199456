package evidence_test

import (
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

func TestSamePortal(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"10.0.0.1:3260", "10.0.0.1:3260", true},
		{"10.0.0.1:3260", "10.0.0.1:3261", false},
		{"10.0.0.1:3260", "10.0.0.11:3260", false},
		{"[fd00:0:0:0:0:0:0:1]:3260", "[fd00::1]:3260", true},
		{"fd00:0000:0000:0000:0000:0000:0000:0001", "FD00::1", true},
		{"[::ffff:10.0.0.1]:3260", "10.0.0.1:3260", true},
		{"[fe80::1%eth0]:3260", "[fe80::1%eth1]:3260", false},
		{"array-ct0.example.com:3260", "Array-CT0.example.com.:3260", true},
	} {
		if got := evidence.SamePortal(c.a, c.b); got != c.same {
			t.Errorf("%s and %s: %v", c.a, c.b, got)
		}
	}
	if got := evidence.Portal("FD00:0:0::1", "3260"); got != "[fd00::1]:3260" {
		t.Error(got)
	}
}
