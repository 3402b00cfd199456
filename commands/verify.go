package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/records"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/repair/journal"
)

type verifyOptions struct {
	common
	volume  string
	project string
	watch   interval
	// known is what the volume was when it was last found. When it is gone,
	// its name alone would not lead to its devices.
	known repair.Target
}

func verifyCommand(s Streams) *cli.Command {
	o := &verifyOptions{common: common{Streams: s}}
	return &cli.Command{
		Name:      "verify",
		ArgsUsage: "[VOLUME]",
		Usage:     "one question for runbooks: is the volume really gone, everywhere?",
		UsageText: "pureclean verify purepool::u-df2ba6a8d9a047beab5d2d0586abac61 && echo gone\n" +
			"pureclean verify purepool::u-df2ba6a8d9a047beab5d2d0586abac61 --watch",
		Description: "Asks the array, LXD and this host. Gone means destroyed or not there, connected to nothing, without\n" +
			"a record and without a device. Reads only.\n\n" +
			exitHelp("0   it is gone, everywhere", "4   it is not gone", "8   not everything could be seen", "16  usage error", "32  cancelled"),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "volume", Aliases: []string{"object"}, Usage: "`VOLUME`, as explain takes it: the array's full name, a serial, a device, LXD's own name; the same as the word without a flag", Destination: &o.volume},
			&cli.StringFlag{Name: "project", Usage: "the LXD `PROJECT` of VOLUME", Destination: &o.project},
		}, o.flags(formatTable, formatJSON, formatYAML), o.reachFlags(), []cli.Flag{o.downFlag(), watchFlag(&o.watch), o.briefFlag()}),
		Action: func(c *cli.Context) error { return runVerify(c.Context, o) },
	}
}

// verifyAnswer is what "verify -o json" prints.
type verifyAnswer struct {
	Schema string             `json:"schema"`
	Volume string             `json:"volume"`
	Gone   evidence.Answer    `json:"gone"`
	Proof  []repair.ProofLine `json:"proof"`
}

func runVerify(ctx context.Context, o *verifyOptions) error {
	o.whole = true
	if o.volume == "" && o.canPick() {
		world, policy, err := o.look(ctx)
		if err != nil {
			return err
		}
		one, err := o.pickOne(ctx, "verify which?", o.judge(world, policy))
		if err != nil {
			return err
		}
		o.volume = one.Object
	}
	if strings.TrimSpace(o.volume) == "" {
		return withHint(usagef("say which volume: pureclean verify VOLUME"), "give the array's full name, POD::VOLUME")
	}
	if o.project != "" {
		pool, err := o.onePool()
		if err != nil {
			return err
		}
		if o.volume, err = inProject(o.volume, o.project, pool); err != nil {
			return err
		}
	}
	if o.watch != "" {
		return o.common.watch(ctx, "verify", o.watch, o.view)
	}
	answer, ended, err := o.prove(ctx)
	if err != nil {
		return err
	}
	(&warner{}).warn(o.Err, o.withoutMemory())
	if err := o.answer(answer, nil, func(out *page) { printProof(out, answer, o.brief) }); err != nil {
		return err
	}
	return ended
}

// prove asks once whether the volume is gone, and says how the command ends.
func (o *verifyOptions) prove(ctx context.Context) (answer verifyAnswer, ended, err error) {
	world, policy, err := o.look(ctx)
	if err != nil {
		return verifyAnswer{}, nil, err
	}
	target := o.target(world, policy)
	proof := repair.Verify(world, target, diagnose.Fences(world, policy)...)
	answer = verifyAnswer{Schema: "pureclean/verify/v1", Volume: o.volume, Gone: proof.Gone, Proof: some(proof.Lines)}
	switch {
	case proof.Gone.Is():
		return answer, nil, nil
	case proof.Gone.IsNot():
		return answer, errFindings, nil
	default:
		e := incomplete(diagnose.Judge(world, policy))
		if e.Hint == "" && len(e.Doubts) == 0 {
			e.Hint = o.nextStep(world, policy)
		}
		return answer, e, nil
	}
}

