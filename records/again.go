package records

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/canonical/lxd/shared/api"
	"golang.org/x/sync/errgroup"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/jsonpull"
)

// maxNew is how many volumes are asked for one by one. With more of them the
// whole list is less work.
const maxNew = 32

// Again reads as Observe does, but for the rows of volumes. LXD looks for the
// users of each volume that it lists, among all instances and profiles, and so
// takes minutes for a few thousand; with a filter it does so for all of them and
// picks then (doStorageVolumesGet, LXD 6.5). Their names alone are one query. So
// the names are listed, and a row that an earlier reading has is taken from
// there. The rest is asked for by name: what is new, what has one of the uuids in
// about, and what has none of those in there, which the array has live volumes of:
// the name of a volume that is gone may be another one's by now.
//
// A row that is taken says the same uuid as then. LXD gives each volume that it
// creates a new random one, never changes it, and can't take up volumes that it
// finds on a FlashArray (the driver lists none): a record of a volume that LXD did
// not know comes with another database, which a running daemon never gets. So
// before must be the word of the same process, which is asked for last. Who used
// a volume whose row is taken is as old as the row.
//
// Whatever does not fit brings the whole list.
func (r *Reader) Again(ctx context.Context, before *evidence.LXD, about, there map[evidence.UUID]bool) evidence.LXD {
	return r.observe(ctx, newEarlier(before, about, there))
}

// earlier is a reading on which another can be built. The nil one is none.
type earlier struct {
	server string
	pid    int64
	list   []evidence.Record
	rows   func() map[place]*evidence.Record
	// instances is how many there were.
	instances    int
	about, there map[evidence.UUID]bool
	// mu guards what follows: pools are listed side by side. reused are pools of
	// which all rows were taken as they are, taken the places of the rows of others
	// that were.
	mu     sync.Mutex
	reused map[string]bool
	taken  places
}

// newEarlier is nil where nothing can be built on the reading.
func newEarlier(before *evidence.LXD, about, there map[evidence.UUID]bool) *earlier {
	i := slices.IndexFunc(before.Members.Items, func(m evidence.Member) bool { return m.Name == before.Server })
	if before.Trouble != "" || !before.Records.IsComplete() || i < 0 || before.Members.Items[i].PID == 0 {
		return nil
	}
	return &earlier{
		server: before.Server,
		pid:    before.Members.Items[i].PID,
		list:   before.Records.Items,
		rows: sync.OnceValue(func() map[place]*evidence.Record {
			rows := make(map[place]*evidence.Record, len(before.Records.Items))
			for row := range evidence.Refs(before.Records.Items) {
				rows[placeOfRow(row)] = row
			}
			return rows
		}),
		instances: len(before.Instances.Items),
		about:     about,
		there:     there,
		reused:    map[string]bool{},
	}
}

func placeOfRow(row *evidence.Record) place {
	return place{row.Pool, row.Project, row.Type, row.Name}
}

// ofPool are the rows of a pool, which stand together.
func (e *earlier) ofPool(pool string) []evidence.Record {
	if e == nil {
		return nil
	}
	other := func(row evidence.Record) bool { return row.Pool != pool }
	first := slices.IndexFunc(e.list, func(row evidence.Record) bool { return !other(row) })
	if first < 0 {
		return nil
	}
	rows := e.list[first:]
	if n := slices.IndexFunc(rows, other); n >= 0 {
		rows = rows[:n:n]
	}
	return rows
}

// keeps reports that a row is as it was.
func (e *earlier) keeps(row *evidence.Record) bool {
	return row != nil && !e.about[row.UUID] && e.there[row.UUID]
}

// has reports that the row of a place was taken from before.
func (e *earlier) has(p place) bool { return e != nil && (e.reused[p.pool] || e.taken.has(p)) }

// all reports that all rows of a pool are those of before.
func (e *earlier) all(pool string) bool { return e != nil && e.reused[pool] }

// isSameProcess asks LXD whether it is still the process that spoke before.
func (e *earlier) isSameProcess(ctx context.Context, r *Reader) bool {
	now := r.server(ctx, "")
	return now.err == nil && now.value.name() == e.server && now.value.Environment.PID == e.pid
}

// errWhole asks for the whole list.
var errWhole = errors.New("the whole list is needed")

