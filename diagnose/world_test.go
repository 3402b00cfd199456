package diagnose

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pureclean/pureclean/evidence"
)

// The array compares names without case and keeps the case it was given.
func TestArrayNamesWithoutCase(t *testing.T) {
	s := healthy()
	v := leak(s)
	want := safe(s.judge())
	a := s.array()
	for i := range a.Pods.Items {
		a.Pods.Items[i].Name = strings.ToUpper(a.Pods.Items[i].Name)
	}
	for i := range a.Hosts.Items {
		a.Hosts.Items[i].Name = strings.ToUpper(a.Hosts.Items[i].Name)
	}
	r := s.judge()
	if diff := cmp.Diff(want, safe(r)); diff != "" {
		t.Errorf("safe (-want +got):\n%s", diff)
	}
	if got := found(r); len(got) != 1 || got[0] != "leaked-volume "+s.vol(v).Name {
		t.Errorf("found %q", got)
	}
}

// In a cluster every member has to have answered, connected or not.
func TestCluster(t *testing.T) {
	s := healthy()
	second(s)
	leak(s)
	if f := only(t, s.judge(), "leaked-volume"); f.Verdict != Safe {
		t.Errorf("both answered: %v", refusals(f))
	}

	// A volume on both members: each of them uses it.
	data := 1
	s.connect(data, "lxd02-iscsi")
	s.attach(1, data, 2)
	s.run("c2", "lxd02", evidence.InstanceDisk{Device: "data", Pool: "p1", Source: "data", Type: evidence.TypeCustom, Project: "default"})
	s.record(s.volume("p1", name(evidence.TypeContainer, "", 9)), "c2")
	if got := found(s.judge()); len(got) != 1 {
		t.Errorf("attached on two members: found %q", got)
	}

	// When it stops there, only that connection is stale.
	s.LXD.Instances.Items[2].Running = evidence.No
	r := s.judge()
	f := only(t, r, "stale-connection")
	if f.Host != "lxd02-iscsi" || !strings.Contains(f.Detail, "used only elsewhere: attached to container c1 (running on lxd01) as device data") {
		t.Errorf("%s: %s", f.Host, f.Detail)
	}
	if f.Verdict != Blocked {
		t.Errorf("a volume that is mounted on another member: %s", f.Verdict)
	}

	// Without the second member's testimony it is still found, and blocked.
	s.Hosts = s.Hosts[:1]
	r = s.judge()
	f = only(t, r, "stale-connection")
	if got := gate(t, f, "hosts-answered"); got.Result != Uncertain || !strings.HasSuffix(f.Detail, "; lxd02 was not read") {
		t.Errorf("%s %q: %s", got.Result, got.Why, f.Detail)
	}
	if slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Verdict == Safe }) || r.Complete {
		t.Errorf("complete %v, findings %q", r.Complete, found(r))
	}
	i := slices.IndexFunc(r.Witnesses, func(w Witness) bool { return w.Name == "lxd02" })
	if i < 0 || r.Witnesses[i].Complete || r.Witnesses[i].Kind != "host" {
		t.Errorf("witnesses %+v", r.Witnesses)
	}
	if slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Code == "foreign-connection" }) {
		t.Error("a member's own array host is called foreign because the member was not read")
	}
}

