// Package sightings is pureclean's memory between runs: which volumes and
// snapshots had a record of LXD when they were last seen, and since when which
// of them were leftovers. A batch repairs only what an earlier run saw as a
// leftover, and a volume whose record disappeared without a trace is never
// part of one.
//
// The memory is a hint and no witness. Losing it makes batches wait, and what lost
// its record before looks like any other leftover; the file may be deleted. What keeps it fresh is
// the timer's check, and every fix; scan writes nothing.
package sightings

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/plainfile"
)

// File is the memory's name in the state directory.
const File = "sightings.json"

const (
	versions = "pureclean/sightings/"
	schema   = versions + "v1"
	// damaged is added to the name of a memory that can't be read.
	damaged = ".damaged"
)

type document struct {
	Schema    string              `json:"schema"`
	Sightings []evidence.Sighting `json:"sightings"`
}

// most is how large a memory is read, some hundred thousand objects: what is
// larger is not ours.
const most = 256 << 20

// Load reads the memory in dir. None yet is an empty one; one that can't be
// read is an error, with which the caller may go on: nothing is then known.
func Load(dir string) ([]evidence.Sighting, error) {
	file, err := plainfile.Open(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("what earlier runs saw can't be read: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("what earlier runs saw can't be read: %w", err)
	case len(data) > most:
		return nil, &forgottenError{Path: file.Name(), Why: fmt.Sprintf("is larger than %d MiB", most>>20)}
	}
	var d document
	err = json.Unmarshal(data, &d)
	if err == nil && d.Schema == schema {
		return d.Sightings, nil
	}
	// What is in another version need not fit into ours.
	var version struct{ Schema string }
	switch {
	case json.Unmarshal(data, &version) == nil && version.Schema != schema && strings.HasPrefix(version.Schema, versions):
		return nil, &forgottenError{Path: file.Name(), Why: fmt.Sprintf("is of another version (%q) and stays as it is", version.Schema), another: true}
	case err != nil:
		return nil, &forgottenError{Path: file.Name(), Why: "can't be understood (" + err.Error() + ")"}
	}
	return nil, &forgottenError{Path: file.Name(), Why: fmt.Sprintf("is none (%q)", d.Schema)}
}

// forgottenError is a file that is no memory that this program reads: torn,
// foreign, or of another version.
type forgottenError struct {
	Path, Why string
	// another is set for a memory of another version's, which is that
	// program's to write.
	another bool
}

func (e *forgottenError) Error() string {
	text := "what earlier runs saw can't be read: " + e.Path + " " + e.Why
	if !e.another {
		text += "; check and fix keep it as " + filepath.Base(e.Path) + damaged
	}
	return text
}

// MakeRoom readies dir for a new memory where the one that is there could not be
// read, which is what unread says: a damaged one is kept beside it, and then the
// new one may be saved. One of another version, and one that could not be looked
// at, stays in its place.
func MakeRoom(dir string, unread error) (mayBeSaved bool, err error) {
	var forgotten *forgottenError
	switch {
	case unread == nil:
		return true, nil
	case !errors.As(unread, &forgotten):
		return false, unread
	case forgotten.another:
		return false, nil
	}
	file := filepath.Join(dir, File)
	if err := os.Rename(file, file+damaged); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("keeping what can't be read: %w", err)
	}
	return true, nil
}

// errBusy is another run that is writing the memory and does not end.
var errBusy = errors.New("another run is remembering what it saw")

const (
	lockFile = ".sightings.lock"
	// patience is how long another writer is waited for: it holds the lock
	// for as long as it takes to write one file.
	patience = 2 * time.Second
	retry    = 20 * time.Millisecond
)

