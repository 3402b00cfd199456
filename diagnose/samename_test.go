package diagnose

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// secondArray gives the scene a pool on an array of its own, on which LXD made
// the member's array host under the name that it has everywhere.
func secondArray(s *scene) *evidence.Array {
	const id = "99999999-4e5f-6071-8293-a4b5c6d7e8f9"
	two := *s.array()
	two.Name, two.ID, two.Gateway, two.Asked = "fa2", id, "https://fa2", []string{"q1"}
	two.Pods = evidence.Complete([]evidence.Pod{{
		ID: "pod-q1", Name: "q1", Destroyed: evidence.No, Promotion: "promoted", Links: evidence.CountOf(0),
		Arrays: []evidence.PodArray{{ID: id, Name: "fa2", Status: "online"}},
	}})
	two.Hosts = evidence.Complete([]evidence.ArrayHost{{Name: hostName, Local: evidence.Yes, IQNs: []string{iqn1}, ConnectionCount: evidence.CountOf(0), Destroyed: evidence.No}})
	two.Volumes, two.Snapshots = evidence.Complete[evidence.Volume](nil), evidence.Complete[evidence.Snapshot](nil)
	two.Connections, two.Protections = evidence.Complete[evidence.Connection](nil), evidence.Complete[evidence.Protection](nil)
	s.Arrays = append(s.Arrays, two)
	s.LXD.Pools = appendTo(s.LXD.Pools, evidence.Pool{Name: "q1", Gateway: "https://fa2", Mode: evidence.ModeISCSI, Status: "Created"})
	return &s.Arrays[1]
}

// TestOneHostOnEachArray: what is well on each of two arrays is well, and what
// is found about one array's host is about no other's.
func TestOneHostOnEachArray(t *testing.T) {
	s := healthy()
	leaked := s.vol(leak(s)).Name
	secondArray(s)
	report := s.judge()
	if slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.Code == codeUnsafe }) {
		t.Errorf("one array host on each array is no split: %v", found(report))
	}
	idle := only(t, report, "idle-host")
	if idle.Object != "fa2/"+hostName || idle.Host != hostName || idle.ArrayID != s.Arrays[1].ID ||
		idle.FixCommand() != "pureclean fix --volume fa2/"+hostName+" --confirm fa2/"+hostName {
		t.Errorf("%s %s %s: %s", idle.Object, idle.Host, idle.ArrayID, idle.FixCommand())
	}
	_, err := Explain(s.World, s.policy, hostName, "")
	var several *AmbiguousError
	if !errors.As(err, &several) {
		t.Fatalf("%v", err)
	}
	if want := []Candidate{{"fa1/" + hostName, "array host on fa1"}, {"fa2/" + hostName, "array host on fa2"}}; !slices.Equal(several.Candidates, want) {
		t.Errorf("candidates %v", several.Candidates)
	}
	for object, want := range map[string]string{
		"fa2/" + hostName:                  "idle-host",
		strings.ToUpper("fa2/" + hostName): "idle-host",
		s.Arrays[1].ID + "/" + hostName:    "idle-host",
		"fa1/" + hostName:                  "leaked-volume",
		"fa1/" + iqn1:                      "leaked-volume",
		"fa1/" + leaked:                    "leaked-volume",
		"fa2/" + leaked:                    "neither",
		"fa2/custom/data":                  "neither",
		"fa2/":                             "neither",
		"/" + hostName:                     "neither",
	} {
		e, err := Explain(s.World, s.policy, object, "")
		switch {
		case err != nil:
			if !strings.HasPrefix(err.Error(), want) {
				t.Errorf("%s: %v", object, err)
			}
		case !slices.Equal(codes(e), []string{want}):
			t.Errorf("%s: %s with %v, want %s", object, e.Object, codes(e), want)
		}
	}
	// Arrays of one name are told apart by their ids.
	s.Arrays[1].Name = "FA1"
	if f := only(t, s.judge(), "idle-host"); f.Object != s.Arrays[1].ID+"/"+hostName {
		t.Error(f.Object)
	}
	// With one array there is nothing to tell apart.
	s.policy.Pools = []string{"q1"}
	if f := only(t, s.judge(), "idle-host"); f.Object != hostName {
		t.Error(f.Object)
	}
}

// TestSplitOnOneOfTwoArrays: the hosts that are one too many are named with the
// array that has both.
func TestSplitOnOneOfTwoArrays(t *testing.T) {
	s := healthy()
	two := secondArray(s)
	two.Hosts = appendTo(two.Hosts, evidence.ArrayHost{Name: "by-hand", Local: evidence.Yes, IQNs: []string{iqn1}, ConnectionCount: evidence.CountOf(1), Destroyed: evidence.No})
	f := only(t, s.judge(), "unsafe-setting")
	if f.ArrayID != two.ID || !strings.Contains(f.Detail, "in 2 array hosts, by-hand and fa2/"+hostName) {
		t.Errorf("%s: %s", f.ArrayID, f.Detail)
	}
}
