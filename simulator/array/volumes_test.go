package array

import (
	"fmt"
	"regexp"
	"testing"
	"time"
)

func TestCreateVolume(t *testing.T) {
	c := start(t, Options{ID: "d5bc29f1-0a63-4f27-9c1e-7a60b3f1c2e8"})
	must(t, c.array.CreatePod("Lab"))
	made := c.do("POST", "/volumes"+query("names", "lab::u-1", "with_default_protection", "false"), `{"provisioned":67108864}`)
	v := made[0]
	equal(t, v, "name", "Lab::u-1")
	equal(t, v, "provisioned", 67108864)
	equal(t, v, "created", int(c.clock.Now().UnixMilli()))
	equal(t, v, "pod.name", "Lab")
	equal(t, v, "source.name", nil)
	equal(t, v, "subtype", "regular")
	equal(t, v, "destroyed", false)
	equal(t, v, "time_remaining", nil)
	equal(t, v, "connection_count", 0)
	if s := v["serial"].(string); !regexp.MustCompile(`^D5BC29F10A634F27[0-9A-F]{8}$`).MatchString(s) {
		t.Errorf("serial %s does not begin with the array's digits", s)
	}
	second := c.do("POST", "/volumes"+query("names", "small"), "")[0]
	equal(t, second, "provisioned", 1<<20)
	if second["serial"] == v["serial"] || second["id"] == v["id"] {
		t.Error("two volumes share a serial or an id")
	}
	same(t, "all", []string{"Lab::u-1", "small"}, names(c.get("/volumes")))
}

func TestCreateVolumeRefused(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	c.volume("v")
	c.volume("dead")
	must(t, c.array.DestroyVolume("dead"))
	post := func(name, body string, want ...string) {
		t.Helper()
		c.refused("POST", "/volumes"+query("names", name), body, want...)
	}
	post("v", "", "v: Volume already exists.")
	post("V", "", "V: Volume already exists.")
	post("dead", "", "dead: Volume already exists.")
	post("nope::v", "", "nope: Pod does not exist.")
	post("w", `{"provisioned":"big"}`, "provisioned: Invalid request body.")
	post("w", `{"provisioned"`, "null: Invalid request body.")
	post("w", `{"source":{"name":"nope"}}`, "nope: No such volume or snapshot.")
	post("w", `{"source":{"name":"dead"}}`, "dead: Volume has been destroyed.")
	post("w", `{"source":{"name":"v"},"provisioned":1048576}`, "null: Invalid combination of parameters specified.")
	c.refused("POST", "/volumes", "", "names: Missing required query parameter.")
	c.refused("POST", "/volumes"+query("names", "x,y"), "", "names: Missing required query parameter.")
	same(t, "volumes", []string{"v", "dead"}, names(c.get("/volumes")))
}

func TestVolumeLifecycle(t *testing.T) {
	c := start(t, Options{})
	c.array.SetEradicationDelay(48 * time.Hour)
	c.volume("v")
	full, err := c.array.CreateSnapshot("v", "keep")
	must(t, err)
	_, err = c.array.CreateSnapshot("v", "old")
	must(t, err)
	must(t, c.array.DestroySnapshot("v.old"))
	at := "/volumes" + query("names", "v")

	c.refused("DELETE", at, "", "v: Volume has not been destroyed.")
	c.refused("PATCH", at, `{"destroyed":false}`, "v: Volume is not destroyed.")
	v := c.do("PATCH", at, `{"destroyed":true}`)[0]
	equal(t, v, "destroyed", true)
	equal(t, v, "time_remaining", 48*3600*1000)
	c.clock.Advance(time.Hour)
	c.login()
	equal(t, c.one(at), "time_remaining", 47*3600*1000)
	equal(t, c.one("/volume-snapshots"+query("names", full)), "destroyed", true)
	same(t, "destroyed=false", 0, len(c.get("/volumes?destroyed=false")))
	same(t, "both without the parameter", 1, len(c.get("/volumes")))

	c.refused("PATCH", at, `{"destroyed":true}`, "v: Volume has been deleted.")
	c.refused("POST", "/volume-snapshots"+query("source_names", "v"), `{"suffix":"s"}`, "v: Volume has been destroyed.")
	c.refused("PATCH", "/volume-snapshots"+query("names", full), `{"destroyed":false}`, "v: Volume has been destroyed.")

	equal(t, c.do("PATCH", at, `{"destroyed":false}`)[0], "time_remaining", nil)
	equal(t, c.one("/volume-snapshots"+query("names", full)), "destroyed", false)
	equal(t, c.one("/volume-snapshots"+query("names", "v.old")), "destroyed", true)

	c.do("PATCH", at, `{"destroyed":true}`)
	r := c.send("DELETE", at, "", nil)
	if r.status != 200 || len(r.body) != 0 {
		t.Errorf("eradicate: %d %q", r.status, r.body)
	}
	c.refused("GET", at, "", "v: Volume does not exist.")
	c.refused("DELETE", at, "", "v: Volume does not exist.")
	same(t, "snapshots", 0, len(c.get("/volume-snapshots")))
	c.do("POST", at, "") // the name is free again
}

