package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/report"
	"github.com/pureclean/pureclean/words"
)

type explainOptions struct {
	common
	object  string
	project string
}

func explainCommand(s Streams) *cli.Command {
	o := &explainOptions{common: common{Streams: s}}
	return &cli.Command{
		Name:      "explain",
		ArgsUsage: "[OBJECT]",
		Usage:     "say all that is known of one object, and why it may or may not be touched",
		UsageText: "pureclean explain purepool::u-df2ba6a8d9a047beab5d2d0586abac61\n" +
			"pureclean explain sdq -v\n" +
			"pureclean explain purepool/custom/fs1\n" +
			"pureclean explain purepool/custom/fs1 -o html > fs1.html\n" +
			"pureclean explain leaked-volume",
		Description: "The object is what you have in hand: the array's full name, its name within --pool, a serial, a\n" +
			"WWID or NGUID, a device of this host, or LXD's own name (pool/type/name), which means all that\n" +
			"LXD has under it: both volumes of a virtual machine, snapshots, copies of these. What fits several\n" +
			"is listed, never guessed. A session, a controller, a portal or an array's IQN is told as what it is;\n" +
			"\"-\" reads the line of a log from the standard input, whole.\n\n" +
			"A finding's code instead of an object prints the page about it; nobody is asked.\n\n" +
			exitHelp(
				"0   explained, and there is no finding about it",
				"4   explained, and there is a finding about it",
				"8   not everything could be seen",
				"16  usage error, or nothing or more than one object has this name",
				"32  cancelled",
			),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "object", Aliases: []string{"volume"}, Usage: "explain `OBJECT`; the same as the word without a flag", Destination: &o.object},
			&cli.StringFlag{Name: "project", Usage: "the LXD `PROJECT` of OBJECT", Destination: &o.project},
		}, o.flags(formatTable, formatWide, formatJSON, formatYAML, formatHTML), o.reachFlags(), []cli.Flag{o.toldFlag(), o.briefFlag()}),
		Action: func(c *cli.Context) error { return runExplain(c.Context, o) },
	}
}

func runExplain(ctx context.Context, o *explainOptions) error {
	if o.object == "" && !o.canPick() {
		return withHint(usagef("say what to explain: pureclean explain OBJECT"), "pureclean scan lists what can be explained")
	}
	if page, ok := pageOf(o.object); ok {
		return o.printPage(page)
	}
	pool, err := o.onePool()
	if err != nil {
		return err
	}
	if o.object == "-" {
		if o.object, err = pasted(o.In); err != nil {
			return err
		}
	}
	object, err := inProject(o.object, o.project, pool)
	if err != nil {
		return err
	}
	o.whole, o.ports, o.logs = true, true, true
	from, err := o.sources()
	if err != nil {
		return err
	}
	world, policy, err := o.lookAt(ctx, from)
	if err != nil {
		return err
	}
	(&warner{}).warn(o.Err, o.withoutMemory())
	found := o.judge(world, policy)
	if object == "" {
		one, err := o.pickOne(ctx, "explain which finding?", found)
		if err != nil {
			return err
		}
		object = one.Object
	}
	explanation, err := diagnose.Explain(world, policy, object, pool)
	if err != nil {
		return notExplained(err, found, from.config.StateDir)
	}
	runs := o.interruptedOf(from.config.StateDir, object, explanation)
	if o.output == formatHTML {
		err = o.print(func(w io.Writer) error {
			page := o.judged(world, policy, found)
			toldRuns(&page, runs, nil)
			return report.Explain(w, page, explanation)
		})
	} else {
		err = o.answer(explainAnswerOf(world, found, explanation), nil, func(out *page) {
			for _, s := range runs {
				o.tell(s)
			}
			explainView{page: out, verbose: o.verbose || o.output == formatWide, brief: o.brief, e: explanation, next: true}.print()
		})
	}
	if err != nil {
		return err
	}
	found.Findings = explanation.Findings
	return verdict(found)
}

