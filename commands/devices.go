package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/fleet"
	"github.com/pureclean/pureclean/words"
)

func devicesCommand(s Streams) *cli.Command {
	o := &devicesOptions{common: common{Streams: s}}
	return &cli.Command{
		Name:  "devices",
		Usage: "show this host's Pure devices and what uses them",
		UsageText: "pureclean devices\n" +
			"pureclean devices -o json > host.json\n" +
			"pureclean devices --sysroot /tmp/recorded",
		Description: "Reads sysfs, procfs and /dev, asks the kernel what those do not hold, and nobody else:\n" +
			"neither the array nor LXD. No device's data is read.\n\n" +
			"Pureclean on other members calls this over ssh. With --remove and --step it also does one step of\n" +
			"a repair for them, after judging by itself whether that is safe here. The step is asked for and\n" +
			"answered on stdin and stdout, so it is nothing to type: pureclean fix removes devices.\n\n" +
			exitHelp(
				"0   printed, and everything could be seen",
				"8   not everything could be seen: the answer says what not",
				"16  usage error",
			),
		// No pool is asked here: with one all would be shown, too.
		Flags: append(without(o.flags(), "pool"),
			&cli.StringSliceFlag{Name: "remove", Usage: "do a step of removing the devices of volume `SERIAL`; once for each", Destination: &o.remove},
			&cli.StringFlag{Name: "step", Usage: "the `STEP`: " + strings.Join(fleet.Steps(), ", "), Destination: &o.step},
		),
		Action: func(c *cli.Context) error {
			if len(o.remove.Value()) > 0 || o.step != "" {
				return runStep(c, o)
			}
			return runDevices(c.Context, &o.common)
		},
	}
}

type devicesOptions struct {
	common
	remove cli.StringSlice
	step   string
}

func runDevices(ctx context.Context, o *common) error {
	if o.Streams.given == nil && o.config != "" {
		if _, err := config.Load(o.config); err != nil {
			return err
		}
	}
	system, err := o.host()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	host := devices.Observe(ctx, system)
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	err = o.answer(fleet.AnswerOf(host, o.holder(), version()), func() table { return deviceRows(host) }, func(out *page) {
		printDevices(out, host, o.output == formatWide, o.verbose)
	})
	if err != nil {
		return err
	}
	if doubts := host.Doubts(); len(doubts) > 0 {
		return &IncompleteError{Doubts: doubts, Hint: host.Hint}
	}
	return nil
}

func deviceRows(host evidence.Host) table {
	t := table{header: []string{"DEVICE", "KIND", "SERIAL", "SIZE", "STATE", "USED BY"}, right: []bool{3: true}}
	for _, m := range byCount(host.Maps.Items, func(m evidence.Map) string { return m.Kernel }) {
		t.rows = append(t.rows, []string{m.Kernel + " " + m.Name, "map", string(m.Serial), words.KnownSize(m.Bytes.N, m.Bytes.Known), mapState(host, m), uses(host, m.Kernel, m.Dev)})
	}
	for _, d := range byCount(host.Disks.Items, func(d evidence.Disk) string { return d.Name }) {
		t.rows = append(t.rows, []string{d.Name, "path " + d.HCTL, string(d.Serial), words.KnownSize(d.Bytes.N, d.Bytes.Known), diskState(d), uses(host, d.Name, d.Dev)})
	}
	for _, n := range byCount(host.Namespaces.Items, func(n evidence.Namespace) string { return n.Name }) {
		t.rows = append(t.rows, []string{n.Name, "namespace", string(n.Serial), words.KnownSize(n.Bytes.N, n.Bytes.Known), namespaceState(n), uses(host, n.Name, n.Dev)})
	}
	for _, n := range oddNames(host) {
		t.rows = append(t.rows, []string{n.Path, "name", string(n.Says), "", n.Why, ""})
	}
	return t
}

// mapState says how many of a map's paths are live, of those that it has and
// those that it should have by the sessions that there are.
func mapState(host evidence.Host, m evidence.Map) string {
	live, unknown := 0, 0
	for _, p := range m.Paths {
		switch {
		case p.Active.Is():
			live++
		case !p.Active.IsNot():
			unknown++
		}
	}
	want := len(m.Paths) + len(sessionsWithout(host, m))
	paths := fmt.Sprintf("%d of %d paths", live, want)
	switch {
	case unknown > 0 && unknown == len(m.Paths):
		paths = fmt.Sprintf("%s, which are up is not known", count(want, "path"))
	case unknown > 0:
		paths += fmt.Sprintf(" and %d not known", unknown)
	}
	state := paths + ", open " + m.OpenCount.String()
	if m.Partition {
		state = "a partition, open " + m.OpenCount.String() // its map has the paths
	}
	if m.Suspended.Is() {
		state += ", suspended"
	}
	if m.Queueing.Is() {
		state += ", queueing"
	}
	return state
}

