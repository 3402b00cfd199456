package array

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/pureclean/pureclean/simulator/fabric"
)

func connect(host, volume string) string {
	return "/connections" + query("host_names", host, "volume_names", volume)
}

// The shapes of rows that real arrays show; that of a group without hosts is not
// simulated.
func TestConnectionRows(t *testing.T) {
	c := start(t, Options{})
	for _, h := range []string{"a", "b", "lone"} {
		must(t, c.array.CreateHost(h, nil, nil, nil))
	}
	must(t, c.array.CreateHostGroup("g", "a", "b"))
	for _, v := range []string{"private", "shared"} {
		c.volume(v)
	}
	// LXD connects without a body.
	private := c.do("POST", connect("lone", "private"), "")
	same(t, "rows of a private connection", 1, len(private))
	equal(t, private[0], "host.name", "lone")
	equal(t, private[0], "host_group.name", nil)
	equal(t, private[0], "lun", 1)
	equal(t, private[0], "volume.name", "private")
	equal(t, private[0], "protocol_endpoint.name", nil)
	if _, ok := private[0]["nsid"]; ok {
		t.Error("nsid in 2.21")
	}
	must(t, c.array.Connect("g", "shared", 0))
	shared := c.get("/connections")[1:]
	same(t, "rows of a shared connection", 2, len(shared))
	equal(t, shared[1], "host.name", "b")
	equal(t, shared[1], "host_group.name", "g")
	equal(t, shared[1], "lun", 254)
	same(t, "all rows", 3, len(c.get("/connections")))
	// The count is of hosts and groups, not of rows.
	equal(t, c.one("/volumes"+query("names", "shared")), "connection_count", 1)
	equal(t, c.one("/host-groups"), "connection_count", 1)
	equal(t, c.one("/hosts"+query("names", "a")), "connection_count", 1)
}

func TestConnectionsByName(t *testing.T) {
	c := start(t, Options{})
	for _, h := range []string{"a", "b"} {
		must(t, c.array.CreateHost(h, nil, nil, nil))
		for _, v := range []string{"v", "w"} {
			if _, found := c.array.Volume(v); !found {
				c.volume(v)
			}
			must(t, c.array.Connect(h, v, 0))
		}
	}
	v, _ := c.array.Volume("v")
	for path, want := range map[string]int{
		query("volume_ids", v.ID):                        2,
		query("volume_names", "v"):                       2,
		query("filter", "host.name='a'"):                 2,
		query("total_item_count", "true", "limit", "10"): 4,
	} {
		same(t, path, want, len(c.get("/connections"+path)))
	}
	c.refused("GET", "/connections"+query("names", "v"), "", "names: Unknown query parameter.")
}

func TestConnectRefused(t *testing.T) {
	c := start(t, Options{})
	for _, h := range []string{"a", "b"} {
		must(t, c.array.CreateHost(h, nil, nil, nil))
	}
	must(t, c.array.CreateHostGroup("g", "b"))
	c.volume("v")
	c.volume("w")
	c.volume("dead")
	must(t, c.array.DestroyVolume("dead"))
	c.do("POST", connect("a", "v"), "")
	c.refused("POST", connect("A", "V"), "", "v: Connection already exists.")
	c.refused("POST", connect("a", "nope"), "", "nope: Volume does not exist.")
	c.refused("POST", connect("nope", "v"), "", "nope: Host does not exist.")
	c.refused("POST", connect("a", "dead"), "", "dead: Volume has been destroyed.")
	c.refused("POST", connect("a", "w"), `{"lun":1}`, "w: The specified LUN is already in use.")
	c.refused("POST", "/connections"+query("host_names", "a"), "", "volume_names: Missing required query parameter.")
	c.refused("POST", "/connections"+query("volume_names", "w"), "", "host_names: Missing required query parameter.")
	must(t, c.array.Connect("g", "w", 0))
	c.refused("POST", connect("b", "w"), "", "w: Connection already exists.")
	same(t, "rows", 2, len(c.get("/connections")))
}

