package array

import (
	"testing"
	"time"
)

func TestPodLifecycle(t *testing.T) {
	c := start(t, Options{Name: "fa1"})
	at := "/pods" + query("names", "lab")
	p := c.do("POST", at, `{"quota_limit":1073741824}`)[0]
	equal(t, p, "quota_limit", gib)
	equal(t, p, "promotion_status", "promoted")
	equal(t, p, "array_count", 1)
	same(t, "array", "fa1", p["arrays"].([]any)[0].(map[string]any)["name"].(string))
	c.refused("POST", "/pods"+query("names", "LAB"), `{}`, "LAB: Pod already exists.")
	c.refused("POST", "/pods"+query("names", "a b"), `{}`, "a b: Pod name must be between 1 and 63 characters (alphanumeric, '_' and '-') in length and begin and end with a letter or number.")
	c.refused("POST", "/pods"+query("names", "x"), `{"source":{"name":"lab"}}`, "source: Not supported by this simulator.")

	// It comes with a protection group that new volumes join.
	equal(t, c.one("/container-default-protections"+query("names", "lab")), "default_protections", []any{row{"name": "lab::pgroup-auto", "type": "protection_group"}})
	c.refused("PATCH", at, `{"destroyed":true}`, "lab: Pod cannot be destroyed because it is not empty.")
	c.do("PATCH", "/container-default-protections"+query("names", "lab"), `{"default_protections":[]}`)
	c.do("PATCH", "/protection-groups"+query("names", "lab::pgroup-auto"), `{"destroyed":true}`)
	c.do("DELETE", "/protection-groups"+query("names", "lab::pgroup-auto"), "")
	c.refused("GET", "/protection-groups"+query("names", "lab::pgroup-auto"), "", "lab::pgroup-auto: Protection group does not exist.")

	c.volume("lab::v")
	c.refused("PATCH", at, `{"destroyed":true}`, "lab: Pod cannot be destroyed because it is not empty.")
	c.refused("DELETE", at, "", "lab: Pod has not been destroyed.")
	equal(t, c.do("PATCH", at, `{"quota_limit":2147483648}`)[0], "quota_limit", 2*gib)
	equal(t, c.do("PATCH", at, `{"name":"Lab2"}`)[0], "name", "Lab2")
	equal(t, c.one("/volumes"), "name", "Lab2::v")
	equal(t, c.one("/volumes"+query("filter", "pod.name='lab2'")), "pod.name", "Lab2")
	at = "/pods" + query("names", "lab2")
	equal(t, c.do("PATCH", at+"&destroy_contents=true", `{"destroyed":true}`)[0], "time_remaining", 24*3600*1000)
	equal(t, c.one("/volumes"), "destroyed", true)
	c.refused("PATCH", at+"&destroy_contents=true", `{"destroyed":true}`, "Lab2: Pod has been deleted.")
	c.refused("PATCH", at, `{"quota_limit":0}`, "Lab2: Pod has been destroyed.")
	c.refused("PATCH", "/volumes"+query("names", "lab2::v"), `{"destroyed":false}`, "Lab2: Pod has been destroyed.")
	c.refused("DELETE", at, "", "Lab2: Cannot eradicate pod with contents that cannot be eradicated.")
	c.do("DELETE", at+"&eradicate_contents=true", "")
	c.refused("GET", at, "", "lab2: Pod does not exist.")
	same(t, "volumes", 0, len(c.get("/volumes")))
}

// LXD brings a destroyed pod back when it creates a pool of that name.
func TestPodRestore(t *testing.T) {
	for _, leaves := range []bool{false, true} {
		c := start(t, Options{Unverified: Unverified{PodRestoreLeavesContents: leaves}})
		must(t, c.array.CreatePod("lab"))
		c.volume("lab::before")
		c.volume("lab::with")
		must(t, c.array.DestroyVolume("lab::before"))
		must(t, c.array.DestroyPod("lab"))
		p := c.do("PATCH", "/pods"+query("names", "lab"), `{"quota_limit":4096,"destroyed":false}`)[0]
		equal(t, p, "destroyed", false)
		equal(t, p, "quota_limit", 4096)
		equal(t, c.one("/volumes"+query("names", "lab::before")), "destroyed", true)
		equal(t, c.one("/volumes"+query("names", "lab::with")), "destroyed", leaves)
		equal(t, c.one("/protection-groups"+query("names", "lab::pgroup-auto")), "destroyed", leaves)
	}
}

// What is destroyed already does not keep a pod from being destroyed.
func TestEmptyPod(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	c.volume("lab::v")
	c.do("PATCH", "/volumes"+query("names", "lab::v"), `{"destroyed":true}`)
	c.do("PATCH", "/protection-groups"+query("names", "lab::pgroup-auto"), `{"destroyed":true}`)
	equal(t, c.do("PATCH", "/pods"+query("names", "lab"), `{"destroyed":true}`)[0], "destroyed", true)
}

func TestPodConnectedContents(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	c.volume("lab::v")
	must(t, c.array.CreateHost("h", nil, nil, nil))
	must(t, c.array.Connect("h", "lab::v", 0))
	c.refused("PATCH", "/pods"+query("names", "lab", "destroy_contents", "true"), `{"destroyed":true}`, "lab::v: Volume cannot be deleted due to existing connections.")
	equal(t, c.one("/pods"), "destroyed", false)
}

// A quota is only shown: what is made beyond it is not refused.
func TestQuota(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	must(t, c.array.SetQuota("lab", gib))
	c.volume("lab::v")
	c.volume("lab::w")
	equal(t, c.one("/pods"), "quota_limit", gib)
}

