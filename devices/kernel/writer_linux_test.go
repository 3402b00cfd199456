package kernel

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
)

const uuid10, uuid11, uuid12 = "mpath-" + wwid10, "mpath-" + wwid11, "mpath-" + wwid12

// rig is a machine's writer over a device-mapper in memory, with multipathd
// stopped and a clock that nobody waits for.
type rig struct {
	*writer
	dm *dmKernel
	// slept adds up what was waited.
	slept time.Duration
}

func newRig(maps ...dmDevice) *rig {
	r := &rig{dm: &dmKernel{devices: maps, acts: true}}
	r.writer = &writer{
		live:  live{timeout: defaultTimeout, openDM: r.dm.open},
		write: writeAttribute,
		claim: func(string, string) error { return nil },
		sleep: func(ctx context.Context, d time.Duration) error {
			r.slept += d
			return ctx.Err()
		},
	}
	return r
}

// mapDevice is a map with one path.
func mapDevice(name, uuid string, minor uint32, open int32) dmDevice {
	return dmDevice{
		name: name, uuid: uuid, major: 254, minor: minor, open: open,
		status: []string{"0 131072 multipath 2 0 1 0 1 1 A 0 1 2 8:48 A 0 0 1"},
		table:  []string{"0 131072 multipath 1 queue_if_no_path 1 alua 1 1 service-time 0 1 2 8:48 1 1"},
	}
}

func partDevice(name, uuid string, minor uint32, open int32) dmDevice {
	return dmDevice{
		name: name, uuid: uuid, major: 254, minor: minor, open: open,
		status: []string{"0 2048 linear"}, table: []string{"0 2048 linear 254:0 2048"},
	}
}

// changes are the requests that changed something.
func (k *dmKernel) changes() []string {
	var all []string
	for _, asked := range k.asked {
		verb, _, _ := strings.Cut(asked, " ")
		if !slices.Contains([]string{"list", "status", "targets", "table"}, verb) {
			all = append(all, asked)
		}
	}
	return all
}

func (k *dmKernel) names() []string {
	var all []string
	for _, d := range k.devices {
		all = append(all, d.name)
	}
	return all
}

func wants(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, not %q", what, got, want)
	}
}

func TestRemoveMap(t *testing.T) {
	r := newRig(mapDevice("mpatha", uuid10, 0, 0), mapDevice("mpathb", uuid11, 1, 0))
	if err := r.RemoveMap(t.Context(), uuid10); err != nil {
		t.Fatal(err)
	}
	wants(t, "changes", r.dm.changes(), "remove mpatha")
	wants(t, "what is left", r.dm.names(), "mpathb")
	if err := r.RemoveMap(t.Context(), uuid10); err != nil {
		t.Errorf("a map that has gone: %v", err)
	}
	if r.slept != 0 || len(r.dm.changes()) != 1 {
		t.Errorf("slept %v, %q", r.slept, r.dm.changes())
	}
}

// Partitions that nobody has open go first; each of them has the map open.
func TestRemoveMapWithPartitions(t *testing.T) {
	maps := func(open1, open2 int32) []dmDevice {
		return []dmDevice{
			mapDevice("mpatha", uuid10, 0, 2), partDevice("mpatha-part1", "part1-"+uuid10, 1, open1),
			partDevice("mpatha-part2", "part2-"+uuid10, 2, open2), partDevice("mpathb-part1", "part1-"+uuid11, 3, 0),
		}
	}
	r := newRig(maps(0, 0)...)
	if err := r.RemoveMap(t.Context(), uuid10); err != nil {
		t.Fatal(err)
	}
	wants(t, "changes", r.dm.changes(), "remove mpatha-part1", "remove mpatha-part2", "remove mpatha")
	wants(t, "what is left", r.dm.names(), "mpathb-part1")

	r = newRig(maps(0, 1)...)
	err := r.RemoveMap(t.Context(), uuid10)
	if !errors.Is(err, release.ErrInUse) || !strings.Contains(err.Error(), "mpatha-part2 is open 1 times") {
		t.Errorf("an open partition: %v", err)
	}
	wants(t, "changes", r.dm.changes())

	// One that stays keeps the map.
	r = newRig(maps(0, 0)...)
	r.dm.refuse = func(uint, *dmDevice) error { return unix.EIO }
	err = r.RemoveMap(t.Context(), uuid10)
	if !errors.Is(err, unix.EIO) || !strings.Contains(err.Error(), "its partition mpatha-part1") {
		t.Errorf("a partition that can't be removed: %v", err)
	}
	wants(t, "changes", r.dm.changes(), "remove mpatha-part1")
}

