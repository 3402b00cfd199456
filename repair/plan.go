package repair

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// Schema is that of a plan's JSON.
const Schema = "pureclean/plan/v1"

// validFor is how long a plan may be run after it was made: what it rests on
// is old news soon.
const validFor = 15 * time.Minute

// codeCopy is LXD's temporary copy of a snapshot.
const codeCopy = "leaked-snapshot-volume"

// codeHalf is what a volume becomes whose other half is destroyed.
const codeHalf = "leaked-half"

// Plan is what would be done about one finding, in order.
type Plan struct {
	Schema  string    `json:"schema"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`

	Code      string         `json:"code"`
	Class     diagnose.Class `json:"class"`
	Pool      string         `json:"pool"`
	ArrayID   string         `json:"array_id"`
	ArrayName string         `json:"array_name"`
	PodID     string         `json:"pod_id"`
	// Object is the array's full name of a volume or snapshot, else what the
	// finding is about; Host the array host or machine of the finding.
	Object string `json:"object"`
	Host   string `json:"host,omitempty"`
	// ID is the volume's or snapshot's on the array.
	ID     string          `json:"id"`
	Serial evidence.Serial `json:"serial"`
	WWID   string          `json:"wwid,omitempty"`
	// Digest is that of all that was seen of the object.
	Digest string `json:"digest"`
	// Keeps is set when the volume itself is left to LXD: a temporary copy of
	// a snapshot that LXD has a record of. LXD deletes the copy together with
	// the snapshot, and fails on one that is destroyed already for as long as
	// the array keeps it; all that is in its way is the connection.
	Keeps bool `json:"keeps"`
	// UndoFor is how long the array keeps what is destroyed; 0 when that is
	// not known.
	UndoFor time.Duration `json:"undo_for_ns"`
	Steps   []Step        `json:"steps"`
}

// Step is one step of a plan.
type Step struct {
	// Kind is that of a StepType.
	Kind string `json:"kind"`
	// Member is the machine on which it is done, HostObject the array's host
	// that it is about.
	Member     string `json:"member,omitempty"`
	HostObject string `json:"host_object,omitempty"`
	// LUN is the number under which that host sees the volume; 0 where it has
	// none (NVMe), or it is not known.
	LUN int64 `json:"lun,omitempty"`
	// ArrayID and Array are set where it is done on another array than the
	// plan's: the peer of a stretched pod.
	ArrayID string `json:"array_id,omitempty"`
	Array   string `json:"array,omitempty"`
	// Devices are the kernel's names of what there was when the plan was
	// made, for people: what is acted on is proved by identity.
	Devices []string `json:"devices,omitempty"`
	// Snapshots is how many live snapshots go with a volume that is destroyed.
	Snapshots int `json:"snapshots,omitempty"`
	// Say is what it does, in words, Manual the commands that do about the
	// same by hand.
	Say    string   `json:"say"`
	Manual []string `json:"manual"`
}

// What NewPlan and Run refuse a plan with.
var (
	// ErrNoRemedy: the finding is only reported, nothing can be done here.
	ErrNoRemedy = errors.New("pureclean does nothing about it; it is for you to decide")
	// ErrExpired: the plan is too old.
	ErrExpired = errors.New("the plan has expired; make a new one")
	// ErrChanged: what the plan rests on is not so any more.
	ErrChanged = errors.New("the world has changed since the plan was made; make a new one")
)

// NewPlan says what would be done about a finding of this world. It also
// plans what is blocked, to show it: Run asks the gates.
func NewPlan(world evidence.World, policy diagnose.Policy, finding diagnose.Finding, now time.Time) (Plan, error) {
	class := classOf(finding.Code)
	if class == diagnose.ClassReport || class == "" {
		return Plan{}, fmt.Errorf("%s %s: %w: %s", finding.Code, finding.Object, ErrNoRemedy, strings.Join(finding.Remedy, "; "))
	}
	s := find(&world, finding.ArrayID, finding.VolumeID, finding.Serial)
	p := Plan{
		Schema: Schema, Created: now.UTC(), Expires: now.Add(validFor).UTC(),
		Code: finding.Code, Class: class, Pool: finding.Pool, ArrayID: finding.ArrayID,
		Object: finding.Object, Host: finding.Host, ID: finding.VolumeID, Serial: finding.Serial, WWID: finding.WWID,
	}
	p.Keeps = finding.Code == codeCopy && finding.LXD.Name != ""
	if s.array != nil {
		p.ArrayName, p.UndoFor = s.array.Name, s.array.EradicationDelay
	}
	if s.pod != nil {
		p.PodID = s.pod.ID
	}
	steps, err := p.steps(s, finding.Along)
	if err != nil {
		return Plan{}, fmt.Errorf("%s %s: %w", finding.Code, finding.Object, err)
	}
	for i := range steps {
		kind, _ := stepTypeOf(Steps, steps[i].Kind) // steps come from this package
		steps[i].Say, steps[i].Manual = kind.Say(p, steps[i]), kind.Manual(p, steps[i])
	}
	p.Steps, p.Digest = steps, p.digest(s)
	return p, nil
}