// maxPasted is more than anybody pastes of a log.
const maxPasted = 1 << 16

// pasted reads the line of a log from the standard input.
func pasted(in io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(in, maxPasted))
	if err != nil {
		return "", fmt.Errorf("the standard input: %w", err)
	}
	line := strings.TrimSpace(string(text))
	if line == "" {
		return "", withHint(usagef("--object - was given, and the standard input is empty"), "dmesg | tail -1 | pureclean explain --object -")
	}
	return line, nil
}

// inProject puts the project into LXD's own name of a volume, where explain
// expects it: pool/project/type/name.
func inProject(object, project, pool string) (string, error) {
	if project == "" {
		return object, nil
	}
	types := []string{evidence.TypeContainer, evidence.TypeVM, evidence.TypeImage, evidence.TypeCustom}
	parts := strings.Split(object, "/")
	switch {
	case len(parts) > 1 && slices.Contains(types, parts[0]) && pool != "":
		return pool + "/" + project + "/" + object, nil
	case len(parts) > 2 && slices.Contains(types, parts[1]):
		return parts[0] + "/" + project + "/" + strings.Join(parts[1:], "/"), nil
	default:
		return "", withHint(usagef("--project goes with LXD's own name of a volume, not with %q", object),
			"write it as POOL/TYPE/NAME; TYPE is one of "+strings.Join(types, ", "))
	}
}

// onePool is the pool in which names are looked up; several can't be meant.
func (o *common) onePool() (string, error) {
	switch pools := o.pools.Value(); len(pools) {
	case 0:
		return "", nil
	case 1:
		return pools[0], nil
	default:
		return "", usagef("--pool may be given once here")
	}
}

// isGate reports the name of a gate, or of a condition of a step: a refusal names both.
func isGate(typed string) bool {
	return slices.ContainsFunc(diagnose.Gates, func(g diagnose.Gate) bool { return strings.EqualFold(g.Name, typed) }) ||
		slices.ContainsFunc(repair.Needs, func(n repair.Need) bool { return strings.EqualFold(n.Name, typed) })
}

// codeMeant is the code of a finding that was probably meant; empty for none.
func codeMeant(typed string) string {
	codes := words.Of(diagnose.Kinds, func(k diagnose.Kind) string { return k.Code })
	code, ok := nearest(strings.ToLower(strings.TrimSpace(typed)), codes)
	if !ok || len(typed) < 4 {
		return ""
	}
	return code
}

// notExplained adds what the operator can do. What is unknown while a witness
// is silent may exist all the same, so that is no mistake of the operator's.
func notExplained(err error, report diagnose.Report, stateDir string) error {
	var unknown *diagnose.UnknownObjectError
	if !errors.As(err, &unknown) {
		return withHint(err, "give one of these names in full")
	}
	meant, run := codeMeant(unknown.Object), destroyer(stateDir, unknown.Object)
	switch {
	case unknown.What != "":
		return withHint(err, unknown.Instead)
	case !report.Complete:
		e := incomplete(report)
		e.Doubts[0] = err.Error() + ": " + e.Doubts[0]
		return e
	case isGate(unknown.Object):
		return withHint(err, strings.ToLower(unknown.Object)+" is a gate, a reason that must hold before anything is changed: pureclean explain VOLUME -v shows each gate's answer, and the page of a finding (pureclean explain leaked-volume) what it is about")
	case run != "":
		return withHint(err, "run "+run+" destroyed it: pureclean verify --volume "+quoteShell(unknown.Object)+" says what is left, pureclean runs what was done")
	case meant != "":
		return withHint(err, "did you mean the finding? pureclean explain "+meant+" prints its page")
	case len(unknown.Near) > 0:
		return withHint(err, "did you mean "+unknown.Near[0]+"?")
	default:
		return withHint(err, "pureclean scan lists what was found; names are as the array spells them, or pool/type/name as LXD does")
	}
}
