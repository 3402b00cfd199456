package commands

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator/array"
)

// What was moved out of LXD's pods while a run of it was interrupted, or after it
// was destroyed and recovered, is neither gone nor repaired nor eradicated.
func TestMovedOutOfThePods(t *testing.T) {
	for _, to := range []string{"keep-me", "other::u-keep", "vg1/keep"} {
		for _, interrupted := range []bool{true, false} {
			b := newBench(t, aged(t, "device-never-iscsi"))
			b.s.InTerminal, b.s.OutTerminal, b.s.ErrTerminal = false, false, false
			a := b.world.Array
			volume := b.leaked("leaked-volume")
			heal := func() {}
			if interrupted {
				heal = a.Inject(array.Fault{Method: "PATCH", Path: "/volumes", Kind: array.ServerError})
			}
			b.run("", "fix", "--volume", volume, "--yes")
			heal()
			book := journal.Read(b.s.given.config.StateDir)
			runs, err := book.List()
			if err != nil || len(runs) != 1 {
				t.Fatalf("%d runs, %v", len(runs), err)
			}
			if !interrupted {
				err = a.Recover(volume)
			}
			if err := errors.Join(err, a.CreatePod("other"), a.RelocateVolume(volume, to)); err != nil {
				t.Fatal(err)
			}
			tries := [][]string{{"undo", "--run", runs[0].ID, "--yes"}}
			if interrupted {
				tries = append(tries, []string{"runs", "--resume", runs[0].ID, "--yes"})
			}
			for _, args := range tries {
				status, out, errs := b.run("", args...)
				if words := strings.Join(strings.Fields(out), " "); status == StatusOK || !strings.Contains(words, "it is "+to+" now, outside of LXD's pods") {
					t.Errorf("to %s, %v: status %d\n%s%s", to, args, status, out, errs)
				}
			}
		}
	}
}

// What has the name of a recorded volume and is another one than LXD had, by its
// id, is a copy: nobody is told that it is the volume, nor to give it to LXD in
// the other's place.
func TestCopyIsNotTheVolume(t *testing.T) {
	b := newBench(t, aged(t, "healthy-iscsi"))
	b.s.OutTerminal, b.s.ErrTerminal = false, false
	w := b.world
	b.run("", "check") // remembers the volume's id
	name, err := w.ArrayName(w.Pool(), "custom", "archive")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Array.CreatePod("test"); err != nil {
		t.Fatal(err)
	}
	_, last, _ := strings.Cut(name, "::")
	if _, err := w.Array.CopyVolume(name, "test::"+last); err != nil {
		t.Fatal(err)
	}
	if err := w.Array.DestroyVolume(name); err != nil {
		t.Fatal(err)
	}
	if err := w.Array.Eradicate(name); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"scan", "-v"}, {"explain", "custom/archive"}, {"explain", "test::" + last}} {
		status, out, errs := b.run("", args...)
		said := oneSpace(out)
		if status != StatusFindings || strings.Contains(said, " now, where") || strings.Contains(said, "purevol move") || strings.Contains(said, "volume delete purepool archive (default)") || strings.Contains(said, "was moved there") {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
		}
		if !strings.Contains(said, "missing-volume") || !strings.Contains(said, "a copy of it, or it restored") {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
		}
	}
}