// Whose an array host is follows from its initiators.
func TestOwner(t *testing.T) {
	const fc = "21000024ff000001"
	for _, c := range []struct {
		name   string
		object evidence.ArrayHost
		set    func(*scene)
		want   evidence.Answer
		says   string
	}{
		{"a member's", evidence.ArrayHost{Name: "whatever", IQNs: []string{iqn1}}, nil, evidence.Yes, "whatever is lxd01 (" + iqn1 + ")"},
		{"spelled differently", evidence.ArrayHost{Name: "h", IQNs: []string{strings.ToUpper(iqn1)}}, nil, evidence.Yes, "is lxd01"},
		{"named after a member only", evidence.ArrayHost{Name: "lxd01-iscsi", IQNs: []string{"iqn.x"}}, nil, evidence.No, "belongs to no member"},
		{"named after a member that did not show its own", evidence.ArrayHost{Name: "lxd01-iscsi", IQNs: []string{"iqn.x"}}, func(s *scene) { s.Hosts[0].IQNs = s.Hosts[0].IQNs.Doubt("EACCES") }, evidence.Unknown, "lxd01 by its name only"},
		{"at a peer array", evidence.ArrayHost{Name: "fa2:h", IQNs: []string{iqn1}, Local: evidence.No}, nil, evidence.Yes, "fa2:h is lxd01"},
		{"a stranger's at a peer array", evidence.ArrayHost{Name: "fa2:h", IQNs: []string{"iqn.x"}, Local: evidence.No}, nil, evidence.No, "fa2:h belongs to no member"},
		{"perhaps a peer array's", evidence.ArrayHost{Name: "h", IQNs: []string{iqn1}, Local: evidence.Unknown}, nil, evidence.Unknown, "not known whether"},
		{"empty", evidence.ArrayHost{Name: "h"}, nil, evidence.Unknown, "no initiators"},
		{"of two machines", evidence.ArrayHost{Name: "h", IQNs: []string{iqn1, iqn2}}, second, evidence.Unknown, "of both lxd01 and lxd02"},
		{"with a stranger's beside", evidence.ArrayHost{Name: "h", IQNs: []string{iqn1, "iqn.x"}}, nil, evidence.No, "iqn.x beside those of lxd01"},
		{"with perhaps a stranger's beside", evidence.ArrayHost{Name: "h", IQNs: []string{iqn1}, WWNs: []string{fc}}, func(s *scene) { s.Hosts[0].WWPNs = s.Hosts[0].WWPNs.Doubt("EIO") }, evidence.Unknown, fc},
		{"of a machine that is no member", evidence.ArrayHost{Name: "h", IQNs: []string{iqn2}}, func(s *scene) { s.Hosts = append(s.Hosts, machine("backup", iqn2, "nqn.b")) }, evidence.No, "backup, which is no member"},
		{"members not all known", evidence.ArrayHost{Name: "h", IQNs: []string{"iqn.x"}}, func(s *scene) { s.LXD.Members = s.LXD.Members.Doubt("x") }, evidence.Unknown, "members are not all known"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := healthy()
			if c.object.Local == evidence.Unknown && c.want != evidence.Unknown || c.name == "of two machines" || strings.Contains(c.name, "beside") || strings.Contains(c.name, "member") {
				c.object.Local = evidence.Yes
			}
			s.array().Hosts.Items = []evidence.ArrayHost{c.object}
			if c.set != nil {
				c.set(s)
			}
			f := newFacts(&s.World, s.policy)
			o := f.arrays[0].owner(c.object.Name)
			if o.ours != c.want || !strings.Contains(o.why, c.says) {
				t.Errorf("%s %q, want %s %q", o.ours, o.why, c.want, c.says)
			}
		})
	}
}

