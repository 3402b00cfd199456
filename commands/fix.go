package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/plainfile"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/sightings"
)

type fixOptions struct {
	changing
	volume, project, finding, plan, save string
	all, dryRun                          bool
	minAge                               string
	limit                                int
	// plans are those of the file plan.
	plans []repair.Plan
	// doubt is what speaks against LXD's database, or for what somebody brought
	// back, where the operator answers for it.
	doubt string
	// found is what was found, by its object's name: its sizes are told at the end.
	found map[string]diagnose.Finding
}

func fixCommand(s Streams) *cli.Command {
	o := &fixOptions{changing: changing{common: common{Streams: s}}, found: map[string]diagnose.Finding{}}
	return &cli.Command{
		Name:      "fix",
		ArgsUsage: "[VOLUME]",
		Usage:     "repair one leftover, or a batch: disconnect, confirm that it is detached, destroy, verify",
		UsageText: "pureclean fix purepool::u-df2ba6a8d9a047beab5d2d0586abac61\n" +
			"pureclean fix purepool::u-df2ba6a8d9a047beab5d2d0586abac61 --dry-run\n" +
			"pureclean fix --finding leaked-image --dry-run\n" +
			"pureclean fix --finding leaked-image --save plan.json\n" +
			"pureclean fix --plan plan.json --yes",
		Description: "Shows the evidence and the plan, then asks before each step; the answer no is the default. Before\n" +
			"each step all that is about it is read again, and every gate must pass. What is destroyed can be recovered\n" +
			"until the array's timer runs out: pureclean undo. Nothing is eradicated.\n\n" +
			"A batch takes only what an earlier check or fix saw as a leftover, and nothing that undo took back. The\n" +
			"first is repaired alone; with --yes the others follow in waves, each volume with its own gates, journal and undo.\n\n" +
			exitHelp(
				"0   all that was asked for is done; there was nothing to repair, or a dry run leaves nothing out",
				"1   with --detailed-exitcode: all was repaired, and there was something to repair",
				"4   findings remain: some were repaired, would be, or are only reported",
				"8   a step failed, or not everything could be seen",
				"16  usage or configuration error",
				"32  cancelled, declined or refused by a gate, or it would be; nothing was changed",
			),
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "volume", Aliases: []string{"object"}, Usage: "repair `VOLUME`, by any name that explain takes; the same as the word without a flag", Destination: &o.volume},
			&cli.StringFlag{Name: "project", Usage: "the LXD `PROJECT` of VOLUME", Destination: &o.project},
			&cli.StringFlag{Name: "finding", Usage: "repair every finding `CODE`", Destination: &o.finding},
			&cli.BoolFlag{Name: "all", Usage: "repair everything that is safe to repair", Destination: &o.all},
			&cli.IntFlag{Name: "limit", Usage: "repair at most `N` of a batch", DefaultText: "all that are safe", Destination: &o.limit},
			&cli.StringFlag{Name: "plan", Usage: "carry out the plan saved in `FILE`", Destination: &o.plan, TakesFile: true},
			&cli.BoolFlag{Name: "dry-run", Usage: "show the plan and change nothing", Destination: &o.dryRun},
			&cli.StringFlag{Name: "save", Usage: "write the plan to `FILE` and change nothing", Destination: &o.save, TakesFile: true},
			&cli.StringFlag{Name: "min-age", Usage: "with --volume: take it only if it is at least `AGE` old, and not the usual age", Destination: &o.minAge},
		}, o.statedFlags(), o.changingFlags(), o.flags(formatTable, formatJSON, formatYAML)),
		Action: func(c *cli.Context) error { return runFix(c.Context, o) },
	}
}

