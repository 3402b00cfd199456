package pure

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pureclean/pureclean/evidence"
)

// everything makes two testimonies comparable, reasons included.
var everything = cmp.Options{
	cmp.AllowUnexported(
		evidence.List[evidence.Pod]{}, evidence.List[evidence.Volume]{}, evidence.List[evidence.Snapshot]{},
		evidence.List[evidence.ArrayHost]{}, evidence.List[evidence.HostGroup]{}, evidence.List[evidence.Connection]{},
		evidence.List[evidence.Protection]{}, evidence.List[evidence.Activity]{},
		evidence.List[evidence.Port]{}, evidence.List[evidence.Other]{},
	),
	cmpopts.EquateEmpty(),
}

const newest = `{"version":["2.21","2.36"]}`

func TestGoodRows(t *testing.T) {
	s := newStub(t).fill()
	s.versions = newest
	r := s.open()
	got := r.Observe(t.Context(), []string{"lxd"})
	volume := "lxd::u-df2ba6a8d9a047beab5d2d0586abac61"
	want := evidence.Array{
		Source: evidence.Source{
			Name: "fa-lab", Requests: 11,
			Began: time.Date(2026, 11, 22, 11, 0, 1, 0, time.UTC), Ended: time.Date(2026, 11, 22, 11, 0, 1, 0, time.UTC),
		},
		Gateway: s.URL, ID: "d5bc1111-2222-3333-4444-555566667777", Version: "6.4.10", API: "2.36", Newest: "2.36",
		TLS:              got.TLS, // see TestAbout
		Clock:            time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC),
		EradicationDelay: 24 * time.Hour, ManualEradication: "all-enabled",
		Asked: []string{"lxd"},
		Pods: evidence.Complete([]evidence.Pod{{
			ID: "pod-id-1", Name: "lxd", Destroyed: evidence.No, Promotion: "promoted",
			Arrays: []evidence.PodArray{{ID: "d5bc1111-2222-3333-4444-555566667777", Name: "fa-lab", Status: "online"}},
			Quota:  evidence.CountOf(1 << 40), Provisioned: evidence.CountOf(5000), Used: evidence.CountOf(600), Counted: evidence.CountOf(4000), Links: evidence.CountOf(3),
		}}),
		Volumes: evidence.Complete([]evidence.Volume{{
			ID: "vol-id-1", Name: volume, Pod: "lxd", PodID: "pod-id-1", Serial: "D5BC11112222333300000001",
			Created: time.UnixMilli(1795000000123).UTC(), Provisioned: 67108864, Unique: evidence.CountOf(1100), Written: evidence.CountOf(3),
			Destroyed: evidence.No, ConnectionCount: evidence.CountOf(1), Subtype: "regular", Promotion: "promoted",
		}}),
		Snapshots: evidence.Complete([]evidence.Snapshot{{
			ID: "snap-id-1", Name: volume + ".su-e8ab2d4244064a60871cb386e4170965", Pod: "lxd",
			Suffix: "su-e8ab2d4244064a60871cb386e4170965", SourceID: "vol-id-1", SourceName: volume,
			Serial: "D5BC11112222333300001017", Created: time.UnixMilli(1795000000456).UTC(),
			Destroyed: evidence.Yes, Remaining: time.Hour, Bytes: evidence.CountOf(4096), Provisioned: 67108864,
		}}),
		Hosts: evidence.Complete([]evidence.ArrayHost{{
			Name: "lxd01-iscsi", Local: evidence.Yes, IQNs: []string{"iqn.1993-08.org.debian:01:abc"},
			WWNs: []string{"2100f4c7aa002706"}, ConnectionCount: evidence.CountOf(1), Connectivity: "critical Single Controller",
			CHAP: evidence.No, Personality: evidence.No, Preferred: evidence.No, VLAN: evidence.No, Destroyed: evidence.No,
		}}),
		HostGroups:  evidence.Complete([]evidence.HostGroup{{Name: "esx", Hosts: evidence.CountOf(4)}}),
		Connections: evidence.Complete([]evidence.Connection{{VolumeID: "vol-id-1", VolumeName: volume, Host: "lxd01-iscsi", LUN: 9}}),
		Protections: evidence.Complete([]evidence.Protection{{Group: "lxd::pgroup-auto", VolumeID: "vol-id-1", VolumeName: volume}}),
		Activity: evidence.Complete([]evidence.Activity{{
			VolumeID: "vol-id-1", VolumeName: volume, Busy: evidence.No, Time: time.UnixMilli(1795345000000).UTC(),
		}}),
	}
	if diff := cmp.Diff(want, got, everything); diff != "" {
		t.Error(diff)
	}
}

