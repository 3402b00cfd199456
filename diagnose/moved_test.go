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

// A pod was renamed when the array has none of that name and most of what LXD
// lost is in another, which is no other pool's.
func TestRenamedPod(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*scene, []evidence.Other)
		renamed bool
	}{
		"all in one":  {func(_ *scene, others []evidence.Other) { others[0].Destroyed = evidence.Yes }, true},
		"most in one": {func(_ *scene, others []evidence.Other) { others[0].Name = "else::" + leaf(others[0].Name) }, true},
		"spread": {func(_ *scene, others []evidence.Other) {
			for i := range others {
				others[i].Name = string(rune('a'+i)) + "::" + leaf(others[i].Name)
			}
		}, false},
		"the pod is there": {func(s *scene, _ []evidence.Other) {
			s.array().Pods = appendTo(s.array().Pods, evidence.Pod{ID: "pod-new", Name: "p1", Destroyed: evidence.No, Promotion: "promoted", Arrays: s.array().Pods.Items[0].Arrays})
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			for n := range 3 {
				s.record(s.volume("p1", evidence.Name{Type: evidence.TypeCustom, UUID: uuid(700 + n)}), "more"+string(rune('0'+n)))
			}
			a := s.array()
			var others []evidence.Other
			a.Volumes.Items = slices.DeleteFunc(a.Volumes.Items, func(v evidence.Volume) bool {
				if v.Pod == "p1" {
					others = append(others, evidence.Other{ID: v.ID, Name: "p1-old::" + leaf(v.Name), Serial: v.Serial, Destroyed: evidence.No, LXD: v.LXD})
				}
				return v.Pod == "p1"
			})
			a.Pods.Items = slices.DeleteFunc(a.Pods.Items, func(p evidence.Pod) bool { return p.Name == "p1" })
			c.change(s, others)
			a.Asked, a.Elsewhere = []string{"p1", "n1"}, evidence.Complete(others)
			moved, renames := 0, 0
			for _, f := range s.judge().Findings {
				if f.Code == codeMoved {
					moved++
					at := slices.IndexFunc(others, func(o evidence.Other) bool { return o.Name == f.Object })
					if at < 0 || strings.HasPrefix(f.Effect, "it is destroyed") != others[at].Destroyed.Is() {
						t.Errorf("%s: %s", f.Object, f.Effect)
					}
					if strings.Contains(strings.Join(f.Remedy, "; "), "purepod rename p1-old p1") {
						renames++
					}
				}
			}
			if moved == 0 || (renames > 0) != c.renamed {
				t.Errorf("%d moved, of %d the pod is to be renamed", moved, renames)
			}
		})
	}
}