func TestEradicationTimer(t *testing.T) {
	for _, safe := range []bool{false, true} {
		c := start(t, Options{})
		c.array.SetSafeMode(safe)
		must(t, c.array.CreatePod("lab"))
		c.volume("lab::v")
		_, err := c.array.CreateSnapshot("lab::v", "s")
		must(t, err)
		must(t, c.array.DestroyVolume("lab::v"))
		c.clock.Advance(24*time.Hour - time.Millisecond)
		c.login()
		same(t, "just before", 1, len(c.get("/volumes")))
		changed := 0
		c.array.OnChange(func() { changed++ })
		c.clock.Advance(time.Millisecond)
		same(t, "volumes after the delay", 0, len(c.get("/volumes")))
		same(t, "snapshots after the delay", 0, len(c.get("/volume-snapshots")))
		same(t, "calls of OnChange", 1, changed)
	}
}

func TestSafeMode(t *testing.T) {
	c := start(t, Options{})
	c.array.SetSafeMode(true)
	must(t, c.array.CreatePod("lab"))
	c.volume("lab::v")
	at := "/volumes" + query("names", "lab::v")
	c.do("PATCH", at, `{"destroyed":true}`)
	c.refused("DELETE", at, "", "null: Eradication is disabled.")
	equal(t, c.one("/arrays"), "eradication_config.manual_eradication", "all-disabled")
	c.array.SetSafeMode(false)
	c.do("DELETE", at, "")
	same(t, "volumes", 0, len(c.get("/volumes")))
}

func TestDestroyConnected(t *testing.T) {
	build := func(u Unverified) *client {
		c := start(t, Options{Unverified: u})
		c.volume("v")
		must(t, c.array.CreateHost("h", []string{"iqn.2026-01.com.example:h"}, nil, nil))
		must(t, c.array.Connect("h", "v", 0))
		return c
	}
	at := "/volumes" + query("names", "v")
	c := build(Unverified{})
	c.refused("PATCH", at, `{"destroyed":true}`, "v: Volume cannot be deleted due to existing connections.")
	equal(t, c.one(at), "destroyed", false)

	c = build(Unverified{ConnectedText: "Nein."})
	c.refused("PATCH", at, `{"destroyed":true}`, "v: Nein.")

	c = build(Unverified{AllowDestroyConnected: true})
	c.do("PATCH", at, `{"destroyed":true}`)
	equal(t, c.one("/connections"), "host.name", "h")
	equal(t, c.one(at), "connection_count", 1)
	same(t, "exports", 0, len(c.array.Exports("iqn.2026-01.com.example:h")))
	c.refused("DELETE", "/connections"+query("volume_names", "v", "host_names", "h"), "", "v: Volume has been destroyed.")
	c.do("DELETE", at, "")
	same(t, "rows after eradication", 0, len(c.get("/connections")))
	equal(t, c.one("/hosts"), "connection_count", 0)
}

