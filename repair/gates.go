package repair

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/words"
)

// The conditions of steps besides the gates of package diagnose. They answer
// in the same way, and only a pass counts.
const (
	// needFinding is the one that all gated steps have.
	needFinding  = "finding"
	needSame     = "same-object"
	needMachine  = "machine"
	needNoGroup  = "no-host-group"
	needReleased = "released"
	needCut      = "disconnected"
	needDetached = "detached"
	needUndo     = "undo-window"
	needTyped    = "confirmed"
)

// Need is one condition of steps.
type Need struct {
	Name string
	// Title is the question that it asks.
	Title string
	check func(*run, subject, Step) (diagnose.Result, string)
}

// Needs is the table of conditions besides the gates.
var Needs = []Need{
	{needSame, "Is it still the very object that was planned for?", sameObject},
	{needMachine, "Can the devices of every connected host be worked on from here?", machineReady},
	{needNoGroup, "Is no connection made through a host group?", noGroup},
	{needStill, "If it runs elsewhere, did nothing go through its devices here between two looks?", standsStill},
	{needReleased, "Are the devices out of use on every host?", allReleased},
	{needCut, "Does the array no longer connect it to this host?", isCut},
	{needDetached, "Was it confirmed just now that it is detached everywhere?", isDetached},
	{needUndo, "Does the array keep what is destroyed long enough to come back?", undoWindow},
	{needTyped, "Was the name of what can't come back typed?", nameTyped},
	{needPending, "Is it destroyed, and certainly nobody's?", isPending},
	{needUndoable, "Can it still be taken back?", stillUndoable},
	{needNumber, "Is no path left on the host that would become one to this volume?", noDeadPath},
}

// look is one reading of all witnesses and what it means for the plan.
type look struct {
	subject
	reading reading
	anew    evidence.Anew
	// rest is that of an earlier look, for what this one did not read anew and
	// rests on all the same.
	rest reading
	// cut is set in the look that showed a disconnect done.
	cut bool
	// found is the plan's finding, or what it has become; nil for none.
	found func() *diagnose.Finding
}

func (l look) finding() *diagnose.Finding {
	if l.found == nil {
		return nil
	}
	return l.found()
}

// waived are the gates that the operator answered for, with what they said.
func (l look) waived() []string {
	finding := l.finding()
	if finding == nil {
		return nil
	}
	var all []string
	for _, gate := range finding.Gates {
		if gate.Result == diagnose.Waived {
			all = append(all, gate.Gate+": "+gate.Why)
		}
	}
	return all
}

// gates asks everything that must hold before a step, and returns the answers
// and the one that is in the way.
func (r *run) gates(l look, step Step, kind StepType) ([]diagnose.GateResult, *diagnose.GateResult) {
	var all []diagnose.GateResult
	if kind.Gated {
		all = r.judged(l, step, kind)
	}
	for _, need := range Needs {
		if slices.Contains(kind.Needs, need.Name) && r.t.needs(need.Name) {
			result, why := need.check(r, l.subject, step)
			all = append(all, diagnose.GateResult{Gate: need.Name, Result: result, Why: why})
		}
	}
	return all, inTheWay(all)
}

// inTheWay is the first gate that fails, or the first of which nothing is known
// where none does: what is not known often follows from what failed. Nil is
// that all pass.
func inTheWay(all []diagnose.GateResult) *diagnose.GateResult {
	var first *diagnose.GateResult
	for i := range all {
		switch result := all[i].Result; {
		case result == diagnose.Pass || result == diagnose.Waived:
		case result == diagnose.Fail:
			return &all[i]
		case first == nil:
			first = &all[i]
		}
	}
	return first
}