func TestDisconnect(t *testing.T) {
	build := func(u Unverified) *client {
		c := start(t, Options{Unverified: u})
		for _, h := range []string{"a", "b", "lone"} {
			must(t, c.array.CreateHost(h, nil, nil, nil))
		}
		must(t, c.array.CreateHostGroup("g", "a", "b"))
		c.volume("private")
		c.volume("shared")
		must(t, c.array.Connect("lone", "private", 0))
		must(t, c.array.Connect("g", "shared", 0))
		return c
	}
	c := build(Unverified{})
	c.refused("DELETE", connect("a", "private"), "", "private: Connection does not exist.")

	c.refused("DELETE", connect("a", "shared"), "", "shared: Connection does not exist.")
	c.refused("DELETE", connect("nope", "private"), "", "nope: Host does not exist.")
	c.refused("DELETE", connect("lone", "nope"), "", "nope: Volume does not exist.")
	same(t, "rows", 3, len(c.get("/connections")))
	r := c.send("DELETE", connect("lone", "private"), "", nil)
	if r.status != 200 || len(r.body) != 0 {
		t.Errorf("disconnect: %d %q", r.status, r.body)
	}
	c.refused("DELETE", connect("lone", "private"), "", "private: Connection does not exist.")
	same(t, "rows", 2, len(c.get("/connections")))

	c = build(Unverified{DisconnectSharedByHost: true})
	c.do("DELETE", connect("a", "shared"), "")
	same(t, "rows", 1, len(c.get("/connections")))
}

func TestLUNs(t *testing.T) {
	c := start(t, Options{})
	for _, h := range []string{"a", "b"} {
		must(t, c.array.CreateHost(h, []string{"iqn.2026-01.com.example:" + h}, nil, nil))
	}
	must(t, c.array.CreateHostGroup("g", "b"))
	c.volumes(6)
	lun := func(hostOrGroup, volume string, ask int) int {
		t.Helper()
		must(t, c.array.Connect(hostOrGroup, volume, ask))
		for _, r := range c.array.Connections() {
			if r.Volume == volume && (r.Host == hostOrGroup || r.Group == hostOrGroup) {
				return r.LUN
			}
		}
		t.Fatalf("%s has no row for %s", volume, hostOrGroup)
		return 0
	}
	same(t, "first", 1, lun("a", "v000", 0))
	same(t, "second", 2, lun("a", "v001", 0))
	same(t, "chosen", 4, lun("a", "v002", 4))
	same(t, "gap", 3, lun("a", "v003", 0))
	must(t, c.array.Disconnect("a", "v001"))
	same(t, "used again at once", 2, lun("a", "v004", 0))
	same(t, "other host", 1, lun("b", "v000", 0))
	same(t, "shared", 254, lun("g", "v001", 0))
	same(t, "shared, next", 253, lun("g", "v002", 0))
	same(t, "private beside shared", 2, lun("b", "v003", 0))
}

func TestNoLUNLeft(t *testing.T) {
	a := New(Options{})
	must(t, a.CreateHost("h", nil, nil, nil))
	for i := range maxLUN + 1 {
		n := fmt.Sprintf("v%d", i)
		_, err := a.CreateVolume(n, gib, VolumeOptions{})
		must(t, err)
		err = a.Connect("h", n, 0)
		if (err != nil) != (i == maxLUN) {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
}

func TestNSID(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreateHost("nv", nil, []string{nqn1}, nil))
	must(t, c.array.CreateHost("is", []string{iqn1}, nil, nil))
	v := c.volume("v")
	must(t, c.array.Connect("nv", "v", 0))
	must(t, c.array.Connect("is", "v", 0))
	c.version = "2.27"
	equal(t, c.one("/connections"+query("filter", "host.name='nv'")), "nsid", v.NSID)
	equal(t, c.one("/connections"+query("filter", "host.name='is'")), "nsid", nil)
}

func TestExports(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreateHost("h", []string{iqn1}, nil, []string{"21:00:f4:c7:aa:00:27:06"}))
	must(t, c.array.CreateHostGroup("g", "h"))
	v, w := c.volume("v"), c.volume("w")
	var seen [][]fabric.Export
	c.array.OnChange(func() { seen = append(seen, c.array.Exports(strings.ToUpper(iqn1))) })
	c.do("POST", connect("h", "v"), "")
	if len(seen) != 1 {
		t.Fatalf("OnChange was called %d times before the answer, want 1", len(seen))
	}
	must(t, c.array.Connect("g", "w", 0))
	want := []fabric.Export{
		{Serial: v.Serial, LUN: 1, NSID: v.NSID, Bytes: gib},
		{Serial: w.Serial, LUN: 254, NSID: w.NSID, Bytes: gib},
	}
	same(t, "exports", want, seen[1])
	same(t, "to a stranger", 0, len(c.array.Exports(iqn2)))
	c.refused("POST", connect("h", "v"), "", "v: Connection already exists.")
	same(t, "changes", 2, len(seen))
	must(t, c.array.SetInitiators("h", []string{iqn2}, nil, nil))
	same(t, "to the old initiator", 0, len(c.array.Exports(iqn1)))
	same(t, "to the new initiator", 2, len(c.array.Exports(iqn2)))
}

