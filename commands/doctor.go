package commands

import (
	"context"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/doctor"
)

func doctorCommand(s Streams) *cli.Command {
	o := &common{Streams: s, thorough: true}
	return &cli.Command{
		Name:  "doctor",
		Usage: "check this host, LXD and the array for what causes leaks",
		UsageText: "pureclean doctor\n" +
			"pureclean doctor --live\n" +
			"pureclean doctor --sysroot /tmp/recorded\n" +
			"pureclean doctor -o json | jq -r '.advice[] | select(.file != \"\") | \"\\(.file):\\(.line) \\(.write[])\"'",
		Description: "Asks what scan asks, and in addition for rights, certificates, clocks, settings and logs. Says of\n" +
			"each setting that invites leaks or hangs where it stands, why it matters and the exact line to\n" +
			"write; and how long devices took to appear, against the 30 seconds that LXD waits. Reads only.\n\n" +
			exitHelp(
				"0   every source answered everything, and there is nothing to change (hints do not count)",
				"4   there is advice",
				"8   a source did not answer everything: its advice may be missing",
				"16  usage or configuration error",
				"32  cancelled",
			),
		Flags: slices.Concat([]cli.Flag{
			&cli.BoolFlag{Name: "live", Usage: "also try a TCP connection to each of the array's portals, from this host", Destination: &o.live},
		}, o.flags(), o.reachFlags(), []cli.Flag{o.toldFlag()}),
		Action: func(c *cli.Context) error { return runDoctor(c.Context, o) },
	}
}

func runDoctor(ctx context.Context, o *common) error {
	if o.live && o.sysroot != "" {
		return withHint(usagef("--live tries the portals from this machine, and --sysroot is another one's record"), "leave one of them out")
	}
	world, policy, err := o.look(ctx)
	if err != nil {
		return err
	}
	judged := o.judge(world, policy)
	report := doctor.Examine(world, judged)
	rows := func() table { return doctorRows(report) }
	err = o.answer(doctorAnswerOf(lastWord(world), report), rows, func(out *page) {
		if o.output == formatWide {
			out.table(rows(), 0)
			return
		}
		doctorView{out, o.verbose, report}.print()
	})
	weighs, _ := report.Counts()
	switch {
	case err != nil:
		return err
	case !report.Complete:
		return incomplete(judged)
	case weighs > 0:
		return errFindings
	}
	return nil
}