// A limit to some pools limits what is reported, not what is known: the
// device of a volume in another pool is not taken for one without a volume.
func TestPoolsLimit(t *testing.T) {
	s := healthy()
	leak(s)
	leakNVMe(s)
	s.policy.Pools = []string{"N1"}
	r := s.judge()
	if diff := cmp.Diff([]string{"leaked-volume n1::" + u101}, found(r)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if len(r.Pools) != 1 || r.Pools[0].Name != "n1" {
		t.Errorf("pools %+v", r.Pools)
	}
}

// Two pools whose gateways are two addresses of one array.
func TestOneArrayThroughTwoGateways(t *testing.T) {
	s := healthy()
	leak(s)
	leakNVMe(s)
	first := s.Arrays[0]
	other := first
	other.Gateway = "https://fa1-vir0"
	first.Asked, other.Asked = []string{"p1"}, []string{"n1"}
	split := func(l evidence.List[evidence.Volume], pod string) evidence.List[evidence.Volume] {
		l.Items = slices.DeleteFunc(slices.Clone(l.Items), func(v evidence.Volume) bool { return v.Pod != pod })
		return l
	}
	other.Volumes, first.Volumes = split(other.Volumes, "n1"), split(first.Volumes, "p1")
	other.Pods, first.Pods = evidence.Complete(other.Pods.Items[1:]), evidence.Complete(first.Pods.Items[:1])
	s.Arrays = []evidence.Array{first, other}
	s.LXD.Pools.Items[1].Gateway = other.Gateway
	r := s.judge()
	if diff := cmp.Diff([]string{"leaked-volume n1::" + u101, "leaked-volume p1::" + u100}, found(r)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	for _, f := range r.Findings {
		if f.Verdict != Safe {
			t.Errorf("%s: %v", f.Object, refusals(f))
		}
	}
}

// A pool without an array, a pod without a pool, a pool without a pod: each
// is a doubt, and no volume of it is judged.
func TestPoolsThatDontMatch(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*scene)
		says string
	}{
		{"no array", func(s *scene) { s.LXD.Pools.Items[1].Gateway = "https://other" }, "pool n1: no array was asked for it"},
		{"no pod", func(s *scene) { s.array().Pods.Items = s.array().Pods.Items[:1] }, "pool n1: the array has no pod of this name"},
		{"no pool", func(s *scene) { s.LXD.Pools.Items = s.LXD.Pools.Items[:1] }, "pool n1: LXD lists no pool"},
		{"no records", func(s *scene) {
			s.LXD.Records = evidence.Incomplete(slices.DeleteFunc(s.LXD.Records.Items, func(r evidence.Record) bool { return r.Pool == "n1" }), "timeout")
		}, "pool n1: none of LXD's records of it could be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := healthy()
			c.set(s)
			r := s.judge()
			for _, f := range r.Findings {
				t.Errorf("found %s %s: %s", f.Code, f.Object, f.Detail)
			}
			if r.Complete || !slices.ContainsFunc(r.Doubts, func(d string) bool { return strings.HasPrefix(d, c.says) }) {
				t.Errorf("complete %v, doubts %q, want %q", r.Complete, r.Doubts, c.says)
			}
		})
	}
}

// Nothing at all, and evidence full of zero values, give no finding and no
// panic; and nobody calls that complete.
func TestEmptyWorlds(t *testing.T) {
	for name, w := range map[string]evidence.World{
		"nothing": {},
		"zeros": {
			Arrays: []evidence.Array{{Volumes: evidence.Complete([]evidence.Volume{{}}), Connections: evidence.Complete([]evidence.Connection{{}}), Snapshots: evidence.Complete([]evidence.Snapshot{{}}), Hosts: evidence.Complete([]evidence.ArrayHost{{}})}},
			LXD: evidence.LXD{
				Pools: evidence.Complete([]evidence.Pool{{}}), Records: evidence.Complete([]evidence.Record{{}}), Instances: evidence.Complete([]evidence.Instance{{Disks: []evidence.InstanceDisk{{}}}}),
				Members: evidence.Complete([]evidence.Member{{}}), Operations: evidence.Complete([]evidence.Operation{{}}),
			},
			Hosts: []evidence.Host{{
				Disks: evidence.Complete([]evidence.Disk{{}}), Maps: evidence.Complete([]evidence.Map{{Paths: []evidence.Path{{}}}}), Namespaces: evidence.Complete([]evidence.Namespace{{Paths: []evidence.NamespacePath{{}}}}),
				Uses: evidence.Complete([]evidence.Use{{}}), Directories: evidence.Complete([]evidence.Directory{{}}), Settings: evidence.Complete([]evidence.Setting{{}}),
			}},
			Seen: []evidence.Sighting{{}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := Judge(w, DefaultPolicy())
			for _, f := range r.Findings {
				if f.Verdict == Safe {
					t.Errorf("%s %q is safe", f.Code, f.Object)
				}
			}
			if r.Complete {
				t.Error("it is called complete")
			}
			if _, err := Explain(w, DefaultPolicy(), "x", ""); err == nil {
				t.Error("x was found")
			}
		})
	}
}

