package commands

import (
	"context"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/repair"
)

type eradicateOptions struct {
	changing
	volume string
}

func eradicateCommand(s Streams) *cli.Command {
	o := &eradicateOptions{changing: changing{common: common{Streams: s}}}
	return &cli.Command{
		Name:  "eradicate",
		Usage: "give the space of a destroyed volume back now, for ever",
		UsageText: "pureclean eradicate --volume purepool::u-df2ba6a8d9a047beab5d2d0586abac61 \\\n" +
			"                    --confirm purepool::u-df2ba6a8d9a047beab5d2d0586abac61",
		Description: "Only what a recorded run of pureclean destroyed, only while it is still destroyed, and only by its\n" +
			"full name, typed twice. This is the one thing that can't be undone.\n\n" +
			exitHelp("0   eradicated, or the array says when the space returns", "1   the same, with --detailed-exitcode", "8   it failed", "16  usage error", "32  refused"),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "volume", Usage: "the array's full name of `VOLUME`", Destination: &o.volume},
			&cli.StringFlag{Name: "confirm", Usage: "`VOLUME` again, in full", Destination: &o.typed},
			o.detailedFlag(),
		}, o.flags(formatTable, formatJSON, formatYAML), o.reachFlags()),
		Action: func(c *cli.Context) error {
			if o.volume == "" {
				return withHint(usagef("--volume is required"), "give the array's full name, POD::VOLUME")
			}
			if !strings.Contains(o.volume, "::") {
				return withHint(usagef("%q is not a full name", o.volume), "give the array's full name, POD::VOLUME, as pureclean runs lists it")
			}
			if o.typed != o.volume {
				return withHint(usagef("--confirm is not the name given with --volume"), "what can't be undone wants the full name twice")
			}
			return o.work(c.Context, "Eradicated", o.volume, func(ctx context.Context, t repair.Tools) (repair.Result, error) {
				return t.Eradicate(ctx, o.volume, o.typed)
			})
		},
	}
}
