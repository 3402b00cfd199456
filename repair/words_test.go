package repair

import (
	"strings"
	"testing"
	"time"
)

// TestReleaseSaysWhatThereIs: no map is announced, and no command for one
// given, where the plan knows of paths alone.
func TestReleaseSaysWhatThereIs(t *testing.T) {
	release, ok := stepTypeOf(Steps, StepRelease)
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

// TestWhatAStepSays: which step it is, on which array, and until when it can be
// taken back.
func TestWhatAStepSays(t *testing.T) {
	p := Plan{Object: "p::v", UndoFor: 24 * time.Hour}
	for _, c := range []struct {
		step Step
		want string
	}{
		{Step{Kind: StepDestroy}, "destroy p::v (recoverable for 24 hours)"},
		{Step{Kind: StepDisconnect, HostObject: "lxd01-iscsi"}, "disconnect p::v from lxd01-iscsi"},
		{Step{Kind: StepDisconnect, HostObject: "lxd01-iscsi", ArrayID: "b", Array: "fa2"}, "disconnect p::v from lxd01-iscsi on fa2"},
	} {
		if kind, ok := stepTypeOf(Steps, c.step.Kind); !ok || kind.Say(p, c.step) != c.want {
			t.Errorf("%q, want %q", kind.Say(p, c.step), c.want)
		}
	}
}
