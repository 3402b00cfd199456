package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/doctor"
	"github.com/pureclean/pureclean/words"
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

// doctorAnswer is what "doctor -o json" prints: the contract with scripts.
type doctorAnswer struct {
	Schema    string           `json:"schema"`
	Time      time.Time        `json:"time"`
	Complete  bool             `json:"complete"`
	Doubts    []string         `json:"doubts"`
	Witnesses []doctor.Witness `json:"witnesses"`
	Advice    []doctor.Advice  `json:"advice"`
	Waits     []waitsAnswer    `json:"waits"`
	NoLogs    []string         `json:"without_logs"`
	Summary   doctorSummary    `json:"summary"`
}

type waitsAnswer struct {
	Host         string         `json:"host"`
	Logs         []string       `json:"logs"`
	Nothing      string         `json:"nothing"`
	LimitMS      int64          `json:"limit_ms"`
	Devices      int            `json:"devices"`
	Late         int            `json:"late"`
	MedianMS     int64          `json:"median_ms"`
	P90MS        int64          `json:"p90_ms"`
	SlowestMS    int64          `json:"slowest_ms"`
	DiskMedianMS int64          `json:"disk_median_ms"`
	Histogram    []barAnswer    `json:"histogram"`
	Complaints   []heardAnswer  `json:"complaints"`
	Became       []becameAnswer `json:"became"`
	Causes       []doctor.Cause `json:"causes"`
}

// barAnswer has no upper end in the last bar, which is what came too late.
type barAnswer struct {
	UpToMS *int64 `json:"up_to_ms"`
	N      int    `json:"devices"`
}

type heardAnswer struct {
	Kind string     `json:"kind"`
	N    int        `json:"times"`
	Last *time.Time `json:"last"`
	Text string     `json:"text"`
	File string     `json:"file"`
	Line int        `json:"line"`
}

// becameAnswer is a volume on whose device LXD gave up, and its finding.
type becameAnswer struct {
	Code   string `json:"code"`
	Object string `json:"object"`
	lateAnswer
}

type doctorSummary struct {
	Advice  int            `json:"advice"`
	Hints   int            `json:"hints"`
	ByCheck map[string]int `json:"by_check"`
}

func doctorAnswerOf(at time.Time, report doctor.Report) doctorAnswer {
	answer := doctorAnswer{
		Schema: "pureclean/doctor/v1", Time: at.UTC(), Complete: report.Complete, Doubts: some(report.Doubts),
		Witnesses: some(report.Witnesses), Advice: some(report.Advice), Waits: each(report.Waits, waitsAnswerOf), NoLogs: some(report.WithoutLogs()), Summary: doctorSummary{ByCheck: map[string]int{}},
	}
	for _, a := range report.Advice {
		answer.Summary.ByCheck[a.Check]++
	}
	answer.Summary.Advice, answer.Summary.Hints = report.Counts()
	return answer
}

func waitsAnswerOf(w doctor.Waits) waitsAnswer {
	return waitsAnswer{
		Host: w.Host, Logs: some(w.Logs), Nothing: w.Nothing, LimitMS: doctor.Patience.Milliseconds(), Devices: w.Devices, Late: w.Late,
		MedianMS: w.Median.Milliseconds(), P90MS: w.P90.Milliseconds(), SlowestMS: w.Slowest.Milliseconds(), DiskMedianMS: w.DiskMedian.Milliseconds(),
		Histogram: each(w.Histogram, func(bar doctor.Bar) barAnswer {
			b := barAnswer{N: bar.N}
			if bar.UpTo > 0 {
				ms := bar.UpTo.Milliseconds()
				b.UpToMS = &ms
			}
			return b
		}),
		Complaints: each(w.Heard, func(h doctor.Heard) heardAnswer {
			one := heardAnswer{Kind: string(h.Kind), N: h.N, Text: h.Text, File: h.File, Line: h.Line}
			if h.When() != "" {
				one.Last = known(h.Last)
			}
			return one
		}),
		Became: each(w.Became, func(b doctor.Became) becameAnswer { return becameAnswer{b.Code, b.Object, *lateAnswerOf(b.Late)} }),
		Causes: some(w.Causes),
	}
}

// doctorRows is the flat form, for wide and csv.
func doctorRows(report doctor.Report) table {
	t := table{header: []string{"CHECK", "SEVERITY", "WITNESS", "OBSERVED", "FILE", "LINE", "WHY", "WRITE", "INTO", "THEN"}, right: []bool{5: true}}
	for _, a := range report.Advice {
		line := ""
		if a.Line > 0 {
			line = fmt.Sprint(a.Line)
		}
		t.rows = append(t.rows, []string{
			a.Check, string(a.Weight), diagnose.Witness{Kind: a.Kind, Name: a.Witness}.Label(), a.Observed, a.File, line, a.Why,
			strings.TrimSpace(strings.Join(words.Of(a.Write, strings.TrimSpace), " ")), a.Into, strings.Join(a.Then, "; "),
		})
	}
	return t
}
