package array

import (
	"strings"
	"testing"
	"time"
)

// What LXD asks to find the portals: three filter parameters, a boolean in
// quotes, a bare field, equality with a list; then ports, by a name in
// another case.
func TestPortalsAsLXDFindsThem(t *testing.T) {
	c := start(t, Options{})
	for service, kind := range map[string]string{"iscsi": "iqn", "nvme-tcp": "nqn"} {
		interfaces := c.get("/network-interfaces" + query("filter", "enabled='true'", "filter", "eth.address", "filter", "services='"+service+"'"))
		same(t, service+" interfaces", 2, len(interfaces))
		for _, i := range interfaces {
			port := c.one("/ports" + query("filter", "name='"+i["name"].(string)+"'"))
			if q, _ := port[kind].(string); !strings.HasPrefix(q, kind+".2010-06.com.purestorage:flasharray.") {
				t.Errorf("%s of %s: %v", kind, port["name"], port[kind])
			}
			if p, _ := port["portal"].(string); !strings.HasPrefix(p, at(i, "eth.address").(string)+":") {
				t.Errorf("portal %s is not at %v", p, at(i, "eth.address"))
			}
			if port["name"] == i["name"] {
				t.Errorf("port and interface spell %s alike", i["name"])
			}
		}
	}
	same(t, "all", 9, len(c.get("/network-interfaces")))
	fc := c.get("/network-interfaces" + query("filter", "interface_type='fc'"))
	same(t, "Fibre Channel", 2, len(fc))
	equal(t, fc[0], "eth.address", nil)
	equal(t, fc[0], "services", []any{"scsi-fc"})
}

func TestTargetAgreesWithPorts(t *testing.T) {
	c := start(t, Options{})
	iqn, iscsi := c.array.ISCSI()
	nqn, nvme := c.array.NVMe()
	var gotISCSI, gotNVMe []string
	for _, p := range c.get("/ports") {
		if p["iqn"] == iqn {
			gotISCSI = append(gotISCSI, p["portal"].(string))
		}
		if p["nqn"] == nqn {
			gotNVMe = append(gotNVMe, p["portal"].(string))
		}
	}
	same(t, "iSCSI portals", iscsi, gotISCSI)
	same(t, "NVMe portals", nvme, gotNVMe)
	same(t, "two of each", []int{2, 2}, []int{len(iscsi), len(nvme)})
	_, others := New(Options{Seed: 7}).ISCSI()
	if others[0] == iscsi[0] {
		t.Error("two arrays share an address")
	}
}

func TestArrays(t *testing.T) {
	c := start(t, Options{Name: "fa1", ID: "d5bc29f1-0a63-4f27-9c1e-7a60b3f1c2e8"})
	a := c.one("/arrays")
	equal(t, a, "name", "fa1")
	equal(t, a, "id", "d5bc29f1-0a63-4f27-9c1e-7a60b3f1c2e8")
	equal(t, a, "version", purity)
	equal(t, a, "os", "Purity//FA")
	equal(t, a, "eradication_config.eradication_delay", 24*3600*1000)
	equal(t, a, "eradication_config.manual_eradication", "all-enabled")
	c.array.SetEradicationDelay(72 * time.Hour)
	equal(t, c.one("/arrays"), "eradication_config.eradication_delay", 72*3600*1000)
	controllers := c.get("/controllers")
	same(t, "controllers", []string{"CT0", "CT1"}, names(controllers))
	equal(t, controllers[0], "mode", "primary")
	equal(t, controllers[0], "version", purity)
}

func TestPerformance(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreateHost("h", []string{iqn1}, nil, nil))
	must(t, c.array.CreateHost("idle", []string{iqn2}, nil, nil))
	c.volume("busy")
	c.volume("quiet")
	must(t, c.array.Connect("h", "busy", 0))
	must(t, c.array.SetIO("busy", 27, 3))

	rows := c.get("/volumes/performance")
	same(t, "rows", []string{"busy", "quiet"}, names(rows))
	equal(t, rows[0], "reads_per_sec", 27)
	equal(t, rows[0], "write_bytes_per_sec", 3*bytesPerWrite)
	equal(t, rows[0], "time", int(c.clock.Now().UnixMilli()))
	equal(t, rows[1], "reads_per_sec", 0)
	equal(t, rows[1], "usec_per_read_op", 0)
	equal(t, c.one("/volumes/performance"+query("ids", rows[1]["id"].(string))), "name", "quiet")
	must(t, c.array.DestroyVolume("quiet"))
	same(t, "live", 1, len(c.get("/volumes/performance?destroyed=false")))

	equal(t, c.get("/hosts/performance")[0], "reads_per_sec", 27)
	equal(t, c.get("/hosts/performance")[1], "reads_per_sec", 0)
	c.array.SetPerformanceEmpty(true)
	e := c.page("/volumes/performance?total_item_count=true")
	if len(e.Items) != 0 || *e.Count != 0 {
		t.Errorf("empty performance: %+v", e)
	}
}