// judged are the gates of the finding that a step rests on.
func (r *run) judged(l look, step Step, kind StepType) []diagnose.GateResult {
	finding := l.finding()
	if kind.Ghost && r.plan.Class == diagnose.ClassDisconnect {
		// The volume stays, and the connection that was the finding is cut.
		// What is left is a device without one.
		finding = r.ghost(l, step)
		if answer, why := confirmNoDevice(l.subject, step); answer.Is() {
			return []diagnose.GateResult{{Gate: needFinding, Result: diagnose.Pass, Why: why}}
		}
	}
	if finding == nil {
		return []diagnose.GateResult{r.notFound(l)}
	}
	if why := kind.forbids(finding); why != "" {
		return []diagnose.GateResult{{Gate: needFinding, Result: diagnose.Fail, Why: why}}
	}
	gates := slices.DeleteFunc(slices.Clone(finding.Gates), func(g diagnose.GateResult) bool { return slices.Contains(kind.Settled, g.Gate) })
	for i := range gates {
		if kind.Released && gates[i].Gate == "path-identity" && gates[i].Result == diagnose.Uncertain {
			gates[i] = r.vouch(l, gates[i])
		}
	}
	return gates
}

// notFound is the answer where the finding of the plan is not in what was seen.
// Only a complete look says that there is none.
func (r *run) notFound(l look) diagnose.GateResult {
	none := diagnose.GateResult{Gate: needFinding, Result: diagnose.Fail, Why: "there is no " + r.plan.Code + " " + r.plan.Object + " any more"}
	if why := r.unread(l); why != "" {
		none.Result = diagnose.Uncertain
		none.Why = "whether there still is a " + r.plan.Code + " " + r.plan.Object + " is not known: " + why
	}
	return none
}

// unread says what was not read of where the object of the plan should be;
// empty when all of it was. What was not read is not gone.
func (r *run) unread(l look) string {
	if r.plan.ArrayID != "" {
		switch a := l.array; {
		case a == nil:
			return "the array " + r.arrayName() + " could not be read" + troubles(l.world)
		case a.Trouble != "":
			return "the array " + r.arrayName() + " could not be read: " + a.Trouble
		default:
			for _, why := range []string{a.Volumes.Why(), a.Snapshots.Why(), a.Hosts.Why(), a.Connections.Why()} {
				if why != "" {
					return why
				}
			}
		}
	}
	if l.world.LXD.Trouble != "" {
		return "LXD could not be read: " + l.world.LXD.Trouble
	}
	for _, g := range devicesOnEach(l.world, "") {
		if why := g.doubt(); why != "" && (r.plan.onHost() || r.plan.Class == diagnose.ClassDisconnect) {
			return why
		}
	}
	return ""
}

func (r *run) arrayName() string {
	if r.plan.ArrayName != "" {
		return r.plan.ArrayName
	}
	return r.plan.ArrayID
}

// forbids says why a finding does not permit a step: it is of another class, or
// one of the gates of its class was not asked. What a step needs stands in the
// table of steps, and nothing that a file says can change it.
func (t *StepType) forbids(finding *diagnose.Finding) string {
	class := classOf(finding.Code)
	if !slices.Contains(t.Rests, class) {
		return "a " + finding.Code + " does not permit to " + t.Title
	}
	for gate := range evidence.Refs(diagnose.Gates) {
		asked := slices.ContainsFunc(finding.Gates, func(g diagnose.GateResult) bool { return g.Gate == gate.Name })
		if slices.Contains(gate.Classes, class) && !asked {
			return "gate " + gate.Name + " was not asked about " + finding.Object
		}
	}
	return ""
}

// ghost is what is found of a device that has lost its connection.
func (r *run) ghost(l look, step Step) *diagnose.Finding {
	report := r.t.judge(*l.world, r.policy())
	return evidence.Find(report.Findings, func(f *diagnose.Finding) bool {
		return classOf(f.Code) == diagnose.ClassHost && f.Host == step.Member && f.Serial == r.plan.Serial && f.Serial != ""
	})
}

