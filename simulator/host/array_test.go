package host_test

import (
	"slices"
	"sync"

	"github.com/pureclean/pureclean/simulator/fabric"
)

// array is a target for these tests: it shows volumes under the lowest free
// number and, unlike the simulated array, does nothing else.
type array struct {
	mu      sync.Mutex
	exports map[string][]fabric.Export
	changed func()
}

const (
	iqnTarget = "iqn.2010-06.com.purestorage:flasharray.4a1b2c3d4e5f6071"
	nqnTarget = "nqn.2010-06.com.purestorage:flasharray.4a1b2c3d4e5f6071"
)

var (
	iscsiPortals = []string{"10.77.1.1:3260", "10.77.0.1:3260"}
	nvmePortals  = []string{"10.77.0.1:4420", "10.77.1.1:4420"}
)

func newArray() *array { return &array{exports: map[string][]fabric.Export{}, changed: func() {}} }

func (a *array) Exports(initiator string) []fabric.Export {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.exports[initiator])
}

func (a *array) ISCSI() (string, []string) { return iqnTarget, iscsiPortals }
func (a *array) NVMe() (string, []string)  { return nqnTarget, nvmePortals }

// connect shows a volume to an initiator.
func (a *array) connect(initiator, serial string) {
	a.mu.Lock()
	taken := map[int]bool{}
	for _, e := range a.exports[initiator] {
		taken[e.LUN] = true
	}
	lun := 1
	for taken[lun] {
		lun++
	}
	a.exports[initiator] = append(a.exports[initiator], fabric.Export{Serial: serial, LUN: lun, NSID: lun, Bytes: 64 << 20})
	a.mu.Unlock()
	a.changed()
}

func (a *array) disconnect(initiator, serial string) {
	a.mu.Lock()
	a.exports[initiator] = slices.DeleteFunc(a.exports[initiator], func(e fabric.Export) bool { return e.Serial == serial })
	a.mu.Unlock()
	a.changed()
}