// Remember adds what this world shows to the memory in dir, which must exist.
// Writers in other processes take turns, each on top of what the last one
// wrote. The caller may go on with an error: the memory is then what it was. So
// is one of another version, without an error: Load says that it is there.
func Remember(ctx context.Context, dir string, world evidence.World, report diagnose.Report) (err error) {
	lock := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	locked, err := lock.TryLockContext(ctx, retry)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", lock.Path(), errBusy)
	}
	if err != nil || !locked {
		return fmt.Errorf("remembering what was seen: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	seen, err := Load(dir)
	if ok, err := MakeRoom(dir, err); !ok || err != nil {
		return err
	}
	if len(seen) == 0 {
		seen = world.Seen
	}
	return Save(dir, Update(seen, world, report))
}

// Save replaces the memory in dir, whole or not at all.
func Save(dir string, seen []evidence.Sighting) error {
	data, err := json.Marshal(document{schema, seen})
	if err != nil {
		return err
	}
	// The new file is made in dir, because a rename can't leave a file system.
	if err := renameio.WriteFile(filepath.Join(dir, File), data, 0o600, renameio.WithTempDir(dir), renameio.WithStaticPermissions(0o600)); err != nil {
		return fmt.Errorf("remembering what was seen: %w", err)
	}
	return nil
}

type key struct{ array, id string }

// object is a volume or a snapshot, as far as it is remembered.
type object struct {
	id, full, pod, podID string
	name                 evidence.Name
	// own is set for what should have a record of its own: LXD's temporary
	// copies of snapshots never have one.
	own bool
	// written and provisioned are a volume's; a snapshot's content stays.
	written     evidence.Count
	provisioned int64
}

// Update adds what this world shows to what was remembered. It forgets what
// is certainly not on its array any more, so that the memory grows with live
// objects only, and believes nothing that rests on an incomplete list.
func Update(seen []evidence.Sighting, world evidence.World, report diagnose.Report) []evidence.Sighting {
	memory := make(map[key]evidence.Sighting, len(seen))
	for _, s := range seen {
		memory[key{s.ArrayID, s.VolumeID}] = s
	}
	leaked, unused, moved := leftovers(report), staleConnections(report), movedVolumes(report)
	mounted := map[string]string{}
	for _, f := range report.Findings {
		if f.MountedAs != "" {
			mounted[f.VolumeID] = f.MountedAs
		}
	}
	if slices.ContainsFunc(world.Hosts, func(h evidence.Host) bool { return h.Recorded }) {
		unused = nil // a recording does not tell what is used now
	}
	named := records(world.LXD)
	whole := world.LXD.Records.IsComplete() && world.LXD.SeesAll.Is()
	looks := map[string]look{}
	for _, a := range world.Arrays {
		if a.ID == "" || a.Trouble != "" {
			continue // which array this is may itself be what is not known
		}
		l, again := looks[a.ID]
		if !again {
			l = look{listed: map[string]bool{}, pods: map[string]bool{}, asked: map[string]bool{}, whole: true}
		}
		for _, o := range objects(a) {
			if o.id == "" {
				continue
			}
			l.listed[o.id] = true
			if !o.name.IsLXD() && !leaked[o.id] {
				continue
			}
			k := key{a.ID, o.id}
			s, known := memory[k]
			s.ArrayID, s.PodID, s.Pod, s.VolumeID = a.ID, o.podID, o.pod, o.id
			name, recorded := named[recordKey{strings.ToLower(o.pod), o.name.UUID, o.name.Snapshot}]
			was, isMoved := moved[o.id]
			switch {
			case isMoved && s.Recorded.IsZero():
				s.Recorded, s.LXDName, s.Name = a.Began, was, o.full
			case isMoved:
			case recorded && o.own:
				s.Recorded, s.LXDName, s.Name = a.Began, name, o.full
				s.Leaked, s.Last, s.Again, s.Written, s.Provisioned = time.Time{}, evidence.Moment{}, evidence.Moment{}, evidence.Count{}, 0
				s.Mounted, s.Where = time.Time{}, ""
			case whole && leaked[o.id]:
				if where := mounted[o.id]; where != "" {
					s.Mounted, s.Where = a.Began, where
				}
				s = o.leftover(s, evidence.Moment{At: a.Began, ArrayClock: a.Clock}, &world)
			case !known && s.Leaked.IsZero():
				continue // nothing worth remembering
			}
			s.Stale = unused[o.id].since(s, a)
			memory[k] = s
		}
		for _, other := range a.Elsewhere.Items {
			l.listed[other.ID] = true // it was moved, and is still there
		}
		l.add(a)
		looks[a.ID] = l
	}
	for id, l := range looks {
		if l.whole {
			l.forget(memory, id)
		}
	}
	return sorted(memory)
}

// objects are an array's volumes and snapshots in LXD's naming, and the
// snapshots that a refresh leaves, which are not.
func objects(a evidence.Array) []object {
	pods := make(map[string]string, len(a.Pods.Items))
	for _, pod := range a.Pods.Items {
		pods[strings.ToLower(pod.Name)] = pod.ID
	}
	all := make([]object, 0, len(a.Volumes.Items)+len(a.Snapshots.Items))
	for _, v := range a.Volumes.Items {
		if v.LXD.IsLXD() {
			all = append(all, object{v.ID, v.Name, v.Pod, v.PodID, v.LXD, !v.LXD.Snapshot, v.Written, v.Provisioned})
		}
	}
	for _, s := range a.Snapshots.Items {
		all = append(all, object{s.ID, s.Name, s.Pod, pods[strings.ToLower(s.Pod)], s.LXD, true, evidence.CountOf(0), s.Provisioned})
	}
	return all
}

// leftover carries on, or begins anew, what was seen of a leftover. A memory that
// came back with a machine's backup is an old one: what was done since nobody
// remembers, so it proves nothing, and that it did not is kept. With such a backup
// LXD's database came back, too, which takes a start of LXD; while nobody tells of one,
// what is remembered stays as it is.
func (o object) leftover(s evidence.Sighting, now evidence.Moment, world *evidence.World) evidence.Sighting {
	_, gap, ok := now.Since(s.Last)
	ran, known := diagnose.SameDatabase(world, now.At, gap)
	first := s.Leaked.IsZero()
	if !known && !first {
		return s
	}
	same := s.Written.Known && o.written == s.Written && o.provisioned == s.Provisioned
	if first || !ok || gap > evidence.SightingGap || !ran || !same {
		if s.Leaked = now.At; !first {
			s.Again = now
		}
	}
	s.Last, s.Written, s.Provisioned = now, o.written, o.provisioned
	return s
}

// look is what was seen of one array, through whatever gateways.
type look struct {
	listed, pods, asked map[string]bool
	whole               bool
}

func (l *look) add(a evidence.Array) {
	for _, pod := range a.Pods.Items {
		l.pods[pod.ID] = true
	}
	for _, pod := range a.Asked {
		l.asked[strings.ToLower(pod)] = true
	}
	l.whole = l.whole && a.Pods.IsComplete() && a.Volumes.IsComplete() && a.Snapshots.IsComplete()
}

// forget drops what is not there any more of the pods that were asked for,
// a pod that is gone with all that it held.
func (l *look) forget(memory map[key]evidence.Sighting, array string) {
	for k, s := range memory {
		looked := l.pods[s.PodID] || (s.Pod != "" && l.asked[strings.ToLower(s.Pod)])
		if k.array == array && looked && !l.listed[k.id] {
			delete(memory, k)
		}
	}
}

// leftovers are the objects that a repair would remove, and of which it is
// certain that they have no record.
func leftovers(report diagnose.Report) map[string]bool {
	kinds := map[string]bool{}
	for _, k := range diagnose.Kinds {
		kinds[k.Code] = k.Class == diagnose.ClassDestroy || k.Class == diagnose.ClassSnapshot
	}
	ids := map[string]bool{}
	for _, f := range report.Findings {
		certain := slices.ContainsFunc(f.Gates, func(g diagnose.GateResult) bool { return g.Gate == "no-record" && g.Result == diagnose.Pass })
		if f.VolumeID != "" && kinds[f.Code] && certain {
			ids[f.VolumeID] = true
		}
	}
	return ids
}

// movedVolumes are those under another name than LXD's, each with what LXD calls it,
// or may: what they were seen under before says so, and what they are called now
// does not replace it.
func movedVolumes(report diagnose.Report) map[string]string {
	names := map[string]string{}
	for _, f := range report.Findings {
		if f.Code != "moved-volume" || f.VolumeID == "" {
			continue
		}
		if before := names[f.VolumeID]; before != "" {
			names[f.VolumeID] = before + " or " + f.LXD.String()
		} else {
			names[f.VolumeID] = f.LXD.String()
		}
	}
	return names
}

// hosts are the array hosts to which a volume is connected without a use.
type hosts []string

// connected is a volume's connection to a host; false where there is not one.
func connected(a evidence.Array, volume, host string) (evidence.Connection, bool) {
	var found []evidence.Connection
	named := map[string]bool{}
	for _, v := range a.Volumes.Items {
		if v.ID == volume {
			named[v.Name] = true
		}
	}
	for _, row := range a.Connections.Items {
		is := row.VolumeID == volume || row.VolumeID == "" && named[row.VolumeName]
		if is && strings.EqualFold(row.Host, host) {
			found = append(found, row)
		}
	}
	if len(found) != 1 {
		return evidence.Connection{}, false
	}
	return found[0], true
}

// since carries over since when each is seen like that. What has no time of the
// array's proves no age, so it begins anew, and so does another connection to the
// same host, and one that was out of sight for long: it may have been away.
func (h hosts) since(before evidence.Sighting, a evidence.Array) []evidence.StaleSighting {
	var all []evidence.StaleSighting
	for _, host := range h {
		row, one := connected(a, before.VolumeID, host)
		if !one {
			continue // of which it is not known
		}
		first, now := before.StaleSince(host), evidence.Moment{At: a.Began, ArrayClock: a.Clock}
		if _, gap, ok := now.Since(first.Last); !ok || gap > evidence.ConnectionGap || first.LUN != row.LUN || first.NSID != row.NSID {
			first = evidence.StaleSighting{Since: a.Began, ArrayClock: a.Clock, LUN: row.LUN, NSID: row.NSID}
		}
		first.Host, first.Last = host, now
		all = append(all, first)
	}
	return all
}

// staleConnections are the connections, by volume, of which it is certain that
// LXD expects nobody to use them and that nobody does.
func staleConnections(report diagnose.Report) map[string]hosts {
	all := map[string]hosts{}
	for _, f := range report.Findings {
		certain := f.Code == "stale-connection" && f.VolumeID != ""
		for _, g := range f.Gates {
			if g.Gate == "not-expected" || g.Gate == "not-in-use" {
				certain = certain && g.Result == diagnose.Pass
			}
		}
		if certain {
			all[f.VolumeID] = append(all[f.VolumeID], f.Host)
		}
	}
	return all
}

type recordKey struct {
	pool     string
	uuid     evidence.UUID
	snapshot bool
}

func records(lxd evidence.LXD) map[recordKey]string {
	named := make(map[recordKey]string, len(lxd.Records.Items))
	for _, r := range lxd.Records.Items {
		named[recordKey{strings.ToLower(r.Pool), r.UUID, r.Snapshot}] = r.Type + "/" + r.Name + " (" + r.Project + ")"
	}
	return named
}

func sorted(memory map[key]evidence.Sighting) []evidence.Sighting {
	return slices.SortedFunc(maps.Values(memory), func(a, b evidence.Sighting) int {
		return cmp.Or(strings.Compare(a.ArrayID, b.ArrayID), strings.Compare(a.VolumeID, b.VolumeID))
	})
}
