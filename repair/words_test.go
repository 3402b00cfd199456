package repair

import (
	"strings"
	"testing"
)

// TestReleaseSaysWhatThereIs: no map is announced, and no command for one
// given, where the plan knows of paths alone.
func TestReleaseSaysWhatThereIs(t *testing.T) {
	release, ok := stepTypeOf(StepRelease)
	if !ok {
		t.Fatal("there is no release")
	}
	for _, c := range []struct {
		devices []string
		want    bool
	}{
		{[]string{"path sdq", "path sdr"}, false},
		{[]string{"map mpathv", "path sdu"}, true},
		{nil, true}, // what will be there is not known yet
	} {
		step := Step{Member: "lxd01", Devices: c.devices}
		said := release.Say(Plan{}, step)
		manual := strings.Join(release.Manual(Plan{}, step), "\n")
		if strings.Contains(said, "remove the map") != c.want || strings.Contains(manual, "multipath -f") != c.want {
			t.Errorf("%v: %q, by hand %q", c.devices, said, manual)
		}
	}
}
