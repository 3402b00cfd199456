package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/fleet"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/repair/journal"
)

// reach says how the machines of other members are reached.
type reach struct {
	push, noSSH bool
	down        cli.StringSlice
	told        cli.StringSlice
}

// reachFlags are those of every command that asks other members' machines.
func (r *reach) reachFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "push", Usage: "send this program over ssh to members that do not have it", Destination: &r.push},
		&cli.BoolFlag{Name: "no-ssh", Usage: "ask no other member's machine; nothing that it might use can then be repaired", Destination: &r.noSSH},
	}
}

// downFlag is for commands that may rest on the operator's word.
func (r *reach) downFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "host-down", Usage: "state that member `NAME` is fenced: switched off, or cut off from the array; may be repeated", Destination: &r.down}
}

// toldFlag is for commands that change nothing.
func (r *reach) toldFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "host-evidence", Usage: "believe `[NAME=]FILE`, which pureclean devices -o json wrote on a machine that ssh can't reach; may be repeated", Destination: &r.told, TakesFile: true}
}

// newFleet is the fleet that a configuration describes.
func (o *common) newFleet(settings config.Config, now func() time.Time) (*fleet.Fleet, error) {
	options := fleet.Options{Members: map[string]fleet.Member{}, Client: settings.SSH, Version: version(), Push: o.push, Now: now}
	if client := strings.Fields(o.Getenv("PURECLEAN_SSH")); len(client) > 0 {
		options.Client = client
	}
	for name, m := range settings.Members {
		if err := checkMember(m); err != nil {
			return nil, &config.Error{File: settings.File, Err: fmt.Errorf("members.%s: %w", name, err)}
		}
		options.Members[name] = memberOf(m)
	}
	return fleet.New(options), nil
}

func memberOf(m config.Member) fleet.Member {
	return fleet.Member{Destination: m.SSH, Command: strings.Fields(m.Command)}
}

func checkMember(m config.Member) error { return fleet.CheckMember(memberOf(m)) }

// hostsTold reads the testimony of machines that can't be asked.
func (o *common) hostsTold(from sources) ([]evidence.Host, error) {
	var hosts []evidence.Host
	for _, value := range o.told.Value() {
		name, path, found := strings.Cut(value, "=")
		if !found {
			name, path = "", value
		}
		host, err := fleet.ReadFile(path, name, o.now(), time.Duration(from.config.Safety.HostEvidenceAge))
		if err != nil {
			return nil, withHint(&UsageError{fmt.Errorf("--host-evidence: %w", err)},
				"on that machine: pureclean devices -o json > host.json; its age limit is safety.host_evidence_age")
		}
		if slices.ContainsFunc(hosts, func(h evidence.Host) bool { return strings.EqualFold(h.Name, host.Name) }) {
			return nil, usagef("--host-evidence: two files are of %s; NAME=FILE says of which machine a file is", clean(host.Name))
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

// lockLimit is how long a step waits for the one before on the same machine,
// which may still be taking something back.
const lockLimit = 45 * time.Second

// lockMachine keeps other runs of this machine from working meanwhile.
func lockMachine(ctx context.Context, stateDir string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockLimit)
	defer cancel()
	book, err := journal.Await(ctx, stateDir)
	if err != nil {
		return nil, err
	}
	return func() { _ = book.Close() }, nil
}

// notDown refuses to begin on a word that does not count.
func notDown(world evidence.World, policy diagnose.Policy) error {
	for _, fence := range diagnose.Fences(world, policy) {
		if !fence.Holds {
			why := "that " + fence.Member + " is down is not taken for granted: " + fence.Why
			return withHint(&repair.RefusedError{Step: "the plan", Gate: "host-down", Result: diagnose.Fail, Why: why},
				"fence it, and wait until LXD (lxc cluster list) and the array show it; nothing was changed")
		}
	}
	return nil
}
