package records

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
)

// cluster is the answers of three members, lxd01 answering, with two projects:
// "web" keeps its own custom volumes, "batch" uses those of project default.
func cluster(t *testing.T) map[string]any {
	t.Helper()
	server := func(name string, config object) object {
		s := capture(t, healthy)[atServer].(object)
		s["config"] = config
		e := s["environment"].(object)
		e["server_name"], e["server_clustered"] = name, true
		return s
	}
	volume := func(kind, name, content, project, id string, users ...string) object {
		return object{
			"name": name, "type": kind, "pool": "fast", "content_type": content, "project": project, "location": "",
			"created_at": "2026-11-22T08:21:34Z", "config": object{"volatile.uuid": id}, "used_by": users,
		}
	}
	instance := func(name, project, kind, location string, code int, status string, devices object) object {
		devices["root"] = object{"type": "disk", "pool": "fast", "path": "/"}
		devices["eth0"] = object{"type": "nic", "network": "lxdbr0"}
		devices["host"] = object{"type": "disk", "source": "/srv", "path": "/srv"}
		devices["seed"] = object{"type": "disk", "source": "cloud-init:config"}
		return object{
			"name": name, "project": project, "type": kind, "location": location, "status": status, "status_code": code,
			"config": object{"volatile.uuid": "99999999-9999-4999-8999-999999999999"}, "expanded_devices": devices,
		}
	}
	return map[string]any{
		atMember("lxd01"): server("lxd01", nil), // not asked: it answers already
		atServer:          server("lxd01", object{"storage.images_volume": "fast/images01", "core.https_address": ":8443"}),
		atMember("lxd02"): server("lxd02", object{"storage.backups_volume": "fast/backups02", "storage.project.my.team.images_volume": "local/i"}),
		atMember("lxd03"): server("lxd03", object{"storage.backups_volume": ""}),
		atMembers: array{
			object{"server_name": "lxd01", "status": "Online", "message": "Fully operational"},
			object{"server_name": "lxd02", "status": "Online", "message": "Fully operational"},
			object{"server_name": "lxd03", "status": "Online", "message": "Fully operational"},
		},
		atPools: array{
			object{"name": "local", "driver": "zfs", "status": "Created", "config": object{}, "used_by": array{}},
			object{
				"name": "fast", "driver": "pure", "status": "Created",
				"config": object{"pure.gateway": "https://fa", "pure.mode": "nvme", "pure.api.token": "x", "pure.target": "10.0.0.1, 10.0.0.2,", "pure.gateway.verify": "False"},
				"used_by": array{
					"/1.0/instances/db?project=web", "/1.0/instances/db/snapshots/s0?project=web", "/1.0/images/abc?project=web",
					"/1.0/storage-pools/fast/volumes/custom/data?project=web", "/1.0/storage-pools/fast/volumes/custom/data/snapshots/s%201?project=web",
					"/1.0/profiles/default", "/1.0/storage-pools/fast/buckets/b1",
				},
			},
		},
		atProjects: array{
			object{"name": "default", "config": object{"features.storage.volumes": "true"}, "used_by": array{"/1.0/storage-pools/fast/volumes/custom/shared"}},
			object{"name": "web", "config": object{"features.storage.volumes": "true"}, "used_by": array{}},
			object{"name": "batch", "config": object{"features.storage.volumes": "false"}, "used_by": array{}},
		},
		atOperations: object{
			"running": array{
				object{
					"id": "op-1", "class": "task", "description": "Creating instance", "status": "Running", "status_code": 103, "location": "lxd02", "created_at": "2026-11-22T08:00:01Z",
					"resources": object{"instances": array{"/1.0/instances/new?project=web"}, "images": array{"/1.0/images/abc?project=web"}},
					"metadata":  object{"entity_url": "/1.0/instances/new?project=web", "secret": "s3cret"},
				},
				object{
					"id": "op-2", "class": "token", "description": "Executing command", "status": "Running", "status_code": 103, "location": "lxd01", "created_at": "2026-11-22T08:00:00Z",
					"resources": object{"instances": array{"/1.0/instances/a?project=web", "/1.0/instances/b"}}, "metadata": nil,
				},
			},
			"haunted": array{object{"id": "op-3", "class": "websocket", "description": "?", "status": "Haunted", "status_code": 666, "location": "lxd01", "created_at": "2026-11-22T08:00:02Z"}},
			"failure": array{object{"id": "op-4", "class": "task", "description": "Deleting storage volume", "status": "Failure", "status_code": 400, "location": "lxd03", "created_at": "2026-11-22T08:00:03Z"}},
		},
		atInstances: array{
			instance("db", "web", "virtual-machine", "lxd02", 103, "Running", object{
				"data": object{"type": "disk", "pool": "fast", "source": "data", "path": ""},
				"old":  object{"type": "disk", "pool": "fast", "source": "data", "source.snapshot": "s 1"},
			}),
			instance("job", "batch", "container", "lxd03", 110, "Frozen", object{
				"in": object{"type": "disk", "pool": "fast", "source": "shared", "path": "/in"},
			}),
			instance("rescue", "web", "virtual-machine", "lxd01", 102, "Stopped", object{
				"other": object{"type": "disk", "pool": "fast", "source": "db", "source.type": "virtual-machine"},
				"older": object{"type": "disk", "pool": "fast", "source": "data/s 1"},
			}),
		},
		atVolumes("fast"): array{
			volume("virtual-machine", "db", "block", "web", "00000000-0000-4000-8000-000000000001", "/1.0/instances/db?project=web", "/1.0/instances/rescue?project=web"),
			volume("virtual-machine", "db/s0", "block", "web", "00000000-0000-4000-8000-000000000002", "/1.0/instances/db/snapshots/s0?project=web"),
			volume("virtual-machine", "rescue", "block", "web", "00000000-0000-4000-8000-000000000003", "/1.0/instances/rescue?project=web"),
			volume("container", "job", "filesystem", "batch", "00000000-0000-4000-8000-000000000004", "/1.0/instances/job?project=batch"),
			volume("custom", "data", "block", "web", "00000000-0000-4000-8000-000000000005", "/1.0/instances/db?project=web", "/1.0/profiles/p?project=web"),
			volume("custom", "data/s 1", "block", "web", "00000000-0000-4000-8000-000000000006", "/1.0/instances/db?project=web"),
			volume("custom", "shared", "filesystem", "default", "00000000-0000-4000-8000-000000000007", "/1.0/instances/job?project=batch"),
			volume("custom", "images01", "filesystem", "default", "00000000-0000-4000-8000-000000000008", "/1.0"),
			volume("custom", "backups02", "filesystem", "default", "00000000-0000-4000-8000-000000000009"),
			volume("custom", "cd", "iso", "default", "00000000-0000-4000-8000-00000000000a"),
			volume("image", "abc", "block", "default", "00000000-0000-4000-8000-00000000000b", "/1.0/images/abc?project=web"),
		},
	}
}