// field is a declared column with its path, such as "pod.name".
type field struct {
	path []string
	need need
}

func fields[R any](columns []column[R]) []field {
	var all []field
	for _, c := range columns {
		all = append(all, field{[]string{c.name}, c.need})
		for _, inner := range fields(c.inside) {
			all = append(all, field{append([]string{c.name}, inner.path...), inner.need})
		}
	}
	return all
}

// declared are all tables. A table that is missing here is noticed below.
func declared() map[string][]field {
	return map[string][]field{
		"arrays": fields(arrays.columns), "pods": fields(pods.columns), "volumes": fields(volumes.columns),
		"volume-snapshots": fields(snapshots.columns), "hosts": fields(hosts.columns),
		"host-groups": fields(hostGroups.columns), "connections": fields(connections.columns),
		"volumes/protection-groups": fields(protections.columns), "volumes/performance": fields(activity.columns),
	}
}

// complete tells whether the list that comes from a path is complete; the
// array itself is when there is no trouble.
func complete(a evidence.Array, path string) (bool, string) {
	switch path {
	case "arrays":
		return a.Trouble == "", a.Trouble
	case "pods":
		return a.Pods.IsComplete(), a.Pods.Why()
	case "volumes":
		return a.Volumes.IsComplete(), a.Volumes.Why()
	case "volume-snapshots":
		return a.Snapshots.IsComplete(), a.Snapshots.Why()
	case "hosts":
		return a.Hosts.IsComplete(), a.Hosts.Why()
	case "host-groups":
		return a.HostGroups.IsComplete(), a.HostGroups.Why()
	case "connections":
		return a.Connections.IsComplete(), a.Connections.Why()
	case "volumes/protection-groups":
		return a.Protections.IsComplete(), a.Protections.Why()
	default:
		return a.Activity.IsComplete(), a.Activity.Why()
	}
}

func TestEveryPathIsDeclared(t *testing.T) {
	s := newStub(t).fill()
	s.open().Observe(t.Context(), []string{"lxd"})
	got := slices.Sorted(maps.Keys(declared()))
	if want := slices.Sorted(maps.Keys(s.rows)); !cmp.Equal(got, want) {
		t.Errorf("declared %v, rows %v", got, want)
	}
	for path := range s.rows {
		if len(s.requests(path)) != 1 {
			t.Errorf("%s was asked for %d times", path, len(s.requests(path)))
		}
	}
}

// edited is a good row with one field changed. A nil change takes it away.
func edited(t *testing.T, path string, at []string, change func(any) any) object {
	t.Helper()
	row := goodRows()[path]
	in := row
	for _, name := range at[:len(at)-1] {
		inner, ok := in[name].(object)
		if !ok {
			t.Fatalf("%s: the good row has no object %s", path, name)
		}
		inner = maps.Clone(inner)
		in[name], in = inner, inner
	}
	last := at[len(at)-1]
	if change == nil {
		delete(in, last)
	} else {
		in[last] = change(in[last])
	}
	return row
}

// Taking away any one field that is needed makes its list incomplete, with
// the row and the field in the reason; the row is kept. Taking away one that
// is not changes nothing about completeness. No other list is touched.
func TestMissingFields(t *testing.T) {
	// needed are fields that this row needs because of another one: the
	// snapshot is destroyed, and the connection goes through no group.
	needed := map[string]bool{"volume-snapshots/time_remaining": true, "connections/host": true, "connections/host.name": true}
	s := newStub(t).fill()
	s.versions = newest
	r := s.open()
	for path, all := range declared() {
		for _, f := range all {
			name := strings.Join(f.path, ".")
			for _, change := range []struct {
				name string
				row  object
				bad  bool
			}{
				{"missing", edited(t, path, f.path, nil), f.need != optional || needed[path+"/"+name]},
				{"null", edited(t, path, f.path, func(any) any { return nil }), f.need == required || needed[path+"/"+name]},
				{"of another type", edited(t, path, f.path, wrongType), true},
			} {
				t.Run(path+"/"+name+"/"+change.name, func(t *testing.T) {
					s.rows[path] = []string{encode(change.row)}
					defer func() { s.rows[path] = []string{encode(goodRows()[path])} }()
					a := r.Observe(t.Context(), []string{"lxd"})
					ok, why := complete(a, path)
					if ok == change.bad {
						t.Fatalf("complete: %v; %s", ok, why)
					}
					if change.bad && !strings.Contains(why, name) && !needed[path+"/"+name] {
						t.Errorf("%q does not name %s", why, name)
					}
					if label := rowLabel(change.row); change.bad && label != "" && !strings.Contains(why, label) {
						t.Errorf("%q does not name %s", why, label)
					}
					for other := range declared() {
						if ok, why := complete(a, other); other != path && !ok {
							t.Errorf("%s is incomplete: %s", other, why)
						}
					}
					if kept := len(a.Pods.Items) + len(a.Volumes.Items) + len(a.Snapshots.Items) + len(a.Hosts.Items) +
						len(a.HostGroups.Items) + len(a.Connections.Items) + len(a.Protections.Items); kept != 7 {
						t.Errorf("%d rows kept of 7", kept)
					}
				})
			}
		}
	}
}

