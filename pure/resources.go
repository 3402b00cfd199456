package pure

import (
	"cmp"
	"reflect"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// These tables say what is read of each kind of object and what a row must
// say for its list to be complete. "required" is what a judgement about
// deleting rests on; everything optional only describes. Arrays leave out
// what does not apply in different ways: null, an object of nulls, an empty
// object or nothing, so what may be "none" is never more than present.

// unknownSpan marks a time that a row does not give until check has looked.
const unknownSpan = -1

// arrayRow is the answering array itself.
type arrayRow struct {
	ID, Name, Version, ManualEradication string
	// Delay was split when objects under SafeMode got a delay of their own:
	// EnabledDelay is the one for what can be eradicated by hand.
	Delay, EnabledDelay time.Duration
}

var arrays = resource[arrayRow]{
	path: "arrays",
	columns: []column[arrayRow]{
		{name: "id", need: required, read: plainText(func(r *arrayRow) *string { return &r.ID })},
		{name: "name", need: required, read: plainText(func(r *arrayRow) *string { return &r.Name })},
		{name: "version", need: required, read: plainText(func(r *arrayRow) *string { return &r.Version })},
		// A user without sufficient rights is given null here.
		{name: "eradication_config", inside: []column[arrayRow]{
			{name: "manual_eradication", read: plainText(func(r *arrayRow) *string { return &r.ManualEradication })},
			{name: "eradication_delay", read: span(func(r *arrayRow) *time.Duration { return &r.Delay })},
			{name: "enabled_delay", read: span(func(r *arrayRow) *time.Duration { return &r.EnabledDelay })},
		}},
	},
	label:    func(r *arrayRow) string { return r.Name },
	identity: func(r *arrayRow) [3]string { return [3]string{r.ID} },
	byOffset: true,
}

// podRow is a pod and what it takes to fill evidence.Pod.
type podRow struct {
	evidence.Pod
	used, physical evidence.Count
	from, to       evidence.Count
}

var pods = resource[podRow]{
	path: "pods",
	columns: []column[podRow]{
		{name: "id", need: required, read: plainText(func(r *podRow) *string { return &r.ID })},
		{name: "name", need: required, read: plainText(func(r *podRow) *string { return &r.Name })},
		{name: "destroyed", need: required, read: answer(func(r *podRow) *evidence.Answer { return &r.Destroyed })},
		{name: "time_remaining", read: span(func(r *podRow) *time.Duration { return &r.Remaining })},
		{name: "promotion_status", need: required, read: shared(func(r *podRow) *string { return &r.Promotion })},
		{name: "arrays", need: required, read: podArrays},
		{name: "link_source_count", need: required, read: count(func(r *podRow) *evidence.Count { return &r.from })},
		{name: "link_target_count", need: required, read: count(func(r *podRow) *evidence.Count { return &r.to })},
		{name: "quota_limit", read: count(func(r *podRow) *evidence.Count { return &r.Quota })},
		{name: "space", inside: []column[podRow]{
			{name: "total_provisioned", read: count(func(r *podRow) *evidence.Count { return &r.Provisioned })},
			{name: "total_used", read: count(func(r *podRow) *evidence.Count { return &r.used })},
			{name: "used_provisioned", read: count(func(r *podRow) *evidence.Count { return &r.Counted })},
			{name: "total_physical", read: count(func(r *podRow) *evidence.Count { return &r.physical })},
		}},
	},
	blank: func(r *podRow) { r.Remaining = unknownSpan },
	check: func(d *decoder, r *podRow) {
		checkRemaining(d, r.Destroyed, &r.Remaining)
		r.Used = larger(r.used, r.physical)
		r.Links = r.from.Plus(r.to)
	},
	label:    func(r *podRow) string { return r.Name },
	identity: func(r *podRow) [3]string { return [3]string{r.ID} },
}

// larger is the larger of what is known: which of the two an array gives
// depends on its version.
func larger(a, b evidence.Count) evidence.Count {
	if !b.Known || a.Known && a.N > b.N {
		return a
	}
	return b
}

var podArrayColumns = []column[evidence.PodArray]{
	{name: "id", need: required, read: plainText(func(a *evidence.PodArray) *string { return &a.ID })},
	{name: "name", need: required, read: plainText(func(a *evidence.PodArray) *string { return &a.Name })},
	{name: "status", need: required, read: shared(func(a *evidence.PodArray) *string { return &a.Status })},
}

// podArrays reads which arrays hold a pod: more than one, or one that is not
// this one, and the pod is not ours alone.
func podArrays(d *decoder, r *podRow) string {
	if d.Peek() != '[' {
		return "is not a list"
	}
	r.Arrays = []evidence.PodArray{}
	wrong := ""
	d.Elements(func() {
		if d.Peek() != '{' {
			wrong = "holds something that is not an object"
			d.Skip()
			return
		}
		var a evidence.PodArray
		d.kept += int64(reflect.TypeFor[evidence.PodArray]().Size())
		decode(d, podArrayColumns, &a, "arrays", &shape{})
		r.Arrays = append(r.Arrays, a)
	})
	if wrong == "" && len(r.Arrays) == 0 {
		return "is empty"
	}
	return wrong
}

var volumes = resource[evidence.Volume]{
	path: "volumes",
	columns: []column[evidence.Volume]{
		{name: "id", need: required, read: plainText(func(v *evidence.Volume) *string { return &v.ID })},
		{name: "name", need: required, read: plainText(func(v *evidence.Volume) *string { return &v.Name })},
		{name: "serial", need: required, read: serial(func(v *evidence.Volume) *evidence.Serial { return &v.Serial })},
		{name: "created", need: required, read: moment(func(v *evidence.Volume) *time.Time { return &v.Created })},
		{name: "destroyed", need: required, read: answer(func(v *evidence.Volume) *evidence.Answer { return &v.Destroyed })},
		{name: "time_remaining", read: span(func(v *evidence.Volume) *time.Duration { return &v.Remaining })},
		{name: "connection_count", need: required, read: count(func(v *evidence.Volume) *evidence.Count { return &v.ConnectionCount })},
		{name: "provisioned", need: required, read: number(func(v *evidence.Volume) *int64 { return &v.Provisioned })},
		{name: "subtype", need: required, read: shared(func(v *evidence.Volume) *string { return &v.Subtype })},
		{name: "pod", need: required, inside: []column[evidence.Volume]{
			{name: "name", need: required, read: shared(func(v *evidence.Volume) *string { return &v.Pod })},
			{name: "id", need: required, read: shared(func(v *evidence.Volume) *string { return &v.PodID })},
		}},
		{name: "source", inside: []column[evidence.Volume]{
			{name: "name", read: plainText(func(v *evidence.Volume) *string { return &v.SourceName })},
			{name: "id", read: plainText(func(v *evidence.Volume) *string { return &v.SourceID })},
		}},
		{name: "promotion_status", read: shared(func(v *evidence.Volume) *string { return &v.Promotion })},
		{name: "space", inside: []column[evidence.Volume]{
			{name: "unique", read: count(func(v *evidence.Volume) *evidence.Count { return &v.Unique })},
			{name: "virtual", read: count(func(v *evidence.Volume) *evidence.Count { return &v.Written })},
		}},
	},
	blank: func(v *evidence.Volume) { v.Remaining = unknownSpan },
	check: func(d *decoder, v *evidence.Volume) {
		checkRemaining(d, v.Destroyed, &v.Remaining)
		checkPod(d, v.Name, v.Pod)
	},
	label:    func(v *evidence.Volume) string { return cmp.Or(v.Name, v.ID) },
	identity: func(v *evidence.Volume) [3]string { return [3]string{v.ID} },
	long:     true,
	inOrder:  "id", // which never changes, as a name may
}

var snapshots = resource[evidence.Snapshot]{
	path: "volume-snapshots",
	columns: []column[evidence.Snapshot]{
		{name: "id", need: required, read: plainText(func(s *evidence.Snapshot) *string { return &s.ID })},
		{name: "name", need: required, read: plainText(func(s *evidence.Snapshot) *string { return &s.Name })},
		{name: "suffix", need: required, read: plainText(func(s *evidence.Snapshot) *string { return &s.Suffix })},
		{name: "serial", need: required, read: serial(func(s *evidence.Snapshot) *evidence.Serial { return &s.Serial })},
		{name: "created", need: required, read: moment(func(s *evidence.Snapshot) *time.Time { return &s.Created })},
		{name: "destroyed", need: required, read: answer(func(s *evidence.Snapshot) *evidence.Answer { return &s.Destroyed })},
		{name: "time_remaining", read: span(func(s *evidence.Snapshot) *time.Duration { return &s.Remaining })},
		{name: "provisioned", need: required, read: number(func(s *evidence.Snapshot) *int64 { return &s.Provisioned })},
		{name: "pod", need: required, inside: []column[evidence.Snapshot]{
			{name: "name", need: required, read: shared(func(s *evidence.Snapshot) *string { return &s.Pod })},
		}},
		// Without its source a snapshot could depend on any volume.
		{name: "source", need: required, inside: []column[evidence.Snapshot]{
			{name: "name", need: required, read: repeated(func(s *evidence.Snapshot) *string { return &s.SourceName })},
			{name: "id", need: required, read: repeated(func(s *evidence.Snapshot) *string { return &s.SourceID })},
		}},
		{name: "space", inside: []column[evidence.Snapshot]{
			{name: "snapshots", read: count(func(s *evidence.Snapshot) *evidence.Count { return &s.Bytes })},
		}},
	},
	blank: func(s *evidence.Snapshot) { s.Remaining = unknownSpan },
	check: func(d *decoder, s *evidence.Snapshot) {
		checkRemaining(d, s.Destroyed, &s.Remaining)
		checkPod(d, s.Name, s.Pod)
		// A protection group's snapshots are named after the group,
		// "pod::group.N.volume", and their suffix is not the end of the name.
		// Whoever reads the suffix must not take one for a snapshot that was
		// made by name.
		s.Suffix = suffixOf(s)
	},
	label:    func(s *evidence.Snapshot) string { return cmp.Or(s.Name, s.ID) },
	identity: func(s *evidence.Snapshot) [3]string { return [3]string{s.ID} },
	long:     true,
	inOrder:  "id", // which never changes, as a name may
}

// suffixOf is the end of a snapshot's name, if that is its volume's name, a
// dot and the suffix.
func suffixOf(s *evidence.Snapshot) string {
	begins := len(s.SourceName) + 1
	if s.Suffix == "" || len(s.Name) != begins+len(s.Suffix) || !strings.HasPrefix(s.Name, s.SourceName) || s.Name[begins-1] != '.' || s.Name[begins:] != s.Suffix {
		return ""
	}
	return s.Name[begins:]
}

var hosts = resource[evidence.ArrayHost]{
	path: "hosts",
	columns: []column[evidence.ArrayHost]{
		{name: "name", need: required, read: plainText(func(h *evidence.ArrayHost) *string { return &h.Name })},
		{name: "is_local", need: required, read: answer(func(h *evidence.ArrayHost) *evidence.Answer { return &h.Local })},
		// Which machine a host is follows from these alone.
		{name: "iqns", need: required, read: initiators(func(h *evidence.ArrayHost) *[]string { return &h.IQNs })},
		{name: "nqns", need: required, read: initiators(func(h *evidence.ArrayHost) *[]string { return &h.NQNs })},
		{name: "wwns", need: required, read: initiators(func(h *evidence.ArrayHost) *[]string { return &h.WWNs })},
		{name: "connection_count", need: required, read: count(func(h *evidence.ArrayHost) *evidence.Count { return &h.ConnectionCount })},
		// A field that is not there is no word on a group.
		{name: "host_group", need: present, inside: []column[evidence.ArrayHost]{
			{name: "name", read: shared(func(h *evidence.ArrayHost) *string { return &h.Group })},
		}},
		{name: "port_connectivity", inside: []column[evidence.ArrayHost]{
			{name: "status", read: func(d *decoder, h *evidence.ArrayHost) string {
				raw, wrong := d.textHere()
				h.Connectivity = d.share([]byte(strings.TrimSpace(string(raw) + " " + h.Connectivity)))
				return wrong
			}},
			{name: "details", read: func(d *decoder, h *evidence.ArrayHost) string {
				raw, wrong := d.textHere()
				h.Connectivity = d.share([]byte(strings.TrimSpace(h.Connectivity + " " + string(raw))))
				return wrong
			}},
		}},
		// What is not set is null or empty. What is not there is not known.
		{name: "chap", read: chapSecrets, null: func(h *evidence.ArrayHost) { h.CHAP = evidence.No }},
		{name: "personality", read: personality, null: func(h *evidence.ArrayHost) { h.Personality = evidence.No }},
		{name: "preferred_arrays", read: preferredArrays, null: func(h *evidence.ArrayHost) { h.Preferred = evidence.No }},
		{name: "vlan", read: vlan, null: func(h *evidence.ArrayHost) { h.VLAN = evidence.No }},
		{name: "destroyed", need: required, since: withDestroyedHosts, read: answer(func(h *evidence.ArrayHost) *evidence.Answer { return &h.Destroyed })},
	},
	label:    func(h *evidence.ArrayHost) string { return h.Name },
	identity: func(h *evidence.ArrayHost) [3]string { return [3]string{h.Name} },
}

// secretField is one field of a host's CHAP: that it is there is all that is read.
type secretField struct{ set bool }

var chapColumns = []column[secretField]{
	{name: "host_user", read: isSet},
	{name: "host_password", read: isSet},
	{name: "target_user", read: isSet},
	{name: "target_password", read: isSet},
}

func isSet(d *decoder, s *secretField) string {
	raw, wrong := d.textHere()
	s.set = s.set || len(raw) > 0
	return wrong
}

func chapSecrets(d *decoder, h *evidence.ArrayHost) string {
	if d.Peek() != '{' {
		return "is not an object"
	}
	var secrets secretField
	decode(d, chapColumns, &secrets, "chap", &shape{})
	h.CHAP = evidence.AnswerOf(secrets.set)
	return ""
}

func personality(d *decoder, h *evidence.ArrayHost) string {
	raw, wrong := d.textHere()
	if wrong == "" && d.Err == nil {
		h.Personality = evidence.AnswerOf(len(raw) > 0)
	}
	return wrong
}

// vlan is "any" where nobody has set one.
func vlan(d *decoder, h *evidence.ArrayHost) string {
	raw, wrong := d.textHere()
	if wrong == "" && d.Err == nil {
		h.VLAN = evidence.AnswerOf(len(raw) > 0 && string(raw) != "any")
	}
	return wrong
}

func preferredArrays(d *decoder, h *evidence.ArrayHost) string {
	if d.Peek() != '[' {
		return "is not a list"
	}
	n := 0
	d.Elements(func() { n++; d.Skip() })
	h.Preferred = evidence.AnswerOf(n > 0)
	return ""
}

var hostGroups = resource[evidence.HostGroup]{
	path: "host-groups",
	columns: []column[evidence.HostGroup]{
		{name: "name", need: required, read: plainText(func(g *evidence.HostGroup) *string { return &g.Name })},
		{name: "host_count", need: required, read: count(func(g *evidence.HostGroup) *evidence.Count { return &g.Hosts })},
	},
	label:    func(g *evidence.HostGroup) string { return g.Name },
	identity: func(g *evidence.HostGroup) [3]string { return [3]string{g.Name} },
}

// connections have no id. A row is a private connection (a host and no
// group), a connection through a group (one row for each of its hosts), or
// that of a group without hosts.
var connections = resource[evidence.Connection]{
	path: "connections",
	columns: []column[evidence.Connection]{
		{name: "volume", need: required, inside: []column[evidence.Connection]{
			{name: "name", need: required, read: repeated(func(c *evidence.Connection) *string { return &c.VolumeName })},
			{name: "id", need: required, read: repeated(func(c *evidence.Connection) *string { return &c.VolumeID })},
		}},
		{name: "host", need: present, inside: []column[evidence.Connection]{
			{name: "name", read: shared(func(c *evidence.Connection) *string { return &c.Host })},
		}},
		{name: "host_group", need: present, inside: []column[evidence.Connection]{
			{name: "name", read: shared(func(c *evidence.Connection) *string { return &c.Group })},
		}},
		// A connection over NVMe has no LUN on newer arrays.
		{name: "lun", read: number(func(c *evidence.Connection) *int64 { return &c.LUN })},
		{name: "nsid", since: withNSID, read: number(func(c *evidence.Connection) *int64 { return &c.NSID })},
	},
	check: func(d *decoder, c *evidence.Connection) {
		if c.Host == "" && c.Group == "" {
			d.problem("is a connection to no host and no host group")
		}
	},
	label: func(c *evidence.Connection) string {
		return cmp.Or(c.VolumeName, c.VolumeID)
	},
	identity: func(c *evidence.Connection) [3]string {
		return [3]string{cmp.Or(c.VolumeID, c.VolumeName), c.Host, c.Group}
	},
	long: true,
}

var protections = resource[evidence.Protection]{
	path: "volumes/protection-groups",
	columns: []column[evidence.Protection]{
		{name: "group", need: required, inside: []column[evidence.Protection]{
			{name: "name", need: required, read: shared(func(p *evidence.Protection) *string { return &p.Group })},
		}},
		{name: "member", need: required, inside: []column[evidence.Protection]{
			{name: "name", need: required, read: plainText(func(p *evidence.Protection) *string { return &p.VolumeName })},
			{name: "id", need: required, read: plainText(func(p *evidence.Protection) *string { return &p.VolumeID })},
		}},
	},
	label: func(p *evidence.Protection) string { return cmp.Or(p.VolumeName, p.VolumeID) },
	identity: func(p *evidence.Protection) [3]string {
		return [3]string{cmp.Or(p.VolumeID, p.VolumeName), p.Group}
	},
	long: true,
}

// sample is a volume's I/O at one moment.
type sample struct {
	evidence.Activity
	// idle counts the rates that are zero, of those that must be for the
	// volume to be idle.
	idle int
}

var activity = resource[sample]{
	path: "volumes/performance",
	columns: []column[sample]{
		{name: "id", need: required, read: plainText(func(s *sample) *string { return &s.VolumeID })},
		{name: "name", need: required, read: plainText(func(s *sample) *string { return &s.VolumeName })},
		{name: "time", read: moment(func(s *sample) *time.Time { return &s.Time })},
		{name: "reads_per_sec", read: rate(1)},
		{name: "writes_per_sec", read: rate(1)},
		{name: "read_bytes_per_sec", read: rate(1)},
		{name: "write_bytes_per_sec", read: rate(1)},
		// Only of a stretched pod's volumes.
		{name: "mirrored_writes_per_sec", read: rate(0)},
		{name: "mirrored_write_bytes_per_sec", read: rate(0)},
	},
	check: func(_ *decoder, s *sample) {
		if s.Busy == evidence.Unknown && s.idle == 4 {
			s.Busy = evidence.No
		}
	},
	label:    func(s *sample) string { return cmp.Or(s.VolumeName, s.VolumeID) },
	identity: func(s *sample) [3]string { return [3]string{s.VolumeID} },
	byOffset: true,
	merge: func(first, again *sample) {
		if again.Busy.Is() || !first.Busy.Is() && again.Busy == evidence.Unknown {
			first.Busy, first.Time = again.Busy, again.Time
		}
	},
	long:    true,
	inOrder: "id", // which never changes, as a name may
}

// rate reads operations or bytes per second. Rates are averages cut to whole
// numbers, so a zero says little and anything else says all. weight is what
// a zero adds to sample.idle.
func rate(weight int) func(*decoder, *sample) string {
	return func(d *decoder, s *sample) string {
		if next := d.Peek(); next != '-' && (next < '0' || next > '9') {
			return "is not a number"
		}
		text := d.Number()
		if strings.ContainsAny(string(text), "123456789") {
			s.Busy = evidence.Yes
			return ""
		}
		s.idle += weight
		return ""
	}
}

// checkRemaining makes sure that what is destroyed says until when.
func checkRemaining(d *decoder, destroyed evidence.Answer, remaining *time.Duration) {
	if *remaining != unknownSpan {
		return
	}
	*remaining = 0
	if destroyed.Is() {
		d.problem("is destroyed and has no time_remaining")
	}
}

// checkPod makes sure that the two ways in which a row says its pod agree.
func checkPod(d *decoder, name, pod string) {
	before, _, ok := strings.Cut(name, "::")
	if name != "" && pod != "" && (!ok || fold(before) != fold(pod)) {
		d.problem("says that it is in pod %q", pod)
	}
}

// fold makes names comparable: the array keeps their case and ignores it.
// Its names are ASCII, so nothing else may become equal.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}