// steps are the order in which nothing hangs and nothing comes back; along are
// the snapshots that the array destroys with the volume.
func (p Plan) steps(s subject, along int) ([]Step, error) {
	switch {
	case p.Class == diagnose.ClassArrayHost:
		return []Step{{Kind: StepDeleteHost, HostObject: p.Host}, {Kind: StepVerify}}, nil
	case p.Class == diagnose.ClassHost:
		return []Step{{Kind: StepRemoveStale, Member: p.Host, Devices: deviceNames(s, p.Host)}, {Kind: StepVerify, Member: p.Host}}, nil
	case p.Class == diagnose.ClassWaiting:
		return []Step{{Kind: StepEndWaiting, Member: p.Host, Devices: deviceNames(s, p.Host)}, {Kind: StepVerify, Member: p.Host}}, nil
	case p.Class == diagnose.ClassSnapshot:
		return []Step{{Kind: StepDestroySnapshot}, {Kind: StepVerify}}, nil
	case s.volume == nil:
		return nil, fmt.Errorf("the volume is not in what the array listed: %w", ErrChanged)
	}
	rows := s.rows
	if p.Class == diagnose.ClassDisconnect {
		rows = slices.DeleteFunc(slices.Clone(rows), func(c connection) bool { return !s.isOf(c, p) })
	}
	steps, err := p.detach(s, rows)
	if err != nil {
		return nil, err
	}
	switch {
	case p.Keeps && len(steps) == 1:
		return nil, fmt.Errorf("%w: nothing is connected to it, and LXD deletes it together with its snapshot", ErrNoRemedy)
	case p.Keeps:
	case p.Class == diagnose.ClassDestroy:
		steps = append(steps, Step{Kind: StepDestroy, Snapshots: along})
	}
	return append(steps, Step{Kind: StepVerify}), nil
}

// detach takes connections, and the devices behind them, away.
func (p Plan) detach(s subject, rows []connection) ([]Step, error) {
	var before, cut, after []Step
	connected := map[string]bool{}
	for _, row := range rows {
		if row.Group != "" {
			return nil, fmt.Errorf("it is connected through host group %s, which is never touched: %w", row.Group, ErrNoRemedy)
		}
		if row.Host == "" {
			continue
		}
		if isRemote(row.array, row.Host) {
			return nil, fmt.Errorf("%s shows a connection to %s, which only that array can cut, and that array did not list it: %w", row.array.Name, row.Host, ErrNoRemedy)
		}
		member := s.member(row)
		if member != "" {
			connected[member] = true
		}
		step := Step{Kind: StepDisconnect, HostObject: row.Host, Member: member, LUN: row.LUN}
		if row.array != s.array {
			step.ArrayID, step.Array = row.array.ID, row.array.Name
			if !strings.EqualFold(row.VolumeName, p.Object) {
				return nil, fmt.Errorf("%s calls it %q: %w", row.array.Name, row.VolumeName, ErrNoRemedy)
			}
		}
		cut = append(cut, step)
	}
	nvme := isNVMe(s.world, p.Pool)
	for _, g := range devicesOnEach(s.world, p.Serial) {
		member := g.host.Name
		if p.Class == diagnose.ClassDisconnect && !connected[member] {
			continue
		}
		switch {
		case len(g.disks)+len(g.maps) > 0:
			before = append(before, Step{Kind: StepRelease, Member: member, Devices: g.names()})
		case len(g.namespaces) > 0:
			before = append(before, Step{Kind: StepProveIdle, Member: member, Devices: g.names()})
		}
		switch {
		case g.empty() && !connected[member]:
		case len(g.namespaces) > 0 || (g.empty() && nvme):
			after = append(after, Step{Kind: StepAwait, Member: member, Devices: g.names()})
		default:
			after = append(after, Step{Kind: StepClear, Member: member, Devices: g.names()})
		}
	}
	return append(slices.Concat(before, cut, after), Step{Kind: StepConfirm}), nil
}

func deviceNames(s subject, member string) []string {
	g, ok := devicesOn(s.world, s.serial, member)
	if !ok {
		return nil
	}
	return g.names()
}

// seen is what a plan rests on. Counters and clocks move by themselves and
// are not in it; the gates judge them.
type seen struct {
	Array, Pod  string
	Volume      *seenVolume
	Snapshot    *seenVolume
	Connections []string
	Devices     []string
	Record      []string
}

