package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// Explanation is everything that is known of one object.
type Explanation struct {
	// Object is its name in full, What one sentence of what it is.
	Object   string
	What     string
	Pool     string
	VolumeID string
	Serial   evidence.Serial
	WWID     string
	LXD      LXDName
	// Statements are the witnesses' words: the array's, LXD's, each host's.
	Statements []Statement
	// Findings are those about this object, the gravest first; behind them
	// those about other objects of the same record: a virtual machine's other
	// half, snapshots, LXD's copies of these.
	Findings []Finding
	// Itself counts those about this very object.
	Itself int
	// Whole is set when the name that was asked for is LXD's, and so means all
	// that the record stands for: Object is one of it.
	Whole bool
	// Gates answer for the remedy of the first finding that has one; without
	// a finding, for the question whether the volume could be destroyed.
	Gates   []GateResult
	Verdict Verdict
	// Healthy is set when LXD has a record of it, all witnesses could tell, and
	// there is no finding about anything that the record stands for.
	Healthy bool
	Cause   string
	Effect  string
	Remedy  []string
}

// Statement is what one witness says of the object.
type Statement struct {
	// Kind is array, lxd or host; Name the witness's own.
	Kind string
	Name string
	// Known is no when the witness could not tell, or not everything: Text
	// then says why.
	Known bool
	Text  string
}

// Explain says what every witness knows of an object, and why it may or may
// not be touched. object is what the operator has in hand: a full name on the
// array, a name within a pod, a serial, a WWID or NGUID, a host's device
// ("sdb", "dm-3", "mpatha", "/dev/…", "host:sdb"), LXD's own name
// ("[pool/[project/]]type/name"), an array host, an initiator, or a mount
// directory; of what two arrays have under one name, "array/name". pool limits
// the search. The error is an *AmbiguousError or an
// *UnknownObjectError.
func Explain(w evidence.World, p Policy, object, pool string) (Explanation, error) {
	f := newFacts(&w, p)
	t, err := f.resolve(object, pool)
	if unknown, is := err.(*UnknownObjectError); is { //nolint:errorlint // resolve makes it, and wraps nothing
		// What a finding is about need be nothing that a witness has: a version.
		if e, ok := f.reported(object); ok {
			return e, nil
		}
		if what, instead := f.larger(object); what != "" {
			unknown.What, unknown.Instead = what, instead
		}
	}
	if err != nil {
		return Explanation{}, err
	}
	found := f.findings()
	e := f.described(t, object, found)
	if other, is := f.toTell(t, e, pool); is {
		t = other
		e = f.described(t, object, found)
	}
	e.Statements = f.statements(t)
	f.conclude(&e, t)
	e.Healthy = len(e.Findings) == 0 && e.LXD.Name != "" && t.volume != nil && len(f.doubts(f.witnesses())) == 0 &&
		!slices.ContainsFunc(e.Statements, func(s Statement) bool { return !s.Known })
	return e, nil
}

// described names the target and lists what is found about it.
func (f *facts) described(t target, object string, found []Finding) Explanation {
	e := f.describe(t)
	kin := f.kinOf(t)
	var others []Finding
	for _, finding := range found {
		// A name in /dev may say a volume that there is not.
		itself := finding.VolumeID == "" && strings.HasPrefix(object, "/dev/") && strings.EqualFold(finding.Object, object)
		switch {
		case t.isIn(finding, e) || f.queues(t, finding) || itself:
			e.Findings = append(e.Findings, finding)
		case kin.has(finding):
			others = append(others, finding)
		}
	}
	e.Itself, e.Whole = len(e.Findings), t.all != nil
	e.Findings = append(e.Findings, others...)
	return e
}

// toTell is the other half of what a record stands for, where nothing is found
// about the one that stands for both, and something about that.
func (f *facts) toTell(t target, e Explanation, pool string) (target, bool) {
	if !e.Whole || e.Itself > 0 || len(e.Findings) == 0 {
		return t, false
	}
	first := e.Findings[0]
	if i := slices.IndexFunc(e.Findings, func(x Finding) bool { return x.Verdict != ReportOnly }); i >= 0 {
		first = e.Findings[i]
	}
	half, err := f.resolve(first.Object, pool)
	if err != nil || (half.snapshot != nil) != t.all.Snapshot || f.kinOf(half).record != t.all {
		return t, false
	}
	half.all = t.all
	return half, true
}

