package repair

import (
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
)

// onlooker is a volume that nothing connects and no machine has, of a plan that
// disconnects it from one member, and all that was read of it.
type onlooker struct {
	run     *run
	subject subject
	array   *evidence.Array
	volume  *evidence.Volume
	host    *evidence.Host
}

func looking() *onlooker {
	const serial = evidence.Serial("0BADC0DE0000400000000001")
	plan := Plan{
		Object: "p::v", ID: "id", Serial: serial, PodID: "pod", ArrayID: "a", Class: diagnose.ClassDestroy,
		Steps: []Step{{Kind: StepDisconnect, Member: "lxd01", HostObject: "lxd01-iscsi"}},
	}
	o := &onlooker{
		run: &run{plan: plan, t: Tools{
			Now: func() time.Time { return time.Unix(1000, 0) }, Machine: func(name string) (Machine, bool) { return nil, name == "lxd01" }, Typed: "p::v",
		}},
		array: &evidence.Array{
			Source: evidence.Source{Name: "fa"}, ID: "a", EradicationDelay: leastUndo,
			Volumes: evidence.Complete([]evidence.Volume{}), Snapshots: evidence.Complete([]evidence.Snapshot{}), Connections: evidence.Complete([]evidence.Connection{}),
			Elsewhere: evidence.Complete([]evidence.Other{}), ElsewhereSnapshots: evidence.Complete([]evidence.Other{}),
			Hosts: evidence.Complete([]evidence.ArrayHost{{Name: "lxd01-iscsi", IQNs: []string{"iqn.x:1"}}}),
		},
		volume: &evidence.Volume{ID: "id", Name: "p::v", Serial: serial, ConnectionCount: evidence.CountOf(0), Destroyed: evidence.No},
	}
	world := &evidence.World{Hosts: []evidence.Host{{
		Source: evidence.Source{Name: "lxd01"}, IQNs: evidence.Complete([]string{"iqn.x:1"}),
		Disks: evidence.Complete([]evidence.Disk{}), Maps: evidence.Complete([]evidence.Map{}), Namespaces: evidence.Complete([]evidence.Namespace{}),
	}}}
	o.host = &world.Hosts[0]
	o.run.confirmed = o.run.t.Now()
	o.subject = subject{world: world, array: o.array, pod: &evidence.Pod{ID: "pod"}, volume: o.volume, serial: serial, id: plan.ID}
	return o
}

// connect lets the array list a connection to a host.
func (o *onlooker) connect(host string) {
	row := evidence.Connection{VolumeID: "id", VolumeName: "p::v", Host: host}
	o.array.Connections.Items = append(o.array.Connections.Items, row)
	o.subject.rows = append(o.subject.rows, connection{row, o.array})
}

// elsewhere lets the array list a volume outside of LXD's pods.
func (o *onlooker) elsewhere(id string, serial evidence.Serial) {
	o.array.Elsewhere = evidence.Complete([]evidence.Other{{ID: id, Name: "keep-me", Serial: serial, Destroyed: evidence.No}})
}

func (o *onlooker) disk(state string) {
	o.host.Disks = evidence.Complete([]evidence.Disk{{Name: "sdb", Serial: o.subject.serial, State: state}})
}

func (o *onlooker) has(m evidence.Map) {
	m.Name, m.Serial = "mpatha", o.subject.serial
	o.host.Maps = evidence.Complete([]evidence.Map{m})
}

