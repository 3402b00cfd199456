package commands

import (
	"context"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/report"
)

func scanCommand(s Streams) *cli.Command {
	o := &common{Streams: s}
	return &cli.Command{
		Name:  "scan",
		Usage: "find everything that LXD left behind, what it costs and what to do next",
		Description: "Asks the array, LXD and this host, and compares. Reads only.\n\n" +
			"EXAMPLES\n" +
			"   pureclean scan\n" +
			"   pureclean scan --pool purepool -o wide\n" +
			"   pureclean scan -o json | jq '.findings[] | select(.verdict == \"safe\") | .object'\n" +
			"   pureclean scan -o html > scan.html\n\n" +
			exitHelp(
				"0   nothing was found, and everything could be seen",
				"4   there are findings",
				"8   not everything could be seen, or the scan failed; findings may be missing",
				"16  usage or configuration error",
				"32  cancelled",
			),
		Flags:  slices.Concat(o.flags(append(slices.Clone(formats), formatHTML)...), o.reachFlags(), []cli.Flag{o.toldFlag()}),
		Action: func(c *cli.Context) error { return runScan(c.Context, o) },
	}
}

func runScan(ctx context.Context, o *common) error {
	f, err := o.begin()
	if err != nil {
		return err
	}
	world, policy, err := o.look(ctx)
	if err != nil {
		return err
	}
	found := o.judge(world, policy)
	err = o.print(func(w io.Writer) error {
		switch f {
		case formatJSON:
			return printJSON(w, scanAnswerOf(world, found))
		case formatYAML:
			return printYAML(w, scanAnswerOf(world, found))
		case formatCSV:
			return printCSV(w, scanRows(found))
		case formatHTML:
			return report.Scan(w, judged(world, policy, found))
		case formatWide:
			return scanRows(found).print(w)
		default:
			return scanView{o.palette(), o.width(), o.verbose, found}.print(w)
		}
	})
	if err != nil {
		return err
	}
	return verdict(found)
}