func diskState(d evidence.Disk) string {
	state := d.State
	switch {
	case d.Live.Kind == evidence.IdentityGone:
		state += ", no such LUN"
	case d.Live.Kind == evidence.IdentityKnown && d.Live.Serial != d.Serial:
		state += ", answers as " + string(d.Live.Serial)
	}
	return state
}

func namespaceState(n evidence.Namespace) string {
	return fmt.Sprintf("%d of %d paths", words.HowMany(n.Paths, evidence.NamespacePath.Live), len(n.Paths))
}

// uses lists what uses the device, by its name or its number.
func uses(host evidence.Host, name, dev string) string {
	all := words.Of(usesOf(host, name, dev), func(use evidence.Use) string { return useWords(use, plain) })
	return strings.Join(all, ", ")
}

func usesOf(host evidence.Host, name, dev string) []evidence.Use {
	return slices.DeleteFunc(slices.Clone(host.Uses.Items), func(use evidence.Use) bool {
		return (use.Device == "" || use.Device != name) && (use.Dev == "" || use.Dev != dev)
	})
}

// useWords is one use; shown is how its path is.
func useWords(use evidence.Use, shown func(string) string) string {
	if use.Kind == evidence.UseOpener {
		return fmt.Sprintf("open in %s (pid %d)", cmp.Or(use.Process, "a process"), use.PID) + inNamespace(use)
	}
	return strings.TrimSpace(string(use.Kind)+" "+shown(use.Where)) + inNamespace(use)
}

func inNamespace(use evidence.Use) string {
	if use.Namespace == "" {
		return ""
	}
	return " (mount namespace " + use.Namespace + ")"
}

func printDevices(out *page, host evidence.Host, wide, verbose bool) {
	head := fmt.Sprintf(" · %s · %s · %s · %s",
		count(len(host.Sessions.Items), "iSCSI session"), count(len(host.Controllers.Items), "NVMe controller"),
		count(len(host.Maps.Items), "map"), count(len(host.Disks.Items)+len(host.Namespaces.Items), "path"))
	out.headed(clean(cmp.Or(host.Name, "this host")), head, out.bold)
	for _, doubt := range host.Doubts() {
		out.wrapped("not seen: "+clean(doubt), out.warning)
	}
	if wide {
		out.width = 0 // what follows is not shortened
	}
	none := len(host.Maps.Items)+len(host.Disks.Items)+len(host.Namespaces.Items) == 0
	if none {
		out.line("There is no device of a Pure volume here.")
	} else {
		out.line("")
		devicesView{page: out, host: host}.print()
	}
	printNames(out, oddNames(host))
	if (wide || verbose) && !none {
		out.line("")
		out.table(sessionRows(host), out.width)
	}
}

// oddNames are the names in /dev that say a volume and lead elsewhere, nowhere
// or to what is not known.
func oddNames(host evidence.Host) []diagnose.Name {
	return slices.DeleteFunc(diagnose.NamesOf(&host), func(n diagnose.Name) bool { return n.Right.Is() && !n.Dangling.Is() })
}

func printNames(out *page, names []diagnose.Name) {
	if len(names) == 0 {
		return
	}
	out.line("")
	if out.width > 0 {
		out.line("NAMES THAT LEAD ELSEWHERE")
		for _, n := range names {
			out.line(clean(n.Path))
			out.hung("  ", "  ", clean("says "+string(n.Says)+"; "+n.Why), plain)
		}
		return
	}
	t := table{header: []string{"NAME", "SAYS", "LEADS TO"}}
	for _, n := range names {
		t.rows = append(t.rows, []string{n.Path, string(n.Says), strings.TrimPrefix(n.Why, "leads to ")})
	}
	out.table(t, 0)
}

func sessionRows(host evidence.Host) table {
	t := table{header: []string{"SESSION", "STATE", "PORTAL", "TARGET"}}
	for _, s := range host.Sessions.Items {
		t.rows = append(t.rows, []string{fmt.Sprint("session", s.ID), s.State + ", " + s.ConnState, evidence.Portal(s.Address, s.Port), s.Target})
	}
	for _, c := range host.Controllers.Items {
		t.rows = append(t.rows, []string{c.Name, c.State, evidence.Portal(c.Address, c.Port), c.Subsystem})
	}
	return t
}
