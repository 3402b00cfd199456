// Package metrics is what monitoring is told of one look at the world. One
// table, Metrics, says what the numbers are: the textfile for Prometheus is
// made from it, and through the table Figures the line of the monitoring
// plugin, so that the two can't disagree. docs/monitoring.md, the alert rules
// and the dashboard are tested against both tables.
package metrics

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// Reading is what one check found.
type Reading struct {
	// Version is the program's.
	Version string
	// Began and Ended are by this machine's clock.
	Began, Ended time.Time
	// Failure is why nobody could be asked; the Report is then empty.
	Failure string
	Report  diagnose.Report
	// Ignored are the codes of findings that the operator has accepted.
	Ignored []string
	Runs    Runs
	// LastSuccess is when everything could last be seen; zero for never.
	LastSuccess time.Time
}

// Runs is what the journal says of earlier repairs.
type Runs struct {
	// Trouble is why the journal could not be read; the rest is then unknown.
	Trouble string
	// Interrupted counts runs that were stopped in the middle.
	Interrupted int
	// Damaged counts those of which that is not known, and may matter still.
	Damaged int
	// UnderWay are runs that a process is at just now, each in a sentence.
	UnderWay []string
	// Undoable are the runs that can still be taken back.
	Undoable []Deadline
}

// Deadline is until when one run can be taken back.
type Deadline struct {
	Run    string
	Object string
	Until  time.Time
}

// Looked reports whether anybody could be asked at all.
func (r *Reading) Looked() bool { return r.Failure == "" }

// Complete reports whether everything could be seen.
func (r *Reading) Complete() bool { return r.Looked() && r.Report.Complete }

// Findings are those that the operator has not accepted.
func (r *Reading) Findings() []diagnose.Finding {
	return slices.DeleteFunc(slices.Clone(r.Report.Findings), func(f diagnose.Finding) bool {
		return slices.Contains(r.Ignored, f.Code)
	})
}

// pools are the names of all pools that were looked at, and with "" the place
// of what is in none.
func (r *Reading) pools() []string {
	names := map[string]bool{"": true}
	for _, p := range r.Report.Pools {
		names[p.Name] = true
	}
	for _, f := range r.Report.Findings {
		names[f.Pool] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// byPool makes a sample for each pool from the summary of its findings. Of a
// pool that could not be counted nothing is no number: what was not read would
// end an alert.
func byPool(value func(diagnose.Summary) float64) func(*Reading) []Sample {
	return func(r *Reading) []Sample {
		findings, samples := r.Findings(), []Sample(nil)
		for _, pool := range r.pools() {
			if pool == "" {
				continue // what leaks is in a pool
			}
			its := slices.DeleteFunc(slices.Clone(findings), func(f diagnose.Finding) bool { return f.Pool != pool })
			s := diagnose.Summarise(its)
			if s.LeakedVolumes > 0 || slices.ContainsFunc(r.Report.Pools, func(p diagnose.PoolSummary) bool { return p.Name == pool && p.Counted }) {
				samples = append(samples, Sample{[]string{pool}, value(s)})
			}
		}
		return samples
	}
}

// agesByPool is byPool for what is not known of a volume of which nobody says
// when it was made.
func agesByPool(r *Reading) []Sample {
	counts := map[string]float64{}
	for _, s := range byPool(func(s diagnose.Summary) float64 { return float64(s.LeakedVolumes) })(r) {
		counts[s.Labels[0]] = s.Value
	}
	ages := byPool(func(s diagnose.Summary) float64 { return s.Oldest.Seconds() })(r)
	return slices.DeleteFunc(ages, func(s Sample) bool { return s.Value == 0 && counts[s.Labels[0]] > 0 })
}

// agesKnown reports that no age is missing.
func agesKnown(r *Reading) bool {
	return counted(r) && len(agesByPool(r)) == len(byPool(func(diagnose.Summary) float64 { return 0 })(r))
}

// counted reports that what leaked is known of all pools.
func counted(r *Reading) bool { return r.Looked() && r.Report.Summary.Counted }

// knownByPool is byPool for a number that may not be known. Where it is not
// known of one pool there is no sample at all: a sum of the others would say
// that they are everything.
func knownByPool(value func(diagnose.Summary) evidence.Count) func(*Reading) []Sample {
	return func(r *Reading) []Sample {
		known := true
		samples := byPool(func(s diagnose.Summary) float64 {
			n := value(s)
			known = known && n.Known
			return float64(n.N)
		})(r)
		if !known {
			return nil
		}
		return samples
	}
}

// ofPod makes a sample for each pool whose pod answers.
func ofPod(value func(diagnose.PoolSummary) evidence.Count) func(*Reading) []Sample {
	return func(r *Reading) []Sample {
		var samples []Sample
		for _, p := range r.Report.Pools {
			if n := value(p); n.N > 0 {
				samples = append(samples, Sample{[]string{p.Name}, float64(n.N)})
			}
		}
		return samples
	}
}

// findings counts by the severity that a finding has, which may be another
// than that of its kind.
func findings(r *Reading) []Sample {
	if !r.Looked() {
		return nil
	}
	counts := map[[3]string]int{}
	for _, f := range r.Report.Findings {
		counts[[3]string{f.Code, string(f.Severity), f.Pool}]++
	}
	var samples []Sample
	for kind := range evidence.Refs(diagnose.Kinds) {
		if slices.Contains(r.Ignored, kind.Code) {
			continue
		}
		for _, severity := range []diagnose.Severity{diagnose.Critical, diagnose.Warning, diagnose.Info} {
			for _, pool := range r.pools() {
				labels := [3]string{kind.Code, string(severity), pool}
				n := counts[labels]
				// Zeros of the usual severity too: a series that vanishes
				// leaves its alert unresolved for minutes.
				// A zero of what could not all be seen would resolve it.
				if n > 0 || severity == kind.Severity && r.Complete() {
					samples = append(samples, Sample{labels[:], float64(n)})
				}
			}
		}
	}
	return samples
}

// witnesses: two that bear one name are one series, which is complete when
// both are.
func witnesses(r *Reading) []Sample {
	whole := map[[2]string]bool{}
	for _, w := range r.Report.Witnesses {
		key := [2]string{w.Kind, w.Name}
		before, seen := whole[key]
		whole[key] = w.Complete && (before || !seen)
	}
	var samples []Sample
	for _, key := range slices.SortedFunc(maps.Keys(whole), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	}) {
		samples = append(samples, Sample{[]string{key[0], key[1]}, truth(whole[key])})
	}
	return samples
}

func undoDeadlines(r *Reading) []Sample {
	var samples []Sample
	for _, d := range r.Runs.Undoable {
		samples = append(samples, Sample{[]string{d.Run, d.Object}, seconds(d.Until)})
	}
	return samples
}

func interrupted(r *Reading) []Sample {
	if r.Runs.Trouble != "" {
		return nil
	}
	return one(float64(r.Runs.Interrupted + r.Runs.Damaged))
}

func one(value float64) []Sample { return []Sample{{Value: value}} }

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// seconds is a time as Prometheus has it; 0 for never.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