func (o *fixOptions) checkFix() error {
	switch chosen := howMany(o.volume != "", o.finding != "", o.all, o.plan != ""); {
	case chosen == 0 && !(o.canPick() && !o.yes && !o.noInput):
		return withHint(usagef("say what to repair: pureclean fix VOLUME, --finding, --all or --plan"),
			"pureclean scan lists what there is; at a terminal, without --yes, pureclean fix lets you choose")
	case chosen > 1:
		return usagef("--volume, --finding, --all and --plan exclude each other")
	case o.limit < 0:
		return usagef("--limit %d is not a number of repairs", o.limit)
	case o.limit > 0 && o.volume != "":
		return usagef("--limit goes with --finding, --all and --plan: --volume is one")
	case o.minAge != "" && o.volume == "":
		return usagef("--min-age goes with --volume: a batch never takes anything younger")
	case o.typed != "" && o.volume == "":
		return usagef("--confirm goes with --volume: it is the name of the one thing that is meant")
	case o.databaseIsCurrent && o.volume == "":
		return usagef("--database-is-current goes with --volume: it is stated for one volume, never for a batch")
	case o.evenIfRecovered && o.volume == "":
		return usagef("--even-if-recovered goes with --volume: it is stated for one volume, never for a batch")
	case o.plan != "":
		if err := mended(config.Trusted(o.plan)); err != nil {
			return err
		}
		var err error
		o.plans, err = readPlans(o.plan)
		return err
	}
	if _, known := diagnose.KindOf(o.finding); o.finding != "" && !known {
		hint := "codes are those that pureclean scan prints"
		if code := codeMeant(o.finding); code != "" {
			hint = "did you mean " + code + "?"
		}
		return withHint(usagef("there is no finding %q", o.finding), hint)
	}
	return nil
}

func runFix(ctx context.Context, o *fixOptions) error {
	if err := o.checkFix(); err != nil {
		return err
	}
	if o.volume == "" && o.finding == "" && !o.all && o.plan == "" {
		return o.runPicked(ctx)
	}
	w, err := o.open(ctx, o.volume == "")
	if err != nil {
		return err
	}
	defer w.close()
	if err := errors.Join(o.askedAge(w), o.limited(w)); err != nil {
		return err
	}
	c, err := o.choose(ctx, w)
	if err != nil {
		return err
	}
	// Only now: what is not there, or nothing is done about, is said first.
	if len(c.plans) > 0 && !o.dryRun && o.save == "" {
		whose := "VOLUME"
		if o.all {
			whose = "--all"
		}
		if err := o.mayAsk("pureclean fix " + whose + " --dry-run shows a plan and changes nothing"); err != nil {
			return err
		}
	}
	switch {
	case o.dryRun || o.save != "":
		return o.show(ctx, w, c)
	case len(c.plans) == 0 && len(c.left) == 0:
		return o.printPlans(savedPlans{})
	case o.volume != "" && len(c.plans) > 1:
		return o.runSeveral(ctx, w, c.plans)
	case o.volume != "":
		return o.runOne(ctx, w, c.plans[0])
	default:
		return o.runBatch(ctx, w, c)
	}
}

// askedAge takes the operator's word for one volume.
func (o *fixOptions) askedAge(w *workshop) error {
	if o.minAge == "" {
		return nil
	}
	age, err := config.ParseDuration(o.minAge)
	if err != nil || age < 0 {
		return usagef("--min-age %q is not a time span such as 10m, 2h or 1d", o.minAge)
	}
	w.policy.AskedMinAge, w.policy.MinAgeAsked = age, true
	w.tools.Policy = w.policy
	return nil
}

// limited takes the operator's own bound, which lies below the site's.
func (o *fixOptions) limited(w *workshop) error {
	switch most := w.tools.MaxPerRun; {
	case o.limit == 0:
	case most > 0 && o.limit > most:
		return withHint(usagef("--limit %d is more than safety.max_per_run, which is %d", o.limit, most),
			"whoever wrote the configuration wants no larger batch; run it again after the first")
	default:
		w.tools.MaxPerRun = o.limit
	}
	return nil
}

