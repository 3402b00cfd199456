package repair

import "fmt"

// GoesWith names the steps, "3/6", that follow on a yes to step n without a
// question of their own and change something: once the array does not connect a
// volume any more, its paths are dead and have to go.
func GoesWith(p Plan, n int) []string {
	var all []string
	for i := n; i < len(p.Steps); i++ {
		kind, known := stepTypeOf(Steps, p.Steps[i].Kind)
		if !known || kind.Asks {
			break
		}
		if kind.changes() {
			all = append(all, fmt.Sprintf("%d/%d", i+1, len(p.Steps)))
		}
	}
	return all
}