// TestEachNeedAlone: what each condition of a step refuses, where nothing else
// speaks against it.
func TestEachNeedAlone(t *testing.T) {
	for _, c := range []struct {
		need, name string
		set        func(*onlooker)
		want       diagnose.Result
		says       string
	}{
		{needSame, "it is", func(*onlooker) {}, diagnose.Pass, "has the id"},
		{needSame, "no array", func(o *onlooker) { o.subject.array = nil }, diagnose.Uncertain, "did not answer"},
		{needSame, "not listed", func(o *onlooker) { o.subject.volume = nil; o.run.latest = look{subject: o.subject} }, diagnose.Uncertain, "lists nothing"},
		{needSame, "not all is listed", func(o *onlooker) {
			o.array.Volumes = o.array.Volumes.Doubt("page 2")
			o.subject.volume, o.subject.world.LXD = nil, evidence.LXD{}
			o.run.latest = look{subject: o.subject}
		}, diagnose.Uncertain, "page 2"},
		{needSame, "renamed", func(o *onlooker) { o.volume.Name = "p::other" }, diagnose.Fail, "is now p::other"},
		{needSame, "another serial", func(o *onlooker) { o.volume.Serial = "X" }, diagnose.Fail, "serial X"},
		{needSame, "in another pod", func(o *onlooker) { o.subject.pod.ID = "other" }, diagnose.Fail, "in pod other"},

		{needMachine, "a member that is here", func(*onlooker) {}, diagnose.Pass, "lxd01: can be worked on"},
		{needMachine, "nobody", func(o *onlooker) { o.run.plan.Steps = nil }, diagnose.Pass, "no host has to do with it"},
		{needMachine, "a member that is not here", func(o *onlooker) { o.run.plan.Steps[0].Member = "lxd02" }, diagnose.Fail, "the devices of lxd02 can't be changed from here"},
		{needMachine, "an array host of nobody", func(o *onlooker) { o.connect("other") }, diagnose.Uncertain, "no machine that was read has the initiators of other"},

		{needNoGroup, "none", func(o *onlooker) { o.connect("lxd01-iscsi") }, diagnose.Pass, "no connection is made"},
		{needNoGroup, "one", func(o *onlooker) { o.connect("lxd01-iscsi"); o.subject.rows[0].Group = "esx" }, diagnose.Fail, "host group esx"},

		{needReleased, "released", func(o *onlooker) { o.disk("offline") }, diagnose.Pass, "no map and no path"},
		{needReleased, "a map", func(o *onlooker) { o.has(evidence.Map{}) }, diagnose.Fail, "lxd01: map mpatha is there"},
		{needReleased, "a path that runs", func(o *onlooker) { o.disk("running") }, diagnose.Fail, "lxd01: sdb is running"},
		{needReleased, "not all is known", func(o *onlooker) { o.host.Maps = o.host.Maps.Doubt("EIO") }, diagnose.Uncertain, "EIO"},

		{needCut, "it is", func(*onlooker) {}, diagnose.Pass, "does not connect it"},
		{needCut, "it is not", func(o *onlooker) { o.connect("lxd01-iscsi") }, diagnose.Fail, "connects it to lxd01-iscsi"},
		{needCut, "it is not, by another array host", func(o *onlooker) {
			o.array.Hosts.Items = append(o.array.Hosts.Items, evidence.ArrayHost{Name: "lxd01-second", IQNs: []string{"iqn.x:1"}})
			o.connect("lxd01-second")
		}, diagnose.Fail, "connects it to lxd01"},
		{needCut, "not all is known", func(o *onlooker) { o.array.Connections = o.array.Connections.Doubt("page 2") }, diagnose.Uncertain, "page 2"},

		{needDetached, "it is", func(*onlooker) {}, diagnose.Pass, "no device on any host"},
		{needDetached, "not confirmed", func(o *onlooker) { o.run.confirmed = time.Time{} }, diagnose.Uncertain, "has not confirmed it"},
		{needDetached, "confirmed long ago", func(o *onlooker) { o.run.confirmed = o.run.confirmed.Add(-confirmedFor - time.Second) }, diagnose.Uncertain, "too long ago"},
		{needDetached, "no array", func(o *onlooker) { o.subject.array = nil }, diagnose.Uncertain, "does not list the volume"},
		{needDetached, "not listed", func(o *onlooker) { o.subject.volume = nil }, diagnose.Uncertain, "does not list the volume"},
		{needDetached, "connected", func(o *onlooker) { o.connect("lxd01-iscsi") }, diagnose.Fail, "connects it to lxd01-iscsi"},
		{needDetached, "connections not all known", func(o *onlooker) { o.array.Connections = o.array.Connections.Doubt("page 2") }, diagnose.Uncertain, "page 2"},
		{needDetached, "a copy that was not read", func(o *onlooker) { o.subject.copies = []peerCopy{{name: "fa2", why: "fa2 was not read"}} }, diagnose.Uncertain, "fa2 was not read"},
		{needDetached, "a connection is counted", func(o *onlooker) { o.volume.ConnectionCount = evidence.CountOf(1) }, diagnose.Uncertain, "counts 1"},
		{needDetached, "no host", func(o *onlooker) { o.subject.world.Hosts = nil }, diagnose.Uncertain, "no host was read"},
		{needDetached, "a path", func(o *onlooker) { o.disk("offline") }, diagnose.Fail, "lxd01 has path sdb"},
		{needDetached, "not all is known", func(o *onlooker) { o.host.Disks = o.host.Disks.Doubt("EIO") }, diagnose.Uncertain, "EIO"},

		{needUndo, "a day", func(*onlooker) {}, diagnose.Pass, "the array keeps it"},
		{needUndo, "no array", func(o *onlooker) { o.subject.array = nil }, diagnose.Uncertain, "did not answer"},
		{needUndo, "not told", func(o *onlooker) { o.array.EradicationDelay = 0 }, diagnose.Uncertain, "does not say"},
		{needUndo, "less than a day", func(o *onlooker) { o.array.EradicationDelay = leastUndo - time.Second }, diagnose.Fail, "only"},

		{needTyped, "typed", func(*onlooker) {}, diagnose.Pass, "was typed"},
		{needTyped, "not typed", func(o *onlooker) { o.run.t.Typed = "" }, diagnose.Fail, "can't be undone"},
		{needTyped, "another name", func(o *onlooker) { o.run.t.Typed = "p::w" }, diagnose.Fail, `"p::w" and not "p::v"`},
	} {
		o := looking()
		c.set(o)
		for _, need := range Needs {
			if need.Name != c.need {
				continue
			}
			if got, why := need.check(o.run, o.subject, Step{Member: "lxd01"}); got != c.want || !strings.Contains(why, c.says) {
				t.Errorf("%s, %s: %s: %s, want %s: %s", c.need, c.name, got, why, c.want, c.says)
			}
		}
	}
}

