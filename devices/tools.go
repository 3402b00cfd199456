package devices

import (
	"context"
	"errors"
	"slices"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// Reporter is a Kernel that can also tell what only advice rests on.
type Reporter interface {
	// MultipathConfig is multipathd's own account of its settings, as "show
	// config" prints it. Without a daemon the error is ErrNoDaemon.
	MultipathConfig(ctx context.Context) (string, error)
	// Log is the kernel's log as dmesg prints it: a line per message, which
	// begins with the seconds since the machine started, "[   12.345678] ".
	Log(ctx context.Context) (string, error)
}

// ErrNoDaemon means that nobody listens where multipathd would.
var ErrNoDaemon = errors.New("multipathd is not running")

// toolNames are the programs that LXD runs on a host with Pure volumes.
var toolNames = []string{"multipathd", "multipath", "iscsiadm", "iscsid", "nvme"}

var toolDirs = []string{"usr/sbin", "sbin", "usr/bin", "bin", "usr/local/sbin", "usr/local/bin"}

// readTools looks for the programs. Whether multipathd runs is added by note.
func readTools(t hostfs.Tree) evidence.List[evidence.Tool] {
	seen := slices.ContainsFunc(toolDirs, func(dir string) bool { return t.Exists(dir).Is() })
	tools := make([]evidence.Tool, 0, len(toolNames))
	for _, name := range toolNames {
		tool := evidence.Tool{Name: name, Present: evidence.AnswerOf(false)}
		if !seen {
			tool.Present = evidence.Unknown
		}
		for _, dir := range toolDirs {
			if there := t.Exists(dir + "/" + name); !there.IsNot() {
				tool.Present, tool.Path = there, "/"+dir+"/"+name
				break
			}
		}
		tools = append(tools, tool)
	}
	if !seen {
		return evidence.Incomplete(tools, "no directory of programs could be read")
	}
	return evidence.Complete(tools)
}

// daemonConfig asks multipathd for its settings; nil where nobody can.
func daemonConfig(s System, h *evidence.Host) func(context.Context) (string, error) {
	reporter, ok := s.Kernel.(Reporter)
	if !ok {
		return nil
	}
	return func(ctx context.Context) (string, error) {
		text, err := within(ctx, kernelLimit, reporter.MultipathConfig)
		note(h, err)
		return text, err
	}
}

// note adds how multipathd answered.
func note(h *evidence.Host, err error) {
	for tool := range evidence.Refs(h.Tools.Items) {
		if tool.Name != "multipathd" {
			continue
		}
		switch {
		case err == nil:
			tool.Running = evidence.Yes
		case errors.Is(err, ErrNoDaemon):
			tool.Running, tool.Why = evidence.No, "nobody listens at its socket"
		default:
			tool.Why = err.Error()
		}
	}
}