func wrongType(v any) any {
	switch v.(type) {
	case string:
		return 7
	case nil:
		return []any{}
	default:
		return "text"
	}
}

func rowLabel(row object) string {
	for _, in := range []any{row, row["volume"], row["member"]} {
		if o, ok := in.(object); ok {
			if name, ok := o["name"].(string); ok {
				return name
			}
		}
	}
	return ""
}

// What a row does not say is never the good answer.
func TestWhatIsMissingIsUnknown(t *testing.T) {
	s := newStub(t).fill()
	s.versions = newest
	s.rows["volumes"] = []string{`{"name":"lxd::u-1","pod":{"name":"lxd"}}`}
	s.rows["hosts"] = []string{`{"name":"h"}`}
	s.rows["host-groups"] = []string{`{"name":"g"}`}
	s.rows["volumes/performance"] = []string{`{"name":"lxd::u-1","id":"1"}`}
	a := s.open().Observe(t.Context(), []string{"lxd"})
	want := []evidence.Volume{{Name: "lxd::u-1", Pod: "lxd"}}
	if diff := cmp.Diff(want, a.Volumes.Items); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]evidence.ArrayHost{{Name: "h"}}, a.Hosts.Items); diff != "" {
		t.Error(diff)
	}
	if a.HostGroups.Items[0].Hosts.Known || a.Activity.Items[0].Busy != evidence.Unknown {
		t.Errorf("group %+v, activity %+v", a.HostGroups.Items, a.Activity.Items)
	}
	for _, missing := range []string{"id", "serial", "created", "destroyed", "connection_count", "provisioned", "subtype", "pod.id"} {
		if !strings.Contains(a.Volumes.Why(), "has no "+missing) {
			t.Errorf("%q does not tell that %s is missing", a.Volumes.Why(), missing)
		}
	}
}

// Values that have the right type and can't be right.
func TestStrangeValues(t *testing.T) {
	for _, c := range []struct {
		path, field string
		value       any
		why         string
	}{
		{"volumes", "created", 1795000000, "no time of our age"},          // seconds
		{"volumes", "created", 1795000000000000, "no time of our age"},    // microseconds
		{"volumes", "created", 0, "no time of our age"},                   //
		{"volumes", "created", -1, "negative"},                            //
		{"volumes", "created", 1.5, "not a whole number"},                 //
		{"volumes", "provisioned", 1e30, "not a whole number"},            //
		{"volumes", "provisioned", -512, "negative"},                      //
		{"volumes", "connection_count", -1, "negative"},                   //
		{"volumes", "time_remaining", 1795000000123, "too long"},          // a time, not a span
		{"volumes", "serial", "D5BC", "is not one"},                       //
		{"volumes", "serial", "D5BC1111222233330000000G", "is not one"},   //
		{"volumes", "id", "", "empty id"},                                 //
		{"volumes", "name", "", "empty name"},                             //
		{"volumes", "destroyed", true, "no time_remaining"},               //
		{"volumes", "destroyed", "true", "not true or false"},             //
		{"volumes", "name", "other::u-1", `says that it is in pod "lxd"`}, // the two must agree
		{"volumes", "name", "u-1", `says that it is in pod "lxd"`},        //
		{"volume-snapshots", "name", "x::u.1", `says that it is in pod`},  //
		{"volume-snapshots", "time_remaining", nil, "no time_remaining"},  // it is destroyed
		{"pods", "destroyed", true, "no time_remaining"},                  //
		{"pods", "arrays", []any{}, "is empty"},                           //
		{"pods", "arrays", []any{"fa"}, "not an object"},                  //
		{"pods", "arrays", []any{object{"name": "fa", "id": "1"}}, "no arrays.status"},
		{"hosts", "iqns", []any{7}, "not text"},
		{"hosts", "wwns", object{}, "not a list"},
		{"connections", "host", object{"name": nil}, "no host and no host group"},
		{"connections", "host", object{}, "no host and no host group"},
		{"connections", "lun", "9", "not a whole number"},
		{"volumes/performance", "reads_per_sec", "0", "not a number"},
	} {
		t.Run(fmt.Sprintf("%s/%s/%v", c.path, c.field, c.value), func(t *testing.T) {
			s := newStub(t).fill()
			row := goodRows()[c.path]
			row[c.field] = c.value
			s.rows[c.path] = []string{encode(row)}
			ok, why := complete(s.open().Observe(t.Context(), []string{"lxd"}), c.path)
			if ok || !strings.Contains(why, c.why) {
				t.Errorf("%v: %q, want %q", ok, why, c.why)
			}
		})
	}
}

