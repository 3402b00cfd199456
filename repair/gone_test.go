package repair

import (
	"context"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// A live volume that somebody disconnected on the array leaves a mount and a
// file system on a device that has gone. LXD's path says of which volume the
// mount is, and the file system is on the same device: that keeps nobody from
// repairing another volume, by what scan says as by what the machine does.
func TestUseOfAnotherVolumesGoneDevice(t *testing.T) {
	k := newKit(t, "device-too-late-nvme")
	cut := k.disconnectMounted()
	f := k.finding("leaked-volume")
	if f.Verdict != diagnose.Safe {
		t.Fatalf("%s: %+v", f.Verdict, f.Gates)
	}
	plan := k.plan("leaked-volume")
	if _, err := k.tools().Run(context.Background(), plan); err != nil {
		t.Fatal(err)
	}
	if destroyed, _ := k.volume(plan.Object); !destroyed {
		t.Error("it is not destroyed")
	}
	if destroyed, _ := k.volume(cut); destroyed {
		t.Error("the mounted volume is destroyed")
	}
	k.noHarm()
	// Of the mounted volume itself it is a use, and without its record nobody
	// can say of which volume it is.
	world, _ := k.scan()
	for _, use := range world.Hosts[0].Uses.Items {
		if use.Kind != evidence.UseMount || use.Serial != "" || !strings.Contains(use.Where, "/storage-pools/") {
			continue
		}
		volumes := diagnose.MountedVolumes(&world, use)
		if len(volumes) != 1 || volumes[0].Name != cut {
			t.Fatalf("mounted from a device that has gone: %+v", volumes)
		}
		if usedByAnother(&world, use, Plan{Serial: volumes[0].Serial}) || usedByAnother(&world, use, Plan{}) {
			t.Error("the volume's own use is called another's")
		}
		if !usedByAnother(&world, use, plan) {
			t.Error("the use of another volume is not known")
		}
		records := world.LXD.Records
		world.LXD.Records = records.Doubt("a page was refused")
		if usedByAnother(&world, use, plan) {
			t.Error("a use is called another's though not all records are known")
		}
		world.LXD.Records = records
		world.LXD.Records.Items = nil
		if usedByAnother(&world, use, plan) {
			t.Error("a use of a volume without a record is called another's")
		}
		return
	}
	t.Error("nothing is mounted from a device that has gone")
}

// disconnectMounted cuts a live volume that is mounted, behind LXD's back.
func (k *kit) disconnectMounted() string {
	k.t.Helper()
	for _, c := range k.world.Array.Connections() {
		v, _ := k.world.Array.Volume(c.Volume)
		if k.world.Live(c.Volume) && k.world.Hosts[0].InUse(v.Serial) {
			if err := k.world.Array.Disconnect(c.Host, c.Volume); err != nil {
				k.t.Fatal(err)
			}
			return c.Volume
		}
	}
	k.t.Fatal("nothing is mounted")
	return ""
}