// The zero Policy allows nothing.
func TestZeroPolicy(t *testing.T) {
	s := everything()
	if got := safe(Judge(s.World, Policy{})); len(got) > 0 {
		t.Errorf("safe: %v", got)
	}
}

// Judging does not change the evidence, and the same evidence gives the same
// report.
func TestJudgeIsPure(t *testing.T) {
	s, same := everything(), everything()
	first, second := s.judge(), s.judge()
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the second report differs:\n%s", diff)
	}
	all := cmp.Exporter(func(reflect.Type) bool { return true })
	if diff := cmp.Diff(same.World, s.World, all); diff != "" {
		t.Errorf("the evidence was changed:\n%s", diff)
	}
}

// Names that others choose can't end a command line that we print.
func TestCommandsAreQuoted(t *testing.T) {
	s := healthy()
	v := s.volume("p1", name(evidence.TypeCustom, "", 107))
	s.record(v, "x; rm -rf ~ 'y'").Project = "$(id)"
	s.array().Volumes.Items = s.array().Volumes.Items[:v]
	f := only(t, s.judge(), "missing-volume")
	want := `or, if it is not wanted any more: lxc storage volume delete p1 'x; rm -rf ~ '\''y'\''' --project '$(id)'`
	if got := f.Remedy[len(f.Remedy)-1]; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for word, want := range map[string]string{"": "''", "-rf": "'-rf'", "a b": "'a b'", "p1::u-1": "p1::u-1"} {
		if got := shell(word); got != want {
			t.Errorf("shell(%q) = %s, want %s", word, got, want)
		}
	}
}

// A Fibre Channel host has no sessions: only paths that are dead are missed.
func TestFibreChannelPaths(t *testing.T) {
	s := healthy()
	h := &s.Hosts[0]
	h.Sessions.Items = nil
	for i := range h.Disks.Items {
		h.Disks.Items[i].Session, h.Disks.Items[i].Transport, h.Disks.Items[i].RemotePort = 0, "fc", "rport-1:0-1"
	}
	if got := found(s.judge()); len(got) > 0 {
		t.Errorf("found %q", got)
	}
	h.Disks.Items[0].State = "transport-offline"
	if f := only(t, s.judge(), "degraded-paths"); !strings.Contains(f.Detail, "has 1 of 2 paths: sdb is transport-offline") {
		t.Errorf("%s", f.Detail)
	}
}

// An owner who is asked for one volume of the array may not be told of a
// directory of the wrong kind: what LXD keeps, it keeps.
func TestDirectoriesAreSilentWhileRecordsAreNot(t *testing.T) {
	s := healthy()
	s.Hosts[0].Directories = evidence.Complete([]evidence.Directory{{Path: "/var/lib/lxd/storage-pools/p1/custom/x", Pool: "p1", Kind: "custom", Name: "x", Empty: evidence.Yes, Mounted: evidence.No}})
	if got := found(s.judge()); len(got) != 1 {
		t.Fatalf("found %q", got)
	}
	for name, set := range map[string]func(*scene){
		"records": func(s *scene) { s.LXD.Records = s.LXD.Records.Doubt("x") },
		"rights":  func(s *scene) { s.LXD.SeesAll = evidence.Unknown },
		"busy":    func(s *scene) { s.operate("Creating storage volume") },
	} {
		s := healthy()
		s.Hosts[0].Directories = evidence.Complete([]evidence.Directory{{Path: "/var/lib/lxd/storage-pools/p1/custom/x", Pool: "p1", Kind: "custom", Name: "x", Empty: evidence.Yes, Mounted: evidence.No}})
		set(s)
		if got := found(s.judge()); len(got) > 0 {
			t.Errorf("%s: found %q", name, got)
		}
	}
}

