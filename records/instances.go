package records

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canonical/lxd/shared/api"
	"github.com/pureclean/pureclean/evidence"
)

// instanceRow is what is read of an instance. Its own volatile.uuid is left
// out on purpose: it is not its volume's.
type instanceRow struct {
	Name, Project, Type, Status, Location string
	Code                                  api.StatusCode
	Started                               time.Time
	// Devices are the instance's own and its profiles', by name. LXD gives
	// none of them for an instance whose member it can't reach.
	Devices []deviceRow
	// Words are those in its settings that may be a volume's path.
	Words []evidence.InstancePath
}

// deviceRow is what is read of a device: the values of "type", "pool" and so
// on, empty where there is none.
type deviceRow struct {
	Name, Type, Pool, Source, Path, SourceSnapshot, SourceType string
	Major, Minor                                               string
}

func readInstance(p *pulled) instanceRow {
	var row instanceRow
	for key := range p.object {
		switch string(key) {
		case "name":
			row.Name = p.text()
		case "project":
			row.Project = p.shared()
		case "type":
			row.Type = p.shared()
		case "status":
			row.Status = p.shared()
		case "status_code":
			row.Code = api.StatusCode(p.integer())
		case "location":
			row.Location = p.shared()
		case "last_used_at":
			row.Started = p.moment()
		case "expanded_devices":
			p.devices = p.devices[:0]
			for name := range p.object {
				p.devices = append(p.devices, readDevice(p, string(name)))
			}
			row.Devices = slices.Clone(p.devices)
		case "expanded_config":
			for key := range p.object {
				row.Words = append(row.Words, readWords(p, key)...)
			}
		default:
			p.Skip()
		}
	}
	slices.SortFunc(row.Words, func(x, y evidence.InstancePath) int {
		return cmp.Or(strings.Compare(x.Device, y.Device), strings.Compare(x.Path, y.Path))
	})
	slices.SortFunc(row.Devices, func(x, y deviceRow) int { return strings.Compare(x.Name, y.Name) })
	return row
}

func readDevice(p *pulled, name string) deviceRow {
	row := deviceRow{Name: name}
	for key := range p.object {
		switch string(key) {
		case "type":
			row.Type = p.shared()
		case "pool":
			row.Pool = p.shared()
		case "source":
			row.Source = p.text()
			if row.Source == name {
				row.Source = name // a volume often gives its device its name
			}
		case "path":
			row.Path = p.text()
		case "source.snapshot":
			row.SourceSnapshot = p.text()
		case "source.type":
			row.SourceType = p.shared()
		case "major":
			row.Major = p.text()
		case "minor":
			row.Minor = p.text()
		default:
			p.Skip()
		}
	}
	return row
}

func (r *Reader) instances(ctx context.Context, before *earlier) reply[[]instanceRow] {
	expected := 0
	if before != nil {
		expected = before.instances
	}
	return getRows(ctx, r, "/1.0/instances?recursion=1&all-projects=true", expected, whole(readInstance))
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

// instanceList judges the instances' rows, and uses them up.
func (a *answers) instanceList(d *doubts) []evidence.Instance {
	items := make([]evidence.Instance, 0, len(a.instances.value))
	d.fail(a.instances.err)
	for row := range evidence.Refs(a.instances.value) {
		item := evidence.Instance{
			Name:     row.Name,
			Project:  row.Project,
			Type:     row.Type,
			Status:   row.Status,
			Location: a.location(row.Location),
			Started:  row.Started,
			Disks:    make([]evidence.InstanceDisk, 0, len(row.Devices)),
		}
		if row.Code.String() == row.Status {
			item.Running = running[row.Code]
		}
		for _, why := range a.wrongWith(row) {
			d.add("instance %q (project %q): %s", row.Name, row.Project, why)
		}
		for device := range evidence.Refs(row.Devices) {
			disk, ok, why := a.disk(row, device)
			if why != "" {
				d.add("instance %q (project %q), device %q: %s", row.Name, row.Project, device.Name, why)
			}
			if ok {
				item.Disks = append(item.Disks, disk)
			}
			for _, named := range device.named() {
				item.Paths = append(item.Paths, evidence.InstancePath{Device: device.Name, Path: named})
			}
		}
		item.Paths = append(item.Paths, row.Words...)
		row.Devices, row.Words = nil, nil
		items = append(items, item)
	}
	a.instances.value = nil
	return items
}

// wrongWith says what keeps an instance from being understood.
func (a *answers) wrongWith(row *instanceRow) []string {
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

// disk reads one device of an instance. It is false for a device that is not
// a volume of a pool.
func (a *answers) disk(inst *instanceRow, device *deviceRow) (disk evidence.InstanceDisk, ok bool, why string) {
	switch {
	case device.Type == "":
		return disk, false, "no type"
	case device.Type != "disk":
		return disk, false, ""
	case device.Pool == "" && !outside(device.Source):
		return disk, false, "a disk without a pool"
	case device.Pool == "":
		return disk, false, ""
	}
	disk = evidence.InstanceDisk{Device: device.Name, Pool: device.Pool, Path: device.Path}
	if device.Source == "" {
		// A root disk: a volume of the instance's own type, name and project.
		disk.Type, disk.Project = inst.Type, inst.Project
		if device.Path != "/" {
			return disk, true, "a pool but no source"
		}
		return disk, true, ""
	}
	disk.Source, disk.Snapshot = device.Source, device.SourceSnapshot
	if disk.Snapshot == "" {
		// LXD 6.6 and 6.7 also took a snapshot's name here.
		disk.Source, disk.Snapshot, _ = strings.Cut(disk.Source, "/")
	}
	switch kind := device.SourceType; kind {
	case "", evidence.TypeCustom:
		disk.Type = evidence.TypeCustom
	case evidence.TypeVM, evidence.TypeContainer:
		// Of an instance's volume, the project is the instance's.
		disk.Type, disk.Project = kind, inst.Project
		return disk, true, ""
	default:
		disk.Type = kind
		return disk, true, fmt.Sprintf("the unknown source.type %q", kind)
	}
	project, known := a.volumeProject(inst.Project)
	if !known {
		return disk, true, fmt.Sprintf("the project of its volume is not known, LXD does not show us project %q", inst.Project)
	}
	disk.Project = project
	return disk, true, ""
}

// outside reports a disk's source that is no volume of a pool: a path of the
// host, or one of LXD's special sources, which have a prefix ("ceph:",
// "cloud-init:config").
func outside(source string) bool {
	return strings.HasPrefix(source, "/") || strings.Contains(source, ":")
}
