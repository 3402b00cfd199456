package diagnose

import (
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