func TestPatchVolume(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	must(t, c.array.CreatePod("other"))
	c.volume("lab::v")
	c.volume("lab::w")
	_, err := c.array.CreateSnapshot("lab::v", "s")
	must(t, err)
	at := "/volumes" + query("names", "lab::v")
	c.refused("PATCH", at, `{}`, "null: No attribute specified.")
	c.refused("PATCH", at, "", "null: No attribute specified.")
	c.refused("PATCH", at, `{"source":{"name":"lab::w"}}`, "null: No attribute specified.")
	c.refused("PATCH", "/volumes"+query("names", "nope"), `{"destroyed":true}`, "nope: Volume does not exist.")

	must(t, c.array.RelocateVolume("lab::v", "lab::X"))
	equal(t, c.one("/volume-snapshots"+query("destroyed", "false")), "name", "lab::X.s")
	c.refused("GET", at, "", "lab::v: Volume does not exist.")
	c.refused("GET", "/volume-snapshots"+query("names", "lab::v.s"), "", "lab::v.s: No such volume or snapshot.")
	must(t, c.array.RelocateVolume("lab::X", "other::X"))
	equal(t, c.one("/volumes"+query("names", "other::X")), "pod.name", "other")

	silent := start(t, Options{Unverified: Unverified{SilentNoAttribute: true}})
	silent.volume("v")
	same(t, "silent", 0, len(silent.do("PATCH", "/volumes"+query("names", "v"), `{"source":{"name":"x"}}`)))
}

func TestCopyAndOverwrite(t *testing.T) {
	build := func(u Unverified) *client {
		c := start(t, Options{Unverified: u})
		must(t, c.array.CreatePod("lab"))
		c.volume("lab::v")
		_, err := c.array.CreateSnapshot("lab::v", "sc-1")
		must(t, err)
		return c
	}
	c := build(Unverified{})
	over := func(name string) string { return "/volumes" + query("names", name, "overwrite", "true") }
	fromSnapshot := `{"source":{"name":"lab::v.sc-1"}}`

	// LXD mounts a snapshot by overwriting a volume that does not exist.
	made := c.do("POST", over("lab::sc-1"), fromSnapshot)[0]
	equal(t, made, "source.name", "lab::v")
	equal(t, made, "provisioned", gib)
	// It restores the same way, and the volume stays the same one.
	before := c.one("/volumes" + query("names", "lab::v"))
	c.clock.Advance(time.Minute)
	after := c.do("POST", over("lab::v"), fromSnapshot)[0]
	equal(t, after, "provisioned", gib)
	equal(t, after, "serial", before["serial"])
	equal(t, after, "id", before["id"])
	equal(t, after, "source.name", nil)
	same(t, "undo snapshots", 1, len(c.get("/volume-snapshots"+query("destroyed", "true"))))

	copied := c.do("POST", "/volumes"+query("names", "copy"), `{"source":{"name":"lab::v"}}`)[0]
	equal(t, copied, "source.name", "lab::v")
	c.refused("POST", "/volumes"+query("names", "copy"), `{"source":{"name":"lab::v"}}`, "copy: Volume already exists.")
	c.refused("POST", over("copy"), `{"provisioned":1048576}`, "null: Invalid combination of parameters specified.")

	// The source's name follows it, until it is gone.
	must(t, c.array.RelocateVolume("lab::v", "lab::renamed"))
	equal(t, c.one("/volumes"+query("names", "copy")), "source.name", "lab::renamed")
	must(t, c.array.DestroyVolume("lab::renamed"))
	must(t, c.array.Eradicate("lab::renamed"))
	equal(t, c.one("/volumes"+query("names", "copy")), "source.name", nil)
	equal(t, c.one("/volumes"+query("names", "copy")), "source.id", nil)

	must(t, c.array.DestroyVolume("lab::sc-1"))
	c.refused("POST", over("lab::sc-1"), `{"source":{"name":"copy"}}`, "lab::sc-1: Volume has been destroyed.")
}

