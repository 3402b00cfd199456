package devices

import (
	"context"
	"fmt"
	"sync"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

const (
	// maxInquiries is how many disks are asked at a time. One that never answers
	// keeps its place, so no more than that many threads can be stuck.
	maxInquiries = 16
	// inquiryRounds is how many timeouts the questions to all disks may last.
	inquiryRounds = 3
	// stateRunning is the only state in which a disk is asked: in "blocked"
	// the question waits until the session recovers, in "offline" and
	// "transport-offline" the device can't even be opened.
	stateRunning = "running"
)

// identify asks every running disk who it is, for what sysfs says of that is
// from when the device was added.
func identify(ctx context.Context, s System, b blocks, disks []evidence.Disk) {
	all, cancel := context.WithTimeout(ctx, inquiryRounds*s.InquiryTimeout)
	defer cancel()
	places := make(chan struct{}, maxInquiries)
	var wait sync.WaitGroup
	for i := range disks {
		if disks[i].State != stateRunning {
			disks[i].Live.Why = fmt.Sprintf("not asked: its state is %q", disks[i].State)
			continue
		}
		wait.Go(func() {
			disks[i].Live = inquire(all, s, deviceDir(hostfs.Tree{FS: s.FS}, b.byName[disks[i].Name]), disks[i].Name, places)
		})
	}
	wait.Wait()
}

// inquire puts the question to one disk as soon as there is a place.
func inquire(ctx context.Context, s System, device, disk string, places chan struct{}) evidence.Identity {
	select {
	case places <- struct{}{}:
	case <-ctx.Done():
		return evidence.Identity{Why: "not asked: other disks do not answer"}
	}
	// It may have waited, and the state may have changed since.
	if state := (hostfs.Tree{FS: s.FS}).Field(device + "/state"); state != stateRunning {
		<-places
		return evidence.Identity{Why: fmt.Sprintf("not asked: its state is %q", state)}
	}
	answer, err := within(ctx, s.InquiryTimeout, func(ctx context.Context) (evidence.Identity, error) {
		defer func() { <-places }()
		s.asked.Add(1)
		return s.Kernel.Identify(ctx, disk), nil
	})
	if err != nil {
		return evidence.Identity{Why: err.Error()}
	}
	if answer.Kind != evidence.IdentityKnown && answer.Kind != evidence.IdentityGone {
		return evidence.Identity{Why: answer.Why}
	}
	return answer
}