// Rows that no decoder may swallow.
func TestStrangeRows(t *testing.T) {
	good := encode(goodRows()["volumes"])
	for _, c := range []struct {
		row, why string
		kept     int
	}{
		{`null`, "row 2 is not an object", 1},
		{`"text"`, "row 2 is not an object", 1},
		{`[]`, "row 2 is not an object", 1},
		{`{}`, "row 2 has no id", 2},
		{strings.Replace(encode(volumeRow("lxd", "u-2", 2)), `"id":`, `"id":"x","id":`, 1), "twice", 2},
		{strings.Replace(encode(volumeRow("lxd", "u-2", 2)), "u-2", "u-\xff2", 1), "not UTF-8", 2},
		{strings.Replace(encode(volumeRow("lxd", "u-2", 2)), `"serial"`, `"Serial"`, 1), "has no serial", 2},
	} {
		s := newStub(t).fill()
		s.before = rawPage("volumes", `{"more_items_remaining":false,"total_item_count":2,"items":[`+good+`,`+c.row+`]}`)
		a := s.open().Observe(t.Context(), []string{"lxd"})
		if a.Volumes.IsComplete() || !strings.Contains(a.Volumes.Why(), c.why) || len(a.Volumes.Items) != c.kept {
			t.Errorf("%s: %d kept, %s", c.row, len(a.Volumes.Items), a.Volumes.Why())
		}
	}
	// Names with escapes and control characters are kept as they are.
	s := newStub(t).fill()
	row := volumeRow("lxd", "u\x1b[31m\n\"\u00e9", 1)
	s.rows["volumes"] = []string{encode(row)}
	a := s.open().Observe(t.Context(), []string{"lxd"})
	if !a.Volumes.IsComplete() || a.Volumes.Items[0].Name != row["name"] {
		t.Errorf("%+v, %s", a.Volumes.Items, a.Volumes.Why())
	}
}

// Many doubtful rows are counted, not all told.
func TestReasonsAreShort(t *testing.T) {
	s := newStub(t).fill()
	s.pageSize = 7
	s.rows["volumes"] = nil
	for i := range 100 {
		row := volumeRow("lxd", fmt.Sprintf("u-%d", i), i)
		delete(row, "serial")
		s.rows["volumes"] = append(s.rows["volumes"], encode(row))
	}
	a := s.open().Observe(t.Context(), []string{"lxd"})
	if why := a.Volumes.Why(); len(why) > 300 || !strings.Contains(why, "and 97 more rows") || len(a.Volumes.Items) != 100 {
		t.Errorf("%d rows, %s", len(a.Volumes.Items), why)
	}
}

