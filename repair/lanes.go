package repair

import (
	"strings"
)

// lanes splits plans so that those in different lanes touch nothing in
// common: no machine, no host object, no half of the same volume. Within a
// lane they keep their order. Plans that touch no machine at all are a lane
// each.
func lanes(plans []int, touches func(int) []string) [][]int {
	var all [][]int
	owner := map[string]int{} // what is touched, to the lane's number
	for _, plan := range plans {
		things := touches(plan)
		mine := -1
		for _, thing := range things {
			lane, taken := owner[thing]
			switch {
			case !taken || lane == mine:
			case mine < 0:
				mine = lane
			default: // this plan joins two lanes
				lower, upper := min(mine, lane), max(mine, lane)
				all[lower] = append(all[lower], all[upper]...)
				all[upper] = nil
				for t, l := range owner {
					if l == upper {
						owner[t] = lower
					}
				}
				mine = lower
			}
		}
		if mine < 0 {
			mine = len(all)
			all = append(all, nil)
		}
		all[mine] = append(all[mine], plan)
		for _, thing := range things {
			owner[thing] = mine
		}
	}
	return all
}

// touches names everything that a plan works on and that another may, too.
func (p Plan) touches() []string {
	// The halves of a virtual machine or its image are one volume to LXD.
	whole := strings.TrimSuffix(p.Object, "-b")
	things := []string{"volume " + p.ArrayID + " " + strings.ToLower(whole)}
	if p.onHost() {
		things = append(things, "machine "+p.Host)
	}
	for _, s := range p.Steps {
		if s.Member != "" {
			things = append(things, "machine "+s.Member)
		}
		if s.HostObject != "" {
			things = append(things, "host "+p.ArrayID+" "+strings.ToLower(s.HostObject))
		}
	}
	return things
}