// choose finds what is to be done, and shows the evidence where it is one
// volume's.
func (o *fixOptions) choose(ctx context.Context, w *workshop) (choice, error) {
	if o.plan != "" {
		return choice{plans: o.plans}, nil
	}
	pool, err := o.onePool()
	if o.volume == "" {
		pool, err = "", nil
	}
	if err != nil {
		return choice{}, err
	}
	report, err := o.lookRound(ctx, w)
	if err != nil {
		return choice{}, err
	}
	if o.volume != "" {
		plans, err := o.planOne(w, report, pool)
		if err == nil && len(plans) == 0 && !report.Complete {
			err = incomplete(report)
		}
		return choice{plans: plans}, err
	}
	for _, s := range o.interruptedIn(w.stateDir) {
		o.tell(s)
	}
	return w.choose(report, o.now(), func(f diagnose.Finding) bool { return o.all || f.Code == o.finding })
}

// lookRound asks everybody once, before anything is chosen.
func (o *fixOptions) lookRound(ctx context.Context, w *workshop) (diagnose.Report, error) {
	if _, err := w.tools.Look(ctx, evidence.Scope{}); err != nil {
		return diagnose.Report{}, err
	}
	o.fromJournal(&w.world, w.stateDir)
	if err := notDown(w.world, w.policy); err != nil {
		return diagnose.Report{}, err
	}
	report := o.judge(w.world, w.policy)
	for _, f := range report.Findings {
		o.found[f.Object] = f
	}
	// The next batch asks what this look saw.
	return report, sightings.Remember(ctx, w.stateDir, w.world, report)
}

func (o *fixOptions) planOne(w *workshop, report diagnose.Report, pool string) ([]repair.Plan, error) {
	object, err := inProject(o.volume, o.project, pool)
	if err != nil {
		return nil, err
	}
	e, err := diagnose.Explain(w.world, w.policy, object, pool)
	for _, s := range o.interruptedOf(w.stateDir, object, e) {
		o.tell(s)
	}
	if err != nil {
		return nil, notExplained(err, report, w.stateDir)
	}
	plans, err := o.plansOf(w, object, e)
	// Of several that are to be repaired each is explained when it comes to it.
	if several := e.Whole && len(plans) > 1; !o.brief && (!several || o.dryRun || o.save != "") {
		out := o.beside()
		explainView{page: out, verbose: o.verbose, e: e, share: true}.print()
		if out.line(""); out.err != nil {
			return nil, &outputError{out.err}
		}
	}
	if err != nil {
		return nil, err
	}
	switch meant := e.Meant(); {
	case len(plans) > 1:
		return plans, o.severalOf(object, plans)
	case len(plans) > 0, len(e.Findings) == 0:
		return plans, nil
	case len(meant) == 0:
		f := e.Findings[0]
		return nil, withHint(usagef("nothing is found about %s itself: %s is about %s", e.Object, f.Code, f.Object),
			"name that one, or give LXD's own name, which means both")
	default:
		f := meant[0]
		return nil, fmt.Errorf("%s (%s): %w: %s", f.Object, f.Code, repair.ErrNoRemedy, strings.Join(f.Remedy, "; "))
	}
}

// plansOf are the plans for all that a name means.
func (o *fixOptions) plansOf(w *workshop, object string, e diagnose.Explanation) ([]repair.Plan, error) {
	var plans []repair.Plan
	for _, f := range repairable(object, e) {
		plan, err := repair.NewPlan(w.world, w.policy, f, o.now())
		if errors.Is(err, repair.ErrNoRemedy) || slices.ContainsFunc(plans, func(p repair.Plan) bool { return coveredBy(p, plan) }) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(plans) == 0 {
			o.doubt = databaseDoubt(f)
		}
		if destroys(plan) && e.Whole && !slices.ContainsFunc(e.Findings[:e.Itself], func(own diagnose.Finding) bool { return own.VolumeID == f.VolumeID }) {
			return nil, withHint(usagef("%s means all that LXD has under that name; what would be destroyed is %s (%s)", object, f.Object, f.Code),
				"what is to be destroyed is named itself: "+f.FixCommand())
		}
		plans = append(plans, plan)
	}
	return plans, nil
}