// Somebody who has it open keeps it; one who has it open for a moment only
// makes it last.
func TestRemoveMapInUse(t *testing.T) {
	r := newRig(mapDevice("mpatha", uuid10, 0, 1))
	err := r.RemoveMap(t.Context(), uuid10)
	if !errors.Is(err, release.ErrInUse) || !strings.Contains(err.Error(), "open 1 times") {
		t.Error(err)
	}
	wants(t, "changes", r.dm.changes())
	if r.slept != (removeTries-1)*removePause {
		t.Errorf("slept %v", r.slept)
	}

	r = newRig(mapDevice("mpatha", uuid10, 0, 1))
	looks := 0
	r.dm.before = func(request uint) {
		if request == unix.DM_LIST_DEVICES {
			if looks++; looks == 3 {
				r.dm.devices[0].open = 0
			}
		}
	}
	if err := r.RemoveMap(t.Context(), uuid10); err != nil || r.slept != 2*removePause {
		t.Errorf("%v after %v", err, r.slept)
	}

	// Opened between the look and the removal: the kernel has the last word.
	r = newRig(mapDevice("mpatha", uuid10, 0, 0))
	r.dm.refuse = func(request uint, d *dmDevice) error {
		d.open = 1
		return nil
	}
	if err := r.RemoveMap(t.Context(), uuid10); !errors.Is(err, release.ErrInUse) || len(r.dm.devices) != 1 {
		t.Errorf("%v, %q", err, r.dm.names())
	}
}

// A removal that failed half-way may leave the map suspended, and every
// reader of it in a sleep that nothing ends.
func TestRemoveMapResumes(t *testing.T) {
	r := newRig(mapDevice("mpatha", uuid10, 0, 0))
	r.dm.refuse = func(request uint, d *dmDevice) error {
		if request != unix.DM_DEV_REMOVE {
			return nil
		}
		d.flags |= unix.DM_SUSPEND_FLAG
		return unix.EIO
	}
	err := r.RemoveMap(t.Context(), uuid10)
	if !errors.Is(err, unix.EIO) {
		t.Error(err)
	}
	wants(t, "changes", r.dm.changes(), "remove mpatha", "suspend mpatha")
	if r.dm.devices[0].flags&unix.DM_SUSPEND_FLAG != 0 {
		t.Error("it is still suspended")
	}

	// After each try, not only the last.
	r = newRig(mapDevice("mpatha", uuid10, 0, 0))
	r.dm.refuse = func(request uint, d *dmDevice) error {
		if request != unix.DM_DEV_REMOVE {
			return nil
		}
		d.flags |= unix.DM_SUSPEND_FLAG
		return unix.EBUSY
	}
	if err := r.RemoveMap(t.Context(), uuid10); !errors.Is(err, release.ErrInUse) {
		t.Error(err)
	}
	if n := len(r.dm.changes()); n != 2*removeTries {
		t.Errorf("%d changes: %q", n, r.dm.changes())
	}

	// One that could not be resumed is told.
	r.dm.devices[0].flags = 0
	r.dm.refuse = func(request uint, d *dmDevice) error {
		d.flags |= unix.DM_SUSPEND_FLAG
		return unix.EIO
	}
	if err := r.RemoveMap(t.Context(), uuid10); err == nil || !strings.Contains(err.Error(), "could not be resumed") {
		t.Error(err)
	}
}

// A map that somebody else suspended is somebody else's.
func TestRemoveMapSuspendedBefore(t *testing.T) {
	d := mapDevice("mpatha", uuid10, 0, 0)
	d.flags = unix.DM_SUSPEND_FLAG
	r := newRig(d)
	if err := r.RemoveMap(t.Context(), uuid10); !errors.Is(err, release.ErrState) || !strings.Contains(err.Error(), "dmsetup resume mpatha") {
		t.Error(err)
	}
	wants(t, "changes", r.dm.changes())
}

