package diagnose

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
)

// recordedWorld is what the witnesses said of a real host with LXD 6.9 on a
// stand-in for the array, read by packages records and devices.
func recordedWorld(t *testing.T, name string) evidence.World {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var w evidence.World
	if err := json.Unmarshal(data, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

const (
	fs1   = "purepool::u-6784e1783ed346daa88ca8378a44b162"
	late  = "purepool::u-df2ba6a8d9a047beab5d2d0586abac61"
	lateN = "nvpool::u-0e41cf8047644118b57b0fe66e4ab07b"
)

// Of each recorded state exactly that is found which is known to be wrong
// with it.
func TestRecordedStates(t *testing.T) {
	for _, c := range []struct {
		name string
		want []string
	}{
		{"01-healthy-attached", []string{"degraded-paths " + fs1}},
		{"03-leak15210-late-device", []string{
			"leaked-volume " + lateN,
			"degraded-paths " + fs1,
			"leaked-volume " + late,
		}},
		{"05-stale-array-side", []string{
			"destroyed-but-recorded purepool::u-38a6b1c53673464d892f903889fc39b3-b",
			"in-use-without-connection " + fs1,
			"leaked-volume " + lateN,
			"leaked-volume purepool::u-139212eb40a646c1a25fab50c565c82b",
			"leaked-volume purepool::u-6bde5e9496884d2e832b6078e07be707",
			"leaked-volume purepool::u-7147d98a1f474f7ba3224323d9bf2952",
			"leaked-volume " + late,
			"leaked-volume purepool::u-fa5f7fd069664cf79e7bcde71475f312",
			"leaked-snapshot-volume purepool::su-e8ab2d4244064a60871cb386e4170965",
			"stale-connection purepool::u-da659b9140694ef594c61b6b09aac17e",
			"stale-map mpathh",
			"idle-host lxdlab-nvme-tcp",
			"idle-host oldnode-iscsi",
			"foreign-volume purepool::manual-vol",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Judge(recordedWorld(t, c.name), DefaultPolicy())
			if diff := cmp.Diff(c.want, found(r)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for _, f := range r.Findings {
				if f.Verdict == Safe {
					t.Errorf("%s %s is safe on a recording", f.Code, f.Object)
				}
				if testing.Verbose() {
					t.Logf("%s %s %s\n  %s\n  %s\n  %s\n  %v", f.Severity, f.Code, f.Object, f.Detail, f.Cause, f.Effect, f.Remedy)
					for _, g := range f.Gates {
						t.Logf("    %s %s: %s", g.Result, g.Gate, g.Why)
					}
				}
			}
		})
	}
}

// live makes a recording what a running host would have said.
func live(w *evidence.World) {
	for i := range w.Hosts {
		h := &w.Hosts[i]
		h.Recorded, h.AllProcesses, h.AllProcessesWhy = false, evidence.Yes, ""
		h.Uses = evidence.Complete(h.Uses.Items)
		for j := range h.Disks.Items {
			d := &h.Disks.Items[j]
			d.Live = evidence.Identity{Kind: evidence.IdentityKnown, Serial: d.Serial}
			if d.Name == "sdc" || d.Name == "sdg" {
				d.Live = evidence.Identity{Kind: evidence.IdentityGone}
			}
		}
	}
	a := &w.Arrays[0]
	for _, v := range a.Volumes.Items {
		a.Activity = appendTo(a.Activity, evidence.Activity{VolumeID: v.ID, Busy: evidence.No})
	}
}

// On the running host the same leaks could be repaired, and nothing else.
func TestRecordedStateAlive(t *testing.T) {
	w := recordedWorld(t, "05-stale-array-side")
	live(&w)
	policy := Policy{MinAge: 1, ImageMinAge: 1, MaxShare: 0.1, MinShareCount: 5, ReadWithin: DefaultPolicy().ReadWithin}
	// Somebody has destroyed custom/v1 by hand: the records and the array
	// contradict each other, and only the operator knows who is right.
	for _, f := range Judge(w, policy).Findings {
		if f.Code == "leaked-volume" && f.Pool == "purepool" && gate(t, f, "explained").Result != Uncertain {
			t.Errorf("%s: %v", f.Object, f.Gates)
		}
	}
	policy.DatabaseIsCurrent = true
	r := Judge(w, policy)
	var got []string
	for _, f := range r.Findings {
		if f.Verdict == Safe {
			got = append(got, f.Object)
		}
	}
	want := []string{
		lateN,
		"purepool::u-139212eb40a646c1a25fab50c565c82b",
		"purepool::u-6bde5e9496884d2e832b6078e07be707",
		"purepool::u-7147d98a1f474f7ba3224323d9bf2952",
		late,
		"purepool::u-fa5f7fd069664cf79e7bcde71475f312",
		"purepool::su-e8ab2d4244064a60871cb386e4170965",
		"purepool::u-da659b9140694ef594c61b6b09aac17e",
		"mpathh",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("safe (-want +got):\n%s", diff)
		for _, f := range r.Findings {
			for _, g := range f.Gates {
				if g.Result != Pass {
					t.Logf("%s: %s %s: %s", f.Object, g.Gate, g.Result, g.Why)
				}
			}
		}
	}
	if s := r.Summary; s.LeakedVolumes != 6 || s.LeakedBytes != 6*64<<20 || s.OldestObject != late {
		t.Errorf("summary %+v", s)
	}
	if !r.Complete {
		t.Errorf("incomplete: %q", r.Doubts)
	}
	if !slices.ContainsFunc(r.Findings, func(f Finding) bool {
		return strings.Contains(f.Detail, "custom/fs1 (default), mounted at /var/lib/lxd/storage-pools/purepool/custom/default_fs1")
	}) {
		t.Error("it is not said where fs1 is mounted")
	}
}
