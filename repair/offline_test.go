package repair

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// offline are the paths that are, by machine and disk sequence number.
func (k *kit) offline() map[string][]evidence.Count {
	k.t.Helper()
	world, _ := k.scan()
	all := map[string][]evidence.Count{}
	for _, h := range world.Hosts {
		for _, disk := range h.Disks.Items {
			if disk.State == "offline" {
				all[h.Name] = append(all[h.Name], disk.Seq)
			}
		}
	}
	return all
}

// offlineIsExplained: of each path that went offline since, the journal says
// which interrupted run did that, and what is found names it.
func (k *kit) offlineIsExplained(before map[string][]evidence.Count) {
	k.t.Helper()
	left, err := LeftOffline(k.book)
	if err != nil {
		k.t.Fatal(err)
	}
	world, _ := k.scan()
	id, now := k.interrupted(), 0
	for _, h := range world.Hosts {
		for _, disk := range h.Disks.Items {
			if disk.State != "offline" || slices.Contains(before[h.Name], disk.Seq) {
				continue
			}
			now++
			ours := func(l evidence.LeftOffline) bool {
				return l.Run == id && l.Host == h.Name && l.Boot == h.Boot && l.Disk == disk.Name && l.Seq == disk.Seq && l.Serial == disk.Serial
			}
			if !slices.ContainsFunc(left, ours) {
				k.t.Errorf("nothing says that run %q set %s offline: %+v", id, disk.Name, left)
			}
		}
	}
	if now == 0 {
		return
	}
	world.LeftOffline = left
	report := diagnose.Judge(world, diagnose.DefaultPolicy())
	names := func(f diagnose.Finding) bool { return f.Interrupted == id && strings.Contains(f.Detail, "run "+id) }
	if !slices.ContainsFunc(report.Findings, names) {
		k.t.Errorf("no finding names run %s: %+v", id, report.Findings)
	}
}

// A run that a process is at has set its paths offline, too, and is not
// interrupted; the moment that the process ends it is.
func TestRunUnderWayIsNotInterrupted(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	tools := k.tools()
	plan := k.plan("leaked-volume")
	asked := 0
	var hands *onceOffline
	tools.Machine = func(member string) (Machine, bool) {
		m, ok := k.local(member, k.sleep)
		if hands == nil {
			hands = &onceOffline{DeviceWriter: m.Writer, then: func() {
				asked++
				if left, err := LeftOffline(k.book); err != nil || len(left) > 0 || k.interrupted() != "" {
					t.Errorf("a run under way is called interrupted: %v, %v", left, err)
				}
			}}
		}
		m.Writer = hands
		return m, ok
	}
	if _, err := tools.Run(context.Background(), plan); err == nil || asked == 0 {
		t.Fatalf("%v after %d", err, asked)
	}
	left, err := LeftOffline(k.book)
	if err != nil || len(left) == 0 || left[0].Run != k.interrupted() {
		t.Errorf("%+v, %v", left, err)
	}
}

// onceOffline set one path offline, and nothing after it.
type onceOffline struct {
	release.DeviceWriter
	then func()
	dead bool
}

func (o *onceOffline) SetState(ctx context.Context, disk release.Target, state string) error {
	if o.dead {
		return errors.New("killed")
	}
	o.dead = true
	err := o.DeviceWriter.SetState(ctx, disk, state)
	o.then()
	return err
}
