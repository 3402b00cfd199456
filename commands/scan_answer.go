package commands

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/report"
	"github.com/pureclean/pureclean/words"
)

// scanAnswer is what "scan -o json" prints: the contract with scripts.
type scanAnswer struct {
	Schema    string          `json:"schema"`
	Time      time.Time       `json:"time"`
	Complete  bool            `json:"complete"`
	Doubts    []string        `json:"doubts"`
	Witnesses []witnessAnswer `json:"witnesses"`
	Findings  []findingAnswer `json:"findings"`
	// Hidden is how many findings are not listed; the summary counts them.
	Hidden  int           `json:"hidden"`
	Summary summaryAnswer `json:"summary"`
}

type witnessAnswer struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Complete bool   `json:"complete"`
	Reason   string `json:"reason"`
	Hint     string `json:"hint"`
	TookMS   int64  `json:"took_ms"`
	Requests int    `json:"requests"`
}

type findingAnswer struct {
	Code     string    `json:"code"`
	Severity string    `json:"severity"`
	Pool     string    `json:"pool"`
	Object   string    `json:"object"`
	Volume   string    `json:"volume"`
	VolumeID string    `json:"volume_id"`
	ArrayID  string    `json:"array_id"`
	Serial   string    `json:"serial"`
	WWID     string    `json:"wwid"`
	Host     string    `json:"host"`
	LXD      lxdAnswer `json:"lxd"`
	// Connections are null where they are not known.
	Connections      *[]string      `json:"connections"`
	Created          *time.Time     `json:"created"`
	AgeSeconds       *int64         `json:"age_seconds"`
	ProvisionedBytes int64          `json:"provisioned_bytes"`
	UniqueBytes      evidence.Count `json:"unique_bytes"`
	Verdict          string         `json:"verdict"`
	Gates            []gateAnswer   `json:"gates"`
	Detail           string         `json:"detail"`
	Cause            string         `json:"cause"`
	Effect           string         `json:"effect"`
	Remedy           []string       `json:"remedy"`
	Late             *lateAnswer    `json:"late"`
}

// lateAnswer is what the logs prove of a volume's device.
type lateAnswer struct {
	Host   string    `json:"host"`
	GaveUp time.Time `json:"gave_up"`
	// Came and AfterSeconds are null when no log tells when the device came.
	Came         *time.Time `json:"came"`
	AfterSeconds *int64     `json:"after_seconds"`
	LimitSeconds int64      `json:"limit_seconds"`
	Text         string     `json:"text"`
	File         string     `json:"file"`
	Line         int        `json:"line"`
}

type lxdAnswer struct {
	Project string `json:"project"`
	Type    string `json:"type"`
	Name    string `json:"name"`
}

type gateAnswer struct {
	Gate   string `json:"gate"`
	Result string `json:"result"`
	Why    string `json:"why"`
}

type summaryAnswer struct {
	Findings      int            `json:"findings"`
	ByCode        map[string]int `json:"by_code"`
	LeakedVolumes evidence.Count `json:"leaked_volumes"`
	LeakedBytes   evidence.Count `json:"leaked_bytes"`
	UniqueBytes   evidence.Count `json:"leaked_unique_bytes"`
}

func scanAnswerOf(world evidence.World, report diagnose.Report, shown []diagnose.Finding) scanAnswer {
	answer := scanAnswer{
		Schema:    "pureclean/scan/v1",
		Time:      lastWord(world).UTC(),
		Complete:  report.Complete,
		Doubts:    some(report.Doubts),
		Witnesses: witnessAnswers(report),
		Findings:  findingAnswers(shown),
		Hidden:    len(report.Findings) - len(shown),
		Summary:   summaryAnswer{Findings: report.Summary.Findings, ByCode: report.Summary.ByCode},
	}
	answer.Summary.LeakedVolumes, answer.Summary.LeakedBytes, answer.Summary.UniqueBytes = report.Summary.Leaks()
	if answer.Summary.ByCode == nil {
		answer.Summary.ByCode = map[string]int{}
	}
	return answer
}

// judged is what a page is made of.
func (s Streams) judged(world evidence.World, policy diagnose.Policy, found diagnose.Report) report.Judged {
	page := report.Judged{World: world, Policy: policy, Report: found, Time: lastWord(world), Version: version()}
	if s.inDemo() {
		page.Note = capital(demoWords) + "."
	}
	return page
}

