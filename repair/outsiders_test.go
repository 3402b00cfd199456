package repair

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/host"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// outsider is somebody besides our LXD who changes what we judge.
type outsider struct {
	name string
	// off is why an outsider stays out of the histories.
	off string
	// single is set for those who have to do with one machine of ours alone.
	single bool
	// act lets them do one thing; edit is about a plan that is to be run.
	act  func(*history)
	edit func(h *history, p *Plan)
}

// outsiders are the table of them; a history has one or two, or none.
var outsiders = []outsider{
	{name: "restores LXD's database", single: true, act: (*history).restore},
	{name: "moves volumes", act: (*history).move},
	{name: "recovers and destroys by hand", act: func(h *history) { h.byHand(false) }},
	{name: "recovers by hand what is to stay", act: func(h *history) { h.byHand(true) }},
	{name: "edits plan files", act: (*history).adopt, edit: (*history).editPlan},
	{name: "another LXD in a pod of its own", single: true, act: func(h *history) { h.otherLXD("edgepool") }},
	{name: "another LXD in our pod", single: true, act: func(h *history) { h.otherLXD("") }},
	{name: "a peer array", single: true, act: (*history).stretch},
}

// invite chooses the history's outsiders: PURECLEAN_OUTSIDER=N lets the one of
// that number act alone in every history, also one that is off.
func (h *history) invite(seed uint64) {
	if only, err := strconv.Atoi(os.Getenv("PURECLEAN_OUTSIDER")); err == nil {
		h.outsiders = outsiders[only : only+1]
		return
	}
	alone := uint64(2) // some have none
	i := seed % (uint64(len(outsiders)) + alone)
	if i >= uint64(len(outsiders)) {
		if h.chance(0.5) {
			// Where nobody restores a database and nobody recovers by hand, an
			// array that keeps its audit trail from us is as good as another.
			h.tell("the array keeps its audit trail from us")
			h.world.Array.Inject(array.Fault{Method: "GET", Path: "/audits", Kind: array.Forbidden})
		}
		return
	}
	for _, o := range []outsider{outsiders[i], pick(h, outsiders)} {
		if o.off == "" && !(h.cluster() && o.single) && !slices.ContainsFunc(h.outsiders, func(x outsider) bool { return x.name == o.name }) {
			h.outsiders = append(h.outsiders, o)
		}
		if !h.chance(0.4) {
			return
		}
	}
}

func (h *history) usedAnywhere(serial string) bool {
	return slices.ContainsFunc(h.world.Hosts, func(m *host.Host) bool { return m.InUse(serial) })
}

// outsidersAct lets one of them do something, if one is there.
func (h *history) outsidersAct() {
	var able []outsider
	for _, o := range h.outsiders {
		if o.act != nil {
			able = append(able, o)
		}
	}
	if len(able) > 0 {
		pick(h, able).act(h)
	}
}

// restore is an administrator who backs LXD's database up, and who puts a
// backup back, perhaps on a new machine whose pureclean remembers nothing.
func (h *history) restore() {
	if h.backup == nil || h.chance(0.3) {
		backup := h.world.LXD.SnapshotDatabase()
		h.backup = &backup
		h.tell("LXD's database is backed up")
		return
	}
	if h.flow != nil {
		return
	}
	h.world.LXD.KillDaemon()
	h.world.RestoreDatabase(*h.backup)
	h.world.LXD.StartDaemon()
	h.restored = true
	h.tell("LXD's database is restored from the backup")
	if h.chance(0.6) {
		h.world.Seen = nil
		h.tell("what earlier runs saw is forgotten with it")
	}
}