func TestConnectionShapes(t *testing.T) {
	volume := object{"name": "lxd::u-1", "id": "1"}
	for _, c := range []struct {
		name string
		row  object
		want evidence.Connection
		ok   bool
	}{
		{"private", object{"host": object{"name": "h"}, "host_group": object{"name": nil}, "lun": 1}, evidence.Connection{Host: "h", LUN: 1}, true},
		{"through a group", object{"host": object{"name": "h"}, "host_group": object{"name": "g"}, "lun": 254}, evidence.Connection{Host: "h", Group: "g", LUN: 254}, true},
		{"a group without hosts", object{"host": object{"name": nil}, "host_group": object{"name": "g"}, "lun": 254}, evidence.Connection{Group: "g", LUN: 254}, true},
		{"host is null", object{"host": nil, "host_group": object{"name": "g"}}, evidence.Connection{Group: "g"}, true},
		{"host is empty", object{"host": object{}, "host_group": object{"name": "g"}}, evidence.Connection{Group: "g"}, true},
		{"no host", object{"host_group": object{"name": "g"}}, evidence.Connection{Group: "g"}, false},
		{"no group", object{"host": object{"name": "h"}}, evidence.Connection{Host: "h"}, false},
		{"group is empty", object{"host": object{"name": "h"}, "host_group": object{}}, evidence.Connection{Host: "h"}, true},
		{"group is null", object{"host": object{"name": "h"}, "host_group": nil}, evidence.Connection{Host: "h"}, true},
		{"nobody", object{"host": object{"name": nil}, "host_group": object{"name": nil}}, evidence.Connection{}, false},
		{"a peer's host", object{"host": object{"name": "fa-2:h"}, "host_group": nil}, evidence.Connection{Host: "fa-2:h"}, true},
		{"over NVMe", object{"host": object{"name": "h"}, "host_group": nil, "lun": nil, "nsid": 9753}, evidence.Connection{Host: "h", NSID: 9753}, true},
		{"a vVol", object{"host": object{"name": "h"}, "host_group": nil, "lun": 1<<32 + 7}, evidence.Connection{Host: "h", LUN: 1<<32 + 7}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStub(t).fill()
			s.versions = newest
			c.row["volume"] = volume
			s.rows["connections"] = []string{encode(c.row)}
			a := s.open().Observe(t.Context(), []string{"lxd"})
			c.want.VolumeID, c.want.VolumeName = "1", "lxd::u-1"
			if diff := cmp.Diff([]evidence.Connection{c.want}, a.Connections.Items); diff != "" || a.Connections.IsComplete() != c.ok {
				t.Errorf("%s%s", a.Connections.Why(), diff)
			}
		})
	}
}

func TestDestroyedHosts(t *testing.T) {
	row := goodRows()["hosts"]
	delete(row, "destroyed")
	without := encode(row)
	row["destroyed"] = true
	with := encode(row)
	for _, c := range []struct {
		name, versions, row string
		want                evidence.Answer
		complete            bool
	}{
		{"an array that has none", `["2.21","2.35"]`, without, evidence.No, true},
		{"destroyed", `["2.21","2.36"]`, with, evidence.Yes, true},
		{"not said", `["2.21","2.36"]`, without, evidence.Unknown, false},
		{"an array whose version we don't speak", `["2.21","2.40"]`, without, evidence.Unknown, true},
	} {
		s := newStub(t).fill()
		s.versions = `{"version":` + c.versions + `}`
		s.rows["hosts"] = []string{c.row}
		a := s.open().Observe(t.Context(), []string{"lxd"})
		if a.Hosts.Items[0].Destroyed != c.want || a.Hosts.IsComplete() != c.complete {
			t.Errorf("%s: %s, %s", c.name, a.Hosts.Items[0].Destroyed, a.Hosts.Why())
		}
	}
}

// What somebody has set on an array host: yes, no, or not told.
func TestSettingsOfHosts(t *testing.T) {
	type settings struct{ chap, personality, preferred, vlan evidence.Answer }
	no, yes, unknown := evidence.No, evidence.Yes, evidence.Unknown
	for _, c := range []struct {
		name   string
		change func(object)
		want   settings
	}{
		{"nothing set", func(object) {}, settings{no, no, no, no}},
		{"nulls", func(r object) { r["chap"], r["preferred_arrays"] = nil, nil }, settings{no, no, no, no}},
		{"an empty object", func(r object) { r["chap"] = object{} }, settings{no, no, no, no}},
		{"CHAP", func(r object) { r["chap"] = object{"host_user": "oracle", "host_password": "****"} }, settings{yes, no, no, no}},
		{"the target's", func(r object) { r["chap"] = object{"target_user": "fa"} }, settings{yes, no, no, no}},
		{"a personality", func(r object) { r["personality"] = "esxi" }, settings{no, yes, no, no}},
		{"preferred arrays", func(r object) { r["preferred_arrays"] = []any{object{"name": "fa1"}} }, settings{no, no, yes, no}},
		{"not told", func(r object) {
			delete(r, "chap")
			delete(r, "personality")
			delete(r, "preferred_arrays")
			delete(r, "vlan")
		}, settings{unknown, unknown, unknown, unknown}},
		{"any VLAN", func(r object) { r["vlan"] = "any" }, settings{no, no, no, no}},
		{"a VLAN", func(r object) { r["vlan"] = "100" }, settings{no, no, no, yes}},
	} {
		row := goodRows()["hosts"]
		c.change(row)
		s := newStub(t).fill()
		s.versions = newest
		s.rows["hosts"] = []string{encode(row)}
		a := s.open().Observe(t.Context(), []string{"lxd"})
		h := a.Hosts.Items[0]
		if got := (settings{h.CHAP, h.Personality, h.Preferred, h.VLAN}); got != c.want || !a.Hosts.IsComplete() {
			t.Errorf("%s: %v, want %v (%s)", c.name, got, c.want, a.Hosts.Why())
		}
	}
}