func observe(t *testing.T, metadata map[string]any) (evidence.LXD, *fakeLXD) {
	t.Helper()
	f := newLXD(t, metadata)
	return f.open(t).Observe(context.Background()), f
}

func TestObserveCluster(t *testing.T) {
	out, f := observe(t, cluster(t))
	wantIncomplete(t, out)

	if diff := cmp.Diff([]evidence.Pool{{Name: "fast", Gateway: "https://fa", Mode: "nvme/tcp", Status: "Created", Targets: []string{"10.0.0.1", "10.0.0.2"}}}, out.Pools.Items); diff != "" {
		t.Error(diff)
	}
	online := func(name string) evidence.Member {
		return evidence.Member{Name: name, Online: evidence.Yes, Status: "Online", Message: "Fully operational", PID: 731}
	}
	if diff := cmp.Diff([]evidence.Member{online("lxd01"), online("lxd02"), online("lxd03")}, out.Members.Items); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]evidence.Instance{
		{Name: "db", Project: "web", Type: "virtual-machine", Status: "Running", Running: evidence.Yes, Location: "lxd02", Disks: []evidence.InstanceDisk{
			{Device: "data", Pool: "fast", Source: "data", Type: "custom", Project: "web"},
			{Device: "old", Pool: "fast", Source: "data", Type: "custom", Project: "web", Snapshot: "s 1"},
			{Device: "root", Pool: "fast", Type: "virtual-machine", Project: "web", Path: "/"},
		}},
		{Name: "job", Project: "batch", Type: "container", Status: "Frozen", Running: evidence.Yes, Location: "lxd03", Disks: []evidence.InstanceDisk{
			{Device: "in", Pool: "fast", Source: "shared", Type: "custom", Project: "default", Path: "/in"},
			{Device: "root", Pool: "fast", Type: "container", Project: "batch", Path: "/"},
		}},
		{Name: "rescue", Project: "web", Type: "virtual-machine", Status: "Stopped", Running: evidence.No, Location: "lxd01", Disks: []evidence.InstanceDisk{
			{Device: "older", Pool: "fast", Source: "data", Type: "custom", Project: "web", Snapshot: "s 1"},
			{Device: "other", Pool: "fast", Source: "db", Type: "virtual-machine", Project: "web"},
			{Device: "root", Pool: "fast", Type: "virtual-machine", Project: "web", Path: "/"},
		}},
	}, out.Instances.Items); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]evidence.Operation{
		{ID: "op-2", Class: "token", Description: "Executing command", Status: "Running", Running: evidence.Yes, Location: "lxd01", Created: at(t, "2026-11-22T08:00:00Z"), Entities: []string{"/1.0/instances/a?project=web", "/1.0/instances/b"}},
		{ID: "op-1", Class: "task", Description: "Creating instance", Status: "Running", Running: evidence.Yes, Project: "web", Location: "lxd02", Created: at(t, "2026-11-22T08:00:01Z"), Entities: []string{"/1.0/images/abc?project=web", "/1.0/instances/new?project=web"}},
		{ID: "op-3", Class: "websocket", Description: "?", Status: "Haunted", Location: "lxd01", Created: at(t, "2026-11-22T08:00:02Z"), Entities: []string{}},
		{ID: "op-4", Class: "task", Description: "Deleting storage volume", Status: "Failure", Running: evidence.No, Location: "lxd03", Created: at(t, "2026-11-22T08:00:03Z"), Entities: []string{}},
	}, out.Operations.Items); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]evidence.DaemonVolume{
		{Member: "lxd01", Key: "storage.images_volume", Pool: "fast", Volume: "images01"},
		{Member: "lxd02", Key: "storage.backups_volume", Pool: "fast", Volume: "backups02"},
		{Member: "lxd02", Key: "storage.project.my.team.images_volume", Pool: "local", Volume: "i"},
	}, out.DaemonVolumes.Items); diff != "" {
		t.Error(diff)
	}
	if !out.Clustered.Is() || out.Server != "lxd01" || out.Name != "lxd01" || len(out.Records.Items) != 11 {
		t.Errorf("%v %s %s, %d records", out.Clustered, out.Server, out.Name, len(out.Records.Items))
	}
	// One for Open, then server, pools, projects, operations, members, one
	// pool, instances, two other members: constant in everything but pools
	// and members.
	if want := 10; out.Requests != want || len(f.requests()) != want {
		t.Errorf("%d requests counted, %d sent, want %d: %v", out.Requests, len(f.requests()), want, f.requests())
	}
	if said, err := json.Marshal(out); err != nil || strings.Contains(string(said), "s3cret") {
		t.Errorf("an operation's secret got out (%v)", err)
	}
}

