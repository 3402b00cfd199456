package diagnose

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
)

func statement(e Explanation, kind, name string) Statement {
	i := slices.IndexFunc(e.Statements, func(s Statement) bool { return s.Kind == kind && s.Name == name })
	if i < 0 {
		return Statement{}
	}
	return e.Statements[i]
}

func codes(e Explanation) []string {
	all := []string{}
	for _, f := range e.Findings {
		all = append(all, f.Code)
	}
	return all
}

// Every way to name one leaked volume leads to it.
func TestExplainTakesWhatTheOperatorHas(t *testing.T) {
	s := healthy()
	v := leakCopy(s)
	full, serial := s.vol(v).Name, s.vol(v).Serial
	s.Hosts[0].Links = evidence.Complete([]evidence.Link{{Path: "/dev/disk/by-id/scsi-" + serial.WWID(), Target: "/dev/dm-2", Serial: serial}})
	nvme := leakNVMe(s)
	for _, c := range []struct{ object, want string }{
		{full, full},
		{strings.ToUpper(full), full},
		{strings.TrimPrefix(full, "p1::"), full},
		{string(serial), full},
		{strings.ToLower(string(serial)), full},
		{serial.WWID(), full},
		{serial.NAA(), full},
		{serial.MapUUID(), full},
		{s.vol(v).ID, full},
		{"/dev/disk/by-id/scsi-" + serial.WWID(), full},
		{"/dev/disk/by-id/wwn-0x" + strings.TrimPrefix(serial.NAA(), "naa."), full},
		{"mpathc", full},
		{"/dev/mapper/mpathc", full},
		{"/sys/block/sdf", full},
		{"/sys/class/block/dm-2", full},
		{"dm-2", full},
		{"/dev/dm-2", full},
		{"253:2", full},
		{"sdf", full},
		{"/dev/sdf", full},
		{"lxd01:sdf", full},
		{"nvme0n2", s.vol(nvme).Name},
		{"/dev/nvme0n2", s.vol(nvme).Name},
		{"nvme0c1n2", s.vol(nvme).Name},
		{s.vol(nvme).Serial.EUI(), s.vol(nvme).Name},
		{strings.TrimPrefix(s.vol(nvme).Serial.EUI(), "eui."), s.vol(nvme).Name},
		{"custom/data", s.vol(1).Name},
		{"p1/custom/data", s.vol(1).Name},
		{"p1/default/custom/data", s.vol(1).Name},
		{"custom/data (default)", s.vol(1).Name},
		{"data", s.vol(1).Name},
		{"container/c1", s.vol(0).Name},
		{"virtual-machine/vm1", s.vol(4).Name},
		{"custom/data/snap0", s.array().Snapshots.Items[0].Name},
		{s.array().Snapshots.Items[0].Name, s.array().Snapshots.Items[0].Name},
		{"lxd01-iscsi", "lxd01-iscsi"},
		{iqn1, "lxd01-iscsi"},
	} {
		e, err := Explain(s.World, s.policy, c.object, "")
		if err != nil {
			t.Errorf("%s: %v", c.object, err)
			continue
		}
		if e.Object != c.want {
			t.Errorf("%s is %s, want %s", c.object, e.Object, c.want)
		}
	}
}

func TestExplainLeakedCopy(t *testing.T) {
	s := healthy()
	v := leakCopy(s)
	e, err := Explain(s.World, s.policy, s.vol(v).Name, "p1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"leaked-snapshot-volume"}, codes(e)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if want := "p1::su-00000003000040008000000000000000 is a temporary copy that LXD made of snapshot data/snap0 and left behind."; e.What != want {
		t.Errorf("what: %q\nwant: %q", e.What, want)
	}
	for _, c := range []struct{ kind, name, want string }{
		{"array", "fa1", "exists, 64MiB, serial 4A1B2C3D4E5F607100000009, created 2026-11-19 12:00 UTC, connected to lxd01-iscsi (LUN 8), no recent I/O"},
		{"lxd", "lxd01", "snapshot custom/data/snap0 (default) exists; no record of this copy, LXD keeps none, nothing that runs has snapshot data/snap0 attached, no LXD operation is running that could touch a volume"},
		{"host", "lxd01", "map mpathc with paths sdf and sdg, open count 0; no use of it seen"},
	} {
		if got := statement(e, c.kind, c.name); got.Text != c.want || !got.Known {
			t.Errorf("%s %s (known %v): %q\nwant %q", c.kind, c.name, got.Known, got.Text, c.want)
		}
	}
	if e.Verdict != Safe || e.Cause == "" || e.Effect == "" || len(e.Remedy) == 0 || e.LXD.Name != "data/snap0" {
		t.Errorf("%+v", e)
	}
}

