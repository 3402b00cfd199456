package array

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// shape is what the published description of REST 2.21 says of a list's
// items: paths by kind. "[]" goes into the objects of a list. A path with ?
// may be null, and one with ! is null in every row here.
type shape struct {
	text, number, boolean, list string
	// total says that the answer has an aggregate row.
	total bool
}

const (
	spaceNumbers = ownSpaceNumbers + ` space.shared!`
	// wholeSpaceNumbers are of what has all that its volumes share: published
	// answers of real arrays have a number there, and the vendor's own exporter
	// of metrics dies without one.
	wholeSpaceNumbers = ownSpaceNumbers + ` space.shared`
	ownSpaceNumbers   = ` space.data_reduction space.snapshots space.system! space.thin_provisioning space.total_physical
		space.total_provisioned space.total_reduction space.unique space.virtual`
	effectiveNumbers = ` space.snapshots_effective space.total_effective space.unique_effective`
	ioNumbers        = ` bytes_per_mirrored_write bytes_per_op bytes_per_read bytes_per_write mirrored_write_bytes_per_sec mirrored_writes_per_sec
		qos_rate_limit_usec_per_mirrored_write_op qos_rate_limit_usec_per_read_op qos_rate_limit_usec_per_write_op
		queue_usec_per_mirrored_write_op queue_usec_per_read_op queue_usec_per_write_op read_bytes_per_sec reads_per_sec
		san_usec_per_mirrored_write_op san_usec_per_read_op san_usec_per_write_op service_usec_per_mirrored_write_op
		service_usec_per_read_op service_usec_per_read_op_cache_reduction! service_usec_per_write_op time usec_per_mirrored_write_op
		usec_per_read_op usec_per_write_op write_bytes_per_sec writes_per_sec`
)

var shapes = map[string]shape{
	"/admins": {text: `name role.name`, number: `lockout_remaining!`, boolean: `is_local locked!`},
	"/arrays": {
		text:   `id name eradication_config.manual_eradication os version`,
		number: `capacity eradication_config.eradication_delay parity space.replication space.shared_effective` + wholeSpaceNumbers + effectiveNumbers,
	},
	"/controllers": {text: `name mode model status type version`},
	"/ports":       {text: `name iqn? nqn? portal? wwn? failover!`},
	"/network-interfaces": {
		text: `name eth.address? fc.wwn? interface_type`, boolean: `enabled`, list: `services`,
	},
	"/pods": {
		text: `id name arrays[].id arrays[].name arrays[].mediator_status arrays[].status eradication_config.manual_eradication
			mediator mediator_version! promotion_status requested_promotion_state source.id! source.name!`,
		number: `array_count arrays[].frozen_at! arrays[].progress! footprint link_source_count link_target_count space.replication
			time_remaining! quota_limit!` + wholeSpaceNumbers,
		boolean: `arrays[].pre_elected destroyed`,
		list:    `arrays failover_preferences`,
		total:   true,
	},
	"/volumes": {
		text: `id name host_encryption_key_status priority_adjustment.priority_adjustment_operator serial pod.id? pod.name?
			promotion_status requested_promotion_state source.id? source.name? subtype volume_group.id! volume_group.name!`,
		number: `connection_count created priority_adjustment.priority_adjustment_value provisioned time_remaining? priority
			qos.bandwidth_limit! qos.iops_limit!` + spaceNumbers + effectiveNumbers,
		boolean: `destroyed`,
		total:   true,
	},
	"/volumes/performance":       {text: `id name`, number: ioNumbers, total: true},
	"/volumes/protection-groups": {text: `group.name member.id member.name`, boolean: `member.destroyed`},
	"/volume-snapshots": {
		text:    `id name pod.id? pod.name? source.id source.name suffix serial volume_group.id! volume_group.name!`,
		number:  `created provisioned time_remaining? space.snapshots_effective` + spaceNumbers,
		boolean: `destroyed`,
		total:   true,
	},
	"/hosts": {
		text: `name chap.host_password! chap.host_user! chap.target_password! chap.target_user! host_group.name? personality!
			port_connectivity.details port_connectivity.status vlan!`,
		number:  `connection_count` + spaceNumbers,
		boolean: `is_local`,
		list:    `iqns nqns preferred_arrays wwns`,
	},
	"/hosts/performance": {text: `name`, number: ioNumbers, total: true},
	"/host-groups":       {text: `name`, number: `connection_count host_count` + spaceNumbers, boolean: `is_local`},
	"/connections":       {text: `host.name host_group.name? protocol_endpoint.id! protocol_endpoint.name! volume.id volume.name`, number: `lun`},
	"/protection-groups": {
		text: `name pod.id? pod.name?`, number: `time_remaining? volume_count`, boolean: `destroyed is_local`, total: true,
	},
	"/container-default-protections": {text: `default_protections[].name default_protections[].type id name type`, list: `default_protections`},
	"/audits":                        {text: `id name arguments command origin.id origin.name subcommand user user_interface`, number: `time`},
}