func TestPoolsOfACluster(t *testing.T) {
	f := newLXD(t, cluster(t))
	pools, err := f.open(t).Pools(context.Background())
	if err != nil || len(pools) != 1 {
		t.Fatalf("%v, %v", pools, err)
	}
	if p := pools[0]; p.Verify || p.Token.Reveal() != "x" || p.Pool.Mode != evidence.ModeNVMeTCP {
		t.Errorf("%+v", p)
	}
}

// setMember changes one member's row.
func setMember(t *testing.T, m map[string]any, name, status string) {
	t.Helper()
	row(t, m[atMembers], name)["status"] = status
}

func TestMembersThatAreNotThere(t *testing.T) {
	// The instances of a member that LXD can't reach come without devices.
	unreachable := func(m map[string]any) {
		job := row(t, m[atInstances], "job")
		job["status"], job["status_code"], job["expanded_devices"] = "Error", 112, nil
	}
	for name, test := range map[string]struct {
		edit func(m map[string]any, f *fakeLXD)
		want evidence.Answer
		list []string
	}{
		"offline":             {func(m map[string]any, _ *fakeLXD) { setMember(t, m, "lxd03", "Offline"); unreachable(m) }, evidence.No, []string{listOperations, listDaemon, listInstances}},
		"blocked":             {func(m map[string]any, _ *fakeLXD) { setMember(t, m, "lxd03", "Blocked") }, evidence.No, []string{listOperations, listDaemon}},
		"evacuated and there": {func(m map[string]any, _ *fakeLXD) { setMember(t, m, "lxd03", "Evacuated") }, evidence.Yes, nil},
		"evacuated and off": {func(m map[string]any, f *fakeLXD) {
			setMember(t, m, "lxd03", "Evacuated")
			f.raw[atMember("lxd03")] = fail(500, "no route to host")
		}, evidence.Unknown, []string{listOperations, listDaemon}},
		"online but silent": {func(_ map[string]any, f *fakeLXD) { f.raw[atMember("lxd03")] = fail(503, "connection refused") }, evidence.Unknown, []string{listOperations, listDaemon}},
		"a status we don't know": {func(m map[string]any, f *fakeLXD) {
			setMember(t, m, "lxd03", "Restoring")
			f.raw[atMember("lxd03")] = fail(500, "busy")
		}, evidence.Unknown, []string{listOperations, listDaemon}},
		"no status":           {func(m map[string]any, _ *fakeLXD) { setMember(t, m, "lxd03", "") }, evidence.Unknown, []string{listOperations}},
		"another one answers": {func(m map[string]any, _ *fakeLXD) { m[atMember("lxd03")] = m[atMember("lxd02")] }, evidence.Unknown, []string{listOperations, listDaemon}},
		"hides its settings":  {func(m map[string]any, _ *fakeLXD) { m[atMember("lxd03")].(object)["config"] = nil }, evidence.Yes, []string{listDaemon}},
	} {
		t.Run(name, func(t *testing.T) {
			metadata := cluster(t)
			f := newLXD(t, metadata)
			test.edit(metadata, f)
			out := f.open(t).Observe(context.Background())
			wantIncomplete(t, out, test.list...)
			i := slices.IndexFunc(out.Members.Items, func(m evidence.Member) bool { return m.Name == "lxd03" })
			if i < 0 || out.Members.Items[i].Online != test.want {
				t.Errorf("members %+v, want lxd03 online: %v", out.Members.Items, test.want)
			}
			for _, list := range test.list {
				mentions(t, lists(out)[list], "lxd03")
			}
			if asked := slices.Contains(f.requests(), atMember("lxd03")); asked == test.want.IsNot() {
				t.Errorf("lxd03 was asked: %v", asked)
			}
		})
	}
}