// Of a healthy volume every gate is shown too, and the ones that refuse say
// what keeps it alive.
func TestExplainHealthyVolume(t *testing.T) {
	s := healthy()
	e, err := Explain(s.World, s.policy, "p1::u-00000002000040008000000000000000", "")
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Findings) > 0 || e.Verdict != ReportOnly {
		t.Errorf("findings %v, verdict %s", codes(e), e.Verdict)
	}
	f := Finding{Code: "explained", Gates: e.Gates}
	want := []string{"no-record", "not-expected", "not-protected", "not-in-use"}
	if diff := cmp.Diff(want, refusals(f)); diff != "" {
		t.Errorf("gates that refuse (-want +got):\n%s", diff)
	}
	for name, why := range map[string]string{
		"no-record":     "LXD has a record with uuid 00000002-0000-4000-8000-000000000000: custom/data (default) in pool p1",
		"not-expected":  "attached to container c1 (running on lxd01) as device data",
		"not-protected": "LXD has a record of its snapshot",
		"not-in-use":    "lxd01: mounted at /var/snap/lxd/common/lxd/storage-pools/p1/custom/default_data",
	} {
		if got := gate(t, f, name); got.Result != Fail || !strings.Contains(got.Why, why) {
			t.Errorf("%s %s: %q, want %q", name, got.Result, got.Why, why)
		}
	}
}

// What fits several things is listed, and every candidate can be asked for.
func TestExplainAmbiguous(t *testing.T) {
	s := healthy()
	second(s)
	v := s.volume("p1", name(evidence.TypeCustom, "", 20))
	s.record(v, "other")
	s.path(1, v, 1)
	_, err := Explain(s.World, s.policy, "sdb", "")
	ambiguous, ok := errors.AsType[*AmbiguousError](err)
	if !ok {
		t.Fatalf("%v, want an *AmbiguousError", err)
	}
	want := []Candidate{{s.vol(0).Name, "container/c1 (default)"}, {s.vol(v).Name, "custom/other (default)"}}
	if diff := cmp.Diff(want, ambiguous.Candidates); diff != "" {
		t.Errorf("candidates (-want +got):\n%s", diff)
	}
	for _, c := range ambiguous.Candidates {
		if e, err := Explain(s.World, s.policy, c.Object, ""); err != nil || e.Object != c.Object {
			t.Errorf("%s: %v", c.Object, err)
		}
	}
	if e, err := Explain(s.World, s.policy, "lxd02:sdb", ""); err != nil || e.Object != s.vol(v).Name {
		t.Errorf("lxd02:sdb: %v", err)
	}

	// The same name in two projects, and in two pools.
	s = healthy()
	s.record(s.volume("p1", name(evidence.TypeCustom, "", 30)), "data").Project = "x"
	s.record(s.volume("n1", name(evidence.TypeCustom, "", 31)), "data")
	if _, err := Explain(s.World, s.policy, "custom/data", ""); err == nil {
		t.Error("custom/data is not ambiguous")
	}
	for _, one := range []struct{ object, pool string }{{"custom/data", "n1"}, {"p1/x/custom/data", ""}, {"custom/data (x)", ""}, {"n1/custom/data", ""}} {
		if _, err := Explain(s.World, s.policy, one.object, one.pool); err != nil {
			t.Errorf("%s in %q: %v", one.object, one.pool, err)
		}
	}
}

func TestExplainUnknown(t *testing.T) {
	s := healthy()
	_, err := Explain(s.World, s.policy, "u-00000002", "")
	unknown, ok := errors.AsType[*UnknownObjectError](err)
	if !ok {
		t.Fatalf("%v, want an *UnknownObjectError", err)
	}
	if diff := cmp.Diff(&UnknownObjectError{Object: "u-00000002", Near: []string{
		"p1::u-00000002000040008000000000000000", "p1::u-00000005000040008000000000000000-i", "n1::u-00000007000040008000000000000000",
	}, Complete: true}, unknown); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := Explain(s.World, s.policy, "p1::u-00000002000040008000000000000000", "n1"); err == nil {
		t.Error("found in the wrong pool")
	}
	for _, object := range []string{"", " ", "::", "/", "/dev/", "x\x1b[2J", strings.Repeat("u", 1<<16)} {
		if _, err := Explain(s.World, s.policy, object, ""); err == nil {
			t.Errorf("%q was found", object[:min(len(object), 20)])
		}
	}
	s.array().Volumes = s.array().Volumes.Doubt("page 2")
	_, err = Explain(s.World, s.policy, "nothing-like-it", "")
	if unknown, ok := errors.AsType[*UnknownObjectError](err); !ok || unknown.Complete {
		t.Errorf("%v: the lists are not complete", err)
	}
}

