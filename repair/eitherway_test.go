package repair

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
)

// switches are what nobody has documented of an array, each turned to the
// other side of what is assumed. An array that destroys what is connected is
// in TestEveryGateBites: LXD's own rollback leaves no leak there.
func switches() map[string]array.Unverified {
	all := map[string]array.Unverified{
		"WithoutLimit: no token":   {WithoutLimit: array.PageWithoutToken},
		"WithoutLimit: everything": {WithoutLimit: array.Everything},
		"ConnectedText":            {ConnectedText: "Nein."},
	}
	for i := range reflect.TypeFor[array.Unverified]().NumField() {
		var u array.Unverified
		field, name := reflect.ValueOf(&u).Elem().Field(i), reflect.TypeFor[array.Unverified]().Field(i).Name
		if field.Kind() == reflect.Bool && name != "AllowDestroyConnected" {
			field.SetBool(true)
			all[name] = u
		}
	}
	return all
}

// TestEitherWay: no repair rests on one side of what an array's documentation
// leaves open. A page holds three rows here, so each list has several.
func TestEitherWay(t *testing.T) {
	s, found := simulator.Find("unmap-refused-iscsi")
	if !found {
		t.Fatal("no such scenario")
	}
	steps := []string{StepRelease, StepDisconnect, StepClear, StepConfirm, StepDestroy, StepVerify}
	for name, u := range switches() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := s
			s.Options.Unverified, s.Options.PageSize = u, 3
			k := kitOf(t, worlds.Built(t, s))
			plan := k.plan("leaked-volume")
			if diff := cmp.Diff(steps, kinds(plan)); diff != "" {
				t.Error(diff)
			}
			result, err := k.tools().Run(t.Context(), plan)
			if err != nil || result.Outcome != journal.Done {
				t.Fatalf("%+v %v", result, err)
			}
			if destroyed, there := k.volume(plan.Object); !destroyed || !there {
				t.Errorf("destroyed %v, there %v", destroyed, there)
			}
			undone, err := k.tools().Undo(t.Context(), result.Run)
			if err != nil || undone.Outcome != journal.Done {
				t.Errorf("undo: %+v %v", undone, err)
			}
			k.noHarm()
		})
	}
}