// nextStep is what to do where everybody answered, and what was asked for leads
// to nothing that can be looked up.
func (o *verifyOptions) nextStep(world evidence.World, policy diagnose.Policy) string {
	var unknown *diagnose.UnknownObjectError
	_, err := diagnose.Explain(world, policy, o.volume, "")
	switch {
	case errors.As(err, &unknown) && unknown.What != "":
		return unknown.What + "; " + unknown.Instead
	case errors.As(err, &unknown) && len(unknown.Near) > 0:
		return "did you mean " + unknown.Near[0] + "?"
	case errors.As(err, &unknown):
		return "nobody knows that name; give the array's full name, POD::VOLUME: pureclean scan lists what is there, pureclean runs what was repaired"
	}
	return "what is not known is marked with a ?; pureclean explain " + quoteShell(o.volume) + " says what each source knows"
}

// target is everything that is known of what was asked for: what it fits now,
// what it was when it was last found, and what runs wrote down of it. Of what
// is gone the name alone would lead neither to its devices nor to its record.
func (o *verifyOptions) target(world evidence.World, policy diagnose.Policy) repair.Target {
	asked := strings.TrimSpace(o.volume)
	target := repair.Target{Fits: diagnose.Fits(world, policy, asked)}
	if strings.Contains(asked, "::") {
		target.Name = asked
	}
	if serial, ok := evidence.SerialOf(asked[strings.LastIndexByte(asked, '/')+1:]); ok {
		target.Serial = serial
	} else if serial, err := evidence.ParseSerial(asked); err == nil {
		target.Serial = serial
	}
	leaf := asked[strings.LastIndexAny(asked, ":/")+1:]
	if i := strings.LastIndexByte(leaf, '.'); i >= 0 {
		leaf, target.Suffix = leaf[i+1:], true
	}
	target.LXD, _ = records.ParseName(strings.ToLower(leaf))
	found := false
	for _, fit := range target.Fits {
		if fit.Serial != "" {
			found = true
			o.known = repair.Target{Name: fit.Name, ID: fit.ID, Serial: fit.Serial, ArrayID: fit.ArrayID, LastHere: true}
		}
	}
	if found {
		return target
	}
	was := o.known
	if was.Serial == "" {
		was = o.journalled(asked)
	}
	target.Name, target.ID, target.ArrayID, target.LastHere = cmp.Or(was.Name, target.Name), was.ID, was.ArrayID, was.LastHere
	target.Serial = cmp.Or(target.Serial, was.Serial)
	return target
}

// journalled is what a run wrote down of an object, the last one that did.
func (o *verifyOptions) journalled(asked string) repair.Target {
	from, err := o.sources()
	if err != nil {
		return repair.Target{}
	}
	runs, err := journal.Read(from.config.StateDir).List()
	if err != nil {
		o.log().Warn("going on without the journal", "error", err)
	}
	for _, run := range runs {
		if object := run.Object; object.ID != "" && isCalled(object, asked) {
			serial, _ := evidence.ParseSerial(object.Serial) // an empty one is not known
			return repair.Target{Name: object.Name, ID: object.ID, Serial: serial, ArrayID: object.ArrayID}
		}
	}
	return repair.Target{}
}

// view looks once for --watch, which ends when the volume is gone.
func (o *verifyOptions) view(ctx context.Context) (view, error) {
	answer, ended, err := o.prove(ctx)
	if err != nil {
		return view{}, err
	}
	v := view{
		err: ended, done: answer.Gone.Is(),
		print: func(out *page) { printProof(out, answer, o.brief) },
		answer: func(w watched) any {
			return struct {
				verifyAnswer
				watched
			}{answer, w}
		},
	}
	for _, line := range answer.Proof {
		v.items = append(v.items, item{line.Witness, map[evidence.Answer]string{
			evidence.Yes: "gone", evidence.No: "there", evidence.Unknown: "not known",
		}[line.Gone]})
	}
	return v, nil
}

func printProof(out *page, a verifyAnswer, brief bool) {
	switch {
	case a.Gone.Is():
		out.line(out.good("Gone, everywhere: ") + clean(a.Volume))
	case a.Gone.IsNot():
		out.line(out.critical("Not gone: ") + clean(a.Volume))
	default:
		out.line(out.warning("Could not tell: ") + clean(a.Volume))
	}
	for _, line := range a.Proof {
		if brief {
			break
		}
		mark := map[evidence.Answer]string{evidence.Yes: "gone", evidence.No: "there", evidence.Unknown: "?"}[line.Gone]
		out.hung(fmt.Sprintf("  %-5s  ", mark), strings.Repeat(" ", 9), clean(line.Witness+": "+line.Why), plain)
	}
}
