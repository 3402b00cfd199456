package witness

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pureclean/pureclean/devices/hostlog"
	"github.com/pureclean/pureclean/evidence"
)

const (
	// reachTimeout is how long one portal may take: on a storage network an
	// answer takes less than a millisecond, and LXD's own patience is 30 s
	// for all of them together.
	reachTimeout = 3 * time.Second
	// maxReached bounds the portals that are tried: the largest arrays have
	// some dozens.
	maxReached = 64
	// parallelReach is how many are tried at once.
	parallelReach = 8
)

// askMore asks for what only advice rests on. The first host of the world is
// the one that o.Host reads.
func (o Options) askMore(ctx context.Context, l limits, arrays []*array, world *evidence.World) {
	each(len(arrays), func(i int) {
		if arrays[i].reader != nil {
			ctx, cancel := l.of(ctx, advice, arrays[i].title())
			defer cancel()
			arrays[i].reader.About(ctx, &world.Arrays[i])
		}
	})
	if o.Live && !world.Hosts[0].Recorded {
		done := o.asking(ctx, "portals", "")
		world.Hosts[0].Reached = o.reach(ctx, portals(world))
		done()
	}
}

// readLog is what the logs of the first host tell.
func (o Options) readLog(ctx context.Context, l limits) *evidence.Log {
	ctx, cancel := l.of(ctx, estate, "this host")
	defer cancel()
	defer o.asking(ctx, "logs", o.Host.Hostname)()
	log := hostlog.Read(ctx, o.Host)
	return &log
}

// portals are the addresses that the arrays gave for the protocols that our
// pools use, each once. Only an address and a port are taken: nothing that an
// array says is looked up as a name.
func portals(world *evidence.World) []netip.AddrPort {
	var iscsi, nvme bool
	for _, pool := range world.LXD.Pools.Items {
		iscsi = iscsi || pool.Mode == evidence.ModeISCSI
		nvme = nvme || pool.Mode == evidence.ModeNVMeTCP
	}
	if !world.LXD.Pools.IsComplete() {
		iscsi, nvme = true, true
	}
	var all []netip.AddrPort
	for _, a := range world.Arrays {
		for _, port := range a.Ports.Items {
			if (port.IQN == "" || !iscsi) && (port.NQN == "" || !nvme) {
				continue
			}
			if address, err := netip.ParseAddrPort(strings.TrimSpace(port.Portal)); err == nil && address.Port() != 0 {
				all = append(all, address)
			}
		}
	}
	slices.SortFunc(all, netip.AddrPort.Compare)
	all = slices.Compact(all)
	return all[:min(len(all), maxReached)]
}

// reach tries each portal once: a connection that is closed at once, without
// a byte sent.
func (o Options) reach(ctx context.Context, portals []netip.AddrPort) []evidence.Reach {
	dial := o.Dial
	if dial == nil {
		dial = connect
	}
	tried := make([]evidence.Reach, len(portals))
	var group errgroup.Group
	group.SetLimit(parallelReach)
	for i, portal := range portals {
		group.Go(func() error {
			one, cancel := context.WithTimeout(ctx, reachTimeout)
			defer cancel()
			began := o.Now()
			err := dial(one, portal.String())
			tried[i] = evidence.Reach{Portal: portal.String(), Open: evidence.AnswerOf(err == nil), TookMS: o.Now().Sub(began).Milliseconds()}
			switch {
			case ctx.Err() != nil:
				tried[i].Open, tried[i].Why = evidence.Unknown, "the reading was cut short"
			case one.Err() != nil && err != nil:
				tried[i].Why = "no answer within " + reachTimeout.String()
			case err != nil:
				tried[i].Why = err.Error()
			}
			return nil
		})
	}
	_ = group.Wait() // none returns an error: each portal says how it went
	return tried
}

func connect(ctx context.Context, address string) error {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if failed := (*net.OpError)(nil); errors.As(err, &failed) {
		return failed.Err // the address is told anyway
	}
	if err != nil {
		return err
	}
	return connection.Close()
}
