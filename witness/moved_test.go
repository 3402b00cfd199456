package witness_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator"
)

// TestMoved: wherever an administrator puts a volume that LXD has a record of
// and a host has mounted, or that an earlier run saw, it is known again.
func TestMoved(t *testing.T) {
	for name, c := range map[string]struct {
		to      string // %p is the pod, %n the last part of the name
		destroy bool
		forget  bool // no earlier run saw it
		gone    bool // the array no longer connects it
	}{
		"renamed":                         {to: "%p::uploads-old"},
		"renamed, and never seen":         {to: "%p::uploads-old", forget: true},
		"renamed, without a device":       {to: "%p::uploads-old", gone: true},
		"in a volume group":               {to: "%p::prod/%n", forget: true},
		"in a volume group, renamed":      {to: "%p::prod/old"},
		"out of the pod":                  {to: "prod/%n", forget: true},
		"out of the pod, without group":   {to: "%n", forget: true, gone: true},
		"out of the pod, renamed":         {to: "prod/old", forget: true},
		"out of it, renamed, no device":   {to: "prod/old", gone: true},
		"in another pod":                  {to: "other::%n", forget: true},
		"in another pod, renamed":         {to: "other::old", gone: true},
		"renamed and destroyed":           {to: "%p::uploads-old", gone: true, destroy: true},
		"out of the pod, and destroyed":   {to: "prod/%n", gone: true, destroy: true, forget: true},
		"named like another one of LXD's": {to: "%p::u-00112233445566778899aabbccddeeff"},
	} {
		w, err := simulator.Healthy(simulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Close)
		o := options(w)
		world, _ := ask(t, o)
		victim := ""
		for _, v := range world.Arrays[0].Volumes.Items {
			if v.LXD.Type == "custom" && !v.LXD.Snapshot && len(w.Hosts[0].DevicesOf(string(v.Serial))) > 0 && victim == "" {
				victim = v.Name
			}
		}
		if victim == "" {
			t.Fatal("no host has a custom volume")
		}
		if !c.forget {
			if err := w.Remember(); err != nil {
				t.Fatal(err)
			}
		}
		if c.gone {
			for _, row := range w.Array.Connections() {
				if row.Volume == victim {
					if err := w.Array.Disconnect(row.Host, victim); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if err := w.Array.CreatePod("other"); err != nil {
			t.Fatal(err)
		}
		pod, last, _ := strings.Cut(victim, "::")
		to := strings.NewReplacer("%p", pod, "%n", last).Replace(c.to)
		if err := w.Relocate(victim, to); err != nil {
			t.Fatal(err)
		}
		if c.destroy {
			if err := w.Array.DestroyVolume(to); err != nil {
				t.Fatal(err)
			}
		}
		w.Age(2 * time.Hour)
		o = options(w)
		_, report := ask(t, o)
		found := false
		for _, f := range report.Findings {
			if f.Object == to && f.Code == "moved-volume" {
				found = true
				remedy := strings.Join(f.Remedy, "\n")
				if f.Severity != diagnose.Critical || f.LXD.Name == "" || f.Serial == "" || !strings.Contains(remedy, "purevol ") || !strings.Contains(remedy, victim) && !strings.Contains(remedy, "move") {
					t.Errorf("%s: %+v", name, f)
				}
				if c.destroy && !strings.Contains(remedy, "purevol recover") || c.destroy != strings.Contains(f.Effect, "eradication timer") {
					t.Errorf("%s: %q, %s", name, f.Effect, remedy)
				}
			} else if f.Object == to && (f.Verdict == diagnose.Safe || f.Code == "foreign-volume" || strings.HasPrefix(f.Code, "leaked")) {
				t.Errorf("%s: it is %s, %s", name, f.Code, f.Verdict)
			}
			if strings.Contains(strings.Join(f.Remedy, "\n"), "lxc storage volume delete") {
				t.Errorf("%s: %s of %s advises %q", name, f.Code, f.Object, f.Remedy)
			}
		}
		if !found {
			t.Errorf("%s: not found among %v", name, verdicts(report))
		}
	}
}

// TestElsewhereIsReadWhereSomethingLacks: the whole array is read because of
// what an earlier run saw with a record in a pod of its that was asked for, if
// it is no longer there, and because of nothing else.
func TestElsewhereIsReadWhereSomethingLacks(t *testing.T) {
	w, err := simulator.Healthy(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	gone := evidence.Sighting{ArrayID: w.Array.ID(), Pod: strings.ToUpper(w.Pool()), VolumeID: "gone", Recorded: w.Clock.Now()}
	for name, c := range map[string]struct {
		change func(*evidence.Sighting)
		lacks  bool
	}{
		"gone":                {change: func(*evidence.Sighting) {}, lacks: true},
		"there":               {change: func(s *evidence.Sighting) { s.VolumeID = w.Array.Volumes()[0].ID }},
		"never had a record":  {change: func(s *evidence.Sighting) { s.Recorded = time.Time{} }},
		"on another array":    {change: func(s *evidence.Sighting) { s.ArrayID = elsewhere }},
		"in nobody's own pod": {change: func(s *evidence.Sighting) { s.Pod = "other" }},
	} {
		o := near(w)
		seen := gone
		c.change(&seen)
		o.Seen = []evidence.Sighting{seen}
		if world, _ := ask(t, o); world.Arrays[0].Elsewhere.IsComplete() != c.lacks {
			t.Errorf("%s: read elsewhere: %v", name, !c.lacks)
		}
	}
}
