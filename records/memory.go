package records

import (
	"slices"
	"sync"

	"github.com/pureclean/pureclean/evidence"
)

// Memory recognises what LXD says as it said it in an earlier reading. Everything
// is read each time; only texts that are alike are not made once more, and lists
// that did not contradict each other are not compared again while each of them
// says the same. The zero Memory is empty, and a nil one stays so. Several readings
// may use it at the same time.
type Memory struct {
	mu sync.Mutex
	// users are those of each pool, in the order of the pools.
	users [][]string
	// agreed are lists that did not contradict each other.
	agreed *compared
}

// compared are the lists that clashes holds against each other.
type compared struct {
	users     [][]string
	records   []evidence.Record
	instances []evidence.Instance
	daemon    []evidence.DaemonVolume
}

// remember keeps who uses the pools.
func (m *Memory) remember(pools []poolRow) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.users = make([][]string, len(pools))
	for i := range pools {
		m.users[i] = pools[i].UsedBy
	}
}

// usersOf are those of a pool, by its place in the list of pools.
func (m *Memory) usersOf(i int) []string {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if i >= len(m.users) {
		return nil
	}
	return m.users[i]
}

// agreedBefore reports lists that are known not to contradict each other.
func (m *Memory) agreedBefore(now *compared) bool {
	if m == nil || now == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.agreed != nil && slices.EqualFunc(m.agreed.users, now.users, same) && same(m.agreed.records, now.records) &&
		slices.EqualFunc(m.agreed.instances, now.instances, comparesAlike) && slices.Equal(m.agreed.daemon, now.daemon)
}

// agree notes lists that were compared and do not contradict each other.
func (m *Memory) agree(now *compared) {
	if m == nil || now == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.agreed = now
}

// clashes compares the lists, unless each says what it said when they agreed.
func (r *Reader) clashes(a *answers, out evidence.LXD) []clash {
	lists := a.compared(&out)
	if r.memory.agreedBefore(lists) {
		return nil
	}
	found := a.clashes(out)
	if len(found) == 0 {
		r.memory.agree(lists)
	}
	return found
}

// compared is nil where a pool's rows are not all those of before: what is read
// anew is compared each time, and what can't be read contradicts nothing.
func (a *answers) compared(out *evidence.LXD) *compared {
	c := &compared{records: out.Records.Items, instances: out.Instances.Items, daemon: out.DaemonVolumes.Items}
	for _, pool := range a.pure() {
		if !a.before.all(pool.Name) {
			return nil
		}
		c.users = append(c.users, pool.UsedBy)
	}
	return c
}

// same reports the very rows, and not only such that are alike.
func same[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// comparesAlike reports instances of which clashes sees no difference.
func comparesAlike(a, b evidence.Instance) bool {
	return a.Name == b.Name && a.Project == b.Project && slices.Equal(a.Disks, b.Disks)
}