func TestActivity(t *testing.T) {
	core := []string{"reads_per_sec", "writes_per_sec", "read_bytes_per_sec", "write_bytes_per_sec"}
	mirrored := []string{"mirrored_writes_per_sec", "mirrored_write_bytes_per_sec"}
	check := func(name string, rows []object, want evidence.Answer) {
		t.Helper()
		s := newStub(t).fill()
		s.rows["volumes/performance"] = []string{}
		for _, row := range rows {
			s.rows["volumes/performance"] = append(s.rows["volumes/performance"], encode(row))
		}
		a := s.open().Observe(t.Context(), []string{"lxd"})
		if len(a.Activity.Items) != 1 || a.Activity.Items[0].Busy != want || !a.Activity.IsComplete() {
			t.Errorf("%s: %+v, %s", name, a.Activity.Items, a.Activity.Why())
		}
	}
	with := func(field string, value any) object {
		row := goodRows()["volumes/performance"]
		row[field] = value
		return row
	}
	check("idle", []object{goodRows()["volumes/performance"]}, evidence.No)
	for _, field := range append(slices.Clone(core), mirrored...) {
		check(field, []object{with(field, 1)}, evidence.Yes)
		check(field+" half", []object{with(field, 0.5)}, evidence.Yes)
	}
	for _, field := range core {
		check(field+" null", []object{with(field, nil)}, evidence.Unknown)
	}
	check("mirrored null", []object{with(mirrored[0], nil)}, evidence.No)
	busy, quiet, dunno := with("reads_per_sec", 9), goodRows()["volumes/performance"], with("reads_per_sec", nil)
	check("busy then quiet", []object{busy, quiet}, evidence.Yes)
	check("quiet then busy", []object{quiet, busy}, evidence.Yes)
	check("quiet then unknown", []object{quiet, dunno}, evidence.Unknown)
	check("busy then unknown", []object{busy, dunno}, evidence.Yes)
}

// A protection group's snapshot is named after the group, whatever its suffix
// looks like.
func TestSuffixOfAGroupSnapshot(t *testing.T) {
	s := newStub(t).fill()
	row := goodRows()["volume-snapshots"]
	row["name"], row["suffix"] = "lxd::pg.4.u-df2ba6a8d9a047beab5d2d0586abac61", "su-e8ab2d4244064a60871cb386e4170965"
	s.rows["volume-snapshots"] = []string{encode(row)}
	a := s.open().Observe(t.Context(), []string{"lxd"})
	if !a.Snapshots.IsComplete() || a.Snapshots.Items[0].Suffix != "" {
		t.Errorf("%+v, %s", a.Snapshots.Items, a.Snapshots.Why())
	}
}

func TestEradicationDelay(t *testing.T) {
	for _, c := range []struct {
		config any
		want   time.Duration
		manual string
	}{
		{object{"eradication_delay": 172800000, "manual_eradication": "all-disabled"}, 48 * time.Hour, "all-disabled"},
		{object{"enabled_delay": 172800000, "disabled_delay": 86400000}, 48 * time.Hour, ""},
		{object{"eradication_delay": nil}, 0, ""},
		{nil, 0, ""},
	} {
		s := newStub(t).fill()
		row := goodRows()["arrays"]
		row["eradication_config"] = c.config
		s.rows["arrays"] = []string{encode(row)}
		a := s.open().Observe(t.Context(), []string{"lxd"})
		if a.EradicationDelay != c.want || a.ManualEradication != c.manual || a.Trouble != "" {
			t.Errorf("%v: %s, %q, %q", c.config, a.EradicationDelay, a.ManualEradication, a.Trouble)
		}
	}
}