// TestEachConfirmationAlone: a step is done only where that was seen, whatever
// else there is.
func TestEachConfirmationAlone(t *testing.T) {
	step := Step{Member: "lxd01", HostObject: "lxd01-iscsi"}
	for _, c := range []struct {
		name    string
		confirm func(subject, Step) (evidence.Answer, string)
		set     func(*onlooker)
		want    evidence.Answer
		says    string
	}{
		{"released", confirmReleased, func(o *onlooker) { o.disk("offline") }, evidence.Yes, "no map"},
		{"released, not read", confirmReleased, func(o *onlooker) { o.host.Name = "lxd02" }, evidence.Unknown, "lxd01 was not read"},
		{"released, in doubt", confirmReleased, func(o *onlooker) { o.host.Trouble = "no sysfs" }, evidence.Unknown, "no sysfs"},

		{"cut", confirmDisconnected, func(*onlooker) {}, evidence.Yes, "does not connect it"},
		{"cut, no array", confirmDisconnected, func(o *onlooker) { o.subject.array = nil }, evidence.Unknown, "was not read"},
		{"cut, array in trouble", confirmDisconnected, func(o *onlooker) { o.array.Trouble = "reset" }, evidence.Unknown, "was not read"},
		{"cut, not listed", confirmDisconnected, func(o *onlooker) { o.subject.volume = nil }, evidence.Unknown, "does not list"},
		{"cut, counted", confirmDisconnected, func(o *onlooker) { o.volume.ConnectionCount = evidence.CountOf(1) }, evidence.Unknown, "counts 1"},
		{"cut, not everywhere", confirmDisconnected, func(o *onlooker) { o.connect("other"); o.volume.ConnectionCount = evidence.CountOf(1) }, evidence.Yes, "does not connect it"},

		{"no device", confirmNoDevice, func(*onlooker) {}, evidence.Yes, "no device"},
		{"no device, not read", confirmNoDevice, func(o *onlooker) { o.host.Name = "lxd02" }, evidence.Unknown, "lxd01 was not read"},
		{"no device, in doubt", confirmNoDevice, func(o *onlooker) { o.host.Trouble = "no sysfs" }, evidence.Unknown, "no sysfs"},
		{"no device, a path", confirmNoDevice, func(o *onlooker) { o.disk("offline") }, evidence.No, "path sdb"},

		{"destroyed", confirmDestroyed, func(o *onlooker) { o.volume.Destroyed = evidence.Yes }, evidence.Yes, "destroyed"},
		{"destroyed, no array", confirmDestroyed, func(o *onlooker) { o.subject.array = nil }, evidence.Unknown, "was not read"},
		{"destroyed, array in trouble", confirmDestroyed, func(o *onlooker) { o.volume.Destroyed, o.array.Trouble = evidence.Yes, "reset" }, evidence.Unknown, "was not read"},
		{"destroyed, a copy that was not read", confirmDestroyed, func(o *onlooker) {
			o.volume.Destroyed, o.subject.copies = evidence.Yes, []peerCopy{{name: "fa2", why: "fa2 was not read"}}
		}, evidence.Unknown, "fa2 was not read"},
		{"destroyed, and live elsewhere", confirmDestroyed, func(o *onlooker) {
			o.volume.Destroyed = evidence.Yes
			o.subject.world.Arrays = []evidence.Array{{Source: evidence.Source{Name: "fa2"}, Volumes: evidence.Complete([]evidence.Volume{{Serial: o.subject.serial, Destroyed: evidence.No}})}}
		}, evidence.Unknown, "not destroyed on fa2"},
		{"gone", confirmDestroyed, func(o *onlooker) { o.subject.volume = nil }, evidence.Yes, "no longer"},
		{"gone, volumes in doubt", confirmDestroyed, func(o *onlooker) { o.subject.volume, o.array.Volumes = nil, o.array.Volumes.Doubt("page 2") }, evidence.Unknown, ""},
		{"gone, but not from the array", confirmDestroyed, func(o *onlooker) { o.subject.volume = nil; o.elsewhere("id", "") }, evidence.No, "it is keep-me now"},
		{"gone, but its serial is not", confirmDestroyed, func(o *onlooker) { o.subject.volume = nil; o.elsewhere("", o.subject.serial) }, evidence.No, "it is keep-me now"},
		{"gone, what is elsewhere not read", confirmDestroyed, func(o *onlooker) { o.subject.volume, o.array.Elsewhere = nil, evidence.List[evidence.Other]{} }, evidence.Unknown, "outside of LXD's pods"},
		{"gone, snapshots elsewhere not read", confirmDestroyed, func(o *onlooker) { o.subject.volume, o.array.ElsewhereSnapshots = nil, evidence.List[evidence.Other]{} }, evidence.Unknown, "outside of LXD's pods"},
		{"eradicated", confirmEradicated, func(o *onlooker) { o.subject.volume = nil }, evidence.Yes, "no longer"},
		{"eradicated, and still there", confirmEradicated, func(*onlooker) {}, evidence.No, "still has it"},
		{"eradicated, but moved", confirmEradicated, func(o *onlooker) { o.subject.volume = nil; o.elsewhere("id", "") }, evidence.No, "as keep-me"},
		{"eradicated, what is elsewhere not read", confirmEradicated, func(o *onlooker) { o.subject.volume, o.array.Elsewhere = nil, evidence.List[evidence.Other]{} }, evidence.Unknown, "outside of LXD's pods"},
		{"gone, snapshots in doubt", confirmDestroyed, func(o *onlooker) { o.subject.volume, o.array.Snapshots = nil, o.array.Snapshots.Doubt("page 2") }, evidence.Unknown, ""},

		{"destroyed, a copy that is not listed", confirmDestroyed, func(o *onlooker) {
			o.volume.Destroyed, o.subject.copies = evidence.Yes, []peerCopy{{name: "fa2", array: &evidence.Array{}}}
		}, evidence.Unknown, "fa2 lists no such volume"},
		{"destroyed, a copy that is connected", confirmDestroyed, func(o *onlooker) {
			o.volume.Destroyed = evidence.Yes
			o.subject.copies = []peerCopy{{name: "fa2", array: &evidence.Array{}, volume: &evidence.Volume{ConnectionCount: evidence.CountOf(1)}}}
		}, evidence.Unknown, "fa2 lists no connection and counts 1"},

		{"eradicated", confirmEradicated, func(o *onlooker) { o.subject.volume = nil }, evidence.Yes, "no longer"},
		{"not eradicated", confirmEradicated, func(*onlooker) {}, evidence.No, "still has it"},
		{"eradicated, no array", confirmEradicated, func(o *onlooker) { o.subject.volume, o.subject.array = nil, nil }, evidence.Unknown, ""},
		{"eradicated, array in trouble", confirmEradicated, func(o *onlooker) { o.subject.volume, o.array.Trouble = nil, "reset" }, evidence.Unknown, ""},
		{"eradicated, in doubt", confirmEradicated, func(o *onlooker) { o.subject.volume, o.array.Volumes = nil, o.array.Volumes.Doubt("page 2") }, evidence.Unknown, ""},

		{"no array host", confirmNoHost, func(o *onlooker) { o.array.Hosts.Items = nil }, evidence.Yes, ""},
		{"an array host", confirmNoHost, func(*onlooker) {}, evidence.No, ""},
		{"no array host, no array", confirmNoHost, func(o *onlooker) { o.subject.array = nil }, evidence.Unknown, ""},
		{"no array host, array in trouble", confirmNoHost, func(o *onlooker) { o.array.Hosts.Items, o.array.Trouble = nil, "reset" }, evidence.Unknown, ""},
		{"no array host, in doubt", confirmNoHost, func(o *onlooker) { o.array.Hosts = evidence.Incomplete([]evidence.ArrayHost{}, "page 2") }, evidence.Unknown, ""},

		{"no queueing", confirmNotQueueing, func(o *onlooker) { o.has(evidence.Map{Queueing: evidence.No}) }, evidence.Yes, ""},
		{"queueing", confirmNotQueueing, func(o *onlooker) { o.has(evidence.Map{Queueing: evidence.Yes}) }, evidence.No, ""},
		{"perhaps queueing", confirmNotQueueing, func(o *onlooker) { o.has(evidence.Map{}) }, evidence.Unknown, ""},
		{"no queueing, not read", confirmNotQueueing, func(o *onlooker) { o.host.Name = "lxd02" }, evidence.Unknown, ""},
		{"no queueing, in doubt", confirmNotQueueing, func(o *onlooker) { o.host.Trouble = "no sysfs" }, evidence.Unknown, ""},
	} {
		o := looking()
		c.set(o)
		if got, why := c.confirm(o.subject, step); got != c.want || !strings.Contains(why, c.says) {
			t.Errorf("%s: %v: %s, want %v: %s", c.name, got, why, c.want, c.says)
		}
	}
}

