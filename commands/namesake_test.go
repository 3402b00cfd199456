package commands

import (
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/simulator/array"
)

// What a run destroyed was eradicated by hand, and something else has its name
// now, live or destroyed or outside of LXD's pods: nobody is told that what has
// the name is eradicated, and no run is journalled that did it.
func TestEradicateWhatHasItsNameNow(t *testing.T) {
	for name, make := range map[string]func(a *array.Array, name string) error{
		"live": func(a *array.Array, name string) error {
			_, err := a.CreateVolume(name, 1<<30, array.VolumeOptions{})
			return err
		},
		"destroyed": func(a *array.Array, name string) error {
			if _, err := a.CreateVolume(name, 1<<30, array.VolumeOptions{}); err != nil {
				return err
			}
			return a.DestroyVolume(name)
		},
		"in capitals": func(a *array.Array, name string) error {
			pod, short, _ := strings.Cut(name, "::")
			_, err := a.CreateVolume(pod+"::"+strings.ToUpper(short), 1<<30, array.VolumeOptions{})
			return err
		},
	} {
		b := newBench(t, aged(t, "rollback-refused-iscsi"))
		volume := b.leaked("leaked-volume")
		if status, out, errs := b.run("", "fix", volume, "--yes"); status != StatusOK {
			t.Fatalf("%s: fix: status %d\n%s%s", name, status, out, errs)
		}
		b.world.Age(30 * time.Minute)
		if err := b.world.Array.Eradicate(volume); err != nil {
			t.Fatal(err)
		}
		if err := make(b.world.Array, volume); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"eradicate", "--volume", volume, "--confirm", volume}, {"undo", "--last", "--yes"}} {
			status, out, errs := b.run("", args...)
			said := oneSpace(out + errs)
			if status != StatusRefused || strings.Contains(said, "Eradicated") || !strings.Contains(said, "another volume has its name now") || !strings.Contains(said, "pureclean verify --volume "+volume) {
				t.Errorf("%s: %v: status %d\n%s%s", name, args, status, out, errs)
			}
		}
		if status, out, errs := b.run("", "verify", volume); name != "destroyed" && status != StatusFindings {
			t.Errorf("%s: verify: status %d\n%s%s", name, status, out, errs)
		}
	}
}

// What somebody recovered and took to another array with its pod is not
// eradicated, and is not called gone because somebody asked for it.
func TestEradicateWhatWentAway(t *testing.T) {
	b := newBench(t, aged(t, "rollback-refused-iscsi"))
	volume := b.leaked("leaked-volume")
	if status, out, errs := b.run("", "fix", volume, "--yes"); status != StatusOK {
		t.Fatalf("fix: status %d\n%s%s", status, out, errs)
	}
	b.world.Age(30 * time.Minute)
	if err := b.world.Array.Recover(volume); err != nil {
		t.Fatal(err)
	}
	if err := b.world.Array.DropPod("purepool"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want int
		says string
	}{
		{[]string{"eradicate", "--volume", volume, "--confirm", volume}, StatusRefused, "may have moved to another array"},
		{[]string{"verify", volume}, StatusTrouble, "may have moved to another array"},
		{[]string{"undo", "--last", "--yes"}, StatusRefused, "it was eradicated, or went to another array with its pod"},
	} {
		status, out, errs := b.run("", c.args...)
		if said := oneSpace(out + errs); status != c.want || strings.Contains(said, "Eradicated") || strings.Contains(said, "Gone, everywhere") || !strings.Contains(said, c.says) {
			t.Errorf("%v: status %d, want %d and %q\n%s%s", c.args, status, c.want, c.says, out, errs)
		}
	}
}
