package array

import (
	"testing"
)

func TestPods(t *testing.T) {
	c := start(t, Options{Name: "fa1"})
	p := c.do("POST", "/pods"+query("names", "lab"), `{}`)[0]
	equal(t, p, "promotion_status", "promoted")
	equal(t, p, "array_count", 1)
	same(t, "array", "fa1", p["arrays"].([]any)[0].(map[string]any)["name"].(string))
	c.refused("POST", "/pods"+query("names", "LAB"), `{}`, "LAB: Pod already exists.")

	// It comes with a protection group that new volumes join, and LXD takes that away.
	equal(t, c.one("/container-default-protections"+query("names", "lab")), "default_protections", []any{row{"name": "lab::pgroup-auto", "type": "protection_group"}})
	c.do("PATCH", "/container-default-protections"+query("names", "lab"), `{"default_protections":[]}`)
	c.do("PATCH", "/protection-groups"+query("names", "lab::pgroup-auto"), `{"destroyed":true}`)
	c.do("DELETE", "/protection-groups"+query("names", "lab::pgroup-auto"), "")
	c.refused("GET", "/protection-groups"+query("names", "lab::pgroup-auto"), "", "lab::pgroup-auto: Protection group does not exist.")

	c.volume("lab::v")
	must(t, c.array.RenamePod("lab", "Lab2"))
	equal(t, c.one("/volumes"), "name", "Lab2::v")
	equal(t, c.one("/volumes"+query("filter", "pod.name='lab2'")), "pod.name", "Lab2")
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

	// LXD asks for all arrays of the pod by name.
}

func TestProtection(t *testing.T) {
	c := start(t, Options{})
	must(t, c.array.CreatePod("lab"))
	c.do("POST", "/volumes"+query("names", "lab::lxd", "with_default_protection", "false"), "")
	same(t, "members", 0, len(c.get("/volumes/protection-groups")))
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
	same(t, "memberships of an eradicated group", 0, len(c.get("/volumes/protection-groups")))
}
