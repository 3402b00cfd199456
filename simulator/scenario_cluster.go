package simulator

// clusterScenarios need more than one member, and so the testimony of more
// than one machine.
func clusterScenarios() []Scenario {
	pair := Options{Members: 2}
	return []Scenario{
		{
			Name: "member-removed", Codes: []string{"disappeared-record"}, Options: pair, Run: memberRemoved,
			Story: "A member of the cluster died and was removed by force: LXD forgot its instances, and the array did not.",
		},
		{
			Name: "member-died", Codes: []string{"stale-connection"}, Options: pair, Run: memberDied,
			Story: "A member lost power, its instance was moved away, and LXD can't delete it because the old member is still connected.",
		},
	}
}

func memberRemoved(w *World) error {
	second := w.LXD.Members()[1]
	if err := second.Launch(w.container("web1")); err != nil {
		return err
	}
	second.PowerFail()
	if err := w.LXD.RemoveMember(second.Name, true); err != nil {
		return err
	}
	for _, v := range w.unrecorded() {
		w.Keep(v.Name)
	}
	w.Age(hours)
	return nil
}

func memberDied(w *World) error {
	second := w.LXD.Members()[1]
	if err := second.Launch(w.container("web1")); err != nil {
		return err
	}
	second.PowerFail()
	if err := w.LXD.MoveInstance("", "web1", w.LXD.Name); err != nil {
		return err
	}
	second.PowerOn()
	w.Age(hours)
	return nil
}