// Every kind has its page, with what an operator looks for at night.
func TestPages(t *testing.T) {
	sections := []string{"## What it is", "## How LXD comes to leave it", "## See it by hand", "## What pureclean does", "## How to undo it"}
	known := map[string]bool{}
	for _, k := range Kinds {
		known[k.Code+".md"] = true
		data, err := os.ReadFile("../docs/findings/" + k.Code + ".md")
		if err != nil {
			t.Error(err)
			continue
		}
		page := string(data)
		if !strings.HasPrefix(page, "# "+k.Code+"\n") {
			t.Errorf("%s: the page does not begin with its code", k.Code)
		}
		at := 0
		for _, section := range sections {
			i := strings.Index(page[at:], section+"\n")
			if i < 0 {
				t.Errorf("%s: %q is missing, or out of order", k.Code, section)
				continue
			}
			at += i
		}
		if !regexp.MustCompile("(?m)^    [a-z]|^```").MatchString(page) {
			t.Errorf("%s: there is no command to see it by hand", k.Code)
		}
		for _, other := range regexp.MustCompile(`\(([a-z-]+\.md)`).FindAllStringSubmatch(page, -1) {
			if _, err := os.Stat("../docs/findings/" + other[1]); err != nil {
				t.Errorf("%s: %v", k.Code, err)
			}
		}
	}
	files, err := os.ReadDir("../docs/findings")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !known[file.Name()] && file.Name() != "README.md" && file.Name() != "findings.go" {
			t.Errorf("docs/findings/%s is no finding's page", file.Name())
		}
	}
}

// big is a pool of n volumes: most of them recorded, one in a hundred leaked,
// three connections each, as many snapshots, on 64 hosts of which one
// answered with a few hundred devices.
func big(n int) *scene {
	s := healthy()
	a := s.array()
	for h := range 64 {
		a.Hosts.Items = append(a.Hosts.Items, evidence.ArrayHost{Name: fmt.Sprintf("node%02d-iscsi", h), Local: evidence.Yes, IQNs: []string{fmt.Sprintf("iqn.x:node%02d", h)}, ConnectionCount: evidence.CountOf(1)})
		s.LXD.Members.Items = append(s.LXD.Members.Items, evidence.Member{Name: fmt.Sprintf("node%02d", h), Online: evidence.Yes})
	}
	s.LXD.Clustered = evidence.Yes
	for i := range n {
		v := s.volume("p1", name(evidence.TypeCustom, "", 1000+i))
		if i%100 != 0 {
			s.record(v, fmt.Sprintf("vol%d", i))
		}
		vol := s.vol(v)
		vol.ConnectionCount = evidence.CountOf(3)
		for c := range 3 {
			a.Connections.Items = append(a.Connections.Items, evidence.Connection{VolumeID: vol.ID, VolumeName: vol.Name, Host: fmt.Sprintf("node%02d-iscsi", (i+c)%64), LUN: int64(i + 1)})
		}
		if i < 300 {
			s.path(0, v, 1)
		}
		if i%100 != 0 {
			// Its instance runs on the first, so the other two are stale.
			s.LXD.DaemonVolumes.Items = append(s.LXD.DaemonVolumes.Items,
				evidence.DaemonVolume{Member: fmt.Sprintf("node%02d", i%64), Pool: "p1", Volume: fmt.Sprintf("vol%d", i)},
				evidence.DaemonVolume{Member: fmt.Sprintf("node%02d", (i+1)%64), Pool: "p1", Volume: fmt.Sprintf("vol%d", i)},
				evidence.DaemonVolume{Member: fmt.Sprintf("node%02d", (i+2)%64), Pool: "p1", Volume: fmt.Sprintf("vol%d", i)})
		}
		a.Activity.Items = append(a.Activity.Items, evidence.Activity{VolumeID: vol.ID, VolumeName: vol.Name, Busy: evidence.No})
		seen := evidence.Sighting{ArrayID: a.ID, VolumeID: vol.ID, Pod: "p1", Name: vol.Name}
		if i%100 != 0 {
			seen.Recorded, seen.LXDName = a.Clock, fmt.Sprintf("custom/vol%d (default)", i)
		}
		s.Seen = append(s.Seen, seen)
		a.Snapshots.Items = append(a.Snapshots.Items, evidence.Snapshot{ID: fmt.Sprintf("s%d", i), Name: vol.Name + ".daily", Pod: "p1", Suffix: "daily", SourceID: vol.ID, SourceName: vol.Name, Destroyed: evidence.No})
	}
	return s
}