// reported explains what findings call by this name, where it is neither a
// volume nor a device: a version, a setting, a clock.
func (f *facts) reported(object string) (Explanation, bool) {
	var e Explanation
	e.Findings = those(f.findings(), func(finding Finding) bool {
		return finding.VolumeID == "" && strings.EqualFold(finding.Object, strings.TrimSpace(object))
	})
	if len(e.Findings) == 0 {
		return e, false
	}
	e.Object = e.Findings[0].Object
	kind, _ := KindOf(e.Findings[0].Code)
	e.What = e.Object + " is no volume and no device: " + kind.Meaning + "."
	e.Itself = len(e.Findings)
	f.conclude(&e, target{})
	return e, true
}

// describe names the target.
func (f *facts) describe(t target) Explanation {
	e := Explanation{Object: t.candidate().Object}
	if t.pool != nil {
		e.Pool = t.pool.name
	}
	switch {
	case t.snapshot != nil:
		s := t.snapshot
		e.VolumeID, e.Serial = s.ID, s.Serial
		if record := f.records.find(e.Pool, s.LXD); record != nil {
			e.LXD = lxdName(record)
		}
		e.What = f.snapshotSentence(s, e)
	case t.volume != nil:
		v := t.volume
		e.VolumeID, e.Serial, e.WWID, e.LXD = v.ID, v.Serial, wwid(v.Serial, v.pool.isNVMe()), lxdName(v.record)
		e.What = f.volumeSentence(v)
	case t.record != nil:
		e.LXD = lxdName(t.record)
		e.What = e.LXD.String() + " is a record of LXD in pool " + t.record.Pool + " without anything on the array."
	case t.host != nil:
		e.Object = f.hostName(t.array, t.host.Name)
		e.What = t.host.Name + " is an array host on " + t.array.Name + "."
	case t.other != nil:
		e.VolumeID, e.Serial = t.other.ID, t.other.Serial
		e.What = t.other.Name + " is a " + t.what + " outside LXD's pods; pureclean leaves it alone."
		if record := f.recordOf(t.other); record != nil {
			e.LXD, e.Pool = lxdName(record), record.Pool
			e.What = t.other.Name + " is LXD's " + e.LXD.String() + ", which was moved there."
			if f.isCopied(t.other) {
				e.What = t.other.Name + " has the name of LXD's " + e.LXD.String() + " and is not it: a copy of it, or it restored."
			}
		}
	case t.use != nil:
		e.What = t.use.Where + " on " + t.machine.Name + " is used, and the device is gone: it is not known which volume it was."
	case t.link != nil:
		e.Serial, e.WWID = t.link.Serial, wwid(t.link.Serial, false)
		e.What = t.link.Path + " on " + t.machine.Name + " is a link of a Pure volume of which that machine has no device."
	case t.way != nil:
		e.What = t.way.object + " is " + t.way.what + "."
	case t.dir != nil:
		e.What = t.dir.Path + " is a mount directory of LXD's pool " + t.dir.Pool + " on " + t.machine.Name + "."
	default:
		e.Serial, e.WWID = t.device.serial, wwid(t.device.serial, len(t.device.namespaces) > 0)
		e.What = t.device.object() + " on " + t.device.host.Name + " is a device of a Pure volume in none of LXD's pods."
	}
	return e
}

