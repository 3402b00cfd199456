package diagnose

import (
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// draft is what a check found, before the gates.
type draft struct {
	Finding
	subject Subject
	// told is set when there is nothing to repair in this occurrence: the
	// gates are asked, and their answer gives no permission.
	told bool
}

// Subject is what a gate is asked about.
type Subject struct {
	f     *facts
	class Class
	array *arrayFacts
	pool  *poolFacts
	// volume is set for volumes, snapshot for snapshots of one (its volume
	// may be nil), device for what is removed on one host only.
	volume   *volume
	snapshot *evidence.Snapshot
	device   *device
	// object is set for an array host of the array.
	object *evidence.ArrayHost
	// connection is the array host of what is disconnected alone.
	connection string
}

// id is the array's of the snapshot, or else of the volume; empty for what is
// neither.
func (s Subject) id() string {
	switch {
	case s.snapshot != nil:
		return s.snapshot.ID
	case s.volume != nil:
		return s.volume.ID
	}
	return ""
}

// gateJudge runs a table of gates and remembers the answers that are the same
// for a whole pool.
type gateJudge struct {
	gates []Gate
	known map[poolGate]GateResult
}

type poolGate struct {
	gate  string
	class Class
	pool  *poolFacts
	array *arrayFacts
}

func newJudge(gates []Gate) *gateJudge {
	return &gateJudge{gates: gates, known: map[poolGate]GateResult{}}
}

// ask runs every gate of the subject's class, in the table's order.
func (j *gateJudge) ask(s Subject) []GateResult {
	var results []GateResult
	for i := range j.gates {
		if gate := &j.gates[i]; slices.Contains(gate.Classes, s.class) {
			results = append(results, j.one(gate, s))
		}
	}
	return results
}

func (j *gateJudge) one(gate *Gate, s Subject) GateResult {
	if !gate.PoolWide {
		return gate.ask(s)
	}
	key := poolGate{gate.Name, s.class, s.pool, s.array}
	result, known := j.known[key]
	if !known {
		result = gate.ask(s)
		j.known[key] = result
	}
	return result
}

func (g *Gate) ask(s Subject) GateResult {
	result, why := g.Check(s)
	out := GateResult{Gate: g.Name, Result: result, Why: why}
	if mend := mendsHere[g.Name]; mend != nil && result != Pass {
		out.Mend = mend(s, result)
	}
	return out
}

// verdict is what the gates' answers add up to. No gates at all is no
// permission.
func verdict(class Class, results []GateResult) Verdict {
	switch {
	case class == ClassReport:
		return ReportOnly
	case len(results) == 0 || slices.ContainsFunc(results, GateResult.blocks):
		return Blocked
	}
	return Safe
}

// blocks reports an answer that is no permission.
func (g GateResult) blocks() bool { return g.Result != Pass && g.Result != Waived }

// finding completes a draft: what the table says of its kind where the check
// said nothing better, the gates, and the verdict.
func (j *gateJudge) finding(f *facts, kind *Kind, d draft) Finding {
	out := d.Finding
	out.Code = kind.Code
	out.Severity = Severity(either(string(out.Severity), string(kind.Severity)))
	out.Effect = either(out.Effect, kind.Effect)
	if len(out.Remedy) == 0 {
		out.Remedy = kind.Remedy
	}
	s := d.subject
	if out.Connections == nil && (s.volume == nil || s.volume.ID != out.VolumeID) {
		out.Connections = []string{} // what is no volume is connected to nothing
	}
	s.f, s.class = f, kind.Class
	out.Along = s.along()
	if kind.Class != ClassReport && (f.policy.Only == nil || f.policy.Only(&out)) {
		out.Gates = j.ask(s)
		if command, words := s.freeing(); command != "" {
			out.Next, out.Remedy = command, append([]string{words}, out.Remedy...)
		}
	}
	if out.Volume == "" {
		out.Volume = f.nameOf(out.Serial)
	}
	if out.Volume != out.Object && !strings.Contains(out.Detail, out.Volume) {
		out.Detail = out.Volume + ": " + out.Detail
	}
	if undone := s.takenBack(); undone != "" && kind.Class != ClassReport {
		out.Detail += "; " + undone
	}
	s.interrupted(&out)
	out.Late = f.lateOf(s.volume, out.Host)
	out.Verdict = verdict(kind.Class, out.Gates)
	if d.told {
		out.Verdict = ReportOnly
	}
	return out
}

// ofVolume is a draft about a volume, with what the witnesses say of it.
func ofVolume(v *volume) draft {
	d := draft{subject: Subject{array: v.array, pool: v.pool, volume: v}}
	d.Object, d.Volume, d.VolumeID, d.ArrayID = v.Name, v.Name, v.ID, v.array.ID
	d.Serial, d.WWID = v.Serial, wwid(v.Serial, v.pool.isNVMe())
	d.LXD = lxdName(v.record)
	d.Connections = v.hostNames()
	d.Created, d.Age = v.Created, age(v.array, v.Created)
	d.Provisioned, d.Unique = v.Provisioned, v.Unique
	if v.pool != nil {
		d.Pool = v.pool.name
	}
	return d
}

// ofDevice is a draft about a device on one host.
func (f *facts) ofDevice(d *device) draft {
	out := draft{subject: Subject{device: d}}
	if d.volume != nil {
		out = ofVolume(d.volume)
		out.subject.device = d
	} else if makers := f.created(d.serial); len(makers) > 0 {
		out.subject.array, out.ArrayID = makers[0], makers[0].ID
	}
	out.Object, out.Host, out.Serial = d.object(), d.host.Name, d.serial
	out.WWID = wwid(d.serial, len(d.namespaces) > 0)
	return out
}

// wwid spells a serial as hosts do.
func wwid(serial evidence.Serial, nvme bool) string {
	switch {
	case serial == "":
		return ""
	case nvme:
		return serial.EUI()
	default:
		return serial.WWID()
	}
}

// age is how old something is by the array's own clock; 0 when it is not
// known, or when it claims to come from the future.
func age(a *arrayFacts, created time.Time) time.Duration {
	if created.IsZero() || a.Clock.IsZero() || a.Clock.Before(created) {
		return 0
	}
	return a.Clock.Sub(created)
}