// Gone means gone by its uuid, whatever the kernel said.
func TestRemoveMapLooksAgain(t *testing.T) {
	r := newRig(mapDevice("mpatha", uuid10, 0, 0))
	again := mapDevice("mpatha", uuid10, 0, 0)
	r.dm.before = func(request uint) {
		// Multipathd makes it anew at once, each time.
		if request == unix.DM_DEV_STATUS && len(r.dm.devices) == 0 {
			r.dm.devices = append(r.dm.devices, again)
		}
	}
	if err := r.RemoveMap(t.Context(), uuid10); err == nil || !strings.Contains(err.Error(), "is there again") {
		t.Error(err)
	}

	// And another map of that number is not it.
	r = newRig(mapDevice("mpatha", uuid10, 0, 0))
	other := mapDevice("mpathb", uuid11, 0, 1)
	r.dm.before = func(request uint) {
		if request == unix.DM_DEV_REMOVE {
			r.dm.devices = []dmDevice{other}
		}
	}
	if err := r.RemoveMap(t.Context(), uuid10); err != nil {
		t.Errorf("it had gone when it was to be removed: %v", err)
	}
	wants(t, "changes", r.dm.changes())
	wants(t, "what is left", r.dm.names(), "mpathb")
}

func TestOnlyPureMaps(t *testing.T) {
	for _, uuid := range []string{
		"", "mpath-", "mpath-3600508b400105e210000900000490000", "LVM-abc", "part1-" + uuid10, uuid10 + "x",
		strings.ToUpper(uuid10), "CRYPT-LUKS2-" + wwid10, wwid10, uuid10 + "\n", strings.Repeat("x", 200),
	} {
		r := newRig(mapDevice("mpatha", uuid, 0, 0))
		if err := r.RemoveMap(t.Context(), uuid); !errors.Is(err, release.ErrOther) {
			t.Errorf("removing %q: %v", uuid, err)
		}
		if err := r.SetQueueing(t.Context(), uuid, false); !errors.Is(err, release.ErrOther) {
			t.Errorf("queueing of %q: %v", uuid, err)
		}
		if wwid := strings.TrimPrefix(uuid, "mpath-"); wwid != wwid10 {
			if err := r.AddMap(t.Context(), wwid); !errors.Is(err, release.ErrOther) {
				t.Errorf("adding %q: %v", wwid, err)
			}
		}
		wants(t, "changes for "+uuid, r.dm.changes())
	}
}

func TestRemoveMapThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unblock := make(chan struct{})
		r := newRig(mapDevice("mpatha", uuid10, 0, 0), mapDevice("mpathb", uuid11, 1, 0))
		r.dm.refuse = func(request uint, d *dmDevice) error {
			if d.name == "mpatha" {
				<-unblock
			}
			return nil
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := r.RemoveMap(ctx, uuid10)
		if !errors.Is(err, release.ErrAbandoned) || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		// The same map is not tried twice at a time, another one is.
		if err := r.RemoveMap(t.Context(), uuid10); !errors.Is(err, release.ErrAbandoned) || !errors.Is(err, errStillOut) {
			t.Errorf("again: %v", err)
		}
		if err := r.RemoveMap(t.Context(), uuid11); err != nil {
			t.Errorf("another: %v", err)
		}
		close(unblock)
		synctest.Wait()
		wants(t, "what is left", r.dm.names())
	})
}

// What hung before its request does not make it any more.
func TestNoRequestAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(mapDevice("mpatha", uuid10, 0, 0))
		unblock, opens := make(chan struct{}), 0
		r.live.openDM = func() (*dmControl, error) {
			if opens++; opens == 2 { // the first is for the look
				<-unblock
			}
			return r.dm.open()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.RemoveMap(ctx, uuid10); !errors.Is(err, release.ErrAbandoned) {
			t.Error(err)
		}
		close(unblock)
		synctest.Wait()
		wants(t, "changes", r.dm.changes())
	})
}

// An answer about another device is none.
func TestStatusOfAnother(t *testing.T) {
	c := &dmControl{call: func(_ uint, buf []byte) error {
		copy(buf[dmUUIDAt:], uuid11)
		return nil
	}}
	if _, exists, err := c.statusByUUID(uuid10); err == nil || exists {
		t.Errorf("%v, %v", exists, err)
	}
}