// vouch is the one exception: paths that this run itself set offline can't be
// asked who they are. Each was asked right before, and its sequence number,
// which no other disk has in this boot, is in the journal. For those, and for
// those alone, the answer from then stands in.
func (r *run) vouch(l look, was diagnose.GateResult) diagnose.GateResult {
	world := *l.world
	world.Hosts = slices.Clone(world.Hosts)
	var vouched []string
	for host := range evidence.Refs(world.Hosts) {
		released := r.released[host.Name]
		if released == nil || host.Boot == "" || released.Boot != host.Boot {
			continue
		}
		disks := slices.Clone(host.Disks.Items)
		for j := range disks {
			if isReleased(disks[j], released.Offline) {
				disks[j].Live = evidence.Identity{Kind: evidence.IdentityKnown, Serial: disks[j].Serial}
				vouched = append(vouched, disks[j].Name)
			}
		}
		if !host.Disks.IsComplete() {
			return was
		}
		host.Disks = evidence.Complete(disks)
	}
	if len(vouched) == 0 {
		return was
	}
	policy := r.policy()
	policy.Codes = r.codes()
	finding := r.find(r.t.judge(world, policy))
	if finding == nil {
		return was
	}
	for _, gate := range finding.Gates {
		if gate.Gate == was.Gate && gate.Result == diagnose.Pass {
			gate.Why = strings.Join(vouched, ", ") + ": set offline by this run right after each said that it is this volume"
			return gate
		}
	}
	return was
}

func isReleased(d evidence.Disk, targets []release.Target) bool {
	return d.State == "offline" && d.Live.Kind == evidence.IdentityUnknown && d.Seq.Known && d.Serial != "" &&
		slices.Contains(targets, release.Target{Name: d.Name, HCTL: d.HCTL, Dev: d.Dev, Seq: d.Seq.N, Serial: d.Serial})
}

// successors are what a finding can become by what is done about it: a stale map
// without its map is a ghost path, and a path on which multipathd makes a map is
// a stale map; once its twin is destroyed a leaked volume is a leaked half. The
// gates that are asked are always those of what is found.
var successors = map[string][]string{
	"stale-map":     {"ghost-path"},
	"ghost-path":    {"stale-map"},
	"leaked-volume": {codeHalf},
	"leaked-image":  {codeHalf},
}

// follows reports a finding that is the plan's, perhaps under its later name.
func follows(code, was string) bool { return code == was || slices.Contains(successors[was], code) }

// codes are those of the plan's finding, also under its later name.
func (r *run) codes() []string {
	return append([]string{r.plan.Code}, successors[r.plan.Code]...)
}

// find is the plan's finding in a report, or what it has become.
func (r *run) find(report diagnose.Report) *diagnose.Finding {
	var successor *diagnose.Finding
	for f := range evidence.Refs(report.Findings) {
		switch {
		case f.VolumeID != r.plan.ID || f.Host != r.plan.Host || f.Serial != r.plan.Serial || !strings.EqualFold(f.ArrayID, r.plan.ArrayID):
		case !follows(f.Code, r.plan.Code):
		case f.Code == r.plan.Code && f.Object == r.plan.Object:
			return f
		case classOf(f.Code) == diagnose.ClassHost && f.Serial != "", f.VolumeID != "" && f.Object == r.plan.Object:
			successor = f
		}
	}
	return successor
}

func sameObject(r *run, s subject, _ Step) (diagnose.Result, string) {
	p := r.plan
	name, serial, pod := "", evidence.Serial(""), ""
	switch {
	case s.array == nil:
		return diagnose.Uncertain, "array " + p.ArrayID + " did not answer" + troubles(s.world)
	case s.volume == nil && s.snapshot == nil && r.unread(r.latest) != "":
		return diagnose.Uncertain, r.unread(r.latest)
	case s.volume != nil:
		name, serial = s.volume.Name, s.volume.Serial
	case s.snapshot != nil:
		name, serial = s.snapshot.Name, s.snapshot.Serial
	default:
		return diagnose.Uncertain, "the array lists nothing with id " + p.ID
	}
	if s.pod != nil {
		pod = s.pod.ID
	}
	if name != p.Object || serial != p.Serial || pod != p.PodID {
		return diagnose.Fail, fmt.Sprintf("id %s is now %s, serial %s, in pod %s", p.ID, name, serial, pod)
	}
	return diagnose.Pass, name + " has the id, serial and pod that were planned for"
}

