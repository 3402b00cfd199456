package records

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/canonical/lxd/shared/api"
	"github.com/pureclean/pureclean/evidence"
)

// operationRow is what is read of an operation. Its metadata can hold secrets
// (join tokens, the environment of a command): only the one key is taken.
type operationRow struct {
	ID          string              `json:"id"`
	Class       string              `json:"class"`
	Description string              `json:"description"`
	Status      string              `json:"status"`
	Code        api.StatusCode      `json:"status_code"`
	Location    string              `json:"location"`
	Created     time.Time           `json:"created_at"`
	Resources   map[string][]string `json:"resources"`
	Metadata    struct {
		EntityURL string `json:"entity_url"`
	} `json:"metadata"`
}

// operations asks for what LXD is doing, in all projects. The answer is a list
// for each status.
func (r *Reader) operations(ctx context.Context) reply[map[string][]operationRow] {
	return get[map[string][]operationRow](ctx, r, "/1.0/operations?recursion=1&all-projects=true")
}

// underWay says in which states an operation may still change something.
var underWay = map[api.StatusCode]evidence.Answer{
	api.OperationCreated: evidence.Yes,
	api.Pending:          evidence.Yes,
	api.Running:          evidence.Yes,
	api.Cancelling:       evidence.Yes,
	api.Success:          evidence.No,
	api.Failure:          evidence.No,
	api.Cancelled:        evidence.No,
}

// operationList judges the operations' rows. LXD up to 6.7 and 5.21 leaves out
// the operations of members that it can't reach, so every member has to be
// there.
func (a *answers) operationList(members evidence.List[evidence.Member], d *doubts) []evidence.Operation {
	items := []evidence.Operation{}
	d.fail(a.operations.err)
	for _, status := range slices.Sorted(maps.Keys(a.operations.value)) {
		for _, row := range a.operations.value[status] {
			if row.ID == "" || row.Class == "" {
				d.add("an operation with status %q has no id or no class", status)
			}
			items = append(items, row.operation(a.location(row.Location)))
		}
	}
	slices.SortStableFunc(items, func(x, y evidence.Operation) int { return x.Created.Compare(y.Created) })
	if !members.IsComplete() {
		d.add("the list of members is not complete, and operations of others may be left out")
	}
	for _, member := range members.Items {
		if !member.Online.Is() && !a.isDown(member) {
			d.add("operations of member %q may be left out, it is %q", member.Name, member.Status)
			d.advise(fmt.Sprintf("bring member %s back (lxc cluster list), or remove it from the cluster if it is gone for good", member.Name))
		}
	}
	return items
}

func (row *operationRow) operation(location string) evidence.Operation {
	op := evidence.Operation{
		ID:          row.ID,
		Class:       row.Class,
		Description: row.Description,
		Status:      row.Status,
		Location:    location,
		Created:     row.Created,
		Entities:    []string{},
	}
	if row.Code.String() == row.Status {
		op.Running = underWay[row.Code]
	}
	for _, paths := range row.Resources {
		op.Entities = append(op.Entities, paths...)
	}
	if row.Metadata.EntityURL != "" {
		op.Entities = append(op.Entities, row.Metadata.EntityURL)
	}
	slices.Sort(op.Entities)
	op.Entities = slices.Compact(op.Entities)
	op.Project = projectOf(op.Entities)
	return op
}

// Later adds to an earlier reading what LXD has begun since. The machines are
// asked after LXD, some of them over ssh, and what LXD takes into use in that
// time the machine that was asked first has not shown. LXD lists an operation
// for some seconds after its end, so one that has come counts as running, even
// where it is over.
func (r *Reader) Later(ctx context.Context, lxd *evidence.LXD) {
	if lxd.Operations.Why() != "" {
		return // nothing rests on them
	}
	now := r.operations(ctx)
	lxd.Requests += r.requests()
	if now.err != nil {
		why := "what it has begun since could not be asked: " + now.err.Error()
		lxd.Operations = evidence.Incomplete(lxd.Operations.Items, why)
		lxd.Trouble, lxd.Hint = listOperations+": "+why, Hint(now.err)
		return
	}
	for _, rows := range now.value {
		for _, row := range rows {
			if slices.ContainsFunc(lxd.Operations.Items, func(op evidence.Operation) bool { return op.ID == row.ID }) {
				continue
			}
			op := row.operation(location(row.Location, lxd.Clustered, lxd.Server))
			op.Running = evidence.Yes
			lxd.Operations.Items = append(lxd.Operations.Items, op)
		}
	}
}

// projectOf is the project of an operation's entities, which is all that LXD
// tells of it; empty when they don't agree or there is none.
func projectOf(entities []string) string {
	project := ""
	for i, entity := range entities {
		u, err := url.Parse(entity)
		if err != nil {
			return ""
		}
		name := cmp.Or(u.Query().Get("project"), defaultProject)
		if i > 0 && name != project {
			return ""
		}
		project = name
	}
	return project
}