func TestNothingIsBegunTooLate(t *testing.T) {
	r := newRig(mapDevice("mpatha", uuid10, 0, 0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := r.RemoveMap(ctx, uuid10)
	if !errors.Is(err, context.Canceled) || errors.Is(err, release.ErrAbandoned) {
		t.Error(err)
	}
	wants(t, "changes", r.dm.changes())
}

func TestRemoveMapNotRoot(t *testing.T) {
	r := newRig(mapDevice("mpatha", uuid10, 0, 0))
	r.dm.refuse = func(uint, *dmDevice) error { return unix.EACCES }
	if err := r.RemoveMap(t.Context(), uuid10); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "only root") {
		t.Error(err)
	}
	r.live.openDM = func() (*dmControl, error) { return nil, unix.ENOENT }
	if err := r.RemoveMap(t.Context(), uuid10); err == nil {
		t.Error("without device-mapper nothing was removed, and it said so")
	}
}

// told is a multipathd that does what it is told.
type told struct {
	mu       sync.Mutex
	commands []string
	reply    func(command string) string
}

func (r *rig) daemon(t *testing.T, reply func(command string) string) *told {
	t.Helper()
	d := &told{reply: reply}
	s := listen(t, path(t), replying(func(command string) string {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.commands = append(d.commands, command)
		return d.reply(command)
	}))
	r.live.sockets = []socket{s}
	return d
}

func (d *told) heard() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.commands)
}

const (
	queueTable   = "0 131072 multipath 1 queue_if_no_path 1 alua 1 1 service-time 0 1 2 8:48 1 1"
	noQueueTable = "0 131072 multipath 0 1 alua 1 1 service-time 0 1 2 8:48 1 1"
)

// With multipathd running it is told, by the map's name: before 0.9.8 it does
// not find a map by its WWID.
func TestSetQueueingTellsMultipathd(t *testing.T) {
	r := newRig(mapDevice("mpatha", uuid10, 0, 0), mapDevice("mpathb", uuid11, 1, 0))
	d := r.daemon(t, func(command string) string {
		if command == "disablequeueing map mpatha" {
			r.dm.devices[0].table[0] = noQueueTable
		}
		return "ok\n"
	})
	if err := r.SetQueueing(t.Context(), uuid10, false); err != nil {
		t.Fatal(err)
	}
	if err := r.SetQueueing(t.Context(), uuid10, true); err != nil {
		t.Fatal(err)
	}
	wants(t, "commands", d.heard(), "disablequeueing map mpatha", "restorequeueing map mpatha")
	wants(t, "ioctls", r.dm.changes())
}

// It said yes, and meant another map: the kernel is told of ours by its uuid.
func TestSetQueueingLooksAgain(t *testing.T) {
	r := newRig(mapDevice("mpatha", uuid10, 0, 0))
	r.daemon(t, func(string) string { return "ok\n" })
	if err := r.SetQueueing(t.Context(), uuid10, false); err != nil {
		t.Fatal(err)
	}
	wants(t, "ioctls", r.dm.changes(), "fail_if_no_path mpatha")

	r = newRig(mapDevice("mpatha", uuid10, 0, 0))
	r.daemon(t, func(string) string { return "ok\n" })
	r.dm.before = func(request uint) { r.dm.devices[0].table[0] = queueTable }
	if err := r.SetQueueing(t.Context(), uuid10, false); err == nil || !strings.Contains(err.Error(), "did not change") {
		t.Errorf("it queues on: %v", err)
	}
}

func TestSetQueueingWithoutMultipathd(t *testing.T) {
	r := newRig(mapDevice("mpatha", uuid10, 0, 0), mapDevice("mpathb", uuid11, 1, 0))
	for _, step := range []struct {
		on   bool
		want string
	}{{false, noQueueTable}, {true, queueTable}, {true, queueTable}} {
		if err := r.SetQueueing(t.Context(), uuid10, step.on); err != nil || r.dm.devices[0].table[0] != step.want {
			t.Errorf("%v: %v, %q", step.on, err, r.dm.devices[0].table[0])
		}
	}
	wants(t, "ioctls", r.dm.changes(), "fail_if_no_path mpatha", "queue_if_no_path mpatha")
	if r.dm.devices[1].table[0] != queueTable {
		t.Error("another map was changed")
	}
}

func TestSetQueueingFails(t *testing.T) {
	for _, test := range []struct {
		name, reply string
		is          error
		says        string
		ioctls      []string
	}{
		{"not managed by it", "fail\n", nil, "", []string{"fail_if_no_path mpatha"}},
		{"not managed, newer", "fail\ndevice not found\n", nil, "", []string{"fail_if_no_path mpatha"}},
		{"busy", "timeout\n", release.ErrAbandoned, "too busy", nil},
		{"busy, newer", "fail\ntimeout\n", release.ErrAbandoned, "may still do it", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(mapDevice("mpatha", uuid10, 0, 0))
			r.daemon(t, func(string) string { return test.reply })
			err := r.SetQueueing(t.Context(), uuid10, false)
			if test.is == nil && err != nil || test.is != nil && (!errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says)) {
				t.Error(err)
			}
			wants(t, "ioctls", r.dm.changes(), test.ioctls...)
		})
	}
	r := newRig()
	if err := r.SetQueueing(t.Context(), uuid10, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no map: %v", err)
	}
	// A name that multipathd would read as more than one word is not sent.
	r = newRig(mapDevice(`a" map "mpathb`, uuid10, 0, 0))
	d := r.daemon(t, func(string) string { return "ok\n" })
	if err := r.SetQueueing(t.Context(), uuid10, false); err != nil || len(d.heard()) != 0 {
		t.Errorf("%v, %q", err, d.heard())
	}
	wants(t, "ioctls", r.dm.changes(), `fail_if_no_path a" map "mpathb`)
}