// volumeSentence says what a volume is, in one sentence.
func (f *facts) volumeSentence(v *volume) string {
	is := v.Name + " is "
	switch {
	case v.pool == nil:
		return is + "a volume outside LXD's pods; pureclean leaves it alone."
	case v.code == codeMoved && f.movedVolumes[v].copied:
		return v.Name + " has the name of LXD's " + lxdName(v.record).String() + " and is not it: a copy of it, or it restored."
	case v.code == codeMoved && len(f.movedVolumes[v].among) > 0:
		return is + "perhaps LXD's " + strings.Join(namesOf(f.movedVolumes[v].among), " or ") + ", which was renamed there."
	case v.code == codeMoved:
		return is + "LXD's " + lxdName(v.record).String() + ", which was renamed or moved there."
	case v.code == codeForeign:
		return is + "a volume in LXD's pod whose name is not LXD's."
	case v.code == codeLeakedSnapshotVolume:
		return is + "a temporary copy that LXD made of snapshot " + v.record.Name + " and left behind."
	case v.LXD.Snapshot && v.record != nil:
		return is + "a temporary copy that LXD made of snapshot " + v.record.Name + " and uses."
	case v.record != nil:
		return is + "LXD's " + lxdName(v.record).String() + halfWords(v.LXD) + "."
	case v.code == "":
		return is + "a volume with a name as LXD gives them; whether LXD has a record of it is not known."
	}
	kind, _ := KindOf(v.code)
	like := v.Name + " looks like an LXD " + kindWords(v.LXD)
	if v.code == codeLeakedVolume || v.code == codeLeakedImage {
		return like + ", but LXD has no record of it."
	}
	return like + ": " + kind.Meaning + "."
}

func halfWords(n evidence.Name) string {
	switch {
	case !paired(n), n.Type == evidence.TypeImage && n.Content != evidence.ContentBlock:
		return ""
	case n.Content == evidence.ContentBlock:
		return ", the half with the root disk"
	default:
		return ", the half with its configuration"
	}
}

func kindWords(n evidence.Name) string {
	words := n.Type + " volume (" + n.Content + ")"
	if n.Snapshot {
		words = "temporary copy of a snapshot of a " + words
	}
	return words
}

func (f *facts) snapshotSentence(s *evidence.Snapshot, e Explanation) string {
	switch {
	case s.Suffix == reverter:
		return s.Name + " is LXD's safety copy from before a refresh."
	case e.LXD.Name != "":
		return s.Name + " is LXD's snapshot " + e.LXD.String() + "."
	case s.LXD.IsLXD():
		return s.Name + " looks like an LXD snapshot, but no record of it was found."
	default:
		return s.Name + " is a snapshot that is not LXD's."
	}
}

// isIn reports a finding about the target.
func (t target) isIn(finding Finding, e Explanation) bool {
	switch {
	case t.snapshot != nil:
		return finding.Object == t.snapshot.Name
	case t.volume != nil:
		if finding.VolumeID == "" {
			// Of the other half of it, which the array does not have.
			return e.LXD.Name != "" && finding.LXD == e.LXD && finding.Pool == e.Pool
		}
		return finding.VolumeID == t.volume.ID && finding.ArrayID == t.volume.array.ID
	case t.record != nil:
		return finding.LXD == e.LXD && finding.Pool == t.record.Pool
	case t.host != nil:
		return finding.ArrayID == t.array.ID && (finding.Object == e.Object || slices.Contains(finding.Connections, t.host.Name))
	case t.dir != nil:
		return finding.Object == t.dir.Path && finding.Host == t.machine.Name
	case t.other != nil:
		return finding.VolumeID == t.other.ID && finding.VolumeID != "" && finding.ArrayID == t.array.ID
	case t.way != nil:
		return false // nothing is to be done about a way
	case t.use != nil, t.link != nil:
		return finding.Host == t.machine.Name && finding.Object == goneName(t.use)
	default:
		return finding.Serial == t.device.serial && finding.Host == t.device.host.Name
	}
}

// Meant are the findings that a repair of the name that was asked for is about.
func (e Explanation) Meant() []Finding {
	if e.Whole {
		return e.Findings
	}
	return e.Findings[:e.Itself]
}