// move is an administrator who renames a volume, moves it to a group, out of
// its pod or into another.
func (h *history) move() {
	var all []array.Volume
	for _, v := range h.world.Array.Volumes() {
		if !v.Destroyed && (h.world.Live(v.Name) || h.chance(0.2)) {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return
	}
	v := pick(h, all)
	pod, leaf, inPod := strings.Cut(v.Name, "::")
	if !inPod || strings.Contains(leaf, "/") {
		pod, leaf = h.world.Pool(), v.Name[strings.LastIndexAny(v.Name, ":/")+1:]
	}
	h.moved++
	to := pick(h, []string{
		fmt.Sprintf("%s::uploads-old-%d", pod, h.moved), pod + "::prod/" + leaf, leaf, "prod/" + leaf, "archive::" + leaf, pod + "::" + leaf,
	})
	if strings.HasPrefix(to, "archive::") {
		_ = h.world.Array.CreatePod("archive") // perhaps it is there
	}
	h.tell("somebody moves %s to %s: %v", v.Name, to, h.world.Relocate(v.Name, to))
}

// byHand is an administrator who recovers what is destroyed, whoever did it,
// perhaps to keep it, and destroys what nobody uses, perhaps something that
// they recovered.
func (h *history) byHand(keep bool) {
	var gone, idle []array.Volume
	for _, v := range h.world.Array.Volumes() {
		switch {
		case v.Destroyed:
			gone = append(gone, v)
		case !h.world.Recorded(v.Name) && !h.usedAnywhere(v.Serial):
			idle = append(idle, v)
		}
	}
	if len(gone) > 0 && h.chance(0.6) {
		v := pick(h, gone)
		h.recover(v, keep)
		if !keep && h.chance(0.5) {
			h.world.Clock.Advance(10 * time.Minute)
			h.destroyByHand(v)
		}
	} else if len(idle) > 0 {
		h.destroyByHand(pick(h, idle))
	}
}

func (h *history) recover(v array.Volume, keep bool) {
	err := h.world.Array.Recover(v.Name)
	h.tell("somebody recovers %s by hand: %v", v.Name, err)
	if err == nil {
		delete(h.destroyed, v.ID)
		if keep {
			h.world.Hold(v.Serial)
		}
	}
}

func (h *history) destroyByHand(v array.Volume) {
	for _, c := range h.world.Array.Connections() {
		if c.Volume == v.Name {
			_ = h.world.Array.Disconnect(c.Host, v.Name) // it was listed
		}
	}
	err := h.world.Array.DestroyVolume(v.Name)
	h.tell("somebody destroys %s by hand: %v", v.Name, err)
	if err == nil {
		h.world.Let(v.Serial)
		delete(h.destroyed, v.ID)
	}
}

// adopt is an administrator who brings a leak back into LXD, as "lxd recover"
// does: from then on it has a record.
func (h *history) adopt() {
	for _, v := range h.world.Array.Volumes() {
		if !strings.HasPrefix(v.Name, h.world.Pool()+"::u-") || v.Destroyed || h.world.Live(v.Name) {
			continue
		}
		h.moved++
		h.world.LXD.PutVolume(lxd.Volume{
			Pool: h.world.Pool(), Type: evidence.TypeCustom, Name: fmt.Sprintf("back%d", h.moved), Content: evidence.ContentFilesystem,
			Config: map[string]string{"volatile.uuid": uuidOf(v.Name)},
		})
		h.tell("somebody brings %s back into LXD", v.Name)
		return
	}
}

// otherLXD is an LXD of others on the same array: in a pod of its own, or with
// "" in ours, which it took over as its own. Something of it always runs.
func (h *history) otherLXD(pool string) {
	if len(h.world.Others) == 0 {
		h.tell("another LXD comes to the array: %v", h.arrive(pool))
		return
	}
	l := h.world.Others[0]
	if pool == "" {
		pool = h.world.Pool()
	}
	d := fmt.Sprintf("xd%d", h.rng.IntN(3))
	doing := []struct {
		name string
		do   func() error
	}{
		{"creates " + d, func() error { return l.CreateVolume(lxd.VolumeSpec{Pool: pool, Name: d, Bytes: simulator.Small}) }},
		{"deletes " + d, func() error { return l.DeleteVolume(pool, "", d) }},
		{"attaches " + d, func() error { return l.AttachVolume("", "x0", d, pool, d, "/"+d) }},
		{"detaches " + d, func() error { return l.DetachVolume("", "x0", d) }},
		{"snapshots " + d, func() error { return l.SnapshotVolume(pool, "", d, "s0") }},
		{"launches x1", func() error { return l.Launch(lxd.InstanceSpec{Name: "x1", Pool: pool}) }},
		{"stops x1", func() error { return l.StopInstance("", "x1") }},
	}
	flow := pick(h, doing)
	h.tell("the other LXD %s: %v", flow.name, flow.do())
}

func (h *history) arrive(pool string) error {
	attach := ""
	if pool == "" {
		attach, pool = h.world.Pool(), h.world.Pool()
	}
	l, err := h.world.AddOther("edge01", attach)
	if err == nil && attach == "" {
		err = h.world.NewPool(l, pool)
	}
	if err == nil {
		err = l.Launch(lxd.InstanceSpec{Name: "x0", Pool: pool})
	}
	if err == nil {
		err = l.CreateVolume(lxd.VolumeSpec{Pool: pool, Name: "xd0", Bytes: simulator.Small})
	}
	return err
}

const (
	// otherSite is a machine near the peer, which also has a path to our array.
	otherSite = "db9"
	// secondWay is our machine's own array host at the peer.
	secondWay = "lxd01-iscsi"
)

// resync is the least time that an array takes to copy a pod to its new peer,
// which serves none of its volumes before.
const resync = time.Minute

// stretch is an administrator who stretches a pod to a peer array, where, once
// the peer has it, machines that we know nothing of use some of its volumes;
// and who takes that back. The peer is not always configured.
func (h *history) stretch() {
	pod := h.world.Pool()
	switch {
	case h.stretched.IsZero():
		h.stretched, h.blind = h.world.Clock.Now(), h.chance(0.3)
		h.tell("pod %s is stretched: %v; nobody configures the peer: %v", pod, h.world.Stretch(pod), h.blind)
	case !h.served && h.world.Clock.Now().Sub(h.stretched) < resync && h.chance(0.8):
		h.tell("the array still copies the pod to its peer")
	case !h.served && h.world.Clock.Now().Sub(h.stretched) >= resync:
		h.served = true
		h.useAtPeer(pod)
	default:
		for _, v := range h.world.Array.Volumes() {
			h.world.Let(v.Serial)
		}
		for _, c := range h.world.Array.Connections() {
			if c.Host == otherSite {
				_ = h.world.Array.Disconnect(otherSite, c.Volume) // it was listed
			}
		}
		h.tell("pod %s is no longer stretched: %v", pod, h.world.Unstretch())
		h.stretched, h.served = time.Time{}, false
	}
}

// useAtPeer lets machines near the peer use some of the pod's volumes, a few of
// them over our array as well, and gives our own machine a second way to others.
func (h *history) useAtPeer(pod string) {
	ours := h.world.Hosts[0]
	iscsi := h.world.Pool() == simulator.PoolName(evidence.ModeISCSI)
	_ = h.world.Peer.CreateHost(otherSite, []string{"iqn.1998-01.com.vmware:db9"}, nil, nil) // perhaps it is there
	if iscsi {
		_ = h.world.Peer.CreateHost(secondWay, []string{ours.IQN()}, nil, nil)
		h.tell("our machine logs in to the peer: %v", ours.LoginTo(h.world.Peer))
	}
	_ = h.world.Array.CreateHost(otherSite, []string{"iqn.1998-01.com.vmware:db9"}, nil, nil) // perhaps it is there
	// Where strangers use a pod nothing of it is repaired: often there are none.
	strangers := pick(h, []float64{0.5, 1})
	for _, v := range h.world.Array.Volumes() {
		if v.Pod != pod || v.Destroyed {
			continue
		}
		if iscsi && h.chance(0.4) {
			// Under a number of its own: what becomes of one that is given
			// away again while its device is here is LXD's part.
			h.numbers++
			h.tell("our machine has a second way to %s: %v", v.Name, h.world.Peer.Connect(secondWay, v.Name, 100+h.numbers))
		}
		if h.chance(strangers) {
			continue
		}
		if err := h.world.Peer.Connect(otherSite, v.Name, 0); err != nil {
			h.tell("nobody uses %s at the peer: %v", v.Name, err)
			continue
		}
		h.world.Hold(v.Serial)
		h.tell("somebody uses %s at the peer", v.Name)
		if h.chance(0.2) {
			h.tell("and over our array: %v", h.world.Array.Connect(otherSite, v.Name, 0))
		}
	}
	if iscsi && h.chance(0.7) {
		ours.Rescan()
	}
}

// editPlan is somebody who changes a saved plan before it is run: they know
// all that can be read, and may make the file say it.
func (h *history) editPlan(p *Plan) {
	volumes := h.seenVolumes()
	for range 1 + h.rng.IntN(3) {
		what := ""
		switch h.rng.IntN(9) {
		case 0:
			p.Code = pick(h, diagnose.Kinds).Code
			what = "code " + p.Code
		case 1:
			p.Class = pick(h, []diagnose.Class{diagnose.ClassDestroy, diagnose.ClassDisconnect, diagnose.ClassHost, diagnose.ClassSnapshot, diagnose.ClassReport, ""})
			what = "class " + string(p.Class)
		case 2, 3:
			if len(volumes) == 0 {
				continue
			}
			v := pick(h, volumes)
			p.Object, p.ID, p.Serial = v.Name, v.ID, v.Serial
			what = "object " + v.Name
		case 4:
			p.Digest = p.digest(find(&h.seen, p.ArrayID, p.ID, p.Serial))
			what = "digest"
		case 5:
			if len(p.Steps) > 1 {
				i := h.rng.IntN(len(p.Steps))
				what = "without step " + p.Steps[i].Kind
				p.Steps = slices.Delete(slices.Clone(p.Steps), i, i+1)
			}
		case 6:
			kind := pick(h, []string{StepDestroy, StepDisconnect, StepRelease, StepRemoveStale, StepDeleteHost, StepDestroySnapshot})
			p.Steps = slices.Insert(slices.Clone(p.Steps), h.rng.IntN(len(p.Steps)+1), Step{Kind: kind, Member: h.world.Hosts[0].Name(), HostObject: h.anyHostObject()})
			what = "another step " + kind
		case 7:
			steps := slices.Clone(p.Steps)
			h.rng.Shuffle(len(steps), func(i, j int) { steps[i], steps[j] = steps[j], steps[i] })
			p.Steps, what = steps, "order of steps"
		case 8:
			p.Created, p.Expires = h.world.Clock.Now(), h.world.Clock.Now().Add(10*365*24*time.Hour)
			p.Keeps, p.UndoFor = !p.Keeps, 1000*time.Hour
			what = "times"
		}
		h.tell("somebody edits the plan of %s: %s", p.Object, what)
	}
}

// seenVolumes are those that the last look listed.
func (h *history) seenVolumes() []evidence.Volume {
	var all []evidence.Volume
	for _, a := range h.seen.Arrays {
		all = append(all, a.Volumes.Items...)
	}
	return all
}

func (h *history) anyHostObject() string {
	all := h.world.Array.Hosts()
	if len(all) == 0 {
		return ""
	}
	return pick(h, all).Name
}

// edited lets those who edit plans at one.
func (h *history) edited(p Plan) (Plan, bool) {
	for _, o := range h.outsiders {
		if o.edit != nil && h.chance(0.6) {
			o.edit(h, &p)
			return p, true
		}
	}
	return p, false
}

// eradicate is an operator who wants the space of what a run destroyed back.
func (h *history) eradicate() {
	runs, err := h.book.List()
	if err != nil {
		h.t.Fatal(err)
	}
	var objects []string
	for _, run := range runs {
		if v, there := h.world.Array.Volume(run.Object.Name); there && v.Destroyed && run.Kind == journal.KindFix {
			objects = append(objects, run.Object.Name)
		}
	}
	if len(objects) == 0 {
		return
	}
	object := pick(h, objects)
	h.eradicating = true
	result, err := h.tools().Eradicate(h.ctx, object, object)
	h.eradicating = false
	h.tell("we eradicate %s: %s %v", object, result.Outcome, err)
}

// strange reports an array host of the array that is no member's.
func (h *history) strange(object string) bool { return h.strangeAt(h.world.Array, object) }

func (h *history) strangeAt(a *array.Array, object string) bool {
	for _, o := range a.Hosts() {
		if !strings.EqualFold(o.Name, object) {
			continue
		}
		for _, m := range h.world.Hosts {
			if slices.Contains(o.IQNs, m.IQN()) || slices.Contains(o.NQNs, m.NQN()) {
				return false
			}
		}
		return len(o.IQNs)+len(o.NQNs)+len(o.WWNs) > 0
	}
	return false
}

// ours reports a volume in a pod of our LXD's.
func (h *history) ours(volume string) bool {
	pod, _, inPod := strings.Cut(volume, "::")
	return inPod && slices.Contains(h.world.Pools(), pod)
}