// What an earlier run remembers of a snapshot does not contradict its record.
func TestExplainLiveSnapshot(t *testing.T) {
	s := healthy()
	snap := s.array().Snapshots.Items[0]
	s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: snap.ID, Recorded: clock.Add(-time.Hour), LXDName: "custom/data/snap0 (default)"}}
	e, err := Explain(s.World, s.policy, snap.Name, "")
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(e.Gates, func(g GateResult) bool { return g.Gate == "explained" })
	if got := e.Gates[i]; got.Result != Pass || got.Why != "LXD has its record" {
		t.Errorf("%s: %s", got.Result, got.Why)
	}
}

// Things that are no volume can be explained as well.
func TestExplainOtherThings(t *testing.T) {
	s := healthy()
	v := deadMap(s)
	serial := s.vol(v).Serial
	s.cut(v)
	s.array().Lookups = []evidence.Lookup{{Serial: serial, Found: evidence.No}}
	orphanSnapshot(s)
	lost := s.volume("p1", name(evidence.TypeCustom, "", 107))
	s.record(lost, "lost")
	s.array().Volumes.Items = s.array().Volumes.Items[:lost]
	s.array().Hosts = appendTo(s.array().Hosts, evidence.ArrayHost{Name: "old-iscsi", Local: evidence.Yes, ConnectionCount: evidence.CountOf(0), IQNs: []string{"iqn.old"}, Destroyed: evidence.No})
	dir := "/var/snap/lxd/common/lxd/storage-pools/p1/custom/default_x"
	s.Hosts[0].Directories = evidence.Complete([]evidence.Directory{{Path: dir, Pool: "p1", Kind: "custom", Name: "default_x", Empty: evidence.Yes, Mounted: evidence.No}})
	for _, c := range []struct {
		object, what string
		codes        []string
		verdict      Verdict
	}{
		{"mpathc", "mpathc on lxd01 is a device of a Pure volume in none of LXD's pods.", []string{"stale-map"}, Safe},
		{string(serial), "mpathc on lxd01 is a device of a Pure volume", []string{"stale-map"}, Safe},
		{s.array().Snapshots.Items[1].Name, "no record of it was found", []string{"leaked-snapshot"}, Blocked}, // a record of nothing stands beside it
		{"custom/lost", "custom/lost (default) is a record of LXD in pool p1 without anything on the array.", []string{"missing-volume"}, ReportOnly},
		{"p1/custom/lost", "custom/lost (default) is a record", []string{"missing-volume"}, ReportOnly},
		{"old-iscsi", "old-iscsi is an array host on fa1.", []string{"idle-host"}, ReportOnly},
		{dir, dir + " is a mount directory of LXD's pool p1 on lxd01.", []string{"leftover-directory"}, ReportOnly},
	} {
		e, err := Explain(s.World, s.policy, c.object, "")
		if err != nil {
			t.Errorf("%s: %v", c.object, err)
			continue
		}
		if !strings.Contains(e.What, c.what) || e.Verdict != c.verdict {
			t.Errorf("%s: %s %q, want %s %q", c.object, e.Verdict, e.What, c.verdict, c.what)
		}
		if diff := cmp.Diff(c.codes, codes(e)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.object, diff)
		}
		for _, st := range e.Statements {
			if st.Text == "" {
				t.Errorf("%s: %s %s says nothing", c.object, st.Kind, st.Name)
			}
		}
	}
}

// Every object of every finding can be given back to explain.
func TestEveryFindingCanBeExplained(t *testing.T) {
	for _, c := range kindCases {
		t.Run(c.name, func(t *testing.T) {
			s := healthy()
			c.make(s)
			for _, f := range s.judge().Findings {
				switch f.Code {
				case "unsafe-setting":
					continue // a setting is no object
				case "in-use-without-connection":
					if f.VolumeID == "" {
						continue // what it was is not known
					}
				}
				e, err := Explain(s.World, s.policy, f.Object, "")
				if err != nil {
					t.Errorf("%s %s: %v", f.Code, f.Object, err)
					continue
				}
				if !slices.Contains(codes(e), f.Code) {
					t.Errorf("%s %s: explained with %v", f.Code, f.Object, codes(e))
				}
			}
		})
	}
}

// A witness that could not tell says so in its statement.
func TestExplainSaysWhatIsNotKnown(t *testing.T) {
	s := healthy()
	v := leak(s)
	s.array().Connections = s.array().Connections.Doubt("page 3")
	s.LXD.Records = s.LXD.Records.Doubt("project x hidden")
	s.Hosts[0].Uses = s.Hosts[0].Uses.Doubt("not root")
	s.LXD.Members = appendTo(s.LXD.Members, evidence.Member{Name: "lxd02", Online: evidence.Yes})
	e, err := Explain(s.World, s.policy, s.vol(v).Name, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ kind, name, says string }{
		{"array", "fa1", "page 3"},
		{"lxd", "lxd01", "project x hidden"},
		{"host", "lxd01", "not root"},
		{"host", "lxd02", "were not read"},
	} {
		if got := statement(e, c.kind, c.name); got.Known || !strings.Contains(got.Text, c.says) {
			t.Errorf("%s %s (known %v): %q, want %q", c.kind, c.name, got.Known, got.Text, c.says)
		}
	}
}

