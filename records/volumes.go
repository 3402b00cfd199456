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
	Name    string    `json:"name"`
	Type    string    `json:"type"`
	Pool    string    `json:"pool"`
	Content string    `json:"content_type"`
	Project string    `json:"project"`
	Created time.Time `json:"created_at"`
	Config  struct {
		UUID string `json:"volatile.uuid"`
	} `json:"config"`
	UsedBy []string `json:"used_by"`
}

// volumes asks for all volumes and snapshots of a pool, in all projects: one
// request, however many there are.
func (r *Reader) volumes(ctx context.Context, pool string) reply[[]volumeRow] {
	u := api.NewURL().Path("1.0", "storage-pools", pool, "volumes").WithQuery("recursion", "1").WithQuery("all-projects", "true")
	return get[[]volumeRow](ctx, r, u.String())
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
		for _, row := range got.value {
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
func (v volumeRow) record(pool string) (evidence.Record, string) {
	record := evidence.Record{
		Pool:     pool,
		Project:  v.Project,
		Type:     v.Type,
		Name:     v.Name,
		Snapshot: strings.Contains(v.Name, "/"),
		Content:  v.Content,
		Created:  v.Created,
		UsedBy:   append([]string{}, v.UsedBy...),
	}
	// The key is kept even if something else is wrong with the row: better a
	// record too many than one too few.
	id, err := evidence.ParseUUID(v.Config.UUID)
	if err == nil {
		record.UUID = id
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