// repairable are the findings that a name means, in the order in which one is
// repaired instead of another: what is destroyed is disconnected on the way.
func repairable(object string, e diagnose.Explanation) []diagnose.Finding {
	var all []diagnose.Finding
	for _, class := range []diagnose.Class{diagnose.ClassWaiting, diagnose.ClassDestroy, diagnose.ClassSnapshot, diagnose.ClassDisconnect, diagnose.ClassHost, diagnose.ClassArrayHost} {
		for _, f := range e.Meant() {
			if k, _ := diagnose.KindOf(f.Code); k.Class == class && (class != diagnose.ClassWaiting || called(object, f)) {
				all = append(all, f)
			}
		}
	}
	return all
}

// coveredBy reports a plan that the first one makes superfluous, or that is to
// be made anew after it. The same on several hosts is repaired on each.
func coveredBy(first, second repair.Plan) bool {
	return first.ArrayID == second.ArrayID && first.ID == second.ID && first.Serial == second.Serial && (first.Class != second.Class || first.Host == second.Host)
}

// destroys reports a plan after which something is gone from the array's list.
func destroys(p repair.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s repair.Step) bool { return s.Kind == repair.StepDestroy || s.Kind == repair.StepDestroySnapshot })
}

// severalOf refuses what is stated for one where a name means several.
func (o *fixOptions) severalOf(object string, plans []repair.Plan) error {
	var names []string
	for _, p := range plans {
		if !slices.Contains(names, p.Object) {
			names = append(names, p.Object)
		}
	}
	if len(names) < 2 || o.minAge == "" && o.typed == "" && !o.databaseIsCurrent && !o.evenIfRecovered {
		return nil
	}
	return withHint(usagef("--min-age, --confirm, --database-is-current and --even-if-recovered are stated for one volume, and %s means %s", object, strings.Join(names, " and ")),
		"name one of them")
}

// called reports the name of a finding's object itself, as it is or with its
// host: a map in which somebody waits is not what a volume's name means.
func called(object string, f diagnose.Finding) bool {
	return object == f.Object || object == f.Host+":"+f.Object
}

func (o *fixOptions) runOne(ctx context.Context, w *workshop, plan repair.Plan) error {
	row, err := o.carryOut(ctx, w, plan)
	if err != nil {
		return err
	}
	if printed := o.printResults(repaired, row); printed != nil {
		return printed
	}
	return o.ended(row.Result, row.Err)
}

// carryOut shows the plan of one volume and carries it out. Its own error is of
// what went before.
func (o *fixOptions) carryOut(ctx context.Context, w *workshop, plan repair.Plan) (repair.Row, error) {
	row := repair.Row{Plan: plan}
	if o.output == formatTable && !o.brief && w.preview(ctx, plan)[0] == nil {
		out := o.beside()
		if printPlan(out, plan, o.byHandIf(o.verbose)); out.err != nil {
			return row, &outputError{out.err}
		}
	}
	if err := o.answersForDatabase(ctx, plan); err != nil {
		return row, err
	}
	row.Result, row.Err = w.tools.Run(ctx, plan)
	return row, nil
}

