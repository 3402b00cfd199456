package diagnose

import (
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// Of a virtual machine one half may be gone while the other lives, with the
// data: LXD's delete takes that with it, and is advised only together with how to
// keep it. Of an image only the copy in the pool is deleted, never the image.
func TestAdviceWhereSomethingIsLeft(t *testing.T) {
	disk, config := spell(name(evidence.TypeVM, evidence.ContentBlock, 6)), spell(name(evidence.TypeVM, "", 6))
	remove := func(s *scene, name string) {
		v := &s.array().Volumes
		for i := range v.Items {
			if v.Items[i].Name == "p1::"+name {
				v.Items = append(v.Items[:i], v.Items[i+1:]...)
				return
			}
		}
		t.Fatalf("there is no %s", name)
	}
	destroy := func(s *scene, name string) {
		for i := range s.array().Volumes.Items {
			if v := &s.array().Volumes.Items[i]; v.Name == "p1::"+name {
				v.Destroyed = evidence.Yes
				return
			}
		}
		t.Fatalf("there is no %s", name)
	}
	image := spell(name(evidence.TypeImage, "", 4))
	// The instance that has the name is another one, which that name deletes.
	another := func(s *scene, pool, kind string) {
		for i := range s.LXD.Instances.Items {
			if inst := &s.LXD.Instances.Items[i]; inst.Name == "vm1" {
				inst.Type = kind
				inst.Disks = []evidence.InstanceDisk{{Device: "root", Pool: pool, Project: "default", Type: kind}}
			}
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(*scene)
		code  string
		says  []string
		never []string
	}{
		{
			"the configuration is gone", func(s *scene) { remove(s, config) }, "missing-volume",
			[]string{"do not delete it while p1::" + disk + " is wanted", "lxc delete vm1 deletes that, too", "purevol copy p1::" + disk + " p1::rescue-vm1"},
			[]string{"if it is not wanted any more: lxc delete"},
		},
		{
			"the root disk is gone", func(s *scene) { remove(s, disk) }, "missing-volume",
			[]string{"do not delete it while p1::" + config + " is wanted"},
			[]string{"if it is not wanted any more: lxc delete"},
		},
		{
			"both are gone", func(s *scene) { remove(s, disk); remove(s, config) }, "missing-volume",
			[]string{"if it is not wanted any more: lxc delete vm1"},
			[]string{"do not delete"},
		},
		{
			"the configuration is destroyed", func(s *scene) { destroy(s, config) }, "destroyed-but-recorded",
			[]string{"purevol recover p1::" + config, "do not delete it while p1::" + disk + " is wanted", "purevol copy p1::" + disk},
			[]string{"if it was deleted on purpose: wait"},
		},
		{
			"the configuration is gone, the disk destroyed", func(s *scene) { remove(s, config); destroy(s, disk) }, "missing-volume",
			[]string{"purevol recover p1::" + disk + " brings it back"},
			[]string{"if it is not wanted any more: lxc delete", "purevol copy"},
		},
		{
			"both are gone, and vm1 is in another pool",
			func(s *scene) { remove(s, disk); remove(s, config); another(s, "p2", evidence.TypeVM) }, "missing-volume",
			[]string{"its disk is in pool p2"},
			[]string{"lxc delete"},
		},
		{
			"both are gone, and vm1 is a container",
			func(s *scene) { remove(s, disk); remove(s, config); another(s, "p1", evidence.TypeContainer) }, "missing-volume",
			[]string{"it is a container"},
			[]string{"lxc delete"},
		},
		{
			"both are gone, and where vm1's disk is is not known",
			func(s *scene) { remove(s, disk); remove(s, config); another(s, "", evidence.TypeVM) }, "missing-volume",
			[]string{"is not known"},
			[]string{"lxc delete"},
		},
		{
			"the configuration is gone, and vm1 is in another pool",
			func(s *scene) { remove(s, config); another(s, "p2", evidence.TypeVM) }, "missing-volume",
			[]string{"do not delete it while p1::" + disk + " is wanted"},
			[]string{"lxc delete"},
		},
		{
			"both are destroyed, and vm1 is in another pool",
			func(s *scene) { destroy(s, disk); destroy(s, config); another(s, "p2", evidence.TypeVM) }, "destroyed-but-recorded",
			[]string{"its disk is in pool p2"},
			[]string{"lxc delete"},
		},
		{
			"an image's copy is gone", func(s *scene) { remove(s, image) }, "missing-volume",
			[]string{"lxc storage volume delete p1 image/2d7588f66bcde5214f46dc034c8fbc60b6af404fcb33221b14a5bced4a860757"},
			[]string{"lxc image delete", "restore it from a backup"},
		},
		{
			"an image's copy is destroyed", func(s *scene) { destroy(s, image) }, "destroyed-but-recorded",
			[]string{"lxc storage volume delete p1 image/2d7588f6", "purevol recover p1::" + image},
			[]string{"lxc image delete"},
		},
	} {
		s := healthy()
		c.spoil(s)
		f := Finding{}
		for _, other := range s.judge().Findings {
			if other.Code == c.code {
				f = other
			}
		}
		said := f.Effect + "; " + f.Detail + "; " + strings.Join(f.Remedy, "; ")
		for _, want := range c.says {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %q is not said: %s", c.name, want, said)
			}
		}
		for _, not := range c.never {
			if f.Code == "" || strings.Contains(said, not) {
				t.Errorf("%s: %q is said: %s", c.name, not, said)
			}
		}
		// What is left of a machine goes with LXD's own delete.
		if left := slices.ContainsFunc(c.says, func(say string) bool { return strings.HasPrefix(say, "do not delete it while") }); left && f.Severity != Critical {
			t.Errorf("%s: it is %s, and what is left is at risk", c.name, f.Severity)
		}
		if image := strings.Contains(c.name, "image"); image && (f.Severity != Info || strings.Contains(said, "data is gone")) {
			t.Errorf("%s: %s: %s", c.name, f.Severity, said)
		}
	}
}
