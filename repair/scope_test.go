package repair

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

// lastSeen notes at each change how much the look before it read anew.
type lastSeen struct {
	anew    evidence.Anew
	changes []string
	narrow  []string // changes that rest on less than all
}

func (l *lastSeen) call(name string, do func() error) error {
	l.changes = append(l.changes, name)
	if l.anew != evidence.AnewAll {
		l.narrow = append(l.narrow, name)
	}
	return do()
}

// TestEachChangeRestsOnAllAboutTheVolume: what is read after a step, to see
// whether it is done, is less than all that there is about the volume, so the
// look before each request and each write to a device has to be another one.
func TestEachChangeRestsOnAllAboutTheVolume(t *testing.T) {
	for scenario, want := range map[string][]string{
		"device-too-late-iscsi":   {"disconnect", "destroy"},
		"connect-reply-lost-nvme": {"disconnect", "destroy"},
	} {
		k := newKit(t, scenario)
		k.world.Age(3 * time.Hour)
		plan := k.plan("leaked-volume")
		tools, seen, narrow := k.tools(), &lastSeen{}, 0
		look, writer := tools.Look, tools.Writer
		tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			seen.anew = about.Anew
			if about.Anew != evidence.AnewAll {
				narrow++
			}
			return look(ctx, about)
		}
		tools.Writer = func(ctx context.Context, id string) (Writer, error) {
			w, err := writer(ctx, id)
			return badWriter{w, seen}, err
		}
		tools.Machine = func(member string) (Machine, bool) {
			local, ok := k.local(member, k.sleep)
			return release.Local{System: local.System, Hands: badHands{local.Hands, seen}, Sleep: local.Sleep}, ok
		}
		if result, err := tools.Run(t.Context(), plan); err != nil {
			t.Fatalf("%s: %v (%+v)", scenario, err, result)
		}
		if len(seen.narrow) > 0 {
			t.Errorf("%s: %q rest on what was read after a step", scenario, seen.narrow)
		}
		for _, change := range want {
			if !slices.Contains(seen.changes, change) {
				t.Errorf("%s: no %s in %q", scenario, change, seen.changes)
			}
		}
		if narrow == 0 {
			t.Errorf("%s: each look read everything, so this shows nothing", scenario)
		}
	}
}
