package commands

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/host"
)

// seen is one look of verify at a bench's world, to ask it many things.
func (b *bench) seen() func(asked string) repair.Proof {
	b.t.Helper()
	o := &verifyOptions{common: common{Streams: b.s, timeout: 5 * 60e9, whole: true}}
	world, policy, err := o.look(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return func(asked string) repair.Proof {
		once := &verifyOptions{common: o.common, volume: asked}
		return repair.Verify(world, once.target(world, policy))
	}
}

// spellings are a serial in all forms that people have in hand.
func spellings(serial string) []string {
	s, err := evidence.ParseSerial(serial)
	if err != nil {
		return nil
	}
	nguid := strings.TrimPrefix(s.EUI(), "eui.")
	forms := []string{
		serial, strings.ToLower(serial), s.WWID(), s.NAA(), s.EUI(), s.MapUUID(), nguid, strings.ToUpper(nguid),
		nguid[:8] + "-" + nguid[8:12] + "-" + nguid[12:16] + "-" + nguid[16:20] + "-" + nguid[20:],
		"0x" + strings.TrimPrefix(s.NAA(), "naa."),
		"/dev/disk/by-id/scsi-" + s.WWID(), "/dev/disk/by-id/wwn-0x" + strings.TrimPrefix(s.NAA(), "naa."),
		"/dev/disk/by-id/dm-uuid-mpath-" + s.WWID(), "/dev/disk/by-id/nvme-" + s.EUI(), "scsi-SPURE_FlashArray_" + serial,
	}
	return forms
}

// namesOf are a full name and its parts.
func namesOf(full string) []string {
	_, short, _ := strings.Cut(full, "::")
	all := []string{full, strings.ToUpper(full), short, full[strings.LastIndexAny(full, ":/")+1:]}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// populated is the demo's world with things outside of LXD's pods, and with
// volumes of LXD's that were moved and renamed.
func populated(t *testing.T) *simulator.World {
	t.Helper()
	w, err := simulator.DemoAt(worlds.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(w.Array.CreatePod("backup"))
	for _, name := range []string{"bootvol01", "backup::u-00112233445566778899aabbccddeeff", "backup::data"} {
		_, err := w.Array.CreateVolume(name, 1<<30, array.VolumeOptions{})
		do(err)
		_, err = w.Array.CreateSnapshot(name, "nightly")
		do(err)
	}
	do(w.Array.Connect(w.Array.Hosts()[0].Name, "bootvol01", 0))
	do(w.Array.RelocateVolume("backup::data", "backup::vg/data"))
	places := []string{"%s::renamed-%d", "%s::vg/u-moved%d", "moved/out%d", "backup::elsewhere%d"}
	moved := 0
	for _, v := range w.Array.Volumes() {
		if moved == len(places) {
			break
		}
		if v.Destroyed || v.Pod == "" || v.Pod == "backup" || !w.Recorded(v.Name) {
			continue
		}
		to := places[moved]
		if strings.Contains(to, "%s") {
			to = fmt.Sprintf(to, v.Pod, moved)
		} else {
			to = fmt.Sprintf(to, moved)
		}
		do(w.Relocate(v.Name, to))
		moved++
	}
	w.Hosts[0].Rescan()
	return w
}

// TestWhatExistsIsNotGone: whatever exists, in any place, asked for under any
// of its names, is not gone.
func TestWhatExistsIsNotGone(t *testing.T) {
	w := populated(t)
	b := newBench(t, w)
	verify := b.seen()
	asked := map[string]string{} // what was asked for, and what exists under it
	exists := func(what string, names ...string) {
		for _, name := range names {
			if name != "" {
				asked[name] = what
			}
		}
	}
	for _, v := range w.Array.Volumes() {
		for _, snapshot := range v.Snapshots {
			exists("snapshot "+snapshot, namesOf(snapshot)...)
		}
		if v.Destroyed {
			continue
		}
		exists("volume "+v.Name, append(namesOf(v.Name), v.ID, strings.ToUpper(v.ID))...)
		exists("volume "+v.Name, spellings(v.Serial)...)
	}
	o := &verifyOptions{common: common{Streams: b.s, timeout: 5 * 60e9, whole: true}}
	world, _, err := o.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, snapshot := range world.Arrays[0].Snapshots.Items {
		if snapshot.Destroyed.IsNot() {
			exists("snapshot "+snapshot.Name, append(spellings(string(snapshot.Serial)), snapshot.ID)...)
		}
	}
	for _, r := range world.LXD.Records.Items {
		what := fmt.Sprintf("record %s/%s of %s in %s", r.Type, r.Name, r.Project, r.Pool)
		exists(what, r.Pool+"/"+r.Type+"/"+r.Name, r.Pool+"/"+r.Project+"/"+r.Type+"/"+r.Name, r.Type+"/"+r.Name, r.Name, r.UUID.String(), r.UUID.Hex())
		if r.Snapshot {
			continue
		}
		for _, text := range diagnose.ArrayNames(&r) {
			exists(what, r.Pool+"::"+text, text)
		}
	}
	for _, h := range world.Hosts {
		for _, d := range h.Disks.Items {
			exists("disk "+d.Name, append(spellings(string(d.Serial)), d.Name, "/dev/"+d.Name, h.Name+":"+d.Name, d.Dev)...)
		}
		for _, m := range h.Maps.Items {
			exists("map "+m.Name, append(spellings(string(m.Serial)), m.Name, "/dev/mapper/"+m.Name, m.Kernel, "/dev/"+m.Kernel, h.Name+":"+m.Name, m.Dev)...)
		}
		for _, n := range h.Namespaces.Items {
			exists("namespace "+n.Name, append(spellings(string(n.Serial)), n.Name, "/dev/"+n.Name, h.Name+":"+n.Name, n.Dev)...)
		}
		for _, l := range h.Links.Items {
			exists("link "+l.Path, l.Path)
		}
		for _, u := range h.Uses.Items {
			if u.Kind == evidence.UseMount {
				exists("mount "+u.Where, u.Where)
			}
		}
	}
	if len(asked) < 300 {
		t.Fatalf("only %d names", len(asked))
	}
	told := 0
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		switch proof := verify(name); proof.Gone {
		case evidence.Yes:
			t.Errorf("%s exists, and %q is called gone: %+v", asked[name], name, proof.Lines)
		case evidence.No:
			told++
		default:
			t.Logf("%s exists, and %q could not be told: %+v", asked[name], name, proof.Lines)
		}
	}
	t.Logf("%d names, %d found", len(asked), told)
	if told < len(asked)*9/10 {
		t.Errorf("only %d of %d were found", told, len(asked))
	}
	for _, never := range []string{"", "nothing", "purepool::nothing", "purepool/custom/nothing", "0badc0de000040008000ffff", "/dev/sdzz", "mpathzz"} {
		if proof := verify(never); proof.Gone.Is() {
			t.Errorf("%q can't be looked up, and is called gone: %+v", never, proof.Lines)
		}
	}
}

// TestAbsence: what each witness has to be asked by, and by what it is not
// there.
func TestAbsence(t *testing.T) {
	b := newBench(t, aged(t, "device-never-iscsi"))
	volume := b.leaked("leaked-volume")
	v, _ := b.world.Array.Volume(volume)
	if _, err := b.world.Array.CreateVolume("bootvol01", 1<<30, array.VolumeOptions{}); err != nil {
		t.Fatal(err)
	}
	boot, _ := b.world.Array.Volume("bootvol01")
	snapshot, err := b.world.Array.CreateSnapshot("bootvol01", "nightly")
	if err != nil {
		t.Fatal(err)
	}
	wwid := func(serial string) string {
		s, err := evidence.ParseSerial(serial)
		if err != nil {
			t.Fatal(err)
		}
		return s.WWID()
	}
	asked := func(name string, want int, words string) {
		t.Helper()
		status, out, errs := b.run("", "verify", "--volume", name)
		if status != want || !strings.Contains(strings.Join(strings.Fields(out), " "), words) {
			t.Errorf("verify %s: status %d, want %d and %q\n%s%s", name, status, want, words, out, errs)
		}
	}
	asked(boot.Serial, StatusFindings, "bootvol01 is there")
	asked(wwid(boot.Serial), StatusFindings, "bootvol01 is there")
	asked(snapshot, StatusFindings, snapshot+" is there")
	asked("bootvol01", StatusFindings, "bootvol01 is there")
	asked("0BADC0DE0000400000000001", StatusTrouble, "another array")
	asked("purepool::no-such", StatusTrouble, "serial is not known")
	// A serial that this array made and nothing has, and no record without a volume.
	asked(v.Serial[:16]+"FFFFFFF0", StatusTrouble, "it may have moved to another array with its pod")

	// After the repair and the eradication the journal knows the serial.
	if status, out, errs := b.run("", "fix", "--volume", volume, "--yes"); status != StatusOK {
		t.Fatalf("fix: status %d\n%s%s", status, out, errs)
	}
	asked(volume, StatusOK, "is destroyed")
	if status, out, errs := b.run("", "eradicate", "--volume", volume, "--confirm", volume); status != StatusOK {
		t.Fatalf("eradicate: status %d\n%s%s", status, out, errs)
	}
	asked(volume, StatusOK, "Gone, everywhere")
	asked(strings.ToUpper(volume), StatusOK, "Gone, everywhere")
	asked(v.Serial, StatusOK, "Gone, everywhere")
	_, short, _ := strings.Cut(volume, "::")
	asked(short, StatusOK, "Gone, everywhere")

	// A name of LXD's that no run wrote down: nothing says the serial.
	asked("purepool::u-00112233445566778899aabbccddeeff", StatusTrouble, "serial is not known")
}

// TestGoneToAnotherArray: a pod that is stretched to another array, and taken off
// this one, takes its volumes along. They keep their serials, whose digits are
// this array's, and live.
func TestGoneToAnotherArray(t *testing.T) {
	b := newBench(t, aged(t, "device-never-iscsi"))
	a := b.world.Array
	if err := a.CreatePod("erp"); err != nil {
		t.Fatal(err)
	}
	ledger, err := a.CreateVolume("erp::ledger", 1<<30, array.VolumeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	is := func(asked string, want evidence.Answer) {
		t.Helper()
		if proof := b.seen()(asked); proof.Gone != want {
			t.Errorf("%s: %v, want %v: %+v", asked, proof.Gone, want, proof.Lines)
		}
	}
	is(ledger.Serial, evidence.No)
	if err := a.DropPod("erp"); err != nil { // it lives on, on the other array
		t.Fatal(err)
	}
	is(ledger.Serial, evidence.Unknown)
	is("erp::ledger", evidence.Unknown)

	// What a run destroyed was never made final, and its pod went away with it.
	volume := b.leaked("leaked-volume")
	if status, out, errs := b.run("", "fix", "--volume", volume, "--yes"); status != StatusOK {
		t.Fatalf("fix: status %d\n%s%s", status, out, errs)
	}
	if err := a.DropPod("purepool"); err != nil {
		t.Fatal(err)
	}
	is(volume, evidence.Unknown)
}

// TestGoneAndMounted: a namespace can be taken away while it is mounted. Nothing
// says any more which volume it was, where it is not at LXD's path of one that is there.
func TestGoneAndMounted(t *testing.T) {
	for _, c := range []struct {
		at   string
		want evidence.Answer
	}{
		{"", evidence.Yes},
		{"/mnt/rescue", evidence.Unknown},
		{"/var/snap/lxd/common/lxd/storage-pools/nvpool/custom/default_data", evidence.Unknown},
	} {
		b := newBench(t, aged(t, "device-too-late-nvme"))
		volume := b.leaked("leaked-volume")
		v, _ := b.world.Array.Volume(volume)
		var errs []error
		if c.at != "" {
			errs = append(errs, b.world.Hosts[0].Mount(v.Serial, c.at, host.FirstNamespace))
		}
		for _, connection := range b.world.Array.Connections() {
			if connection.Volume == volume {
				errs = append(errs, b.world.Array.Disconnect(connection.Host, volume))
			}
		}
		if err := errors.Join(append(errs, b.world.Array.DestroyVolume(volume))...); err != nil {
			t.Fatal(err)
		}
		if proof := b.seen()(volume); proof.Gone != c.want {
			t.Errorf("mounted at %q: %v, want %v: %+v", c.at, proof.Gone, c.want, proof.Lines)
		}
	}
}

// TestGoneByARecording: a recorded host does not say what is there now. This one
// is of before LXD connected the volume, whose path is still there.
func TestGoneByARecording(t *testing.T) {
	b := newBench(t, aged(t, "device-too-late-iscsi"))
	volume, old := b.leaked("leaked-volume"), filepath.Join(t.TempDir(), "old")
	errs := []error{worlds.Of(t, "device-never-iscsi").Hosts[0].WriteTo(old)}
	for _, c := range b.world.Array.Connections() {
		if c.Volume == volume {
			errs = append(errs, b.world.Array.Disconnect(c.Host, volume))
		}
	}
	system, err := devices.FromDir(old)
	if err := errors.Join(append(errs, b.world.Array.DestroyVolume(volume), err)...); err != nil {
		t.Fatal(err)
	}
	b.s.given.host = system
	if status, out, errs := b.run("", "verify", volume); status != StatusTrouble || !strings.Contains(out, "Could not tell") || !strings.Contains(out, "it is a recording") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

// TestRecordWithoutVolume: LXD is asked whether or not the array knows it.
func TestRecordWithoutVolume(t *testing.T) {
	b := newBench(t, aged(t, "killed-before-create"))
	verify := b.seen()
	o := &verifyOptions{common: common{Streams: b.s, timeout: 5 * 60e9, whole: true}}
	world, _, err := o.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range world.LXD.Records.Items {
		text := diagnose.ArrayNames(&r)[0]
		for _, name := range []string{r.Pool + "/" + r.Type + "/" + r.Name, r.Pool + "::" + text, text, r.UUID.String()} {
			if proof := verify(name); !proof.Gone.IsNot() {
				t.Errorf("%s: %+v", name, proof.Lines)
			}
		}
	}
	// A serial that nothing has may be of the record that has no volume.
	if proof := verify(strings.ToUpper(strings.ReplaceAll(b.world.Array.ID(), "-", ""))[:16] + "FFFFFFF0"); proof.Gone != evidence.Unknown {
		t.Errorf("%+v", proof.Lines)
	}
}
