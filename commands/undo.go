package commands

import (
	"context"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/repair"
)

type undoOptions struct {
	changing
	run string
}

func undoCommand(s Streams) *cli.Command {
	o := &undoOptions{changing: changing{common: common{Streams: s}}}
	return &cli.Command{
		Name:  "undo",
		Usage: "recover what a run destroyed, and connect again what it disconnected",
		Description: "Takes back exactly what the run changed, as far as that is still possible, and says what is not.\n\n" +
			"EXAMPLES\n" +
			"   pureclean undo --run 7f3a91c2\n\n" +
			exitHelp("1   all of it was taken back", "8   a step failed", "16  usage error, or no such run", "32  declined, refused, or nothing to undo"),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "run", Usage: "undo run `ID`, see pureclean runs", Destination: &o.run},
		}, o.changingFlags(), o.flags(formatTable, formatJSON, formatYAML)),
		Action: func(c *cli.Context) error {
			if o.run == "" {
				return &HintedError{Err: usagef("--run is required"), Hint: "pureclean runs lists them"}
			}
			return o.work(c.Context, "Taken back", "run "+o.run, func(ctx context.Context, t repair.Tools) (repair.Result, error) { return t.Undo(ctx, o.run) })
		},
	}
}

// work opens the workshop, does one thing in it and prints how it ended; done
// is the word for that it went well, and object what it was done to.
func (o *changing) work(ctx context.Context, done, object string, do func(context.Context, repair.Tools) (repair.Result, error)) error {
	f, err := parseFormat(o.output, formatTable, formatJSON, formatYAML)
	if err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if err := o.mayAsk(); err != nil {
		return err
	}
	w, err := o.open(ctx, false)
	if err != nil {
		return err
	}
	defer w.close()
	result, err := do(ctx, w.tools)
	if result.Run != "" || len(result.State) > 0 {
		printed := o.print(func(out io.Writer) error {
			return printResults(out, f, o.palette(), o.width(), done, []repair.Row{{Plan: repair.Plan{Object: object}, Result: result}})
		})
		if printed != nil {
			return printed
		}
	}
	return ended(result, err)
}
