package diagnose

import (
	"slices"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// longRunning is for how long an instance has to have been running before what it
// lacks is told: LXD waits half a minute for each device, a start by LXD itself leaves no
// operation, and the machine may have been read before its end. The clocks of two
// machines may differ by evidence.ClockTolerance on top.
const longRunning = 10 * time.Minute

// runsWithout lists volumes that LXD says a running instance has, while its machine,
// read whole, has no use of it and the array does not connect it there. What runs
// has lost its disk, and only LXD does not know.
func (f *facts) runsWithout() []draft {
	lxd := &f.world.LXD
	if f.use.doubt != "" || len(f.operations) > 0 || !lxd.Operations.IsComplete() || !lxd.Records.IsComplete() {
		return nil
	}
	var found []draft
	for v := range f.judged() {
		if !f.isSimplyRecorded(v) {
			continue
		}
		f.eachRunningWith(v.record, func(inst *evidence.Instance, words string) {
			member, known := f.members.at(inst.Location)
			h := f.hostOf(member)
			if !known || h == nil || h.Recorded || !f.showsWhatIsOpen(h) || !f.isWithout(v, h) ||
				inst.Started.Year() < 2000 || // or never
				v.array.Began.Sub(inst.Started) < longRunning+evidence.ClockTolerance {
				return
			}
			found = append(found, withoutIt(v, h, inst, words))
		})
	}
	return found
}

// isSimplyRecorded reports a live volume under the name that its record gives it, of
// a kind that stays open while its instance runs. The filesystem that LXD keeps beside
// a virtual machine's disk, and an ISO, it can do without.
func (f *facts) isSimplyRecorded(v *volume) bool {
	switch {
	case v.record == nil, v.LXD.Snapshot, v.Serial == "", !v.Destroyed.IsNot():
		return false
	case v.LXD.Content == evidence.ContentISO, v.LXD.Type == evidence.TypeVM && v.LXD.Content != evidence.ContentBlock:
		return false
	}
	return f.movedVolumes[v] == nil && len(f.movedRecords[v.record]) == 0
}

// eachRunningWith calls do for each instance that runs, is neither being started nor
// stopped, and has the record as its root or as a disk.
func (f *facts) eachRunningWith(record *evidence.Record, do func(inst *evidence.Instance, words string)) {
	runs := func(inst *evidence.Instance) bool {
		return inst.Running.Is() && slices.Contains([]string{"Running", "Ready", "Frozen"}, inst.Status)
	}
	inst := f.use.instances[place{record.Project, record.Name}]
	if record.Type != evidence.TypeCustom && inst != nil && runs(inst) && slices.ContainsFunc(inst.Disks, func(d evidence.InstanceDisk) bool {
		return d.Source == "" && d.Pool == record.Pool
	}) {
		do(inst, "the root disk of ")
	}
	for a := range f.use.attachedTo(disk{record.Pool, record.Project, record.Type, record.Name, false}) {
		if runs(a.instance) {
			do(a.instance, "device "+a.disk.Device+" of ")
		}
	}
}

// isWithout reports a machine that certainly has no use of the volume, and to which
// the array certainly does not connect it.
func (f *facts) isWithout(v *volume, h *hostFacts) bool {
	answer, _ := f.connectedTo(v, h)
	return answer.IsNot() && !h.of(v).isOpen() && len(v.goneOn(h)) == 0
}

func withoutIt(v *volume, h *hostFacts, inst *evidence.Instance, words string) draft {
	out := ofVolume(v)
	out.Host = h.Name
	has := "has no device of it"
	if d := h.of(v); d != nil {
		has = "does not use what it has of it"
	}
	out.Detail = out.LXD.String() + ", by LXD " + words + instanceWords(inst) + "; the array does not connect it to " + h.Name + ", which " + has
	out.Cause = "somebody took it away under what runs: closed or unmounted there, and disconnected; LXD does not look whether it is still there"
	out.Effect = "what runs has lost this disk: reads and writes fail, and what it writes does not reach the volume"
	out.Remedy = []string{
		"do not delete it: the volume itself is there, as it was when it was taken away",
		"save what " + shell(inst.Name) + " still has in memory, stop it and start it again (lxc stop, lxc start): LXD connects the volume anew; then check its file system",
	}
	return out
}
