package diagnose

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// A map says nothing to who looks for a volume: what queues without a path, and
// both volumes of a map with another's path, are called as the array calls them.
func TestMapsSayTheirVolumes(t *testing.T) {
	s := healthy()
	waiting(s)
	leaked := s.array().Volumes.Items[len(s.array().Volumes.Items)-1]
	f := only(t, s.judge(), "unsafe-setting")
	if f.Volume != leaked.Name || f.Serial != leaked.Serial || !strings.Contains(f.Detail, f.Object+" ("+leaked.Name+")") {
		t.Errorf("volume %q, serial %q: %s", f.Volume, f.Serial, f.Detail)
	}
	s.array().Volumes.Items = s.array().Volumes.Items[:len(s.array().Volumes.Items)-1]
	if f := only(t, s.judge(), "unsafe-setting"); f.Volume != "" || strings.Contains(f.Detail, "(") {
		t.Errorf("nobody knows its volume: %q: %s", f.Volume, f.Detail)
	}

	s = healthy()
	v := s.volume("p1", name(evidence.TypeCustom, "", 100))
	m := s.Hosts[0].Maps.Items[0]
	for i := range s.Hosts[0].Disks.Items {
		if d := &s.Hosts[0].Disks.Items[i]; d.Name == m.Paths[0].Disk {
			d.Live.Kind, d.Live.Serial = evidence.IdentityKnown, s.array().Volumes.Items[v].Serial
		}
	}
	f = only(t, s.judge(), "mixed-map")
	for _, serial := range []evidence.Serial{m.Serial, s.array().Volumes.Items[v].Serial} {
		for _, listed := range s.array().Volumes.Items {
			if listed.Serial == serial && !strings.Contains(f.Detail, listed.Name) {
				t.Errorf("%s is not named: %s", listed.Name, f.Detail)
			}
		}
	}
}