func TestSnapshots(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	v := c.volume("lab::v")
	c.volume("w")
	made := c.do("POST", "/volume-snapshots"+query("source_names", "lab::v"), `{"suffix":"sc-1"}`)[0]
	equal(t, made, "name", "lab::v.sc-1")
	equal(t, made, "suffix", "sc-1")
	equal(t, made, "source.id", v.ID)
	equal(t, made, "pod.name", "lab")
	equal(t, made, "provisioned", gib)
	if made["serial"] == v.Serial {
		t.Error("a snapshot has its volume's serial")
	}
	equal(t, c.do("POST", "/volume-snapshots"+query("source_names", "lab::v"), `{"suffix":"2"}`)[0], "suffix", "2")
	c.refused("POST", "/volume-snapshots"+query("source_names", "lab::v"), `{"suffix":"SC-1"}`, "lab::v.SC-1: Volume snapshot already exists.")
	c.refused("POST", "/volume-snapshots"+query("source_names", "nope"), `{"suffix":"s"}`, "nope: Volume does not exist.")

	same(t, "of a source", 2, len(c.get("/volume-snapshots"+query("source_names", "lab::v"))))
	same(t, "of another source", 0, len(c.get("/volume-snapshots"+query("source_names", "w"))))
	c.refused("GET", "/volume-snapshots"+query("source_names", "nope"), "", "nope: Volume does not exist.")
	same(t, "filter", 1, len(c.get("/volume-snapshots"+query("filter", "suffix='2'"))))

	at := "/volume-snapshots" + query("names", "lab::v.sc-1")
	c.refused("DELETE", at, "", "lab::v.sc-1: Volume snapshot has not been destroyed.")
	equal(t, c.do("PATCH", at, `{"destroyed":true}`)[0], "time_remaining", 24*3600*1000)
	gone := "lab::v.sc-1: Volume snapshot has been destroyed. It can be recovered by purevol recover and eradicated by purevol eradicate."
	c.refused("PATCH", at, `{"destroyed":true}`, gone)
	c.refused("POST", "/volumes"+query("names", "x", "overwrite", "true"), `{"source":{"name":"lab::v.sc-1"}}`, gone)
	c.do("PATCH", at, `{"destroyed":false}`)
	c.do("PATCH", at, `{"destroyed":true}`)
	c.do("DELETE", at, "")
	c.refused("GET", at, "", "lab::v.sc-1: No such volume or snapshot.")
}

func TestVolumeSpace(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	c.volume("lab::v")
	_, err := c.array.CreateSnapshot("lab::v", "s")
	must(t, err)
	must(t, c.array.SetUsed("lab::v", gib/4))
	v := c.one("/volumes")
	equal(t, v, "space.unique", gib/4)
	equal(t, v, "space.snapshots", 0)
	equal(t, v, "space.total_physical", gib/4)
	equal(t, v, "space.thin_provisioning", 0.75)
	equal(t, v, "space.shared", nil)
	equal(t, c.one("/pods"), "space.total_provisioned", gib)
	equal(t, c.one("/pods"), "space.unique", gib/4)
	equal(t, c.one("/arrays"), "space.total_physical", gib/4)
}

func TestNewerFields(t *testing.T) {
	c := start(t, Options{})
	c.volume("v")
	c.version = "2.26"
	equal(t, c.one("/volumes"), "space.total_used", 0)
	equal(t, c.one("/arrays"), "eradication_config.enabled_delay", 86400000)
	c.version = "2.23"
	equal(t, c.one("/volumes"), "space.used_provisioned", gib)
	if _, ok := c.one("/volumes")["space"].(map[string]any)["total_used"]; ok {
		t.Error("2.23 has total_used")
	}
}

func TestSameSeedSameWorld(t *testing.T) {
	world := func(seed int64) string {
		a := New(Options{Seed: seed})
		must(t, a.CreatePod("lab"))
		v, err := a.CreateVolume("lab::v", gib, VolumeOptions{})
		must(t, err)
		return fmt.Sprint(a.ID(), a.Token(), v.ID, v.Serial)
	}
	first := world(1)
	same(t, "the same seed again", first, world(1))
	if first == world(2) {
		t.Error("different seeds give the same world")
	}
}