// volumesAgain lists a pool's volumes by name, and asks only for some of them.
func (r *Reader) volumesAgain(ctx context.Context, pool string, before *earlier) reply[[]evidence.Record] {
	failed := func(err error) reply[[]evidence.Record] { return reply[[]evidence.Record]{err: err} }
	u := api.NewURL().Path("1.0", "storage-pools", pool, "volumes").WithQuery("all-projects", "true")
	span := before.ofPool(pool)
	names := getRows(ctx, r, u.String(), len(span), knownNames(span))
	if names.err != nil {
		return failed(names.err)
	}
	if before.keepsAll(span, names.value) {
		before.mu.Lock()
		defer before.mu.Unlock()
		before.reused[pool] = true
		return reply[[]evidence.Record]{value: span}
	}
	rows := make([]evidence.Record, len(names.value))
	var taken, anew []place
	var into []int // where the rows of anew go
	for i, name := range names.value {
		at, row := place{}, name.row
		if row != nil {
			at = placeOfRow(row)
		} else {
			var ok bool
			at, ok = placeOf(pool, name.text)
			if of, known := poolOf(name.text); !ok || !known || of != pool {
				return failed(fmt.Errorf("%w: LXD calls a volume of pool %q %q", errWhole, pool, name.text))
			}
			row = before.rows()[at]
		}
		if before.keeps(row) {
			rows[i] = *row
			taken = append(taken, at)
			continue
		}
		anew, into = append(anew, at), append(into, i)
	}
	if len(anew) > maxNew {
		return failed(fmt.Errorf("%w: %d volumes of pool %q are new, more than %d", errWhole, len(anew), pool, maxNew))
	}
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, at := range anew {
		group.Go(func() (err error) {
			rows[into[i]], err = r.volume(ctx, at)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return failed(err)
	}
	for i := range rows {
		if rows[i].Snapshot && before.about[rows[i].UUID] {
			return failed(fmt.Errorf("%w: alone, snapshot %q does not say who uses it", errWhole, rows[i].Name))
		}
	}
	before.mu.Lock()
	defer before.mu.Unlock()
	for _, at := range taken {
		before.taken.add(at, 0)
	}
	return reply[[]evidence.Record]{value: rows}
}

// name is what LXD calls a volume in a list of names: that of a row, or a text.
type name struct {
	row  *evidence.Record
	text string
}

// knownNames reads names of a pool whose rows are known. LXD lists them in the
// same order each time, so nearly each is that of the next row, and is not even
// made a text.
func knownNames(rows []evidence.Record) func(*puller) name {
	next := 0
	return func(p *puller) (n name) {
		p.stream.Try(func(c *jsonpull.Cursor) {
			n = name{}
			raw := (&pulled{p, c}).raw()
			if next < len(rows) && isPathOf(raw, &rows[next]) {
				n.row = &rows[next]
			} else {
				n.text = string(raw)
			}
		})
		if n.row != nil {
			next++
		} else if at, ok := placeOf("", n.text); ok {
			// One is new, or was deleted: the next is known again.
			next = resume(rows, next, at)
		}
		return n
	}
}

// resume is where rows go on after a name that is not the next row's.
func resume(rows []evidence.Record, next int, at place) int {
	for i := next; i < min(next+maxNew, len(rows)); i++ {
		if row := &rows[i]; row.Name == at.name && row.Project == at.project && row.Type == at.kind {
			return i + 1
		}
	}
	return next
}

// isPathOf reports that LXD's path of a volume is certainly that of a row, as
// placeOf would read it. Of names that have to be escaped it never says so.
func isPathOf[P string | []byte](path P, row *evidence.Record) bool {
	volume, snapshot, isSnapshot := strings.Cut(row.Name, "/")
	if isSnapshot != row.Snapshot || row.Type == evidence.TypeImage && row.Project != defaultProject {
		return false
	}
	cut := func(text string, plain bool) bool {
		if len(path) < len(text) || string(path[:len(text)]) != text || !plain {
			return false
		}
		path = path[len(text):]
		return true
	}
	if !cut("/1.0/storage-pools/", true) || !cut(row.Pool, isPlain(row.Pool)) || !cut("/volumes/", true) ||
		!cut(row.Type, isPlain(row.Type)) || !cut("/", true) || !cut(volume, isPlain(volume)) {
		return false
	}
	if isSnapshot && (!cut("/snapshots/", true) || !cut(snapshot, isPlain(snapshot))) {
		return false
	}
	if len(path) == 0 {
		return row.Project == defaultProject
	}
	return cut("?project=", true) && cut(row.Project, isPlain(row.Project)) && len(path) == 0
}

// isPlain reports a text that stands for itself in a path.
func isPlain(text string) bool {
	for i := range len(text) {
		c := text[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return text != ""
}

// keepsAll reports that the names are those of all rows, and each is as it was.
func (e *earlier) keepsAll(rows []evidence.Record, names []name) bool {
	if len(rows) != len(names) {
		return false
	}
	for i := range rows {
		if names[i].row != &rows[i] || !e.keeps(&rows[i]) {
			return false
		}
	}
	return true
}

// volume asks for one volume or snapshot.
func (r *Reader) volume(ctx context.Context, at place) (evidence.Record, error) {
	parts := []string{"1.0", "storage-pools", at.pool, "volumes", at.kind}
	volume, snapshot, isSnapshot := strings.Cut(at.name, "/")
	if parts = append(parts, volume); isSnapshot {
		parts = append(parts, "snapshots", snapshot)
	}
	got := getRow(ctx, r, api.NewURL().Path(parts...).Project(at.project).String(), readVolume)
	row := got.value
	if got.err == nil && isSnapshot {
		// LXD calls it by the last part of its name here, and says nothing of the rest.
		row.Name, row.Pool, row.Project, row.Type = volume+"/"+row.Name, at.pool, at.project, at.kind
	}
	row.Snapshot = isSnapshot
	if said := (place{row.Pool, row.Project, row.Type, row.Name}); got.err == nil && said != at {
		return row, fmt.Errorf("%w: asked for volume %q of pool %q, LXD answered with %q", errMalformed, at.name, at.pool, row.Name)
	}
	return row, got.err
}