// A member whose instances can't be read keeps them from being judged.
func TestInstanceOfAnUnreachableMember(t *testing.T) {
	metadata := cluster(t)
	job := row(t, metadata[atInstances], "job")
	job["status"], job["status_code"], job["expanded_devices"] = "Error", 112, nil
	out, _ := observe(t, metadata)
	wantIncomplete(t, out, listInstances)
	for _, inst := range out.Instances.Items {
		if inst.Name == "job" && inst.Running != evidence.Unknown {
			t.Errorf("an instance in state Error is running: %v", inst.Running)
		}
	}
}

func TestClusterThatIsNotWholeIsSaidSo(t *testing.T) {
	for name, test := range map[string]struct {
		edit func(m map[string]any, f *fakeLXD)
		want []string
		word string
	}{
		"members are refused": {func(_ map[string]any, f *fakeLXD) { f.raw[atMembers] = fail(403, "not authorized") }, []string{listMembers, listOperations, listDaemon}, "not authorized"},
		"self is missing": {func(m map[string]any, _ *fakeLXD) {
			m[atMembers] = m[atMembers].(array)[1:]
		}, []string{listMembers, listOperations, listDaemon, listInstances}, `"lxd01"`},
		"no members": {func(m map[string]any, _ *fakeLXD) { m[atMembers] = array{} }, []string{listMembers, listOperations, listDaemon, listInstances}, `"lxd01"`},
		"a nameless member": {func(m map[string]any, _ *fakeLXD) {
			m[atMembers] = append(m[atMembers].(array), object{"status": "Online"})
		}, []string{listMembers, listOperations, listDaemon}, "no name"},
		"an instance elsewhere": {func(m map[string]any, _ *fakeLXD) { row(t, m[atInstances], "job")["location"] = "lxd99" }, []string{listInstances}, "lxd99"},
		"an instance of a hidden project": {func(m map[string]any, _ *fakeLXD) {
			m[atInstances] = append(m[atInstances].(array), object{
				"name": "g1", "project": "ghosts", "type": "container", "status": "Stopped", "status_code": 102, "location": "lxd01",
				"expanded_devices": object{"root": object{"type": "disk", "pool": "local", "path": "/"}},
			})
		}, []string{listInstances}, "g1"},
		"an instance nowhere": {func(m map[string]any, _ *fakeLXD) { row(t, m[atInstances], "job")["location"] = "" }, []string{listInstances}, "job"},
		"cluster or not": {func(m map[string]any, _ *fakeLXD) {
			delete(m[atServer].(object)["environment"].(object), "server_clustered")
		}, []string{listMembers, listOperations, listDaemon}, "whether it is part of a cluster"},
		"no name": {func(m map[string]any, _ *fakeLXD) {
			m[atMember("lxd01")] = m[atServer]
			m[atServer].(object)["environment"].(object)["server_name"] = "none"
		}, []string{listMembers, listOperations, listDaemon}, "what it is called"},
	} {
		t.Run(name, func(t *testing.T) {
			metadata := cluster(t)
			f := newLXD(t, metadata)
			test.edit(metadata, f)
			out := f.open(t).Observe(context.Background())
			wantIncomplete(t, out, test.want...)
			mentions(t, out.Trouble, test.word)
		})
	}
}

