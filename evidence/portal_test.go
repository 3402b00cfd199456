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

func TestLeadsTo(t *testing.T) {
	const one, two, three = "iqn.2010-06.com.purestorage:flasharray.1", "iqn.2010-06.com.purestorage:flasharray.2", "iqn.2010-06.com.purestorage:flasharray.3"
	told := evidence.Complete([]evidence.Port{{IQN: one, Portal: "10.0.0.1:3260"}, {WWN: "52:4A:93:70:00:00:00:01"}})
	half := evidence.Incomplete([]evidence.Port{{WWN: "52:4A:93:70:00:00:00:11"}}, "a page is missing")
	for _, c := range []struct {
		name         string
		ports, other evidence.List[evidence.Port]
		leads        bool
	}{
		{one, told, half, true},
		{"IQN.2010-06.com.purestorage:flasharray.1", told, half, true},
		{"0x524a937000000001", told, half, true},
		{two, told, half, false}, // it told all of its targets
		{two, half, told, true},
		{three, evidence.List[evidence.Port]{}, evidence.List[evidence.Port]{}, true},
		{one, half, told, false}, // the other's
		{"524a937000000002", told, half, false},
		{"524a937000000002", half, half, true}, // it may have more
		{"nqn.2010-06.com.purestorage:flasharray.1", told, half, true},
		{"iqn.1992-08.com.netapp:sn.1234:vs.3", half, half, false},
		{"50060e8000000011", half, half, false},
		{"", half, half, false},
	} {
		arrays := []evidence.Array{{Ports: c.ports}, {Ports: c.other}}
		if got := evidence.LeadsTo(&arrays[0], c.name, arrays); got != c.leads {
			t.Errorf("%q: %v", c.name, got)
		}
	}
}