// That an array has nothing of a record is said only of lists that are whole.
func TestExplainARecordOfNothing(t *testing.T) {
	for name, c := range map[string]struct {
		doubt func(*evidence.Array)
		known bool
		says  string
	}{
		"all was listed":        {func(*evidence.Array) {}, true, "in the pod or anywhere else"},
		"not all volumes":       {func(a *evidence.Array) { a.Volumes = a.Volumes.Doubt("cut") }, false, "none of the objects that could be read"},
		"not all snapshots":     {func(a *evidence.Array) { a.Snapshots = a.Snapshots.Doubt("cut") }, false, "none of the objects that could be read"},
		"not all elsewhere":     {func(a *evidence.Array) { a.Elsewhere = a.Elsewhere.Doubt("cut") }, false, "what is outside of it is not all known"},
		"not all copies beside": {func(a *evidence.Array) { a.ElsewhereSnapshots = a.ElsewhereSnapshots.Doubt("cut") }, false, "what is outside of it is not all known"},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			s.recordOfNothing("lost")
			c.doubt(s.array())
			e, err := Explain(s.World, s.policy, "custom/lost", "")
			if err != nil {
				t.Fatal(err)
			}
			if got := statement(e, "array", s.array().Name); got.Known != c.known || !strings.Contains(got.Text, c.says) {
				t.Errorf("known %v: %s", got.Known, got.Text)
			}
		})
	}
}

// Of an array host what is wrong with itself is told first: what follows from that
// for a volume has another cause by its own name.
func TestExplainAHostItself(t *testing.T) {
	s := healthy()
	s.object(hostName).IQNs = []string{"iqn.x:other"}
	e, err := Explain(s.World, s.policy, hostName, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := codes(e); len(got) < 2 || got[0] != "hijacked-host" {
		t.Fatalf("%v", got)
	}
	if e.Cause != e.Findings[0].Cause || !slices.Equal(e.Remedy, e.Findings[0].Remedy) {
		t.Errorf("cause %q, remedy %q", e.Cause, e.Remedy)
	}
}

// TestWordsOfParts: what explain says of small things.
func TestWordsOfParts(t *testing.T) {
	a := &arrayFacts{Array: &evidence.Array{Clock: clock}}
	for got, want := range map[string]string{
		"VM's block: " + halfWords(name(evidence.TypeVM, evidence.ContentBlock, 1)):       ", the half with the root disk",
		"VM's config: " + halfWords(name(evidence.TypeVM, "", 1)):                         ", the half with its configuration",
		"image's block: " + halfWords(name(evidence.TypeImage, evidence.ContentBlock, 1)): ", the half with the root disk",
		"image's: " + halfWords(name(evidence.TypeImage, "", 1)):                          "",
		"container's: " + halfWords(name(evidence.TypeContainer, "", 1)):                  "",
		"NVMe: " + numberWords(&evidence.Connection{NSID: 7}):                             " (NSID 7)",
		"SCSI: " + numberWords(&evidence.Connection{LUN: 7}):                              " (LUN 7)",
		"empty: " + negated(evidence.Yes, "empty"):                                        "",
		"not empty: " + negated(evidence.No, "empty"):                                     "not empty",
		"perhaps empty: " + negated(evidence.Unknown, "empty"):                            "not known to be empty",
		"no use: " + goneName(nil):                                                        "",
		"a use: " + goneName(&evidence.Use{Device: "dm-7"}):                               "dm-7",
		"SCSI's name: " + wwid(serialNo(1), false):                                        serialNo(1).WWID(),
		"NVMe's name: " + wwid(serialNo(1), true):                                         serialNo(1).EUI(),
		"live: " + destroyedWords(a, evidence.No, 0):                                      "",
		"destroyed or not: " + destroyedWords(a, evidence.Unknown, 0):                     "not known whether destroyed",
		"destroyed: " + destroyedWords(a, evidence.Yes, time.Hour):                        "destroyed, " + a.until(time.Hour, "its data will be lost"),
	} {
		if what, words, _ := strings.Cut(got, ": "); words != want {
			t.Errorf("%s: %q, want %q", what, words, want)
		}
	}
	for path, want := range map[string]bool{
		"/lxd/storage-pools/p1/custom/default_v": true, "/lxd/storage-pools/p1/custom/": false, "/lxd/storage-pools/p1/custom": false, "/lxd/storage-pools/p1": false, "/mnt": false,
	} {
		if _, _, _, ok := lxdPath(path); ok != want {
			t.Errorf("%s is a path of LXD's: %t", path, ok)
		}
	}
}
