package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// A copy, in another pool of LXD's, of what LXD has lost may be all that is left
// of it: it is no leftover, and is not said to be the volume itself.
func TestCopyInAnotherPool(t *testing.T) {
	for name, seenAs := range map[string]string{"another was seen": "vol-before", "it was seen": ""} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			lost := s.volume("p1", name500())
			s.record(lost, "lost")
			s.array().Volumes.Items = s.array().Volumes.Items[:lost]
			v := s.vol(s.volume("n1", name500()))
			id := seenAs
			if id == "" {
				id = v.ID
			}
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, Pod: "p1", VolumeID: id, Name: "p1::" + spell(name500()), Recorded: clock.Add(-24 * time.Hour), LXDName: "custom/lost (default)"}}
			s.array().Elsewhere = evidence.Complete([]evidence.Other{})
			moved, missing := 0, ""
			for _, f := range s.judge().Findings {
				switch {
				case f.Object == v.Name && f.Code == codeMoved:
					moved++
				case f.Object == v.Name:
					t.Errorf("the copy is %s, %s", f.Code, f.Verdict)
				case f.LXD.Name == "lost":
					missing = f.Detail + strings.Join(f.Remedy, "; ")
				}
			}
			switch {
			case seenAs != "" && (moved != 0 || !strings.Contains(missing, v.Name+" has its name and is another volume") || strings.Contains(missing, "lxc storage")):
				t.Errorf("%d moved, missing: %q", moved, missing)
			case seenAs == "" && (moved != 1 || missing != ""):
				t.Errorf("%d moved, missing: %q", moved, missing)
			}
		})
	}
}

func name500() evidence.Name { return name(evidence.TypeCustom, "", 500) }

// Of a pod that nobody asked for it is not known that it has another name: what the
// array has there is where it belongs.
func TestPodThatWasNotAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		asked []string
		pod   string
		moved int
	}{
		"renamed":       {[]string{"p1", "n1"}, "p1-old", 1},
		"not asked for": {[]string{"n1"}, "p1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			a := s.array()
			var others []evidence.Other
			a.Volumes.Items = slices.DeleteFunc(a.Volumes.Items, func(v evidence.Volume) bool {
				if v.Pod == "p1" {
					others = append(others, evidence.Other{ID: v.ID, Name: c.pod + "::" + leaf(v.Name), Serial: v.Serial, Destroyed: evidence.No, LXD: v.LXD})
				}
				return v.Pod == "p1"
			})
			a.Pods.Items = slices.DeleteFunc(a.Pods.Items, func(p evidence.Pod) bool { return p.Name == "p1" })
			a.Asked, a.Elsewhere = c.asked, evidence.Complete(others)
			moved := 0
			for _, f := range s.judge().Findings {
				if f.Code == codeMoved {
					moved++
				}
			}
			if (moved > 0) != (c.moved > 0) {
				t.Errorf("%d moved", moved)
			}
		})
	}
}