// Outside a cluster LXD answers a question for members with an error.
func TestMembersAreAskedForInAClusterOnly(t *testing.T) {
	f := newLXD(t, capture(t, healthy))
	f.raw[atMembers] = fail(http.StatusInternalServerError, "Server is not clustered")
	wantIncomplete(t, f.open(t).Observe(context.Background()))
	if slices.Contains(f.requests(), atMembers) {
		t.Error("members were asked for")
	}
}

// Without the proof that LXD shows us everything, no list is complete that
// LXD would shorten in silence.
func TestRights(t *testing.T) {
	shortened := []string{listPools, listRecords, listInstances, listOperations}
	for name, test := range map[string]struct {
		edit func(m map[string]any)
		want evidence.Answer
		list []string
		word string
	}{
		"untrusted": {func(m map[string]any) {
			m[atServer] = object{"api_version": "1.0", "auth": "untrusted", "api_extensions": m[atServer].(object)["api_extensions"]}
		}, evidence.No, append([]string{listMembers, listDaemon}, shortened...), "untrusted"},
		"by certificate":                   {func(m map[string]any) { m[atServer].(object)["auth_user_method"] = "tls" }, evidence.Unknown, shortened, "tls"},
		"not said how":                     {func(m map[string]any) { delete(m[atServer].(object), "auth_user_method") }, evidence.Unknown, shortened, "unix socket"},
		"not said at all":                  {func(m map[string]any) { delete(m[atServer].(object), "auth") }, evidence.No, shortened, ""},
		"pool without its configuration":   {func(m map[string]any) { row(t, m[atPools], "fast")["config"] = nil }, evidence.No, shortened, "fast"},
		"server without its configuration": {func(m map[string]any) { m[atServer].(object)["config"] = nil }, evidence.Yes, []string{listDaemon}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			metadata := cluster(t)
			test.edit(metadata)
			out, _ := observe(t, metadata)
			wantIncomplete(t, out, test.list...)
			if out.SeesAll != test.want {
				t.Errorf("sees all: %v, want %v", out.SeesAll, test.want)
			}
			mentions(t, out.SeesAllWhy, test.word)
			if out.Hint != Hint(errForbidden) {
				t.Errorf("hint %q", out.Hint)
			}
			if len(out.Records.Items) != 11 {
				t.Errorf("%d records", len(out.Records.Items))
			}
		})
	}
}