func TestStretchedAndDemotedPods(t *testing.T) {
	c := start(t, Options{Name: "fa1"})
	must(t, c.array.CreatePod("lab"))
	c.volume("lab::v")
	frozen := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	must(t, c.array.StretchPod("lab", PodArray{ID: "704fa624-0000-4196-a6f5-314f0f1ad12f", Name: "fa2", Status: "offline", Frozen: frozen}))
	must(t, c.array.SetPodPromotion("lab", "demoted", "demoted"))
	must(t, c.array.SetPodLinks("lab", 1, 2))
	p := c.one("/pods")
	equal(t, p, "array_count", 2)
	equal(t, p, "promotion_status", "demoted")
	equal(t, p, "link_target_count", 2)
	peer := p["arrays"].([]any)[1].(map[string]any)
	equal(t, peer, "status", "offline")
	equal(t, peer, "frozen_at", int(frozen.UnixMilli()))
	equal(t, c.one("/volumes"), "promotion_status", "demoted")
	c.refused("PATCH", "/pods"+query("names", "lab", "destroy_contents", "true"), `{"destroyed":true}`, "lab: Pod cannot be destroyed because it is stretched.")
	same(t, "filter by member of arrays", 1, len(c.get("/pods"+query("filter", "arrays.name='FA2'"))))
	must(t, c.array.SetPodStatus("lab", "offline", frozen))
	equal(t, c.one("/pods")["arrays"].([]any)[0].(map[string]any), "status", "offline")

	// LXD asks for all arrays of the pod by name.
	equal(t, c.one("/arrays"+query("names", "fa1,fa2")), "name", "fa1")
	same(t, "a peer only", 0, len(c.get("/arrays"+query("names", "fa2"))))
	equal(t, c.one("/arrays?names="), "name", "fa1")
}

func TestProtection(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	c.do("POST", "/volumes"+query("names", "lab::auto"), "")
	c.do("POST", "/volumes"+query("names", "lab::lxd", "with_default_protection", "false"), "")
	c.do("POST", "/volumes"+query("names", "top"), "")
	rows := c.get("/volumes/protection-groups")
	same(t, "members", 2, len(rows))
	equal(t, rows[0], "group.name", "lab::pgroup-auto")
	equal(t, rows[0], "member.name", "lab::auto")
	equal(t, rows[0], "member.destroyed", false)
	equal(t, rows[1], "group.name", "pgroup-auto")
	c.do("POST", "/protection-groups"+query("names", "daily"), "")
	c.refused("POST", "/protection-groups"+query("names", "daily"), "", "daily: Protection group already exists.")
	c.do("POST", "/volumes"+query("names", "more", "with_default_protection", "false", "add_to_protection_group_names", "daily"), "")
	c.do("POST", "/volumes/protection-groups"+query("group_names", "daily", "member_names", "lab::lxd,more"), "")
	same(t, "by group", 2, len(c.get("/volumes/protection-groups"+query("group_names", "daily"))))
	same(t, "the other way round", 2, len(c.get("/protection-groups/volumes"+query("group_names", "daily"))))
	same(t, "by member", 1, len(c.get("/volumes/protection-groups"+query("member_names", "lab::lxd"))))
	must(t, c.array.DestroyVolume("more"))
	same(t, "destroyed members", 1, len(c.get("/volumes/protection-groups"+query("member_destroyed", "true"))))
	equal(t, c.one("/protection-groups"+query("names", "daily")), "volume_count", 2)
	c.refused("DELETE", "/volumes/protection-groups"+query("group_names", "daily", "member_names", "top"), "", "top: Protection group does not include the volume.")
	c.do("DELETE", "/volumes/protection-groups"+query("group_names", "daily", "member_names", "more"), "")
	c.refused("GET", "/volumes/protection-groups"+query("group_names", "nope"), "", "nope: Protection group does not exist.")

	at := "/protection-groups" + query("names", "daily")
	c.refused("DELETE", at, "", "daily: Protection group has not been destroyed.")
	equal(t, c.do("PATCH", at, `{"name":"weekly"}`)[0], "name", "weekly")
	at = "/protection-groups" + query("names", "weekly")
	c.do("PATCH", at, `{"destroyed":true}`)
	c.refused("POST", "/volumes/protection-groups"+query("group_names", "weekly", "member_names", "top"), "", "weekly: Protection group has been destroyed.")
	c.refused("POST", "/volumes"+query("names", "z", "add_to_protection_group_names", "weekly"), "", "weekly: Protection group has been destroyed.")
	c.do("PATCH", at, `{"destroyed":false}`)
	c.do("PATCH", at, `{"destroyed":true}`)
	c.do("DELETE", at, "")
	same(t, "memberships of an eradicated group", 2, len(c.get("/volumes/protection-groups")))
}

func TestContainerDefaultProtections(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	rows := c.get("/container-default-protections")
	same(t, "containers", 2, len(rows))
	equal(t, rows[0], "name", nil)
	equal(t, rows[0], "id", nil)
	equal(t, rows[0], "type", nil)
	equal(t, rows[1], "name", "lab")
	equal(t, rows[1], "type", "pod")
	equal(t, c.one("/container-default-protections?names="), "type", nil)
	c.do("PATCH", "/container-default-protections?names=", `{"default_protections":[]}`)
	must(t, c.array.CreatePod("bare"))
	equal(t, c.one("/container-default-protections"+query("names", "bare")), "default_protections", []any{})
	c.refused("PATCH", "/container-default-protections"+query("names", "bare"), `{"default_protections":[{"name":"nope"}]}`, "nope: Protection group does not exist.")
	c.refused("PATCH", "/container-default-protections", `{"default_protections":[]}`, "names: Missing required query parameter.")
}
