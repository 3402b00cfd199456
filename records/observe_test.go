package records

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pureclean/pureclean/evidence"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func uuid(t *testing.T, text string) evidence.UUID {
	t.Helper()
	id, err := evidence.ParseUUID(text)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// lists are the lists of a testimony, by name, with why each is incomplete.
func lists(out evidence.LXD) map[string]string {
	return map[string]string{
		listPools:      out.Pools.Why(),
		listRecords:    out.Records.Why(),
		listInstances:  out.Instances.Why(),
		listMembers:    out.Members.Why(),
		listOperations: out.Operations.Why(),
		listDaemon:     out.DaemonVolumes.Why(),
	}
}

// incomplete is the names of the lists that are not complete, sorted.
func incomplete(out evidence.LXD) []string {
	names := []string{}
	for name, why := range lists(out) {
		if why != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// wantIncomplete checks which lists are incomplete, and no others.
func wantIncomplete(t *testing.T, out evidence.LXD, names ...string) {
	t.Helper()
	slices.Sort(names)
	if diff := cmp.Diff(append([]string{}, names...), incomplete(out)); diff != "" {
		t.Errorf("incomplete lists: %s\n%v", diff, lists(out))
	}
	if (out.Trouble == "") != (len(names) == 0) {
		t.Errorf("trouble %q with incomplete lists %v", out.Trouble, names)
	}
}

// The whole testimony of the last of the recorded states.
func TestObserveRecordedState(t *testing.T) {
	f := newLXD(t, capture(t, stale))
	r := f.open(t)
	got := r.Observe(context.Background())

	record := func(pool, kind, name, content, id, created string, users ...string) evidence.Record {
		return evidence.Record{
			Pool: pool, Project: "default", Type: kind, Name: name, Content: content,
			Snapshot: strings.Contains(name, "/"), UUID: uuid(t, id), Created: at(t, created), UsedBy: append([]string{}, users...), Shared: evidence.No,
		}
	}
	const image = "2d7588f66bcde5214f46dc034c8fbc60b6af404fcb33221b14a5bced4a860757"
	want := evidence.LXD{
		Source:     evidence.Source{Name: "lxdlab", Requests: 8},
		Version:    "6.9",
		Clustered:  evidence.No,
		Server:     "lxdlab",
		Dir:        "/var/lib/lxd",
		SeesAll:    evidence.Yes,
		SeesAllWhy: "LXD trusts us on its unix socket and shows us the configuration of every pure pool",
		Pools: evidence.Complete([]evidence.Pool{
			{Name: "nvpool", Gateway: "https://10.77.9.1:8443", Mode: "nvme/tcp", Status: "Created", Targets: []string{}},
			{Name: "purepool", Gateway: "https://10.77.9.1:8443", Mode: "iscsi", Status: "Created", Targets: []string{}},
		}),
		Records: evidence.Complete([]evidence.Record{
			record("nvpool", "custom", "nfs1", "filesystem", "c79b3876-48a3-4476-ad76-9de2fc9f02a2", "2026-11-22T08:20:53.02653953Z"),
			record("nvpool", "custom", "nfs1/snap0", "filesystem", "af1bcb63-eec1-4baf-bb3d-e64f4d7c956c", "2026-11-22T08:21:21.64695041Z"),
			record("nvpool", "custom", "nv1", "block", "e8f9777e-a3c5-4806-9aa6-b67432d7403a", "2026-11-22T08:20:39.91655761Z"),
			record("purepool", "container", "c1", "filesystem", "4b33a1dc-4257-4ca3-897c-ab6bd5ebcaac", "2026-11-22T08:21:34.7784558Z", "/1.0/instances/c1"),
			record("purepool", "custom", "after1", "filesystem", "a9518943-94c4-47a8-8990-577642a9dffd", "2026-11-22T08:35:10.93714886Z"),
			record("purepool", "custom", "fs1", "filesystem", "6784e178-3ed3-46da-a88c-a8378a44b162", "2026-11-22T08:20:05.4755827Z", "/1.0/instances/c1"),
			record("purepool", "custom", "fs1/snap0", "filesystem", "e8ab2d42-4406-4a60-871c-b386e4170965", "2026-11-22T08:21:15.04018966Z"),
			record("purepool", "custom", "kill1", "filesystem", "da659b91-4069-4ef5-94c6-1b6b09aac17e", "2026-11-22T08:39:43.44357669Z"),
			record("purepool", "custom", "kill2", "filesystem", "762b3e25-869a-41fd-8cbe-a6279dea00b2", "2026-11-22T08:38:59.52083139Z"),
			record("purepool", "custom", "v1", "block", "38a6b1c5-3673-464d-892f-903889fc39b3", "2026-11-22T08:19:28.45688185Z"),
			record("purepool", "image", image, "filesystem", "e5e61fc3-0738-48e6-9e3c-1b1a4432247e", "2026-11-22T08:22:42.45234377Z", "/1.0/images/"+image),
		}),
		Instances: evidence.Complete([]evidence.Instance{{
			Name: "c1", Project: "default", Type: "container", Status: "Running", Running: evidence.Yes, Location: "lxdlab",
			Started: at(t, "2026-11-22T08:44:20.36511197Z"),
			Disks: []evidence.InstanceDisk{
				{Device: "data", Pool: "purepool", Source: "fs1", Type: "custom", Project: "default", Path: "/mnt"},
				{Device: "root", Pool: "purepool", Type: "container", Project: "default", Path: "/"},
			},
		}}),
		Members: evidence.Complete([]evidence.Member{{Name: "lxdlab", Online: evidence.Yes, Status: "Online", Message: "not a cluster", PID: 5388}}),
		Operations: evidence.Complete([]evidence.Operation{{
			ID: "01a2026f-2a53-7c93-9fdf-37f7ae865071", Class: "task", Description: "Synchronizing operations", Status: "Success",
			Running: evidence.No, Location: "lxdlab", Created: at(t, "2026-11-22T08:46:09.49189746Z"), Entities: []string{},
		}}),
		DaemonVolumes: evidence.Complete([]evidence.DaemonVolume{}),
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(evidence.List[evidence.Pool]{}, evidence.List[evidence.Record]{},
		evidence.List[evidence.Instance]{}, evidence.List[evidence.Member]{}, evidence.List[evidence.Operation]{},
		evidence.List[evidence.DaemonVolume]{}), cmpopts.IgnoreFields(evidence.Source{}, "Began", "Ended")); diff != "" {
		t.Error(diff)
	}
	if got.Began.IsZero() || got.Ended.Before(got.Began) {
		t.Errorf("read from %v to %v", got.Began, got.Ended)
	}
}

func TestObserveEveryRecordedState(t *testing.T) {
	for state, want := range map[string]struct{ records, instances int }{
		healthy: {8, 1},
		leak:    {9, 1},
		stale:   {11, 1},
	} {
		t.Run(state, func(t *testing.T) {
			out := newLXD(t, capture(t, state)).open(t).Observe(context.Background())
			wantIncomplete(t, out)
			if len(out.Records.Items) != want.records || len(out.Instances.Items) != want.instances || len(out.Pools.Items) != 2 {
				t.Errorf("%d records, %d instances, %d pools", len(out.Records.Items), len(out.Instances.Items), len(out.Pools.Items))
			}
		})
	}
}

// What LXD is doing must be known before its volumes are listed.
func TestOperationsAreReadBeforeVolumes(t *testing.T) {
	f := newLXD(t, capture(t, healthy))
	released := make(chan struct{})
	operations := envelope(t, f.metadata[atOperations])
	f.raw[atOperations] = func(w http.ResponseWriter, _ *http.Request) {
		// Whatever is sent meanwhile is sent too early.
		f.waitFor(atPools, atProjects)
		for _, path := range f.requests() {
			if strings.Contains(path, "/volumes") || path == atInstances {
				t.Errorf("%s was asked before the operations were known", path)
			}
		}
		close(released)
		_, _ = w.Write(operations)
	}
	wantIncomplete(t, f.open(t).Observe(context.Background()))
	select {
	case <-released:
	default:
		t.Error("the operations were never asked for")
	}
}