// lastWord is when the last witness had spoken.
func lastWord(world evidence.World) time.Time {
	ended := []time.Time{world.LXD.Ended}
	for _, array := range world.Arrays {
		ended = append(ended, array.Ended)
	}
	for _, host := range world.Hosts {
		ended = append(ended, host.Ended)
	}
	return slices.MaxFunc(ended, time.Time.Compare)
}

func witnessAnswers(report diagnose.Report) []witnessAnswer {
	return each(report.Witnesses, func(w diagnose.Witness) witnessAnswer {
		return witnessAnswer{w.Kind, w.Name, w.Complete, w.Reason, w.Hint, w.Took.Milliseconds(), w.Requests}
	})
}

func findingAnswers(findings []diagnose.Finding) []findingAnswer {
	return each(findings, func(f diagnose.Finding) findingAnswer {
		a := findingAnswer{
			Code: f.Code, Severity: string(f.Severity), Pool: f.Pool, Object: f.Object,
			Volume: f.Volume, VolumeID: f.VolumeID, ArrayID: f.ArrayID, Serial: string(f.Serial), WWID: f.WWID, Host: f.Host,
			LXD:              lxdAnswer{f.LXD.Project, f.LXD.Type, f.LXD.Name},
			ProvisionedBytes: f.Provisioned, UniqueBytes: f.Unique,
			Verdict: string(f.Verdict), Gates: gateAnswers(f.Gates),
			Created: known(f.Created), Detail: f.Detail, Cause: f.Cause, Effect: f.Effect, Remedy: some(f.Remedy), Late: lateAnswerOf(f.Late),
		}
		if f.Connections != nil {
			a.Connections = &f.Connections
		}
		if a.Created != nil && f.Age > 0 {
			seconds := int64(f.Age.Seconds())
			a.AgeSeconds = &seconds
		}
		return a
	})
}

func lateAnswerOf(late *diagnose.Late) *lateAnswer {
	if late == nil {
		return nil
	}
	a := &lateAnswer{
		Host: late.Host, GaveUp: late.GaveUp.UTC(), Came: known(late.Came), LimitSeconds: int64(diagnose.Patience.Seconds()),
		Text: late.Text, File: late.File, Line: late.Line,
	}
	if a.Came != nil {
		after := int64(late.After().Seconds())
		a.AfterSeconds = &after
	}
	return a
}

func gateAnswers(gates []diagnose.GateResult) []gateAnswer {
	return each(gates, func(g diagnose.GateResult) gateAnswer { return gateAnswer{g.Gate, string(g.Result), g.Why} })
}

// each is a list of what is told of each of another, and is never null.
func each[T, A any](list []T, told func(T) A) []A {
	all := make([]A, len(list))
	for i, one := range list {
		all[i] = told(one)
	}
	return all
}

// some is a list that is never null.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// scanRows is the flat form, for wide and csv.
func scanRows(findings []diagnose.Finding) table {
	t := table{
		header: []string{"CODE", "SEVERITY", "VERDICT", "POOL", "OBJECT", "LXD", "SIZE", "UNIQUE", "AGE", "CONNECTED", "HOST", "SERIAL", "DETAIL"},
		right:  []bool{6: true, 7: true, 8: true},
	}
	for _, f := range findings {
		t.rows = append(t.rows, []string{
			f.Code, string(f.Severity), string(f.Verdict), f.Pool, f.Object, lxdName(f.LXD), sizeOrDash(f, evidence.CountOf(f.Provisioned)), sizeOrDash(f, f.Unique),
			findingAge(f), connectedTo(f), f.Host, string(f.Serial), f.Detail,
		})
	}
	return t
}

// connectedTo is what a finding is connected to, in one cell.
func connectedTo(f diagnose.Finding) string {
	if f.Connections == nil {
		return "?" // as a size that is not known
	}
	return strings.Join(f.Connections, " ")
}

func lxdName(n diagnose.LXDName) string {
	if n.Name == "" {
		return ""
	}
	return fmt.Sprintf("%s/%s (%s)", n.Type, n.Name, n.Project)
}

func sizeOrDash(f diagnose.Finding, bytes evidence.Count) string {
	if f.VolumeID == "" && bytes.N == 0 {
		return ""
	}
	return words.KnownSize(bytes.N, bytes.Known)
}

func findingAge(f diagnose.Finding) string {
	if f.Created.IsZero() || f.Age <= 0 {
		return ""
	}
	return words.Age(f.Age)
}