// everything is a world in which each list has rows of each kind.
func everything(t *testing.T) *client {
	c := start(t, Options{})
	a := c.array
	must(t, a.CreatePod("lab"))
	c.do("POST", "/volumes"+query("names", "lab::v"), "")
	must(t, a.AddToProtectionGroup("lab::pgroup-auto", "lab::v"))
	c.do("PATCH", "/protection-groups"+query("names", "lab::pgroup-auto"), `{"destroyed":true}`)
	c.volume("gone")
	must(t, a.DestroyVolume("gone"))
	c.volume("top")
	_, err := a.CopyVolume("top", "copy")
	must(t, err)
	for _, v := range []string{"lab::v", "top"} {
		_, err := a.CreateSnapshot(v, "s")
		must(t, err)
	}
	must(t, a.DestroySnapshot("top.s"))
	c.do("POST", "/hosts"+query("names", "full"), `{"iqns":["`+iqn1+`"],"wwns":["2100F4C7AA002706"]}`)
	must(t, a.CreateHost("nv", nil, []string{nqn1}, nil))
	must(t, a.CreateHost("member", nil, nil, nil))
	must(t, a.CreateHostGroup("g", "member"))
	must(t, a.Connect("full", "top", 0))
	must(t, a.Connect("g", "lab::v", 0))
	must(t, a.SetIO("top", 1, 1))
	return c
}

func TestShapes(t *testing.T) {
	c := everything(t)
	listed := slices.Sorted(maps.Keys(c.array.endpoints))
	same(t, "lists with a shape", listed, slices.Sorted(maps.Keys(shapes)))
	for path, s := range shapes {
		t.Run(path, func(t *testing.T) {
			r := c.send("GET", path, "", nil)
			if r.status != 200 {
				t.Fatalf("%d %s", r.status, r.body)
			}
			var whole row
			must(t, json.Unmarshal(r.body, &whole))
			want := []string{"continuation_token", "items", "more_items_remaining", "total_item_count"}
			if s.total {
				want = append(want, "total")
			}
			slices.Sort(want)
			same(t, "members of the answer", want, slices.Sorted(maps.Keys(whole)))
			same(t, "type", "application/json", r.header.Get("Content-Type"))
			items := whole["items"].([]any)
			if len(items) == 0 {
				t.Fatal("no items")
			}
			compareShape(t, s, items)
		})
	}
}

func compareShape(t *testing.T, s shape, items []any) {
	t.Helper()
	got := map[string]map[string]bool{}
	for _, i := range items {
		kinds(got, "", i)
	}
	for kind, paths := range map[string]string{"text": s.text, "number": s.number, "boolean": s.boolean, "list": s.list} {
		for _, p := range strings.Fields(paths) {
			path := strings.TrimRight(p, "?!")
			want := map[string]bool{kind: true}
			switch {
			case strings.HasSuffix(p, "!"):
				want = map[string]bool{"null": true}
			case strings.HasSuffix(p, "?"):
				want["null"] = true
			}
			if !maps.Equal(got[path], want) {
				t.Errorf("%s is %v, want %v", path, slices.Sorted(maps.Keys(got[path])), slices.Sorted(maps.Keys(want)))
			}
			delete(got, path)
		}
	}
	for path, seen := range got {
		if !seen["object"] && !strings.HasSuffix(path, "[]") {
			t.Errorf("%s is not in the description: %v", path, slices.Sorted(maps.Keys(seen)))
		}
	}
}

// kinds notes the JSON kind of every path below v.
func kinds(got map[string]map[string]bool, path string, v any) {
	kind := map[string]string{"<nil>": "null", "string": "text", "float64": "number", "bool": "boolean", "[]interface {}": "list", "map[string]interface {}": "object"}[fmt.Sprintf("%T", v)]
	if path != "" {
		if got[path] == nil {
			got[path] = map[string]bool{}
		}
		got[path][kind] = true
	}
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			kinds(got, strings.TrimPrefix(path+"."+name, "."), inner)
		}
	case []any:
		for _, inner := range v {
			if _, ok := inner.(map[string]any); ok {
				kinds(got, path+"[]", inner)
			}
		}
	}
}

// Newer versions add members and break none.
func TestNewestShape(t *testing.T) {
	c := everything(t)
	c.version = "2.36"
	for path := range shapes {
		items := c.get(path)
		if len(items) == 0 {
			t.Errorf("%s: no items in 2.36", path)
		}
	}
	for path, fields := range map[string]string{"/hosts": "destroyed time_remaining", "/host-groups": "destroyed", "/connections": "nsid", "/controllers": "mode_since", "/protection-groups": "id", "/volumes": "protocol_endpoint"} {
		for _, f := range strings.Fields(fields) {
			if _, ok := c.get(path)[0][f]; !ok {
				t.Errorf("%s has no %s in 2.36", path, f)
			}
		}
	}
}

// Odd names come out as they went in, and the rows stay JSON.
func TestOddText(t *testing.T) {
	for _, s := range []string{"plain", `quote " and \`, "control \x01\n", "ümlaut ☃", "<&>", "\xff"} {
		var got string
		if err := json.Unmarshal(appendString(nil, s), &got); err != nil {
			t.Errorf("%q: %v", s, err)
			continue
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); got != want {
			t.Errorf("%q comes out as %q", s, got)
		}
	}
}
