package records

import (
	"context"
	"fmt"
	"strings"

	"github.com/canonical/lxd/shared/api"
	"github.com/pureclean/pureclean/evidence"
)

// readVolume reads a volume or a volume's snapshot, whose name is then
// "volume/snapshot". Pool is the one that the row names.
func readVolume(p *pulled) evidence.Record {
	row := evidence.Record{UsedBy: []string{}}
	for key := range p.object {
		switch string(key) {
		case "name":
			row.Name = p.text()
		case "type":
			row.Type = p.shared()
		case "pool":
			row.Pool = p.shared()
		case "content_type":
			row.Content = p.shared()
		case "project":
			row.Project = p.shared()
		case "created_at":
			row.Created = p.moment()
		case "used_by":
			row.UsedBy = p.texts()
		case "config":
			if p.Peek() == '{' {
				row.Shared = evidence.No
			}
			for key := range p.object {
				switch string(key) {
				case "volatile.uuid":
					// What is none is no key, and stays zero.
					row.UUID, _ = evidence.ParseUUID(string(p.raw()))
				case "security.shared":
					said := strings.ToLower(p.text())
					row.Shared = evidence.AnswerOf(said != "" && !off[said])
				default:
					p.Skip()
				}
			}
		default:
			p.Skip()
		}
	}
	return row
}

// poolVolumes asks for a pool's volumes and snapshots: all of them, or where
// there is an earlier reading only for what may be different now.
func (r *Reader) poolVolumes(ctx context.Context, pool poolRow, before *earlier) reply[[]evidence.Record] {
	if before != nil {
		if got := r.volumesAgain(ctx, pool.Name, before); got.err == nil {
			return got
		}
	}
	// In all projects: one request, however many there are.
	u := api.NewURL().Path("1.0", "storage-pools", pool.Name, "volumes").WithQuery("recursion", "1").WithQuery("all-projects", "true")
	return getRows(ctx, r, u.String(), len(pool.UsedBy), whole(readVolume))
}

// recordList judges the volumes' rows, and uses them up. A row that can't be
// joined to the array is kept, and spoils the list: its volume would look
// leaked.
func (a *answers) recordList(pools evidence.List[evidence.Pool], d *doubts) []evidence.Record {
	items := []evidence.Record{}
	if !pools.IsComplete() {
		d.add("the list of pools is not complete")
	}
	for i, pool := range a.pure() {
		got := a.volumes[i]
		d.fail(got.err)
		understood := a.before.all(pool.Name) // and not only ours
		for i := range got.value {
			record, why := &got.value[i], ""
			if !understood {
				why = understand(record, pool.Name)
			}
			if why != "" {
				d.add("pool %q: %s %q (project %q): %s", pool.Name, record.Type, record.Name, record.Project, why)
			} else if _, shown := a.project[record.Project]; !shown && a.projects.err == nil {
				d.add("project %q has volumes in pool %q but LXD does not list it", record.Project, pool.Name)
			}
		}
		if a.volumes[i].value = nil; len(items) == 0 {
			items = got.value[:len(got.value):len(got.value)] // most have one pool
			continue
		}
		items = append(items, got.value...)
	}
	return items
}

// understand completes a record of a pool, and says what is wrong with it.
// Its key is kept even then: better a record too many than one too few.
func understand(record *evidence.Record, pool string) string {
	said := record.Pool
	record.Pool = pool
	volume, snapshot, isSnapshot := strings.Cut(record.Name, "/")
	record.Snapshot = isSnapshot
	switch {
	case volume == "" || isSnapshot && (snapshot == "" || strings.Contains(snapshot, "/")):
		return "a name that LXD does not give"
	case record.Project == "":
		return "no project"
	case said != "" && said != pool:
		return fmt.Sprintf("listed here but of pool %q", said)
	case record.UUID.IsZero():
		return "no usable volatile.uuid"
	}
	if err := nameable(record); err != nil {
		return err.Error()
	}
	return ""
}