func TestBatchTellsOnce(t *testing.T) {
	a := New(Options{})
	calls := 0
	a.OnChange(func() { calls++ })
	a.Batch(func() {
		for i := range 5 {
			must(t, a.CreatePod(fmt.Sprintf("p%d", i)))
		}
		same(t, "calls meanwhile", 0, calls)
	})
	same(t, "calls", 1, calls)
	a.Batch(func() {})
	same(t, "calls after an empty batch", 1, calls)
}

// Whatever is done, rows, counts, LUNs and exports agree with each other.
func TestConnectionsAgree(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := New(Options{Unverified: Unverified{AllowDestroyConnected: rapid.Bool().Draw(rt, "allow")}})
		hosts, groups, volumes := []string{"h0", "h1", "h2"}, []string{"g0", "g1"}, []string{"v0", "v1", "v2", "v3"}
		for i, h := range hosts {
			must(t, a.CreateHost(h, []string{fmt.Sprintf("iqn.%d", i)}, nil, nil))
		}
		must(t, a.CreateHostGroup("g0", "h0", "h1"))
		must(t, a.CreateHostGroup("g1", "h2"))
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			v := rapid.SampledFrom(volumes).Draw(rt, "volume")
			end := rapid.SampledFrom(append(groups, hosts...)).Draw(rt, "end")
			// Refusals are fine; what they leave behind is looked at below.
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0:
				_, _ = a.CreateVolume(v, gib, VolumeOptions{})
			case 1, 2:
				_ = a.Connect(end, v, rapid.IntRange(0, 3).Draw(rt, "lun"))
			case 3:
				_ = a.Disconnect(end, v)
			case 4:
				_ = a.DestroyVolume(v)
			case 5:
				_ = a.Eradicate(v)
			}
			agree(rt, a)
		}
	})
}

func agree(t *rapid.T, a *Array) {
	rows := a.Connections()
	for _, h := range a.Hosts() {
		luns := map[int]bool{}
		n := 0
		for _, r := range rows {
			if r.Host != h.Name {
				continue
			}
			n++
			if luns[r.LUN] {
				t.Fatalf("LUN %d of %s is used twice", r.LUN, h.Name)
			}
			luns[r.LUN] = true
			if r.Group != "" && r.Group != h.Group {
				t.Fatalf("%s has a row through %s but is in %q", h.Name, r.Group, h.Group)
			}
		}
		if n != h.Connections {
			t.Fatalf("%s has %d rows and counts %d", h.Name, n, h.Connections)
		}
		for i := range maxLUN {
			if a.state.hosts.names[key(h.Name)].luns.has(i) != luns[i] {
				t.Fatalf("LUN %d of %s: taken and used differ", i, h.Name)
			}
		}
	}
	for _, v := range a.state.volumes.rows {
		ends := map[string]bool{}
		for _, r := range rows {
			if r.Volume == v.name && r.Group != "" {
				ends["group "+r.Group] = true
			} else if r.Volume == v.name {
				ends[r.Host] = true
			}
		}
		if int(v.connectionCount()) != len(ends) {
			t.Fatalf("%s counts %d ends, rows have %v", v.name, v.connectionCount(), ends)
		}
	}
	if !slices.IsSortedFunc(a.state.connections.rows, func(x, y *connection) int { return int(x.rank) - int(y.rank) }) {
		t.Fatal("rows are out of order")
	}
}