type seenVolume struct {
	ID, Name, Serial, Source string
	Created                  time.Time
	Provisioned              int64
	Destroyed                string
}

// digest covers everything that was seen of the object and that stays as it
// is while nobody touches the object.
func (p Plan) digest(s subject) string {
	see := seen{Array: strings.ToLower(p.ArrayID), Pod: p.PodID, Connections: []string{}, Devices: []string{}, Record: []string{}}
	if v := s.volume; v != nil {
		see.Volume = &seenVolume{v.ID, v.Name, string(v.Serial), v.SourceID, v.Created.UTC(), v.Provisioned, v.Destroyed.String()}
		for _, r := range s.world.LXD.Records.Items {
			if r.UUID == v.LXD.UUID && !r.UUID.IsZero() {
				see.Record = append(see.Record, strings.Join([]string{r.Pool, r.Project, r.Type, r.Name}, "/"))
			}
		}
	}
	if snap := s.snapshot; snap != nil {
		see.Snapshot = &seenVolume{snap.ID, snap.Name, string(snap.Serial), snap.SourceID, snap.Created.UTC(), snap.Provisioned, snap.Destroyed.String()}
	}
	for _, row := range s.rows {
		on := ""
		if row.array != s.array {
			on = " " + row.array.ID
		}
		see.Connections = append(see.Connections, fmt.Sprintf("%s %s %d %d%s", row.Host, row.Group, row.LUN, row.NSID, on))
	}
	for _, g := range devicesOnEach(s.world, p.Serial) {
		for _, d := range g.disks {
			see.Devices = append(see.Devices, fmt.Sprintf("%s %s disk %s %s %s %s %s", g.host.Name, g.host.Boot, d.Name, d.HCTL, d.Dev, d.Seq, d.State))
		}
		for _, m := range g.maps {
			see.Devices = append(see.Devices, fmt.Sprintf("%s %s map %s %s", g.host.Name, g.host.Boot, m.Name, m.UUID))
		}
		for _, n := range g.namespaces {
			see.Devices = append(see.Devices, fmt.Sprintf("%s %s namespace %s %s %s", g.host.Name, g.host.Boot, n.Name, n.Dev, n.Seq))
		}
	}
	slices.Sort(see.Connections)
	slices.Sort(see.Devices)
	slices.Sort(see.Record)
	// Plain values can always be marshalled.
	text, _ := json.Marshal(see)
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// holds says why a plan may not be run on what is seen now. The plan may come
// from a file, so nothing in it is believed: it is made again and compared.
func (p Plan) holds(again Plan, now time.Time) error {
	switch {
	case p.Schema != Schema:
		return fmt.Errorf("its schema is %q and not %q: %w", p.Schema, Schema, ErrChanged)
	case !now.Before(p.Expires) || p.Expires.Sub(p.Created) > validFor || now.Before(p.Created.Add(-validFor)):
		return fmt.Errorf("it was made %s and was good until %s: %w", stamp(p.Created), stamp(p.Expires), ErrExpired)
	}
	if err := p.same(again); err != nil {
		return err
	}
	for _, s := range []comparison{
		{"evidence", p.Digest, again.Digest},
		{"steps", stepsText(p.Steps), stepsText(again.Steps)},
	} {
		if err := s.differs(); err != nil {
			return err
		}
	}
	return nil
}

type comparison struct{ what, was, now string }

func (c comparison) differs() error {
	if c.was == c.now {
		return nil
	}
	return fmt.Errorf("its %s is %q and was %q: %w", c.what, c.now, c.was, ErrChanged)
}

// same compares what a plan is about and what is to become of it. What was found
// again, and of what object, is as in find.
func (p Plan) same(again Plan) error {
	for _, s := range []comparison{
		{"array", strings.ToLower(p.ArrayID), strings.ToLower(again.ArrayID)},
		{"pod", p.PodID, again.PodID},
		{"id", p.ID, again.ID},
		{"serial", string(p.Serial), string(again.Serial)},
		{"host", p.Host, again.Host},
		{"class", string(p.Class), string(again.Class)},
		{"pool", p.Pool, again.Pool},
		{"volume's fate", fate(p.Keeps), fate(again.Keeps)},
	} {
		if err := s.differs(); err != nil {
			return err
		}
	}
	return nil
}

func fate(keeps bool) string {
	if keeps {
		return "kept"
	}
	return "not kept"
}

func stepsText(steps []Step) string {
	var words []string
	for _, s := range steps {
		text := strings.TrimSuffix(s.Kind+" "+s.Member+" "+s.HostObject+" "+s.ArrayID, " ")
		words = append(words, text+withSnapshots(s))
	}
	return strings.Join(words, ", ")
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") + " UTC" }