// onHost reports a plan that changes one host's devices alone.
func (p Plan) onHost() bool {
	return p.Class == diagnose.ClassHost || p.Class == diagnose.ClassWaiting
}

// troubles are what kept arrays from being read, for where one is missing:
// another one may have answered in its place.
func troubles(world *evidence.World) string {
	all := ""
	for i := range world.Arrays {
		if why := world.Arrays[i].Trouble; why != "" {
			all += "; " + why
		}
	}
	return all
}

// machineReady: what a step leaves undone on a host that can't be reached
// hangs or comes back there.
func machineReady(r *run, s subject, _ Step) (diagnose.Result, string) {
	wanted := map[string]bool{}
	for _, step := range r.plan.Steps {
		if step.Member != "" {
			wanted[step.Member] = true
		}
	}
	for _, row := range s.rows {
		if r.plan.Class == diagnose.ClassHost || r.plan.Class == diagnose.ClassDisconnect && !s.isOf(row, r.plan) {
			continue // what is connected elsewhere stays as it is
		}
		if s.fenced(row) {
			continue
		}
		member := s.member(row)
		if member == "" && row.Host != "" {
			return diagnose.Uncertain, "no machine that was read has the initiators of " + row.Host
		}
		wanted[member] = true
	}
	for _, g := range devicesOnEach(s.world, s.serial) {
		if !g.empty() && r.plan.Class != diagnose.ClassDisconnect && !r.plan.onHost() {
			wanted[g.host.Name] = true
		}
	}
	var names []string
	for member := range wanted {
		if member == "" {
			continue
		}
		if _, ok := r.t.Machine(member); !ok {
			return diagnose.Fail, "the devices of " + member + " can't be changed from here; run pureclean on " + member
		}
		names = append(names, member)
	}
	slices.Sort(names)
	if len(names) == 0 {
		return diagnose.Pass, "no host has to do with it"
	}
	return diagnose.Pass, strings.Join(names, ", ") + ": can be worked on from here"
}

func noGroup(_ *run, s subject, _ Step) (diagnose.Result, string) {
	if row := evidence.Find(s.rows, func(c *connection) bool { return c.Group != "" }); row != nil {
		return diagnose.Fail, "it is connected through host group " + row.Group
	}
	return diagnose.Pass, "no connection is made through a host group"
}

// allReleased: a path that is cut off on the array while it can be opened
// hangs whoever opens it.
func allReleased(r *run, s subject, step Step) (diagnose.Result, string) {
	for _, g := range devicesOnEach(s.world, s.serial) {
		if r.plan.Class == diagnose.ClassDisconnect && g.host.Name != step.Member {
			continue
		}
		answer, why := confirmReleased(s, Step{Member: g.host.Name})
		switch {
		case answer.IsNot():
			return diagnose.Fail, g.host.Name + ": " + why
		case !answer.Is():
			return diagnose.Uncertain, g.host.Name + ": " + why
		}
	}
	return diagnose.Pass, "no map and no path that could be used, on any host"
}

func isCut(r *run, s subject, step Step) (diagnose.Result, string) {
	for _, other := range r.plan.Steps {
		if other.Kind != StepDisconnect || other.Member != step.Member {
			continue
		}
		answer, why := confirmDisconnected(s, other)
		switch {
		case answer.IsNot():
			return diagnose.Fail, why
		case !answer.Is():
			return diagnose.Uncertain, why
		}
	}
	if expect(s, step.Member).StillConnected {
		return diagnose.Fail, "the array connects it to " + step.Member
	}
	return diagnose.Pass, "the array does not connect it to " + step.Member
}

// confirmedFor is how long a confirmation is good for.
const confirmedFor = 2 * time.Minute

