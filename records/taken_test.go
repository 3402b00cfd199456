package records

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pureclean/pureclean/evidence"
)

// unread are the parts of LXD's answers that are not read, by key: cutting in
// them proves nothing and takes time. The extensions have a test of their own.
var unread = []string{
	"api_extensions", "auth_methods", "auth_user_name", "client_certificate", "api_status", "public",
	"expanded_config", "devices", "state", "profiles", "backups", "snapshots", "architecture", "ephemeral", "stateful",
	"addresses", "architectures", "backup_metadata_version_range", "certificate", "certificate_fingerprint", "driver_version", "firewall",
	"instance_types", "kernel", "kernel_architecture", "kernel_features", "kernel_version", "lxc_features", "os_name", "os_version",
	"server_event_mode", "server_lts", "server_pid", "storage", "storage_supported_drivers", "storage_version",
	"updated_at", "may_cancel", "err", "err_code", "child_count", "replica_mode", "description", "locations",
	"block.filesystem", "block.mount_options", "size", "volume.size", "volatile.idmap.last", "volatile.idmap.next",
}

// harmless are the values whose absence may go unnoticed, because nothing that
// could hurt is concluded from it. Each is a path into an answer, "*" for any
// key or index, "**" at the end for all below.
var harmless = []string{
	// An operation that is not listed can't be missed. That is why no volume
	// is ever excused by the absence of operations alone.
	"OPERATIONS > **",
	// A setting that is not set is not there.
	"SERVER > config > *",
	// LXD's version, its words about a member, an instance's status in words:
	// for the reader.
	"SERVER > environment > server_version",
	"MEMBERS > * > message",
	// A pool's state is judged as it is, and no target means every portal.
	"POOLS > * > status", "POOLS > * > config > pure.target",
	// A record's age is no proof of anything, its users are a second opinion.
	"VOLUMES > * > created_at", "VOLUMES > * > used_by > **", "VOLUMES > * > used_by",
	// The one volume that nothing else in the cluster depends on, because its
	// pool counts only a few of its users, to test the other ways.
	"VOLUMES > 9",
	// Where a disk is seen inside, and the one that LXD counts for nobody: a
	// snapshot that is named in the way of LXD 6.6.
	"INSTANCES > * > expanded_devices > * > path",
	"INSTANCES > 2 > expanded_devices > older",
	// The instance is then neither running nor stopped but unknown.
	"INSTANCES > * > status", "INSTANCES > * > status_code",
	// Of one that was started at an unknown time nobody says that it lacks a disk.
	"INSTANCES > * > last_used_at",
}

// observedPath names the answers in harmless.
func observedPath(path []string) string {
	named := slices.Clone(path)
	switch {
	case path[0] == atPools:
		named[0] = "POOLS"
	case path[0] == atOperations:
		named[0] = "OPERATIONS"
	case path[0] == atMembers:
		named[0] = "MEMBERS"
	case path[0] == atInstances:
		named[0] = "INSTANCES"
	case strings.Contains(path[0], "/volumes?"):
		named[0] = "VOLUMES"
	case path[0] == atServer || strings.HasPrefix(path[0], "/1.0?target="):
		named[0] = "SERVER"
	}
	return strings.Join(named, " > ")
}

func isHarmless(path []string) bool {
	got := strings.Split(observedPath(path), " > ")
	return slices.ContainsFunc(harmless, func(pattern string) bool {
		want := strings.Split(pattern, " > ")
		if want[len(want)-1] == "**" && len(got) >= len(want) {
			want = want[:len(want)-1]
			return slices.EqualFunc(want, got[:len(want)], matches)
		}
		return slices.EqualFunc(want, got, matches)
	})
}

func matches(want, got string) bool { return want == "*" || want == got }

// Whatever single value is taken out of LXD's answers, or is null there, the
// testimony either stays the same or says that it is not complete.
func TestAnythingTakenAwayIsNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the sweeps over all that can be missing")
	}
	for name, whole := range map[string]map[string]any{
		"recorded": capture(t, stale),
		"cluster":  cluster(t),
	} {
		t.Run(name, func(t *testing.T) {
			whole := plain(t, whole)
			f := newLXD(t, whole)
			r := f.open(t)
			want := r.Observe(context.Background())
			wantIncomplete(t, want)
			cuts, noticed := 0, 0
			for _, path := range everyPath(whole, nil) {
				for _, null := range []bool{false, true} {
					if null && name == "cluster" {
						continue // once is enough, and this takes time
					}
					f.mu.Lock()
					f.metadata = cut(whole, path, null).(object)
					f.mu.Unlock()
					got := r.Observe(context.Background())
					cuts++
					if len(incomplete(got)) > 0 {
						noticed++
						continue
					}
					if isHarmless(path) {
						if key := path[len(path)-1]; strings.HasPrefix(key, "status") && path[0] == atInstances {
							i, _ := strconv.Atoi(path[1])
							if running := got.Instances.Items[i].Running; running != evidence.Unknown {
								t.Errorf("without %s it is running: %v", strings.Join(path, " > "), running)
							}
						}
						continue
					}
					if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(evidence.LXD{}, "Source"),
						cmp.Comparer(func(a, b evidence.UUID) bool { return a == b }),
						cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
						t.Errorf("without %s (null: %v) the testimony is complete and different: %s", strings.Join(path, " > "), null, diff)
					}
				}
			}
			if noticed == 0 {
				t.Error("nothing was noticed")
			}
			t.Logf("%d cuts, %d noticed", cuts, noticed)
		})
	}
}

// plain is a deep copy, as maps and slices.
func plain(t *testing.T, value any) object {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var out object
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// everyPath is the way to every value inside, that of the answers themselves
// left out: an answer that is missing is a request that fails.
func everyPath(value any, path []string) [][]string {
	var out [][]string
	add := func(key string, inner any) {
		if slices.Contains(unread, key) || strings.HasPrefix(key, "image.") {
			return
		}
		inside := append(slices.Clone(path), key)
		if len(path) > 0 {
			out = append(out, inside)
		}
		out = append(out, everyPath(inner, inside)...)
	}
	switch value := value.(type) {
	case object:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			add(key, value[key])
		}
	case array:
		for i, inner := range value {
			add(strconv.Itoa(i), inner)
		}
	}
	return out
}

// cut is a copy of a value in which one value inside is missing or null.
func cut(value any, path []string, null bool) any {
	last := len(path) == 1
	switch value := value.(type) {
	case object:
		out := maps.Clone(value)
		switch {
		case last && null:
			out[path[0]] = nil
		case last:
			delete(out, path[0])
		default:
			out[path[0]] = cut(value[path[0]], path[1:], null)
		}
		return out
	case array:
		i, err := strconv.Atoi(path[0])
		if err != nil {
			return value
		}
		out := slices.Clone(value)
		switch {
		case last && null:
			out[i] = nil
		case last:
			out = slices.Delete(out, i, i+1)
		default:
			out[i] = cut(value[i], path[1:], null)
		}
		return out
	default:
		return value
	}
}