// conclude takes the words from the first finding that can be acted on, else
// from the gravest one.
func (f *facts) conclude(e *Explanation, t target) {
	e.Verdict = ReportOnly
	about := e.Findings[:e.Itself]
	if e.Whole && len(about) == 0 && len(e.Findings) > 0 {
		// No permission for the object that is told comes from another one.
		e.Cause, e.Effect, e.Remedy = e.Findings[0].Cause, e.Findings[0].Effect, e.Findings[0].Remedy
	}
	if len(about) > 0 {
		first := about[0]
		if i := slices.IndexFunc(about, func(x Finding) bool { return t.host != nil && x.Object == e.Object }); i > 0 {
			// What is said of a host itself comes before what follows for volumes.
			about = slices.Insert(slices.Delete(slices.Clone(about), i, i+1), 0, about[i])
			e.Findings = append(about, e.Findings[len(about):]...)
			first = about[0]
		}
		if i := slices.IndexFunc(about, func(x Finding) bool { return x.Verdict != ReportOnly }); i >= 0 {
			first = about[i]
		}
		e.Verdict, e.Gates = first.Verdict, first.Gates
		if gravest := about[0]; first.Verdict == Blocked && gravest.Severity == Critical {
			first = gravest // data at risk comes before what can't be done now
		}
		e.Cause, e.Effect, e.Remedy = first.Cause, first.Effect, first.Remedy
		// What frees who waits comes first, whichever finding says it.
		if i := slices.IndexFunc(about, func(f Finding) bool { return f.Next != "" }); i > 0 {
			e.Remedy = slices.Concat(about[i].Remedy[:1], e.Remedy)
		}
	}
	if len(e.Gates) == 0 && (t.volume != nil || t.snapshot != nil) {
		s := Subject{f: f, class: ClassDestroy, array: t.array, pool: t.pool, volume: t.volume, snapshot: t.snapshot}
		if t.snapshot != nil {
			s.class = ClassSnapshot
		}
		e.Gates = newJudge(Gates).ask(s)
	}
}

// statements lets every witness speak.
func (f *facts) statements(t target) []Statement {
	var all []Statement
	for _, a := range f.arrays {
		if t.array == nil || t.array == a {
			all = append(all, f.arrayStatement(a, t))
		}
	}
	all = append(all, f.lxdStatement(t))
	for _, h := range f.hosts {
		all = append(all, f.hostStatement(h, t))
	}
	for _, member := range f.members.names {
		if f.hostOf(member) == nil {
			all = append(all, Statement{Kind: "host", Name: member, Text: "its devices were not read"})
		}
	}
	return all
}

func (f *facts) arrayStatement(a *arrayFacts, t target) Statement {
	s := Statement{Kind: "array", Name: a.Name, Known: true}
	switch {
	case a.Trouble != "":
		s.Known, s.Text = false, a.Trouble
	case t.snapshot != nil:
		s.Text = join("exists", destroyedWords(a, t.snapshot.Destroyed, t.snapshot.Remaining), made(t.snapshot.Created), "a snapshot of "+either(t.snapshot.SourceName, "an unknown volume"))
	case t.volume != nil:
		s.Text = f.arrayWords(t.volume)
	case t.host != nil:
		s.Text = join("initiators "+list(t.host.Initiators()), count(a.rows[lower(t.host.Name)], "connection"), a.owner(t.host.Name).why)
	case t.record != nil:
		s.Known, s.Text = a.withoutObject(t.record, f.renamedSnapshot(t.record))
	case t.device != nil:
		answer, why := f.connectedElsewhere(t.device)
		s.Known, s.Text = answer.IsNot(), why
	case t.other != nil:
		s.Text = join("exists", destroyedWords(a, t.other.Destroyed, 0), "serial "+string(t.other.Serial), "outside the pods of LXD")
	case t.way != nil:
		s.Known, s.Text = t.way.ofArray(a)
	default:
		s.Text = "it knows nothing of directories and paths"
	}
	if doubts := a.doubts(); len(doubts) > 0 && s.Known {
		s.Known = false
		s.Text = join(s.Text, "not everything could be read ("+list(doubts)+")")
	}
	return s
}

