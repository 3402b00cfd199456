package records

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/canonical/lxd/shared/api"
	"github.com/pureclean/pureclean/evidence"
)

// volumeRow is what is read of a volume or of a volume's snapshot.
type volumeRow struct {
	// Name of a snapshot is "volume/snapshot".
	Name, Type, Pool, Content, Project string
	Created                            time.Time
	// UUID is volatile.uuid; zero when it is none.
	UUID   evidence.UUID
	UsedBy []string
}

func readVolume(p *pulled) volumeRow {
	var row volumeRow
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
			for key := range p.object {
				if string(key) != "volatile.uuid" {
					p.Skip()
					continue
				}
				// One that is none is no key: the row says so.
				row.UUID, _ = evidence.ParseUUID(string(p.raw()))
			}
		default:
			p.Skip()
		}
	}
	return row
}

// volumes asks for all volumes and snapshots of a pool, in all projects: one
// request, however many there are.
func (r *Reader) volumes(ctx context.Context, pool string) reply[[]volumeRow] {
	u := api.NewURL().Path("1.0", "storage-pools", pool, "volumes").WithQuery("recursion", "1").WithQuery("all-projects", "true")
	return getRows(ctx, r, u.String(), whole(readVolume))
}

// recordList judges the volumes' rows. A row that can't be joined to the array
// is kept, and spoils the list: its volume would look leaked.
func (a *answers) recordList(pools evidence.List[evidence.Pool], d *doubts) []evidence.Record {
	total := 0
	for _, got := range a.volumes {
		total += len(got.value)
	}
	items := make([]evidence.Record, 0, total)
	if !pools.IsComplete() {
		d.add("the list of pools is not complete")
	}
	for i, pool := range a.pure() {
		got := a.volumes[i]
		d.fail(got.err)
		for i := range got.value {
			row := &got.value[i]
			record, why := row.record(pool.Name)
			if why != "" {
				d.add("pool %q: %s %q (project %q): %s", pool.Name, row.Type, row.Name, row.Project, why)
			} else if _, shown := a.project[row.Project]; !shown && a.projects.err == nil {
				d.add("project %q has volumes in pool %q but LXD does not list it", row.Project, pool.Name)
			}
			items = append(items, record)
		}
	}
	return items
}

// record turns a row into evidence, and says what is wrong with it.
func (v *volumeRow) record(pool string) (evidence.Record, string) {
	record := evidence.Record{
		Pool:     pool,
		Project:  v.Project,
		Type:     v.Type,
		Name:     v.Name,
		Snapshot: strings.Contains(v.Name, "/"),
		Content:  v.Content,
		Created:  v.Created,
		// The key is kept even if something else is wrong with the row:
		// better a record too many than one too few.
		UUID:   v.UUID,
		UsedBy: v.UsedBy,
	}
	if record.UsedBy == nil {
		record.UsedBy = []string{}
	}
	volume, snapshot, _ := strings.Cut(v.Name, "/")
	switch {
	case volume == "" || record.Snapshot && (snapshot == "" || strings.Contains(snapshot, "/")):
		return record, "a name that LXD does not give"
	case v.Project == "":
		return record, "no project"
	case v.Pool != "" && v.Pool != pool:
		return record, fmt.Sprintf("listed here but of pool %q", v.Pool)
	case record.UUID.IsZero():
		return record, "no usable volatile.uuid"
	}
	if _, err := ArrayNames(record); err != nil {
		return record, err.Error()
	}
	return record, ""
}