func (o *fixOptions) runBatch(ctx context.Context, w *workshop, c choice) error {
	began := o.now()
	*w.ask.several = len(c.plans) > 1
	// In a wave several speak by turns: each line says whose it is.
	w.report.named = len(c.plans) > 2 && w.tools.WaveSize > 1
	w.report.batch = len(c.plans) > 1
	rows, err := w.tools.Batch(ctx, c.plans)
	if len(o.found) == 0 {
		o.found = w.report.found // of a plan from a file nothing was known before
	}
	rows = append(rows, c.rows()...)
	took := o.now().Sub(began)
	// Where there is nothing but reports, each says what to do instead.
	reports := !slices.ContainsFunc(rows, func(row repair.Row) bool { return endOf(row) != "" })
	told := o.output != formatTable || len(rows) < 2 || o.verbose || reports
	if told {
		if err := o.printResults(repaired, rows...); err != nil {
			return err
		}
	}
	if err := o.printEnd(rows, took, !told); err != nil {
		return err
	}
	if err != nil {
		return o.cancelled(rows, err)
	}
	return o.batchStatus(rows, c)
}

// cancelled is how a batch ends that a Ctrl-C ended.
func (o *fixOptions) cancelled(rows []repair.Row, err error) error {
	for _, row := range rows {
		if row.Result.Changed && row.Err != nil {
			return o.ended(row.Result, err)
		}
	}
	if !slices.ContainsFunc(rows, func(row repair.Row) bool { return row.Result.Changed }) {
		return err
	}
	text := "stopped: it was cancelled"
	if where := haltedIn(rows); where != "" {
		text = where
	}
	return withHint(fmt.Errorf("%s; %d repaired before that", text, tallyOf(rows).done),
		"the same command goes on with the rest; pureclean runs lists what was done")
}

// haltedIn says at which volume a batch was stopped, if it was in the middle of
// one of which nothing has stayed.
func haltedIn(rows []repair.Row) string {
	for _, row := range rows {
		where := halted(row)
		if where == "" || !row.Result.Quit && !errors.Is(row.Err, context.Canceled) {
			continue
		}
		if where += " of " + row.Plan.Object; row.Result.Done > 0 {
			where += ", which is as it was"
		}
		return where
	}
	return ""
}

// savedPlans is the file that --save writes.
type savedPlans struct {
	Schema string        `json:"schema"`
	Plans  []repair.Plan `json:"plans"`
	// Left is what was selected and would be refused.
	Left []leftOut `json:"left"`
	// Waves are how many go together, one wave after the other, if nobody is
	// asked step by step.
	Waves []int `json:"waves"`
}

// repaired is the word for a run that went well, takenBack for an undo.
const repaired, takenBack = "Repaired", "Taken back"

const plansSchema = "pureclean/plans/v1"

// savePlans writes a new file: an old plan is not replaced unseen.
func (o *fixOptions) savePlans(plans []repair.Plan, waves []int) error {
	file, err := os.OpenFile(o.save, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		hint := "name a file in a directory that is there and that you may write to"
		if errors.Is(err, fs.ErrExist) {
			hint = "name a file that is not there yet"
		}
		return withHint(usagef("--save: %w", err), hint)
	}
	err = printJSON(file, savedPlans{Schema: plansSchema, Plans: plans, Left: []leftOut{}, Waves: waves})
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		// Half a plan is none, and the next attempt needs the name.
		return &outputError{errors.Join(err, os.Remove(o.save))}
	}
	fmt.Fprintf(o.Err, "%s saved to %s, good until %s\n", count(len(plans), "plan"), clean(o.save), until(plans[0].Expires))
	return nil
}

// maxPlan is far more than the plans of any batch.
const maxPlan = 64 << 20

func readPlans(path string) ([]repair.Plan, error) {
	data, err := plainfile.Read(path, maxPlan)
	if err != nil {
		return nil, &UsageError{fmt.Errorf("--plan: %w", err)}
	}
	var saved savedPlans
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&saved); err != nil {
		return nil, &UsageError{fmt.Errorf("--plan %s: %w", path, err)}
	}
	if saved.Schema != plansSchema || len(saved.Plans) == 0 {
		return nil, usagef("--plan %s: it holds no plans of this version of pureclean", path)
	}
	return saved.Plans, nil
}
