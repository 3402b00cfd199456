package commands

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair"
)

type verifyOptions struct {
	common
	volume string
}

func verifyCommand(s Streams) *cli.Command {
	o := &verifyOptions{common: common{Streams: s}}
	return &cli.Command{
		Name:  "verify",
		Usage: "one question for runbooks: is the volume really gone, everywhere?",
		Description: "Asks the array, LXD and this host. Gone means destroyed or not there, connected to nothing, without\n" +
			"a record and without a device. Reads only.\n\n" +
			"EXAMPLES\n" +
			"   pureclean verify --volume purepool::u-df2ba6a8d9a047beab5d2d0586abac61 && echo gone\n\n" +
			exitHelp("0   it is gone, everywhere", "4   it is not gone", "8   not everything could be seen", "16  usage error", "32  cancelled"),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "volume", Usage: "the array's full name of `VOLUME`, or its serial", Destination: &o.volume},
		}, o.flags(formatTable, formatJSON, formatYAML), o.reachFlags(), []cli.Flag{o.downFlag()}),
		Action: func(c *cli.Context) error { return runVerify(c.Context, o) },
	}
}

// verifyAnswer is what "verify -o json" prints.
type verifyAnswer struct {
	Schema string             `json:"schema"`
	Volume string             `json:"volume"`
	Gone   evidence.Answer    `json:"gone"`
	Proof  []verifyAnswerLine `json:"proof"`
}

type verifyAnswerLine struct {
	Witness string          `json:"witness"`
	Gone    evidence.Answer `json:"gone"`
	Why     string          `json:"why"`
}

func runVerify(ctx context.Context, o *verifyOptions) error {
	f, err := o.begin()
	if err != nil {
		return err
	}
	if o.volume == "" {
		return &HintedError{Err: usagef("--volume is required"), Hint: "give the array's full name, POD::VOLUME"}
	}
	world, policy, err := o.look(ctx)
	if err != nil {
		return err
	}
	target := repair.Target{Name: o.volume}
	if serial, ok := evidence.SerialOf(o.volume); ok {
		target = repair.Target{Serial: serial}
	} else if serial, err := evidence.ParseSerial(o.volume); err == nil {
		target = repair.Target{Serial: serial}
	} else if e, err := diagnose.Explain(world, policy, o.volume, ""); err == nil {
		// A name within its pod, or LXD's own, leads to the full one.
		target = repair.Target{Name: e.Object, ID: e.VolumeID, Serial: e.Serial}
	}
	proof := repair.Verify(world, target, diagnose.Fences(world, policy)...)
	answer := verifyAnswer{Schema: "pureclean/verify/v1", Volume: o.volume, Gone: proof.Gone, Proof: []verifyAnswerLine{}}
	for _, line := range proof.Lines {
		answer.Proof = append(answer.Proof, verifyAnswerLine{line.Witness, line.Gone, line.Why})
	}
	err = o.print(func(w io.Writer) error {
		switch f {
		case formatJSON:
			return printJSON(w, answer)
		case formatYAML:
			return printYAML(w, answer)
		default:
			return printProof(w, o.palette(), o.width(), answer)
		}
	})
	switch {
	case err != nil:
		return err
	case proof.Gone.Is():
		return nil
	case proof.Gone.IsNot():
		return errFindings
	default:
		return incomplete(diagnose.Judge(world, policy))
	}
}

func printProof(w io.Writer, p palette, width int, a verifyAnswer) error {
	out := &lineWriter{w: w}
	switch {
	case a.Gone.Is():
		out.line(p.good("Gone, everywhere: ") + clean(a.Volume))
	case a.Gone.IsNot():
		out.line(p.critical("Not gone: ") + clean(a.Volume))
	default:
		out.line(p.warning("Could not tell: ") + clean(a.Volume))
	}
	for _, line := range a.Proof {
		mark := map[evidence.Answer]string{evidence.Yes: "gone", evidence.No: "there", evidence.Unknown: "?"}[line.Gone]
		for i, text := range wrap(clean(line.Witness+": "+line.Why), width-9) {
			if i > 0 {
				mark = ""
			}
			out.line(fmt.Sprintf("  %-5s  %s", mark, text))
		}
	}
	return out.err
}
