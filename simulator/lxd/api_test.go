package lxd

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/canonical/lxd/client"
	"github.com/canonical/lxd/shared/api"
	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/fabric"
	"github.com/pureclean/pureclean/simulator/host"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// serve starts an LXD without an array and returns a real client of it.
func serve(t *testing.T, o Options) (*Server, *APIServer, lxd.InstanceServer) {
	t.Helper()
	o.Clock = fabric.NewClock(noon)
	if o.Version == "" {
		o.Version = "6.9"
	}
	if o.Members == nil {
		o.Members = []*Member{{Name: "lxd01", Host: host.New(host.Options{Name: "lxd01", Clock: o.Clock})}}
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	// A socket's path is short; the test's own directory may be too long.
	dir, err := os.MkdirTemp("", "lxd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	a, err := s.Serve(filepath.Join(dir, "unix.socket"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := lxd.ConnectLXDUnix(a.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, a, c
}

// furnish writes records of every kind.
func furnish(s *Server) {
	s.db.pools["pool1"] = Pool{Name: "pool1", Driver: "pure", Status: "Created", Config: map[string]string{
		"pure.api.token": "token", "pure.gateway": "https://fa.example", "pure.mode": "iscsi",
	}}
	s.CreateProject("web", nil)
	s.CreateProject("shop", nil)
	s.AddImage(Image{Fingerprint: "f00d", Alias: "noble", Type: evidence.TypeContainer})
	for _, v := range []Volume{
		{Type: evidence.TypeContainer, Name: "c1", Content: evidence.ContentFilesystem},
		{Type: evidence.TypeContainer, Name: "c1/snap0", Content: evidence.ContentFilesystem},
		{Type: evidence.TypeVM, Name: "v1", Content: evidence.ContentBlock, Project: "shop"},
		{Type: evidence.TypeCustom, Name: "data", Content: evidence.ContentFilesystem},
		{Type: evidence.TypeCustom, Name: "data/daily", Content: evidence.ContentFilesystem},
		{Type: evidence.TypeCustom, Name: "own", Content: evidence.ContentBlock, Project: "shop"},
		{Type: evidence.TypeImage, Name: "f00d", Content: evidence.ContentFilesystem},
	} {
		v.Pool = "pool1"
		s.PutVolume(v)
	}
	root := map[string]string{"type": "disk", "path": "/", "pool": "pool1"}
	s.PutInstance(Instance{
		Name: "c1", Type: evidence.TypeContainer, Member: s.Name, Running: true, Created: noon,
		Config:  map[string]string{"volatile.base_image": "f00d"},
		Devices: map[string]map[string]string{"root": root, "data": {"type": "disk", "pool": "pool1", "source": "data", "path": "/data"}},
	})
	s.PutInstance(Instance{
		Name: "v1", Project: "shop", Type: evidence.TypeVM, Member: s.Name, Created: noon,
		Devices: map[string]map[string]string{"root": root},
	})
}

func TestClientReadsEverything(t *testing.T) {
	s, a, c := serve(t, Options{Seed: 7})
	furnish(s)
	finish, err := s.StartOperation("shop", api.OperationClassTask, "Backing up instance", "/1.0/instances/v1?project=shop")
	if err != nil {
		t.Fatal(err)
	}

	t.Run("server", func(t *testing.T) {
		server, _, err := c.GetServer()
		if err != nil {
			t.Fatal(err)
		}
		got := []string{server.Auth, server.AuthUserMethod, server.Environment.ServerName, server.Environment.ServerVersion, server.APIVersion}
		if diff := cmp.Diff([]string{"trusted", "unix", "lxd01", "6.9", "1.0"}, got); diff != "" {
			t.Error(diff)
		}
		for _, e := range []string{"storage_volatile_uuid", "storage_volumes_all", "operations_get_query_all_projects"} {
			if !c.HasExtension(e) {
				t.Errorf("extension %s is missing", e)
			}
		}
	})
	t.Run("pools", func(t *testing.T) {
		pools, err := c.GetStoragePools()
		if err != nil {
			t.Fatal(err)
		}
		if len(pools) != 1 || pools[0].Driver != "pure" || pools[0].Config["pure.api.token"] != "token" {
			t.Errorf("got %+v", pools)
		}
		pool, _, err := c.GetStoragePool("pool1")
		if err != nil || pool.Name != "pool1" {
			t.Errorf("got %+v, %v", pool, err)
		}
	})
	t.Run("volumes of all projects", func(t *testing.T) {
		volumes, err := c.GetStoragePoolVolumesAllProjects("pool1")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range volumes {
			if _, err := evidence.ParseUUID(v.Config["volatile.uuid"]); err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
			got = append(got, v.Project+" "+v.Type+"/"+v.Name+" "+strings.Join(v.UsedBy, ","))
		}
		want := []string{
			"default container/c1 /1.0/instances/c1",
			"default container/c1/snap0 /1.0/instances/c1/snapshots/snap0",
			"default custom/data /1.0/instances/c1",
			"default custom/data/daily ",
			"default image/f00d /1.0/images/f00d",
			"shop custom/own ",
			"shop virtual-machine/v1 /1.0/instances/v1?project=shop",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("instances", func(t *testing.T) {
		instances, err := c.GetInstancesAllProjects(api.InstanceTypeAny)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range instances {
			got = append(got, strings.Join([]string{i.Project, i.Name, i.Type, i.Status, i.Location, i.ExpandedDevices["root"]["pool"]}, " "))
		}
		want := []string{"default c1 container Running none pool1", "shop v1 virtual-machine Stopped none pool1"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("operations", func(t *testing.T) {
		operations, err := c.GetOperationsAllProjects()
		if err != nil {
			t.Fatal(err)
		}
		if len(operations) != 1 || operations[0].StatusCode != api.Running || operations[0].Metadata["entity_url"] == nil {
			t.Fatalf("got %+v", operations)
		}
		finish(nil)
		s.clock.Advance(5 * time.Second)
		if operations, err = c.GetOperationsAllProjects(); err != nil || len(operations) != 1 || operations[0].StatusCode != api.Success {
			t.Errorf("after 5 s: %+v, %v", operations, err)
		}
		s.clock.Advance(time.Second)
		if operations, err = c.GetOperationsAllProjects(); err != nil || len(operations) != 0 {
			t.Errorf("after 6 s: %+v, %v", operations, err)
		}
	})
	t.Run("projects, cluster", func(t *testing.T) {
		projects, err := c.GetProjects()
		if err != nil || len(projects) != 3 {
			t.Errorf("%d projects, %v", len(projects), err)
		}
		if _, err := c.GetClusterMembers(); err == nil || !strings.Contains(err.Error(), "not clustered") {
			t.Errorf("members: %v", err)
		}
	})
	t.Run("nothing else", func(t *testing.T) {
		for _, r := range a.Requests() {
			if r.Method != http.MethodGet {
				t.Errorf("%s", r)
			}
		}
		a.ForgetRequests()
		if err := c.CreateStoragePoolVolume("pool1", api.StorageVolumesPost{Name: "new", Type: "custom"}); err == nil {
			t.Error("a POST was answered")
		}
		if got := a.Requests(); len(got) != 1 || got[0].Method != http.MethodPost {
			t.Errorf("got %v", got)
		}
		if _, ok := s.Volume("pool1", "", evidence.TypeCustom, "new"); ok {
			t.Error("a volume was recorded")
		}
	})
}

// TestSameShapeAsRecorded compares the keys of every answer with those that a
// real LXD 6.9 gave; it may have more, and it lacks only what the pinned
// client has no word for.
func TestSameShapeAsRecorded(t *testing.T) {
	s, a, _ := serve(t, Options{})
	furnish(s)
	if _, err := s.StartOperation("", api.OperationClassTask, "Copying instance", ""); err != nil {
		t.Fatal(err)
	}
	unknown := map[string]bool{
		"metadata.success.0.child_count": true, "metadata.success.0.err_code": true, "metadata.0.replica_mode": true,
	}
	for file, path := range map[string]string{
		"server": "/1.0", "storage-pools": "/1.0/storage-pools?recursion=1", "pool-purepool": "/1.0/storage-pools/pool1",
		"volumes-purepool": "/1.0/storage-pools/pool1/volumes?recursion=1&all-projects=true",
		"instances":        "/1.0/instances?recursion=1&all-projects=true",
		"projects":         "/1.0/projects?recursion=1",
		"operations":       "/1.0/operations?recursion=1&all-projects=true",
	} {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile("../replay/testdata/01-healthy-attached/lxd/" + file + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want, got any
			if err := json.Unmarshal(data, &want); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(rawGet(t, a, path), &got); err != nil {
				t.Fatal(err)
			}
			if file == "operations" {
				got = strings.NewReplacer("running", "success").Replace(string(rawGet(t, a, path)))
				if err := json.Unmarshal([]byte(got.(string)), &got); err != nil {
					t.Fatal(err)
				}
			}
			have := keys("", got)
			for key := range keys("", want) {
				// What the configuration, devices or state of an instance
				// hold differs from world to world.
				if !have[key] && !unknown[key] && !strings.Contains(key, "config.") && !strings.Contains(key, "devices.") && !strings.HasPrefix(key, "metadata.0.state") &&
					key != "metadata.0.backups" && key != "metadata.0.snapshots" {
					t.Errorf("%s is missing", key)
				}
			}
		})
	}
}

// keys are the paths of all keys in a JSON value; of a list, its first entry's.
func keys(at string, value any) map[string]bool {
	all := map[string]bool{}
	add := func(key string, v any) {
		path := strings.TrimPrefix(at+"."+key, ".")
		all[path] = true
		for k := range keys(path, v) {
			all[k] = true
		}
	}
	switch v := value.(type) {
	case map[string]any:
		for k, one := range v {
			add(k, one)
		}
	case []any:
		if len(v) > 0 {
			add("0", v[0])
		}
	}
	return all
}

// transport is one that leads to the socket, whatever is asked for.
func (a *APIServer) transport() *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", a.Path)
		},
	}
}

func rawGet(t *testing.T, a *APIServer, path string) []byte {
	t.Helper()
	c := http.Client{Transport: a.transport()}
	resp, err := c.Get("http://unix.socket" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func TestExtensionsFollowTheVersion(t *testing.T) {
	for version, want := range map[string]map[string]bool{
		"6.3": {"storage_driver_pure": true, "storage_and_profile_operations": false, "clustering_evacuation_force": false},
		"6.9": {"storage_and_profile_operations": true, "clustering_evacuation_force": true},
	} {
		_, _, c := serve(t, Options{Version: version})
		for extension, has := range want {
			if c.HasExtension(extension) != has {
				t.Errorf("%s: %s: %v", version, extension, !has)
			}
		}
	}
	if _, err := New(Options{Version: "4.0"}); err == nil {
		t.Error("LXD 4.0 has no Pure driver")
	}
}

func TestClusterAnswersPerMember(t *testing.T) {
	clock := fabric.NewClock(noon)
	member := func(name string) *Member {
		return &Member{Name: name, Host: host.New(host.Options{Name: name, Clock: clock})}
	}
	s, a, c := serve(t, Options{Clustered: true, Members: []*Member{member("lxd01"), member("lxd02"), member("lxd03")}})
	furnish(s)
	s.PutInstance(Instance{Name: "far", Type: evidence.TypeContainer, Member: "lxd03", Running: true})

	server, _, err := c.UseTarget("lxd02").GetServer()
	if err != nil || server.Environment.ServerName != "lxd02" {
		t.Errorf("lxd02: %v, %v", server.Environment.ServerName, err)
	}
	s.members[2].KillDaemon()
	if _, _, err := c.UseTarget("lxd03").GetServer(); err == nil {
		t.Error("lxd03 is down and answers")
	}
	members, err := c.GetClusterMembers()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range members {
		got = append(got, m.ServerName+" "+m.Status)
	}
	if diff := cmp.Diff([]string{"lxd01 Online", "lxd02 Online", "lxd03 Offline"}, got); diff != "" {
		t.Error(diff)
	}
	instances, err := c.GetInstances(api.InstanceTypeAny)
	if !slices.ContainsFunc(instances, func(i api.Instance) bool { return i.Name == "far" && i.Status == "Error" && i.Location == "lxd03" }) {
		t.Errorf("an instance on a member that is down: %+v, %v", instances, err)
	}

	own, err := s.members[1].Serve(filepath.Join(filepath.Dir(a.Path), "lxd02.socket"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := lxd.ConnectLXDUnix(own.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if server, _, err = second.GetServer(); err != nil || server.Environment.ServerName != "lxd02" {
		t.Errorf("lxd02 at its own socket: %v, %v", server.Environment.ServerName, err)
	}
	s.members[1].KillDaemon()
	if _, _, err := second.GetServer(); err == nil {
		t.Error("lxd02 is down and answers")
	}
	if _, _, err := c.GetServer(); err != nil {
		t.Errorf("lxd01 with lxd02 down: %v", err)
	}
}

func TestAPIFaults(t *testing.T) {
	pools := func(c lxd.InstanceServer) error { _, err := c.GetStoragePools(); return err }
	tests := map[string]struct {
		fault Fault
		check func(t *testing.T, c lxd.InstanceServer)
	}{
		"not an administrator": {Fault{Kind: NotAdmin}, func(t *testing.T, c lxd.InstanceServer) {
			got, err := c.GetStoragePools()
			if err != nil || len(got) != 1 || got[0].Config != nil {
				t.Errorf("%+v, %v", got, err)
			}
		}},
		"restricted certificate": {Fault{Kind: Restricted}, func(t *testing.T, c lxd.InstanceServer) {
			if _, err := c.GetStoragePoolVolumesAllProjects("pool1"); !api.StatusErrorCheck(err, http.StatusForbidden) {
				t.Errorf("%v", err)
			}
		}},
		"a hidden project": {Fault{Kind: HideProject, Name: "shop"}, func(t *testing.T, c lxd.InstanceServer) {
			volumes, err := c.GetStoragePoolVolumesAllProjects("pool1")
			if err != nil || len(volumes) != 5 {
				t.Errorf("%d volumes, %v", len(volumes), err)
			}
			instances, err := c.GetInstancesAllProjects(api.InstanceTypeAny)
			if err != nil || len(instances) != 1 {
				t.Errorf("%d instances, %v", len(instances), err)
			}
		}},
		"no uuid": {Fault{Kind: NoUUID, Name: "data"}, func(t *testing.T, c lxd.InstanceServer) {
			volumes, err := c.GetStoragePoolVolumesAllProjects("pool1")
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range volumes {
				if (v.Config["volatile.uuid"] == "") != (v.Name == "data") {
					t.Errorf("%s has uuid %q", v.Name, v.Config["volatile.uuid"])
				}
			}
		}},
		"403": {Fault{Kind: Fail, Path: "/1.0/storage-pools", Status: 403}, func(t *testing.T, c lxd.InstanceServer) {
			if err := pools(c); !api.StatusErrorCheck(err, http.StatusForbidden) {
				t.Errorf("%v", err)
			}
			if _, err := c.GetProjects(); err != nil {
				t.Errorf("another path: %v", err)
			}
		}},
		"500 once": {Fault{Kind: Fail, Times: 1}, func(t *testing.T, c lxd.InstanceServer) {
			if err := pools(c); !api.StatusErrorCheck(err, http.StatusInternalServerError) {
				t.Errorf("%v", err)
			}
			if err := pools(c); err != nil {
				t.Errorf("the second time: %v", err)
			}
		}},
		"half a body": {Fault{Kind: HalfBody}, func(t *testing.T, c lxd.InstanceServer) {
			if err := pools(c); err == nil {
				t.Error("half an answer was taken for a whole one")
			}
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, a, c := serve(t, Options{})
			furnish(s)
			a.Inject(test.fault)
			test.check(t, c)
			a.Heal()
			if err := pools(c); err != nil {
				t.Errorf("after healing: %v", err)
			}
		})
	}
}

func TestHangUntilTheClientGivesUp(t *testing.T) {
	_, a, _ := serve(t, Options{})
	a.Inject(Fault{Kind: Hang})
	c := http.Client{Timeout: 50 * time.Millisecond, Transport: a.transport()}
	if _, err := c.Get("http://unix.socket/1.0"); err == nil {
		t.Error("a hanging API answered")
	}
}

func TestSocketOfAKilledDaemonRefuses(t *testing.T) {
	s, a, c := serve(t, Options{})
	s.KillDaemon()
	if _, _, err := c.GetServer(); err == nil {
		t.Error("a killed daemon answers")
	}
	if _, err := os.Stat(a.Path); err != nil {
		t.Errorf("its socket should stay: %v", err)
	}
	s.StartDaemon()
	if _, _, err := c.GetServer(); err != nil {
		t.Errorf("after the start: %v", err)
	}
}

func TestKilledOperationsAreReportedOnce(t *testing.T) {
	s, _, c := serve(t, Options{})
	if _, err := s.StartOperation("", api.OperationClassTask, "Creating storage volume", ""); err != nil {
		t.Fatal(err)
	}
	s.KillDaemon()
	s.StartDaemon()
	operations, err := c.GetOperationsAllProjects()
	if err != nil || len(operations) != 1 || operations[0].StatusCode != api.Failure || operations[0].Err != "Operation exited uncleanly" {
		t.Fatalf("%+v, %v", operations, err)
	}
	s.clock.Advance(time.Hour)
	if operations, _ = c.GetOperationsAllProjects(); len(operations) != 1 {
		t.Error("it should stay until the next start")
	}
	s.KillDaemon()
	s.StartDaemon()
	if operations, _ = c.GetOperationsAllProjects(); len(operations) != 0 {
		t.Errorf("after the next start: %+v", operations)
	}
}

func TestDatabaseRestore(t *testing.T) {
	s, _, _ := serve(t, Options{})
	furnish(s)
	backup := s.SnapshotDatabase()
	s.PutVolume(Volume{Pool: "pool1", Type: evidence.TypeCustom, Name: "later", Content: evidence.ContentBlock})
	if err := s.ForgetVolume("pool1", "", evidence.TypeCustom, "data"); err != nil {
		t.Fatal(err)
	}
	s.RestoreDatabase(backup)
	if _, ok := s.Volume("pool1", "", evidence.TypeCustom, "later"); ok {
		t.Error("what was made after the backup is still recorded")
	}
	if _, ok := s.Volume("pool1", "", evidence.TypeCustom, "data"); !ok {
		t.Error("what was deleted after the backup is not recorded again")
	}
}
