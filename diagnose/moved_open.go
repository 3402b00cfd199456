package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// A virtual machine's disk is mounted nowhere, so no path tells whose it is. Two
// things that do not fit tell it: LXD says that a virtual machine runs, and on its
// machine the disk is neither connected nor open; and a virtual machine there has a
// disk open that LXD has for nobody. The names were exchanged under what runs.

// openFor is a disk that a virtual machine has open for another record's.
type openFor struct {
	host *hostFacts
	use  *evidence.Use
	// records are those of which it may be. It is certain where there is but one,
	// and no other such disk.
	records []*evidence.Record
	certain bool
}

// openedForOthers finds these disks, by serial.
func (f *facts) openedForOthers() map[evidence.Serial]*openFor {
	found := map[evidence.Serial]*openFor{}
	if f.use.doubt != "" || !f.world.LXD.Records.IsComplete() {
		return found
	}
	for _, h := range f.hosts {
		if !f.showsWhatIsOpen(h) {
			continue
		}
		var open []*openFor
		for _, d := range h.all {
			if use := d.inVirtualMachine(); use != nil && f.isNobodys(d) && found[d.serial] == nil {
				found[d.serial] = &openFor{host: h, use: use}
				open = append(open, found[d.serial])
			}
		}
		var lacking []*evidence.Record
		if len(open) > 0 {
			lacking = f.notOpenOn(h)
		}
		for _, o := range open {
			o.records, o.certain = lacking, len(open) == 1 && len(lacking) == 1
		}
	}
	return found
}

// showsWhatIsOpen reports a machine that was read whole, together with LXD and not
// before it: only such a one can say that a disk is not open there.
func (f *facts) showsWhatIsOpen(h *hostFacts) bool {
	lxd := f.world.LXD.Source
	return h.partial() == "" && h.blindness() == "" && !h.Ended.Before(lxd.Began) && h.Began.Sub(lxd.Ended) <= f.policy.ReadWithin
}

// inVirtualMachine is how a virtual machine has the device open.
func (d *device) inVirtualMachine() *evidence.Use {
	i := slices.IndexFunc(d.uses, func(use *evidence.Use) bool {
		return use.Kind == evidence.UseOpener && strings.HasPrefix(use.Process, "qemu-system")
	})
	if i < 0 {
		return nil
	}
	return d.uses[i]
}

// isNobodys reports a disk of which LXD certainly says that nothing has it on the
// device's machine, neither as a volume nor by a path. What is in a pod has to be
// connected as well: the array is read first, so what was started since is not.
func (f *facts) isNobodys(d *device) bool {
	probe := volume{Volume: &evidence.Volume{Serial: d.serial}}
	if v := d.volume; v != nil && v.pool != nil {
		if answer, _ := f.connectedTo(v, d.host); !answer.Is() {
			return false
		}
		probe = *v
		probe.record = f.records.find(v.pool.name, v.LXD)
	}
	e := f.expected(&probe)
	return e.on(f.memberOf(d.host)).IsNot() && len(e.paths) == 0
}

// notOpenOn are the records of disks that virtual machines have that run on the
// machine, and that are neither connected to it nor open there. What is being
// stopped was connected when the array was read, and is not among them.
func (f *facts) notOpenOn(h *hostFacts) []*evidence.Record {
	var lacking []*evidence.Record
	for record := range evidence.Refs(f.records.list) {
		if record.Snapshot || record.Type != evidence.TypeVM && record.Content != evidence.ContentBlock || !f.runsOn(record, h) || f.busyWith(record) != nil {
			continue
		}
		known, has := false, false
		for v := range f.placedAs(record, evidence.ContentBlock) { // the half with the configuration is mounted
			answer, _ := f.connectedTo(v, h)
			known, has = true, has || !answer.IsNot() || h.of(v).isOpen()
		}
		if known && !has {
			lacking = append(lacking, record)
		}
	}
	return lacking
}

// isOpen reports a device, if there is one, that is or may be in use.
func (d *device) isOpen() bool {
	if d == nil {
		return false
	}
	u := d.usage()
	return len(u.certain)+len(u.waits) > 0 || u.doubt != ""
}

// runsOn reports that a virtual machine which certainly runs on the machine has
// the disk.
func (f *facts) runsOn(record *evidence.Record, h *hostFacts) bool {
	var e expectation
	f.expectedOf(&e, record)
	return slices.ContainsFunc(e.uses, func(u use) bool {
		if u.instance == nil || u.instance.Type != evidence.TypeVM || !u.instance.Running.Is() {
			return false
		}
		member, known := f.members.at(u.instance.Location)
		return known && strings.EqualFold(member, h.Name)
	})
}

// byOpeners takes what is open for another record's.
func (c *claim) byOpeners() {
	o := c.opened[c.serial]
	if o == nil || c.move.record != nil && !slices.Contains(o.records, c.move.record) {
		return
	}
	for _, record := range o.records {
		known := c.move.record != nil
		c.take(record, evidence.ContentBlock, true, o.words())
		if c.move.record == record {
			if !known && !o.certain {
				c.move.among = o.records
			}
			return
		}
	}
}

func (o *openFor) words() string {
	return "on " + o.host.Name + " it is " + useWords(o.use) + ", where nothing is to have it, and what runs there does not have " + list(namesOf(o.records)) + " open"
}

// namesOf are what LXD calls the records.
func namesOf(records []*evidence.Record) []string {
	return each(records, func(record *evidence.Record) string { return lxdName(record).String() })
}

// inPlaceOf is the move of the volume whose name another one has: this one, or
// one of which it is LXD's copy. While a name of the record's is lost, that is
// where what was moved belongs, and the other half is itself.
func (f *facts) inPlaceOf(v *volume) *move {
	if v == nil || v.record == nil || f.movedVolumes[v] != nil {
		return nil
	}
	record := v.record
	if record.Snapshot {
		record = f.parentOf(record)
	}
	return firstThat(f.movedRecords[record], func(m *move) bool { return m.replaced && !m.copied && !f.isLost(m.array, record, "") })
}