// TestWhoIsConnected: what the array connects now decides whether paths are
// given back, or deleted.
func TestWhoIsConnected(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*onlooker)
		want evidence.Answer
	}{
		{"it is", func(o *onlooker) { o.connect("lxd01-iscsi") }, evidence.Yes},
		{"another is", func(o *onlooker) { o.connect("other") }, evidence.No},
		{"nobody is", func(*onlooker) {}, evidence.No},
		{"no array", func(o *onlooker) { o.subject.array = nil }, evidence.Unknown},
		{"the array is in trouble", func(o *onlooker) { o.array.Trouble = "reset" }, evidence.Unknown},
		{"not all is known", func(o *onlooker) { o.array.Connections = o.array.Connections.Doubt("page 2") }, evidence.Unknown},
		{"it is not listed", func(o *onlooker) { o.subject.volume = nil }, evidence.Unknown},
		{"a copy was not read", func(o *onlooker) { o.subject.copies = []peerCopy{{name: "fa2", why: "fa2 was not read"}} }, evidence.Unknown},
	} {
		o := looking()
		c.set(o)
		if got, why := o.run.connectedTo(o.subject, "lxd01"); got != c.want {
			t.Errorf("%s: %v: %s, want %v", c.name, got, why, c.want)
		}
	}
}