// A pod that was renamed has everything in it: each of its volumes is found, and
// what brings them all back is to rename it back.
func TestPodRenamed(t *testing.T) {
	b := newBench(t, aged(t, "healthy-iscsi"))
	b.s.OutTerminal, b.s.ErrTerminal = false, false
	recorded := 0
	for _, v := range b.world.Array.Volumes() {
		if _, last, _ := strings.Cut(v.Name, "::"); !strings.HasPrefix(last, "s") {
			recorded++
		}
	}
	if err := b.world.Array.RenamePod("purepool", "purepool-old"); err != nil {
		t.Fatal(err)
	}
	status, out, errs := b.run("", "scan", "-o", "csv")
	if status != StatusTrouble || strings.Count(out, "\nmoved-volume,") != recorded || recorded < 10 {
		t.Errorf("status %d, %d volumes of %d\n%s%s", status, strings.Count(out, "\nmoved-volume,"), recorded, out, errs)
	}
	status, out, errs = b.run("", "explain", "vm1")
	if said := oneSpace(out); status != StatusTrouble || !strings.Contains(said, "purepod rename purepool-old purepool") || strings.Contains(said, "another volume has the name") || strings.Contains(said, "purevol move") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

// What has the name of a recorded volume is not LXD's while another one is mounted
// at LXD's path of it, or was seen under that name: neither is healthy, nor a leak.
func TestAnotherVolumeInItsPlace(t *testing.T) {
	const spare = "purepool::u-11111111111141118111111111111111"
	for name, c := range map[string]struct {
		do       func(a *array.Array, data, archive string) error
		remember bool
		now      string // what LXD has mounted as custom/data; empty is what custom/archive was
		findings int
	}{
		"exchanged":                 {exchange, false, "", 1},
		"exchanged, and remembered": {exchange, true, "", 2},
		"a copy, in the pod":        {func(a *array.Array, data, _ string) error { return replace(a, data, "purepool::data-broken") }, false, "purepool::data-broken", 1},
		"a copy, out of the pods":   {func(a *array.Array, data, _ string) error { return replace(a, data, "data-broken") }, false, "data-broken", 1},
		"a copy, in LXD's naming":   {func(a *array.Array, data, _ string) error { return replace(a, data, spare) }, false, spare, 1},
		"the same, and remembered":  {func(a *array.Array, data, _ string) error { return replace(a, data, spare) }, true, spare, 1},
		"a copy that is not in use": {func(a *array.Array, _, archive string) error { return replace(a, archive, spare) }, true, spare, 1},
	} {
		b := newBench(t, aged(t, "healthy-iscsi"))
		b.s.InTerminal, b.s.OutTerminal, b.s.ErrTerminal = false, false, false
		w := b.world
		if c.remember {
			b.run("", "check")
		}
		data, err := w.ArrayName(w.Pool(), "custom", "data")
		archive, err2 := w.ArrayName(w.Pool(), "custom", "archive")
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if err := c.do(w.Array, data, archive); err != nil {
			t.Fatal(err)
		}
		w.Age(48 * time.Hour)
		now := cmp.Or(c.now, archive)
		for range 2 { // what check remembers does not make it right
			if status, out, errs := b.run("", "check"); status != 2 || !strings.Contains(out, fmt.Sprintf("%d critical finding", c.findings)) || !strings.Contains(out, "0 leaked") {
				t.Errorf("%s: check: status %d\n%s%s", name, status, out, errs)
			}
		}
		_, wide, _ := b.run("", "scan", "-o", "json")
		if !strings.Contains(wide, `"moved-volume"`) || !strings.Contains(wide, now) {
			t.Errorf("%s: scan\n%s", name, wide)
		}
		for _, object := range []string{data, now} {
			if name == "a copy that is not in use" && object == data {
				object = archive
			}
			if status, out, errs := b.run("", "explain", object); status != StatusFindings || strings.Contains(out, "healthy") || !strings.Contains(out, "moved-volume") {
				t.Errorf("%s: explain %s: status %d\n%s%s", name, object, status, out, errs)
			}
			before := len(w.Array.Volumes())
			if status, out, _ := b.run("", "fix", object, "--yes"); status == StatusOK || len(w.Array.Volumes()) != before {
				t.Errorf("%s: fix %s: status %d\n%s", name, object, status, out)
			}
		}
	}
}

func exchange(a *array.Array, one, other string) error {
	return errors.Join(a.RelocateVolume(one, "purepool::between"), a.RelocateVolume(other, one), a.RelocateVolume("purepool::between", other))
}

// replace puts a copy in a volume's place.
func replace(a *array.Array, volume, to string) error {
	err := a.RelocateVolume(volume, to)
	_, err2 := a.CopyVolume(to, volume)
	return errors.Join(err, err2)
}

// A snapshot that was renamed on the array is under another name there, and not
// nowhere.
func TestSnapshotRenamed(t *testing.T) {
	for name, which := range map[string]string{"custom/data/daily0": "::u-", "virtual-machine/vm1/before-upgrade": "::v-"} {
		b := newBench(t, aged(t, "healthy-iscsi"))
		b.s.OutTerminal, b.s.ErrTerminal = false, false
		renamed := ""
		for _, v := range b.world.Array.Volumes() {
			for _, s := range v.Snapshots {
				if renamed == "" && strings.Contains(v.Name, which) {
					renamed = v.Name + ".kept"
					if err := b.world.Array.RenameSnapshot(s, "kept"); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for _, args := range [][]string{{"scan", "-v"}, {"explain", name}} {
			status, out, errs := b.run("", args...)
			said := oneSpace(out)
			if status != StatusFindings || !strings.Contains(said, renamed) || strings.Contains(said, "anywhere else") || strings.Contains(said, "lxc delete") || strings.Contains(said, "volume delete") {
				t.Errorf("%v of %s: status %d\n%s%s", args, renamed, status, out, errs)
			}
		}
	}
}

// What --pool keeps from being found is not said to be nowhere.
func TestExplainInAnotherPool(t *testing.T) {
	b := newBench(t, aged(t, "healthy-iscsi"))
	for _, c := range []struct{ object, says string }{
		{"lxd01-iscsi", `"lxd01-iscsi" is nothing in pool purepool; it is lxd01-iscsi (array host on fa-sim)`},
		{"nothing-like-it", `knows "nothing-like-it" in pool purepool, and it was looked for there only`},
	} {
		if status, out, errs := b.run("", "explain", "--pool", "purepool", c.object); status != StatusUsage || !strings.Contains(oneSpace(errs), c.says) {
			t.Errorf("%s: status %d\n%s%s", c.object, status, out, errs)
		}
	}
}

// Each half of a virtual machine is told its own name, whatever it is called now:
// under the other's LXD would take the disk for the configuration. Where nothing says
// which half it is, no name is.
func TestHalvesOfAVirtualMachineRenamed(t *testing.T) {
	for _, how := range []string{"both", "exchanged", "forgotten"} {
		for _, stopped := range []bool{false, true} {
			for _, remembered := range []bool{false, true} {
				l := lossIn(t, 1)
				w := l.world
				disk := l.named("virtual-machine", "vm1")
				config := strings.TrimSuffix(disk, "-b")
				if remembered || how == "forgotten" {
					l.run("", "check")
				}
				if stopped || how == "forgotten" {
					l.must(w.LXD.StopInstance("", "vm1"))
				}
				now := map[string]string{disk: "purepool::a", config: "purepool::z"} // and not in the order of their names
				switch how {
				case "exchanged":
					now = map[string]string{disk: config, config: disk}
					l.must(exchange(w.Array, disk, config))
				case "forgotten":
					now = map[string]string{disk: "a", config: "z"} // out of the pod, and its snapshots are not asked
					file := filepath.Join(l.s.given.config.StateDir, "sightings.json")
					text, err := os.ReadFile(file)
					l.must(err, w.Relocate(disk, now[disk]), w.Relocate(config, now[config]),
						os.WriteFile(file, regexp.MustCompile(`"name":"[^"]*",`).ReplaceAll(text, nil), 0o600)) // as an early version wrote it
				default:
					l.must(w.Relocate(disk, now[disk]), w.Relocate(config, now[config]))
				}
				for was, is := range now {
					_, said, _ := l.run("", "explain", is)
					said = oneSpace(said)
					wrong := map[string]string{disk: config, config: disk}[was]
					switch {
					case how == "both" && (!strings.Contains(said, "purevol rename "+is+" "+was+";") || strings.Contains(said, " "+wrong+";")):
						t.Errorf("%s, stopped %v, remembered %v: %s is now %s:\n%s", how, stopped, remembered, was, is, said)
					case how == "exchanged" && (!strings.Contains(said, "half has the name of the other half, "+is) || strings.Contains(said, "healthy") || !strings.Contains(said, "by way of a third name")):
						t.Errorf("%s, stopped %v, remembered %v: %s is now %s:\n%s", how, stopped, remembered, was, is, said)
					case how == "forgotten" && (!strings.Contains(said, "find out first which half of virtual-machine/vm1 (default) it is") || strings.Contains(said, "purevol rename")):
						t.Errorf("%s is now %s:\n%s", was, is, said)
					}
				}
			}
		}
	}
}

// Who deletes the record of a volume that was renamed, against all advice and with no
// audit trail to tell of it, does not make a leftover of the volume: an earlier check
// saw that it is LXD's.
func TestRecordOfARenamedVolumeIsDeleted(t *testing.T) {
	const own = "12221782dd994aaaaa9a4a4d9243a1f0"
	w := worlds.Of(t, "healthy-iscsi")
	w.Age(49 * time.Hour)
	if err := w.Array.RelocateVolume("purepool::u-"+own, "purepool::c-"+own); err != nil {
		t.Fatal(err)
	}
	b := newBench(t, w)
	w.Array.Inject(array.Fault{Method: "GET", Path: "/audits", Kind: array.Forbidden})
	if status, out, errs := b.run("", "check"); status == StatusOK {
		t.Fatalf("check: %s%s", out, errs)
	}
	if _, out, errs := b.run("", "explain", "purepool/custom/archive"); !strings.Contains(out, "moved-volume") || strings.Contains(out, "lxc storage") {
		t.Errorf("advice:\n%s%s", out, errs)
	}
	if err := w.LXD.DeleteVolume("purepool", "default", "archive"); err != nil {
		t.Fatal(err)
	}
	for range 30 {
		w.Clock.Advance(time.Hour)
		b.run("", "check")
	}
	for _, args := range [][]string{{"fix", "--all", "--yes"}, {"fix", "--volume", "purepool::c-" + own, "--yes"}} {
		status, out, errs := b.run("", args...)
		if v, ok := w.Array.Volume("purepool::c-" + own); !ok || v.Destroyed {
			t.Fatalf("%v: status %d, it is destroyed\n%s%s", args, status, out, errs)
		}
	}
}
