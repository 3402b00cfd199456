package repair

import (
	"fmt"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// needStill is the condition of whatever takes a connection from a volume that
// is in use on another member. The array counts the I/O of a volume and that of
// a host, but not what a host does with a volume: what the volume's users do
// hides what anything else does. The kernel of the connection's own machine
// counts it there, for each path. What stands still while LXD would long have
// begun is not used.
const needStill = "still"

// stillFor is how far two looks have to be apart for that. settle waits longer
// between them.
const stillFor = 30 * time.Second

// counters are what a machine's kernel had counted of a volume, through all that
// leads to it, when the machine was read.
type counters struct {
	began, ended time.Time
	parts        []counter
}

// counter is one path or namespace: what it is, which no other has had since the
// machine started, and what went through it.
type counter struct {
	boot, name    string
	seq           evidence.Count
	reads, writes evidence.Count
}

// same reports the counters of the same things.
func (t *counters) same(other *counters) bool {
	if len(t.parts) != len(other.parts) {
		return false
	}
	for i, a := range t.parts {
		if b := other.parts[i]; a.boot != b.boot || a.seq != b.seq {
			return false
		}
	}
	return true
}

// countersOf counts what the machine of a plan's connection has of the volume.
func countersOf(s subject, p Plan) *counters {
	t := &counters{}
	for _, row := range s.rows {
		if !s.isOf(row, p) {
			continue
		}
		g, ok := devicesOn(s.world, s.serial, s.member(row))
		if !ok {
			continue
		}
		t.began, t.ended = g.host.Began, g.host.Ended
		for _, d := range g.disks {
			t.parts = append(t.parts, counter{g.host.Boot, d.Name, d.Seq, d.IO.Reads, d.IO.Writes})
		}
		for _, n := range g.namespaces {
			t.parts = append(t.parts, counter{g.host.Boot, n.Name, n.Seq, n.IO.Reads, n.IO.Writes})
		}
	}
	return t
}

// count keeps the first counters of what is there. Of what has come or gone
// since nothing is known from before.
func (r *run) count(l look) {
	if r.plan.Class != diagnose.ClassDisconnect {
		return
	}
	now := countersOf(l.subject, r.plan)
	if r.first == nil || !r.first.same(now) {
		r.first = now
	}
}

// runsOn are the members on which LXD uses the volume of the connection.
func (r *run) runsOn() []string {
	if r.plan.Class != diagnose.ClassDisconnect {
		return nil
	}
	f := r.latest.finding()
	if f == nil {
		return nil
	}
	r.users = f.RunsOn
	return f.RunsOn
}

// standsStill: see needStill.
func standsStill(r *run, s subject, step Step) (diagnose.Result, string) {
	users := strings.Join(r.runsOn(), ", ")
	switch {
	case users == "":
		return diagnose.Pass, "LXD uses it on no other member, so the array's own counters tell"
	case step.Kind == StepDisconnect && r.released[step.Member] != nil:
		return diagnose.Pass, "its paths on " + step.Member + " were set offline by this run"
	case r.first == nil:
		return diagnose.Uncertain, "nothing was counted yet"
	}
	now := countersOf(s, r.plan)
	if len(now.parts) == 0 {
		return diagnose.Pass, "there is no device of it on " + step.Member
	}
	if !r.first.same(now) {
		return diagnose.Uncertain, "its devices on " + step.Member + " are not those that were counted before"
	}
	var names []string
	for i, part := range now.parts {
		before := r.first.parts[i]
		switch {
		case !part.seq.Known || !part.reads.Known || !part.writes.Known || !before.reads.Known || !before.writes.Known:
			return diagnose.Uncertain, "it is not known how much was read and written through " + part.name + " on " + step.Member
		case part.reads != before.reads || part.writes != before.writes:
			return diagnose.Fail, fmt.Sprintf("%s on %s has done %d reads and %d writes since %s, and it is in use on %s",
				part.name, step.Member, part.reads.N-before.reads.N, part.writes.N-before.writes.N, stamp(r.first.ended), users)
		}
		names = append(names, part.name)
	}
	if apart := now.began.Sub(r.first.ended); apart < stillFor || r.first.ended.IsZero() {
		return diagnose.Uncertain, fmt.Sprintf("the counters of %s on %s were only seen within %s", strings.Join(names, ", "), step.Member, seconds(apart))
	}
	return diagnose.Pass, fmt.Sprintf("nothing went through %s on %s since %s", strings.Join(names, ", "), step.Member, stamp(r.first.ended))
}