// arrayWords is what the array says of a volume.
func (f *facts) arrayWords(v *volume) string {
	words := []string{"exists", destroyedWords(v.array, v.Destroyed, v.Remaining), size(v.Provisioned), "serial " + string(v.Serial), made(v.Created)}
	connections := each(slices.Collect(v.connections()), connectionWords)
	switch {
	case len(connections) > 0:
		words = append(words, "connected to "+list(connections))
	case v.array.Connections.IsComplete():
		words = append(words, "connected to nothing")
	default:
		words = append(words, "not known whether it is connected")
	}
	words = append(words, v.peerWords()...)
	if v.disagrees() {
		words = append(words, "which its count of connections contradicts")
	}
	switch {
	case v.busy.Is():
		words = append(words, "recent I/O")
	case v.busy.IsNot():
		words = append(words, "no recent I/O")
	default:
		words = append(words, "I/O not measured")
	}
	if snapshots := len(slices.Collect(v.snapshots())); snapshots > 0 {
		words = append(words, count(snapshots, "snapshot"))
	}
	if v.prots != none {
		words = append(words, "in protection group "+v.array.Protections.Items[v.prots].Group)
	}
	if v.SourceName != "" {
		words = append(words, "copied from "+v.SourceName)
	}
	return join(words...)
}

// connectionWords is what a volume is connected to, and under which number.
func connectionWords(row *evidence.Connection) string { return connectionName(row) + numberWords(row) }

// numberWords is the number under which a host sees the volume.
func numberWords(row *evidence.Connection) string {
	switch {
	case row.NSID != 0:
		return fmt.Sprintf(" (NSID %d)", row.NSID)
	case row.LUN != 0:
		return fmt.Sprintf(" (LUN %d)", row.LUN)
	default:
		return ""
	}
}

func (f *facts) lxdStatement(t target) Statement {
	lxd := &f.world.LXD
	s := Statement{Kind: "lxd", Name: either(lxd.Name, "LXD"), Known: true}
	switch {
	case lxd.Trouble != "":
		return Statement{Kind: "lxd", Name: s.Name, Text: lxd.Trouble}
	case t.host != nil:
		s.Text = "knows no array hosts"
	case t.dir != nil:
		s.Text = "has no record whose directory it is"
		left := map[string]bool{directoryKey(t.dir): true}
		if f.keepWanted(left); len(left) == 0 {
			s.Text = "has a record whose directory it is"
		}
	case t.snapshot != nil:
		result, why := noRecord(Subject{f: f, class: ClassSnapshot, snapshot: t.snapshot, array: t.array, pool: t.pool})
		s.Known, s.Text = result != Uncertain, why
	case t.volume != nil:
		s.Known, s.Text = f.lxdWords(t.volume)
	case t.record != nil:
		s.Text = "has a record: " + lxdName(t.record).String() + ", uuid " + t.record.UUID.String()
	case t.other != nil:
		s.Text = "has records of what is in its own pods only"
	case t.way != nil:
		s.Text = "knows no sessions and portals"
	default:
		s.Text = "knows no serials"
	}
	if t.volume != nil || t.snapshot != nil || t.record != nil {
		_, operation := noOperation(Subject{f: f})
		s.Text = join(s.Text, operation)
	}
	return s
}

// lxdWords is what LXD says of a volume.
func (f *facts) lxdWords(v *volume) (bool, string) {
	if v.LXD.UUID.IsZero() {
		return true, "could have no record of a name like this"
	}
	result, why := noRecord(Subject{f: f, class: ClassDestroy, array: v.array, pool: v.pool, volume: v})
	if v.record == nil {
		e := f.expected(v)
		return result != Uncertain && e.doubt == "", join(append([]string{why}, append(e.byPath(), e.doubt)...)...)
	}
	if v.LXD.Snapshot {
		why = "snapshot " + lxdName(v.record).String() + " exists; no record of this copy, LXD keeps none"
	} else {
		why = "has a record: " + lxdName(v.record).String()
	}
	expectation, expected := notExpected(Subject{f: f, class: ClassDestroy, array: v.array, pool: v.pool, volume: v})
	return expectation != Uncertain, join(why, expected)
}

