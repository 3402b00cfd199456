package devices_test

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

// In these states the question would wait for the session's recovery, or the
// device can't be opened: it must not even be put.
func TestOnlyRunningDisksAreAsked(t *testing.T) {
	states := []string{
		"running", "blocked", "created-blocked", "transport-offline", "offline", "quiesce", "deleted", "cancel", "created", "", "RUNNING",
	}
	m := newMachine()
	for i, state := range states {
		name := "sd" + string(rune('a'+i))
		m.disk(name, fmt.Sprintf("8:%d", 16*i), i)
		m.state(name, state)
	}
	h := m.observe(t)
	if !slices.Equal(m.kernel.asked, []string{"sda"}) {
		t.Errorf("asked %v, want sda only", m.kernel.asked)
	}
	if len(h.Disks.Items) != len(states) {
		t.Fatalf("%d disks", len(h.Disks.Items))
	}
	for i, disk := range h.Disks.Items {
		if i == 0 {
			if disk.Live.Kind != evidence.IdentityKnown || disk.Live.Serial != serialNo(0) {
				t.Errorf("%s: %+v", disk.Name, disk.Live)
			}
			continue
		}
		if disk.Live.Kind != evidence.IdentityUnknown || !strings.Contains(disk.Live.Why, fmt.Sprintf("%q", disk.State)) {
			t.Errorf("%s in state %q: %+v", disk.Name, disk.State, disk.Live)
		}
	}
}

func TestHangingDiskIsAbandoned(t *testing.T) {
	m := newMachine()
	never := make(chan struct{})
	defer close(never)
	m.kernel.hang = map[string]chan struct{}{}
	const disks = 40 // more than are asked at a time
	for i := range disks {
		name := "sd" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		m.disk(name, fmt.Sprintf("8:%d", i), i)
		if i != 0 {
			m.kernel.hang[name] = never
		}
	}
	s := m.system()
	s.InquiryTimeout = 20 * time.Millisecond
	began := time.Now()
	h := devices.Observe(t.Context(), s)
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %s", took)
	}
	known := 0
	for _, disk := range h.Disks.Items {
		if disk.Live.Kind == evidence.IdentityKnown {
			known++
		} else if disk.Live.Why == "" {
			t.Errorf("%s is unknown without a reason", disk.Name)
		}
	}
	m.kernel.lock.Lock()
	asked := len(m.kernel.asked)
	m.kernel.lock.Unlock()
	if known > 1 || asked > 17 {
		t.Errorf("%d known, %d asked: a hanging question must keep its place", known, asked)
	}
	if !h.Disks.IsComplete() || len(h.Disks.Items) != disks {
		t.Errorf("%d disks, %s", len(h.Disks.Items), h.Disks.Why())
	}
}

// changingFS shows a disk as running once, and as blocked from then on.
type changingFS struct {
	*treefs.FS
	name string
	read atomic.Int32
}

func (c *changingFS) Open(name string) (fs.File, error) {
	if name == c.name && c.read.Add(1) > 1 {
		c.AddFile(name, []byte("blocked\n"))
	}
	return c.FS.Open(name)
}

// Between the reading of the disks and the question the session can fail.
func TestStateIsReadAgainBeforeAsking(t *testing.T) {
	m := newMachine()
	m.disk("sda", "8:0", 0)
	s := m.system()
	s.FS = &changingFS{FS: m.FS, name: "sys/devices/platform/host0/session1/target0:0:0/0:0:0:0/state"}
	h := observeSystem(t, s)
	if len(m.kernel.asked) != 0 || h.Disks.Items[0].Live.Kind != evidence.IdentityUnknown || h.Disks.Items[0].State != "running" {
		t.Errorf("asked %v: %+v", m.kernel.asked, h.Disks.Items[0])
	}
}

// An answer of a kind that nobody knows is no answer.
func TestStrangeAnswer(t *testing.T) {
	m := newMachine()
	m.disk("sda", "8:0", 0)
	m.kernel.know("sda", evidence.Identity{Kind: "maybe", Serial: serialNo(0)})
	if live := m.observe(t).Disks.Items[0].Live; live.Kind != evidence.IdentityUnknown || live.Serial != "" {
		t.Errorf("%+v", live)
	}
}