// A pool whose configuration is hidden can still be named.
func TestPoolWithoutItsConfiguration(t *testing.T) {
	metadata := cluster(t)
	row(t, metadata[atPools], "fast")["config"] = nil
	pools, err := newLXD(t, metadata).open(t).Pools(context.Background())
	if err != nil || len(pools) != 1 {
		t.Fatalf("%v, %v", pools, err)
	}
	if diff := cmp.Diff(evidence.Pool{Name: "fast", Status: "Created", Targets: []string{}}, pools[0].Pool); diff != "" {
		t.Error(diff)
	}
	if !pools[0].Token.IsEmpty() || !pools[0].Verify {
		t.Errorf("%+v", pools[0])
	}
}

func TestOldLXDLacksExtensions(t *testing.T) {
	for extension, list := range map[string]string{
		"storage_volatile_uuid":             listRecords,
		"storage_volumes_all_projects":      listRecords,
		"instance_all_projects":             listInstances,
		"operations_get_query_all_projects": listOperations,
	} {
		t.Run(extension, func(t *testing.T) {
			metadata := capture(t, healthy)
			server := metadata[atServer].(object)
			server["api_extensions"] = slices.DeleteFunc(server["api_extensions"].(array), func(e any) bool { return e == extension })
			out, _ := observe(t, metadata)
			wantIncomplete(t, out, list)
			mentions(t, lists(out)[list], extension, "6.9")
			mentions(t, out.Hint, "5.21.4")
		})
	}
}

// What LXD's lists say of each other must fit, or it must have been a change
// that was under way while they were read.
func TestListsThatContradictEachOther(t *testing.T) {
	drop := func(path, name string) func(m map[string]any) {
		return func(m map[string]any) { m[path] = without(m[path], name) }
	}
	fast := atVolumes("fast")
	for name, test := range map[string]struct {
		edit  func(m map[string]any)
		list  string
		words []string
	}{
		"volume counted by the pool":   {drop(fast, "data"), listRecords, []string{`"data"`, "web"}},
		"snapshot counted by the pool": {drop(fast, "data/s 1"), listRecords, []string{"data/s 1"}},
		"image counted by the pool":    {drop(fast, "abc"), listRecords, []string{`"abc"`}},
		"snapshot of an instance":      {drop(fast, "db/s0"), listRecords, []string{"db/s0"}},
		"root disk":                    {drop(fast, "rescue"), listRecords, []string{`"rescue"`}},
		"disk of an instance":          {drop(fast, "shared"), listRecords, []string{`"shared"`, `"job"`}},
		"volume of LXD itself":         {drop(fast, "backups02"), listRecords, []string{"backups02", "lxd02"}},
		"instance of a volume":         {drop(atInstances, "rescue"), listInstances, []string{`lists no instance "rescue"`}},
		"snapshot of nothing": {func(m map[string]any) {
			m[fast] = append(m[fast].(array), object{
				"name": "lonely/s0", "type": "custom", "content_type": "block", "project": "web",
				"config": object{"volatile.uuid": "00000000-0000-4000-8000-00000000000c"},
			})
		}, listRecords, []string{`"lonely"`, "web"}},
		"disk that a volume counts on": {func(m map[string]any) {
			delete(row(t, m[atInstances], "job")["expanded_devices"].(object), "in")
		}, listInstances, []string{`"job"`, `"shared"`}},
	} {
		t.Run(name, func(t *testing.T) {
			metadata := cluster(t)
			test.edit(metadata)
			out, f := observe(t, metadata)
			if why := lists(out)[test.list]; why == "" {
				t.Fatalf("%s is complete", test.list)
			} else {
				mentions(t, why, test.words...)
			}
			if n := count(f.requests(), fast); n != 2 {
				t.Errorf("volumes were read %d times", n)
			}
		})
		t.Run(name+", in passing", func(t *testing.T) {
			before, after := cluster(t), cluster(t)
			test.edit(before)
			f := newLXD(t, before)
			f.later = maps.Clone(after)
			delete(f.later, atServer)
			wantIncomplete(t, f.open(t).Observe(context.Background()))
		})
	}
}

