package records

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/canonical/lxd/shared/api"
	"github.com/pureclean/pureclean/evidence"
)

// instanceRow is what is read of an instance. Its own volatile.uuid is left
// out on purpose: it is not its volume's.
type instanceRow struct {
	Name     string         `json:"name"`
	Project  string         `json:"project"`
	Type     string         `json:"type"`
	Status   string         `json:"status"`
	Code     api.StatusCode `json:"status_code"`
	Location string         `json:"location"`
	// Devices are the instance's own and its profiles'. LXD gives none of
	// them for an instance whose member it can't reach.
	Devices map[string]map[string]string `json:"expanded_devices"`
}

func (r *Reader) instances(ctx context.Context) reply[[]instanceRow] {
	return get[[]instanceRow](ctx, r, "/1.0/instances?recursion=1&all-projects=true")
}

// running says in which states an instance has its disks. "Error" stands for
// an instance whose member did not answer, and is not in it.
var running = map[api.StatusCode]evidence.Answer{
	api.Stopped:  evidence.No,
	api.Running:  evidence.Yes,
	api.Ready:    evidence.Yes,
	api.Starting: evidence.Yes,
	api.Stopping: evidence.Yes,
	api.Aborting: evidence.Yes,
	api.Freezing: evidence.Yes,
	api.Frozen:   evidence.Yes,
	api.Thawed:   evidence.Yes,
}

// instanceList judges the instances' rows.
func (a *answers) instanceList(d *doubts) []evidence.Instance {
	items := make([]evidence.Instance, 0, len(a.instances.value))
	d.fail(a.instances.err)
	for _, row := range a.instances.value {
		item := evidence.Instance{
			Name:     row.Name,
			Project:  row.Project,
			Type:     row.Type,
			Status:   row.Status,
			Location: a.location(row.Location),
			Disks:    []evidence.InstanceDisk{},
		}
		if row.Code.String() == row.Status {
			item.Running = running[row.Code]
		}
		for _, why := range a.wrongWith(row) {
			d.add("instance %q (project %q): %s", row.Name, row.Project, why)
		}
		for _, name := range slices.Sorted(maps.Keys(row.Devices)) {
			disk, why := a.disk(row, name)
			if why != "" {
				d.add("instance %q (project %q), device %q: %s", row.Name, row.Project, name, why)
			}
			if disk != nil {
				item.Disks = append(item.Disks, *disk)
			}
		}
		items = append(items, item)
	}
	return items
}

// wrongWith says what keeps an instance from being understood.
func (a *answers) wrongWith(row instanceRow) []string {
	var whys []string
	if row.Name == "" || row.Project == "" {
		whys = append(whys, "no name or no project")
	}
	if _, shown := a.project[row.Project]; !shown && a.projects.err == nil {
		whys = append(whys, "LXD does not list its project")
	}
	if row.Type != evidence.TypeContainer && row.Type != evidence.TypeVM {
		whys = append(whys, fmt.Sprintf("the unknown type %q", row.Type))
	}
	if len(row.Devices) == 0 {
		whys = append(whys, fmt.Sprintf("LXD does not say what devices it has (its location %q may be offline)", row.Location))
	}
	if a.server.value.clustered().Is() && a.members.err == nil && !a.isMember(row.Location) {
		whys = append(whys, fmt.Sprintf("its location %q is no member of the cluster", row.Location))
	}
	return whys
}

// disk reads one device of an instance. It is nil for a device that is not a
// volume of a pool.
func (a *answers) disk(inst instanceRow, name string) (*evidence.InstanceDisk, string) {
	device := inst.Devices[name]
	switch {
	case device["type"] == "":
		return nil, "no type"
	case device["type"] != "disk":
		return nil, ""
	case device["pool"] == "" && !outside(device["source"]):
		return nil, "a disk without a pool"
	case device["pool"] == "":
		return nil, ""
	}
	disk := &evidence.InstanceDisk{Device: name, Pool: device["pool"], Path: device["path"]}
	if device["source"] == "" {
		// A root disk: a volume of the instance's own type, name and project.
		disk.Type, disk.Project = inst.Type, inst.Project
		if device["path"] != "/" {
			return disk, "a pool but no source"
		}
		return disk, ""
	}
	disk.Source, disk.Snapshot = device["source"], device["source.snapshot"]
	if disk.Snapshot == "" {
		// LXD 6.6 and 6.7 also took a snapshot's name here.
		disk.Source, disk.Snapshot, _ = strings.Cut(disk.Source, "/")
	}
	switch kind := device["source.type"]; kind {
	case "", evidence.TypeCustom:
		disk.Type = evidence.TypeCustom
	case evidence.TypeVM, evidence.TypeContainer:
		// Of an instance's volume, the project is the instance's.
		disk.Type, disk.Project = kind, inst.Project
		return disk, ""
	default:
		disk.Type = kind
		return disk, fmt.Sprintf("the unknown source.type %q", kind)
	}
	project, known := a.volumeProject(inst.Project)
	if !known {
		return disk, fmt.Sprintf("the project of its volume is not known, LXD does not show us project %q", inst.Project)
	}
	disk.Project = project
	return disk, ""
}

// outside reports a disk's source that is no volume of a pool: a path of the
// host, or one of LXD's special sources, which have a prefix ("ceph:",
// "cloud-init:config").
func outside(source string) bool {
	return strings.HasPrefix(source, "/") || strings.Contains(source, ":")
}
