package array

import (
	"strings"
	"testing"
)

const (
	iqn1 = "iqn.2026-01.com.example:one"
	iqn2 = "iqn.2026-01.com.example:two"
	nqn1 = "nqn.2014-08.org.nvmexpress:uuid:0f3a8a6c-0000-4b0e-9d5c-1d2f3a4b5c6d"
)

func TestHosts(t *testing.T) {
	c := start(t, Options{})
	h := c.do("POST", "/hosts"+query("names", "Node1-iscsi"), `{"iqns":["`+iqn1+`"]}`)[0]
	equal(t, h, "name", "Node1-iscsi")
	equal(t, h, "iqns", []any{iqn1})
	equal(t, h, "nqns", []any{})
	equal(t, h, "is_local", true)
	equal(t, h, "host_group.name", nil)
	equal(t, h, "port_connectivity.status", "healthy")
	c.refused("POST", "/hosts"+query("names", "node1-ISCSI"), `{"iqns":["`+iqn2+`"]}`, "node1-ISCSI: Host already exists.")
	c.refused("POST", "/hosts"+query("names", "x"), `{"iqns":["`+strings.ToUpper(iqn1)+`"]}`, strings.ToUpper(iqn1)+": The specified IQN is already in use.")
	c.do("POST", "/hosts"+query("names", "nv"), `{"nqns":["`+nqn1+`"]}`)
	c.do("POST", "/hosts"+query("names", "fc"), `{"wwns":["2100F4C7AA002706"]}`)
	c.refused("POST", "/hosts"+query("names", "y"), `{"nqns":["`+nqn1+`"]}`, nqn1+": The specified NQN is already in use.")
	c.refused("POST", "/hosts"+query("names", "y"), `{"wwns":["2100f4c7aa002706"]}`, "2100f4c7aa002706: The specified WWN is already in use.")
	fc := c.one("/hosts" + query("names", "fc"))
	equal(t, fc, "wwns", []any{"2100F4C7AA002706"})
	equal(t, c.one("/hosts"+query("names", "nv")), "port_connectivity.details", "None")
	must(t, c.array.SetConnectivity("nv", "healthy", "Redundant"))
	equal(t, c.one("/hosts"+query("names", "nv")), "port_connectivity.status", "healthy")
	same(t, "filter", []string{"Node1-iscsi"}, names(c.get("/hosts"+query("filter", "iqns='"+iqn1+"'"))))
}

func TestPatchHost(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreateHost("h", []string{iqn1}, nil, nil))
	must(t, c.array.CreateHost("other", []string{iqn2}, nil, nil))
	at := "/hosts" + query("names", "h")
	iqns := func() []any { return c.one(at)["iqns"].([]any) }
	c.refused("PATCH", at, `{"iqns":["`+iqn2+`"]}`, iqn2+": The specified IQN is already in use.")
	c.refused("PATCH", at, `{}`, "null: No attribute specified.")
	c.refused("PATCH", "/hosts"+query("names", "nope"), `{"iqns":[]}`, "nope: Host does not exist.")
	// LXD replaces them when a host of its name exists with others.
	c.do("PATCH", at, `{"iqns":["iqn.new"]}`)
	same(t, "replaced", []any{"iqn.new"}, iqns())
	c.do("POST", "/hosts"+query("names", "free"), `{"iqns":["`+iqn1+`"]}`)
}

func TestDeleteHost(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreateHost("h", []string{iqn1}, nil, nil))
	c.volume("v")
	at := "/hosts" + query("names", "h")
	must(t, c.array.Connect("h", "v", 0))
	c.refused("DELETE", at, "", "h: Host cannot be deleted due to existing connections.")
	must(t, c.array.Disconnect("h", "v"))
	c.do("DELETE", at, "")
	c.refused("DELETE", at, "", "h: Host does not exist.")
	must(t, c.array.CreateHost("again", []string{iqn1}, nil, nil)) // its initiators are free

	must(t, c.array.CreateHost("fa2:far", []string{iqn2}, nil, nil))
	equal(t, c.one("/hosts"+query("names", "fa2:far")), "is_local", false)
	c.refused("DELETE", "/hosts"+query("names", "fa2:far"), "", "fa2:far: Host belongs to a remote array.")
	c.refused("PATCH", "/hosts"+query("names", "fa2:far"), `{"iqns":[]}`, "fa2:far: Host belongs to a remote array.")
	c.refused("POST", "/connections"+query("host_names", "fa2:far", "volume_names", "v"), "", "fa2:far: Host belongs to a remote array.")
}

func TestHostGroups(t *testing.T) {
	c := start(t, Options{})
	for _, h := range []string{"a", "b"} {
		must(t, c.array.CreateHost(h, nil, nil, nil))
	}
	must(t, c.array.CreateHostGroup("G", "a", "b"))
	equal(t, c.one("/host-groups"), "host_count", 2)
	equal(t, c.one("/hosts"+query("names", "b")), "host_group.name", "G")
	c.refused("DELETE", "/hosts"+query("names", "a"), "", "a: Host cannot be deleted because it belongs to a host group.")
	for want, err := range map[string]error{
		"g: Host group already exists.":           c.array.CreateHostGroup("g"),
		"a: Host already belongs to a host group": c.array.CreateHostGroup("g2", "a"),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