// What a pool counts among its users is held against that pool's records, whatever
// pool the path is of.
func TestUserOfAnotherPool(t *testing.T) {
	metadata := cluster(t)
	whole, _ := observe(t, metadata)
	first := whole.Records.Items[0]
	metadata[atVolumes("other")] = array{}
	metadata[atPools] = append(metadata[atPools].(array), object{
		"name": "other", "driver": "pure", "status": "Created", "config": object{"pure.gateway": "https://fa"},
		"used_by": array{"/1.0/storage-pools/" + first.Pool + "/volumes/" + first.Type + "/" + first.Name + "?project=" + first.Project},
	})
	out, _ := observe(t, metadata)
	mentions(t, out.Records.Why(), `pool "other" counts`, first.Name)
}

// Deleting goes on while we read: each look finds something else missing, and
// nothing twice.
func TestAnotherContradictionEachTimeIsNone(t *testing.T) {
	before, after := cluster(t), cluster(t)
	before[atVolumes("fast")] = without(before[atVolumes("fast")], "abc")
	after[atVolumes("fast")] = without(after[atVolumes("fast")], "data/s 1")
	f := newLXD(t, before)
	f.later = map[string]any{atVolumes("fast"): after[atVolumes("fast")]}
	wantIncomplete(t, f.open(t).Observe(context.Background()))
}

func count(list []string, text string) int {
	n := 0
	for _, item := range list {
		if item == text {
			n++
		}
	}
	return n
}

// Without a pool of ours there is nothing to read, and that is known.
func TestNoPureNoRecords(t *testing.T) {
	metadata := cluster(t)
	metadata[atPools] = array{object{"name": "fast", "driver": "zfs", "status": "Created", "config": object{}, "used_by": array{}}, row(t, metadata[atPools], "local")}
	out, f := observe(t, metadata)
	wantIncomplete(t, out)
	if len(out.Pools.Items) != 0 || len(out.Records.Items) != 0 || slices.Contains(f.requests(), atVolumes("fast")) {
		t.Errorf("%v, %v", out.Pools.Items, out.Records.Items)
	}
}

// A project that is not listed hides its volumes, even where nothing else
// would tell.
func TestEmptyServerWithoutProjects(t *testing.T) {
	for name, projects := range map[string]array{"none": {}, "not the default": {object{"name": "web", "config": object{}}}} {
		t.Run(name, func(t *testing.T) {
			metadata := cluster(t)
			metadata[atProjects] = projects
			metadata[atInstances], metadata[atVolumes("fast")] = array{}, array{}
			row(t, metadata[atPools], "fast")["used_by"] = array{}
			metadata[atServer].(object)["config"] = object{}
			metadata[atMember("lxd02")].(object)["config"] = object{}
			out, _ := observe(t, metadata)
			wantIncomplete(t, out, listPools, listRecords, listInstances, listOperations)
			mentions(t, out.Records.Why(), "project default")
		})
	}
}
