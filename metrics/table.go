package metrics

import (
	"slices"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// Metric is one number, or one for each of some things, as Prometheus has it.
// All are gauges: each check says how things are now.
type Metric struct {
	Name string
	// Help is one sentence, without a period; it is in the textfile and in
	// docs/monitoring.md.
	Help   string
	Labels []string
	// Samples are in an order that does not change from check to check. None
	// mean that the number is not known.
	Samples func(*Reading) []Sample
	// Whole, if there is one, says whether the samples are all that there are:
	// a sum of none that is not whole is not known.
	Whole func(*Reading) bool
}

// Sample is one value of a metric.
type Sample struct {
	// Labels are the values of the metric's labels, in their order.
	Labels []string
	Value  float64
}

// The names that Figures and tests refer to.
const (
	complete     = "pureclean_complete"
	checkTime    = "pureclean_check_timestamp_seconds"
	lastSuccess  = "pureclean_last_success_timestamp_seconds"
	duration     = "pureclean_check_duration_seconds"
	allFindings  = "pureclean_findings"
	leaked       = "pureclean_leaked_volumes"
	leakedBytes  = "pureclean_leaked_provisioned_bytes"
	leakedUnique = "pureclean_leaked_unique_bytes"
	oldest       = "pureclean_leaked_oldest_age_seconds"
	interruption = "pureclean_runs_interrupted"
)

// Metrics is the table of all that monitoring is told, in the order of the
// textfile. Names never change their meaning.
var Metrics = []Metric{
	{
		Name: "pureclean_build_info", Labels: []string{"version"},
		Help:    "Always 1; the label tells the version of pureclean that made the check",
		Samples: func(r *Reading) []Sample { return []Sample{{[]string{r.Version}, 1}} },
	},
	{
		Name:    complete,
		Help:    "1 when everything could be seen, 0 when findings may be missing or the check failed",
		Samples: func(r *Reading) []Sample { return one(truth(r.Complete())) },
	},
	{
		Name: "pureclean_witness_complete", Labels: []string{"kind", "name"},
		Help:    "1 for each array, LXD and host that told everything, 0 for one that did not",
		Samples: witnesses,
	},
	{
		Name:    checkTime,
		Help:    "When the last check ended, well or not",
		Samples: func(r *Reading) []Sample { return one(seconds(r.Ended)) },
	},
	{
		Name:    lastSuccess,
		Help:    "When the last check ended that saw everything; 0 for never",
		Samples: func(r *Reading) []Sample { return one(seconds(r.LastSuccess)) },
	},
	{
		Name:    duration,
		Help:    "How long the last check took",
		Samples: func(r *Reading) []Sample { return one(max(r.Ended.Sub(r.Began).Seconds(), 0)) },
	},
	{
		Name: allFindings, Labels: []string{"code", "severity", "pool"},
		Help:    "Findings by code; the pool is empty for what is in none",
		Samples: findings,
		Whole:   (*Reading).Complete,
	},
	{
		Name: leaked, Labels: []string{"pool"},
		Help:    "Volumes on the array that should have a record of LXD and have none",
		Samples: byPool(func(s diagnose.Summary) float64 { return float64(s.LeakedVolumes) }),
		Whole:   counted,
	},
	{
		Name: leakedBytes, Labels: []string{"pool"},
		Help:    "What the leaked volumes may grow to; this counts against the pod's quota",
		Samples: byPool(func(s diagnose.Summary) float64 { return float64(s.LeakedBytes) }),
		Whole:   counted,
	},
	{
		Name: leakedUnique, Labels: []string{"pool"},
		Help:    "What only the leaked volumes occupy on the array: about what a repair gives back",
		Samples: knownByPool(func(s diagnose.Summary) evidence.Count { return s.LeakedUnique }),
		Whole:   counted,
	},
	{
		Name: oldest, Labels: []string{"pool"},
		Help:    "Age of the oldest leaked volume by the array's clock; 0 when there is none",
		Samples: agesByPool,
		Whole:   agesKnown,
	},
	{
		Name: "pureclean_pool_quota_bytes", Labels: []string{"pool"},
		Help:    "Quota of the pool's pod; absent when there is none",
		Samples: ofPod(func(p diagnose.PoolSummary) evidence.Count { return p.Quota }),
	},
	{
		Name: "pureclean_pool_of_quota_bytes", Labels: []string{"pool"},
		Help:    "What the array holds against the quota of the pool's pod",
		Samples: ofPod(func(p diagnose.PoolSummary) evidence.Count { return p.OfQuota }),
	},
	{
		Name: "pureclean_pool_provisioned_bytes", Labels: []string{"pool"},
		Help:    "Provisioned size of everything in the pool's pod",
		Samples: ofPod(func(p diagnose.PoolSummary) evidence.Count { return p.Provisioned }),
	},
	{
		Name: "pureclean_pool_used_bytes", Labels: []string{"pool"},
		Help:    "What everything in the pool's pod occupies on the array",
		Samples: ofPod(func(p diagnose.PoolSummary) evidence.Count { return p.Used }),
	},
	{
		Name: "pureclean_undo_deadline_timestamp_seconds", Labels: []string{"run", "object"},
		Help:    "Until when a run of pureclean fix can be taken back with pureclean undo",
		Samples: undoDeadlines,
	},
	{
		Name:    interruption,
		Help:    "Runs that were stopped in the middle; pureclean runs --resume finishes one",
		Samples: interrupted,
	},
}

// Figure is one number of the plugin's line: a metric, added up.
type Figure struct {
	// Label names it in the performance data, Unit is its unit there: "",
	// "B" or "s".
	Label, Unit string
	// Metric is what is added up, or with Greatest compared; Where, if there
	// is one, chooses by the values of the metric's labels.
	Metric   string
	Greatest bool
	Where    func(labels []string) bool
	// Meaning is for docs/monitoring.md and for the help.
	Meaning string
	// Flag is the end of the flags that set its thresholds, "-bytes" for
	// --warning-bytes and --critical-bytes. Settable tells the empty end from
	// none.
	Flag     string
	Settable bool
	// Default are the thresholds that hold where nobody set others.
	Default Thresholds
}

// Figures is the table of the performance data, in its order.
var Figures = []Figure{
	{
		Label: "leaked", Metric: leaked, Settable: true, Default: Thresholds{upTo(0), upTo(5)},
		Meaning: "leaked volumes",
	},
	{
		Label: "bytes", Unit: "B", Metric: leakedBytes, Settable: true, Flag: "-bytes",
		Meaning: "provisioned size of the leaked volumes",
	},
	{
		Label: "unique", Unit: "B", Metric: leakedUnique,
		Meaning: "what only the leaked volumes occupy",
	},
	{
		Label: "oldest", Unit: "s", Metric: oldest, Greatest: true, Settable: true, Flag: "-age",
		Meaning: "age of the oldest leaked volume",
	},
	{
		Label: "critical", Metric: allFindings, Default: Thresholds{Critical: upTo(0)}, Where: severity(diagnose.Critical),
		Meaning: "findings that put data at risk",
	},
	{
		Label: "warning", Metric: allFindings, Default: Thresholds{Warning: upTo(0)}, Where: severity(diagnose.Warning),
		Meaning: "findings of severity warning, leaked volumes aside",
	},
	{
		Label: "interrupted", Metric: interruption, Default: Thresholds{Warning: upTo(0)},
		Meaning: "repairs that were stopped in the middle",
	},
	{
		Label: "time", Unit: "s", Metric: duration,
		Meaning: "how long the check took",
	},
}

// severity chooses findings, but not the leaked volumes: those have
// thresholds of their own.
func severity(want diagnose.Severity) func([]string) bool {
	return func(labels []string) bool { return labels[1] == string(want) && !isLeak(labels[0]) }
}

func isLeak(code string) bool {
	return slices.ContainsFunc(diagnose.Kinds, func(k diagnose.Kind) bool { return k.Code == code && k.Leaked })
}

// metric finds one by its name.
func metric(name string) *Metric {
	i := slices.IndexFunc(Metrics, func(m Metric) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	return &Metrics[i]
}

// of adds a figure up; false when it is not known.
func (f *Figure) of(r *Reading) (float64, bool) {
	m := metric(f.Metric)
	if m == nil {
		return 0, false
	}
	samples := m.Samples(r)
	total := 0.0
	for _, s := range samples {
		switch {
		case f.Where != nil && !f.Where(s.Labels):
		case f.Greatest:
			total = max(total, s.Value)
		default:
			total += s.Value
		}
	}
	return total, len(samples) > 0 && (total > 0 || m.Whole == nil || m.Whole(r))
}