// TestWhatStands: what was not seen is not said.
func TestWhatStands(t *testing.T) {
	for _, c := range []struct {
		name    string
		set     func(*onlooker)
		unclear bool
		want    string
	}{
		{"a volume", func(*onlooker) {}, false, "the volume is disconnected and not destroyed"},
		{"no device's volume", func(o *onlooker) { o.run.plan.ID = "" }, false, ""},
		{"not seen", func(o *onlooker) { o.subject.volume = nil }, false, "how it is now is not known"},
		{"no array", func(o *onlooker) { o.subject.array = nil }, false, "how it is now is not known"},
		{"unclear", func(*onlooker) {}, true, "how it is now is not known"},
		{"a snapshot", func(o *onlooker) {
			o.run.plan.Class, o.subject.snapshot = diagnose.ClassSnapshot, &evidence.Snapshot{Destroyed: evidence.Yes}
		}, false, "the snapshot is destroyed"},
		{"a snapshot that was not seen", func(o *onlooker) { o.run.plan.Class = diagnose.ClassSnapshot }, false, "how it is now is not known"},
		{"a snapshot, unclear", func(o *onlooker) {
			o.run.plan.Class, o.subject.snapshot = diagnose.ClassSnapshot, &evidence.Snapshot{Destroyed: evidence.Yes}
		}, true, "how it is now is not known"},
	} {
		o := looking()
		c.set(o)
		o.run.latest = look{subject: o.subject}
		if got := o.run.stands(c.unclear); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestWhoseArrayHost: a connection is a member's only if one machine alone has
// the initiators of its array host.
func TestWhoseArrayHost(t *testing.T) {
	o := looking()
	o.connect("lxd01-iscsi")
	row := o.subject.rows[0]
	if got := o.subject.member(row); got != "lxd01" {
		t.Errorf("its own: %q", got)
	}
	again := *o.host
	o.subject.world.Hosts = append(o.subject.world.Hosts, again)
	if got := o.subject.member(row); got != "lxd01" {
		t.Errorf("read twice: %q", got)
	}
	o.subject.world.Hosts[1].Name = "lxd02"
	if got := o.subject.member(row); got != "" {
		t.Errorf("of two machines: %q", got)
	}
	row.array = nil
	if got := o.subject.member(row); got != "" {
		t.Errorf("of no array: %q", got)
	}
}

// TestUndoneOnlyIfSeen: taken back is what is seen live, or connected.
func TestUndoneOnlyIfSeen(t *testing.T) {
	step := Step{Member: "lxd01", HostObject: "lxd01-iscsi"}
	for _, c := range []struct {
		name    string
		confirm func(subject, Step) (evidence.Answer, string)
		set     func(*onlooker)
		want    evidence.Answer
	}{
		{"live", confirmRecovered, func(*onlooker) {}, evidence.Yes},
		{"destroyed", confirmRecovered, func(o *onlooker) { o.volume.Destroyed = evidence.Yes }, evidence.No},
		{"destroyed or not", confirmRecovered, func(o *onlooker) { o.volume.Destroyed = evidence.Unknown }, evidence.Unknown},
		{"gone", confirmRecovered, func(o *onlooker) { o.subject.volume = nil }, evidence.No},
		{"connected", confirmConnected, func(o *onlooker) { o.connect("lxd01-iscsi") }, evidence.Yes},
		{"not connected", confirmConnected, func(*onlooker) {}, evidence.No},
		{"connected or not", confirmConnected, func(o *onlooker) { o.array.Trouble = "reset" }, evidence.Unknown},
	} {
		o := looking()
		c.set(o)
		if got, why := c.confirm(o.subject, step); got != c.want {
			t.Errorf("%s: %v: %s, want %v", c.name, got, why, c.want)
		}
	}
}

// past is a journal with one run.
func past(t *testing.T) (book *journal.Book, id string) {
	t.Helper()
	book, err := journal.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = book.Close() })
	file, err := book.Create(journal.Record{Kind: journal.KindFix}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return book, file.ID
}

// TestUndoOfWhatIsNotSeen: what was not read is neither gone nor another's.
func TestUndoOfWhatIsNotSeen(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*onlooker, *Step)
		want diagnose.Result
		says string
	}{
		{"it can be", func(*onlooker, *Step) {}, "", ""},
		{"eradicated", func(o *onlooker, _ *Step) { o.subject.volume = nil }, diagnose.Fail, "it was eradicated"},
		{"not listed", func(o *onlooker, _ *Step) {
			o.subject.volume, o.array.Volumes = nil, o.array.Volumes.Doubt("page 2")
		}, diagnose.Uncertain, "page 2"},
		{"at an array that was not read", func(_ *onlooker, s *Step) { s.ArrayID = "b" }, diagnose.Uncertain, "was not read"},
		{"of no array host", func(o *onlooker, _ *Step) { o.array.Hosts.Items = nil }, diagnose.Fail, "has no array host lxd01-iscsi any more"},
		{"of an array host that is not listed", func(o *onlooker, _ *Step) {
			o.array.Hosts = evidence.Incomplete([]evidence.ArrayHost{}, "page 3")
		}, diagnose.Uncertain, "page 3"},
		{"of another machine's array host", func(_ *onlooker, s *Step) { s.Devices = []string{"iqn.x:2"} }, diagnose.Fail, "has other initiators now: iqn.x:1"},
		{"connected to what is not listed", func(o *onlooker, _ *Step) { o.array.Connections = o.array.Connections.Doubt("page 4") }, diagnose.Uncertain, "page 4"},
		{"connected at an array that was not read", func(o *onlooker, _ *Step) { o.subject.copies = []peerCopy{{why: "fa-peer was not read"}} }, diagnose.Uncertain, "fa-peer was not read"},
		{"of an LXD that was not read", func(o *onlooker, _ *Step) { o.subject.world.LXD.Trouble = "no socket" }, diagnose.Uncertain, "no socket"},
		{"of records that are not all listed", func(o *onlooker, _ *Step) {
			o.subject.world.LXD.Records = o.subject.world.LXD.Records.Doubt("page 5")
		}, diagnose.Uncertain, "page 5"},
		{"of records that may be hidden", func(o *onlooker, _ *Step) { o.subject.world.LXD.SeesAll = evidence.Unknown }, diagnose.Uncertain, "LXD may hide"},
		{"of a run that is not there", func(o *onlooker, _ *Step) { o.run.of = "beef" }, diagnose.Uncertain, "no such run"},
	} {
		o, step := looking(), Step{Kind: StepReconnect, HostObject: "lxd01-iscsi", Devices: []string{"iqn.x:1"}}
		o.run.t.Journal, o.run.of = past(t)
		o.subject.world.LXD.Records, o.subject.world.LXD.SeesAll = evidence.Complete([]evidence.Record{}), evidence.Yes
		c.set(o, &step)
		o.run.latest = look{subject: o.subject}
		if got, ok := o.run.undoable(step); ok != (c.want == "") || got.Result != c.want || !strings.Contains(got.Why, c.says) {
			t.Errorf("%s: %+v, want %s: %s", c.name, got, c.want, c.says)
		}
	}
}

