package array

import (
	"testing"
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
	equal(t, c.do("PATCH", at+"&destroy_contents=true", `{"destroyed":true}`)[0], "time_remaining", 24*3600*1000)
	equal(t, c.one("/volumes"), "destroyed", true)
	c.refused("PATCH", at+"&destroy_contents=true", `{"destroyed":true}`, "lab: Pod has been deleted.")
	c.refused("PATCH", at, `{"quota_limit":0}`, "lab: Pod has been destroyed.")
	c.refused("PATCH", "/volumes"+query("names", "lab::v"), `{"destroyed":false}`, "lab: Pod has been destroyed.")
	c.refused("DELETE", at, "", "lab: Cannot eradicate pod with contents that cannot be eradicated.")
	c.do("DELETE", at+"&eradicate_contents=true", "")
	c.refused("GET", at, "", "lab: Pod does not exist.")
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
		must(t, c.destroyPod("lab"))
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

func TestStretchedAndDemotedPods(t *testing.T) {
	c := start(t, Options{Name: "fa1"})
	must(t, c.array.CreatePod("lab"))
	c.volume("lab::v")
	must(t, c.array.StretchPod("lab", PodArray{ID: "704fa624-0000-4196-a6f5-314f0f1ad12f", Name: "fa2", Status: "offline"}))
	must(t, c.array.SetPodPromotion("lab", "demoted", "demoted"))
	must(t, c.array.SetPodLinks("lab", 1, 2))
	p := c.one("/pods")
	equal(t, p, "array_count", 2)
	equal(t, p, "promotion_status", "demoted")
	equal(t, p, "link_target_count", 2)
	peer := p["arrays"].([]any)[1].(map[string]any)
	equal(t, peer, "status", "offline")
	equal(t, c.one("/volumes"), "promotion_status", "demoted")
	c.refused("PATCH", "/pods"+query("names", "lab", "destroy_contents", "true"), `{"destroyed":true}`, "lab: Pod cannot be destroyed because it is stretched.")

	// LXD asks for all arrays of the pod by name.
	equal(t, c.one("/arrays"+query("names", "fa1")), "name", "fa1")
	same(t, "a peer only", 0, len(c.get("/arrays"+query("names", "fa2"))))
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
	must(t, c.array.AddToProtectionGroup("daily", "lab::lxd"))
	must(t, c.array.AddToProtectionGroup("daily", "lab::lxd"))
	v, _ := c.array.Volume("lab::lxd")
	equal(t, c.one("/volumes/protection-groups"+query("member_ids", v.ID)), "group.name", "daily")
	equal(t, c.one("/protection-groups"+query("names", "daily")), "volume_count", 1)
	at := "/protection-groups" + query("names", "daily")
	c.refused("DELETE", at, "", "daily: Protection group has not been destroyed.")
	c.do("PATCH", at, `{"destroyed":true}`)
	c.refused("PATCH", at, `{"destroyed":true}`, "daily: Protection group has been deleted.")
	c.do("DELETE", at, "")
	same(t, "memberships of an eradicated group", 2, len(c.get("/volumes/protection-groups")))
}