func (f *facts) hostStatement(h *hostFacts, t target) Statement {
	s := Statement{Kind: "host", Name: h.Name, Known: true}
	if h.Trouble != "" {
		s.Known, s.Text = false, h.Trouble
		return s
	}
	var d *device
	switch {
	case t.device != nil && t.device.host == h:
		d = t.device
	case t.host != nil:
		return h.ownerStatement(t.host)
	case t.way != nil:
		s.Text = either(t.way.hosts[h], "has nothing of it")
		if why := h.partial(); why != "" {
			s.Known, s.Text = false, join(t.way.hosts[h], why)
		}
		return s
	case t.dir != nil:
		s.Text = "nothing is mounted there, and it is empty"
		if t.machine != h || !t.dir.Empty.Is() || !t.dir.Mounted.IsNot() {
			s.Known, s.Text = t.machine == h, "it is "+either(negated(t.dir.Empty, "empty"), "empty")+" and "+either(negated(t.dir.Mounted, "mounted"), "mounted")
		}
		return s
	case t.volume != nil && t.snapshot == nil:
		d = h.of(t.volume)
	case t.other != nil && t.other.Serial != "":
		d = h.devices[t.other.Serial]
	case t.use != nil:
		s.Text = "no device"
		if t.machine == h {
			s.Text = useWords(t.use) + ", from a device that is gone"
		}
		return s
	}
	words := h.deviceWords(d)
	if why := f.misnomers(h, t.serial()); why != "" && (d == nil || either(d.mixed(), d.strays()) == "") {
		words += "; " + why // where the paths do so, too, that was said
	}
	if t.volume != nil {
		for _, use := range t.volume.goneOn(h) {
			words += "; " + useWords(use) + ", from a device that is gone"
		}
	}
	s.Text = words
	if why := either(h.silent(), h.blindness()); why != "" {
		s.Known = false
		s.Text = join(s.Text, why)
	}
	return s
}

// deviceWords are what a machine's device is, and what uses it; nil is none.
func (h *hostFacts) deviceWords(d *device) string {
	if d == nil {
		return "no device"
	}
	words := either(strings.TrimSuffix(d.words(), " on "+h.Name), "no device")
	if maps := d.ownMaps(); len(maps) > 0 && maps[0].OpenCount.Known {
		words += ", open count " + maps[0].OpenCount.String()
	}
	for _, doubt := range []string{d.mixed(), d.strays()} {
		if doubt != "" {
			words += "; " + doubt
		}
	}
	used := "no use of it seen"
	if u := d.usage(); len(u.certain) > 0 {
		used = list(u.certain)
	} else if len(u.waits) > 0 {
		used = list(u.waits)
	}
	return words + "; " + used
}

func (h *hostFacts) ownerStatement(object *evidence.ArrayHost) Statement {
	s := Statement{Kind: "host", Name: h.Name, Known: h.shows(object)}
	for _, initiator := range object.Initiators() {
		if h.initiators[evidence.Initiator(initiator)] {
			return Statement{Kind: "host", Name: h.Name, Known: true, Text: "has initiator " + initiator}
		}
	}
	s.Text = "has none of these initiators"
	if !s.Known {
		s.Text = "has shown none of these initiators, but not all of its own"
	}
	return s
}

// withoutObject is what an array says of a record of which the pods have
// nothing: whether the whole array has it not either. renamed says what may be
// it under another name.
func (a *arrayFacts) withoutObject(record *evidence.Record, renamed string) (bool, string) {
	var elsewhere []string
	names := ArrayNames(record)
	for _, other := range append(slices.Clone(a.Elsewhere.Items), a.ElsewhereSnapshots.Items...) {
		last := leaf(other.Name)
		if slices.ContainsFunc(names, func(name string) bool { return name == last || strings.HasSuffix(last, "."+name) }) {
			elsewhere = append(elsewhere, other.Name)
		}
	}
	switch {
	case renamed != "":
		return true, "it has no object of its name; " + renamed
	case len(elsewhere) > 0:
		return true, "it has nothing of this record in the pod, and " + list(elsewhere) + " outside of it"
	case !a.Volumes.IsComplete() || !a.Snapshots.IsComplete():
		return false, "none of the objects that could be read is of this record"
	case !a.Elsewhere.IsComplete() || !a.ElsewhereSnapshots.IsComplete():
		return false, "the pod has no object for this record; what is outside of it is not all known"
	}
	return true, "it has no object for this record, in the pod or anywhere else"
}

func negated(a evidence.Answer, what string) string {
	switch {
	case a.Is():
		return ""
	case a.IsNot():
		return "not " + what
	default:
		return "not known to be " + what
	}
}