func TestAddMap(t *testing.T) {
	for _, reply := range []string{
		"ok\n",
		// Before 0.9.8 it makes a map with a friendly name and says this.
		"fail\n",
	} {
		r := newRig()
		d := r.daemon(t, func(command string) string {
			if command == "add map "+wwid10 {
				r.dm.devices = append(r.dm.devices, mapDevice("mpatha", uuid10, 0, 0))
			}
			return reply
		})
		if err := r.AddMap(t.Context(), wwid10); err != nil || r.slept != 0 {
			t.Errorf("%q: %v after %v", reply, err, r.slept)
		}
		wants(t, "commands", d.heard(), "add map "+wwid10)
	}

	for reply, says := range map[string]string{
		"ok\n": "did not appear", "fail\n": "refused", "blacklisted\nfail\n": "blacklisted", "timeout\n": "may still do it",
	} {
		r := newRig(mapDevice("mpathb", uuid11, 0, 0))
		r.daemon(t, func(string) string { return reply })
		if err := r.AddMap(t.Context(), wwid10); err == nil || !strings.Contains(err.Error(), says) || r.slept != (mapTries-1)*mapPause {
			t.Errorf("%q: %v after %v", reply, err, r.slept)
		}
	}

	// It takes a moment.
	r := newRig()
	r.daemon(t, func(string) string { return "ok\n" })
	r.dm.before = func(request uint) {
		if r.slept == 3*mapPause && len(r.dm.devices) == 0 {
			r.dm.devices = append(r.dm.devices, mapDevice("mpatha", uuid10, 0, 0))
		}
	}
	if err := r.AddMap(t.Context(), wwid10); err != nil {
		t.Error(err)
	}
}

func TestAddMapWithoutMultipathd(t *testing.T) {
	r := newRig()
	if err := r.AddMap(t.Context(), wwid10); !errors.Is(err, errNoDaemon) || r.slept != 0 {
		t.Errorf("%v after %v", err, r.slept)
	}
}

// A user's process that sits at the abstract address hears nothing.
func TestWriterTellsOnlyRoot(t *testing.T) {
	r := newRig(mapDevice("mpatha", uuid10, 0, 0))
	d := r.daemon(t, func(string) string { return "ok\n" })
	r.live.sockets[0].owner++
	if err := r.AddMap(t.Context(), wwid11); err == nil || !strings.Contains(err.Error(), "is not multipathd") {
		t.Error(err)
	}
	wants(t, "commands", d.heard())
}

func TestMultipathdThatHangs(t *testing.T) {
	r := newRig(mapDevice("mpatha", uuid10, 0, 0))
	ctx, cancel := context.WithCancel(t.Context())
	r.live.sockets = []socket{listen(t, path(t), func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 8))
		cancel()
		_, _ = conn.Read(make([]byte, 1<<10))
		_, _ = conn.Read(make([]byte, 1)) // until the other side hangs up
	})}
	if err := r.SetQueueing(ctx, uuid10, false); !errors.Is(err, release.ErrAbandoned) {
		t.Error(err)
	}
	wants(t, "ioctls", r.dm.changes())
}

func TestQueues(t *testing.T) {
	for _, test := range []struct {
		table string
		want  bool
		fails bool
	}{
		{"multipath 1 queue_if_no_path 1 alua 1 1 service-time 0 1 2 8:48 1 1", true, false},
		{"multipath 2 pg_init_retries 50 0 0 0", false, false},
		{"multipath 2 pg_init_retries 50 0 1 1", false, true},
		{"multipath 3 queue_if_no_path pg_init_retries 50 0 0 0", true, false},
		{"multipath 3 pg_init_retries 50 queue_if_no_path 0 0 0", true, false},
		{"multipath 0 1 alua 0 0", false, false},
		// Not among the features.
		{"multipath 0 1 queue_if_no_path 0 0", false, false},
		{"linear 8:0 0", false, true},
		{"linear 1 queue_if_no_path", false, true},
		{"multipath", false, true},
		{"multipath x", false, true},
		{"multipath 9 queue_if_no_path", false, true},
		{"", false, true},
	} {
		got, err := devices.DM{Table: test.table}.Queues()
		if got != test.want || (err != nil) != test.fails {
			t.Errorf("%q: %v, %v", test.table, got, err)
		}
	}
}