// TestGoneMeanwhile: nothing is left to do only where all was read, and nobody
// has anything of it.
func TestGoneMeanwhile(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*onlooker)
		gone bool
	}{
		{"gone", func(*onlooker) {}, true},
		{"no id", func(o *onlooker) { o.run.plan.ID = "" }, false},
		{"no array", func(o *onlooker) { o.subject.array = nil }, false},
		{"the array is in trouble", func(o *onlooker) { o.array.Trouble = "reset" }, false},
		{"a volume", func(o *onlooker) { o.subject.volume = o.volume }, false},
		{"a snapshot", func(o *onlooker) { o.subject.snapshot = &evidence.Snapshot{} }, false},
		{"volumes not all known", func(o *onlooker) { o.array.Volumes = o.array.Volumes.Doubt("x") }, false},
		{"snapshots not all known", func(o *onlooker) { o.array.Snapshots = o.array.Snapshots.Doubt("x") }, false},
		{"moved out of the pods", func(o *onlooker) { o.elsewhere("id", "") }, false},
		{"what is outside of the pods not known", func(o *onlooker) { o.array.Elsewhere = o.array.Elsewhere.Doubt("x") }, false},
		{"on another array", func(o *onlooker) {
			o.subject.world.Arrays = []evidence.Array{{Source: evidence.Source{Name: "peer"}, Volumes: evidence.Complete([]evidence.Volume{{Serial: o.subject.serial}})}}
		}, false},
		{"no serial", func(o *onlooker) { o.run.plan.Serial = "" }, false},
		{"a path", func(o *onlooker) { o.disk("offline") }, false},
		{"a host in doubt", func(o *onlooker) { o.host.Disks = o.host.Disks.Doubt("EIO") }, false},
		{"a host in doubt, of a snapshot", func(o *onlooker) {
			o.run.plan.Class, o.host.Disks = diagnose.ClassSnapshot, o.host.Disks.Doubt("EIO")
		}, true},
		{"a member that was not read", func(o *onlooker) { o.run.plan.Steps[0].Member = "lxd02" }, false},
		{"a step of no member", func(o *onlooker) { o.run.plan.Steps[0].Member = "" }, true},
	} {
		o := looking()
		o.subject.volume = nil
		c.set(o)
		if got := o.run.goneMeanwhile(look{subject: o.subject}); (got != "") != c.gone {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}