func isDetached(r *run, s subject, _ Step) (diagnose.Result, string) {
	switch {
	case r.confirmed.IsZero():
		return diagnose.Uncertain, "this process has not confirmed it"
	case r.t.Now().Sub(r.confirmed) > confirmedFor:
		return diagnose.Uncertain, "it was confirmed at " + stamp(r.confirmed) + ", which is too long ago"
	}
	return detachedNow(r, s)
}

// detachedNow judges one look: no connection and no device.
func detachedNow(r *run, s subject) (diagnose.Result, string) {
	rows := s.rows
	if r.plan.Class == diagnose.ClassDisconnect {
		rows = slices.DeleteFunc(slices.Clone(rows), func(c connection) bool { return !s.isOf(c, r.plan) })
	}
	switch {
	case s.array == nil || s.volume == nil:
		return diagnose.Uncertain, "the array does not list the volume"
	case len(rows) > 0:
		return diagnose.Fail, "the array connects it to " + s.where(rows[0])
	case !s.array.Connections.IsComplete():
		return diagnose.Uncertain, "the array's connections are not all known: " + s.array.Connections.Why()
	case r.plan.Class == diagnose.ClassDestroy && s.unreadCopies() != "":
		return diagnose.Uncertain, s.unreadCopies()
	case r.plan.Class == diagnose.ClassDestroy && !s.volume.ConnectionCount.IsZero():
		return diagnose.Uncertain, fmt.Sprintf("the array lists no connection and counts %s", s.volume.ConnectionCount)
	case len(s.world.Hosts) == 0:
		return diagnose.Uncertain, "no host was read"
	}
	for _, g := range devicesOnEach(s.world, s.serial) {
		if r.plan.Class == diagnose.ClassDisconnect && !r.touches(g.host.Name) {
			continue
		}
		answer, why := confirmNoDevice(s, Step{Member: g.host.Name})
		switch {
		case answer.IsNot():
			return diagnose.Fail, why
		case !answer.Is():
			return diagnose.Uncertain, why
		}
	}
	return diagnose.Pass, "no connection on the array, no device on any host"
}

// touches reports a machine that the plan has to do with.
func (r *run) touches(member string) bool {
	return slices.ContainsFunc(r.plan.Steps, func(s Step) bool { return s.Member == member })
}

// leastUndo is the shortest time that an array can be set to keep what is
// destroyed.
const leastUndo = 24 * time.Hour

func undoWindow(_ *run, s subject, _ Step) (diagnose.Result, string) {
	switch {
	case s.array == nil:
		return diagnose.Uncertain, "the array did not answer"
	case s.array.EradicationDelay <= 0:
		return diagnose.Uncertain, "the array does not say how long it keeps what is destroyed"
	case s.array.EradicationDelay < leastUndo:
		return diagnose.Fail, "the array keeps what is destroyed for " + words.Span(s.array.EradicationDelay) + " only"
	}
	return diagnose.Pass, "the array keeps it for " + words.Span(s.array.EradicationDelay)
}

// Typed is the name that has to be given again for a step that can't be undone;
// empty for a plan without one.
func (p Plan) Typed() string {
	for _, step := range p.Steps {
		if kind, ok := stepTypeOf(Steps, step.Kind); ok && slices.Contains(kind.Needs, needTyped) {
			return p.Object
		}
	}
	return ""
}

// nameTyped: what can't be undone wants the name of what it is about, which no
// history of a shell and no loop gives by mistake.
func nameTyped(r *run, _ subject, _ Step) (diagnose.Result, string) {
	name := r.plan.Object
	switch {
	case r.t.Typed == "":
		return diagnose.Fail, "this can't be undone; give its name again, as --confirm " + words.Shell(name)
	case r.t.Typed != name:
		return diagnose.Fail, fmt.Sprintf("the name that was typed is %q and not %q", r.t.Typed, name)
	}
	return diagnose.Pass, "its name was typed"
}