func TestLiveWriter(t *testing.T) {
	h, ok := LiveWriter().(*writer)
	if !ok || h.sysfs != "/sys" || h.write == nil || h.claim == nil || h.sleep == nil || h.live.openDM == nil || h.live.timeout != defaultTimeout {
		t.Errorf("%+v", h)
	}
	if diff := cmp.Diff(multipathdSockets(), h.live.sockets, cmp.AllowUnexported(socket{})); diff != "" {
		t.Error(diff)
	}
	if _, reads := Live().(release.DeviceWriter); reads {
		t.Error("what only reads can change something")
	}
}

// failing lets device-mapper fail from one of its openings, or at some requests,
// on.
func (r *rig) failing(opening int, at func(request uint, buf []byte) bool) {
	opened := 0
	r.live.openDM = func() (*dmControl, error) {
		if opened++; opened == opening {
			return nil, unix.EIO
		}
		return &dmControl{close: func() {}, call: func(request uint, buf []byte) error {
			if at != nil && at(request, buf) {
				return unix.EIO
			}
			return r.dm.ioctl(request, buf)
		}}, nil
	}
}

// What can't be asked is neither done nor gone.
func TestDeviceMapperFails(t *testing.T) {
	for opening := 1; opening <= 2; opening++ {
		r := newRig(mapDevice("mpatha", uuid10, 0, 0))
		r.failing(opening, nil)
		if err := r.RemoveMap(t.Context(), uuid10); !errors.Is(err, unix.EIO) {
			t.Errorf("removing, at opening %d: %v", opening, err)
		}
	}
	for opening := 1; opening <= 4; opening++ {
		for on, table := range map[bool]string{false: queueTable, true: noQueueTable} {
			r := newRig(mapDevice("mpatha", uuid10, 0, 0))
			r.dm.devices[0].table[0] = table
			r.failing(opening, nil)
			if err := r.SetQueueing(t.Context(), uuid10, on); !errors.Is(err, unix.EIO) {
				t.Errorf("queueing %t, at opening %d: %v", on, opening, err)
			}
			if told := len(r.dm.changes()) > 0; told != (opening == 4) {
				t.Errorf("queueing %t, at opening %d: %q", on, opening, r.dm.changes())
			}
		}
	}
	r := newRig()
	r.daemon(t, func(string) string { return "ok\n" })
	r.failing(1, nil)
	if err := r.AddMap(t.Context(), wwid10); !errors.Is(err, unix.EIO) {
		t.Errorf("adding: %v", err)
	}
	r = newRig(mapDevice("mpatha", uuid10, 0, 0))
	r.failing(0, func(request uint, _ []byte) bool { return request == unix.DM_DEV_STATUS && len(r.dm.devices) == 0 })
	if err := r.RemoveMap(t.Context(), uuid10); !errors.Is(err, unix.EIO) {
		t.Errorf("looking whether it has gone: %v", err)
	}
	r = newRig(mapDevice("mpatha", uuid10, 0, 0))
	r.dm.refuse = func(uint, *dmDevice) error { return unix.EACCES }
	if err := r.SetQueueing(t.Context(), uuid10, false); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("telling the kernel: %v", err)
	}
	r = newRig(mapDevice("mpatha", uuid10, 0, 0))
	lists := 0
	r.dm.before = func(request uint) {
		if request == unix.DM_LIST_DEVICES {
			if lists++; lists > 1 {
				r.dm.devices = nil
			}
		}
	}
	if err := r.SetQueueing(t.Context(), uuid10, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a map that goes meanwhile: %v", err)
	}
	c := &dmControl{call: func(uint, []byte) error { t.Error("asked about no map"); return nil }}
	for _, uuid := range []string{"", strings.Repeat("x", unix.DM_UUID_LEN)} {
		if err := c.remove(uuid); err == nil {
			t.Errorf("a request about %q", uuid)
		}
	}
	if err := c.message(uuid10, strings.Repeat("x", dmFirstBuffer)); err == nil {
		t.Error("a message that is larger than the buffer")
	}
}
