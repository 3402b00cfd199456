package commands

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/report"
)

type scanOptions struct {
	common
	watch interval
	listed
}

func scanCommand(s Streams) *cli.Command {
	o := &scanOptions{common: common{Streams: s, logs: true, ports: true}}
	return &cli.Command{
		Name:  "scan",
		Usage: "find everything that LXD left behind, what it costs and what to do next",
		UsageText: "pureclean scan\n" +
			"pureclean scan --pool purepool -o wide\n" +
			"pureclean scan -o json | jq '.findings[] | select(.verdict == \"safe\") | .object'\n" +
			"pureclean scan -o html > scan.html\n" +
			"pureclean scan --since 1d --sort size\n" +
			"pureclean scan --watch=1m",
		Description: "Asks the array, LXD and this host, and compares. Reads only.\n\n" +
			exitHelp(
				"0   nothing was found, and everything could be seen",
				"4   there are findings",
				"8   not everything could be seen, or the scan failed; findings may be missing",
				"16  usage or configuration error",
				"32  cancelled",
			),
		Flags:  slices.Concat(o.common.flags(append(slices.Clone(formats), formatHTML)...), o.reachFlags(), []cli.Flag{o.toldFlag(), watchFlag(&o.watch), o.briefFlag()}, o.listed.flags()),
		Action: func(c *cli.Context) error { return runScan(c.Context, o) },
	}
}

func runScan(ctx context.Context, o *scanOptions) error {
	if err := o.listed.check(o.output, o.now()); err != nil {
		return err
	}
	if o.watch != "" {
		return o.common.watch(ctx, "scan", o.watch, o.view)
	}
	world, policy, err := o.look(ctx)
	if err != nil {
		return err
	}
	(&warner{}).warn(o.Err, o.warnings(world))
	found := o.judge(world, policy)
	shown := o.listed.of(found.Findings, lastWord(world))
	var data any
	if o.output.isData() { // else it is not made: it has every gate of each finding
		data = scanAnswerOf(world, found, shown)
	}
	if o.output == formatHTML {
		err = o.print(func(w io.Writer) error {
			page := o.judged(world, policy, found)
			runs, unread := o.interrupted()
			toldRuns(&page, runs, unread)
			return report.Scan(w, page)
		})
	} else {
		err = o.answer(data, func() table { return scanRows(shown) }, func(out *page) { o.printScan(out, found, shown) })
	}
	if err != nil {
		return err
	}
	if hidden := o.hidden(found.Findings, shown); hidden != "" && (o.output == formatWide || o.output == formatCSV) {
		say(o.Err, hidden, 0)
	}
	return verdict(found)
}

func (o *scanOptions) printScan(out *page, found diagnose.Report, shown []diagnose.Finding) {
	if o.output == formatWide {
		out.table(scanRows(shown), 0)
		return
	}
	interrupted, err := o.interrupted()
	scanView{
		page: out, verbose: o.verbose, brief: o.brief, report: found, interrupted: interrupted, unread: err, named: len(o.pools.Value()) > 0,
		shown: shown, hidden: o.hidden(found.Findings, shown),
	}.print()
}

// view looks once for --watch.
func (o *scanOptions) view(ctx context.Context) (view, error) {
	world, policy, err := o.look(ctx)
	if err != nil {
		return view{}, err
	}
	found := o.judge(world, policy)
	shown := o.listed.of(found.Findings, lastWord(world))
	v := view{
		err: verdict(found), partial: !found.Complete, warnings: o.warnings(world),
		print: func(out *page) { o.printScan(out, found, shown) },
		answer: func(w watched) any {
			return struct {
				scanAnswer
				watched
			}{scanAnswerOf(world, found, shown), w}
		},
	}
	var counts []string
	for i, findings := range diagnose.Grouped(found.Findings) {
		if n := len(findings); n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, strings.ToLower(diagnose.Groups[i].Title)))
		}
	}
	v.summary = strings.Join(counts, " · ")
	for _, finding := range found.Findings {
		name := strings.TrimSpace(finding.Code + " " + finding.Object)
		if finding.Host != "" && finding.Host != finding.Object {
			name += " on " + finding.Host
		}
		v.items = append(v.items, item{name, string(finding.Verdict)})
	}
	for _, w := range found.Witnesses {
		state := "complete"
		if !w.Complete {
			state = "not complete"
		}
		v.items = append(v.items, item{w.Label(), state})
	}
	return v, nil
}