func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{20_000, 200_000} {
		b.Run(fmt.Sprintf("%d-volumes", n), func(b *testing.B) {
			s := big(n)
			b.ReportAllocs()
			start := time.Now()
			for b.Loop() {
				if got := s.judge().Summary.ByCode["leaked-volume"]; got != n/100 {
					b.Fatalf("%d leaked volumes, want %d", got, n/100)
				}
			}
			b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(b.N)/float64(n), "ns/volume")
		})
	}
}

// BenchmarkJudgeOne judges what a repair of one volume asks before each step.
func BenchmarkJudgeOne(b *testing.B) {
	s := big(20_000)
	one := s.array().Volumes.Items[len(s.array().Volumes.Items)-20_000].ID
	s.policy.Codes, s.policy.Only = []string{"leaked-volume", "leaked-half"}, func(f *Finding) bool { return f.VolumeID == one }
	b.ReportAllocs()
	for b.Loop() {
		if got := s.judge().Summary.ByCode["leaked-volume"]; got != 200 {
			b.Fatalf("%d leaked volumes", got)
		}
	}
}

// What a judgement allocates grows with the volumes and not with their
// square. BenchmarkJudge has the time of it, which no test can hold against a
// busy machine.
func TestJudgeAllocatesLinearly(t *testing.T) {
	cost := func(n int) float64 {
		s := big(n)
		return testing.AllocsPerRun(1, func() { s.judge() })
	}
	small, large := cost(1_000), cost(16_000)
	if large > 16*1.5*small {
		t.Errorf("1000 volumes take %.0f allocations, 16000 take %.0f", small, large)
	}
}

// A row is its volume's in whatever order rows come, and where two volumes have
// one id, it is that of the same one each time.
func TestRowsInAnyOrder(t *testing.T) {
	for _, ids := range [][]string{{"a", "b", "c", "d"}, {"a", "b", "a", "d"}, {"a", "a", "c", ""}} {
		a := &arrayFacts{volumes: make([]volume, len(ids)), byID: map[string]int32{}}
		for i, id := range ids {
			a.volumes[i].Volume = &evidence.Volume{ID: id, Name: "p::" + id}
			a.byID[id] = int32(i)
		}
		for _, order := range []string{"abcd", "dcba", "aabbccdd", "adad", "cax bd"} {
			find := a.finder()
			for _, id := range order {
				want, known := a.byID[string(id)]
				if v := find(string(id), ""); (v != nil) != known || known && v != &a.volumes[want] {
					t.Errorf("volumes %v, rows %q: %c is %v", ids, order, id, v)
				}
			}
		}
	}
}

// Of a member that is away, the hint is not to go there.
func TestHintForAMemberThatIsAway(t *testing.T) {
	for online, want := range map[evidence.Answer]string{evidence.Yes: "run pureclean on lxd02 too", evidence.No: "LXD calls it offline: bring it back, or, once it is fenced, state so with --host-down lxd02"} {
		s := healthy()
		second(s)
		s.Hosts = s.Hosts[:1]
		s.LXD.Members.Items[1].Online, s.LXD.Members.Items[1].Status = online, "Offline"
		hint := ""
		for _, w := range s.judge().Witnesses {
			if w.Name == "lxd02" {
				hint = w.Hint
			}
		}
		if hint != want {
			t.Errorf("online %s: %q", online, hint)
		}
	}
}

// Whoever looks for findings of one code finds all of that code, with the
// answers that the whole report has.
func TestCodesLimit(t *testing.T) {
	for trap, set := range traps {
		s := everything()
		set(s)
		whole := s.judge().Findings
		for i := range Kinds {
			code := Kinds[i].Code
			s.policy.Codes = []string{code}
			want := slices.DeleteFunc(slices.Clone(whole), func(f Finding) bool { return f.Code != code })
			if diff := cmp.Diff(want, s.judge().Findings, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: findings of code %s (-want +got):\n%s", trap, code, diff)
			}
		}
	}
}
